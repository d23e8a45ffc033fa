//! The mapping: from a name to checked pointers. The only place that turns an address in shared memory into Rust.

#![allow(unsafe_code)]

use std::fmt;

use memmap2::MmapRaw;

use super::layout::{self, Words};
use super::ownership::{MailWord, SLOTS, Side, SlotWord, State};
use crate::error::{Error, Result};
use crate::sync::{AtomicU64, Ordering::Relaxed};
use crate::sys::semaphore::Semaphore;
use crate::sys::shm;

/// What a channel carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Pictures, decoder to renderer.
    Video = 1,
    /// Blocks of sound, decoder to audio.
    Audio = 2,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Video => "video",
            Self::Audio => "audio",
        })
    }
}

/// What happens when the producer is faster than the consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It waits: every frame arrives, in order.
    Fifo = 0,
    /// It overwrites: the latest frame wins.
    Mailbox = 1,
}

/// Which channel: `/dev/shm/tricine.SESSION.KIND.GENERATION` and the two semaphores beside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ChannelName {
    /// The session's name.
    pub session: String,
    /// What it carries.
    pub kind: Kind,
    /// Counts the regions that this stream has had, from 0.
    pub generation: u64,
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tricine.{}.{}.{}", self.session, self.kind, self.generation)
    }
}

impl ChannelName {
    fn empty(&self) -> String {
        format!("{self}.empty")
    }

    fn filled(&self) -> String {
        format!("{self}.filled")
    }

    /// Removes the channel's three names. Whoever has it mapped keeps it.
    pub fn unlink(&self) -> Result<()> {
        shm::unlink(&self.to_string())?;
        Semaphore::unlink(&self.empty())?;
        Semaphore::unlink(&self.filled())
    }
}

/// What a new region is to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// FIFO or mailbox.
    pub mode: Mode,
    /// Bytes of payload that a slot takes.
    pub capacity: u64,
    /// Frames published in the generations before.
    pub base: u64,
    /// Where the producer goes on while nothing is published here, in ns.
    pub resume_pts_ns: i64,
    /// The serial that this belongs to.
    pub resume_serial: u32,
}

/// A channel, attached: its words, its doorbells and, for a producer or consumer, its payload.
#[derive(Debug)]
pub struct Channel {
    words: MmapRaw,
    payload: Option<MmapRaw>,
    stride: usize,
    capacity: usize,
    mode: Mode,
    base: u64,
    resume_pts_ns: i64,
    resume_serial: u32,
    name: ChannelName,
    /// Rings when a slot is free: the producer listens.
    pub empty: Semaphore,
    /// Rings when a frame is ready: the consumer listens.
    pub filled: Semaphore,
}

impl Channel {
    /// Makes the channel's region and semaphores, each complete before it has a name. Fails if a name exists; then
    /// nothing of this channel is left behind.
    pub fn create(name: &ChannelName, spec: &Spec) -> Result<()> {
        if spec.capacity == 0 || spec.capacity > layout::MAX_CAPACITY {
            return Err(Error::TooLarge { len: spec.capacity, capacity: layout::MAX_CAPACITY });
        }
        let object = name.to_string();
        let file = shm::create_unnamed(layout::region_len(spec.capacity))?;
        let map = shm::map(&file, 0, layout::PAYLOAD_OFFSET, true, &object)?;
        let words = words_of(&map);
        let header = [
            (&words.version, layout::VERSION),
            (&words.layout_hash, layout::LAYOUT_HASH),
            (&words.region_len, layout::region_len(spec.capacity)),
            (&words.kind, name.kind as u64),
            (&words.mode, spec.mode as u64),
            (&words.stride, layout::stride(spec.capacity)),
            (&words.capacity, spec.capacity),
            (&words.generation, name.generation),
            (&words.base, spec.base),
            (&words.resume_pts, spec.resume_pts_ns as u64),
            (&words.resume_serial, spec.resume_serial.into()),
            (&words.mail.0, MailWord::EMPTY.encode()),
            (&words.magic, layout::MAGIC),
        ];
        // Relaxed: nobody else can see the region before linkat, and a system call orders what follows it.
        for (word, value) in header {
            word.store(value, Relaxed);
        }
        for (i, slot) in words.slots.iter().enumerate() {
            slot.0.store(SlotWord::new(i as u64, State::Free).encode(), Relaxed);
        }
        let made = Semaphore::create(&name.empty(), SLOTS as u32)
            .and_then(|()| Semaphore::create(&name.filled(), 0))
            .and_then(|()| shm::link(&file, &object));
        if made.is_err() {
            name.unlink()?;
        }
        made
    }

    /// Attaches as `side`, which maps the payload (a consumer only to read), or as an onlooker, which maps the words.
    /// The header is copied once and the copy is checked.
    pub fn attach(name: &ChannelName, side: Option<Side>) -> Result<Self> {
        let object = name.to_string();
        let file = shm::open_named(&object, true)?;
        let len = file.metadata().map_err(|e| Error::sys("fstat", &object, e))?.len();
        let differs = |what, found, wanted| {
            let object = object.clone();
            if found == wanted { Ok(()) } else { Err(Error::Layout { object, what, found, wanted }) }
        };
        if len < layout::PAYLOAD_OFFSET as u64 {
            differs("length", len, layout::PAYLOAD_OFFSET as u64)?;
        }
        let map = shm::map(&file, 0, layout::PAYLOAD_OFFSET, true, &object)?;
        let words = words_of(&map);
        let read = |word: &AtomicU64| word.load(Relaxed);
        differs("magic", read(&words.magic), layout::MAGIC)?;
        differs("version", read(&words.version), layout::VERSION)?;
        differs("layout hash", read(&words.layout_hash), layout::LAYOUT_HASH)?;
        differs("kind", read(&words.kind), name.kind as u64)?;
        differs("generation", read(&words.generation), name.generation)?;
        let (capacity, stride, base) = (read(&words.capacity), read(&words.stride), read(&words.base));
        let corrupt = |what, raw| Error::Corrupt { object: object.clone(), what, raw };
        if capacity == 0 || capacity > layout::MAX_CAPACITY {
            return Err(corrupt("capacity", capacity));
        }
        if base > 1 << 48 {
            return Err(corrupt("base", base));
        }
        differs("stride", stride, layout::stride(capacity))?;
        differs("length", len, layout::region_len(capacity))?;
        let mode = match read(&words.mode) {
            0 => Mode::Fifo,
            1 => Mode::Mailbox,
            raw => return Err(corrupt("mode", raw)),
        };
        let resume_pts_ns = read(&words.resume_pts) as i64;
        let resume_serial = read(&words.resume_serial) as u32;
        let payload = match side {
            None => None,
            Some(side) => {
                let writable = side == Side::Producer;
                let bytes = SLOTS * stride as usize;
                let payload = shm::map(&file, layout::PAYLOAD_OFFSET as u64, bytes, writable, &object)?;
                shm::prefault(&payload, writable);
                Some(payload)
            }
        };
        Ok(Self {
            words: map,
            payload,
            stride: stride as usize,
            capacity: capacity as usize,
            mode,
            base,
            resume_pts_ns,
            resume_serial,
            name: name.clone(),
            empty: Semaphore::open(&name.empty())?,
            filled: Semaphore::open(&name.filled())?,
        })
    }

    /// The channel's name.
    pub fn name(&self) -> &ChannelName {
        &self.name
    }

    /// FIFO or mailbox.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Bytes of payload that a slot takes.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Frames published in the generations before this one.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Where the producer goes on while nothing is published here: the serial, and the time in it in ns.
    pub fn resume(&self) -> (u32, i64) {
        (self.resume_serial, self.resume_pts_ns)
    }

    /// Wakes `side` without giving it anything: it looks up, and finds what the supervisor wants of it.
    pub fn ring(&self, side: Side) {
        match side {
            Side::Producer => self.empty.post(),
            Side::Consumer => self.filled.post(),
        }
    }

    /// The shared words. They are atomics, so a reference to them claims nothing about their content.
    #[inline]
    pub fn words(&self) -> &Words {
        words_of(&self.words)
    }

    /// The ownership words now, for a picture of the pipeline. A mailbox has none: its states are derived.
    pub fn states(&self) -> [State; SLOTS] {
        match self.mode {
            Mode::Fifo => self.words().slots.each_ref().map(|w| SlotWord::decode(w.0.load(Relaxed)).state),
            Mode::Mailbox => {
                let mut states = [State::Free; SLOTS];
                if let Some(mail) = MailWord::decode(self.words().mail.0.load(Relaxed)) {
                    states[mail.back] = State::Writing;
                    states[mail.front] = State::Reading;
                    states[mail.middle] = if mail.dirty { State::Ready } else { State::Free };
                }
                states
            }
        }
    }

    pub(super) fn corrupt(&self, what: &'static str, raw: u64) -> Error {
        Error::Corrupt { object: self.name.to_string(), what, raw }
    }

    /// Slot `slot`'s bytes and its capacity, or nothing if this side maps no payload.
    fn payload(&self, slot: usize) -> (*mut u8, usize) {
        assert!(slot < SLOTS, "slot indices are validated where they are read");
        match &self.payload {
            // wrapping_add: in bounds, since the payload mapping has SLOTS strides.
            Some(map) => (map.as_mut_ptr().wrapping_add(slot * self.stride), self.capacity),
            None => (std::ptr::NonNull::<u8>::dangling().as_ptr(), 0),
        }
    }

    /// The first `len` bytes of a slot's payload, as far as it has so many. The caller owns the slot (I1 or I2).
    #[inline]
    pub(super) fn bytes(&self, slot: usize, len: usize) -> &[u8] {
        let (start, capacity) = self.payload(slot);
        // SAFETY: I2: by protocol nobody writes these bytes until the caller releases the slot; the mapping lives as long
        // as self; the length is within the slot. A hostile peer can change bytes under us: they are plain data that
        // steers nothing.
        unsafe { std::slice::from_raw_parts(start, len.min(capacity)) }
    }

    /// A slot's payload, to be written. The caller owns the slot (I1) and hands out one such view at a time; only a
    /// producer has the payload mapped writable.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the exclusive borrow is that of the WriteSlot")]
    pub(super) fn bytes_mut(&self, slot: usize) -> &mut [u8] {
        let (start, capacity) = self.payload(slot);
        // SAFETY: I1: the slot is the caller's until publish or abandon, so by protocol no other process touches these
        // bytes; the one caller is WriteSlot::payload, whose `&mut self` keeps views in this process apart. A hostile
        // peer that breaks the protocol can change bytes: nothing that was checked is read from them.
        unsafe { std::slice::from_raw_parts_mut(start, capacity) }
    }
}

/// Bytes of a payload as samples of sound. Payloads start on a page, so nothing is cut off in front.
pub(super) fn as_samples(bytes: &[u8]) -> &[f32] {
    // SAFETY: every bit pattern is an f32.
    unsafe { bytes.align_to::<f32>().1 }
}

/// As [`as_samples`], to be written.
pub(super) fn as_samples_mut(bytes: &mut [u8]) -> &mut [f32] {
    // SAFETY: every bit pattern is an f32, and every f32 is four bytes.
    unsafe { bytes.align_to_mut::<f32>().1 }
}

fn words_of(map: &MmapRaw) -> &Words {
    debug_assert!(map.len() >= size_of::<Words>());
    // SAFETY: every caller maps at least PAYLOAD_OFFSET = size_of::<Words>() bytes, page-aligned and writable; Words is
    // made of atomics alone, so any content is valid and concurrent change is allowed; the borrow keeps the map alive.
    unsafe { &*map.as_mut_ptr().cast::<Words>() }
}
