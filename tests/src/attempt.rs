//! What a role might try that somebody has taken over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{chroot, getppid, setuid};
use tricine_session::control::Role;
use tricine_session::link::Spec;

/// The environment variable by which the program under test knows what to try: `ROLE ATTEMPT PATH`.
pub const ORDER: &str = "TRICINE_TEST_ATTEMPT";

/// Whatever reaches beyond the process itself: each must end with an error, or end the process. A path goes with those that have one, of a
/// file that is there.
pub const ALL: [&str; 23] = [
    "open", "write", "create", "folder", "rename", "unlink", "chmod", "link", "execute", "code", "tcp", "listen",
    "udp", "unix", "serve", "kill", "ptrace", "mount", "chroot", "unshare", "setuid", "shm", "list",
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
            "open" | "picture" => File::open(path).map(drop),
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
            "shm" => OpenOptions::new().write(true).open(path).map(drop),
            "execute" => Command::new("true").status().map(drop),
            "code" => memmap2::MmapMut::map_anon(4096)?.make_exec().map(drop),
            "tcp" => TcpStream::connect("127.0.0.1:9").map(drop),
            "listen" => TcpListener::bind("127.0.0.1:0").map(drop),
            "udp" => UdpSocket::bind("127.0.0.1:0").map(drop),
            "unix" => UnixStream::connect("/run/dbus/system_bus_socket").map(drop),
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
pub fn if_told(role: Role, spec: &Spec) {
    let order = std::env::var(ORDER).unwrap_or_default();
    let mut words = order.splitn(3, ' ');
    let (who, what) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if who != role.name() || spec.restarts > 0 {
        return;
    }
    let how = match Attempt::prepare(what, words.next().unwrap_or_default()).make() {
        Ok(()) => "it succeeded".to_owned(),
        Err(error) => format!("refused, {error}"),
    };
    let _ = writeln!(io::stderr(), "WARN attempt to {what}: {how}");
}
