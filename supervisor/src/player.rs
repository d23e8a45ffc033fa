//! The supervisor at work: one thread, one poll loop. It starts the roles, hands channels out, carries the user's wishes,
//! recovers and restarts what dies, and stops cleanly. What to do about a crash is decided in [`crate::policy`].

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::{TimeSpec, TimeValLike};
use tricine_channel::namespace::{self, SessionLock};
use tricine_channel::sys::process::Usage;
use tricine_channel::time::mono_ns;
use tricine_session::channel::{Kind, Side, StreamRegion};
use tricine_session::clock::PlayState;
use tricine_session::control::{ControlRegion, Role};
use tricine_session::link::{DisplaySpec, Opened, SinkSpec};
use tricine_session::{Error, Result};

use crate::child::Running;
use crate::cli::{Audio, Display, Play};
use crate::input::Input;
use crate::janitor::Janitor;
use crate::keys::Keyboard;
use crate::policy::History;
use crate::report::{Ended, Restart};
use crate::speaker::Speaker;
use crate::status::Status;

mod deaths;
mod end;
mod inputs;
mod regions;
mod roles;
mod wishes;

/// Nanoseconds.
const MS: u64 = 1_000_000;
/// How often the loop looks round though nothing happened.
const TICK_NS: u64 = 250 * MS;
/// The loop woke so much later than it wanted to: the whole machine stood still.
const STALL_NS: u64 = 500 * MS;

/// A place for one role's process, over all its incarnations.
#[derive(Debug)]
struct Post {
    running: Option<Running>,
    /// When it is to be started again, in ns.
    start_at_ns: Option<u64>,
    history: History,
    restarts: u32,
    usage: Usage,
    last_pid: Option<u32>,
    /// The serial whose end it has reported.
    ended: Option<u32>,
    /// Where it shows or plays.
    output: Option<String>,
    /// What was achieved at its last crash: a second one at the same place is the data's fault.
    crashed_at: Option<u64>,
    /// The frame that it held at its last crash.
    held: Option<u64>,
}

impl Post {
    fn new() -> Self {
        Self {
            running: None,
            start_at_ns: None,
            history: History::default(),
            restarts: 0,
            usage: Usage::default(),
            last_pid: None,
            ended: None,
            output: None,
            crashed_at: None,
            held: None,
        }
    }

    fn manned(&self) -> bool {
        self.running.is_some() || self.start_at_ns.is_some()
    }
}

/// A session.
pub(crate) struct Player {
    options: Play,
    session: String,
    control: ControlRegion,
    _lock: SessionLock,
    signals: SignalFd,
    keyboard: Option<Keyboard>,
    escape_at_ns: Option<u64>,
    janitor: Option<Janitor>,
    /// Pictures are on the terminal's alternate screen.
    drawn: bool,
    state: PlayState,
    posts: [Post; 3],
    channels: Vec<StreamRegion>,
    playlist: VecDeque<String>,
    current: Option<Input>,
    opened: Option<Opened>,
    /// What the first input that could be opened held; for the report.
    described: Option<Opened>,
    display: DisplaySpec,
    sink: Option<SinkSpec>,
    speaker: Speaker,
    rounds_left: u64,
    skip_past_ns: Option<i64>,
    stepped: bool,
    stop: Option<Stop>,
    unplayable: bool,
    /// Pictures or sound that were asked for could not be played.
    incomplete: bool,
    restarts: Vec<Restart>,
    /// Regions that could not be trusted any more.
    regions_replaced: u64,
    status: Status,
    started_ns: u64,
    /// Heartbeats from before this do not count: we were stopped ourselves.
    rebased_ns: u64,
}

/// The session is ending.
#[derive(Debug, Clone)]
struct Stop {
    how: Ended,
    /// When who is left is killed, in ns.
    deadline_ns: u64,
}

fn index(role: Role) -> usize {
    match role {
        Role::Decoder => 0,
        Role::Audio => 1,
        Role::Renderer => 2,
    }
}

fn side_of(role: Role, kind: Kind) -> Option<Side> {
    match (role, kind) {
        (Role::Decoder, _) => Some(Side::Producer),
        (Role::Audio, Kind::Audio) | (Role::Renderer, Kind::Video) => Some(Side::Consumer),
        _ => None,
    }
}

/// Plays what `options` say. The exit code.
pub(crate) fn play(options: Play, started_ns: u64) -> Result<i32> {
    namespace::sweep(false, tricine_stress::sys::sysv::forget)?;
    tricine_channel::sys::sigbus::survive_loss()?;
    let session = match &options.session {
        Some(name) => name.clone(),
        None => namespace::random_name()?,
    };
    let mut mask = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTSTP, Signal::SIGCONT] {
        mask.add(signal);
    }
    let sys = |call| move |e: nix::Error| Error::sys(call, "signals", e);
    mask.thread_block().map_err(sys("sigprocmask"))?;
    let signals =
        SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(sys("signalfd"))?;

    let janitor = Janitor::start(&session)?;
    let sink = match (&options.audio, options.unpaced) {
        (Audio::None, _) => None,
        (Audio::Is(SinkSpec::Auto), true) => Some(SinkSpec::Null),
        (Audio::Is(sink), _) => Some(sink.clone()),
    };
    let start_ns = options.start.unwrap_or(0);
    let state = PlayState {
        serial: 1,
        target_ns: start_ns,
        paused: options.paused,
        muted: options.mute,
        looping: options.repeat == Some(u64::MAX),
        audible: sink.is_some(),
        osd: 0,
        volume: options.volume,
        speed: options.speed,
        end_ns: options.length.map(|length| start_ns.saturating_add(length)),
    };
    let made = ControlRegion::create(&session, &state);
    let (control, lock) = match made {
        Ok(made) => made,
        Err(error) => {
            janitor.dismiss();
            return Err(error);
        }
    };
    control.session().started_ns.set(started_ns);
    let mut playlist: VecDeque<String> = options.inputs.iter().cloned().collect();
    if playlist.is_empty() {
        playlist.push_back(String::new());
    }
    let display = choose_display(&options.display);
    let show_status = !options.quiet && display != DisplaySpec::Terminal;
    let mut player = Player {
        status: Status::new(show_status, options.unpaced),
        rounds_left: options.repeat.unwrap_or(1),
        keyboard: if options.inputs.iter().any(|i| i == "-") { None } else { Keyboard::take() },
        options,
        session,
        control,
        _lock: lock,
        signals,
        escape_at_ns: None,
        janitor: Some(janitor),
        drawn: false,
        state,
        posts: [Post::new(), Post::new(), Post::new()],
        channels: Vec::new(),
        playlist,
        current: None,
        opened: None,
        described: None,
        display,
        sink,
        speaker: Speaker::default(),
        skip_past_ns: None,
        stepped: false,
        stop: None,
        unplayable: false,
        incomplete: false,
        restarts: Vec::new(),
        regions_replaced: 0,
        started_ns,
        rebased_ns: 0,
    };
    let ran = player.run();
    let code = player.finish(ran);
    let unlinked = namespace::unlink_all(&player.session, tricine_stress::sys::sysv::forget);
    let janitor = player.janitor.take();
    drop(player);
    if let (Ok(()), Some(janitor)) = (&unlinked, janitor) {
        janitor.dismiss();
    }
    unlinked?;
    code
}

fn choose_display(wanted: &Display) -> DisplaySpec {
    match wanted {
        Display::Is(display) => display.clone(),
        Display::Auto if tricine_renderer::probe_display().is_ok() => DisplaySpec::Window,
        Display::Auto if std::io::stdout().is_terminal() => DisplaySpec::Terminal,
        Display::Auto => DisplaySpec::None,
    }
}

impl Player {
    fn run(&mut self) -> Result<()> {
        self.next_input();
        loop {
            self.timers()?;
            if self.stop.is_some() && self.posts.iter().all(|p| p.running.is_none()) {
                return Ok(());
            }
            self.wait()?;
            self.signals()?;
            self.typed();
            for role in Role::ALL {
                self.listen(role)?;
            }
            for role in Role::ALL {
                self.bury(role)?;
            }
        }
    }

    /// What has become of the control region that the session cannot go on with. Roles may have obeyed what another
    /// program has written over what we said: a serial that is none cannot be taken back.
    fn harmed(&self) -> Option<&'static str> {
        // Read first: that is how a loss is met.
        let overwritten = self.control.state().is_none_or(|(_, read)| read.encode() != self.state.encode());
        if self.control.lost() { Some("truncated") } else { overwritten.then_some("overwritten") }
    }

    /// Sleeps until something happens or is due.
    fn wait(&mut self) -> Result<()> {
        let now = mono_ns();
        let timers = [self.escape_at_ns, self.stop.as_ref().map(|s| s.deadline_ns)];
        let starts = self.posts.iter().map(|p| p.start_at_ns);
        let due = timers.into_iter().chain(starts).flatten().min().unwrap_or(u64::MAX).min(now + TICK_NS);
        let timeout = TimeSpec::nanoseconds(due.saturating_sub(now) as i64);
        let stdin = std::io::stdin();
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        if self.keyboard.is_some() {
            fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
        for running in self.posts.iter().filter_map(|p| p.running.as_ref()) {
            for fd in [running.child.as_fd(), running.link.as_fd(), running.log_fd()] {
                fds.push(PollFd::new(fd, PollFlags::POLLIN));
            }
        }
        let polled = ppoll(&mut fds, Some(timeout), None);
        drop(fds);
        // Who was kept from waking in time was not alone in that: a machine that stood still is no role that hangs.
        let woken = mono_ns();
        if woken.saturating_sub(due) > STALL_NS {
            self.rebased_ns = woken;
        }
        match polled {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(e) => Err(Error::sys("ppoll", "supervisor", e)),
        }
    }

    /// What is due.
    fn timers(&mut self) -> Result<()> {
        let now = mono_ns();
        if self.stop.is_none()
            && let Some(how) = self.harmed()
        {
            self.unplayable = true;
            self.status.error(&format!("the control region was {how} by another program: this session cannot go on"));
            self.stop(Ended::Failed);
        }
        if self.stop.as_ref().is_some_and(|s| now >= s.deadline_ns) {
            self.kill_all();
        }
        for role in Role::ALL {
            let due = self.posts[index(role)].start_at_ns.is_some_and(|at| now >= at);
            if due
                && self.stop.is_none()
                && let Err(error) = self.start(role)
            {
                self.not_started(role, &error);
            }
            self.watch(role, now)?;
        }
        self.settle_gaps(now);
        self.status.tick(&self.control, &self.state, self.position_ns());
        Ok(())
    }
}

impl std::fmt::Debug for Player {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Player").field("session", &self.session).field("posts", &self.posts).finish_non_exhaustive()
    }
}
