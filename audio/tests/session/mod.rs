//! A session of which the test is the supervisor and the decoder, and an audio role in a thread or a process of its own.

#![allow(dead_code, reason = "each test file uses its part")]

use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::thread::JoinHandle;
use std::time::Duration;

use tricine_channel::namespace::{self, SessionLock};
use tricine_channel::sys::process::Reaped;
use tricine_channel::time::{Deadline, mono_ns};
use tricine_session::channel::{
    Acquired, Barriers, ChannelName, Kind, Mode, Producer, Side, Spec as ChannelSpec, StreamRegion, recover,
};
use tricine_session::clock::{Clock, PlayState};
use tricine_session::context::{Orders, Task};
use tricine_session::control::{Attached, ControlRegion, SessionPage, Writable};
use tricine_session::frame::FrameMeta;
use tricine_session::link::{FromRole, Link, SinkSpec, Spec, ToRole, Work};

mod relay;

pub(crate) use relay::be_child;
use relay::{relay, spawned};

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const RATE: u32 = 48_000;

pub(crate) fn playing() -> PlayState {
    PlayState { serial: 1, audible: true, volume: 100, ..PlayState::IDLE }
}

enum Running {
    Thread(JoinHandle<i32>),
    Process(Child),
    No,
}

pub(crate) struct Session {
    pub(crate) name: String,
    pub(crate) control: Attached<SessionPage<Writable>>,
    pub(crate) state: PlayState,
    pub(crate) link: Link,
    producer: Option<Feeder>,
    pub(crate) channel: StreamRegion,
    pub(crate) said: Vec<FromRole>,
    /// What the environment of a spawned role holds besides.
    pub(crate) env: Vec<(String, String)>,
    spec: Spec,
    running: Running,
    _lock: SessionLock,
}

/// The decoder's side.
pub(crate) struct Feeder(pub(crate) Producer);

impl Feeder {
    fn new(name: &ChannelName) -> Self {
        Self(StreamRegion::producer(name).unwrap())
    }

    /// Publishes one block; waits for room.
    pub(crate) fn publish(&mut self, serial: u32, pts_ns: i64, channels: u16, rate: u32, samples: &[f32]) {
        assert!(self.try_publish(serial, pts_ns, channels, rate, samples, 5000), "the role takes no blocks");
    }

    pub(crate) fn try_publish(
        &mut self,
        serial: u32,
        pts_ns: i64,
        channels: u16,
        rate: u32,
        samples: &[f32],
        wait_ms: u64,
    ) -> bool {
        let deadline = Deadline::after(Duration::from_millis(wait_ms));
        loop {
            match self.0.acquire(deadline).unwrap() {
                Acquired::Slot(mut slot) => {
                    slot.floats()[..samples.len()].copy_from_slice(samples);
                    let times = (samples.len() / usize::from(channels)) as u32;
                    let meta = FrameMeta { pts_ns, serial, ..FrameMeta::f32(channels, times, rate) };
                    slot.publish(meta).unwrap();
                    return true;
                }
                Acquired::TimedOut => return false,
                _ => {}
            }
        }
    }

    /// Publishes `ms` of sound from `from_ms` on, in blocks of 20 ms, mono at 48 kHz, of what `sample` makes of the time.
    pub(crate) fn play(&mut self, serial: u32, from_ms: u64, ms: u64, sample: impl Fn(u64) -> f32) {
        for block in 0..ms / 20 {
            let start = from_ms + block * 20;
            let first = start * u64::from(RATE) / 1000;
            let samples: Vec<f32> = (first..first + 960).map(&sample).collect();
            self.publish(serial, (start * MS) as i64, 1, RATE, &samples);
        }
    }
}

impl std::ops::Deref for Feeder {
    type Target = Producer;

    fn deref(&self) -> &Producer {
        &self.0
    }
}

fn channel_name(session: &str) -> ChannelName {
    ChannelName { session: session.into(), kind: Kind::Audio, generation: 0 }
}

impl Session {
    /// A session with one channel and no role yet.
    pub(crate) fn new(sink: SinkSpec, unpaced: bool, state: PlayState) -> Self {
        let name = namespace::random_name().unwrap();
        let (control, lock) = ControlRegion::create(&name, &state).unwrap();
        let channel_name = channel_name(&name);
        let spec = ChannelSpec {
            mode: Mode::Fifo,
            capacity: 1 << 18,
            base: 0,
            resume_pts_ns: 0,
            resume_serial: 1,
            barriers: Barriers::Both,
        };
        let channel = StreamRegion::create(&channel_name, &spec).unwrap();
        let producer = Some(Feeder::new(&channel_name));
        let spec = Spec {
            session: name.clone(),
            channels: vec![channel_name],
            unpaced,
            work: Work { sink: Some(sink), ..Work::default() },
            restarts: 0,
            verbosity: 0,
        };
        let (link, _) = Link::pair().unwrap();
        let running = Running::No;
        Self {
            name,
            control,
            state,
            link,
            producer,
            channel,
            said: Vec::new(),
            env: Vec::new(),
            spec,
            running,
            _lock: lock,
        }
    }

    /// Starts the role in a thread.
    pub(crate) fn start(mut self) -> Self {
        let (ours, theirs) = Link::pair().unwrap();
        let orders = Orders {
            link: theirs,
            task: Task::Play(Box::new(self.spec.clone())),
            input: file_of(&self.spec),
            files: Vec::new(),
            confined: |_, _, _| {},
        };
        self.link = ours;
        self.running = Running::Thread(std::thread::spawn(move || tricine_audio::run(orders)));
        self
    }

    /// Starts the role in a process.
    pub(crate) fn spawn(&mut self) {
        let (ours, between) = Link::pair().unwrap();
        let (role, child) = spawned(&self.env, &ToRole::Start(Box::new(self.spec.clone())));
        let (env, bell) = (self.env.clone(), StreamRegion::open(self.channel.name()).unwrap());
        std::thread::spawn(move || relay(&between, &role, &env, &bell));
        self.link = ours;
        self.spec.restarts += 1;
        self.running = Running::Process(child);
    }

    /// Kills the role's process and recovers the channel, as the supervisor does.
    pub(crate) fn kill(&mut self) {
        if let Running::Process(mut child) = std::mem::replace(&mut self.running, Running::No) {
            child.kill().unwrap();
            let reaped = Reaped::wait(child).unwrap();
            recover(&self.channel, Side::Consumer, &reaped).unwrap();
        }
    }

    /// Lets the role's process have no more memory than it has.
    pub(crate) fn limit_memory(&self) {
        let Running::Process(child) = &self.running else { panic!("no process") };
        let status = Command::new("prlimit").args(["--pid", &child.id().to_string(), "--as=1"]).status();
        assert!(status.unwrap().success());
    }

    /// See [`Feeder::publish`].
    pub(crate) fn publish(&mut self, serial: u32, pts_ns: i64, channels: u16, rate: u32, samples: &[f32]) {
        self.own().publish(serial, pts_ns, channels, rate, samples);
    }

    /// See [`Feeder::play`].
    pub(crate) fn play(&mut self, serial: u32, from_ms: u64, ms: u64, sample: impl Fn(u64) -> f32) {
        self.own().play(serial, from_ms, ms, sample);
    }

    fn own(&mut self) -> &mut Feeder {
        let name = self.channel.name();
        self.producer.get_or_insert_with(|| Feeder::new(name))
    }

    /// The producer.
    pub(crate) fn producer(&self) -> &Producer {
        self.producer.as_ref().expect("a thread has it")
    }

    /// The producer, for a thread of its own.
    pub(crate) fn feeder(&mut self) -> Feeder {
        self.own();
        self.producer.take().expect("it was just made")
    }

    /// Changes what the user wants and rings.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut PlayState)) {
        change(&mut self.state);
        self.control.own().set_state(&self.state);
        self.tell(&ToRole::State);
    }

    pub(crate) fn tell(&self, message: &ToRole) {
        let _ = self.link.send(message);
        self.channel.ring(Side::Consumer);
    }

    /// Waits until the role says what `wanted` accepts.
    pub(crate) fn expect(&mut self, what: &str, wanted: impl Fn(&FromRole) -> bool) {
        let deadline = Deadline::after(Duration::from_secs(10));
        while !deadline.passed() {
            while let Ok(Some(message)) = self.link.receive::<FromRole>() {
                let found = wanted(&message);
                self.said.push(message);
                if found {
                    return;
                }
            }
            let _ = self.link.wait(Deadline::after(Duration::from_millis(50)));
        }
        panic!("the role never said {what}, but {:?}", self.said);
    }

    /// Takes in what was said without waiting.
    pub(crate) fn listen(&mut self) -> &[FromRole] {
        while let Ok(Some(message)) = self.link.receive::<FromRole>() {
            self.said.push(message);
        }
        &self.said
    }

    /// How often all threads of a role that was spawned have waited so far.
    pub(crate) fn wake_ups(&self) -> u64 {
        let Running::Process(child) = &self.running else { panic!("no process") };
        let of_task = |path: std::path::PathBuf| -> Option<u64> {
            let status = std::fs::read_to_string(path.join("status")).ok()?;
            status.lines().find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
        };
        let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
        tasks.flatten().filter_map(|task| of_task(task.path())).sum()
    }

    /// Waits until something holds; fails after a minute.
    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let deadline = Deadline::after(Duration::from_secs(60));
        while !holds(self) {
            assert!(!deadline.passed(), "never: {what}");
            sleep_ms(2);
        }
    }

    /// Waits until the role has gone round its loop so often, so that what it was told is done.
    pub(crate) fn beats(&self, times: u32) {
        for _ in 0..times {
            let beat = self.control.audio().pulse.heartbeat_ns.get();
            self.until("a heartbeat", |s| s.control.audio().pulse.heartbeat_ns.get() > beat);
        }
    }

    /// Pauses, and waits until the clock stands: where, in ms of the film.
    pub(crate) fn pause(&mut self) -> f64 {
        self.set(|state| state.paused = true);
        self.until("a clock that stands", |s| s.clock().is_some_and(|clock| clock.rate == 0.0));
        self.film_ms()
    }

    pub(crate) fn clock(&self) -> Option<Clock> {
        self.control.audio_clock()
    }

    /// Film time now by the published clock, in ms.
    pub(crate) fn film_ms(&self) -> f64 {
        self.clock().map_or(f64::NAN, |c| c.pts_at(mono_ns()) as f64 / MS as f64)
    }

    /// Tells the role to quit; its exit code.
    pub(crate) fn quit(&mut self) -> i32 {
        self.tell(&ToRole::Quit);
        self.wait()
    }

    /// Waits until the role has ended; its exit code.
    pub(crate) fn wait(&mut self) -> i32 {
        match std::mem::replace(&mut self.running, Running::No) {
            Running::Thread(thread) => thread.join().unwrap(),
            Running::Process(mut child) => child.wait().unwrap().code().unwrap_or(-1),
            Running::No => 0,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.kill();
        }
        self.quit();
        let _ = tricine_session::NAMESPACE.unlink_all(&self.name, |_| {});
    }
}

/// The file that the role writes, as a supervisor opens it.
fn file_of(spec: &Spec) -> Option<OwnedFd> {
    let Some(SinkSpec::Wav(path)) = &spec.work.sink else { return None };
    let mut options = std::fs::OpenOptions::new();
    Some(options.read(true).write(true).create(true).truncate(false).open(path.as_path()).unwrap().into())
}

pub(crate) fn sleep_ms(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}
