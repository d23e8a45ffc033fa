//! The role at work: takes a frame, waits until it is due, shows it, keeps its slot while it is on the screen, releases it.

use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use tricine_channel::time::mono_ns;
use tricine_session::actor::{Actor, Next, Rounds as Loop, Stop};
use tricine_session::channel::{Mode, ReadSlot, StreamRegion};
use tricine_session::clock::PlayState;
use tricine_session::control::{RendererPage, Writable};
use tricine_session::frame::Format;
use tricine_session::link::{Finding, FromRole, ToRole};
use tricine_session::window::Window;

use crate::Context;
use crate::display::{self, Display, DisplayError, Picture};
use crate::ledger::{Delivery, Ledger};
use crate::osd::Osd;
use crate::probe;
use crate::schedule::{self, Clocks, Decision, Master, Moment, Pending, Shown};
use crate::subtitle::Subtitles;

mod attention;
mod showing;

type Rounds = Loop<RendererPage<Writable>>;

const MS: u64 = 1_000_000;
/// How long the loop sleeps at most: while something moves, and while nothing does.
const LIVELY_NS: u64 = 8 * MS;
const IDLE_NS: u64 = 200 * MS;
/// A stream that has ended without one frame of this serial: so long it may be the last serial's end that we see.
const STALE_END_NS: u64 = 1500 * MS;
/// Showing never begins earlier than this before it is due, however slow the display once was.
const LONGEST_LEAD_NS: u64 = 12 * MS;

impl From<DisplayError> for Stop {
    fn from(error: DisplayError) -> Self {
        Self::Failed(error.0)
    }
}

/// The role at work.
pub(crate) struct Presenter {
    context: Arc<Context>,
    /// What is written in the place of a display, or what its window hangs on.
    file: Option<File>,
    display: Option<Box<dyn Display>>,
    osd: Osd,
    state: PlayState,
    /// What is played, for a window's title.
    title: String,
    /// The window, as it was published last.
    window: Option<Window>,
    /// The last frame whose time on the screen began, seen or not.
    shown: Option<Shown>,
    /// The stretch of the frame received last.
    received_serial: Option<u32>,
    /// Since when there was nothing to do but wait for a frame.
    idle_since_ns: u64,
    /// Since when the film runs, or the serial is what it is: how long one waits for sound counts from here.
    running_since_ns: u64,
    /// When the user last paused, went on, sought or changed the speed, in this process's time.
    turned_ns: u64,
    /// Frames asked for in a pause.
    steps: u32,
    /// The serial whose end was said.
    ended: Option<u32>,
    /// How long showing takes.
    lead_ns: u64,
    active_until_ns: u64,
    overlay_at_ns: u64,
    /// What the shown picture is to be written to.
    screenshot: Option<File>,
    subtitles: Subtitles,
    /// The pipeline's ownership words, to look at.
    onlooker: Option<StreamRegion>,
}

impl Actor for Presenter {
    type Page = RendererPage<Writable>;

    fn probe() -> Finding {
        Finding::Outlet(probe::display())
    }

    fn begin(context: &Arc<Context>, file: Option<OwnedFd>, state: PlayState) -> Result<Self, Stop> {
        display::check(&context.spec.work.display)?;
        let now_ns = mono_ns();
        let mut osd = Osd::default();
        osd.state(&state, now_ns);
        osd.chapters.clone_from(&context.spec.work.chapters);
        osd.caption.clone_from(&context.spec.work.caption);
        Ok(Self {
            context: context.clone(),
            file: file.map(File::from),
            display: None,
            osd,
            state,
            title: context.spec.work.title.clone(),
            window: None,
            shown: None,
            received_serial: None,
            idle_since_ns: now_ns,
            running_since_ns: now_ns,
            turned_ns: 0,
            steps: 0,
            ended: None,
            lead_ns: 0,
            active_until_ns: 0,
            overlay_at_ns: 0,
            screenshot: None,
            subtitles: Subtitles::begin(context)?,
            onlooker: None,
        })
    }

    fn hear(&mut self, message: ToRole) -> Result<(), Stop> {
        if let ToRole::Channel(name) = &message {
            return self.subtitles.channel(&self.context, name);
        }
        self.listen(message);
        Ok(())
    }

    fn follow(&mut self, state: PlayState) {
        self.look(state, mono_ns());
    }

    fn tend(&mut self) -> Result<(), Stop> {
        self.attend(mono_ns())
    }

    fn next(&mut self) -> Next {
        Next::Frame(self.slice())
    }

    fn attached(&mut self, region: StreamRegion) {
        self.onlooker = Some(region);
        self.idle_since_ns = mono_ns();
    }

    fn frame(&mut self, rounds: &mut Rounds, slot: ReadSlot<'_>) -> Result<(), Stop> {
        self.take(rounds, slot)?;
        self.idle_since_ns = mono_ns();
        Ok(())
    }

    /// There is no frame left: says so once, after the last one's time is over.
    fn at_end(&mut self, rounds: &mut Rounds, since_ns: u64) -> Result<bool, Stop> {
        if self.screenshot.take().is_some() {
            let why = "no screenshot: no picture is shown".to_owned();
            self.context.tell(&FromRole::Pictured(Err(why)))?;
        }
        let serial = self.state.serial;
        if self.ended == Some(serial) {
            self.sleep(rounds, self.slice())?;
            return Ok(true);
        }
        let now_ns = mono_ns();
        let over = if self.received_serial == Some(serial) {
            match schedule::over(&self.moment(now_ns)) {
                Decision::Until(at) => {
                    self.sleep(rounds, at.min(self.slice()))?;
                    return Ok(true);
                }
                decision => decision == Decision::Present,
            }
        } else {
            now_ns.saturating_sub(since_ns.max(self.running_since_ns)) > STALE_END_NS
        };
        if over {
            self.ended = Some(serial);
            self.context.tell(&FromRole::Ended { serial })?;
        }
        Ok(false)
    }

    fn events(&self) -> Option<BorrowedFd<'_>> {
        self.display.as_ref().and_then(|d| d.events())
    }

    fn leave(&mut self) {
        self.ledger().skip_open();
        self.hear_out();
    }
}

impl Presenter {
    fn page(&self) -> &RendererPage<Writable> {
        self.context.page()
    }

    fn ledger(&self) -> Ledger<'_> {
        Ledger::new(self.page())
    }

    /// One frame, from its arrival until its slot is given back.
    fn take(&mut self, rounds: &mut Rounds, slot: ReadSlot<'_>) -> Result<(), Stop> {
        let arrived_ns = mono_ns();
        let meta = *slot.meta();
        let delivery = self.ledger().receive(&meta, self.mode(), slot.already_done());
        self.received_serial = Some(meta.serial);
        let pending = Pending {
            serial: meta.serial,
            pts_ns: meta.pts_ns,
            duration_ns: meta.duration_ns,
            waited_ns: arrived_ns.saturating_sub(self.idle_since_ns),
        };
        if delivery == Delivery::New {
            let page = self.page();
            if meta.published_ns >= self.idle_since_ns {
                page.handoff_ns.record(arrived_ns.saturating_sub(meta.published_ns));
            }
            if !slot.intact() {
                page.torn.add(1);
            }
            if let (Some(shown), Some(Master::Audio(clock) | Master::Own(clock))) = (&self.shown, self.master()) {
                page.repeated.add(schedule::repeats(shown, &pending, &clock, arrived_ns));
            }
        }
        let picture = match meta.format {
            Format::I420 => Picture::new(&meta, slot.payload()),
            Format::F32 | Format::Bytes => None,
        };
        let Some(picture) = picture else {
            return Err(Stop::Failed("the decoder sent sound where pictures belong".into()));
        };
        if self.present(rounds, &picture, &pending, delivery)? {
            self.keep(rounds, &picture)?;
        }
        slot.release();
        Ok(())
    }

    /// Sleeps until `until_ns`, a message or an event of the display; not long beside a display whose events wake nobody.
    fn sleep(&self, rounds: &mut Rounds, until_ns: u64) -> Result<(), Stop> {
        let restless = self.display.as_ref().is_some_and(|d| d.is_restless());
        rounds.sleep(self, if restless { until_ns.min(self.slice()) } else { until_ns })
    }

    /// When to look up again although nothing was heard.
    fn slice(&self) -> u64 {
        let now_ns = mono_ns();
        let still = self.state.paused || self.ended == Some(self.state.serial);
        let seen = self.display.as_ref().is_some_and(|d| d.is_seen());
        let lively = !still || (seen && now_ns < self.active_until_ns);
        let slice = now_ns + if lively { LIVELY_NS } else { IDLE_NS };
        let drawn_ns = if self.subtitles.is_waiting() { now_ns + attention::DRAWN_SOON_NS } else { u64::MAX };
        slice.min(self.overlay_at_ns.max(now_ns + MS)).min(drawn_ns)
    }

    fn clocks(&self) -> Clocks {
        Clocks { audio: self.context.control.audio_clock(), own: self.context.control.renderer_clock() }
    }

    fn master(&self) -> Option<Master> {
        self.clocks().master(&self.state)
    }

    /// Whether the decoder has said that there is no sound in this stretch.
    fn no_sound(&self) -> bool {
        self.context.control.decoder().no_audio_in.get() == u64::from(self.state.serial) + 1
    }

    fn mode(&self) -> Mode {
        self.onlooker.as_ref().map_or(Mode::Fifo, |c| c.mode())
    }

    fn moment(&self, now_ns: u64) -> Moment<'_> {
        Moment {
            now_ns,
            state: &self.state,
            master: self.master(),
            unpaced: self.context.spec.unpaced,
            step: self.steps > 0,
            shown: self.shown.as_ref(),
            lead_ns: self.lead_ns,
            prepares: self.display.as_ref().is_none_or(|d| d.prepares()),
        }
    }
}
