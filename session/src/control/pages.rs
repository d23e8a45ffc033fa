//! The pages of the control region, one for each process: which words it has and what they say.
//!
//! Each page is one type in two forms. `AudioPage<Writable>` is what its owner has of it ([`Attached`](super::Attached)): its words can be
//! set. `AudioPage<ReadOnly>` is what everybody else sees: it has no method that stores, since its memory is mapped read-only.

use std::marker::PhantomData;
use std::mem::offset_of;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use tricine_channel::register::Register;
use tricine_channel::sys::shm::SharedWords;
use tricine_channel::time::mono_ns;

use crate::clock::{Clock, PlayState};
use crate::metrics::Histogram;
use crate::role::Role;
use crate::window::Window;

/// Said of a page or a word: it is this process's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Writable;

/// Said of a page or a word: another process's, mapped read-only.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOnly;

/// A role's page, as that role has it.
pub trait Page: SharedWords {
    /// Whose it is.
    const ROLE: Role;
    /// Its first byte within the control region.
    const OFFSET: usize;

    /// What the page begins with.
    fn pulse(&self) -> &Pulse<Writable>;
}

/// One field of a page, as `docs/layout.md` lists it.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its first byte within the page or the part of one.
    pub offset: usize,
    /// Its bytes.
    pub size: usize,
    /// What it is made of.
    pub kind: &'static str,
    /// What it says.
    pub what: &'static str,
}

const fn size_of_field<P, F>(_: fn(&P) -> &F) -> usize {
    size_of::<F>()
}

/// A struct of shared words that also says where each of them lies: the comment of a field is what `docs/layout.md` says of it.
macro_rules! described {
    ($(#[$meta:meta])* $vis:vis struct $name:ident<$access:ident> {
        $($(#[doc = $doc:literal])* $field_vis:vis $field:ident: $type:ty,)*
    }) => {
        tricine_channel::shared_words! {
            $(#[$meta])* $vis struct $name<$access> {
                $($(#[doc = $doc])* $field_vis $field: $type,)*
            }
        }

        impl $name<ReadOnly> {
            /// Its fields, in the order in which they lie.
            pub const FIELDS: &[Field] = &[$(Field {
                name: stringify!($field),
                offset: offset_of!($name<ReadOnly>, $field),
                size: size_of_field(|page: &$name<ReadOnly>| &page.$field),
                kind: stringify!($type),
                what: concat!($($doc),*),
            }),*];
        }
    };
}

/// The first eight bytes of a control region.
pub const MAGIC: u64 = u64::from_le_bytes(*b"TRICINEC");
/// The version of the control region's layout.
pub const VERSION: u64 = 1;

tricine_channel::shared_words! {
    /// A counter that one process writes and all read.
    #[derive(Debug, Default)]
    #[repr(C)]
    pub struct Counter<A> {
        word: AtomicU64,
        access: PhantomData<A>,
    }
}

impl Counter<Writable> {
    /// Adds `n`. Load and store: there is one writer.
    pub fn add(&self, n: u64) {
        self.set(self.get().wrapping_add(n));
    }

    /// Raises it to `n` if it is lower: a count that a successor may state again.
    pub fn raise(&self, n: u64) {
        if n > self.get() {
            self.set(n);
        }
    }

    /// Sets it.
    pub fn set(&self, n: u64) {
        self.word.store(n, Relaxed);
    }
}

impl<A> Counter<A> {
    /// Its value.
    pub fn get(&self) -> u64 {
        self.word.load(Relaxed)
    }
}

described! {
    /// Written by the supervisor.
    #[derive(Debug)]
    #[repr(C, align(4096))]
    pub struct SessionPage<A> {
        /// `TRICINEC`.
        pub(super) magic: AtomicU64,
        /// The version of this layout.
        pub(super) version: AtomicU64,
        /// The region's length in bytes.
        pub(super) region_len: AtomicU64,
        /// The supervisor's process id.
        pub pid: Counter<A>,
        /// When the supervisor began, in ns on CLOCK_MONOTONIC.
        pub started_ns: Counter<A>,
        /// The film's length in ns, for nothing but a better display; 0 if unknown.
        pub duration_ns: Counter<A>,
        /// What the user wants.
        pub(super) state: Register,
    }
}

described! {
    /// What every role's page begins with.
    #[derive(Debug, Default)]
    #[repr(C)]
    pub struct Pulse<A> {
        /// When the role last went round its loop, in ns on CLOCK_MONOTONIC.
        pub heartbeat_ns: Counter<A>,
        /// Counts what it achieved (frames, blocks): a role that beats and achieves nothing is seen.
        pub progress: Counter<A>,
    }
}

impl Pulse<Writable> {
    /// Says that the role lives.
    pub fn beat(&self) {
        self.heartbeat_ns.set(mono_ns());
    }
}

described! {
    /// Written by the decoder.
    #[derive(Debug)]
    #[repr(C, align(4096))]
    pub struct DecoderPage<A> {
        /// Its pulse.
        pub pulse: Pulse<A>,
        /// Video frames that came out of the codec and were offered to the channel.
        pub video_decoded: Counter<A>,
        /// Video frames published.
        pub video_published: Counter<A>,
        /// Blocks of sound published.
        pub audio_published: Counter<A>,
        /// Frames that a mailbox's consumer never took: it overwrote them.
        pub overwrote: Counter<A>,
        /// Stretches of damaged video data that were skipped.
        pub video_damaged: Counter<A>,
        /// Stretches of damaged sound that were skipped.
        pub audio_damaged: Counter<A>,
        /// 1 + the serial whose sound has ended with not one block: the audio clock will not start in it.
        pub no_audio_in: Counter<A>,
        /// Pictures whose decoding was timed: all but the first after each seek, which may come after many that are not shown.
        pub video_timed: Counter<A>,
        /// How long the codec took for those, in ns.
        pub video_decoding_ns: Counter<A>,
        /// How long it took to write published pictures into their slots, in ns.
        pub video_writing_ns: Counter<A>,
        /// The fonts that come with the subtitles, by the number of their set, whether the renderer has them or not; 0 for none.
        pub fonts: Counter<A>,
    }
}

described! {
    /// Written by the audio role.
    #[derive(Debug)]
    #[repr(C, align(4096))]
    pub struct AudioPage<A> {
        /// Its pulse.
        pub pulse: Pulse<A>,
        /// The audio clock: what is heard now.
        pub(super) clock: Register,
        /// Blocks received.
        pub received: Counter<A>,
        /// Sample frames that the sink has taken.
        pub samples_played: Counter<A>,
        /// Times that the sink ran dry in mid-film.
        pub underruns: Counter<A>,
        /// Blocks that were missing in the sequence.
        pub lost: Counter<A>,
        /// Blocks whose content was not what was published.
        pub torn: Counter<A>,
        /// When the first sample was heard, in ns on CLOCK_MONOTONIC; 0 before.
        pub first_audio_ns: Counter<A>,
        /// 1 + the serial of the last block that was current when it came: tells an end of this stretch from one before it.
        pub in_serial: Counter<A>,
        /// What a successor needs to take up the stream on the sound server; 0 if there is none. The role's own.
        pub stream: Counter<A>,
        /// After a death: when the successor's first sample was heard, in ns on CLOCK_MONOTONIC; 0 before.
        pub joined_ns: Counter<A>,
        /// After a death: until when the sound server had sound of the dead role, in ns on CLOCK_MONOTONIC; 0 if it had none.
        pub inherited_until_ns: Counter<A>,
        /// WAV sink: 1 + the number of the block being written.
        pub wav_seq: Counter<A>,
        /// WAV sink: bytes of samples in the file before that block.
        pub wav_bytes: Counter<A>,
    }
}

described! {
    /// The latest gaps, each with its end: how long something stood beyond its own time.
    #[derive(Debug)]
    #[repr(C)]
    pub struct Gaps<A> {
        /// How many there were; gap number n is entry n mod 128.
        count: Counter<A>,
        /// 128 entries: when it ended, in ns on CLOCK_MONOTONIC, and how long it was, in ns.
        latest: [[Counter<A>; 2]; 128],
    }
}

impl Gaps<Writable> {
    /// Books one.
    pub fn record(&self, ended_ns: u64, gap_ns: u64) {
        let [at, length] = &self.latest[self.count.get() as usize % self.latest.len()];
        length.set(gap_ns);
        at.set(ended_ns);
        self.count.add(1);
    }
}

impl<A> Gaps<A> {
    /// The longest of those that ended in these times, in ns; 0 if there was none.
    pub fn longest(&self, ended_ns: std::ops::Range<u64>) -> u64 {
        let within = self.latest.iter().filter(|[at, _]| ended_ns.contains(&at.get()));
        within.map(|[_, length]| length.get()).max().unwrap_or(0)
    }
}

impl<A: Default> Default for Gaps<A> {
    fn default() -> Self {
        Self { count: Counter::default(), latest: std::array::from_fn(|_| Default::default()) }
    }
}

described! {
    /// Written by the renderer.
    #[derive(Debug, Default)]
    #[repr(C, align(4096))]
    pub struct RendererPage<A> {
        /// Its pulse.
        pub pulse: Pulse<A>,
        /// The renderer's clock: where the film is when there is no sound.
        pub(super) clock: Register,
        /// The window, as its user has left it; for a successor.
        pub(super) window: Register,
        /// The fonts that came with the film and that it has, by the number of their set; 0 for none.
        pub fonts: Counter<A>,
        /// Frames received.
        pub received: Counter<A>,
        /// Frames presented, each once.
        pub presented: Counter<A>,
        /// Frames not presented since they were late.
        pub dropped: Counter<A>,
        /// Frames not presented since nobody wanted them any more: from before a seek, or at the end.
        pub skipped: Counter<A>,
        /// Times that a frame was shown again.
        pub repeated: Counter<A>,
        /// Frames whose content was not what was published.
        pub torn: Counter<A>,
        /// Frames that were missing in the sequence.
        pub lost: Counter<A>,
        /// When the first frame was presented, in ns on CLOCK_MONOTONIC; 0 before.
        pub first_frame_ns: Counter<A>,
        /// When the last frame was presented, in ns on CLOCK_MONOTONIC.
        pub last_present_ns: Counter<A>,
        /// How long the last frame was to stand, in ns at the speed it was shown at; 0 if unknown.
        pub last_duration_ns: Counter<A>,
        /// The latest gaps on the screen.
        pub gaps: Gaps<A>,
        /// 1 + the number of the last frame presented.
        pub last_seq: Counter<A>,
        /// 1 + the number of the last frame received: a frame that is delivered again is not counted again.
        pub last_received: Counter<A>,
        /// The last presented frame's time in the film, in ns, as two's complement.
        pub last_pts_ns: Counter<A>,
        /// The last presented frame's distance from the audio clock in ns (video − audio), as two's complement.
        pub last_av_offset_ns: Counter<A>,
        /// From publish to acquire, in ns, of each frame that was waited for.
        pub handoff_ns: Histogram<A>,
        /// How late each frame was presented, in ns.
        pub present_late_ns: Histogram<A>,
        /// |video − audio| at each presented frame, in ns.
        pub av_offset_ns: Histogram<A>,
    }
}

impl SessionPage<Writable> {
    /// Says what the user wants.
    pub fn set_state(&self, state: &PlayState) {
        self.state.store(state.encode());
    }
}

impl AudioPage<Writable> {
    /// Publishes the audio clock.
    pub fn set_clock(&self, clock: &Clock) {
        self.clock.store(clock.encode());
    }
}

impl RendererPage<Writable> {
    /// Says how the window is now.
    pub fn set_window(&self, window: &Window) {
        self.window.store(window.encode());
    }

    /// Publishes the renderer's clock.
    pub fn set_clock(&self, clock: &Clock) {
        self.clock.store(clock.encode());
    }
}
