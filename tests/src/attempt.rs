//! What a role might try that somebody has taken over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSliceMut, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::libc::RLIM_INFINITY;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::ptrace;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{Shutdown, shutdown};
use nix::sys::stat::{Mode, umask};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::{chroot, getppid, mkfifo, setsid, setuid};
use tricine_channel::sys::fds;
use tricine_channel::time::Deadline;
use tricine_session::channel::Kind;
use tricine_session::control::Role;
use tricine_session::link::{AudioSummary, FromRole, Key, Link, Opened, Spec, SubtitleSummary, VideoSummary};

/// The environment variable by which the program under test knows what to try: `ROLE ATTEMPT PATH`.
pub const ORDER: &str = "TRICINE_TEST_ATTEMPT";

/// Whatever reaches beyond the process itself: each must end with an error, or end the process. A path goes with those that have one, of a
/// file that is there.
pub const ALL: [&str; 36] = [
    "open",
    "write",
    "create",
    "folder",
    "rename",
    "unlink",
    "chmod",
    "link",
    "execute",
    "code",
    "tcp",
    "listen",
    "udp",
    "unix",
    "datagram",
    "serve",
    "kill",
    "ptrace",
    "mount",
    "chroot",
    "unshare",
    "setuid",
    "shm",
    "list",
    "path",
    "mem",
    "environ",
    "sibling",
    "vm",
    "abstract",
    "chdir",
    "hard-link",
    "fifo",
    "group",
    "umask",
    "raise",
];

/// One of them, made ready before the walls are there.
#[derive(Debug)]
pub struct Attempt {
    what: String,
    path: PathBuf,
    open: Option<File>,
}

impl Attempt {
    /// To be made with, or at, `path`.
    pub fn prepare(what: &str, path: &str) -> Self {
        let open = (what == "grow").then(|| tempfile::tempfile().expect("a temporary file"));
        Self { what: what.to_owned(), path: path.into(), open }
    }

    /// Makes it. `Ok` if it succeeds.
    pub fn make(mut self) -> io::Result<()> {
        let (path, beside) = (&self.path, self.path.with_extension("beside"));
        match self.what.as_str() {
            "nothing" => Ok(()),
            "open" => File::open(path).map(drop),
            "write" => OpenOptions::new().append(true).open(path).map(drop),
            "create" => File::create_new(beside).map(drop),
            "folder" => fs::create_dir(beside),
            "rename" => fs::rename(path, beside),
            "unlink" => fs::remove_file(path),
            "chmod" => {
                let all = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o777);
                fs::set_permissions(path, all)
            }
            "link" => std::os::unix::fs::symlink(path, beside),
            "list" => fs::read_dir("/").map(drop),
            "path" => {
                let flags = nix::libc::O_PATH;
                OpenOptions::new().read(true).custom_flags(flags).open(path).map(drop)
            }
            "mem" => OpenOptions::new().write(true).open(format!("/proc/{}/mem", getppid())).map(drop),
            "environ" => fs::read(format!("/proc/{}/environ", getppid())).map(drop),
            // Roles are started one after another.
            "sibling" => {
                let near = |by: u32| [std::process::id() + by, std::process::id() - by];
                let tried = (1..4).flat_map(near).map(|pid| File::open(format!("/proc/{pid}/maps")));
                tried.fold(Err(io::ErrorKind::NotFound.into()), Result::or).map(drop)
            }
            "vm" => {
                let mut page = [0; 8];
                let there = [RemoteIoVec { base: 0x40_0000, len: 8 }];
                process_vm_readv(getppid(), &mut [IoSliceMut::new(&mut page)], &there).map(drop).map_err(Into::into)
            }
            "abstract" => UnixStream::connect_addr(&SocketAddr::from_abstract_name("/tmp/.X11-unix/X0")?).map(drop),
            "chdir" => std::env::set_current_dir("/"),
            "hard-link" => fs::hard_link(path, beside),
            "fifo" => mkfifo(&beside, Mode::S_IRWXU).map_err(Into::into),
            "group" => setsid().map(drop).map_err(Into::into),
            // There is no error of it.
            "umask" => {
                let _ = umask(Mode::empty());
                Ok(())
            }
            // Where no limit was lowered, there is none to be raised.
            "raise" => match getrlimit(Resource::RLIMIT_DATA)?.1 {
                RLIM_INFINITY => Err(io::ErrorKind::Unsupported.into()),
                _ => setrlimit(Resource::RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY).map_err(Into::into),
            },
            "shm" => OpenOptions::new().write(true).open(path).map(drop),
            "execute" => Command::new("true").status().map(drop),
            "code" => memmap2::MmapMut::map_anon(4096)?.make_exec().map(drop),
            "tcp" => TcpStream::connect("127.0.0.1:9").map(drop),
            "listen" => TcpListener::bind("127.0.0.1:0").map(drop),
            "udp" => UdpSocket::bind("127.0.0.1:0").map(drop),
            "unix" => UnixStream::connect("/run/dbus/system_bus_socket").map(drop),
            "datagram" => UnixDatagram::pair()?.0.send_to(b"a message", "/run/systemd/journal/socket").map(drop),
            "serve" => UnixListener::bind(beside).map(drop),
            "kill" => kill(getppid(), Signal::SIGUSR2).map_err(Into::into),
            "ptrace" => ptrace::attach(getppid()).map_err(Into::into),
            "mount" => mount(Some(path), path, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(Into::into),
            "chroot" => chroot("/").map_err(Into::into),
            "unshare" => unshare(CloneFlags::CLONE_NEWUSER).map_err(Into::into),
            "setuid" => setuid(nix::unistd::getuid()).map_err(Into::into),
            "grow" => self.open.as_mut().map_or(Ok(()), |file| file.write_all(b"more")),
            "threads" => {
                let threads: Vec<_> = (0..8).map(|i| std::thread::spawn(move || i)).collect();
                assert_eq!(threads.into_iter().filter_map(|t| t.join().ok()).sum::<i32>(), 28);
                Ok(())
            }
            "memory" => {
                let mut all: Vec<u8> = Vec::new();
                all.try_reserve_exact(64 << 30).map_err(|e| io::Error::other(e.to_string()))
            }
            "abort" => std::process::abort(),
            other => panic!("no such attempt: {other}"),
        }
    }
}

/// In a role of the program under test that was just confined: tries what it is told by [`ORDER`], if it is the first to play this role,
/// and says how it went.
pub fn if_told(role: Role, link: &Link, spec: &Spec) {
    let order = std::env::var(ORDER).unwrap_or_default();
    let mut words = order.splitn(3, ' ');
    let (who, what) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if who != role.name() || spec.restarts > 0 {
        return;
    }
    match what {
        "lie" => return lie(link),
        "flood" => return flood(link),
        "descriptors" => return descriptors(link),
        "hang-up" => {
            let _ = shutdown(link.as_fd().as_raw_fd(), Shutdown::Both);
            loop {
                std::thread::park();
            }
        }
        "quiet" => {
            let _ = nix::unistd::close(nix::libc::STDERR_FILENO);
            return;
        }
        _ => {}
    }
    let how = match Attempt::prepare(what, words.next().unwrap_or_default()).make() {
        Ok(()) => "it succeeded".to_owned(),
        Err(error) => format!("refused, {error}"),
    };
    let _ = writeln!(io::stderr(), "WARN attempt to {what}: {how}");
}

/// Says what cannot be, what is not for it to say, and what is no message.
fn lie(link: &Link) {
    let say = |message: &FromRole| drop(link.send_by(message, Deadline::after(Duration::from_secs(1))));
    let video = VideoSummary {
        codec: "\x1b[2J".into(),
        light: Some("\x1b".into()),
        width: 0,
        height: u32::MAX,
        rate: Some(-1.0),
        frames: Some(u64::MAX),
    };
    let audio = AudioSummary { codec: "\x07".into(), sample_rate: u32::MAX, channels: 0 };
    let missing = vec!["\x1b]0;owned\x07".to_owned(); 100];
    for duration_ns in [-5, i64::MIN, i64::MAX] {
        let (video, audio, missing) = (Some(video.clone()), Some(audio.clone()), missing.clone());
        let stream_header = Some("\n".repeat(8_000));
        say(&FromRole::Opened(Box::new(Opened {
            subtitle: u16::MAX,
            subtitles: vec![SubtitleSummary { title: "\x1b[2J".into(), shown: true }; 70_000],
            video,
            audio,
            duration_ns: Some(duration_ns),
            seekable: true,
            stream_header,
            missing,
            cover: true,
            container: "\x1b]0;owned\x07".into(),
            title: Some("\x1b[2J".into()),
            artist: Some("\u{202e}".repeat(9_000)),
        })));
    }
    for capacity in [0, 1 << 29, u64::MAX] {
        for kind in [Kind::Video, Kind::Audio, Kind::Cues] {
            let (base, resume_pts_ns) = (u64::MAX, i64::MIN);
            say(&FromRole::NeedChannel { kind, capacity, base, resume_pts_ns, resume_serial: u32::MAX });
        }
    }
    for generation in [1, u64::MAX] {
        say(&FromRole::Switched { kind: Kind::Video, generation });
        say(&FromRole::Switched { kind: Kind::Audio, generation });
        say(&FromRole::Switched { kind: Kind::Cues, generation });
    }
    for key in [Key::Quit, Key::Next, Key::Screenshot, Key::Seek(i32::MIN)] {
        say(&FromRole::Key(key));
    }
    for serial in [0, 1, u32::MAX] {
        say(&FromRole::Ended { serial });
    }
    for patient in [true, false] {
        say(&FromRole::NeedLine { patient });
    }
    say(&FromRole::Output("\x1b[31m".into()));
    say(&FromRole::Notice("\x1b[31mred\nlines\u{202e}".repeat(100)));
    for bytes in [&b"{}"[..], b"#", b"\xff\xfe", &[b'['; 100_000], b""] {
        let _ = fds::try_send(link, bytes, &[io::stderr().as_fd()]);
    }
}

/// Says something without end.
fn flood(link: &Link) {
    let notice = FromRole::Notice("noise".repeat(100));
    while link.send_by(&notice, Deadline::after(Duration::from_secs(10))).is_ok_and(|room| room) {
        let _ = writeln!(io::stderr(), "WARN {}", "noise".repeat(100));
    }
}

/// Sends descriptors without end.
fn descriptors(link: &Link) {
    let stderr = io::stderr();
    while link.wait(Deadline::NOW).is_ok() {
        if !fds::try_send(link, b"{}", &[stderr.as_fd(); 16]).unwrap_or(true) {
            std::thread::yield_now();
        }
    }
}
