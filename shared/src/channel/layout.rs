//! How a region lies in memory, byte by byte (version 4). A program that is not ours can attach by this page alone;
//! `docs/layout.md` says the same for readers who know no Rust, and a test keeps both equal.
//!
//! All integers are little-endian 64-bit words; the host is little-endian, too (x86-64, aarch64). There is a page for each
//! writer, so that the processor itself keeps a side from changing what is not its own.
//!
//! | offset | size | what |
//! |---|---|---|
//! | | | **the creator's page**: written before the region has a name, never again |
//! | 0x0000 | 8 | magic `TRICINE\0` |
//! | 0x0008 | 8 | version, 4 |
//! | 0x0010 | 8 | layout hash, [`LAYOUT_HASH`] |
//! | 0x0018 | 8 | length of the region in bytes |
//! | 0x0020 | 8 | what the meta means: [`crate::meta::Meta::KIND`] |
//! | 0x0028 | 8 | mode: 0 FIFO, 1 mailbox |
//! | 0x0030 | 8 | bytes from one slot's payload to the next's (a multiple of 4096) |
//! | 0x0038 | 8 | payload capacity of a slot in bytes |
//! | 0x0040 | 8 | generation of this region within its stream, from 0 |
//! | 0x0048 | 8 | base: frames published in the generations before |
//! | 0x0050 | 16 | two notes of the creator's, of which the channel knows nothing |
//! | 0x0060 | 8 | barriers: 1 a side that is about to sleep calls `membarrier`, 0 both sides execute a fence |
//! | | | **the producer's page** |
//! | 0x1000, 0x1080, 0x1100 | 8 each | `seq` of slots 0..3: frame `seq` − 1 is complete here; 0: none was yet |
//! | 0x1008, 0x1088, 0x1108 | 96 each | meta of slots 0..3, [`META_WORDS`] words each |
//! | 0x1180 | 8 | `begun`: 1 + the frame that it has begun to write last |
//! | 0x1200 | 8 | `end`: 0, or 1 + the number of frames after which the stream ends |
//! | 0x1280 | 8 | `successor`: 0, or 1 + the generation that goes on where this one ends |
//! | 0x1300 | 8 | `claim`: the process that is the producer, or 0 |
//! | 0x1380 | 8 | `confined`: 1 + the processor that the producer may run on, if that is one only; else 0 |
//! | | | **the consumer's page** |
//! | 0x2000 | 8 | `released`: so many frames are done with |
//! | 0x2080 | 8 | `taken`: 1 + the frame that it has begun to read last |
//! | 0x2100 | 8 | `claim`: the process that is the consumer, or 0 |
//! | 0x2180 | 8 | `confined`: as the producer's |
//! | | | **the page of both** |
//! | 0x3000 | 8 | the mailbox's word (see `ownership.rs`) |
//! | 0x3080, 0x3100 | 8 each | not 0 while the producer, the consumer sleeps at its doorbell or is about to; nothing depends on it but who is woken |
//! | 0x4000 + i·stride | capacity | payload of slot i, the producer's |
//!
//! Words that are used apart lie two cache lines apart, since x86 prefetches lines in pairs. A slot is such a pair: its
//! first line has `seq` and all of the meta that changes from frame to frame, and travels once for both.

use crate::sync::AtomicU64;
#[cfg(not(loom))]
use crate::sync::Ordering::Relaxed;

use super::ownership::SLOTS;

/// The first eight bytes of a region.
pub const MAGIC: u64 = u64::from_le_bytes(*b"TRICINE\0");
/// The layout's version.
pub const VERSION: u64 = 4;
/// Bytes of a page.
pub const PAGE: usize = 4096;
/// Where the first payload starts: the words fill the pages before.
pub const PAYLOAD_OFFSET: usize = 4 * PAGE;
/// Words in a slot's meta.
pub const META_WORDS: usize = 12;
/// So many of them come first that lie in one cache line with the slot's `seq`.
#[cfg(not(loom))]
const FIRST_LINE: usize = 7;
/// The largest payload that a slot may have, in bytes: half a GiB.
pub const MAX_CAPACITY: u64 = 1 << 29;

/// An atomic word on cache lines of its own.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[cfg_attr(not(loom), repr(C, align(128)))]
pub struct Word(pub AtomicU64);

/// One slot's meta. Its words need no order among themselves: `seq` publishes them, `released` gives them back.
#[cfg(not(loom))]
#[derive(Debug)]
#[repr(C)]
pub struct MetaWords(pub [AtomicU64; META_WORDS]);

#[cfg(not(loom))]
impl MetaWords {
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

    /// Copies one word.
    #[inline]
    pub(crate) fn word(&self, i: usize) -> u64 {
        self.0[i].load(Relaxed)
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
pub struct MetaWords(loom::cell::Cell<[u64; META_WORDS]>);

#[cfg(loom)]
impl MetaWords {
    /// Writes all of it.
    pub fn store(&self, words: [u64; META_WORDS]) {
        self.0.set(words);
    }

    /// Copies one word.
    pub(crate) fn word(&self, i: usize) -> u64 {
        self.0.get()[i]
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
    /// Frame `seq` − 1 is complete here; 0: none was yet.
    pub seq: AtomicU64,
    /// What describes the frame.
    pub meta: MetaWords,
}

/// What the creator wrote before the region had a name.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[cfg_attr(not(loom), repr(C, align(4096)))]
pub struct Header {
    /// [`MAGIC`].
    pub magic: AtomicU64,
    /// [`VERSION`].
    pub version: AtomicU64,
    /// [`LAYOUT_HASH`].
    pub layout_hash: AtomicU64,
    /// The region's length in bytes.
    pub region_len: AtomicU64,
    /// What the meta means.
    pub kind: AtomicU64,
    /// 0 FIFO, 1 mailbox.
    pub mode: AtomicU64,
    /// Bytes from one payload to the next.
    pub stride: AtomicU64,
    /// Bytes of payload that a slot takes.
    pub capacity: AtomicU64,
    /// This region's generation.
    pub generation: AtomicU64,
    /// Frames published in the generations before.
    pub base: AtomicU64,
    /// The creator's own.
    pub notes: [AtomicU64; 2],
    /// 1 `membarrier`, 0 fences.
    pub barriers: AtomicU64,
}

/// What the producer writes.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[cfg_attr(not(loom), repr(C, align(4096)))]
pub struct ProducerWords {
    /// The slots.
    pub slots: [Slot; SLOTS],
    /// 1 + the frame that it has begun to write last.
    pub begun: Word,
    /// 1 + the number of frames after which the stream ends, or 0.
    pub end: Word,
    /// 1 + the next generation, or 0.
    pub successor: Word,
    /// The process that is the producer, or 0.
    pub claim: Word,
    /// 1 + the processor that it may run on, if that is one only; else 0.
    pub confined: Word,
}

/// What the consumer writes.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[cfg_attr(not(loom), repr(C, align(4096)))]
pub struct ConsumerWords {
    /// So many frames are done with.
    pub released: Word,
    /// 1 + the frame that it has begun to read last.
    pub taken: Word,
    /// The process that is the consumer, or 0.
    pub claim: Word,
    /// 1 + the processor that it may run on, if that is one only; else 0.
    pub confined: Word,
}

/// What both write, by atomic swaps.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[cfg_attr(not(loom), repr(C, align(4096)))]
pub struct SharedWords {
    /// The mailbox's word.
    pub mail: Word,
    /// Not 0 while the producer sleeps at its doorbell or is about to.
    pub producer_asleep: Word,
    /// Not 0 while the consumer does.
    pub consumer_asleep: Word,
}

/// The first pages of a region. Only atomics: a peer can change any of it at any time.
#[derive(Debug)]
#[cfg_attr(loom, derive(Default))]
#[cfg_attr(not(loom), repr(C))]
pub struct Words {
    /// The creator's.
    pub header: Header,
    /// The producer's.
    pub producer: ProducerWords,
    /// The consumer's.
    pub consumer: ConsumerWords,
    /// Both sides'.
    pub both: SharedWords,
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
    use std::mem::offset_of;
    let offsets = [
        offset_of!(Words, producer.slots),
        offset_of!(Words, producer.begun),
        offset_of!(Words, producer.end),
        offset_of!(Words, producer.successor),
        offset_of!(Words, producer.claim),
        offset_of!(Words, producer.confined),
        offset_of!(Words, consumer.released),
        offset_of!(Words, consumer.taken),
        offset_of!(Words, consumer.claim),
        offset_of!(Words, consumer.confined),
        offset_of!(Words, both.mail),
        offset_of!(Words, both.producer_asleep),
        offset_of!(Words, both.consumer_asleep),
        offset_of!(Slot, meta),
        size_of::<Words>(),
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
    use std::mem::offset_of;
    assert!(offset_of!(Words, header.barriers) == 0x0060);
    assert!(offset_of!(Words, producer.slots) == 0x1000);
    assert!(offset_of!(Words, producer.begun) == 0x1180);
    assert!(offset_of!(Words, producer.end) == 0x1200);
    assert!(offset_of!(Words, producer.successor) == 0x1280);
    assert!(offset_of!(Words, producer.claim) == 0x1300);
    assert!(offset_of!(Words, producer.confined) == 0x1380);
    assert!(offset_of!(Words, consumer.released) == 0x2000);
    assert!(offset_of!(Words, consumer.taken) == 0x2080);
    assert!(offset_of!(Words, consumer.claim) == 0x2100);
    assert!(offset_of!(Words, consumer.confined) == 0x2180);
    assert!(offset_of!(Words, both.mail) == 0x3000);
    assert!(offset_of!(Words, both.producer_asleep) == 0x3080);
    assert!(offset_of!(Words, both.consumer_asleep) == 0x3100);
    assert!(offset_of!(Slot, meta) + 8 * FIRST_LINE == 64 && size_of::<Slot>() == 128);
    assert!(size_of::<Words>() == PAYLOAD_OFFSET);
};

/// Bytes from one slot's payload to the next's: the capacity rounded up to whole pages.
pub const fn stride(capacity: u64) -> u64 {
    capacity.next_multiple_of(PAGE as u64)
}

/// Bytes of a whole region.
pub const fn region_len(capacity: u64) -> u64 {
    PAYLOAD_OFFSET as u64 + SLOTS as u64 * stride(capacity)
}
