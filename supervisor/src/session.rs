//! The supervisor at work: one thread, one poll loop. What happens is told to the [`Supervision`], which decides; the loop
//! carries out what it says: it starts and ends processes, makes, recovers and removes regions, opens inputs, and tells roles
//! what the user wants.
//!
//! Architecture invariant: the loop never waits but in [`Session::wait`]. What may take for ever (to open an input, a terminal
//! that nobody reads) is done by a process or by a writer that drops.

use std::collections::VecDeque;
use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::signalfd::SignalFd;
use tricine_channel::namespace::{self, SessionLock};
use tricine_channel::sys::process::{Reaped, Usage};
use tricine_channel::time::mono_ns;
use tricine_session::channel::{Kind, Side, StreamRegion};
use tricine_session::clock::{PlayState, SubtitleState};
use tricine_session::control::{Attached, ControlRegion, Role, SessionPage, Writable};
use tricine_session::link::{DisplaySpec, Listing, Opened, SinkSpec, SubtitleFile, TracksSpec};
use tricine_session::process::Child;
use tricine_session::role::Each;
use tricine_session::sandbox::Walls;
use tricine_session::{NAMESPACE, Result, signals};

use crate::admission::Allowance;
use crate::child::Running;
use crate::cli::{Audio, Display, Play};
use crate::held_socket::HeldSocket;
use crate::input::{Entry, Input};
use crate::janitor::{Janitor, Settings};
use crate::keys::Keyboard;
use crate::opening::Opening;
use crate::outputs::Outputs;
use crate::probe::{self, Probe};
use crate::report::{Ended, Restart};
use crate::saver::Saving;
use crate::status::Status;
use crate::supervision::{Event, Kinds, Limit, Plan, Supervision};

mod act;
mod contents;
mod end;
mod events;
mod hear;
mod inputs;
mod line;
pub(crate) mod pace;
mod picture;
mod regions;
mod subtitles;
mod tell;
mod wishes;
mod words;

/// Nanoseconds.
const MS: u64 = 1_000_000;
/// The streams, in the order by which the supervision knows them.
const KINDS: [Kind; 3] = [Kind::Video, Kind::Audio, Kind::Cues];

/// A place for one role's process, over all its incarnations.
#[derive(Debug, Default)]
struct Post {
    running: Option<Running>,
    /// By which it talks to a sound server, or has its window.
    socket: HeldSocket,
    /// How often it was started; the decoder, for the current input.
    starts: u32,
    /// How often that was after a crash.
    restarts: u32,
    usage: Usage,
    last_pid: Option<u32>,
    /// Where it shows or plays.
    output: Option<String>,
    /// What keeps it in.
    walls: Option<Walls>,
    /// The last lines of the log of the one that died last.
    lines: Vec<String>,
    /// Why it could not go on, or could not be started, in words.
    why: Option<String>,
    /// The region that it reads from.
    reads: Option<(Kind, u64)>,
}

/// A session.
pub(crate) struct Session {
    options: Play,
    outputs: Outputs,
    name: String,
    control: Attached<SessionPage<Writable>>,
    _lock: SessionLock,
    supervision: Supervision<Reaped>,
    /// What happened and is not told to the supervision yet.
    agenda: VecDeque<Event<Reaped>>,
    /// The agenda is being worked off.
    busy: bool,
    signals: SignalFd,
    keyboard: Option<Keyboard>,
    escape_at_ns: Option<u64>,
    janitor: Option<Janitor>,
    /// How the terminal was set before us.
    terminal: Option<Settings>,
    /// Pictures may be on the terminal's alternate screen, and are for sure.
    drawable: bool,
    drawn: bool,
    state: PlayState,
    posts: Each<Post>,
    channels: Vec<StreamRegion>,
    /// The demo, or what the user named.
    playlist: VecDeque<Option<Entry>>,
    /// What is being opened.
    opening: Option<Opening>,
    /// Playlists that were read one after another, and nothing played in between.
    lists: u32,
    /// What the renderer writes a picture to; and the process that saves it after that.
    picture: Option<File>,
    saving: Option<Saving>,
    /// Processes that are on their way out, and of no interest.
    leaving: Vec<Child>,
    /// The input that is open and has not begun.
    next: Option<Input>,
    current: Option<Input>,
    /// What the current input is made of; and what the decoder has said of that, until it has said what the input holds.
    listing: Listing,
    listing_heard: Listing,
    /// The tracks that are wanted of it.
    tracks: TracksSpec,
    /// Where it goes on once it is open again, in ns.
    resume_ns: Option<i64>,
    /// What the decoder said last that the current input holds, and what counts.
    heard: Option<Opened>,
    opened: Option<Opened>,
    /// What the first inputs with pictures and with sound held; for the report.
    described: Option<Opened>,
    /// The process that looks for a display, while it does.
    probe: Option<Probe>,
    /// The process that connects to a sound server for the audio role, while it does; and how often one may be started.
    connecting: Option<Probe>,
    connections: Allowance,
    display: DisplaySpec,
    sink: Option<SinkSpec>,
    /// Files of subtitles of the input that is playing, and of the one that is next.
    subtitles: Vec<(SubtitleFile, OwnedFd)>,
    next_subtitles: Vec<(SubtitleFile, OwnedFd)>,
    skip_past_ns: Option<i64>,
    stepped: bool,
    done: Option<Ended>,
    restarts: Vec<Restart>,
    /// Regions that could not be trusted any more.
    regions_replaced: u64,
    /// The user knows what this machine lacks for the sandbox.
    lack_told: bool,
    /// It was said that something else has taken the name of a region.
    names_taken: bool,
    /// What was counted of pictures when the current input began; and whether it was said that this machine is too slow for it.
    pace_begun: pace::Pace,
    pace_told: bool,
    /// Pictures or sound that were asked for could not be played.
    incomplete: bool,
    status: Status,
    started_ns: u64,
}

fn index(role: Role) -> usize {
    Role::ALL.iter().position(|&r| r == role).unwrap_or(0)
}

fn kind_index(kind: Kind) -> usize {
    KINDS.iter().position(|&k| k == kind).unwrap_or(0)
}

/// What the supervision has to know of a session.
fn plan(options: &Play, audible: bool) -> Plan {
    let takes = |role: Role| KINDS.into_iter().filter(move |&kind| role.side(kind) == Some(Side::Consumer));
    let set = |kinds: &mut dyn Iterator<Item = Kind>| {
        kinds.fold(Kinds::default(), |all, kind| all.or(Kinds::of(kind_index(kind))))
    };
    let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Plan {
        takes: Role::ALL.map(|role| set(&mut takes(role))).to_vec(),
        patience_ns: Role::ALL.map(|role| [role.entry().ready_within, role.entry().beats_within].map(ns)).to_vec(),
        source: index(Role::Decoder),
        kinds: KINDS.len(),
        wanted: set(&mut KINDS.into_iter().filter(|&kind| audible || kind != Kind::Audio)),
        limit: Limit { intensity: options.restart_limit.0, period: options.restart_limit.1 },
        rounds: options.repeat.unwrap_or(1),
    }
}

/// Plays what `options` say. The exit code.
pub(crate) fn play(options: Play, outputs: Outputs, started_ns: u64) -> Result<i32> {
    // What cannot be swept now is swept another time, or by `tricine clean`, which says why not.
    match NAMESPACE.sweep(false, tricine_stress::sys::forget) {
        Ok(swept) => swept.iter().filter_map(|s| s.failure.as_ref()).for_each(|why| tracing::info!("{why}")),
        Err(why) => tracing::info!("{why}"),
    }
    tricine_channel::sys::sigbus::survive_loss()?;
    let name = match &options.session {
        Some(name) => name.clone(),
        None => namespace::random_name()?,
    };
    let signals = signals::take(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTSTP, Signal::SIGCONT])?;

    // Asked while the rest is made ready. Without a process that could be asked, there is no window.
    let probe = if options.display == Display::Auto { Probe::start(Role::Renderer).ok() } else { None };
    let terminal = Settings::now();
    let janitor = Janitor::start(&name, terminal.as_ref(), outputs.unfinished())?;
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
        fullscreen: options.fullscreen,
        osd: 0,
        follows: false,
        volume: options.volume,
        speed: options.speed,
        end_ns: options.length.map(|length| start_ns.saturating_add(length)),
        subtitles: SubtitleState { serial: 1, track: 0, hidden: options.no_sub, delay_ms: options.sub_delay },
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
    let mut playlist: VecDeque<Option<Entry>> = options.inputs.iter().map(|name| Some(name.clone().into())).collect();
    if playlist.is_empty() {
        playlist.push_back(None);
    }
    // Until there is an answer, as if no display server had answered.
    let display = probe::choose_display(&options.display, false, std::io::stdout().is_terminal());
    let display_is_terminal = display == DisplaySpec::Terminal && probe.is_none();
    let mut session = Session {
        supervision: Supervision::new(plan(&options, sink.is_some()), mono_ns()),
        agenda: VecDeque::new(),
        busy: false,
        status: Status::new(&options),
        keyboard: Keyboard::take(),
        options,
        outputs,
        name,
        control,
        _lock: lock,
        signals,
        escape_at_ns: None,
        janitor: Some(janitor),
        terminal,
        drawable: false,
        drawn: false,
        state,
        posts: Each::new(|_| Post::default()),
        channels: Vec::new(),
        playlist,
        opening: None,
        lists: 0,
        picture: None,
        saving: None,
        leaving: Vec::new(),
        next: None,
        current: None,
        listing: Listing::default(),
        listing_heard: Listing::default(),
        tracks: TracksSpec::default(),
        resume_ns: None,
        heard: None,
        opened: None,
        described: None,
        probe,
        connecting: None,
        connections: Allowance::new(10, 1),
        display,
        sink,
        subtitles: Vec::new(),
        next_subtitles: Vec::new(),
        skip_past_ns: None,
        stepped: false,
        done: None,
        restarts: Vec::new(),
        regions_replaced: 0,
        lack_told: false,
        names_taken: false,
        pace_begun: pace::Pace::default(),
        pace_told: false,
        incomplete: false,
        started_ns,
    };
    if session.options.inputs.is_empty() && std::io::stderr().is_terminal() {
        session
            .status
            .notice("this is the demo film; `tricine FILE` plays yours, and `tricine lab` lets you try what it shows");
    }
    if display_is_terminal {
        // Until it is known whether there are pictures.
        session.status.hide();
    }
    let ran = session.run();
    session.close();
    let unlinked = NAMESPACE.unlink_all(&session.name, tricine_stress::sys::forget);
    if let (Ok(()), Some(janitor)) = (&unlinked, session.janitor.take()) {
        janitor.dismiss();
    }
    // Nothing of the session is left: whatever the report is written to, it may take its time.
    let code = ran.and_then(|how| session.report(how));
    unlinked?;
    code
}

impl Session {
    /// Until the supervision says that it is done: how the session has ended.
    fn run(&mut self) -> Result<Ended> {
        self.work()?;
        loop {
            self.timers()?;
            if let Some(how) = self.done {
                return Ok(how);
            }
            for source in self.wait()? {
                self.take_up(source)?;
            }
        }
    }

    /// Tells the supervision what has happened, and does what it says.
    fn tell(&mut self, event: Event<Reaped>) -> Result<()> {
        self.agenda.push_back(event);
        // What happens while something is being done comes after it.
        if self.busy { Ok(()) } else { self.work() }
    }

    fn work(&mut self) -> Result<()> {
        self.busy = true;
        loop {
            for action in self.supervision.actions() {
                self.act(action)?;
            }
            let Some(event) = self.agenda.pop_front() else { break };
            self.supervision.step(mono_ns(), event);
        }
        self.busy = false;
        Ok(())
    }

    fn running(&self, role: Role) -> Option<&Running> {
        self.posts[role].running.as_ref()
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("name", &self.name).field("posts", &self.posts).finish_non_exhaustive()
    }
}
