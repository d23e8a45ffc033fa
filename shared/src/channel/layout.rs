//! How a region lies in memory, byte by byte (version 3). A program that is not ours can attach by this page alone.
//!
//! All integers are little-endian; the host is, too (x86-64, aarch64).
//!
//! | offset | size | what | written by |
//! |---|---|---|---|
//! | 0x000 | 8 | magic `TRICINE\0` | creator, once |
//! | 0x008 | 8 | version, 3 | creator |
//! | 0x010 | 8 | layout hash, [`LAYOUT_HASH`] | creator |
//! | 0x018 | 8 | length of the region in bytes | creator |
//! | 0x020 | 8 | kind: 1 video, 2 audio | creator |
//! | 0x028 | 8 | mode: 0 FIFO, 1 mailbox | creator |
//! | 0x030 | 8 | bytes from one slot's payload to the next's (a multiple of 4096) | creator |
//! | 0x038 | 8 | payload capacity of a slot in bytes | creator |
//! | 0x040 | 8 | generation of this region within its session, from 0 | creator |
//! | 0x048 | 8 | base: frames published in the generations before | creator |
//! | 0x050 | 8 | pts, in ns, at which the producer goes on if no frame of this region is published yet | creator |
//! | 0x058 | 8 | serial that this pts belongs to | creator |
//! | 0x060 | 8 | barriers: 1 who is about to sleep calls `membarrier`, 0 both sides execute a fence (see `wake.rs`) | creator |
//! | 0x080, 0x100, 0x180 | 8 each | FIFO: ownership words of slots 0..3 | both |
//! | 0x088, 0x108, 0x188 | 96 each | meta of slots 0..3, [`META_WORDS`] words each (see [`crate::frame::FrameMeta`]) | producer |
//! | 0x200 | 8 | mailbox: the ownership word | both |
//! | 0x280 | 8 | end: 0, or 1 + the number of frames after which the stream ends | producer |
//! | 0x300 | 8 | successor: 0, or 1 + the generation that goes on where this one ends | producer |
//! | 0x380 | 8 | done: 1 + the highest frame of this region that the consumer finished, 0 for none | consumer |
//! | 0x400, 0x480 | 8 each | not 0 while the producer, the consumer sleeps at its doorbell or is about to | both |
//! | 0x1000 + i·stride | capacity | payload of slot i | producer |
//!
//! Words that different processes write lie two cache lines apart, since x86 prefetches lines in pairs. A slot is such a
//! pair: its first line has the word and all of the meta that changes from frame to frame, and travels once for both.

use crate::sync::AtomicU64;
#[cfg(not(loom))]
use crate::sync::Ordering::Relaxed;

use super::ownership::SLOTS;

/// The first eight bytes of a region.
pub const MAGIC: u64 = u64::from_le_bytes(*b"TRICINE\0");
/// The layout's version.
pub const VERSION: u64 = 3;
/// Where the first payload starts: the words fill the page before.
pub const PAYLOAD_OFFSET: usize = 4096;
/// Words in a slot's meta.
pub const META_WORDS: usize = 12;
/// So many of them come first that lie in one cache line with the slot's word.
#[cfg(not(loom))]
const FIRST_LINE: usize = 7;
/// The largest payload a slot may have: 16384 × 16384 pixels as I420.
pub const MAX_CAPACITY: u64 = 1 << 29;

/// An atomic word on cache lines of its own.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[cfg_attr(not(loom), repr(C, align(128)))]
pub struct Word(pub AtomicU64);

/// One slot's meta. Its words need no order among themselves: the slot's owner alone touches them.
#[cfg(not(loom))]
#[derive(Debug)]
#[repr(C)]
pub struct Meta(pub [AtomicU64; META_WORDS]);

#[cfg(not(loom))]
impl Meta {
    /// Writes all of it. What lies in the second line is the same from frame to frame, as a rule, and is then not written:
    /// each side keeps a copy of that line in its cache, and only the first has to travel.
    #[inline]
    pub fn store(&self, words: [u64; META_WORDS]) {
        for (i, (to, word)) in self.0.iter().zip(words).enumerate() {
            if i < FIRST_LINE || to.load(Relaxed) != word {
                to.store(word, Relaxed);
            }
        }
    }

    /// Copies it, once.
    #[inline]
    pub fn load(&self) -> [u64; META_WORDS] {
        self.0.each_ref().map(|w| w.load(Relaxed))
    }
}

/// One slot's meta, as loom explores it: a cell in which every race is seen.
#[cfg(loom)]
#[derive(Debug, Default)]
pub struct Meta(loom::cell::Cell<[u64; META_WORDS]>);

#[cfg(loom)]
impl Meta {
    /// Writes all of it.
    pub fn store(&self, words: [u64; META_WORDS]) {
        self.0.set(words);
    }

    /// Copies it, once.
    pub fn load(&self) -> [u64; META_WORDS] {
        self.0.get()
    }
}

/// What a slot has besides its payload.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[cfg_attr(not(loom), repr(C, align(128)))]
pub struct Slot {
    /// FIFO: its ownership word.
    pub word: AtomicU64,
    /// What describes the frame in it.
    pub meta: Meta,
}

/// The first page of a region. Only atomics: a peer can change any of it at any time.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[cfg_attr(not(loom), repr(C, align(4096)))]
pub struct Words {
    /// [`MAGIC`].
    pub magic: AtomicU64,
    /// [`VERSION`].
    pub version: AtomicU64,
    /// [`LAYOUT_HASH`].
    pub layout_hash: AtomicU64,
    /// The region's length in bytes.
    pub region_len: AtomicU64,
    /// 1 video, 2 audio.
    pub kind: AtomicU64,
    /// 0 FIFO, 1 mailbox.
    pub mode: AtomicU64,
    /// Bytes from one payload to the next.
    pub stride: AtomicU64,
    /// Bytes of payload a slot can take.
    pub capacity: AtomicU64,
    /// This region's generation.
    pub generation: AtomicU64,
    /// Frames published in the generations before.
    pub base: AtomicU64,
    /// Where the producer goes on while nothing is published here, in ns.
    pub resume_pts: AtomicU64,
    /// The serial that `resume_pts` belongs to.
    pub resume_serial: AtomicU64,
    /// 1 `membarrier`, 0 fences.
    pub barriers: AtomicU64,
    /// The slots' ownership words and meta.
    pub slots: [Slot; SLOTS],
    /// Mailbox ownership word.
    pub mail: Word,
    /// 1 + the number of frames after which the stream ends, or 0.
    pub end: Word,
    /// 1 + the next generation, or 0.
    pub successor: Word,
    /// 1 + the highest frame that the consumer finished, or 0.
    pub done: Word,
    /// Not 0 while the producer sleeps at its doorbell or is about to.
    pub producer_asleep: Word,
    /// Not 0 while the consumer does.
    pub consumer_asleep: Word,
}

const fn fnv(mut hash: u64, value: usize) -> u64 {
    let mut i = 0;
    while i < 8 {
        hash = (hash ^ (value as u64 >> (8 * i) & 0xff)).wrapping_mul(0x0100_0000_01b3);
        i += 1;
    }
    hash
}

/// FNV-1a over the offsets and sizes above: two builds that disagree about the layout notice it.
pub const LAYOUT_HASH: u64 = {
    let offsets = [
        std::mem::offset_of!(Words, slots),
        std::mem::offset_of!(Words, mail),
        std::mem::offset_of!(Words, end),
        std::mem::offset_of!(Words, successor),
        std::mem::offset_of!(Words, done),
        std::mem::offset_of!(Slot, meta),
        std::mem::offset_of!(Words, producer_asleep),
        std::mem::offset_of!(Words, consumer_asleep),
        size_of::<Words>(),
        size_of::<Word>(),
        size_of::<Slot>(),
        SLOTS,
        META_WORDS,
        PAYLOAD_OFFSET,
    ];
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut i = 0;
    while i < offsets.len() {
        hash = fnv(hash, offsets[i]);
        i += 1;
    }
    hash
};

#[cfg(not(loom))]
const _: () = {
    assert!(std::mem::offset_of!(Words, slots) == 0x080);
    assert!(std::mem::offset_of!(Words, mail) == 0x200);
    assert!(std::mem::offset_of!(Words, end) == 0x280);
    assert!(std::mem::offset_of!(Words, successor) == 0x300);
    assert!(std::mem::offset_of!(Words, done) == 0x380);
    assert!(std::mem::offset_of!(Slot, meta) + 8 * FIRST_LINE == 64 && size_of::<Slot>() == 128);
    assert!(std::mem::offset_of!(Words, producer_asleep) == 0x400);
    assert!(std::mem::offset_of!(Words, consumer_asleep) == 0x480);
    assert!(size_of::<Words>() == PAYLOAD_OFFSET);
};

/// Bytes from one slot's payload to the next's: the capacity rounded up to whole pages.
pub const fn stride(capacity: u64) -> u64 {
    capacity.next_multiple_of(4096)
}

/// Bytes of a whole region.
pub const fn region_len(capacity: u64) -> u64 {
    PAYLOAD_OFFSET as u64 + SLOTS as u64 * stride(capacity)
}
