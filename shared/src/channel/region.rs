//! A region: made or opened by name, its header checked; and a channel, which is a region as one side has it mapped.

use std::sync::Arc;

use super::bug::{Bug, order};
use super::layout::{self, Words};
use super::memory::{Memory, Source};
use super::name::Name;
use super::ownership::{MailWord, SLOTS, Side, between};
pub use super::spec::{Barriers, Mode, Spec};
use crate::error::{Error, Result};
use crate::sync::AtomicU64;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sys::membarrier;
use crate::sys::semaphore::Semaphore;

/// The two doorbells of a channel.
#[derive(Debug)]
pub struct Bells<D> {
    /// Posted when a slot is free: the producer listens.
    pub empty: D,
    /// Posted when a frame is there: the consumer listens.
    pub filled: D,
}

/// A region of shared memory with its doorbells, as the process has it that makes it, recovers it or looks on. Producers,
/// consumers and taps attach to it.
#[derive(Debug)]
pub struct Region<D = Semaphore> {
    source: Source,
    channel: Channel<D>,
}

impl<D> Region<D> {
    /// Makes a region that is complete but has no name yet. `name` is what errors call it. Both doorbells start without a token.
    pub fn unnamed(name: &Name, spec: &Spec, empty: D, filled: D) -> Result<Self> {
        if spec.capacity == 0 || spec.capacity > layout::MAX_CAPACITY {
            let (object, most) = (name.to_string(), layout::MAX_CAPACITY);
            return Err(Error::Capacity { object, capacity: spec.capacity, most });
        }
        let source = Source::create(spec.capacity)?;
        let page = source.page(&name.to_string())?;
        let words = page.words();
        let header = [
            (&words.header.version, layout::VERSION),
            (&words.header.layout_hash, layout::LAYOUT_HASH),
            (&words.header.region_len, layout::region_len(spec.capacity)),
            (&words.header.kind, spec.kind),
            (&words.header.mode, spec.mode as u64),
            (&words.header.stride, layout::stride(spec.capacity)),
            (&words.header.capacity, spec.capacity),
            (&words.header.generation, name.generation),
            (&words.header.base, spec.base),
            (&words.header.notes[0], spec.notes[0]),
            (&words.header.notes[1], spec.notes[1]),
            (&words.header.barriers, (spec.barriers == Barriers::Sleeper && has_membarrier()).into()),
            (&words.both.mail.0, MailWord::EMPTY.encode()),
            (&words.header.magic, layout::MAGIC),
        ];
        // Relaxed: nobody else can see the region before linkat, and a system call orders what follows it.
        for (word, value) in header {
            word.store(value, Relaxed);
        }
        Self::look(source, name, Arc::new(Bells { empty, filled }))
    }

    /// Maps the words and checks a copy of the header.
    fn look(source: Source, name: &Name, bells: Arc<Bells<D>>) -> Result<Self> {
        let object = name.to_string();
        let len = source.len(&object)?;
        let differs = |what, found, wanted| {
            let object = object.clone();
            if found == wanted { Ok(()) } else { Err(Error::Layout { object, what, found, wanted }) }
        };
        if len < layout::PAYLOAD_OFFSET as u64 {
            differs("length", len, layout::PAYLOAD_OFFSET as u64)?;
        }
        let page = source.page(&object)?;
        let header = &page.words().header;
        let read = |word: &AtomicU64| word.load(Relaxed);
        differs("magic", read(&header.magic), layout::MAGIC)?;
        differs("version", read(&header.version), layout::VERSION)?;
        differs("layout hash", read(&header.layout_hash), layout::LAYOUT_HASH)?;
        differs("generation", read(&header.generation), name.generation)?;
        let (capacity, stride, base) = (read(&header.capacity), read(&header.stride), read(&header.base));
        let corrupt = |what, raw| Error::Corrupt { object: object.clone(), what, raw };
        if capacity == 0 || capacity > layout::MAX_CAPACITY {
            return Err(corrupt("capacity", capacity));
        }
        if base > 1 << 48 {
            return Err(corrupt("base", base));
        }
        differs("stride", stride, layout::stride(capacity))?;
        differs("length", len, layout::region_len(capacity))?;
        let mode = match read(&header.mode) {
            0 => Mode::Fifo,
            1 => Mode::Mailbox,
            raw => return Err(corrupt("mode", raw)),
        };
        let fenced = match read(&header.barriers) {
            0 => true,
            1 if has_membarrier() => false,
            1 => return Err(Error::sys("membarrier", object, std::io::Error::last_os_error())),
            raw => return Err(corrupt("barriers", raw)),
        };
        let notes = [read(&header.notes[0]), read(&header.notes[1])];
        let facts = Facts { capacity: capacity as usize, kind: read(&header.kind), mode, base, notes, fenced };
        let channel = Channel { memory: Memory::of_words(page), facts, claim: None, name: name.clone(), bells };
        Ok(Self { source, channel })
    }

    /// Maps what `side` needs, as the one process on it.
    pub(super) fn attach(&self, side: Side, kind: u64) -> Result<Channel<D>> {
        let whole = &self.channel;
        if whole.facts.kind != kind {
            let object = whole.name.to_string();
            return Err(Error::Kind { object, found: whole.facts.kind, wanted: kind });
        }
        let memory = self.source.memory(side, whole.capacity() as u64, &whole.name.to_string())?;
        let (name, bells) = (whole.name.clone(), whole.bells.clone());
        let mut channel = Channel { memory, facts: whole.facts, claim: None, name, bells };
        // Acquire: pairs with the Release of whoever gave the claim back: what our predecessor wrote is visible.
        let us = us();
        match channel.claim(side).compare_exchange(0, us, order(Bug::RelaxedClaim, Acquire), Relaxed) {
            Ok(_) => {
                channel.claim = Some((side, us));
                channel.say_confined(side);
            }
            Err(pid) => return Err(Error::Claimed { object: channel.name.to_string(), side, pid }),
        }
        Ok(channel)
    }

    /// Whether its frames are described by meta of this kind.
    #[cfg(not(loom))]
    pub(super) fn check_kind(&self, wanted: u64) -> Result<()> {
        let (object, found) = (self.name.to_string(), self.facts.kind);
        if found == wanted { Ok(()) } else { Err(Error::Kind { object, found, wanted }) }
    }

    /// Maps all of it, only to be read.
    #[cfg(not(loom))]
    pub(super) fn view(&self) -> Result<super::memory::View> {
        self.source.view(self.capacity() as u64, self.name.to_string())
    }

    /// Whether the words can be, whoever is at work meanwhile, and the region is as long as it was. For a supervisor, which
    /// replaces a region that is not.
    pub fn check(&self) -> Result<()> {
        let checked = self.check_words();
        // Asked after the look, by which a process that survives it finds out.
        #[cfg(not(loom))]
        if self.channel.lost() {
            return Err(self.channel.corrupt("length", 0));
        }
        checked
    }

    fn check_words(&self) -> Result<()> {
        match self.channel.mode() {
            Mode::Fifo => {
                // Acquire: pairs with the Release in release(), before which the consumer had seen as high a `seq`.
                let before = self.channel.words().consumer.released.0.load(order(Bug::RelaxedCheck, Acquire));
                let (seqs, after) = self.channel.fifo_words();
                let raw = |i| seqs.get(i).copied().unwrap_or(before);
                between(seqs, before, after).map_err(|i| self.channel.corrupt("seq of a slot, or released,", raw(i)))
            }
            Mode::Mailbox => self.channel.mail().map(drop),
        }
    }
}

#[cfg(not(loom))]
impl<D> Region<D> {
    /// Gives the region its name, in one step. Fails if the name exists.
    pub fn link(&self) -> Result<()> {
        self.source.link(&self.channel.name.to_string())
    }

    /// Opens the region of this name, with doorbells that both sides share.
    pub fn open_with(name: &Name, empty: D, filled: D) -> Result<Self> {
        Self::look(Source::open(&name.to_string())?, name, Arc::new(Bells { empty, filled }))
    }
}

#[cfg(not(loom))]
impl Region {
    /// Makes the channel's region and semaphores, each complete before it has a name. Fails if a name exists; then
    /// nothing of this channel is left behind.
    ///
    /// ```
    /// # use tricine_channel::channel::{Mode, Name, Region, Spec};
    /// # use tricine_channel::meta::Len;
    /// # fn main() -> tricine_channel::Result<()> {
    /// # let name = Name::new(format!("doc.{}.create", std::process::id()), 0);
    /// let region = Region::create(&name, &Spec::fifo::<Len>(4096))?;
    /// // Any process of the same user can open it by its name now.
    /// assert_eq!(Region::open(&name)?.mode(), Mode::Fifo);
    /// # name.unlink()
    /// # }
    /// ```
    pub fn create(name: &Name, spec: &Spec) -> Result<Self> {
        name.check()?;
        // What exists already is somebody else's, and stays.
        Semaphore::create(&name.empty(), 0)?;
        let made = Semaphore::create(&name.filled(), 0).and_then(|()| {
            let bells = || Ok((Semaphore::open(&name.empty())?, Semaphore::open(&name.filled())?));
            let made = bells()
                .and_then(|(empty, filled)| Self::unnamed(name, spec, empty, filled))
                .and_then(|region| region.link().map(|()| region));
            if made.is_err() {
                Semaphore::unlink(&name.filled())?;
            }
            made
        });
        if made.is_err() {
            Semaphore::unlink(&name.empty())?;
        }
        made
    }

    /// Opens the region of this name and its semaphores.
    pub fn open(name: &Name) -> Result<Self> {
        Self::open_with(name, Semaphore::open(&name.empty())?, Semaphore::open(&name.filled())?)
    }

    /// The region of this name, and its semaphores, which somebody has opened (see [`Name::files`]). Nothing is opened here.
    pub fn on(name: &Name, files: [std::fs::File; 3]) -> Result<Self> {
        let [region, empty, filled] = files;
        let bells =
            Bells { empty: Semaphore::on(&empty, &name.empty())?, filled: Semaphore::on(&filled, &name.filled())? };
        Self::look(Source::on(region), name, Arc::new(bells))
    }

    /// Whether what stands under this channel's name still is what was opened: there, as long, with the same header
    /// and with words that can be. For a supervisor, which replaces a region that is not; both sides may be at
    /// work meanwhile.
    pub fn inspect(&self) -> Result<()> {
        let now = Self::open(&self.channel.name)?;
        if now.channel.facts != self.channel.facts {
            return Err(self.channel.corrupt("header", now.channel.capacity() as u64));
        }
        // What we have mapped may be another object than the one that has the name now.
        self.check()?;
        now.check()
    }
}

impl<D> std::ops::Deref for Region<D> {
    type Target = Channel<D>;

    fn deref(&self) -> &Channel<D> {
        &self.channel
    }
}

/// Whether the kernel executes barriers for us. loom knows fences alone: a model in which nobody sleeps says that it needs none.
fn has_membarrier() -> bool {
    cfg!(loom) || membarrier::register()
}

/// This process, as it stands in a claim.
fn us() -> u64 {
    std::process::id().into()
}

/// What the header says; it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    capacity: usize,
    kind: u64,
    mode: Mode,
    base: u64,
    notes: [u64; 2],
    /// Whether both sides execute a fence.
    pub(super) fenced: bool,
}

/// A channel as one process has it mapped: its words, its doorbells and, for a producer or consumer, its payload.
#[derive(Debug)]
pub struct Channel<D = Semaphore> {
    memory: Memory,
    pub(super) facts: Facts,
    /// The side whose one process we are, and who we are: a copy of us that `fork` makes is not.
    claim: Option<(Side, u64)>,
    name: Name,
    pub(super) bells: Arc<Bells<D>>,
}

impl<D> Channel<D> {
    /// The channel's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// FIFO or mailbox.
    #[inline]
    pub fn mode(&self) -> Mode {
        self.facts.mode
    }

    /// Bytes of payload that a slot takes.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.facts.capacity
    }

    /// Frames published in the generations before this one.
    #[inline]
    pub fn base(&self) -> u64 {
        self.facts.base
    }

    /// The creator's [`Spec::notes`].
    pub fn notes(&self) -> [u64; 2] {
        self.facts.notes
    }

    /// The shared words. They are atomics, so a reference to them claims nothing about their content. What another side writes is
    /// mapped read-only: a store to it ends the process.
    #[cfg(not(any(loom, feature = "words")))]
    #[inline]
    pub(super) fn words(&self) -> &Words {
        self.memory.words()
    }

    /// The same, for proofs: who stores to them is a peer that breaks the protocol, and can make itself a second producer.
    #[cfg(any(loom, feature = "words"))]
    #[inline]
    pub fn words(&self) -> &Words {
        self.memory.words()
    }

    /// The process that has claimed `side`, or 0.
    pub(super) fn claim(&self, side: Side) -> &AtomicU64 {
        match side {
            Side::Producer => &self.words().producer.claim.0,
            Side::Consumer => &self.words().consumer.claim.0,
        }
    }

    /// `seq` of each slot and, read after them, `released`.
    pub(super) fn fifo_words(&self) -> ([u64; SLOTS], u64) {
        // Acquire: pairs with the Release in publish(), before which the producer had seen as much of `released`.
        let seqs = self.words().producer.slots.each_ref().map(|s| s.seq.load(order(Bug::RelaxedWords, Acquire)));
        // Relaxed: nothing is read by it.
        (seqs, self.words().consumer.released.0.load(Relaxed))
    }

    /// Whether another program truncated the region. Only a process that survives the SIGBUS of it can ask.
    #[cfg(not(loom))]
    pub fn lost(&self) -> bool {
        self.memory.lost()
    }

    #[cold]
    pub(super) fn corrupt(&self, what: &'static str, raw: u64) -> Error {
        Error::Corrupt { object: self.name.to_string(), what, raw }
    }

    /// What this side has mapped.
    #[inline]
    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The same, to write its payload.
    #[inline]
    pub(super) fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }
}

impl<D> Drop for Channel<D> {
    fn drop(&mut self) {
        if let Some((side, who)) = self.claim
            && !super::probe::dead()
            && who == us()
        {
            // Release: pairs with the Acquire in Region::attach.
            self.claim(side).store(0, order(Bug::RelaxedUnclaim, Release));
        }
    }
}
