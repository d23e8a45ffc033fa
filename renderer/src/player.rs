//! The loop: acquire a frame, wait until it is due, show it, keep its slot while it is on the screen, release it.
//!
//! One thread does it all. It sleeps in one of two places: in [`Consumer::acquire`], whose doorbell the supervisor rings
//! with each message, and in [`Player::sleep`], on the control socket and the display's events.

use std::convert::Infallible;
use std::os::fd::AsFd;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use tricine_channel::time::{Deadline, mono_ns};
use tricine_session::Error;
use tricine_session::channel::{Acquired, ChannelName, Consumer, Kind, Mode, ReadSlot, StreamRegion};
use tricine_session::clock::{Clock, PlayState};
use tricine_session::control::RendererPage;
use tricine_session::frame::{Format, FrameMeta};
use tricine_session::link::{DisplaySpec, FromRole, Work};
use tricine_session::role::{BEAT, RoleContext};

use crate::convert;
use crate::display::{self, Display, DisplayError, Opening, Outcome, Picture};
use crate::ledger::{Delivery, Ledger};
use crate::osd::Osd;
use crate::schedule::{self, Clocks, Decision, Master, Moment, Pending, Shown};

mod attention;

const MS: u64 = 1_000_000;
/// How long the loop sleeps at most: while something moves, and while nothing does.
const LIVELY_NS: u64 = 8 * MS;
const IDLE_NS: u64 = 200 * MS;
/// A stream that has ended without one frame of this serial: so long it may be the last serial's end that we see.
const STALE_END_NS: u64 = 1500 * MS;
/// Showing never begins earlier than this before it is due, however slow the display once was.
const LONGEST_LEAD_NS: u64 = 12 * MS;

/// Why the role ends.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It was told to, or its supervisor is gone.
    Quit,
    /// The display cannot be used: in words for the user.
    Failed(String),
    /// Shared memory or a system call is not as it must be.
    Broken(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        if matches!(error, Error::Disconnected) { Self::Quit } else { Self::Broken(error) }
    }
}

impl From<tricine_channel::Error> for Stop {
    fn from(error: tricine_channel::Error) -> Self {
        tricine_session::Error::from(error).into()
    }
}

impl From<DisplayError> for Stop {
    fn from(error: DisplayError) -> Self {
        Self::Failed(error.0)
    }
}

/// What the role is given to do.
struct Task<'a> {
    display: &'a DisplaySpec,
    title: &'a str,
    fullscreen: bool,
}

/// The role at work.
pub(crate) struct Player<'a> {
    context: &'a RoleContext,
    ledger: Ledger<'a>,
    display: Option<Box<dyn Display>>,
    osd: Osd,
    state: PlayState,
    state_version: u64,
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
    pumped_ns: u64,
    /// Something says that there is a message.
    called: bool,
    /// When the control socket was asked last.
    heard_ns: u64,
    overlay_at_ns: u64,
    screenshot: Option<PathBuf>,
    /// The pipeline's ownership words, to look at.
    onlooker: Option<StreamRegion>,
}

impl<'a> Player<'a> {
    /// Nothing is opened yet.
    pub(crate) fn new(context: &'a RoleContext) -> Self {
        let now_ns = mono_ns();
        let (state_version, state) = context.control.state().unwrap_or((0, INITIAL));
        let mut osd = Osd::default();
        osd.state(&state, now_ns);
        Self {
            context,
            ledger: Ledger::new(context.control.renderer()),
            display: None,
            osd,
            state,
            state_version,
            shown: None,
            received_serial: None,
            idle_since_ns: now_ns,
            running_since_ns: now_ns,
            turned_ns: 0,
            steps: 0,
            ended: None,
            lead_ns: 0,
            active_until_ns: 0,
            pumped_ns: 0,
            called: true,
            heard_ns: 0,
            overlay_at_ns: 0,
            screenshot: None,
            onlooker: None,
        }
    }

    /// Works until something ends it.
    pub(crate) fn play(mut self) -> Stop {
        let Err(stop) = self.work();
        if matches!(stop, Stop::Quit) {
            self.ledger.drop_open();
            self.hear_out();
        }
        stop
    }

    fn work(&mut self) -> Result<Infallible, Stop> {
        display::check(self.task()?.display, self.context.spec.restarts > 0)?;
        self.context.tell(&FromRole::Ready)?;
        let mut name = self.first_channel()?;
        loop {
            self.onlooker = StreamRegion::open(&name).ok();
            let mut consumer = StreamRegion::consumer(&name)?;
            name.generation = self.consume(&mut consumer)?;
            self.context.tell(&FromRole::Switched { kind: Kind::Video, generation: name.generation })?;
        }
    }

    fn task(&self) -> Result<Task<'a>, Stop> {
        match &self.context.spec.work {
            Work::Renderer { display, title, fullscreen, .. } => Ok(Task { display, title, fullscreen: *fullscreen }),
            other => Err(Stop::Failed(format!("the renderer was given another role's work: {other:?}"))),
        }
    }

    fn page(&self) -> &'a RendererPage {
        self.context.control.renderer()
    }

    fn first_channel(&mut self) -> Result<ChannelName, Stop> {
        let mut name = self.context.spec.channels.first().cloned();
        loop {
            if let Some(name) = name {
                return Ok(name);
            }
            self.sleep(mono_ns() + BEAT.as_nanos() as u64)?;
            name = self.tend()?;
        }
    }

    /// Takes frames from one region until the stream goes on in another, whose generation is returned.
    fn consume(&mut self, consumer: &mut Consumer) -> Result<u64, Stop> {
        self.idle_since_ns = mono_ns();
        let mut end_since_ns = None;
        loop {
            self.tend()?;
            let deadline = if end_since_ns.is_some() && self.ended == Some(self.state.serial) {
                self.sleep(self.slice())?;
                Deadline::NOW
            } else {
                Deadline::at_ns(self.slice())
            };
            match consumer.acquire(deadline)? {
                Acquired::Slot(slot) => {
                    end_since_ns = None;
                    self.frame(slot)?;
                    self.idle_since_ns = mono_ns();
                }
                Acquired::Woken | Acquired::TimedOut => {
                    end_since_ns = None;
                    self.called = true;
                }
                Acquired::End => self.at_end(*end_since_ns.get_or_insert_with(mono_ns))?,
                Acquired::Successor(generation) => return Ok(generation),
            }
        }
    }

    /// There is no frame left: says so once, after the last one's time is over.
    fn at_end(&mut self, since_ns: u64) -> Result<(), Stop> {
        if self.screenshot.take().is_some() {
            self.context.notice("no screenshot: no picture is shown")?;
        }
        let serial = self.state.serial;
        if self.ended == Some(serial) {
            return Ok(());
        }
        let now_ns = mono_ns();
        let over = if self.received_serial == Some(serial) {
            match schedule::over(&self.moment(now_ns)) {
                Decision::Present => true,
                Decision::Until(at) => {
                    self.sleep(at.min(self.slice()))?;
                    false
                }
                _ => false,
            }
        } else {
            now_ns.saturating_sub(since_ns.max(self.running_since_ns)) > STALE_END_NS
        };
        if over {
            self.ended = Some(serial);
            self.context.tell(&FromRole::Ended { serial })?;
        }
        Ok(())
    }

    /// One frame, from its arrival until its slot is given back.
    fn frame(&mut self, slot: ReadSlot<'_>) -> Result<(), Stop> {
        let arrived_ns = mono_ns();
        let meta = *slot.meta();
        let page = self.page();
        let delivery = self.ledger.receive(&meta, self.mode(), slot.already_done());
        self.received_serial = Some(meta.serial);
        let pending = Pending {
            serial: meta.serial,
            pts_ns: meta.pts_ns,
            duration_ns: meta.duration_ns,
            waited_ns: arrived_ns.saturating_sub(self.idle_since_ns),
        };
        if delivery == Delivery::New {
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
        if self.present(&picture, &pending, delivery)? {
            self.keep(&picture)?;
        }
        slot.release();
        Ok(())
    }

    /// Waits until the frame is due and shows it. Whether it is on the screen now.
    fn present(&mut self, picture: &Picture<'_>, pending: &Pending, delivery: Delivery) -> Result<bool, Stop> {
        let mut prepared = false;
        let decision = loop {
            self.tend()?;
            let seen = delivery == Delivery::Seen && pending.serial == self.state.serial;
            let decision = if seen { Decision::Present } else { schedule::decide(pending, &self.moment(mono_ns())) };
            if decision == Decision::Drop {
                if delivery != Delivery::Seen {
                    self.ledger.drop_open();
                }
                return Ok(false);
            }
            if !std::mem::replace(&mut prepared, true) {
                self.prepare(picture)?;
                continue;
            }
            match decision {
                Decision::Until(at) => self.sleep(at.min(mono_ns() + BEAT.as_nanos() as u64))?,
                Decision::Hold => self.sleep(self.slice())?,
                other => break other,
            }
        };
        self.show(picture.meta, decision, delivery)
    }

    /// Keeps the frame on the screen, and its slot, until the next one is about to be due.
    fn keep(&mut self, picture: &Picture<'_>) -> Result<(), Stop> {
        loop {
            self.tend()?;
            if let Some(folder) = self.screenshot.take() {
                self.save(&folder, &convert::upright(picture))?;
            }
            if self.display.as_ref().is_some_and(|d| d.is_outdated()) {
                self.prepare(picture)?;
                let overlay = self.overlay(mono_ns(), picture.meta.pts_ns);
                self.display.as_mut().map_or(Ok(Outcome::Skipped), |d| d.show(&overlay))?;
            }
            match schedule::give_way(&self.moment(mono_ns())) {
                Decision::Until(at) => self.sleep(at.min(mono_ns() + BEAT.as_nanos() as u64))?,
                Decision::Hold => self.sleep(self.slice())?,
                _ => return Ok(()),
            }
        }
    }

    fn prepare(&mut self, picture: &Picture<'_>) -> Result<(), Stop> {
        if self.display.is_none() {
            let task = self.task()?;
            let again = self.context.spec.restarts > 0;
            let opening =
                Opening { spec: task.display, title: task.title, fullscreen: task.fullscreen, again, picture };
            let display = display::open(&opening)?;
            self.context.tell(&FromRole::Output(display.describe()))?;
            self.display = Some(display);
        }
        if let Some(display) = &mut self.display {
            display.prepare(picture)?;
        }
        Ok(())
    }

    /// Shows the prepared frame and books it. Whether anybody could see it.
    fn show(&mut self, meta: &FrameMeta, decision: Decision, delivery: Delivery) -> Result<bool, Stop> {
        let begun_ns = mono_ns();
        let overlay = self.overlay(begun_ns, meta.pts_ns);
        let Some(display) = &mut self.display else { return Ok(false) };
        let outcome = display.show(&overlay)?;
        let now_ns = mono_ns();
        let master = self.master();
        let first = self.shown.is_none_or(|s| s.serial != meta.serial);
        self.shown =
            Some(Shown { serial: meta.serial, pts_ns: meta.pts_ns, duration_ns: meta.duration_ns, at_ns: now_ns });
        self.overlay_at_ns = self.osd.next_change(now_ns).unwrap_or(u64::MAX);
        if !first {
            let took = now_ns.saturating_sub(begun_ns).min(LONGEST_LEAD_NS);
            self.lead_ns = if self.lead_ns == 0 { took } else { (self.lead_ns * 7 + took) / 8 };
        }
        let step = std::mem::take(&mut self.steps);
        self.steps = step.saturating_sub(1);
        let anchored = decision == Decision::Resume || (step > 0 && self.state.paused);
        if anchored && !self.context.spec.unpaced && matches!(master, Some(Master::Own(_))) {
            self.context.control.set_clock(&Clock {
                serial: meta.serial,
                pts_ns: meta.pts_ns,
                at_ns: now_ns,
                rate: if self.state.paused { 0.0 } else { self.state.speed },
            });
        }
        if delivery == Delivery::Seen {
            return Ok(true);
        }
        if outcome == Outcome::Skipped {
            self.ledger.drop_open();
            return Ok(true);
        }
        let paced = !self.context.spec.unpaced && !self.state.paused;
        let stands_ns = if paced { (meta.duration_ns.max(0) as f64 / self.state.speed) as u64 } else { 0 };
        self.ledger.present(meta, now_ns, self.turned_ns, stands_ns);
        let page = self.page();
        if let Some(due) =
            master.filter(|_| !anchored && !self.context.spec.unpaced).and_then(|m| m.clock().when(meta.pts_ns))
        {
            page.present_late_ns.record(now_ns.saturating_sub(due));
        }
        if let Some(Master::Audio(clock)) = master
            && clock.rate > 0.0
            && !self.context.spec.unpaced
        {
            let offset = meta.pts_ns.saturating_sub(clock.pts_at(now_ns));
            page.av_offset_ns.record(offset.unsigned_abs());
            page.last_av_offset_ns.set(offset as u64);
        }
        Ok(true)
    }

    /// Sleeps until `until_ns`, a message or an event of the display.
    fn sleep(&mut self, until_ns: u64) -> Result<(), Stop> {
        let mut until_ns = until_ns;
        if self.display.as_ref().is_some_and(|d| d.is_restless()) {
            until_ns = until_ns.min(self.slice());
        }
        let mut fds = vec![PollFd::new(self.context.link.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.display.as_ref().and_then(|d| d.events()).map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        let left = Deadline::at_ns(until_ns).remaining();
        match ppoll(&mut fds, Some(TimeSpec::from_duration(left)), None) {
            Ok(_) => {
                match fds.first().and_then(PollFd::any) {
                    // That is as good as having asked.
                    Some(false) => self.heard_ns = mono_ns(),
                    _ => self.called = true,
                }
                Ok(())
            }
            Err(Errno::EINTR) => Ok(()),
            Err(e) => Err(Stop::Broken(Error::sys("ppoll", "control", e))),
        }
    }

    /// When to look up again although nothing was heard.
    fn slice(&self) -> u64 {
        let now_ns = mono_ns();
        let still = self.state.paused || self.ended == Some(self.state.serial);
        let seen = self.display.as_ref().is_some_and(|d| d.is_seen());
        let lively = !still || (seen && now_ns < self.active_until_ns);
        let slice = now_ns + if lively { LIVELY_NS } else { IDLE_NS };
        slice.min(self.overlay_at_ns.max(now_ns + MS))
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

/// Until the supervisor has said what the user wants.
const INITIAL: PlayState = PlayState { volume: 100, ..PlayState::IDLE };
