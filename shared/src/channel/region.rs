//! A channel, attached: from a name to checked words, payload and doorbells.

use std::fmt;

use super::doorbell::Doorbell;
use super::layout::{self, Words};
use super::memory::{Memory, Source};
use super::ownership::{MailWord, SLOTS, Side, SlotWord, State};
use crate::error::{Error, Result};
use crate::sync::{AtomicU64, Ordering::Relaxed};
use crate::sys::membarrier;
use crate::sys::semaphore::Semaphore;
#[cfg(not(loom))]
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

#[cfg(not(loom))]
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

/// Who executes the barriers between a change and the look for a sleeper ([`super::wake`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barriers {
    /// Both sides, a fence each at every hand-over: where nearly every frame is slept for, as at a film's pace.
    Both,
    /// Who is about to sleep has the kernel execute both, by `membarrier`: where frames follow each other. A kernel that has
    /// none gets fences.
    Sleeper,
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
    /// Whose the barriers are.
    pub barriers: Barriers,
}

/// A region without doorbells, not attached yet: what a test, a model or a measurement with doorbells of its own begins
/// with. The player's channels begin with [`Channel::create`].
#[derive(Debug)]
pub struct Region {
    source: Source,
    name: ChannelName,
}

impl Region {
    /// Makes a region that is complete but has no name yet: only who is handed this can attach to it. `name` is what
    /// errors call it.
    pub fn unnamed(name: &ChannelName, spec: &Spec) -> Result<Self> {
        if spec.capacity == 0 || spec.capacity > layout::MAX_CAPACITY {
            return Err(Error::TooLarge { len: spec.capacity, capacity: layout::MAX_CAPACITY });
        }
        let source = Source::create(spec.capacity)?;
        let page = source.page(&name.to_string())?;
        let words = page.words();
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
            // loom knows fences alone.
            (&words.barriers, u64::from(!cfg!(loom) && spec.barriers == Barriers::Sleeper && membarrier::register())),
            (&words.mail.0, MailWord::EMPTY.encode()),
            (&words.magic, layout::MAGIC),
        ];
        // Relaxed: nobody else can see the region before linkat, and a system call orders what follows it.
        for (word, value) in header {
            word.store(value, Relaxed);
        }
        for (i, slot) in words.slots.iter().enumerate() {
            slot.word.store(SlotWord::new(i as u64, State::Free).encode(), Relaxed);
        }
        Ok(Self { source, name: name.clone() })
    }

    /// Gives the region its name, in one step. Fails if the name exists.
    #[cfg(not(loom))]
    pub fn link(&self) -> Result<()> {
        self.source.link(&self.name.to_string())
    }

    /// Opens the region of this name.
    #[cfg(not(loom))]
    pub fn open(name: &ChannelName) -> Result<Self> {
        Ok(Self { source: Source::open(&name.to_string())?, name: name.clone() })
    }

    /// Attaches as `side`, which maps the payload (a consumer only to read), or as an onlooker, which maps the words.
    /// The header is copied once and the copy is checked. `empty` and `filled` are the doorbells that both sides share; both
    /// start without a token.
    pub fn attach<D: Doorbell>(&self, side: Option<Side>, empty: D, filled: D) -> Result<Channel<D>> {
        let object = self.name.to_string();
        let len = self.source.len(&object)?;
        let differs = |what, found, wanted| {
            let object = object.clone();
            if found == wanted { Ok(()) } else { Err(Error::Layout { object, what, found, wanted }) }
        };
        if len < layout::PAYLOAD_OFFSET as u64 {
            differs("length", len, layout::PAYLOAD_OFFSET as u64)?;
        }
        let page = self.source.page(&object)?;
        let words = page.words();
        let read = |word: &AtomicU64| word.load(Relaxed);
        differs("magic", read(&words.magic), layout::MAGIC)?;
        differs("version", read(&words.version), layout::VERSION)?;
        differs("layout hash", read(&words.layout_hash), layout::LAYOUT_HASH)?;
        differs("kind", read(&words.kind), self.name.kind as u64)?;
        differs("generation", read(&words.generation), self.name.generation)?;
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
        let fenced = match read(&words.barriers) {
            0 => true,
            1 if membarrier::register() => false,
            1 => return Err(Error::sys("membarrier", object, std::io::Error::last_os_error())),
            raw => return Err(corrupt("barriers", raw)),
        };
        let resume_pts_ns = read(&words.resume_pts) as i64;
        let resume_serial = read(&words.resume_serial) as u32;
        Ok(Channel {
            memory: self.source.memory(page, side, capacity, &object)?,
            capacity: capacity as usize,
            mode,
            base,
            resume_pts_ns,
            resume_serial,
            fenced,
            name: self.name.clone(),
            empty,
            filled,
        })
    }
}

/// A channel, attached: its words, its doorbells and, for a producer or consumer, its payload.
#[derive(Debug)]
pub struct Channel<D = Semaphore> {
    memory: Memory,
    capacity: usize,
    mode: Mode,
    base: u64,
    resume_pts_ns: i64,
    resume_serial: u32,
    /// Whether both sides execute a fence, for want of `membarrier`.
    pub(super) fenced: bool,
    name: ChannelName,
    /// Rings when a slot is free: the producer listens.
    pub empty: D,
    /// Rings when a frame is ready: the consumer listens.
    pub filled: D,
}

#[cfg(not(loom))]
impl Channel {
    /// Makes the channel's region and semaphores, each complete before it has a name. Fails if a name exists; then
    /// nothing of this channel is left behind.
    pub fn create(name: &ChannelName, spec: &Spec) -> Result<()> {
        let region = Region::unnamed(name, spec)?;
        let made = Semaphore::create(&name.empty(), 0)
            .and_then(|()| Semaphore::create(&name.filled(), 0))
            .and_then(|()| region.link());
        if made.is_err() {
            name.unlink()?;
        }
        made
    }

    /// Attaches to a channel's region and semaphores by name, see [`Region::attach`].
    pub fn attach(name: &ChannelName, side: Option<Side>) -> Result<Self> {
        let region = Region::open(name)?;
        region.attach(side, Semaphore::open(&name.empty())?, Semaphore::open(&name.filled())?)
    }

    /// Whether what stands under this channel's name still is what was attached to: there, as long, with the same header
    /// and with ownership words that can be. For the supervisor, which replaces a region that is not; both sides may be at
    /// work meanwhile.
    pub fn inspect(&self) -> Result<()> {
        let now = Self::attach(&self.name, None)?;
        let same = [
            ("capacity", self.capacity as u64, now.capacity as u64),
            ("mode", self.mode as u64, now.mode as u64),
            ("base", self.base, now.base),
        ];
        if let Some(&(what, _, raw)) = same.iter().find(|(_, ours, raw)| ours != raw) {
            return Err(self.corrupt(what, raw));
        }
        // What we have mapped may be another object than the one that has the name now.
        if self.lost() {
            return Err(self.corrupt("length", 0));
        }
        match self.mode {
            Mode::Fifo => {
                let raw = self.words().slots.each_ref().map(|s| s.word.load(Relaxed));
                super::ownership::fifo_words(raw).map_err(|i| self.corrupt("slot word", raw[i]))?;
            }
            Mode::Mailbox => {
                let raw = self.words().mail.0.load(Relaxed);
                MailWord::decode(raw).ok_or_else(|| self.corrupt("mailbox word", raw))?;
            }
        }
        Ok(())
    }
}

impl<D> Channel<D> {
    /// The channel's name.
    pub fn name(&self) -> &ChannelName {
        &self.name
    }

    /// FIFO or mailbox.
    #[inline]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Bytes of payload that a slot takes.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Frames published in the generations before this one.
    #[inline]
    pub fn base(&self) -> u64 {
        self.base
    }

    /// Where the producer goes on while nothing is published here: the serial, and the time in it in ns.
    pub fn resume(&self) -> (u32, i64) {
        (self.resume_serial, self.resume_pts_ns)
    }

    /// The shared words. They are atomics, so a reference to them claims nothing about their content.
    #[inline]
    pub fn words(&self) -> &Words {
        self.memory.words()
    }

    /// The ownership words now, for a picture of the pipeline. A mailbox has none: its states are derived.
    pub fn states(&self) -> [State; SLOTS] {
        match self.mode {
            Mode::Fifo => self.words().slots.each_ref().map(|s| SlotWord::decode(s.word.load(Relaxed)).state),
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

    /// Whether the region was truncated by another program, in a process that survives that.
    #[cfg(not(loom))]
    pub fn lost(&self) -> bool {
        self.memory.lost()
    }

    #[cold]
    pub(super) fn corrupt(&self, what: &'static str, raw: u64) -> Error {
        Error::Corrupt { object: self.name.to_string(), what, raw }
    }

    /// The first `len` bytes of a slot's payload, as far as it has so many. The caller owns the slot (I1 or I2).
    #[inline]
    pub(super) fn bytes(&self, slot: usize, len: usize) -> &[u8] {
        self.memory.bytes(slot, len)
    }

    /// A slot's payload, to be written. The caller owns the slot (I1) and hands out one such view at a time.
    #[inline]
    pub(super) fn bytes_mut(&self, slot: usize) -> &mut [u8] {
        self.memory.bytes_mut(slot)
    }
}
