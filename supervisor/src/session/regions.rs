//! Regions: made, recovered, removed; and replaced where they cannot be trusted any more, because their words hold what
//! cannot be, or somebody has truncated them. A stream then goes on in the next generation, from what was shown or heard last,
//! by what the pages and the clock say: nothing is taken from the old region.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use tricine_channel::Error as ChannelError;
use tricine_channel::sys::process::Reaped;
use tricine_channel::time::mono_ns;
use tricine_session::channel::{
    Barriers, ChannelName, Kind, Mode, Side, Spec as ChannelSpec, StreamRegion, discard, held_by_consumer, recover,
};
use tricine_session::control::Role;
use tricine_session::link::ToRole;
use tricine_session::{Error, Result};

use super::{KINDS, Session, kind_index};
use crate::admission::{LONGEST_NS, MOST_FRAMES};
use crate::report::Ended;
use crate::supervision::{Ask, Event, Kinds};

/// So many names of a stream are passed over that something else has taken.
const MOST_TAKEN: u64 = 100_000;

/// Whether something else has one of the three names.
fn is_taken(name: &ChannelName) -> bool {
    let region = name.region();
    let bells = [region.empty(), region.filled()].map(|bell| format!("/dev/shm/sem.{bell}"));
    let names = [format!("/dev/shm/{region}")].into_iter().chain(bells);
    names.into_iter().any(|name| std::fs::symlink_metadata(name).is_ok())
}

/// Whether a channel is not what it was. That we have nothing left to look with says nothing of it.
fn spoiled(channel: &StreamRegion) -> bool {
    let short = [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM].map(|e| e as i32);
    channel.inspect().is_err_and(|error| !error.raw_os_error().is_some_and(|e| short.contains(&e)))
}

impl Session {
    fn regions_of(&self, role: Role) -> impl Iterator<Item = (&StreamRegion, Side)> {
        self.channels.iter().filter_map(move |c| Some((c, role.side(c.name().kind)?)))
    }

    /// Which of a dead role's streams are damaged.
    pub(super) fn spoilt(&self, role: Role) -> Kinds {
        let damaged = self.regions_of(role).filter(|(channel, _)| spoiled(channel));
        damaged.fold(Kinds::default(), |all, (channel, _)| all.or(Kinds::of(kind_index(channel.name().kind))))
    }

    /// The frame that a dead consumer has not given back, counted over all regions.
    pub(super) fn held(&self, role: Role) -> Option<(usize, u64)> {
        // Of two streams, the one that the loop waits for: a page of subtitles is never given back before its time.
        let consumed = self.regions_of(role).filter(|(channel, _)| role.consumes() == Some(channel.name().kind));
        let mut held = consumed.filter_map(|(channel, _)| {
            let seq = held_by_consumer(channel)?;
            Some((kind_index(channel.name().kind), seq.saturating_add(channel.base())))
        });
        held.next()
    }

    pub(super) fn discard(&self, kind: Kind, frame: u64, reaped: &Reaped) {
        for channel in self.channels.iter().filter(|c| c.name().kind == kind) {
            let Some(seq) = frame.checked_sub(channel.base()) else { continue };
            if let Err(error) = discard(channel, seq, reaped) {
                tracing::warn!("frame {frame} of {kind} cannot be left out: {error}");
            }
        }
    }

    /// Recovers a dead role's regions. One whose claim is not the dead role's is damaged.
    pub(super) fn recover(&mut self, role: Role, but: Kinds, reaped: &Reaped) -> Result<()> {
        let mut foreign = Kinds::default();
        for (channel, side) in self.regions_of(role) {
            let kind = kind_index(channel.name().kind);
            if but.has(kind) {
                continue;
            }
            match recover(channel, side, reaped) {
                Err(ChannelError::Claimed { .. }) => foreign = foreign.or(Kinds::of(kind)),
                done => done?,
            }
        }
        for kind in (0..KINDS.len()).filter(|&kind| foreign.has(kind)) {
            self.tell(Event::Spoilt { kind })?;
        }
        Ok(())
    }

    pub(super) fn make_channel(&mut self, kind: Kind, generation: u64, ask: &Ask) -> Result<()> {
        let &Ask { capacity, base, resume_pts_ns, resume_serial } = ask;
        let mode = if kind == Kind::Video { self.options.mode } else { Mode::Fifo };
        let spec = ChannelSpec { mode, capacity, base, resume_pts_ns, resume_serial, barriers: Barriers::Both };
        let Some(name) = self.create_channel(kind, generation, &spec)? else { return Ok(()) };
        // Open, since a role opens nothing by itself. Where that fails, the role does as well, and its successor opens it before it begins.
        let files = name.region().files().inspect_err(|error| tracing::warn!("{error}"));
        let files: Vec<BorrowedFd<'_>> = files.iter().flatten().map(AsFd::as_fd).collect();
        // The consumer first: it follows as soon as the producer has gone on.
        let consumer = Role::consumer(kind).filter(|&consumer| consumer != Role::Decoder);
        for role in consumer.into_iter().chain([Role::Decoder]) {
            self.order(role, &ToRole::Channel(name.clone()), &files);
        }
        Ok(())
    }

    pub(super) fn unlink(&mut self, kind: Kind, below: u64) -> Result<()> {
        let old = |c: &mut StreamRegion| c.name().kind == kind && c.name().generation < below;
        self.channels.extract_if(.., old).try_for_each(|channel| channel.name().unlink())
    }

    /// Whether the consumer of a stream has a reason not to follow to the region that the decoder has asked for: it is paused, what the region is for is
    /// not due yet, or it waits for somebody out there, such as a sound server or the reader of a pipe.
    pub(super) fn awaited_lawfully(&self, kind: usize) -> bool {
        let Some(ask) = self.supervision.awaited(kind) else { return false };
        if KINDS[kind] == Kind::Audio || self.state.paused || self.outputs.is_read_slowly() {
            return true;
        }
        if self.options.unpaced || ask.resume_serial != self.state.serial {
            return false;
        }
        let clock = self.control.clock(self.state.serial);
        // A clock that stands waits for sound.
        clock.is_some_and(|clock| clock.when(ask.resume_pts_ns).is_none_or(|due_ns| mono_ns() < due_ns))
    }

    /// Gives a stream a new region in the place of all that it has.
    pub(super) fn replace(&mut self, kind: Kind, generation: u64) -> Result<()> {
        let old: Vec<StreamRegion> = self.channels.extract_if(.., |c| c.name().kind == kind).collect();
        let Some(mode) = old.first().map(|c| c.mode()) else { return Ok(()) };
        self.regions_replaced += 1;
        let (base, resume_pts_ns) = self.handed_over(kind, mode);
        let spec = ChannelSpec {
            mode,
            capacity: old.iter().map(|c| c.capacity() as u64).max().unwrap_or(1),
            base: base.min(MOST_FRAMES),
            resume_pts_ns: resume_pts_ns.clamp(-LONGEST_NS, LONGEST_NS),
            resume_serial: if kind == Kind::Cues { self.state.subtitles.serial } else { self.state.serial },
            barriers: Barriers::Both,
        };
        old.iter().try_for_each(|channel| channel.name().unlink())?;
        if self.create_channel(kind, generation, &spec)?.is_some() {
            self.status.notice(&format!("the {kind} region is damaged; going on in a new one"));
        }
        Ok(())
    }

    /// Makes a channel of this generation, or of the next one whose names nobody else has taken. `None` if there is no room for it,
    /// which ends the session.
    fn create_channel(&mut self, kind: Kind, wanted: u64, spec: &ChannelSpec) -> Result<Option<ChannelName>> {
        let mut name = ChannelName { session: self.name.clone(), kind, generation: wanted };
        let made = loop {
            // Seen before the region is made, which may be large.
            let taken = is_taken(&name);
            match if taken { None } else { Some(StreamRegion::create(&name, spec)) } {
                Some(Err(error)) if error.raw_os_error() == Some(Errno::EEXIST as i32) => {}
                Some(made) => break made,
                None => {}
            }
            if name.generation - wanted >= MOST_TAKEN {
                let what = name.to_string();
                break Err(Error::sys("linkat", what, Errno::EEXIST));
            }
            name.generation += 1;
        };
        match made {
            Ok(stream) => self.channels.push(stream),
            Err(error @ Error::Channel(ChannelError::Capacity { .. } | ChannelError::Sys { .. })) => {
                let mib = spec.capacity.saturating_mul(3) / (1 << 20) + 1;
                let input = self.current.as_ref().map(|i| i.name.clone()).unwrap_or_default();
                self.cannot_play(&input, &format!("{kind} frames need {mib} MiB in /dev/shm: {error}"));
                self.tell(Event::Stop(Ended::Failed))?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        if name.generation != wanted {
            if !std::mem::replace(&mut self.names_taken, true) {
                let theirs = ChannelName { generation: wanted, ..name.clone() };
                self.status.notice(&format!(
                    "/dev/shm has a file named {theirs} that is not this session's; going on with {name}"
                ));
            }
            self.tell(Event::Made { kind: kind_index(kind), generation: name.generation })?;
        }
        self.tell_made(&name, spec);
        Ok(Some(name))
    }

    /// How many frames were handed over for good, and where the stream goes on, in ns.
    fn handed_over(&self, kind: Kind, mode: Mode) -> (u64, i64) {
        let (control, decoder) = (&self.control, self.control.decoder());
        match kind {
            Kind::Audio => {
                let page = control.audio();
                (page.received.get().saturating_add(page.lost.get()), self.position_ns())
            }
            // Nobody counts pages.
            Kind::Cues => (0, self.position_ns().saturating_sub(self.state.subtitles.delay_ns())),
            Kind::Video => {
                let page = control.renderer();
                let shown = page.last_seq.get();
                let base = if mode == Mode::Fifo { shown } else { decoder.video_published.get() };
                // Without a clock of this serial nothing of it was shown yet.
                let begun = self.options.unpaced || control.clock(self.state.serial).is_some();
                let after = (page.last_pts_ns.get() as i64).saturating_add(1);
                (base, if shown > 0 && begun { after } else { self.state.target_ns })
            }
        }
    }
}
