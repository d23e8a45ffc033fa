//! The publishing thread: what the decoding one hands over goes into the channel as soon as there is a slot.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use tricine_channel::time::{Deadline, mono_ns};
use tricine_session::actor::Stop;
use tricine_session::channel::{Acquired, ChannelName, Kind, Mode, Producer};
use tricine_session::clock::PlayState;
use tricine_session::frame::FrameMeta;
use tricine_session::link::FromRole;

use super::{Decoded, Goal, Status};
use crate::Context;
use crate::queue;
use crate::stream::Stream;

/// How long the thread sleeps with nothing to do. Commands wake it; this only bounds the loss if one should not.
const IDLE: Duration = Duration::from_secs(1);
/// A mailbox is not held back by its reader, so its frames are published by the clock, this much before they are due.
const MAILBOX_LEAD_NS: u64 = 8_000_000;

pub(super) struct Publishing<S: Stream> {
    pub(super) context: Arc<Context>,
    pub(super) items: queue::Receiver<Goal, Decoded<S::Item>>,
    pub(super) channels: Receiver<ChannelName>,
    pub(super) kicks: Receiver<()>,
    pub(super) producer: Option<Producer>,
    pub(super) status: Arc<Status>,
    pub(super) mode: Mode,
    /// What of the producer's own count is on the page already.
    pub(super) overwrote: u64,
}

impl<S: Stream> Publishing<S> {
    pub(super) fn run(mut self) {
        if let Err(Stop::Broken(error)) = self.publish_all() {
            tracing::error!("{} channel: {error}", S::KIND);
            self.status.broken.store(error.exit_code(), Relaxed);
        }
    }

    fn publish_all(&mut self) -> Result<(), Stop> {
        // The serial whose end was reached, so that what follows takes the end back.
        let mut ended = self.producer.as_ref().is_some_and(Producer::finished);
        loop {
            match self.items.receive().ok_or(Stop::Quit)? {
                // However long it takes to get there, the end of what was before is not its end.
                Decoded::Begin(serial) => {
                    if self.current(serial)
                        && std::mem::take(&mut ended)
                        && let Some(producer) = &self.producer
                    {
                        producer.reopen();
                    }
                }
                Decoded::Item(serial, item) => {
                    for part in S::parts(item) {
                        if !self.current(serial) {
                            break;
                        }
                        self.await_channel(&part, serial)?;
                        if !self.publish(part, serial)? {
                            break;
                        }
                    }
                }
                Decoded::End(serial) => {
                    // A stream of which nothing could be decoded ends in its channel, too: its reader waits there.
                    if self.producer.is_none() {
                        self.take_channel()?;
                    }
                    if self.current(serial)
                        && let Some(producer) = &self.producer
                    {
                        producer.finish();
                        ended = true;
                        if S::KIND == Kind::Audio && self.status.dry() {
                            self.context.page().no_audio_in.set(u64::from(serial) + 1);
                        }
                    }
                }
            }
        }
    }

    fn state(&self) -> Option<PlayState> {
        self.context.control.state().map(|(_, state)| state)
    }

    fn current(&self, serial: u32) -> bool {
        self.state().is_none_or(|state| S::serial(&state) == serial)
    }

    /// Makes sure of a channel whose slots take `part`: asks the supervisor for a larger one where they do not.
    fn await_channel(&mut self, part: &S::Part, serial: u32) -> Result<(), Stop> {
        let needed = S::len(part) as u64;
        if self.producer.as_ref().is_some_and(|p| p.channel().capacity() as u64 >= needed) {
            return Ok(());
        }
        // The first one was asked for when the input was opened.
        if self.producer.is_some() {
            self.context.tell(&FromRole::NeedChannel {
                kind: S::KIND,
                capacity: needed,
                base: self.producer.as_ref().map_or(0, Producer::next_seq),
                resume_pts_ns: S::part_pts_ns(part),
                resume_serial: serial,
            })?;
        }
        self.take_channel()?;
        // The one asked for may be the first, made for a first frame that was smaller.
        self.await_channel(part, serial)
    }

    /// Waits for a channel that was asked for, and sends the consumer of the one before after it.
    fn take_channel(&mut self) -> Result<(), Stop> {
        let name = self.channels.recv().map_err(|_| Stop::Quit)?;
        let generation = name.generation;
        let producer = self.context.region(&name)?.attach_producer()?;
        self.overwrote = 0;
        if let Some(old) = self.producer.replace(producer) {
            old.retire(generation)?;
        }
        Ok(())
    }

    /// Publishes one part, as soon as there is a slot. `false` if it is of a serial that is over.
    fn publish(&mut self, mut part: S::Part, serial: u32) -> Result<bool, Stop> {
        if self.mode == Mode::Mailbox && !self.await_due(S::part_pts_ns(&part), serial) {
            return Ok(false);
        }
        loop {
            if !self.current(serial) {
                return Ok(false);
            }
            let Some(producer) = &mut self.producer else { return Ok(false) };
            let published = match producer.acquire(Deadline::after(IDLE))? {
                Acquired::Slot(mut slot) => {
                    let since_ns = mono_ns();
                    let meta = FrameMeta { serial, ..S::write(&mut part, &mut slot) };
                    let page = self.context.page();
                    // Before publish, and as a level: a death between the two leaves a count that is right again once
                    // the successor has published this very frame.
                    if S::KIND == Kind::Video {
                        page.video_decoded.raise(slot.seq() + 1);
                        page.video_writing_ns.add(mono_ns().saturating_sub(since_ns));
                    }
                    let seq = slot.publish(meta.within_bounds())?;
                    match S::KIND {
                        Kind::Video => page.video_published.raise(seq + 1),
                        Kind::Audio => page.audio_published.raise(seq + 1),
                        Kind::Cues => {}
                    }
                    true
                }
                // End and Successor are a consumer's.
                Acquired::Woken | Acquired::TimedOut | Acquired::End | Acquired::Successor(_) => false,
            };
            if published {
                let overwrote = producer.overwrote();
                if overwrote > self.overwrote {
                    self.context.page().overwrote.add(overwrote - self.overwrote);
                    self.overwrote = overwrote;
                }
                self.status.published.fetch_add(1, Relaxed);
                return Ok(true);
            }
        }
    }

    /// Sleeps until shortly before `pts_ns` is due. `false` if the serial is over.
    fn await_due(&self, pts_ns: i64, serial: u32) -> bool {
        let control = &self.context.control;
        // The first frame of a serial is awaited by nobody's clock; it starts one.
        let mut first = self.producer.as_ref().and_then(|p| p.last_published().ok().flatten());
        if self.context.spec.unpaced || first.take().is_none_or(|last| last.serial != serial) {
            return self.current(serial);
        }
        while self.current(serial) {
            let due = control.clock(serial).and_then(|clock| clock.when(pts_ns));
            let wait = match due.map(|due| due.saturating_sub(MAILBOX_LEAD_NS).saturating_sub(mono_ns())) {
                Some(0) => return true,
                Some(ns) => Duration::from_nanos(ns).min(IDLE),
                // No clock yet, or paused: kicked when that changes, but a clock's start is not announced.
                None if self.state().is_some_and(|s| s.paused) => IDLE,
                None => Duration::from_millis(5),
            };
            if self.kicks.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
                return false;
            }
        }
        false
    }
}
