//! A reader that cannot hurt: it registers nowhere, changes nothing, and nobody waits for it. It copies a frame and then checks
//! whether the copy is whole.

use super::bug::{Bug, order, seeded};
#[cfg(not(loom))]
use super::layout::META_WORDS;
use super::layout::Words;
#[cfg(not(loom))]
use super::memory::View;
use super::ownership::{MOST_FRAMES, MailWord, SLOTS, slot_of};
use super::region::Mode;
#[cfg(not(loom))]
use super::region::Region;
#[cfg(not(loom))]
use crate::error::{Error, Result};
#[cfg(not(loom))]
use crate::meta::Meta;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sync::fence;

/// An onlooker at a channel's frames.
///
/// ```
/// # use tricine_channel::channel::{Acquired, Name, Producer, Region, Spec, Tap, Tapped};
/// # use tricine_channel::{meta::Len, time::Deadline};
/// # fn main() -> tricine_channel::Result<()> {
/// # let name = Name::new(format!("doc.{}.tap", std::process::id()), 0);
/// # let region = Region::create(&name, &Spec::fifo::<Len>(4096))?;
/// # let mut producer = Producer::<Len>::attach(&region)?;
/// # let Acquired::Slot(mut slot) = producer.acquire(Deadline::NOW)? else { panic!() };
/// # slot.payload()[0] = 7;
/// # slot.publish(Len(1))?;
/// let tap = Tap::attach::<Len, _>(&Region::open(&name)?)?;
/// let mut payload = Vec::new();
/// match tap.latest::<Len>(0, &mut payload)? {
///     Tapped::Frame(number, _) => assert_eq!((number, &payload[..]), (0, &[7][..])),
///     Tapped::Nothing => println!("no frame yet"),
///     _ => println!("overwritten while it was being copied: look again"),
/// }
/// # name.unlink()
/// # }
/// ```
#[cfg(not(loom))]
#[derive(Debug)]
pub struct Tap {
    view: View,
    mode: Mode,
    base: u64,
    capacity: u64,
}

/// What came of looking for a frame.
#[cfg(not(loom))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tapped<M> {
    /// A whole frame: its number in the stream and its meta. Its payload was copied.
    Frame(u64, M),
    /// There is no frame yet whose number is at least the one that was asked for.
    Nothing,
    /// It was overwritten while it was being copied.
    Torn,
}

#[cfg(not(loom))]
impl Tap {
    /// Maps the region read-only.
    ///
    /// Errors: [`Error::Layout`] where the region was made for another meta.
    pub fn attach<M: Meta, D>(region: &Region<D>) -> Result<Self> {
        region.check_kind(M::KIND)?;
        Ok(Self { view: region.view()?, mode: region.mode(), base: region.base(), capacity: region.capacity() as u64 })
    }

    fn words(&self) -> &Words {
        self.view.words()
    }

    /// Copies the latest frame into `payload`, which becomes exactly as long, if its number is at least `from`.
    pub fn latest<M: Meta>(&self, from: u64, payload: &mut Vec<u8>) -> Result<Tapped<M>> {
        let (slot, seq) = newest(self.words(), self.mode)
            .map_err(|raw| self.corrupt(if self.mode == Mode::Fifo { "seq of a slot" } else { "mailbox word" }, raw))?;
        if seq == 0 || self.base.saturating_add(seq - 1) < from {
            return Ok(Tapped::Nothing);
        }
        let at = &self.words().producer.slots[slot];
        let meta = at.meta.load();
        let described = M::decode(&meta, self.capacity);
        if let Ok(described) = &described {
            self.view.payload(slot, described.payload_len() as usize).copy_to_vec(payload);
        }
        if !untouched(self.words(), self.mode, slot, seq) || at.meta.load() != meta {
            return Ok(Tapped::Torn);
        }
        match described {
            Ok(described) => Ok(Tapped::Frame(self.base + seq - 1, described)),
            Err(i) => Err(self.corrupt("meta", meta[i.min(META_WORDS - 1)])),
        }
    }

    fn corrupt(&self, what: &'static str, raw: u64) -> Error {
        Error::Corrupt { object: self.view.object().to_owned(), what, raw }
    }
}

/// The slot of the newest frame, and 1 + its number; 0 if there is none. An error is an invalid word: a `seq`, or that of a mailbox.
#[cfg_attr(loom, doc(hidden))]
pub fn newest(words: &Words, mode: Mode) -> std::result::Result<(usize, u64), u64> {
    match mode {
        Mode::Fifo => {
            // Acquire: pairs with the Release in publish(): payload and meta are there.
            let acquire = order(Bug::RelaxedTapSeq, Acquire);
            let seqs = words.producer.slots.each_ref().map(|s| s.seq.load(acquire));
            let (slot, seq) = seqs.into_iter().enumerate().max_by_key(|(_, seq)| *seq).unwrap_or((0, 0));
            match seq {
                0 => Ok((0, 0)),
                1..=MOST_FRAMES if slot == slot_of(seq - 1) => Ok((slot, seq)),
                _ => Err(seq),
            }
        }
        Mode::Mailbox => {
            // Acquire: as above, with the Release of the producer's swap.
            let raw = words.both.mail.0.load(order(Bug::RelaxedTapMail, Acquire));
            let word = MailWord::decode(raw).ok_or(raw)?;
            Ok((if word.dirty { word.middle } else { word.front }, word.seq))
        }
    }
}

/// Whether nobody has begun to write into `slot` since frame `seq − 1` was published there. To be asked after the copy.
#[cfg_attr(loom, doc(hidden))]
pub fn untouched(words: &Words, mode: Mode, slot: usize, seq: u64) -> bool {
    // Acquire: pairs with the fence in begun(): if a byte of the copy was written later, then what the producer said
    // before it wrote that byte is visible here.
    if !seeded(Bug::RelaxedTap) {
        fence(Acquire);
    }
    match mode {
        // Frame `seq − 1 + 3` is the next one here.
        Mode::Fifo => words.producer.begun.0.load(Relaxed) < seq.saturating_add(SLOTS as u64),
        // It is not the one being written, and was not published anew meanwhile. Acquire: a slot that is no longer `back` has its
        // new `seq`.
        Mode::Mailbox => {
            let word = MailWord::decode(words.both.mail.0.load(Acquire));
            word.is_some_and(|word| word.back != slot) && words.producer.slots[slot].seq.load(Relaxed) == seq
        }
    }
}

/// Says that the producer has begun to write frame `n`.
#[inline]
pub fn begun(words: &Words, n: u64) {
    // Relaxed: to the consumer it says nothing.
    words.producer.begun.0.store(n + 1, Relaxed);
    // Release: comes before every byte of the payload that is written from here on; pairs with the fence in untouched(). It
    // orders a mailbox's swap before them as well.
    if !seeded(Bug::RelaxedBegun) {
        fence(Release);
    }
}
