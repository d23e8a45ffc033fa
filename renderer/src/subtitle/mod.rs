//! Subtitles: which page is on, and what it looks like.
//!
//! The page on the screen stays in its slot until it is over: it is acquired, copied and given back unreleased, so a renderer that takes a
//! dead one's place is given it again. `letters` sets text, `place` says where it stands, `print`, `shape` and `edge` make pictures of it, on a thread
//! of its own (`worker`), since fonts take long to load. `picture` lays them over the film: what fades and moves is drawn once.

#[cfg(test)]
mod boxes;
mod edge;
mod letters;
mod own;
mod picture;
mod place;
mod print;
mod shape;
mod tables;
mod turn;
mod worker;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tricine_channel::time::Deadline;
use tricine_session::actor::Stop;
use tricine_session::channel::{Acquired, ChannelName, Consumer, Kind};
use tricine_session::clock::PlayState;
use tricine_session::cues::{Cue, Fade, FontPart, Gathered, Page};
use tricine_session::link::FromRole;

use crate::Context;
use crate::convert::Rect;
pub(crate) use letters::found_fonts;
use worker::Worker;

/// How long the next part of fonts is waited for, while they come; and how many are taken at once.
const NEXT_PART: Duration = Duration::from_millis(2);
const MOST_PARTS: usize = 8;
/// How long the files of the next region are waited for.
const LATEST_REGION: Duration = Duration::from_secs(1);

/// A picture with transparent parts, to be laid over the film's.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sprite {
    x: i32,
    y: i32,
    width: usize,
    /// `0xAARRGGBB`, multiplied by their alpha already.
    pixels: Vec<u32>,
    /// From when to when it is there.
    times_ns: (i64, i64),
    fade: Option<Fade>,
    /// How far it goes to the right and down, and from when to when after its beginning.
    motion: Option<((f32, f32), (i64, i64))>,
    /// Nothing of it is seen beyond: left, top, right, bottom.
    clip: Option<[i32; 4]>,
}

/// What a page looks like at a time. Two are equal if they are one.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    sprites: Arc<[Sprite]>,
    at_ns: i64,
}

impl PartialEq for Drawn {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.sprites, &other.sprites) && self.at_ns == other.at_ns
    }
}

impl Drawn {
    /// Lays it over a picture of this width.
    pub(crate) fn lay(&self, pixels: &mut [u32], width: usize) {
        self.sprites.iter().for_each(|sprite| sprite.lay(pixels, width, self.at_ns));
    }
}

/// A page, its serial and where it is drawn: what is asked of the worker.
type Key = (u64, u32, Rect);

/// The page that is on.
#[derive(Debug)]
struct On {
    serial: u32,
    end_ns: i64,
    page: Arc<Page>,
    number: u64,
}

/// The subtitles of the film.
#[derive(Debug, Default)]
pub(crate) struct Subtitles {
    consumer: Option<Consumer>,
    on: Option<On>,
    /// Pages that were on so far.
    count: u64,
    /// How far the film was in this serial: pages do not go back.
    reached: (u32, i64),
    worker: Option<Worker>,
    /// Since when the next region is waited for.
    awaits: Option<Instant>,
    /// Fonts that are coming.
    gathered: Gathered,
    asked: Option<Key>,
    drawn: Option<(Key, Arc<[Sprite]>)>,
}

impl Subtitles {
    /// Attaches to the first channel of those that there are.
    pub(crate) fn begin(context: &Context) -> Result<Self, Stop> {
        let mut this = Self::default();
        // What a predecessor had went with it.
        context.page().fonts.set(0);
        if let Some(name) = context.spec.channels.iter().find(|name| name.kind == Kind::Cues) {
            this.attach(context, name)?;
        }
        Ok(this)
    }

    /// Pages come by this channel. Where there was one before, its end leads here.
    pub(crate) fn channel(&mut self, context: &Context, name: &ChannelName) -> Result<(), Stop> {
        if name.kind == Kind::Cues && self.consumer.is_none() { self.attach(context, name) } else { Ok(()) }
    }

    fn attach(&mut self, context: &Context, name: &ChannelName) -> Result<(), Stop> {
        // Before it is opened, as the loop does: whether there is such a region is for the supervisor to judge.
        context.tell(&FromRole::Switched { kind: name.kind, generation: name.generation })?;
        // The old side gives its claim back first.
        self.consumer = None;
        self.consumer = Some(context.region(name)?.attach_consumer()?);
        Ok(())
    }

    /// Turns to the page that is on while the film is at `film_ns`. Whether that is another one.
    pub(crate) fn follow(&mut self, context: &Context, state: &PlayState, film_ns: i64) -> Result<bool, Stop> {
        let serial = state.subtitles.serial;
        let now_ns = film_ns.saturating_sub(state.subtitles.delay_ns());
        self.reached = match self.reached {
            (same, reached) if same == serial => (serial, reached.max(now_ns)),
            _ => (serial, now_ns),
        };
        let reached_ns = self.reached.1;
        let over = |of: u32, end_ns: i64| of != serial || reached_ns >= end_ns;
        if self.on.as_ref().is_some_and(|on| !over(on.serial, on.end_ns)) {
            return Ok(false);
        }
        let before = self.on.take().is_some_and(|on| !on.page.cues.is_empty());
        let mut parts = 0;
        loop {
            let Some(consumer) = &mut self.consumer else { return Ok(before) };
            // The rest of fonts of which some have come is not far.
            let deadline = if self.gathered.is_begun() { Deadline::after(NEXT_PART) } else { Deadline::NOW };
            match consumer.acquire(deadline)? {
                Acquired::Slot(slot) => {
                    let meta = *slot.meta();
                    let end_ns = meta.pts_ns.saturating_add(meta.duration_ns);
                    let serial = meta.serial;
                    let mut bytes = Vec::new();
                    if serial.wrapping_sub(state.subtitles.serial) as i32 > 0 {
                        // What the user wants has changed since the last look: it is for the next one.
                        return Ok(before);
                    }
                    if meta.duration_ns == 0 && serial == state.subtitles.serial {
                        slot.payload().copy_to_vec(&mut bytes);
                        slot.release();
                        self.take_fonts(context, &bytes);
                        parts += 1;
                        if parts < MOST_PARTS {
                            continue;
                        }
                        return Ok(before);
                    }
                    if over(serial, end_ns) {
                        slot.release();
                        continue;
                    }
                    slot.payload().copy_to_vec(&mut bytes);
                    let Some(page) = Page::decode(&bytes) else {
                        tracing::warn!("what the decoder sent is no page of subtitles");
                        slot.release();
                        continue;
                    };
                    // Whatever of fonts is not here by now does not come.
                    self.gathered = Gathered::default();
                    self.count += 1;
                    let another = before || !page.cues.is_empty();
                    self.on = Some(On { serial, end_ns, page: Arc::new(page), number: self.count });
                    return Ok(another);
                }
                Acquired::Successor(generation) => {
                    let name = ChannelName { session: context.spec.session.clone(), kind: Kind::Cues, generation };
                    // The message with its files may not have been heard: it is, before the next look.
                    let since = *self.awaits.get_or_insert_with(Instant::now);
                    if !context.has_region(&name) && since.elapsed() < LATEST_REGION {
                        return Ok(before);
                    }
                    self.awaits = None;
                    self.attach(context, &name)?;
                }
                Acquired::End | Acquired::Woken | Acquired::TimedOut => return Ok(before),
            }
        }
    }

    /// Takes a part of the fonts that come with the film; the fonts, once they are whole, go to whoever draws.
    fn take_fonts(&mut self, context: &Context, bytes: &[u8]) {
        let Some(part) = FontPart::decode(bytes) else { return tracing::warn!("what the decoder sent are no fonts") };
        if let Some(set) = self.gathered.add(&part) {
            self.prepare();
            context.page().fonts.set(set.set);
            self.worker.iter().for_each(|worker| worker.adopt(set.clone()));
        }
    }

    fn shown(&self, state: &PlayState) -> Option<&On> {
        self.on.as_ref().filter(|on| !state.subtitles.hidden && on.page.on().next().is_some())
    }

    /// The lines of what is on, for a display of letters.
    pub(crate) fn lines(&self, state: &PlayState) -> Vec<String> {
        self.shown(state).map_or(Vec::new(), |on| on.page.on().flat_map(Cue::lines).collect())
    }

    /// What is on, drawn for a picture that lies there; `None` if nothing is on, or it is still being drawn.
    pub(crate) fn drawn(&mut self, state: &PlayState, area: Rect) -> Option<Drawn> {
        let on = self.shown(state)?;
        let (key, page) = ((on.number, on.serial, area), on.page.clone());
        let drawn = self.drawn.as_ref().filter(|(of, _)| (of.1, of.2) == (key.1, area));
        if self.asked != Some(key) && drawn.is_none_or(|(of, _)| *of != key) {
            if self.worker.is_none() {
                self.worker = Worker::start().inspect_err(|error| tracing::warn!("no subtitles: {error}")).ok();
            }
            self.worker.as_ref()?.ask(key, page);
            self.asked = Some(key);
        }
        // While the page is drawn, what was on before it and is not over stays.
        let drawn = self.drawn.as_ref().filter(|(of, _)| (of.1, of.2) == (key.1, area));
        drawn.map(|(_, sprites)| Drawn { sprites: sprites.clone(), at_ns: self.reached.1 })
    }

    /// Loads the fonts, if subtitles may come: before the first of them is due.
    pub(crate) fn prepare(&mut self) {
        if self.consumer.is_some() && self.worker.is_none() {
            self.worker = Worker::start().ok();
        }
    }

    /// Whether something is being drawn.
    pub(crate) fn is_waiting(&self) -> bool {
        self.asked.is_some() || self.gathered.is_begun() || self.awaits.is_some()
    }

    /// Takes up what was drawn meanwhile. Whether the screen changes, and what the user should know.
    pub(crate) fn take_up(&mut self) -> (bool, Option<String>) {
        let Some(answer) = self.worker.as_ref().and_then(Worker::answer) else { return (false, None) };
        let current = self.asked == Some(answer.key);
        if current {
            self.asked = None;
            self.drawn = Some((answer.key, answer.sprites.into()));
        }
        (current, answer.complaint)
    }
}
