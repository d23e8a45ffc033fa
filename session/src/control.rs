//! The control region: a page for each process of a session, written by that process alone, read by all.
//!
//! Nothing blocks on it. It holds what must survive a crash: what the user wants (supervisor), the media clock (audio, or
//! renderer where there is no sound), heartbeats, counters and histograms (each role its own).

use std::marker::PhantomData;
use std::sync::atomic::Ordering::Relaxed;

use tricine_channel::Error as ChannelError;
use tricine_channel::namespace::SessionLock;
use tricine_channel::sys::shm::{self, Mapping, SharedWords};
use tricine_channel::time::mono_ns;

use crate::NAMESPACE;
use crate::clock::{Clock, PlayState};
use crate::error::{Error, Result};
use crate::role::Pages;
pub use crate::role::{PAGES, Role};
use crate::window::Window;

pub mod pages;

pub use pages::{AudioPage, Counter, DecoderPage, Gaps, Page, Pulse, ReadOnly, RendererPage, SessionPage, Writable};
use pages::{MAGIC, VERSION};

/// The control region's length in bytes.
pub const REGION_LEN: usize = size_of::<Pages>();

/// The control region, to be read. It is mapped read-only, and no page that it gives out can be stored to:
///
/// ```compile_fail,E0599
/// # use tricine_session::control::ControlRegion;
/// fn store(control: &ControlRegion) {
///     control.audio().received.set(1);
/// }
/// ```
///
/// ```
/// # use tricine_session::control::{Attached, AudioPage, Writable};
/// fn store(control: &Attached<AudioPage<Writable>>) {
///     control.own().received.set(1);
/// }
/// ```
#[derive(Debug)]
pub struct ControlRegion {
    all: Mapping,
}

/// The control region as one of its writers has it: all of it to be read, and that process's own page `P`, mapped once more, to be
/// written.
#[derive(Debug)]
pub struct Attached<P> {
    region: ControlRegion,
    own: Mapping,
    page: PhantomData<P>,
}

impl<P: SharedWords> Attached<P> {
    /// `own`: to be written, for this process's page; `all`: to be read. Of what is mapped by a descriptor that was opened only to read, no
    /// page can be made writable later.
    fn new(own: &std::fs::File, offset: usize, all: &std::fs::File, name: &str) -> Result<Self> {
        let own = shm::map(own, offset as u64, size_of::<P>(), true, name)?;
        shm::prefault(&own, true);
        Ok(Self { region: ControlRegion::map(all, name)?, own, page: PhantomData })
    }

    /// This process's own page.
    pub fn own(&self) -> &P {
        shm::page_ref(&self.own, 0)
    }

    /// Whether the region was truncated by another program, in a process that survives that: nothing in it is true then.
    pub fn lost(&self) -> bool {
        self.region.all.lost() || self.own.lost()
    }
}

impl<P> std::ops::Deref for Attached<P> {
    type Target = ControlRegion;

    fn deref(&self) -> &ControlRegion {
        &self.region
    }
}

impl ControlRegion {
    /// Makes and locks the control region of `session`, as its supervisor.
    ///
    /// Errors: [`Error::SessionInUse`], a full /dev/shm.
    pub fn create(session: &str, state: &PlayState) -> Result<(Attached<SessionPage<Writable>>, SessionLock)> {
        let name = NAMESPACE.control_name(session);
        let file = shm::create_unnamed(REGION_LEN as u64)?;
        let this = Attached::<SessionPage<Writable>>::new(&file, 0, &file, &name)?;
        let page = this.own();
        for (word, value) in [(&page.magic, MAGIC), (&page.version, VERSION), (&page.region_len, REGION_LEN as u64)] {
            // Relaxed: nobody sees the region before linkat.
            word.store(value, Relaxed);
        }
        page.pid.set(std::process::id().into());
        page.started_ns.set(mono_ns());
        page.set_state(state);
        let lock = NAMESPACE.lock_and_link(file, session).map_err(|error| match error {
            ChannelError::SessionInUse(session) => Error::SessionInUse(session),
            error => error.into(),
        })?;
        Ok((this, lock))
    }

    /// Attaches as the role whose page `P` is. Errors: it is not there, or of another version.
    pub fn attach<P: Page>(session: &str) -> Result<Attached<P>> {
        let name = NAMESPACE.control_name(session);
        let (own, all) = (shm::open_named(&name, true)?, shm::open_named(&name, false)?);
        Self::check(&own, &name)?;
        Self::check(&all, &name)?;
        Attached::new(&own, P::OFFSET, &all, &name)
    }

    /// Attaches to look on: nothing may be written. Errors as for [`ControlRegion::attach`].
    pub fn attach_onlooker(session: &str) -> Result<Self> {
        let name = NAMESPACE.control_name(session);
        Self::check(&shm::open_named(&name, false)?, &name)
    }

    /// As [`ControlRegion::attach_onlooker`], for a region that is found elsewhere than in this process's /dev/shm, such
    /// as in that of a session in another mount namespace.
    pub fn look_at(path: &std::path::Path) -> Result<Self> {
        let name = path.display().to_string();
        Self::check(&std::fs::File::open(path).map_err(|e| Error::sys("open", &name, e))?, &name)
    }

    fn check(file: &std::fs::File, name: &str) -> Result<Self> {
        let len = file.metadata().map_err(|e| Error::sys("fstat", name, e))?.len();
        let differs = |what, found, wanted| {
            if found == wanted {
                Ok(())
            } else {
                Err(Error::Channel(ChannelError::Layout { object: name.into(), what, found, wanted }))
            }
        };
        differs("length", len, REGION_LEN as u64)?;
        let this = Self::map(file, name)?;
        let page = this.session();
        differs("magic", page.magic.load(Relaxed), MAGIC)?;
        differs("version", page.version.load(Relaxed), VERSION)?;
        differs("length", page.region_len.load(Relaxed), REGION_LEN as u64)?;
        Ok(this)
    }

    fn map(file: &std::fs::File, name: &str) -> Result<Self> {
        Ok(Self { all: shm::map(file, 0, REGION_LEN, false, name)? })
    }

    pub(crate) fn pages(&self) -> &Pages {
        shm::page_ref(&self.all, 0)
    }

    /// The supervisor's page.
    pub fn session(&self) -> &SessionPage<ReadOnly> {
        &self.pages().session
    }

    /// What the user wants, and a number that changes with it. `None` only if another
    /// program has overwritten it: the session then ends.
    pub fn state(&self) -> Option<(u64, PlayState)> {
        let (version, words) = self.session().state.load()?;
        Some((version, PlayState::decode(words)?))
    }

    /// The audio clock, if it has ever started.
    pub fn audio_clock(&self) -> Option<Clock> {
        Clock::decode(self.audio().clock.load()?.1)
    }

    /// The renderer's clock, if it has ever started.
    pub fn renderer_clock(&self) -> Option<Clock> {
        Clock::decode(self.renderer().clock.load()?.1)
    }

    /// The window, as it was left; `None` if there was none yet.
    pub fn window(&self) -> Option<Window> {
        Window::decode(self.renderer().window.load()?.1)
    }

    /// The clock that the film goes by in the stretch `serial`: the audio clock where it has started, else the
    /// renderer's. A clock whose writer died goes on in a straight line.
    pub fn clock(&self, serial: u32) -> Option<Clock> {
        [self.audio_clock(), self.renderer_clock()].into_iter().flatten().find(|c| c.serial == serial)
    }
}
