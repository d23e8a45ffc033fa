//! What is done to a session.

use std::fmt;
use std::process::Command;
use std::time::Duration;

use fastrand::Rng;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::children;
use crate::ear::{Kind, SoundServer};
use crate::xserver::XServer;

/// One thing that is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    Kill,
    KillTwo,
    KillAll,
    ShortStop,
    LongStop,
    MemoryLimit,
    FullShm,
    SoundServerGone,
    DisplayGone,
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kills of one",
            Self::KillTwo => "kills of two",
            Self::KillAll => "kills of all",
            Self::ShortStop => "short stops",
            Self::LongStop => "long stops",
            Self::MemoryLimit => "memory limits",
            Self::FullShm => "kills while /dev/shm was full",
            Self::SoundServerGone => "kills of the sound server",
            Self::DisplayGone => "kills of the display server",
        })
    }
}

/// A display and a sound server of a session's own.
pub(crate) struct Servers {
    pub(crate) display: XServer,
    pub(crate) sound: SoundServer,
}

impl Servers {
    /// Starts both; `None` where they are not installed.
    pub(crate) fn start() -> Option<Self> {
        let sound = Kind::PulseAudio.programs().iter().all(|program| crate::have(program));
        Some(Self { display: XServer::start()?, sound: sound.then(|| SoundServer::started(Kind::PulseAudio))? })
    }
}

/// Whom it is done to.
pub(crate) struct Victims<'a> {
    pub(crate) supervisor: Pid,
    /// What a role's title begins with.
    pub(crate) titles: &'a [&'a str],
    pub(crate) servers: Option<&'a mut Servers>,
}

impl Victims<'_> {
    /// The processes of the roles, not the janitor.
    pub(crate) fn roles(&self) -> Vec<Pid> {
        let is_role = |title: &str| self.titles.iter().any(|t| title.starts_with(t));
        children(self.supervisor).into_iter().filter(|(_, title)| is_role(title)).map(|c| c.0).collect()
    }

    /// Does it. How many deaths it will have caused.
    pub(crate) fn suffer(&mut self, act: Act, rng: &mut Rng) -> u64 {
        let mut roles = self.roles();
        rng.shuffle(&mut roles);
        let signal = |signal, roles: &[Pid]| roles.iter().filter(|&&pid| kill(pid, signal).is_ok()).count() as u64;
        let one = &roles[..roles.len().min(1)];
        let mut pause = |ms: std::ops::Range<u64>| std::thread::sleep(Duration::from_millis(rng.u64(ms)));
        match act {
            Act::Kill => signal(Signal::SIGKILL, one),
            Act::KillTwo => signal(Signal::SIGKILL, &roles[..roles.len().min(2)]),
            Act::KillAll => signal(Signal::SIGKILL, &roles),
            Act::ShortStop => {
                signal(Signal::SIGSTOP, one);
                pause(1..300);
                signal(Signal::SIGCONT, one);
                0
            }
            // A player finds that it hangs, and kills it; a measurement waits.
            Act::LongStop => {
                signal(Signal::SIGSTOP, one);
                pause(2800..3200);
                signal(Signal::SIGCONT, one);
                0
            }
            Act::MemoryLimit => {
                let Some(pid) = roles.first() else { return 0 };
                // Not another byte: the next larger allocation fails, and with it the role.
                let status = Command::new("prlimit").args(["--pid", &pid.to_string(), "--as=1"]).status();
                u64::from(status.is_ok_and(|s| s.success()))
            }
            Act::FullShm => {
                let path = format!("/proc/{}/root/dev/shm/ballast", self.supervisor);
                // Until it is full, or a hundred times what it holds.
                let _ = std::fs::write(&path, vec![0; 64 << 20]);
                let deaths = signal(Signal::SIGKILL, one);
                pause(1..300);
                let _ = std::fs::remove_file(&path);
                deaths
            }
            Act::SoundServerGone => {
                if let Some(servers) = &mut self.servers {
                    servers.sound.kill();
                    pause(1..1500);
                    servers.sound.start();
                }
                0
            }
            Act::DisplayGone => {
                if let Some(servers) = &mut self.servers {
                    servers.display.kill();
                }
                0
            }
        }
    }
}
