//! A second connection to the X server beside minifb's, for what minifb has no call for: full screen, the screen's size,
//! a descriptor that says when something happened, so that a still picture costs no polling, and pixels through memory
//! that the server maps.

mod pixels;

use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConfigureWindowAux, ConnectionExt, EventMask, PropMode,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use crate::canvas::Canvas;
pub(crate) use pixels::Segment;
use pixels::Way;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// The connection, and the window once it is there.
#[derive(Debug)]
pub(super) struct Companion {
    connection: Rc<RustConnection>,
    root: u32,
    screen: (usize, usize),
    window: Option<u32>,
    /// For pixels through memory, where that works.
    way: Option<Way>,
    /// Where the window was before it filled the screen without a window manager's help.
    before: Option<(i32, i32, u32, u32)>,
}

/// What happened since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Anything.
    pub(super) any: bool,
    /// Part of the window is to be drawn again.
    pub(super) exposed: bool,
}

impl Companion {
    /// Connects to the server that `DISPLAY` names; `None` where there is none.
    pub(super) fn connect() -> Option<Self> {
        let (connection, number) = RustConnection::connect(None).ok()?;
        let screen = connection.setup().roots.get(number)?;
        let (root, size) = (screen.root, (screen.width_in_pixels.into(), screen.height_in_pixels.into()));
        Some(Self { connection: Rc::new(connection), root, screen: size, window: None, way: None, before: None })
    }

    /// The screen's width and height in pixels.
    pub(super) fn screen(&self) -> (usize, usize) {
        self.screen
    }

    /// Watches minifb's window. Errors: it is no window of this server, as under Wayland.
    pub(super) fn watch(&mut self, window: u32) -> Fallible<()> {
        let mask = EventMask::EXPOSURE
            | EventMask::STRUCTURE_NOTIFY
            | EventMask::KEY_PRESS
            | EventMask::POINTER_MOTION
            | EventMask::FOCUS_CHANGE;
        self.connection
            .change_window_attributes(window, &ChangeWindowAttributesAux::new().event_mask(mask))?
            .check()?;
        let class = b"tricine\0Tricine\0";
        self.connection.change_property8(PropMode::REPLACE, window, AtomEnum::WM_CLASS, AtomEnum::STRING, class)?;
        self.connection.flush()?;
        self.window = Some(window);
        self.way = Way::new(&self.connection, window)
            .inspect_err(|error| tracing::debug!("pixels go through the socket: {error}"))
            .ok();
        Ok(())
    }

    /// Whether pictures can lie in memory that the server reads.
    pub(super) fn lends(&self) -> bool {
        self.way.is_some()
    }

    /// Gives `canvas` that size, in memory that the server reads if there is some to be had.
    pub(super) fn lend(&mut self, canvas: &mut Canvas, size: (usize, usize)) {
        if let Some(Err(error)) = self.way.as_ref().map(|way| way.lend(canvas, size)) {
            self.lost(&*error);
        }
        canvas.resize(size.0, size.1);
    }

    /// Draws `picture` at the window's corner. `false`: it is for minifb to do.
    pub(super) fn put(&mut self, picture: &Canvas) -> bool {
        match self.way.as_mut().map(|way| way.put(picture)) {
            Some(Ok(drawn)) => drawn,
            Some(Err(error)) => {
                self.lost(&*error);
                false
            }
            None => false,
        }
    }

    fn lost(&mut self, error: &dyn std::error::Error) {
        tracing::debug!("pixels go through the socket from now on: {error}");
        self.way = None;
    }

    /// Takes up the events. Errors: the connection is gone.
    pub(super) fn drain(&mut self) -> Fallible<Seen> {
        let mut seen = Seen::default();
        while let Some(event) = self.connection.poll_for_event()? {
            if let Event::ShmCompletion(done) = event {
                self.way.iter_mut().for_each(|way| way.has_read(done.shmseg));
                continue;
            }
            seen.any = true;
            seen.exposed |= matches!(event, Event::Expose(_) | Event::MapNotify(_));
        }
        Ok(seen)
    }

    fn atom(&self, name: &str) -> Fallible<u32> {
        Ok(self.connection.intern_atom(false, name.as_bytes())?.reply()?.atom)
    }

    /// Fills the screen, or stops doing so: through the window manager, or without one by hand.
    pub(super) fn fullscreen(&mut self, on: bool) -> Fallible<()> {
        let window = self.window.ok_or("no window")?;
        let check = self.atom("_NET_SUPPORTING_WM_CHECK")?;
        let manager = self.connection.get_property(false, self.root, check, AtomEnum::WINDOW, 0, 1)?.reply()?;
        if manager.value_len > 0 {
            let (state, full) = (self.atom("_NET_WM_STATE")?, self.atom("_NET_WM_STATE_FULLSCREEN")?);
            // Source 2: the user's own wish.
            let message = ClientMessageEvent::new(32, window, state, [u32::from(on), full, 0, 2, 0]);
            let mask = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
            self.connection.send_event(false, self.root, mask, message)?;
        } else {
            let now = self.connection.get_geometry(window)?.reply()?;
            let (width, height) = self.screen;
            let whole = (0, 0, width as u32, height as u32);
            let before = (now.x.into(), now.y.into(), now.width.into(), now.height.into());
            let (x, y, width, height) = match (on, self.before.take()) {
                (true, _) => {
                    self.before = Some(before);
                    whole
                }
                (false, Some(before)) => before,
                (false, None) => return Ok(()),
            };
            let place = ConfigureWindowAux::new().x(x).y(y).width(width).height(height);
            self.connection.configure_window(window, &place)?;
        }
        Ok(self.connection.flush()?)
    }
}

impl AsFd for Companion {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.stream().as_fd()
    }
}
