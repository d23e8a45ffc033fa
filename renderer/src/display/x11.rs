//! A second connection to the X server beside minifb's, for what minifb has no call for: full screen, the screen's size,
//! a descriptor that says when something happened, so that a still picture costs no polling, each press of the mouse's buttons, and
//! pixels through memory that the server maps.

mod pixels;
mod place;

use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ConnectionExt, CreateWindowAux, EventMask, PropMode, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::Left;
use crate::canvas::Canvas;
pub(crate) use pixels::Segment;
use pixels::Way;
use place::Place;

/// As far as a window of X11 can reach, in pixels.
const FARTHEST: u16 = 32_767;

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
    /// Where the window is, once it is there.
    place: Option<Place>,
}

/// A press of a button of the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Press {
    /// The left one.
    Left {
        /// When, in ms of a clock that wraps.
        at_ms: u32,
    },
    /// The wheel, one step up.
    WheelUp,
    /// The wheel, one step down.
    WheelDown,
}

/// What happened since the last look.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Anything.
    pub(super) any: bool,
    /// Part of the window is to be drawn again.
    pub(super) exposed: bool,
    /// Buttons, in order.
    pub(super) presses: Vec<Press>,
    /// The user has made the window fill the screen, or not, by other means than ours.
    pub(super) refilled: bool,
}

impl Companion {
    /// Connects to the server that `DISPLAY` names; `None` where there is none.
    pub(super) fn connect() -> Option<Self> {
        let (connection, number) = RustConnection::connect(None).ok()?;
        let screen = connection.setup().roots.get(number)?;
        let (root, size) = (screen.root, (screen.width_in_pixels.into(), screen.height_in_pixels.into()));
        Some(Self { connection: Rc::new(connection), root, screen: size, window: None, way: None, place: None })
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
            | EventMask::PROPERTY_CHANGE
            | EventMask::FOCUS_CHANGE;
        self.connection
            .change_window_attributes(window, &ChangeWindowAttributesAux::new().event_mask(mask))?
            .check()?;
        let class = b"tricine\0Tricine\0";
        self.connection.change_property8(PropMode::REPLACE, window, AtomEnum::WM_CLASS, AtomEnum::STRING, class)?;
        self.watch_buttons(window)?;
        self.place = Some(Place::new(&self.connection, self.root, self.screen, window)?);
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

    /// The server tells one client alone of the buttons that are pressed in a window. A pane over all of minifb's window, which
    /// nobody sees, is ours, so we hear of each press, with its time.
    fn watch_buttons(&self, window: u32) -> Fallible<()> {
        let pane = self.connection.generate_id()?;
        let class = WindowClass::INPUT_ONLY;
        let heard = CreateWindowAux::new().event_mask(EventMask::BUTTON_PRESS);
        self.connection.create_window(0, pane, window, 0, 0, FARTHEST, FARTHEST, 0, class, 0, &heard)?.check()?;
        Ok(self.connection.map_window(pane)?.check()?)
    }

    /// Takes up the events. Errors: the connection is gone.
    pub(super) fn drain(&mut self) -> Fallible<Seen> {
        let mut seen = Seen::default();
        while let Some(event) = self.connection.poll_for_event()? {
            match &event {
                Event::ShmCompletion(done) => {
                    self.way.iter_mut().for_each(|way| way.has_read(done.shmseg));
                    continue;
                }
                Event::ButtonPress(press) => seen.presses.extend(match press.detail {
                    1 => Some(Press::Left { at_ms: press.time }),
                    4 => Some(Press::WheelUp),
                    5 => Some(Press::WheelDown),
                    _ => None,
                }),
                _ => self.place.iter_mut().for_each(|place| place.hear(&event)),
            }
            seen.any = true;
            seen.exposed |= matches!(event, Event::Expose(_) | Event::MapNotify(_));
        }
        if let Some(place) = &mut self.place {
            seen.refilled = place.look()?;
        }
        Ok(seen)
    }

    /// Fills the screen, or stops doing so.
    pub(super) fn fullscreen(&mut self, on: bool) -> Fallible<()> {
        self.place.as_mut().ok_or("no window")?.fullscreen(on)
    }

    /// Puts the window where and how a predecessor has left its own.
    pub(super) fn restore(&mut self, left: &Left) -> Fallible<()> {
        self.place.as_mut().ok_or("no window")?.restore(left)
    }

    /// How the window is, but for full screen.
    pub(super) fn left(&self) -> Option<Left> {
        self.place.as_ref().and_then(Place::left)
    }
}

impl AsFd for Companion {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.stream().as_fd()
    }
}
