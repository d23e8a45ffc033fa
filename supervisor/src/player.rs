//! The supervisor at work: one thread, one poll loop. It starts the roles, hands channels out, carries the user's wishes,
//! recovers and restarts what dies, and stops cleanly. What to do about a crash is decided in [`crate::policy`].

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll, ppoll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::{TimeSpec, TimeValLike};
use tricine_shared::channel::{
    Channel, ChannelName, Kind, Side, Spec as ChannelSpec, discard, held_by_consumer, recover,
};
use tricine_shared::clock::{MAX_SPEED, MIN_SPEED, PlayState};
use tricine_shared::control::{ControlRegion, Role};
use tricine_shared::link::{DisplaySpec, FromRole, Key, Opened, SinkSpec, Spec, ToRole, Work};
use tricine_shared::session::{self, SessionLock};
use tricine_shared::sys::process::{Exit, Usage};
use tricine_shared::time::mono_ns;
use tricine_shared::{Error, Result};

use crate::child::{self, Running};
use crate::cli::{Audio, Display, Play};
use crate::input::{self, Input};
use crate::janitor::Janitor;
use crate::keys::{self, Keyboard};
use crate::policy::{Action, History, Limit};
use crate::report::{self, Ended, Restart};
use crate::speaker::Speaker;
use crate::status::Status;

mod regions;

const MS: u64 = 1_000_000;
/// How long a role may take to stop before it is killed.
const GRACE_NS: u64 = 1_000 * MS;
/// A role that has not beaten for so long is hung.
const HUNG_NS: u64 = 2_000 * MS;
/// How long a hung role has between SIGABRT and SIGKILL.
const ABORT_NS: u64 = 500 * MS;
/// How long a role may take to say that it is ready.
const START_NS: u64 = 10_000 * MS;
/// How long the terminal is waited for at the end, in ms.
const GIVE_BACK_MS: u16 = 500;
/// How often the loop looks round though nothing happened.
const TICK_NS: u64 = 250 * MS;
/// How long an escape may be the beginning of a longer sequence.
const ESCAPE_NS: u64 = 30 * MS;
/// How long after a crash its visible gap is settled.
const GAP_NS: u64 = 1_500 * MS;
const SPEEDS: [f64; 11] = [0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 4.0];

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
    channels: Vec<Channel>,
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
    restarts: Vec<Restart>,
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

/// How a role has died, or that it could not be started.
#[derive(Debug)]
struct Death {
    /// In words.
    cause: String,
    /// Not by its own doing: what it worked on need not be left out.
    shot: bool,
    /// A frame was taken out of circulation that has killed it twice.
    poisoned: bool,
    /// When its process was started, in ns.
    started_ns: u64,
    /// Whether it has handed anything over in its life.
    achieved: bool,
    /// The last lines of its log.
    lines: Vec<String>,
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
    session::sweep(false)?;
    tricine_shared::sys::sigbus::survive_loss()?;
    let session = match &options.session {
        Some(name) => name.clone(),
        None => session::random_name()?,
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
        restarts: Vec::new(),
        started_ns,
        rebased_ns: 0,
    };
    let ran = player.run();
    let code = player.finish(ran);
    let unlinked = session::unlink_all(&player.session);
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
        match ppoll(&mut fds, Some(timeout), None) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(e) => Err(Error::sys("ppoll", "supervisor", e)),
        }
    }

    // ---- signals and keys

    fn signals(&mut self) -> Result<()> {
        while let Ok(Some(info)) = self.signals.read_signal() {
            match Signal::try_from(info.ssi_signo as i32) {
                Ok(Signal::SIGTSTP) => self.suspend()?,
                Ok(Signal::SIGCONT) => {
                    self.rebased_ns = mono_ns();
                    // Perhaps from the background, where the keyboard was the shell's.
                    if self.keyboard.is_none() && !self.options.inputs.iter().any(|i| i == "-") {
                        self.keyboard = Keyboard::take();
                    }
                }
                Ok(signal) if self.stop.is_some() => {
                    tracing::warn!("{signal} again: the roles are killed");
                    self.kill_all();
                }
                Ok(signal) => self.stop(Ended::Signal(signal as i32)),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Ctrl-Z: the film and its processes stand still, the terminal is as it was; and back again.
    fn suspend(&mut self) -> Result<()> {
        let was_paused = std::mem::replace(&mut self.state.paused, true);
        self.broadcast();
        // Time for the sound to be held at the device and for the clock to be published; nobody waits for us here.
        std::thread::sleep(Duration::from_millis(60));
        for running in self.posts.iter().filter_map(|p| p.running.as_ref()) {
            running.child.signal(Signal::SIGSTOP)?;
        }
        self.status.clear();
        // What was typed or answered until now is ours, not the shell's.
        self.typed();
        let drawn = self.drawn;
        self.leave_terminal();
        let had_keyboard = self.keyboard.take().is_some();
        loop {
            nix::sys::signal::raise(Signal::SIGSTOP).map_err(|e| Error::sys("raise", "SIGSTOP", e))?;
            // Here we are again; in the background there is nothing to draw on.
            if self.display != DisplaySpec::Terminal || keys::in_front(std::io::stdout()) {
                break;
            }
        }
        self.rebased_ns = mono_ns();
        if had_keyboard {
            self.keyboard = Keyboard::take();
        }
        self.drawn = drawn;
        self.tell(Role::Renderer, &ToRole::Retake);
        for running in self.posts.iter().filter_map(|p| p.running.as_ref()) {
            running.child.signal(Signal::SIGCONT)?;
        }
        self.state.paused = was_paused;
        self.broadcast();
        Ok(())
    }

    fn typed(&mut self) {
        let Some(keyboard) = &mut self.keyboard else { return };
        let mut keys = keyboard.read();
        let now = mono_ns();
        match self.escape_at_ns {
            Some(at) if now >= at => {
                keys.extend(keyboard.flush());
                self.escape_at_ns = None;
            }
            Some(_) if !keyboard.pending() => self.escape_at_ns = None,
            None if keyboard.pending() => self.escape_at_ns = Some(now + ESCAPE_NS),
            _ => {}
        }
        let answers = self.keyboard.as_mut().map_or(0, Keyboard::answers);
        for _ in 0..answers {
            self.tell(Role::Renderer, &ToRole::Answer);
        }
        for key in keys {
            self.key(key);
        }
    }

    /// Film time now, in ns.
    fn position_ns(&self) -> i64 {
        let now = match self.control.clock(self.state.serial) {
            // Single steps move the picture and no clock.
            _ if self.stepped => self.control.renderer().last_pts_ns.get() as i64,
            Some(clock) => clock.pts_at(mono_ns()),
            None => return self.state.target_ns,
        };
        now.clamp(0, self.opened.as_ref().and_then(|o| o.duration_ns).unwrap_or(i64::MAX))
    }

    fn key(&mut self, key: Key) {
        if self.stop.is_some() {
            return;
        }
        match key {
            Key::Pause => {
                self.state.paused = !self.state.paused;
                // Single steps have moved the picture alone: sound joins it where it stands.
                if !self.state.paused && std::mem::take(&mut self.stepped) && self.seekable() {
                    self.seek(self.control.renderer().last_pts_ns.get() as i64);
                    return;
                }
            }
            Key::Seek(seconds) if self.seekable() => {
                self.seek(self.position_ns().saturating_add(i64::from(seconds) * 1_000_000_000));
                return;
            }
            Key::Seek(_) => self.osd("this input cannot seek"),
            Key::Step => {
                let moving = !std::mem::replace(&mut self.state.paused, true);
                if moving {
                    self.broadcast();
                }
                self.stepped = true;
                self.tell(Role::Renderer, &ToRole::Step);
            }
            Key::Slower | Key::Faster => {
                let speed = self.state.speed;
                let next = match key {
                    Key::Faster => SPEEDS.into_iter().find(|s| *s > speed + 1e-9),
                    _ => SPEEDS.into_iter().rev().find(|s| *s < speed - 1e-9),
                };
                self.state.speed = next.unwrap_or(speed).clamp(MIN_SPEED, MAX_SPEED);
            }
            Key::VolumeDown => self.state.volume = self.state.volume.saturating_sub(5),
            Key::VolumeUp => self.state.volume = (self.state.volume + 5).min(100),
            Key::Mute => self.state.muted = !self.state.muted,
            Key::Loop => {
                self.state.looping = !self.state.looping;
                self.rounds_left = if self.state.looping { u64::MAX } else { 1 };
            }
            Key::Osd => self.state.osd = 1 - self.state.osd.min(1),
            Key::Fullscreen => self.tell(Role::Renderer, &ToRole::Fullscreen),
            Key::Help => {
                self.tell(Role::Renderer, &ToRole::Help);
                if self.posts[index(Role::Renderer)].running.is_none() {
                    self.status
                        .notice("space pause, arrows seek, [ ] speed, 9 0 volume, m mute, l loop, n next, q quit");
                }
            }
            Key::Screenshot => match std::env::current_dir() {
                Ok(folder) => self.tell(Role::Renderer, &ToRole::Screenshot(folder)),
                Err(e) => self.osd(&format!("no screenshot: {e}")),
            },
            Key::Next if self.playlist.is_empty() => self.osd("there is no next input"),
            Key::Next => {
                self.next_input();
                return;
            }
            Key::Quit => {
                self.stop(Ended::Quit);
                return;
            }
        }
        self.broadcast();
    }

    fn seekable(&self) -> bool {
        self.opened.as_ref().is_some_and(|o| o.seekable)
    }

    /// A new serial from `target_ns`.
    fn seek(&mut self, target_ns: i64) {
        let last = self.opened.as_ref().and_then(|o| o.duration_ns).unwrap_or(i64::MAX);
        self.state.target_ns = target_ns.clamp(0, last);
        self.state.serial += 1;
        self.stepped = false;
        self.skip_past_ns = None;
        self.broadcast();
    }

    fn osd(&mut self, text: &str) {
        self.tell(Role::Renderer, &ToRole::Osd(text.to_owned()));
        if self.posts[index(Role::Renderer)].running.is_none() {
            self.status.notice(text);
        }
    }

    fn tell(&self, role: Role, message: &ToRole) {
        if let Some(running) = &self.posts[index(role)].running {
            running.tell(message);
            self.ring(role);
        }
    }

    /// Wakes a role from waiting at a channel.
    fn ring(&self, role: Role) {
        for channel in &self.channels {
            if let Some(side) = side_of(role, channel.name().kind) {
                channel.ring(side);
            }
        }
    }

    /// Lets every role know what the user wants.
    fn broadcast(&self) {
        self.control.set_state(&self.state);
        for role in Role::ALL {
            self.tell(role, &ToRole::State);
        }
    }

    // ---- inputs

    /// Goes on to the next input that can be opened, or stops.
    fn next_input(&mut self) {
        loop {
            let Some(name) = self.playlist.pop_front() else {
                self.stop(Ended::Played);
                return;
            };
            match if name.is_empty() { input::demo() } else { input::open(&name) } {
                Ok(input) => {
                    let first = self.current.is_none();
                    self.current = Some(input);
                    self.opened = None;
                    self.skip_past_ns = None;
                    if first {
                        self.start_all();
                    } else {
                        self.replace_decoder();
                    }
                    return;
                }
                Err(why) => self.cannot_play(&name, &why),
            }
        }
    }

    fn cannot_play(&mut self, name: &str, why: &str) {
        self.unplayable = true;
        self.status.error(&format!("cannot play {name}: {why}"));
    }

    fn start_all(&mut self) {
        let now = mono_ns();
        for role in Role::ALL {
            if role != Role::Audio || self.sink.is_some() {
                self.posts[index(role)].start_at_ns = Some(now);
            }
        }
    }

    /// The next input is for a new decoder; the others stay, and see it as a seek.
    fn replace_decoder(&mut self) {
        self.rounds_left = self.options.repeat.unwrap_or(1).max(if self.state.looping { u64::MAX } else { 1 });
        self.state.serial += 1;
        self.state.target_ns = self.options.start.unwrap_or(0);
        self.state.audible = self.sink.is_some();
        self.broadcast();
        let post = &mut self.posts[index(Role::Decoder)];
        match &mut post.running {
            Some(running) => {
                running.quitting = true;
                running.tell(&ToRole::Quit);
                // Its successor starts when it is reaped; a codec in mid-frame is not waited for.
                let _ = running.child.signal(Signal::SIGKILL);
            }
            None => post.start_at_ns = Some(mono_ns()),
        }
        for post in &mut self.posts {
            post.ended = None;
        }
        if self.sink.is_some() && !self.posts[index(Role::Audio)].manned() {
            self.posts[index(Role::Audio)].start_at_ns = Some(mono_ns());
        }
        if !self.posts[index(Role::Renderer)].manned() {
            self.posts[index(Role::Renderer)].start_at_ns = Some(mono_ns());
        }
    }

    // ---- roles

    fn start(&mut self, role: Role) -> Result<()> {
        let Some(current) = &self.current else { return Ok(()) };
        let mine = |c: &&Channel| side_of(role, c.name().kind).is_some();
        let work = match role {
            Role::Decoder => Work::Decoder {
                input: current.spec.clone(),
                mode: self.options.mode,
                want_video: true,
                want_audio: self.sink.is_some(),
                skip_past_ns: self.skip_past_ns,
                stream_header: self.opened.as_ref().and_then(|o| o.stream_header.clone()),
            },
            Role::Audio => Work::Audio { sink: self.sink.clone().unwrap_or(SinkSpec::Null) },
            Role::Renderer => Work::Renderer {
                display: self.display.clone(),
                title: format!("{} — Tricine", current.title),
                fullscreen: self.options.fullscreen,
                frames: self.opened.as_ref().and_then(|o| o.video.as_ref()).and_then(|v| v.frames),
            },
        };
        let post = &self.posts[index(role)];
        let spec = Spec {
            session: self.session.clone(),
            channels: self.channels.iter().filter(mine).map(|c| c.name().clone()).collect(),
            unpaced: self.options.unpaced,
            work,
            restarts: post.restarts,
            verbosity: self.options.verbose,
        };
        let achieved = self.achieved(role);
        let input = match role {
            Role::Decoder => current.file.as_ref().map(|f| f.as_fd()),
            Role::Audio if matches!(self.sink, Some(SinkSpec::Auto | SinkSpec::Pulse)) => self.speaker.lend(),
            _ => None,
        };
        let stdout = role == Role::Renderer && self.display == DisplaySpec::Terminal;
        if stdout {
            self.status.hold();
            self.janitor.iter_mut().for_each(Janitor::terminal_is_drawn_on);
        }
        let running = child::start(role, &current.title, &spec, input, stdout, achieved)?;
        let post = &mut self.posts[index(role)];
        post.last_pid = Some(running.child.pid);
        post.start_at_ns = None;
        post.running = Some(running);
        Ok(())
    }

    fn listen(&mut self, role: Role) -> Result<()> {
        let Some(running) = &mut self.posts[index(role)].running else { return Ok(()) };
        let messages = running.messages();
        for line in running.log_lines() {
            self.status.log(role, &line, self.options.quiet, self.options.verbose);
        }
        for message in messages {
            self.heard(role, message)?;
        }
        Ok(())
    }

    fn heard(&mut self, role: Role, message: FromRole) -> Result<()> {
        let post = &mut self.posts[index(role)];
        match message {
            FromRole::Ready => {
                if let Some(running) = &mut post.running {
                    running.ready = true;
                }
            }
            FromRole::Opened(opened) if role == Role::Decoder => self.opened(opened),
            FromRole::NeedChannel { kind, capacity, base, resume_pts_ns, resume_serial } if role == Role::Decoder => {
                self.make_channel(kind, capacity, base, resume_pts_ns, resume_serial)?;
            }
            FromRole::Switched { kind, generation } => {
                // A word that names a region which nobody made led it there.
                if !self.channels.iter().any(|c| c.name().kind == kind && c.name().generation == generation) {
                    return self.replace(kind);
                }
                for channel in
                    self.channels.extract_if(.., |c| c.name().kind == kind && c.name().generation < generation)
                {
                    channel.name().unlink()?;
                }
            }
            FromRole::Output(output) => {
                tracing::info!("{role}: {output}");
                post.output = Some(output);
                if role == Role::Renderer && self.display == DisplaySpec::Terminal {
                    self.drawn = true;
                    if self.keyboard.is_some() {
                        self.tell(Role::Renderer, &ToRole::Answer);
                    }
                }
            }
            FromRole::Key(key) => self.key(key),
            FromRole::Ended { serial } => {
                post.ended = Some(serial);
                self.ended();
            }
            FromRole::Notice(text) => self.status.notice(&text),
            FromRole::Failed(why) => {
                if let Some(running) = &mut post.running {
                    running.failed = Some(why);
                }
            }
            FromRole::Opened(_) | FromRole::NeedChannel { .. } => {
                tracing::warn!("{role} said what only the decoder may say");
            }
        }
        Ok(())
    }

    /// The decoder knows what the input holds: roles that have nothing to do go, and those that have come.
    fn opened(&mut self, opened: Opened) {
        self.control.session().duration_ns.set(opened.duration_ns.unwrap_or(0).max(0) as u64);
        let first = self.opened.is_none();
        let wanted = [(Role::Audio, opened.audio.is_some()), (Role::Renderer, opened.video.is_some())];
        self.described.get_or_insert_with(|| opened.clone());
        self.status.duration_ns = opened.duration_ns;
        self.status.frames = opened.video.as_ref().and_then(|v| v.frames);
        self.opened = Some(opened);
        if !first {
            return;
        }
        for (role, needed) in wanted {
            let post = &mut self.posts[index(role)];
            match (needed, &mut post.running) {
                (false, Some(running)) => {
                    running.quitting = true;
                    self.tell(role, &ToRole::Quit);
                }
                (false, None) => post.start_at_ns = None,
                _ => {}
            }
        }
        self.state.audible = wanted[0].1 && self.sink.is_some();
        self.broadcast();
    }

    fn make_channel(&mut self, kind: Kind, capacity: u64, base: u64, pts: i64, serial: u32) -> Result<()> {
        let of_kind = |c: &&Channel| c.name().kind == kind;
        let newest = self.channels.iter().filter(of_kind).map(|c| c.name().generation).max();
        let name = ChannelName { session: self.session.clone(), kind, generation: newest.map_or(0, |g| g + 1) };
        let mode = if kind == Kind::Video { self.options.mode } else { tricine_shared::channel::Mode::Fifo };
        let spec = ChannelSpec { mode, capacity, base, resume_pts_ns: pts, resume_serial: serial };
        if !self.create_channel(&name, &spec)? {
            return Ok(());
        }
        self.tell(Role::Decoder, &ToRole::Channel(name.clone()));
        // A consumer follows from one generation to the next by itself; only the first is news to it.
        if newest.is_none() {
            let consumer = if kind == Kind::Video { Role::Renderer } else { Role::Audio };
            self.tell(consumer, &ToRole::Channel(name));
        }
        Ok(())
    }

    /// Makes a channel. `false` if there is no room for it, which ends the session.
    fn create_channel(&mut self, name: &ChannelName, spec: &ChannelSpec) -> Result<bool> {
        match Channel::create(name, spec) {
            Ok(()) => self.channels.push(Channel::attach(name, None)?),
            Err(error @ (Error::TooLarge { .. } | Error::Sys { .. })) => {
                let (kind, mib) = (name.kind, 3 * spec.capacity / (1 << 20) + 1);
                let hint = format!("{kind} frames need {mib} MiB in /dev/shm: {error}");
                let input = self.current.as_ref().map(|i| i.name.clone()).unwrap_or_default();
                self.cannot_play(&input, &format!("{hint}; free some of it (`df /dev/shm`, `tricine clean`)"));
                self.stop(Ended::Failed);
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// A consumer has come to the end: if all have, the input is over.
    fn ended(&mut self) {
        if self.stop.is_some() {
            return;
        }
        let Some(opened) = &self.opened else { return };
        let over = |role, there: bool| !there || self.posts[index(role)].ended == Some(self.state.serial);
        let sound = opened.audio.is_some() && self.sink.is_some();
        if !over(Role::Audio, sound) || !over(Role::Renderer, opened.video.is_some()) {
            return;
        }
        self.rounds_left = self.rounds_left.saturating_sub(u64::from(self.rounds_left != u64::MAX));
        if self.rounds_left > 0 && opened.seekable {
            self.seek(self.options.start.unwrap_or(0));
        } else {
            self.next_input();
        }
    }

    /// Reaps a role if it has died, and does what is to be done about it.
    fn bury(&mut self, role: Role) -> Result<()> {
        let Some(running) = &self.posts[index(role)].running else { return Ok(()) };
        let Some((exit, usage)) = running.child.try_reap()? else { return Ok(()) };
        // What it said last counts.
        self.listen(role)?;
        let post = &mut self.posts[index(role)];
        let Some(running) = post.running.take() else { return Ok(()) };
        post.usage.add(usage);
        // Who was killed for a region's sake has nothing to say about the next one.
        let broken = if running.moving { Vec::new() } else { self.broken(role, exit) };
        let poisoned = self.recover(role, exit, &broken);
        if self.stop.is_some() {
            return Ok(());
        }
        for kind in broken {
            self.replace(kind)?;
        }
        if running.moving {
            self.moved(role);
            return Ok(());
        }
        if running.quitting {
            if role == Role::Decoder {
                self.posts[index(role)].start_at_ns = Some(mono_ns());
            }
            return Ok(());
        }
        match running.failed {
            Some(ref why) => self.role_failed(role, why),
            None => {
                let cause = running.verdict.clone().map_or(exit.to_string(), |v| format!("{v}, {exit}"));
                let lines = Vec::from(running.lines);
                // Whoever was shot from outside did not die of what it had before it.
                let shot = exit == Exit::Signal(Signal::SIGKILL as i32);
                let (started_ns, achieved) = (running.started_ns, self.achieved(role) > running.achieved);
                self.crashed(role, &Death { cause, shot, poisoned, started_ns, achieved, lines });
            }
        }
        Ok(())
    }

    /// A role's process could not even be made. At the first start that is the session's end; later it is a crash like
    /// any other, since processes, memory and descriptors come and go.
    fn not_started(&mut self, role: Role, error: &Error) {
        if self.posts[index(role)].last_pid.is_none() {
            self.unplayable = true;
            self.status.error(&format!("{error}; `ulimit -a` shows this user's limits"));
            self.stop(Ended::Failed);
        } else {
            let (started_ns, cause) = (mono_ns(), format!("it could not be started: {error}"));
            self.crashed(
                role,
                &Death { cause, shot: true, poisoned: false, started_ns, achieved: false, lines: Vec::new() },
            );
        }
    }

    /// Sets the dead role's channels right, but for those that are broken. Whether a frame was taken out of circulation
    /// that has killed it twice.
    fn recover(&mut self, role: Role, exit: Exit, broken: &[Kind]) -> bool {
        let mut poisoned = false;
        // Whoever was shot from outside was not killed by a frame.
        let by_itself = exit != Exit::Signal(Signal::SIGKILL as i32);
        for channel in self.channels.iter().filter(|c| !broken.contains(&c.name().kind)) {
            let Some(side) = side_of(role, channel.name().kind) else { continue };
            let post = &mut self.posts[index(role)];
            if side == Side::Consumer {
                let held = held_by_consumer(channel).map(|seq| seq + channel.base()).filter(|_| by_itself);
                if held.is_some() && held == post.held {
                    discard(channel, held.unwrap_or(0) - channel.base());
                    poisoned = true;
                }
                post.held = held;
            }
            recover(channel, side);
        }
        poisoned
    }

    /// A role has ended itself and said why.
    fn role_failed(&mut self, role: Role, why: &str) {
        match role {
            Role::Decoder => {
                let name = self.current.as_ref().map(|i| i.name.clone()).unwrap_or_default();
                self.cannot_play(&name, why);
                if self.playlist.is_empty() {
                    self.stop(Ended::Failed);
                } else {
                    self.posts[index(role)].start_at_ns = Some(mono_ns());
                    self.next_input();
                }
            }
            Role::Renderer if self.options.display == Display::Auto && self.display == DisplaySpec::Window => {
                self.display = choose_display(&Display::Auto);
                if self.display == DisplaySpec::Terminal {
                    self.status.notice(&format!("{why}; going on in the terminal"));
                    self.posts[index(role)].start_at_ns = Some(mono_ns());
                } else {
                    self.unplayable = true;
                    self.status.error(&format!("no display is left to show the film on: {why}"));
                    self.stop(Ended::Failed);
                }
            }
            _ => {
                self.unplayable = true;
                self.status.error(&format!("{role}: {why}"));
                self.stop(Ended::Failed);
            }
        }
    }

    /// Frames and blocks that a role has handed over, over all its incarnations.
    fn achieved(&self, role: Role) -> u64 {
        match role {
            Role::Decoder => {
                let page = self.control.decoder();
                page.video_published.get().saturating_add(page.audio_published.get())
            }
            Role::Audio => self.control.audio().received.get(),
            Role::Renderer => self.control.renderer().received.get(),
        }
    }

    fn crashed(&mut self, role: Role, death: &Death) {
        let now = mono_ns();
        let &Death { ref cause, shot, poisoned, started_ns, achieved, ref lines } = death;
        let limit = Limit { intensity: self.options.restart_limit.0, period: self.options.restart_limit.1 };
        let published = self.achieved(Role::Decoder);
        let post = &mut self.posts[index(role)];
        let action = post.history.on_crash(limit, started_ns, now, achieved, (now % 1000) as f64 / 1000.0);
        if role == Role::Decoder {
            // Nothing came of its last life: what lies ahead kills it.
            let again = post.crashed_at == Some(published) && !shot;
            post.crashed_at = Some(published);
            let here = self.skip_past_ns.unwrap_or(i64::MIN).max(self.position_ns());
            self.skip_past_ns = again.then_some(here);
        }
        self.restarts.push(Restart {
            role: role.name(),
            cause: cause.clone(),
            at_ns: now,
            gap_ns: None,
            audible_gap_ns: None,
            settled: false,
        });
        match action {
            Action::Restart(wait) => {
                let post = &mut self.posts[index(role)];
                post.restarts += 1;
                post.start_at_ns = Some(now + wait.as_nanos() as u64);
                let more = if poisoned { "; the frame that it died of twice is left out" } else { "" };
                self.status.notice(&format!("{role} crashed ({cause}); restarting it{more}"));
                for line in lines.iter().filter(|_| self.options.verbose > 0) {
                    self.status.notice(&format!("  {role}: {line}"));
                }
            }
            Action::GiveUp => {
                let (count, period) = self.options.restart_limit;
                let at = self.control.renderer();
                self.status.error(&format!(
                    "gave up: {role} crashed more than {count} times in {} s, last by {cause}, after frame {} at {:.3} s",
                    period.as_secs_f64(),
                    at.last_seq.get(),
                    at.last_pts_ns.get() as i64 as f64 / 1e9,
                ));
                for line in lines {
                    self.status.error(&format!("  {role}: {line}"));
                }
                self.stop(Ended::GaveUp);
            }
        }
    }

    // ---- time

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

    /// A role whose heart has stopped is first asked for a core, then killed.
    fn watch(&mut self, role: Role, now: u64) -> Result<()> {
        let rebased = self.rebased_ns;
        let beat = self.control.pulse(role).heartbeat_ns.get();
        let Some(running) = &mut self.posts[index(role)].running else { return Ok(()) };
        let patience = if running.ready { HUNG_NS } else { START_NS };
        let last = beat.min(now).max(running.started_ns).max(rebased);
        match running.aborted_ns {
            Some(at) if now >= at + ABORT_NS => running.child.signal(Signal::SIGKILL)?,
            Some(_) => {}
            None if now.saturating_sub(last) > patience => {
                running.verdict = Some(if running.ready { "it hung".into() } else { "it was never ready".into() });
                running.aborted_ns = Some(now);
                running.child.signal(Signal::SIGABRT)?;
            }
            None => {}
        }
        Ok(())
    }

    /// How long nothing new was seen after a crash is known a while after it.
    fn settle_gaps(&mut self, now: u64) {
        let page = self.control.renderer();
        for restart in self.restarts.iter_mut().filter(|r| !r.settled && now >= r.at_ns + GAP_NS) {
            restart.settled = true;
            let shown_since = page.last_present_ns.get() > restart.at_ns;
            let within = restart.at_ns..restart.at_ns + GAP_NS;
            restart.gap_ns = shown_since.then(|| page.gaps.longest(within));
            let sound = self.control.audio();
            let (joined, silent_since) = (sound.joined_ns.get(), sound.inherited_until_ns.get().max(restart.at_ns));
            let heard_since = restart.role == Role::Audio.name() && joined > restart.at_ns;
            restart.audible_gap_ns = heard_since.then(|| joined.saturating_sub(silent_since));
        }
    }

    // ---- the end

    fn stop(&mut self, how: Ended) {
        if self.stop.is_some() {
            return;
        }
        self.stop = Some(Stop { how, deadline_ns: mono_ns() + GRACE_NS });
        for post in &mut self.posts {
            post.start_at_ns = None;
            if let Some(running) = &mut post.running {
                running.quitting = true;
                // A stopped process cannot quit.
                let _ = running.child.signal(Signal::SIGCONT);
            }
        }
        for role in Role::ALL {
            self.tell(role, &ToRole::Quit);
        }
    }

    fn kill_all(&mut self) {
        for running in self.posts.iter().filter_map(|p| p.running.as_ref()) {
            let _ = running.child.signal(Signal::SIGKILL);
        }
    }

    fn leave_terminal(&mut self) {
        if std::mem::take(&mut self.drawn) {
            use std::io::Write;
            let mut out = std::io::stdout();
            // A terminal that takes nothing, such as one behind a dead connection, is not waited for longer.
            let mut room = [PollFd::new(out.as_fd(), PollFlags::POLLOUT)];
            if !matches!(poll(&mut room, PollTimeout::from(GIVE_BACK_MS)), Ok(n) if n > 0) {
                return;
            }
            let _ = out.write_all(tricine_shared::sys::terminal::LEAVE.as_bytes()).and_then(|()| out.flush());
        }
    }

    /// Everybody is gone (or the loop broke): the terminal, the report, the exit code.
    fn finish(&mut self, ran: Result<()>) -> Result<i32> {
        self.kill_all();
        for role in Role::ALL {
            while let Some(running) = &self.posts[index(role)].running {
                if let Some((_, usage)) = running.child.try_reap()? {
                    self.posts[index(role)].usage.add(usage);
                    self.posts[index(role)].running = None;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.status.clear();
        self.leave_terminal();
        self.keyboard = None;
        self.status.release();
        ran?;
        let how = self.stop.as_ref().map_or(Ended::Failed, |s| s.how);
        let how = if how == Ended::Played && self.unplayable { Ended::Failed } else { how };
        let now = mono_ns();
        self.settle_gaps(now + GAP_NS);
        if let Some(path) = &self.options.report {
            let roles = Role::ALL.map(|role| {
                let post = &self.posts[index(role)];
                report::RoleReport { name: role.name(), pid: post.last_pid, restarts: post.restarts, usage: post.usage }
            });
            let report = report::play(&report::Session {
                input: self.current.as_ref().map_or("", |i| &i.name),
                ended: how,
                opened: self.described.as_ref().or(self.opened.as_ref()),
                mode: self.options.mode,
                sink: self.posts[index(Role::Audio)].output.as_deref(),
                display: self.posts[index(Role::Renderer)].output.as_deref(),
                control: &self.control,
                started_ns: self.started_ns,
                now_ns: now,
                roles: &roles,
                restarts: &self.restarts,
            });
            if let Err(why) = report::write(path, &report) {
                self.status.error(&format!("cannot write the report {}: {why}", path.display()));
                return Ok(1);
            }
        }
        Ok(match how {
            Ended::Played | Ended::Quit => 0,
            Ended::Failed => 1,
            Ended::GaveUp => 3,
            Ended::Signal(signal) => 128 + signal,
        })
    }
}

impl std::fmt::Debug for Player {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Player").field("session", &self.session).field("posts", &self.posts).finish_non_exhaustive()
    }
}
