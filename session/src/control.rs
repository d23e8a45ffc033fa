//! The control region: a page for each process of a session, written by that process alone, read by all.
//!
//! Nothing blocks on it. It holds what must survive a crash: what the user wants (supervisor), the media clock (audio, or
//! renderer where there is no sound), heartbeats, counters and histograms (each role its own).

use std::mem::offset_of;

use serde::{Deserialize, Serialize};

use crate::NAMESPACE;
use crate::clock::{Clock, PlayState};
use crate::error::{Error, Result};
use std::sync::atomic::Ordering::Relaxed;
use tricine_channel::Error as ChannelError;
use tricine_channel::namespace::SessionLock;
use tricine_channel::sys::shm::{self, Mapping};
use tricine_channel::time::mono_ns;

pub mod pages;

pub use pages::{AudioPage, Counter, DecoderPage, Gaps, Pulse, RendererPage, SessionPage};
use pages::{Field, MAGIC, VERSION};

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

tricine_channel::shared_words! {
    #[repr(C)]
    struct Pages {
        session: SessionPage,
        decoder: DecoderPage,
        audio: AudioPage,
        renderer: RendererPage,
    }
}

/// The control region's pages: whose each is, where it begins, and its fields. For `docs/layout.md`.
pub const PAGES: [(&str, usize, &[Field]); 4] = [
    ("supervisor", offset_of!(Pages, session), SessionPage::FIELDS),
    ("decoder", offset_of!(Pages, decoder), DecoderPage::FIELDS),
    ("audio role", offset_of!(Pages, audio), AudioPage::FIELDS),
    ("renderer", offset_of!(Pages, renderer), RendererPage::FIELDS),
];

/// The control region's length in bytes.
pub const REGION_LEN: usize = size_of::<Pages>();

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
        let name = NAMESPACE.control_name(session);
        let file = shm::create_unnamed(REGION_LEN as u64)?;
        let this = Self::map(&file, None, true, &name)?;
        let page = this.session();
        for (word, value) in [(&page.magic, MAGIC), (&page.version, VERSION), (&page.region_len, REGION_LEN as u64)] {
            // Relaxed: nobody sees the region before linkat.
            word.store(value, Relaxed);
        }
        page.pid.set(std::process::id().into());
        page.started_ns.set(mono_ns());
        page.state.store(state.encode());
        let lock = NAMESPACE.lock_and_link(file, session).map_err(|error| match error {
            ChannelError::SessionInUse(session) => Error::SessionInUse(session),
            error => error.into(),
        })?;
        Ok((this, lock))
    }

    /// Attaches as `role`. Errors: it is not there, or of another version.
    pub fn attach(session: &str, role: Role) -> Result<Self> {
        let name = NAMESPACE.control_name(session);
        Self::attach_file(&shm::open_named(&name, true)?, Some(role), name)
    }

    /// Attaches to look on: nothing may be written. Errors as for [`ControlRegion::attach`].
    pub fn attach_onlooker(session: &str) -> Result<Self> {
        let name = NAMESPACE.control_name(session);
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
        differs("length", len, REGION_LEN as u64)?;
        let this = Self::map(file, role, role.is_some(), &name)?;
        let page = this.session();
        differs("magic", page.magic.load(Relaxed), MAGIC)?;
        differs("version", page.version.load(Relaxed), VERSION)?;
        differs("length", page.region_len.load(Relaxed), REGION_LEN as u64)?;
        Ok(this)
    }

    fn map(file: &std::fs::File, role: Option<Role>, writable: bool, name: &str) -> Result<Self> {
        let all = shm::map(file, 0, REGION_LEN, false, name)?;
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
