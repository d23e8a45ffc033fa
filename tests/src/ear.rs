//! A sound server of a test's own, and what is heard on it. Also included by the tests of the audio role.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tricine_channel::time::mono_ns;

/// What the ear hears, in Hz.
pub const RATE: u32 = 48_000;

/// Which sound server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// PulseAudio.
    PulseAudio,
    /// PipeWire, with its session manager and its PulseAudio protocol.
    PipeWire,
}

impl Kind {
    /// The programs that it takes.
    pub fn programs(self) -> &'static [&'static str] {
        match self {
            Self::PulseAudio => &["pulseaudio", "parec"],
            Self::PipeWire => &["pipewire", "pipewire-pulse", "wireplumber", "dbus-daemon", "pactl", "parec"],
        }
    }
}

/// A sound server with a null sink named `ear`, in a folder of its own. Gone on drop.
#[derive(Debug)]
pub struct SoundServer {
    kind: Kind,
    folder: PathBuf,
    processes: Vec<Child>,
}

impl SoundServer {
    /// A place for one; nothing runs yet.
    pub fn new(kind: Kind) -> Self {
        let name = tricine_channel::namespace::random_name().expect("a random name");
        let folder = std::env::temp_dir().join(format!("tricine-ear-{name}"));
        std::fs::create_dir(&folder).expect("a folder for the sound server");
        Self { kind, folder, processes: Vec::new() }
    }

    /// One that runs.
    pub fn started(kind: Kind) -> Self {
        let mut server = Self::new(kind);
        server.start();
        server
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("pulse/native")
    }

    /// What a client's environment holds.
    pub fn env(&self) -> Vec<(String, String)> {
        let folder = self.folder.display();
        [
            ("HOME", format!("{folder}")),
            ("XDG_RUNTIME_DIR", format!("{folder}")),
            ("XDG_CONFIG_HOME", format!("{folder}")),
            ("XDG_STATE_HOME", format!("{folder}")),
            ("PIPEWIRE_RUNTIME_DIR", format!("{folder}")),
            ("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={folder}/bus")),
            ("PULSE_RUNTIME_PATH", format!("{folder}/pulse")),
            ("PULSE_SERVER", format!("unix:{}", self.socket().display())),
        ]
        .map(|(k, v)| (k.to_owned(), v))
        .to_vec()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.env()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        command
    }

    fn spawn(&mut self, program: &str, args: &[String]) {
        // A server takes PULSE_SERVER for that of a server in its place.
        let child = self.command(program).env_remove("PULSE_SERVER").args(args).spawn();
        self.processes.push(child.unwrap_or_else(|e| panic!("{program}: {e}")));
    }

    /// Starts it, and waits until it takes sound.
    pub fn start(&mut self) {
        let _ = std::fs::create_dir(self.folder.join("pulse"));
        let _ = std::fs::remove_file(self.socket());
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        match self.kind {
            Kind::PulseAudio => {
                let mut args =
                    words("-n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --disable-shm=yes --realtime=no");
                args.extend(["-L".into(), format!("module-null-sink sink_name=ear rate={RATE}")]);
                let socket = self.socket();
                let protocol = format!("module-native-protocol-unix socket={} auth-anonymous=1", socket.display());
                args.extend(["-L".into(), protocol]);
                self.spawn("pulseaudio", &args);
            }
            Kind::PipeWire => {
                let bus = format!("--session --nofork --address=unix:path={}/bus", self.folder.display());
                let _ = std::fs::remove_file(self.folder.join("bus"));
                self.spawn("dbus-daemon", &words(&bus));
                self.await_socket("bus");
                self.spawn("pipewire", &[]);
                self.await_socket("pipewire-0");
                self.spawn("wireplumber", &[]);
                self.spawn("pipewire-pulse", &[]);
            }
        }
        self.await_socket("pulse/native");
        if self.kind == Kind::PipeWire {
            self.tell(&["load-module", "module-null-sink", "sink_name=ear", "object.linger=1"]);
            self.tell(&["set-default-sink", "ear"]);
            self.await_no_other_sink();
        }
    }

    /// The session manager lets go of its own null sink a while after there is another one.
    fn await_no_other_sink(&self) {
        for _ in 0..800 {
            let listed = self.command("pactl").args(["list", "short", "sinks"]).stdout(Stdio::piped()).output();
            let sinks = listed.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned()).unwrap_or_default();
            if sinks.lines().count() == 1 && sinks.contains("\tear\t") {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("the session manager keeps another sink");
    }

    fn tell(&self, args: &[&str]) {
        for _ in 0..100 {
            if self.command("pactl").args(args).status().is_ok_and(|s| s.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("pactl {args:?} fails");
    }

    fn await_socket(&self, name: &str) {
        for _ in 0..800 {
            if UnixStream::connect(self.folder.join(name)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("{:?} does not start", self.kind);
    }

    /// Kills it.
    pub fn kill(&mut self) {
        for mut process in self.processes.drain(..).rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
        for socket in ["pipewire-0", "pipewire-0.lock", "bus"] {
            let _ = std::fs::remove_file(self.folder.join(socket));
        }
    }
}

impl Drop for SoundServer {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What comes out of the null sink, and when.
#[derive(Debug)]
pub struct Ear {
    parec: Child,
    heard: Arc<Mutex<Heard>>,
}

/// A recording.
#[derive(Debug, Clone)]
pub struct Heard {
    /// One channel at [`RATE`].
    pub samples: Vec<f32>,
    /// When the first of them was heard, in ns on CLOCK_MONOTONIC.
    pub start_ns: i64,
}

impl Ear {
    /// Listens from now on.
    pub fn new(server: &SoundServer) -> Self {
        let mut parec = server
            .command("parec")
            .args(["-d", "ear.monitor", "--raw", "--format=float32le", "--channels=1", "--rate=48000"])
            .args(["--latency-msec=5", "--process-time-msec=2"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("parec starts");
        let mut out = parec.stdout.take().expect("parec's output");
        let heard = Arc::new(Mutex::new(Heard { samples: Vec::new(), start_ns: i64::MAX }));
        let into = heard.clone();
        std::thread::spawn(move || {
            let (mut bytes, mut rest) = ([0; 1 << 14], Vec::new());
            while let Ok(n @ 1..) = out.read(&mut bytes) {
                let now_ns = mono_ns() as i64;
                rest.extend_from_slice(&bytes[..n]);
                let mut heard = into.lock().expect("no panic in here");
                let whole = rest.len() / 4 * 4;
                let samples = rest[..whole].as_chunks().0.iter().map(|b| f32::from_le_bytes(*b));
                heard.samples.extend(samples);
                rest.drain(..whole);
                // What came with the least delay says when the first sample was.
                let gone_ns = ns(heard.samples.len());
                heard.start_ns = heard.start_ns.min(now_ns - gone_ns);
            }
        });
        Self { parec, heard }
    }

    /// What it has heard by now.
    pub fn heard(&self) -> Heard {
        self.heard.lock().expect("no panic in there").clone()
    }

    /// See [`Heard::bursts`].
    pub fn bursts(&self, level: f32) -> Vec<i64> {
        self.heard().bursts(level)
    }
}

/// How far a tone of 440 Hz turns from one sample to the next.
const TURN: f64 = 440.0 * std::f64::consts::TAU / RATE as f64;

/// Sample number `i` of a tone: half as loud as can be.
pub fn tone(i: u64) -> f32 {
    (0.5 * (i as f64 * TURN).sin()) as f32
}

fn ns(samples: usize) -> i64 {
    samples as i64 * 1_000_000_000 / i64::from(RATE)
}

impl Heard {
    /// When each burst above `level` began, after at least a tenth of a second below it, in ns on CLOCK_MONOTONIC.
    pub fn bursts(&self, level: f32) -> Vec<i64> {
        let (mut found, mut quiet) = (Vec::new(), usize::MAX / 2);
        for (i, sample) in self.samples.iter().enumerate() {
            if sample.abs() > level {
                if quiet > RATE as usize / 10 {
                    found.push(self.start_ns + ns(i));
                }
                quiet = 0;
            }
            quiet += 1;
        }
        found
    }

    /// How long the [`tone`] was heard, from its first sample to its last, in ms, and in how many places it did not go on as it should: each
    /// sample of a tone follows from the two before it.
    pub fn tone(&self) -> (usize, usize) {
        let loud = |sample: &f32| sample.abs() > 0.01;
        let first = self.samples.iter().position(loud).unwrap_or(0);
        let last = self.samples.iter().rposition(loud).unwrap_or(0);
        let tone = &self.samples[first.min(last)..last];
        let goes_on =
            |three: &[f32]| (f64::from(three[0] + three[2]) - 2.0 * TURN.cos() * f64::from(three[1])).abs() < 0.003;
        let breaks: Vec<usize> =
            tone.windows(3).enumerate().filter(|(_, three)| !goes_on(three)).map(|(i, _)| i).collect();
        let apart = breaks.windows(2).filter(|two| two[1] - two[0] > RATE as usize / 4).count();
        (tone.len() / (RATE as usize / 1000), apart + usize::from(!breaks.is_empty()))
    }

    /// Each stretch of at least `least_ms` in which nothing is above `level`: from when to when.
    pub fn silences(&self, level: f32, least_ms: usize) -> Vec<(i64, i64)> {
        let (mut found, mut from) = (Vec::new(), 0);
        let least = least_ms * RATE as usize / 1000;
        let loud = self.samples.iter().enumerate().filter(|(_, s)| s.abs() > level).map(|(i, _)| i);
        for i in loud.chain([self.samples.len()]) {
            if i >= from + least {
                found.push((self.start_ns + ns(from), self.start_ns + ns(i)));
            }
            from = i + 1;
        }
        found
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let _ = self.parec.kill();
        let _ = self.parec.wait();
    }
}
