//! What a role may still do once it has what it needs: its own computing, threads, what it has open already, and little else. Whoever takes it
//! over, by a broken film or by what another role wrote, gets no more than that.
//!
//! Three walls, each on its own; a kernel that lacks one still has the others:
//!
//! - *limits*: no core file; for the decoder, no growth of any file and a limit on memory; none of what root may do beyond other users;
//! - *Landlock*: no file is opened but those that [`Reach`] names, no network, no signal to other processes;
//! - *seccomp*: a system call that the role has no use for ends it by SIGSYS ([`calls`]): to execute, to make a process or a socket, to
//!   trace, to run memory that it has written.
//!
//! The walls stand around the thread that calls [`enter`] and those that it starts, so it comes before any other one. The decoder and the audio
//! role begin with it. So does the renderer, but where it shows in a window: it has to load and ask for much until the window is there.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use tricine_channel::sys::capability::{READ_ANY_FILE, give_up_all_but};
use tricine_channel::sys::sigsys;

use crate::control::Role;
use crate::error::Result;
use crate::link::{DisplaySpec, FromRole, InputSpec, Link, Spec};

mod calls;

/// The newest version of Landlock whose rights are used here.
const LANDLOCK: ABI = ABI::V6;
/// What reading a container may take, with its tables and whatever else a codec needs that does not grow with the picture, in bytes.
const BASE: u64 = 2 << 30;
/// How many pictures of the declared size are in the decoder's memory at most: those that others refer to, those that wait to be shown,
/// those of the codec's threads, each also in wider samples than it is handed over in.
const PICTURES: u64 = 64;
/// No more for anybody who has not asked for it by `--memory-limit`.
const MOST: u64 = 32 << 30;

/// That a role is to be kept in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confine {
    /// How much memory the decoder may take, in bytes; `None`: what the declared format needs.
    pub memory: Option<u64>,
}

/// What a role needs of the world.
#[derive(Debug, Default)]
pub struct Reach {
    /// Files that it reads.
    reads: Vec<PathBuf>,
    /// Folders whose files it looks for and reads.
    fonts: Vec<PathBuf>,
    /// As those, to be written as well.
    writes: Vec<PathBuf>,
    /// Of a role that reads what others wrote, and writes no file: how much memory it may take, in bytes, at first and at most.
    memory: Option<(u64, u64)>,
}

impl Reach {
    /// Of `role` that is to work on `spec`.
    pub fn of(role: Role, spec: &Spec, confine: Confine) -> Self {
        let mut reach = Self::default();
        match role {
            Role::Decoder => {
                reach.memory = Some(confine.memory.map_or((BASE, MOST), |limit| (limit, limit)));
                if let InputSpec::Images(images) = &spec.work.input {
                    // Each by itself: what lies beside it in its folder is not asked for, and where a link leads to, is.
                    reach.reads = images.iter().map(|image| image.as_path().to_owned()).collect();
                }
            }
            // The connection to a sound server is made for it.
            Role::Audio => {}
            Role::Renderer => match &spec.work.display {
                DisplaySpec::Window => {
                    reach.fonts = fonts();
                    if std::env::var_os("WAYLAND_DISPLAY").is_some() {
                        // Pixels go to a Wayland server in files without a name.
                        reach.writes.push(std::env::temp_dir());
                    }
                }
                DisplaySpec::Terminal | DisplaySpec::None | DisplaySpec::FrameMd5(_) => {}
            },
        }
        reach
    }

    /// Whether it writes to no file, old or new.
    const fn only_reads(&self) -> bool {
        self.memory.is_some()
    }

    /// Whether there is any file that it opens.
    fn by_name(&self) -> bool {
        !self.reads.is_empty() || !self.fonts.is_empty() || !self.writes.is_empty()
    }
}

/// Where fonts are installed: the letters of subtitles.
pub fn fonts() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let in_home = |rest: &str| home.as_ref().map(|home| home.join(rest));
    let data = std::env::var_os("XDG_DATA_HOME").map(|data| PathBuf::from(data).join("fonts"));
    let own = [in_home(".fonts"), data.or_else(|| in_home(".local/share/fonts"))];
    let all = ["/usr/share/fonts", "/usr/local/share/fonts"].map(PathBuf::from);
    all.into_iter().chain(own.into_iter().flatten()).collect()
}

/// What keeps a process in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walls {
    /// Whether Landlock is in force, at least with what this kernel knows of it.
    pub landlock: bool,
    /// Whether seccomp is.
    pub seccomp: bool,
}

impl Walls {
    /// What this kernel lacks, in words for the user; `None` if nothing.
    pub fn lack(&self) -> Option<&'static str> {
        match (self.landlock, self.seccomp) {
            (true, true) => None,
            (false, true) => Some(
                "no Landlock here (Linux 5.13, and not switched off): a sandboxed role that opens files could open any",
            ),
            (true, false) => Some("no seccomp here: a sandboxed role could start programs"),
            (false, false) => {
                Some("neither Landlock nor seccomp here: the sandbox is limits on memory and files, and no more")
            }
        }
    }
}

impl std::fmt::Display for Walls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let walls = [(true, "limits"), (self.landlock, "Landlock"), (self.seccomp, "seccomp")];
        let there: Vec<&str> = walls.into_iter().filter(|(there, _)| *there).map(|(_, name)| name).collect();
        f.write_str(&there.join(", "))
    }
}

/// Confines this process for good if it is to be, and says so. `role` is what it plays, by `spec`.
///
/// Errors: the supervisor is gone.
pub fn enter(role: Role, link: &Link, spec: &Spec) -> Result<()> {
    let Some(confine) = spec.work.confine else { return Ok(()) };
    let walls = self::confine(&Reach::of(role, spec, confine));
    link.send(&FromRole::Confined(walls)).map(drop)
}

/// What a line of a role's log says of the call that ended it, in words: which forbidden one it was.
pub fn forbidden(line: &str) -> Option<String> {
    let call = line.strip_prefix(sigsys::SAID)?.trim().parse().ok()?;
    Some(match calls::name(call) {
        Some(name) => format!("forbidden system call {call}, {name}"),
        None => format!("forbidden system call {call}"),
    })
}

/// Whether `role` confines itself before it begins, and not once its window is there.
pub fn begins_confined(role: Role, spec: &Spec) -> bool {
    role != Role::Renderer || spec.work.display != DisplaySpec::Window
}

/// Confines this process for good, as far as this kernel can.
pub fn confine(reach: &Reach) -> Walls {
    // To lower a limit is always allowed.
    let _ = lower(Resource::RLIMIT_CORE, 0, 0);
    if let Some((now, most)) = reach.memory {
        let _ = lower(Resource::RLIMIT_FSIZE, 0, 0);
        let _ = lower(Resource::RLIMIT_DATA, now, most);
    }
    // Root could raise the limits again. Nothing is given up where a kernel has none of that.
    let _ = give_up_all_but(if reach.by_name() { READ_ANY_FILE } else { 0 });
    sigsys::say_what_was_forbidden();
    wall_in(reach)
}

/// What there would be to confine a role with on this machine.
pub fn look() -> Walls {
    // Around a thread that ends at once.
    let looked = std::thread::spawn(|| wall_in(&Reach::default()));
    looked.join().unwrap_or(Walls { landlock: false, seccomp: false })
}

fn wall_in(reach: &Reach) -> Walls {
    let landlock = landlock(reach).unwrap_or(false);
    Walls { landlock, seccomp: calls::restrict(reach).is_ok() }
}

/// Lowers a limit, unless it is lower already: that in force, and how far the process may raise it again.
fn lower(resource: Resource, now: u64, most: u64) -> nix::Result<()> {
    let (soft, hard) = getrlimit(resource)?;
    setrlimit(resource, soft.min(now), hard.min(most))
}

/// The decoder knows the format: it may take what pictures of `bytes` each need.
pub fn declare_picture(bytes: u64) {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_DATA) {
        let needed = BASE.saturating_add(bytes.saturating_mul(PICTURES)).min(hard);
        if needed > soft {
            // Where it is refused, the limit stays as it is.
            let _ = setrlimit(Resource::RLIMIT_DATA, needed, hard);
        }
    }
}

fn landlock(reach: &Reach) -> std::result::Result<bool, landlock::RulesetError> {
    let read = BitFlags::from(AccessFs::ReadFile);
    let write = read | AccessFs::WriteFile | AccessFs::Truncate;
    let look = read | AccessFs::ReadDir;
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?;
    let named = [(&reach.reads, read), (&reach.fonts, look), (&reach.writes, write)];
    for (paths, access) in named {
        for path in paths {
            // What is not there needs no permission.
            if let Ok(fd) = PathFd::new(path) {
                ruleset = ruleset.add_rule(PathBeneath::new(fd, access))?;
            }
        }
    }
    Ok(ruleset.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
}
