//! The supervisor at work: one thread, one poll loop. It starts the roles, hands channels out, carries the user's wishes,
//! recovers and restarts what dies, and stops cleanly. What to do about a crash is decided in [`crate::policy`].

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::Signal;
use nix::sys::signalfd::SignalFd;
use nix::sys::time::{TimeSpec, TimeValLike};
use tricine_channel::namespace::{self, SessionLock};
use tricine_channel::sys::process::Usage;
use tricine_channel::time::mono_ns;
use tricine_session::channel::StreamRegion;
use tricine_session::clock::PlayState;
use tricine_session::control::{Attached, ControlRegion, Role, SessionPage, Writable};
use tricine_session::link::{DisplaySpec, Opened, SinkSpec};
use tricine_session::name::Name;
use tricine_session::output::Output;
use tricine_session::role::Each;
use tricine_session::{Error, Result, signals};

use crate::child::Running;
use crate::cli::{Audio, Display, Play};
use crate::input::Input;
use crate::janitor::Janitor;
use crate::keys::Keyboard;
use crate::policy::History;
use crate::probe::{self, Probe};
use crate::report::{Ended, Restart};
use crate::sound_socket::SoundSocket;
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
pub(crate) struct Session {
    options: Play,
    report: Option<Output>,
    name: String,
    control: Attached<SessionPage<Writable>>,
    _lock: SessionLock,
    signals: SignalFd,
    keyboard: Option<Keyboard>,
    escape_at_ns: Option<u64>,
    janitor: Option<Janitor>,
    /// Pictures are on the terminal's alternate screen.
    drawn: bool,
    state: PlayState,
    posts: Each<Post>,
    channels: Vec<StreamRegion>,
    /// The demo, or what the user named.
    playlist: VecDeque<Option<Name>>,
    current: Option<Input>,
    opened: Option<Opened>,
    /// What the first input that could be opened held; for the report.
    described: Option<Opened>,
    display: DisplaySpec,
    sink: Option<SinkSpec>,
    sound_socket: SoundSocket,
    rounds_left: u64,
    skip_past_ns: Option<i64>,
    stepped: bool,
    stop: Option<Stop>,
    unplayable: bool,
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

/// Plays what `options` say. The exit code.
pub(crate) fn play(options: Play, report: Option<Output>, started_ns: u64) -> Result<i32> {
    // What cannot be swept now is swept another time, or by `tricine clean`, which says why not.
    match tricine_session::NAMESPACE.sweep(false, tricine_stress::sys::sysv::forget) {
        Ok(swept) => swept.iter().filter_map(|s| s.failure.as_ref()).for_each(|why| tracing::info!("{why}")),
        Err(why) => tracing::info!("{why}"),
    }
    tricine_channel::sys::sigbus::survive_loss()?;
    let name = match &options.session {
        Some(name) => name.clone(),
        None => namespace::random_name()?,
    };
    let signals = signals::take(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTSTP, Signal::SIGCONT])?;

    // Asked while the rest is made ready.
    let asked = (options.display == Display::Auto).then(|| Probe::start(Role::Renderer));
    let janitor = Janitor::start(&name)?;
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
    let made = ControlRegion::create(&name, &state);
    let (control, lock) = match made {
        Ok(made) => made,
        Err(error) => {
            janitor.dismiss();
            return Err(error);
        }
    };
    control.own().started_ns.set(started_ns);
    let mut playlist: VecDeque<Option<Name>> = options.inputs.iter().cloned().map(Some).collect();
    if playlist.is_empty() {
        playlist.push_back(None);
    }
    let server = asked.is_some_and(|asked| asked.is_ok_and(Probe::finds_outlet));
    let display = probe::choose_display(&options.display, server, std::io::stdout().is_terminal());
    let show_status = !options.quiet && display != DisplaySpec::Terminal;
    let mut session = Session {
        status: Status::new(show_status, options.unpaced),
        rounds_left: options.repeat.unwrap_or(1),
        keyboard: Keyboard::take(),
        options,
        report,
        name,
        control,
        _lock: lock,
        signals,
        escape_at_ns: None,
        janitor: Some(janitor),
        drawn: false,
        state,
        posts: Each::new(|_| Post::new()),
        channels: Vec::new(),
        playlist,
        current: None,
        opened: None,
        described: None,
        display,
        sink,
        sound_socket: SoundSocket::default(),
        skip_past_ns: None,
        stepped: false,
        stop: None,
        unplayable: false,
        restarts: Vec::new(),
        regions_replaced: 0,
        started_ns,
        rebased_ns: 0,
    };
    let ran = session.run();
    let code = session.finish(ran);
    let unlinked = tricine_session::NAMESPACE.unlink_all(&session.name, tricine_stress::sys::sysv::forget);
    let janitor = session.janitor.take();
    drop(session);
    if let (Ok(()), Some(janitor)) = (&unlinked, janitor) {
        janitor.dismiss();
    }
    unlinked?;
    code
}

impl Session {
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
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        if let Some(keyboard) = &self.keyboard {
            fds.push(PollFd::new(keyboard.as_fd(), PollFlags::POLLIN));
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
            let due = self.posts[role].start_at_ns.is_some_and(|at| now >= at);
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

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("name", &self.name).field("posts", &self.posts).finish_non_exhaustive()
    }
}
