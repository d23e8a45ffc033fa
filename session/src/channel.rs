//! The player's channels: what they are called and what they carry.

use std::fmt;

use serde::{Deserialize, Serialize};
use tricine_channel::channel as pattern;
pub use tricine_channel::channel::{
    Acquired, Barriers, Channel, Doorbell, Mode, Name, Region, Side, Spin, held_by_consumer,
};
#[cfg(not(feature = "seeded-bugs"))]
pub use tricine_channel::channel::{discard, recover};
use tricine_channel::meta::Meta;
use tricine_channel::sys::semaphore::Semaphore;

use crate::NAMESPACE;
use crate::error::Result;
use crate::frame::FrameMeta;
#[cfg(feature = "seeded-bugs")]
pub use crate::misuse::{discard, recover};

/// The one producer of pictures or of sound.
pub type Producer<D = Semaphore> = pattern::Producer<FrameMeta, D>;
/// The one consumer of pictures or of sound.
pub type Consumer<D = Semaphore> = pattern::Consumer<FrameMeta, D>;
/// A slot to be filled with a picture or a block of sound.
pub type WriteSlot<'a, D = Semaphore> = pattern::WriteSlot<'a, FrameMeta, D>;
/// A picture or a block of sound.
pub type ReadSlot<'a, D = Semaphore> = pattern::ReadSlot<'a, FrameMeta, D>;

/// What a channel carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Pictures, decoder to renderer.
    Video,
    /// Blocks of sound, decoder to audio.
    Audio,
    /// Pages of subtitles, decoder to renderer.
    Cues,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Cues => "cues",
        })
    }
}

/// [`Mode`] in messages and reports: `fifo` or `mailbox`.
pub mod mode_serde {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Mode;

    /// By its name.
    pub fn serialize<S: Serializer>(mode: &Mode, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(match mode {
            Mode::Fifo => "fifo",
            Mode::Mailbox => "mailbox",
        })
    }

    /// By its name.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Mode, D::Error> {
        match String::deserialize(from)?.as_str() {
            "fifo" => Ok(Mode::Fifo),
            "mailbox" => Ok(Mode::Mailbox),
            other => Err(D::Error::custom(format!("no such mode: {other}"))),
        }
    }
}

/// Which channel: `/dev/shm/tricine.SESSION.KIND.GENERATION` and the two semaphores beside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChannelName {
    /// The session's name.
    pub session: String,
    /// What it carries.
    pub kind: Kind,
    /// Counts the regions that this stream has had, from 0.
    pub generation: u64,
}

impl ChannelName {
    /// What the region is called in /dev/shm.
    pub fn region(&self) -> Name {
        Name::new(NAMESPACE.object(&self.session, &self.kind.to_string()), self.generation)
    }

    /// The same stream in another generation.
    pub fn generation(&self, generation: u64) -> Self {
        Self { generation, ..self.clone() }
    }

    /// Removes the channel's three names. A process that has it mapped keeps it.
    pub fn unlink(&self) -> Result<()> {
        Ok(self.region().unlink()?)
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.region().fmt(f)
    }
}

/// What a new channel is to be like.
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

impl Spec {
    /// For the channel: where to go on is in the region's notes.
    pub const fn region(&self) -> pattern::Spec {
        let &Self { mode, capacity, base, resume_pts_ns, resume_serial, barriers } = self;
        let notes = [resume_pts_ns as u64, resume_serial as u64];
        pattern::Spec { mode, capacity, kind: <FrameMeta as Meta>::KIND, base, notes, barriers }
    }
}

/// Where the producer goes on while nothing is published in its region: the serial, and the time in it in ns.
pub fn resume<D: Doorbell>(channel: &Channel<D>) -> (u32, i64) {
    let [pts_ns, serial] = channel.notes();
    (serial as u32, pts_ns as i64)
}

/// A channel's region, as the supervisor has it.
#[derive(Debug)]
pub struct StreamRegion {
    name: ChannelName,
    region: Region,
}

impl StreamRegion {
    /// Makes the channel, see [`Region::create`].
    pub fn create(name: &ChannelName, spec: &Spec) -> Result<Self> {
        Ok(Self { name: name.clone(), region: Region::create(&name.region(), &spec.region())? })
    }

    /// Opens the channel of this name.
    pub fn open(name: &ChannelName) -> Result<Self> {
        Ok(Self { name: name.clone(), region: Region::open(&name.region())? })
    }

    /// The channel of this name, whose objects somebody has opened.
    pub fn on(name: &ChannelName, files: [std::fs::File; 3]) -> Result<Self> {
        Ok(Self { name: name.clone(), region: Region::on(&name.region(), files)? })
    }

    /// Its name.
    pub fn name(&self) -> &ChannelName {
        &self.name
    }

    /// The producer of it.
    pub fn attach_producer(&self) -> Result<Producer> {
        Ok(Producer::attach(&self.region)?)
    }

    /// The consumer of it.
    pub fn attach_consumer(&self) -> Result<Consumer> {
        Ok(Consumer::attach(&self.region)?)
    }

    /// A producer for it.
    pub fn producer(name: &ChannelName) -> Result<Producer> {
        Self::open(name)?.attach_producer()
    }

    /// A consumer for it.
    pub fn consumer(name: &ChannelName) -> Result<Consumer> {
        Self::open(name)?.attach_consumer()
    }
}

impl std::ops::Deref for StreamRegion {
    type Target = Region;

    fn deref(&self) -> &Region {
        &self.region
    }
}
