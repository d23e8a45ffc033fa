//! The control region: a page for each process of a session, written by that process alone, read by all.
//!
//! Nothing blocks on it. It holds what must survive a crash: what the user wants (supervisor), the media clock (audio, or
//! renderer where there is no sound), heartbeats, counters and histograms (each role its own).

use std::mem::offset_of;

use serde::{Deserialize, Serialize};

use crate::clock::{Clock, PlayState};
use crate::error::{Error, Result};
use crate::metrics::Histogram;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use tricine_channel::Error as ChannelError;
use tricine_channel::namespace::{self as session, SessionLock};
use tricine_channel::register::Register;
use tricine_channel::sys::shm::{self, Mapping};
use tricine_channel::time::mono_ns;

/// Which process of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads the media.
    Decoder,
    /// Plays the sound and publishes the media clock.
    Audio,
    /// Shows the pictures.
    Renderer,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Decoder, Self::Audio, Self::Renderer];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decoder => "decoder",
            Self::Audio => "audio",
            Self::Renderer => "renderer",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// `TRICINEC`, then the version of this layout.
const MAGIC: u64 = u64::from_le_bytes(*b"TRICINEC");
const VERSION: u64 = 1;

tricine_channel::shared_words! {
    /// A counter that one process writes and all read.
    #[derive(Debug, Default)]
    #[repr(transparent)]
    pub struct Counter(AtomicU64);
}

impl Counter {
    /// Adds `n`. Load and store: there is one writer.
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Raises it to `n` if it is lower: a count that a successor may state again.
    pub fn raise(&self, n: u64) {
        if n > self.0.load(Relaxed) {
            self.0.store(n, Relaxed);
        }
    }

    /// Sets it.
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

tricine_channel::shared_words! {
    /// Written by the supervisor.
    #[derive(Debug)]
    #[repr(C, align(4096))]
    pub struct SessionPage {
        magic: AtomicU64,
        version: AtomicU64,
        region_len: AtomicU64,
        /// The supervisor's process id.
        pub pid: Counter,
        /// When the supervisor began, in ns on CLOCK_MONOTONIC.
        pub started_ns: Counter,
        /// The film's length in ns, for nothing but a better display; 0 if unknown.
        pub duration_ns: Counter,
        /// What the user wants.
        state: Register,
    }
}

tricine_channel::shared_words! {
    /// What every role's page begins with.
    #[derive(Debug, Default)]
    #[repr(C)]
    pub struct Pulse {
        /// When the role last went round its loop, in ns on CLOCK_MONOTONIC.
        pub heartbeat_ns: Counter,
        /// Counts what it achieved (frames, blocks): a role that beats and achieves nothing is seen.
        pub progress: Counter,
    }
}

impl Pulse {
    /// Says that the role lives.
    pub fn beat(&self) {
        self.heartbeat_ns.set(mono_ns());
    }
}

tricine_channel::shared_words! {
    /// Written by the decoder.
    #[derive(Debug)]
    #[repr(C, align(4096))]
    pub struct DecoderPage {
        /// Its pulse.
        pub pulse: Pulse,
        /// Video frames that came out of the codec and were offered to the channel.
        pub video_decoded: Counter,
        /// Video frames published.
        pub video_published: Counter,
        /// Blocks of sound published.
        pub audio_published: Counter,
        /// Frames that a mailbox's consumer never took: it overwrote them.
        pub overwrote: Counter,
        /// Stretches of damaged data that were skipped.
        pub damaged: Counter,
        /// 1 + the serial whose sound has ended with not one block: the audio clock will not start in it.
        pub no_audio_in: Counter,
    }
}

tricine_channel::shared_words! {
    /// Written by the audio role.
    #[derive(Debug)]
    #[repr(C, align(4096))]
    pub struct AudioPage {
        /// Its pulse.
        pub pulse: Pulse,
        /// The audio clock: what is heard now.
        clock: Register,
        /// Blocks received.
        pub received: Counter,
        /// Sample times that the sink has taken.
        pub samples_played: Counter,
        /// Times that the sink ran dry in mid-film.
        pub underruns: Counter,
        /// Blocks that were missing in the sequence.
        pub lost: Counter,
        /// Blocks whose content was not what was published.
        pub torn: Counter,
        /// When the first sample was heard, in ns on CLOCK_MONOTONIC; 0 before.
        pub first_audio_ns: Counter,
        /// 1 + the serial of the last block that was current when it came: tells an end of this stretch from one before it.
        pub in_serial: Counter,
        /// What a successor needs to take up the stream on the sound server; 0 if there is none. The role's own.
        pub stream: Counter,
        /// After a death: when the successor's first sample was heard, in ns on CLOCK_MONOTONIC; 0 before.
        pub joined_ns: Counter,
        /// After a death: until when the sound server had sound of the dead role, in ns on CLOCK_MONOTONIC; 0 if it had none.
        pub inherited_until_ns: Counter,
        /// WAV sink: 1 + the number of the block being written.
        pub wav_seq: Counter,
        /// WAV sink: bytes of samples in the file before that block.
        pub wav_bytes: Counter,
    }
}

tricine_channel::shared_words! {
    /// The latest gaps, each with its end: how long something stood beyond its own time.
    #[derive(Debug)]
    #[repr(C)]
    pub struct Gaps {
        count: Counter,
        /// When it ended, in ns on CLOCK_MONOTONIC, and how long it was, in ns.
        latest: [(Counter, Counter); 128],
    }
}

impl Gaps {
    /// Books one. The caller is their one writer.
    pub fn record(&self, ended_ns: u64, gap_ns: u64) {
        let (at, length) = &self.latest[self.count.get() as usize % self.latest.len()];
        length.set(gap_ns);
        at.set(ended_ns);
        self.count.add(1);
    }

    /// The longest of those that ended in these times, in ns; 0 if there was none.
    pub fn longest(&self, ended_ns: std::ops::Range<u64>) -> u64 {
        let within = self.latest.iter().filter(|(at, _)| ended_ns.contains(&at.get()));
        within.map(|(_, length)| length.get()).max().unwrap_or(0)
    }
}

impl Default for Gaps {
    fn default() -> Self {
        Self {
            count: Counter::default(),
            latest: [const { (Counter(AtomicU64::new(0)), Counter(AtomicU64::new(0))) }; 128],
        }
    }
}

tricine_channel::shared_words! {
    /// Written by the renderer.
    #[derive(Debug, Default)]
    #[repr(C, align(4096))]
    pub struct RendererPage {
        /// Its pulse.
        pub pulse: Pulse,
        /// The renderer's clock: where the film is when there is no sound.
        clock: Register,
        /// Frames received.
        pub received: Counter,
        /// Frames presented, each once.
        pub presented: Counter,
        /// Frames not presented: late, or from before a seek.
        pub dropped: Counter,
        /// Times that a frame was shown again.
        pub repeated: Counter,
        /// Frames whose content was not what was published.
        pub torn: Counter,
        /// Frames that were missing in the sequence.
        pub lost: Counter,
        /// When the first frame was presented, in ns on CLOCK_MONOTONIC; 0 before.
        pub first_frame_ns: Counter,
        /// When the last frame was presented, in ns on CLOCK_MONOTONIC.
        pub last_present_ns: Counter,
        /// How long the last frame was to stand, in ns at the speed it was shown at; 0 if unknown.
        pub last_duration_ns: Counter,
        /// The latest gaps on the screen.
        pub gaps: Gaps,
        /// 1 + the number of the last frame presented.
        pub last_seq: Counter,
        /// 1 + the number of the last frame received: a frame that is delivered again is not counted again.
        pub last_received: Counter,
        /// The last presented frame's time in the film, in ns, as two's complement.
        pub last_pts_ns: Counter,
        /// The last presented frame's distance from the audio clock in ns (video − audio), as two's complement.
        pub last_av_offset_ns: Counter,
        /// From publish to acquire, in ns, each frame.
        pub handoff_ns: Histogram,
        /// How late each frame was presented, in ns.
        pub present_late_ns: Histogram,
        /// |video − audio| at each presented frame, in ns.
        pub av_offset_ns: Histogram,
    }
}

tricine_channel::shared_words! {
    #[repr(C)]
    struct Pages {
        session: SessionPage,
        decoder: DecoderPage,
        audio: AudioPage,
        renderer: RendererPage,
    }
}

/// The control region, mapped: the whole of it to read, one's own page to write.
#[derive(Debug)]
pub struct ControlRegion {
    all: Mapping,
    own: Mapping,
    /// `None` is the supervisor.
    role: Option<Role>,
}

const fn page_of(role: Option<Role>) -> (usize, usize) {
    match role {
        None => (offset_of!(Pages, session), size_of::<SessionPage>()),
        Some(Role::Decoder) => (offset_of!(Pages, decoder), size_of::<DecoderPage>()),
        Some(Role::Audio) => (offset_of!(Pages, audio), size_of::<AudioPage>()),
        Some(Role::Renderer) => (offset_of!(Pages, renderer), size_of::<RendererPage>()),
    }
}

impl ControlRegion {
    /// Makes and locks the control region of `session`, as its supervisor.
    ///
    /// Errors: [`Error::SessionInUse`], a full /dev/shm.
    pub fn create(session: &str, state: &PlayState) -> Result<(Self, SessionLock)> {
        let name = session::control_name(session);
        let file = shm::create_unnamed(size_of::<Pages>() as u64)?;
        let this = Self::map(&file, None, true, &name)?;
        let page = this.session();
        for (word, value) in
            [(&page.magic, MAGIC), (&page.version, VERSION), (&page.region_len, size_of::<Pages>() as u64)]
        {
            // Relaxed: nobody sees the region before linkat.
            word.store(value, Relaxed);
        }
        page.pid.set(std::process::id().into());
        page.started_ns.set(mono_ns());
        page.state.store(state.encode());
        let lock = session::lock_and_link(file, session)?;
        Ok((this, lock))
    }

    /// Attaches as `role`. Errors: it is not there, or of another version.
    pub fn attach(session: &str, role: Role) -> Result<Self> {
        let name = session::control_name(session);
        Self::attach_file(&shm::open_named(&name, true)?, Some(role), name)
    }

    /// Attaches to look on: nothing may be written. Errors as for [`ControlRegion::attach`].
    pub fn attach_onlooker(session: &str) -> Result<Self> {
        let name = session::control_name(session);
        Self::attach_file(&shm::open_named(&name, false)?, None, name)
    }

    /// As [`ControlRegion::attach_onlooker`], for a region that is found elsewhere than in this process's /dev/shm, such
    /// as in that of a session in another mount namespace.
    pub fn look_at(path: &std::path::Path) -> Result<Self> {
        let name = path.display().to_string();
        let file = std::fs::File::open(path).map_err(|e| Error::sys("open", &name, e))?;
        Self::attach_file(&file, None, name)
    }

    fn attach_file(file: &std::fs::File, role: Option<Role>, name: String) -> Result<Self> {
        let len = file.metadata().map_err(|e| Error::sys("fstat", &name, e))?.len();
        let differs = |what, found, wanted| {
            let object = name.clone();
            if found == wanted {
                Ok(())
            } else {
                Err(Error::Channel(ChannelError::Layout { object, what, found, wanted }))
            }
        };
        differs("length", len, size_of::<Pages>() as u64)?;
        let this = Self::map(file, role, role.is_some(), &name)?;
        let page = this.session();
        differs("magic", page.magic.load(Relaxed), MAGIC)?;
        differs("version", page.version.load(Relaxed), VERSION)?;
        differs("length", page.region_len.load(Relaxed), size_of::<Pages>() as u64)?;
        Ok(this)
    }

    fn map(file: &std::fs::File, role: Option<Role>, writable: bool, name: &str) -> Result<Self> {
        let all = shm::map(file, 0, size_of::<Pages>(), false, name)?;
        let (offset, len) = page_of(role);
        let own = shm::map(file, offset as u64, len, writable, name)?;
        shm::prefault(&own, writable);
        Ok(Self { all, own, role })
    }

    fn page<T: Page + shm::SharedWords>(&self) -> &T {
        let (offset, _) = page_of(T::ROLE);
        shm::page_ref(
            if self.role == T::ROLE { &self.own } else { &self.all },
            if self.role == T::ROLE { 0 } else { offset },
        )
    }

    /// Whether the region was truncated by another program, in a process that survives that: nothing in it is true then.
    pub fn lost(&self) -> bool {
        self.all.lost() || self.own.lost()
    }

    /// The supervisor's page.
    pub fn session(&self) -> &SessionPage {
        self.page()
    }

    /// The decoder's page; only the decoder may write it (for others it is mapped read-only).
    pub fn decoder(&self) -> &DecoderPage {
        self.page()
    }

    /// The audio role's page; only that role may write it.
    pub fn audio(&self) -> &AudioPage {
        self.page()
    }

    /// The renderer's page; only the renderer may write it.
    pub fn renderer(&self) -> &RendererPage {
        self.page()
    }

    /// A role's pulse.
    pub fn pulse(&self, role: Role) -> &Pulse {
        match role {
            Role::Decoder => &self.decoder().pulse,
            Role::Audio => &self.audio().pulse,
            Role::Renderer => &self.renderer().pulse,
        }
    }

    /// What the user wants, and a number that changes with it. `None` only if another
    /// program has written over it: the session then ends.
    pub fn state(&self) -> Option<(u64, PlayState)> {
        let (version, words) = self.session().state.load()?;
        Some((version, PlayState::decode(words)?))
    }

    /// Says what the user wants. For the supervisor.
    pub fn set_state(&self, state: &PlayState) {
        self.session().state.store(state.encode());
    }

    /// Publishes this role's clock. For audio and renderer.
    pub fn set_clock(&self, clock: &Clock) {
        match self.role {
            Some(Role::Audio) => self.audio().clock.store(clock.encode()),
            Some(Role::Renderer) => self.renderer().clock.store(clock.encode()),
            _ => debug_assert!(false, "only audio and renderer keep a clock"),
        }
    }

    /// The audio clock, if it has ever started.
    pub fn audio_clock(&self) -> Option<Clock> {
        Clock::decode(self.audio().clock.load()?.1)
    }

    /// The renderer's clock, if it has ever started.
    pub fn renderer_clock(&self) -> Option<Clock> {
        Clock::decode(self.renderer().clock.load()?.1)
    }

    /// The clock that the film goes by in the stretch `serial`: the audio clock where it has started, else the
    /// renderer's. A clock whose writer died goes on in a straight line.
    pub fn clock(&self, serial: u32) -> Option<Clock> {
        [self.audio_clock(), self.renderer_clock()].into_iter().flatten().find(|c| c.serial == serial)
    }
}

trait Page {
    const ROLE: Option<Role>;
}

impl Page for SessionPage {
    const ROLE: Option<Role> = None;
}

impl Page for DecoderPage {
    const ROLE: Option<Role> = Some(Role::Decoder);
}

impl Page for AudioPage {
    const ROLE: Option<Role> = Some(Role::Audio);
}

impl Page for RendererPage {
    const ROLE: Option<Role> = Some(Role::Renderer);
}

// A role's own page is mapped by itself, so each has to begin on a page.
const _: () = {
    assert!(offset_of!(Pages, decoder).is_multiple_of(4096));
    assert!(offset_of!(Pages, audio).is_multiple_of(4096));
    assert!(offset_of!(Pages, renderer).is_multiple_of(4096));
};
