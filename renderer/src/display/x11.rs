//! A window on an X server, by the protocol itself: it outlives its renderer ([`anchor`]), a descriptor says when something happened, so
//! that a still picture costs no polling, each press of a key or a button is heard once, and pixels go through memory that the server maps.

mod anchor;
mod keyboard;
mod pixels;
mod place;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use x11rb::connection::Connection;
use x11rb::errors::ReplyError;
use x11rb::properties::WmHints;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ColormapAlloc, ConnectionExt, CreateGCAux, CreateWindowAux, EventMask,
    Mapping, PropMode, Rectangle, Screen, VisualClass, Visualtype, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

use super::keys::{Listener, Pressed};
use super::window::{Press, Seen, Surface};
use super::{Begin, DisplayError, Left};
use crate::canvas::{BLACK, Canvas};
use anchor::Anchor;
use keyboard::Keyboard;
pub(crate) use pixels::Segment;
use pixels::{DEPTHS, Way};
use place::Place;

/// How often what only one client may hear is asked for again while a predecessor's connection is on its way out.
const ATTEMPTS: u32 = 100;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

x11rb::atom_manager! {
    /// What a window is called, and how it is closed.
    Names: NamesCookie {
        WM_PROTOCOLS,
        WM_DELETE_WINDOW,
        _NET_WM_NAME,
        UTF8_STRING,
    }
}

/// The window.
#[derive(Debug)]
pub(super) struct Window {
    connection: Rc<RustConnection>,
    window: u32,
    /// The connection that the window belongs to, if not the other one.
    anchor: Option<Anchor>,
    names: Names,
    way: Way,
    place: Place,
    keyboard: Keyboard,
    listener: Listener,
    /// A pointer that is not seen.
    blank: u32,
    size: (usize, usize),
    pointer: Option<(f32, f32)>,
}

impl Window {
    /// Takes up the window that a predecessor has left, else opens one: as that one was, else of the size that `first` finds for a
    /// screen of a given size.
    pub(super) fn open(
        begin: Begin<'_>,
        pressed: Pressed,
        first: impl FnOnce((usize, usize)) -> (usize, usize),
    ) -> Fallible<Self> {
        let (connection, number) = RustConnection::connect(None)?;
        let connection = Rc::new(connection);
        let screen = connection.setup().roots.get(number).ok_or("no such screen")?;
        let whole = (usize::from(screen.width_in_pixels), usize::from(screen.height_in_pixels));
        let socket = begin.file.map(OwnedFd::from);
        let found = find(&connection, socket, begin.left.as_ref());
        let is_new = found.is_err();
        let (anchor, window) = match found {
            Ok(found) => found,
            Err(socket) => {
                let size = begin.left.map_or_else(|| first(whole), |left| (left.size.0 as usize, left.size.1 as usize));
                let anchored = socket.and_then(|socket| {
                    Anchor::make(socket, |connection| make(connection, number, size))
                        .inspect_err(|error| tracing::debug!("the window will not outlive this process: {error}"))
                        .ok()
                });
                match anchored {
                    Some((anchor, window)) => (Some(anchor), window),
                    None => (None, make(&connection, number, size)?),
                }
            }
        };
        let names = Names::new(&*connection)?.reply()?;
        hear_of(&connection, window)?;
        if is_new {
            introduce(&connection, &names, window)?;
        }
        entitle(&connection, &names, window, begin.title)?;
        let way = Way::new(&connection, window)?;
        let keyboard = Keyboard::read(&connection)?;
        let blank = blank(&connection, screen)?;
        let kept = if anchor.is_some() { window } else { 0 };
        let mut place = Place::new(&connection, screen.root, whole, window, kept)?;
        if is_new {
            connection.map_window(window)?;
        }
        match &begin.left {
            Some(left) if is_new => place.restore(left)?,
            Some(left) => place.take_up(left),
            None => {}
        }
        if begin.fullscreen || !is_new {
            place.fullscreen(begin.fullscreen)?;
        }
        place.look()?;
        let size = connection.get_geometry(window)?.reply()?;
        let pointer = connection.query_pointer(window)?.reply()?;
        let mut this = Self {
            connection,
            window,
            anchor,
            names,
            way,
            place,
            keyboard,
            listener: Listener::new(pressed),
            blank,
            size: (size.width.into(), size.height.into()),
            pointer: pointer.same_screen.then_some((pointer.win_x.into(), pointer.win_y.into())),
        };
        if begin.left.is_some_and(|left| left.pointer_hidden) {
            this.hide_pointer(true);
        }
        Ok(this)
    }

    /// Takes note of an event.
    fn hear(&mut self, event: &Event, seen: &mut Seen) -> Fallible<()> {
        match event {
            Event::ShmCompletion(done) => {
                self.way.has_read(done.shmseg);
                return Ok(());
            }
            Event::KeyPress(press) => {
                self.listener.moved(press.detail, true);
                self.listener.press(self.keyboard.key(press.detail, press.state));
            }
            Event::KeyRelease(release) => self.listener.moved(release.detail, false),
            Event::ButtonPress(press) => seen.presses.extend(match press.detail {
                1 => Some(Press::Left { at_ms: press.time }),
                4 => Some(Press::WheelUp),
                5 => Some(Press::WheelDown),
                _ => None,
            }),
            Event::MotionNotify(motion) => self.pointer = Some((motion.event_x.into(), motion.event_y.into())),
            Event::ConfigureNotify(new) if new.window == self.window => {
                self.size = (new.width.into(), new.height.into());
            }
            Event::Expose(_) | Event::MapNotify(_) => seen.exposed = true,
            Event::MappingNotify(new) if new.request != Mapping::POINTER => {
                self.keyboard = Keyboard::read(&self.connection)?;
            }
            Event::ClientMessage(message) if message.format == 32 => {
                seen.closed |= self.closes((message.type_, message.data.as_data32()[0]));
            }
            Event::DestroyNotify(gone) if gone.window == self.window => seen.closed = true,
            _ => {}
        }
        self.place.hear(event);
        seen.any = true;
        Ok(())
    }

    /// Whether that message asks the window to close.
    fn closes(&self, (kind, word): (u32, u32)) -> bool {
        (kind, word) == (self.names.WM_PROTOCOLS, self.names.WM_DELETE_WINDOW)
    }

    fn take_up(&mut self) -> Fallible<Seen> {
        let mut seen = Seen::default();
        loop {
            // Answers to questions bring events along.
            while let Some(event) = self.connection.poll_for_event()? {
                self.hear(&event, &mut seen)?;
            }
            if !self.place.is_behind() {
                break;
            }
            seen.refilled |= match self.place.look() {
                // The window is gone, which is said by an event.
                Err(error) if matches!(error.downcast_ref(), Some(ReplyError::X11Error(_))) => false,
                refilled => refilled?,
            };
        }
        let messages = self.anchor.as_ref().map(Anchor::messages).unwrap_or_default();
        seen.closed |= messages.into_iter().any(|message| self.closes(message));
        if seen.closed {
            // By its user, unless all windows are, with their server.
            self.connection.get_input_focus()?.reply()?;
            seen.any = true;
        }
        seen.pointer = self.pointer;
        Ok(seen)
    }
}

impl Surface for Window {
    fn server(&self) -> &'static str {
        "X11"
    }

    fn size(&self) -> (usize, usize) {
        self.size
    }

    fn lends(&self) -> bool {
        self.way.lends()
    }

    fn lend(&mut self, canvas: &mut Canvas, size: (usize, usize)) {
        self.way.lend(canvas, size);
    }

    fn put(&mut self, picture: &Canvas) -> Result<(), DisplayError> {
        self.way.put(picture).map_err(|error| lost(&*error))
    }

    fn look(&mut self) -> Result<Seen, DisplayError> {
        self.take_up().map_err(|error| lost(&*error))
    }

    fn hide_pointer(&mut self, hide: bool) {
        let cursor = if hide { self.blank } else { x11rb::NONE };
        let changed = ChangeWindowAttributesAux::new().cursor(cursor);
        // A connection that is gone is noticed at the next look.
        let _ = self.connection.change_window_attributes(self.window, &changed).map(drop);
        let _ = self.connection.flush();
    }

    fn entitle(&mut self, title: &str) {
        if let Err(error) = entitle(&self.connection, &self.names, self.window, title) {
            tracing::debug!("no title: {error}");
        }
    }

    fn fullscreen(&mut self, on: bool) -> bool {
        let done = self.place.fullscreen(on).inspect_err(|error| tracing::warn!("full screen: {error}"));
        done.is_ok()
    }

    fn left(&self) -> Option<Left> {
        self.place.left()
    }

    fn events(&self) -> Option<BorrowedFd<'_>> {
        Some(self.connection.stream().as_fd())
    }
}

fn lost(error: &dyn std::error::Error) -> DisplayError {
    DisplayError(format!("no display: the connection to the X server is lost: {error}"))
}

/// The window that a predecessor has left, if it is there; else the socket that a new one can be made by.
fn find(
    connection: &RustConnection,
    socket: Option<OwnedFd>,
    left: Option<&Left>,
) -> Result<(Option<Anchor>, u32), Option<OwnedFd>> {
    let anchor = Anchor::left(socket.ok_or(None)?).map_err(Some)?;
    let there = |window: u32| connection.get_window_attributes(window).is_ok_and(|asked| asked.reply().is_ok());
    match left.map(|left| left.kept).filter(|&window| window != 0 && there(window)) {
        Some(window) => Ok((Some(anchor), window)),
        None => {
            // It died before it could say which window it has, if any: nobody is to be left with that one.
            anchor.cut();
            Err(None)
        }
    }
}

/// A window in the middle of the screen, black and not seen yet.
fn make(connection: &RustConnection, screen: usize, size: (usize, usize)) -> Fallible<u32> {
    let screen = connection.setup().roots.get(screen).ok_or("no such screen")?;
    let [width, height] = [u16::try_from(size.0)?, u16::try_from(size.1)?];
    let middle = |whole: u16, part: u16| (whole.saturating_sub(part) / 2) as i16;
    let at = (middle(screen.width_in_pixels, width), middle(screen.height_in_pixels, height));
    let mut black = CreateWindowAux::new().background_pixel(screen.black_pixel).border_pixel(screen.black_pixel);
    let (mut depth, mut visual) = (x11rb::COPY_DEPTH_FROM_PARENT, x11rb::COPY_FROM_PARENT);
    // A screen of other pixels than ours may still show windows of ours.
    if let Some(other) = ours(screen) {
        (depth, visual) = other;
        let colours = connection.generate_id()?;
        connection.create_colormap(ColormapAlloc::NONE, colours, screen.root, visual)?.check()?;
        black = CreateWindowAux::new().background_pixel(BLACK).border_pixel(BLACK).colormap(colours);
    }
    let (window, class) = (connection.generate_id()?, WindowClass::INPUT_OUTPUT);
    connection
        .create_window(depth, window, screen.root, at.0, at.1, width, height, 0, class, visual, &black)?
        .check()?;
    Ok(window)
}

/// The depth and the kind of pixels by which a screen takes ours in a window, if not by its own.
fn ours(screen: &Screen) -> Option<(u8, u32)> {
    let plain = |visual: &&Visualtype| {
        let masks = (visual.red_mask, visual.green_mask, visual.blue_mask);
        visual.class == VisualClass::TRUE_COLOR && masks == (0xff_0000, 0xff00, 0xff)
    };
    let of = |depth: u8| screen.allowed_depths.iter().filter(move |allowed| allowed.depth == depth);
    let found = |depth| of(depth).flat_map(|allowed| &allowed.visuals).find(plain).map(|v| (depth, v.visual_id));
    if DEPTHS.contains(&screen.root_depth) { None } else { DEPTHS.into_iter().find_map(found) }
}

/// Asks for what happens to the window.
fn hear_of(connection: &RustConnection, window: u32) -> Fallible<()> {
    let mask = EventMask::EXPOSURE
        | EventMask::STRUCTURE_NOTIFY
        | EventMask::KEY_PRESS
        | EventMask::KEY_RELEASE
        | EventMask::BUTTON_PRESS
        | EventMask::POINTER_MOTION
        | EventMask::PROPERTY_CHANGE
        | EventMask::FOCUS_CHANGE;
    let heard = ChangeWindowAttributesAux::new().event_mask(mask);
    let ask = || connection.change_window_attributes(window, &heard)?.check();
    // Buttons are told to one client alone, and the server may not have noticed yet that the one before is gone.
    let mut told = ask();
    for _ in 1..ATTEMPTS {
        if !matches!(told, Err(ReplyError::X11Error(_))) {
            break;
        }
        told = ask();
    }
    Ok(told?)
}

/// Says to a window manager what kind of window this is.
fn introduce(connection: &RustConnection, names: &Names, window: u32) -> Fallible<()> {
    let class = b"tricine\0Tricine\0";
    connection.change_property8(PropMode::REPLACE, window, AtomEnum::WM_CLASS, AtomEnum::STRING, class)?;
    let close = [names.WM_DELETE_WINDOW];
    connection.change_property32(PropMode::REPLACE, window, names.WM_PROTOCOLS, AtomEnum::ATOM, &close)?;
    let hints = WmHints { input: Some(true), ..WmHints::new() };
    hints.set(connection, window)?;
    Ok(())
}

fn entitle(connection: &RustConnection, names: &Names, window: u32, title: &str) -> Fallible<()> {
    let (name, replace) = (title.as_bytes(), PropMode::REPLACE);
    connection.change_property8(replace, window, AtomEnum::WM_NAME, AtomEnum::STRING, name)?;
    connection.change_property8(replace, window, names._NET_WM_NAME, names.UTF8_STRING, name)?;
    Ok(connection.flush()?)
}

/// A pointer of one pixel that is not seen.
fn blank(connection: &RustConnection, screen: &Screen) -> Fallible<u32> {
    let (dot, context, cursor) = (connection.generate_id()?, connection.generate_id()?, connection.generate_id()?);
    connection.create_pixmap(1, dot, screen.root, 1, 1)?;
    connection.create_gc(context, dot, &CreateGCAux::new().foreground(0))?;
    connection.poly_fill_rectangle(dot, context, &[Rectangle { x: 0, y: 0, width: 1, height: 1 }])?;
    connection.create_cursor(cursor, dot, dot, 0, 0, 0, 0, 0, 0, 0, 0)?;
    connection.free_gc(context)?;
    connection.free_pixmap(dot)?;
    Ok(cursor)
}
