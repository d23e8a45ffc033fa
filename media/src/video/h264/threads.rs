//! The careful decoder on several processors: a picture is decoded beside those that it refers to, each as soon as the rows that it needs
//! are there. `rust_h264` shows grey instead of a picture that it could not decode, and tells of it later or, at the end, never. So each
//! picture that was begun is remembered, they come out in the order in which they were begun, and where one is missing nothing more is
//! given out.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::OnceLock;
use std::thread::{available_parallelism, sleep};
use std::time::{Duration, Instant};

use rust_h264::decoder::Frame;
use rust_h264::nal::{NalUnit, NalUnitType};
use rust_h264::threading::ThreadedDecoder;

use super::super::codec::{CodecError, Decoded};
use super::super::count::Counter;
use super::super::slice::Slice;
use super::super::sps::Sps;
use super::picture::{Look, show};
use crate::caps;
use crate::guard::Catching;

/// Pixels of a picture from which threads are worth their memory and their work: one thread decodes 360p, flat, at 548 pictures per
/// second and three at 384, noise at 158 and 145; 720p at 155 and 158, and 38 and 38, on two processors that others used as well; 1080p at
/// 55 and 76, and 10 and 19.
const LARGE: u64 = 1_280 * 720;
/// Pictures in work: more bring little, as with AV1.
const AT_ONCE: usize = 8;
/// How long to wait until the workers are asked again; the least of what is large takes several times as long.
const PAUSE: Duration = Duration::from_micros(500);
/// How long at most for one picture: ten times what 8K takes, and less than the player's patience with a codec.
const PATIENCE: Duration = Duration::from_secs(15);

/// Says nothing: with it the decoder only tells what is ready.
const NOTHING: NalUnit<'static> = unit(NalUnitType::AccessUnitDelimiter, &[]);
/// As if a picture that refers to none had a further slice (the numbers 1, 7 and 256 in its head, then the end). There are no parameters
/// of that number, so that the decoder leaves it out, but what begins next it takes for another period and no longer holds this picture back
/// until a later one has come: so they come out in the order in which they were begun.
const PERIOD: NalUnit<'static> = unit(NalUnitType::SliceIdr, &[0x42, 0x00, 0x20, 0x30]);

const fn unit(nal_unit_type: NalUnitType, rbsp: &'static [u8]) -> NalUnit<'static> {
    NalUnit { nal_ref_idc: 1, nal_unit_type, rbsp: Cow::Borrowed(rbsp) }
}

/// How many pictures of a sequence are decoded at once; 1 is the decoder that has no threads. `asked`: whatever their size.
pub(super) fn at_once(sps: &Sps, asked: Option<usize>) -> usize {
    // Lines in pairs gain nothing (6.5 pictures per second, and 6.6 with two threads), and a field waits for the other one.
    if sps.fields {
        return 1;
    }
    asked.unwrap_or_else(|| {
        // To count them takes files to be read, and this is asked for each picture.
        static PROCESSORS: OnceLock<usize> = OnceLock::new();
        let pixels = u64::from(sps.coded.0) * u64::from(sps.coded.1);
        let processors = *PROCESSORS.get_or_init(|| available_parallelism().map_or(1, usize::from));
        if processors < 2 || pixels < LARGE {
            return 1;
        }
        // One more than processors: one of them waits for rows of another most of the time.
        let affordable = caps::PIXELS_AT_ONCE / pixels;
        (processors + 1).min(AT_ONCE).min(affordable as usize).max(1)
    })
}

/// A picture that was begun and did not come out yet.
struct Begun {
    tag: i64,
    look: Look,
    count: i32,
}

/// Decodes several pictures at once.
pub(super) struct Threaded {
    /// Dropped, as by every seek, it waits for its workers, since none of them can be called back: as long as the pictures in work take,
    /// on two processors up to 246 ms at 4K.
    decoder: ThreadedDecoder,
    at_once: usize,
    /// In the order in which they were begun: one that waits for the next one's end, those in work, and one whose slices come.
    begun: VecDeque<Begun>,
    counter: Counter,
    /// Something went wrong: what else comes out may refer to it.
    failed: bool,
    _catching: Catching,
}

impl Threaded {
    /// With this many pictures in work.
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            // It never waits by itself: what comes out while it does would be lost with an error that comes in the same call.
            decoder: ThreadedDecoder::with_max_depth(usize::MAX, 1),
            at_once,
            begun: VecDeque::new(),
            counter: Counter::default(),
            failed: false,
            _catching: Catching::new(),
        }
    }

    /// Takes the first slice of a picture.
    pub(super) fn begin(
        &mut self,
        nal: &NalUnit<'_>,
        (slice, sps): (&Slice, &Sps),
        (tag, look): (i64, Look),
        out: &mut Vec<Decoded>,
    ) -> Result<(), CodecError> {
        if sps.fields {
            return Err(CodecError::Damaged("H.264: another sequence without a beginning".into()));
        }
        self.take(&NOTHING, Some(sps), out)?;
        let since = Instant::now();
        while self.begun.len() > self.at_once + 1 {
            // Of some it says nothing, neither a picture nor an error.
            if since.elapsed() > PATIENCE {
                self.failed = true;
                return Err(missing());
            }
            sleep(PAUSE);
            self.take(&NOTHING, Some(sps), out)?;
        }
        self.take(nal, Some(sps), out)?;
        let count = self.counter.count(slice, Some(sps)) as i32;
        self.begun.push_back(Begun { tag, look, count });
        self.take(&PERIOD, Some(sps), out)
    }

    /// Takes any other unit. With an error those pictures are lost that were finished since it was asked last: at most all that are in work
    /// and one more, mostly none.
    pub(super) fn take(
        &mut self,
        nal: &NalUnit<'_>,
        sps: Option<&Sps>,
        out: &mut Vec<Decoded>,
    ) -> Result<(), CodecError> {
        let frames = self.decoder.decode_nal(nal).map_err(|error| {
            self.failed = true;
            super::careful_error(sps, &error)
        })?;
        frames.into_iter().try_for_each(|frame| self.give(frame, out))
    }

    /// Gives a picture out, which has to be the first of those that were begun and must be whole.
    fn give(&mut self, frame: Frame, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        let begun = self.begun.pop_front().filter(|begun| begun.count == frame.pic_order_cnt);
        let shown = begun.ok_or_else(missing).and_then(|begun| show(&begun.look, frame, begun.tag));
        self.failed |= shown.is_err();
        out.push(shown?);
        Ok(())
    }

    /// Waits for all that was begun. Errors: a picture could not be decoded; those before it were given out.
    pub(super) fn finish(&mut self, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        if self.failed {
            return Ok(());
        }
        // Here the decoder does not tell which one is missing.
        let frames = self.decoder.flush();
        let complete = frames.len() == self.begun.len();
        for frame in frames {
            let alike = self.begun.iter().filter(|begun| begun.count == frame.pic_order_cnt).count();
            if !complete && alike > 1 {
                break;
            }
            self.give(frame, out)?;
        }
        if self.begun.is_empty() { Ok(()) } else { Err(missing()) }
    }
}

fn missing() -> CodecError {
    CodecError::Damaged("H.264: a picture that cannot be decoded".into())
}
