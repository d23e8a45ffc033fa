//! One thing to measure: what is sent how, and for how long. What the processes of a run are told.

use std::fmt;

use serde::{Deserialize, Serialize};
use tricine_channel::channel::Mode;

/// How frames get from process to process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// Tricine's channel: a triple buffer in POSIX shared memory that survives the death of either side.
    Shm,
    /// The floor: a bare triple buffer of two counters, both sides spinning, nobody ever sleeping.
    Floor,
    /// The textbook: a triple buffer with two named counting semaphores.
    Textbook,
    /// An anonymous pipe, write and read.
    Pipe,
    /// An anonymous pipe, pages lent by vmsplice instead of copied.
    Vmsplice,
    /// A named pipe.
    Fifo,
    /// A POSIX message queue, frames split into messages.
    PosixMq,
    /// A System V message queue, frames split into messages.
    SysvMq,
    /// A Unix stream socket.
    Unix,
    /// A Unix SOCK_SEQPACKET socket, frames split into packets.
    Seqpacket,
    /// A TCP connection over loopback.
    Tcp,
    /// A triple buffer in a mapped file of the temporary folder, futexes to wake.
    Mmap,
    /// A triple buffer in System V shared memory, futexes to wake.
    SysvShm,
    /// iceoryx2 publish-subscribe: the consumer woken by its event, the producer retrying. Needs the feature iceoryx2.
    Iceoryx2,
    /// iceoryx2 publish-subscribe, both sides woken by its event. Needs the feature iceoryx2.
    Iceoryx2Both,
    /// iceoryx2 publish-subscribe, both sides polling. Needs the feature iceoryx2.
    Iceoryx2Busy,
}

impl Transport {
    /// Whether frames are written and read where they lie, without a copy in between.
    pub fn in_place(self) -> bool {
        use Transport::*;
        matches!(self, Shm | Floor | Textbook | Mmap | SysvShm | Iceoryx2 | Iceoryx2Both | Iceoryx2Busy)
    }
}

/// What wakes a side of the shm channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// A named POSIX semaphore, as in the player.
    Semaphore,
    /// A futex.
    Futex,
    /// An eventfd.
    Eventfd,
    /// Nothing: both sides spin.
    Spin,
    /// raw_sync's Event. It does not survive a killed waiter.
    RawSync,
}

/// What the producer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// A stamp of 32 bytes only: the hand-over alone.
    Stamp,
    /// Every byte, where the transport wants it.
    Fill,
    /// A copy of a frame in private memory, as a decoder's.
    Copy,
}

/// What the consumer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Read {
    /// The stamp only.
    None,
    /// Every byte.
    All,
}

/// Whom `--kill` kills.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Kill {
    /// How often.
    pub per_second: f64,
    /// One side, or either by chance.
    pub role: Option<Role>,
}

/// A side of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Sends.
    Producer,
    /// Receives.
    Consumer,
}

impl Role {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// A fault that the producer commits once, for the tests of the verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// One byte of a frame is wrong.
    Torn,
    /// A number is left out.
    Lost,
    /// A frame is sent twice.
    Duplicated,
    /// Two frames are sent in the wrong order.
    Reordered,
    /// No side of the shm channel rings the other.
    Mute,
}

/// One thing to measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// How.
    pub transport: Transport,
    /// What wakes (shm).
    pub guard: Guard,
    /// What happens to frames that are not taken in time.
    #[serde(with = "tricine_session::channel::mode_serde")]
    pub mode: Mode,
    /// Bytes of a frame.
    pub bytes: usize,
    /// What the producer writes.
    pub payload: Payload,
    /// What the consumer reads.
    pub read: Read,
    /// Frames per second; `None`: unlimited.
    pub rate: Option<f64>,
    /// End after so many frames.
    pub frames: Option<u64>,
    /// End after so long, in seconds.
    pub seconds: f64,
    /// Warm up so long, in seconds.
    pub warmup: f64,
    /// How long a side may spin before it sleeps, in µs; `None`: the transport's own way.
    pub spin_us: Option<u64>,
    /// Which processors the producer and the consumer are bound to.
    pub pin: Option<[usize; 2]>,
    /// Check every byte.
    pub verify: bool,
    /// The consumer sleeps until shortly before a frame is due, then spins.
    pub expect: bool,
    /// Pairs of processes side by side.
    pub sessions: usize,
    /// What the content is made from.
    pub seed: u64,
    /// Who is killed how often.
    pub kill: Option<Kill>,
    /// Count system calls: a run of its own, whose times are not used.
    pub count_syscalls: bool,
    /// Keep each frame's times.
    pub samples: bool,
    /// A fault to commit.
    pub fault: Option<Fault>,
}

impl Case {
    /// Its transport, and what distinguishes it from others of the same transport.
    pub fn label(&self) -> String {
        let mut label = kebab(&self.transport);
        if self.transport == Transport::Shm {
            label += &format!(" {}", kebab(&self.guard));
        }
        if self.mode == Mode::Mailbox {
            label += " mailbox";
        }
        if self.sessions > 1 {
            label += &format!(" ×{}", self.sessions);
        }
        label
    }

    /// Whether its sides sleep before nearly every frame: for a pace, since they may not ask, or since asking keeps the other
    /// side from the one processor of both.
    pub fn sleeps(&self) -> bool {
        self.rate.is_some()
            || self.spin_us == Some(0)
            || self.pin.is_some_and(|[producer, consumer]| producer == consumer)
    }

    /// Whether two runs belong to one row.
    pub fn same_row(&self, other: &Self) -> bool {
        let plain = |c: &Self| Self { count_syscalls: false, samples: false, ..c.clone() };
        plain(self) == plain(other)
    }
}

/// A value's name, as on the command line.
pub(crate) fn kebab(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&kebab(self))
    }
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&kebab(self))
    }
}
