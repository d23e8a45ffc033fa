//! Where the window is and how: its place and size, full screen, maximized, above others. It is asked for through the window manager
//! where there is one, else done by hand; and heard of, since the user has other means than ours.

use std::rc::Rc;

use tricine_channel::time::mono_ns;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{AtomEnum, ClientMessageEvent, ConfigureWindowAux, ConnectionExt, EventMask};
use x11rb::rust_connection::RustConnection;

use super::Fallible;
use crate::display::Left;

/// How long a window manager may take to do what it was asked: what it says meanwhile is no wish of the user's.
const ASKED_NS: u64 = 1_000_000_000;
/// Of `_NET_MOVERESIZE_WINDOW`: x, y, width and height are given and mean the content, not the frame (static gravity); and, as of
/// `_NET_WM_STATE`, it is the user who wants it (source 2).
const CONTENT: u32 = 0xf << 8 | 2 << 12 | 10;
const USER: u32 = 2;

x11rb::atom_manager! {
    /// What is said to a window manager, and what it says.
    Atoms: AtomsCookie {
        _NET_SUPPORTING_WM_CHECK,
        _NET_MOVERESIZE_WINDOW,
        _NET_WM_STATE,
        _NET_WM_STATE_FULLSCREEN,
        _NET_WM_STATE_ABOVE,
        _NET_WM_STATE_MAXIMIZED_VERT,
        _NET_WM_STATE_MAXIMIZED_HORZ,
    }
}

/// The window's place.
#[derive(Debug)]
pub(super) struct Place {
    connection: Rc<RustConnection>,
    root: u32,
    screen: (usize, usize),
    window: u32,
    /// Its number, if it outlives this process; else 0.
    kept: u32,
    atoms: Atoms,
    /// As it was when it filled neither the screen nor the desktop.
    left: Option<Left>,
    /// It fills the screen, and is meant to; and since when it is meant to, in ns.
    full: bool,
    wanted: bool,
    asked_ns: u64,
    /// Something was heard of its geometry, and of its state.
    moved: bool,
    changed: bool,
}

impl Place {
    /// Of a window that is there.
    pub(super) fn new(
        connection: &Rc<RustConnection>,
        root: u32,
        screen: (usize, usize),
        window: u32,
        kept: u32,
    ) -> Fallible<Self> {
        let atoms = Atoms::new(connection)?.reply()?;
        let connection = connection.clone();
        let (left, full, wanted, asked_ns, moved, changed) = (None, false, false, 0, true, false);
        Ok(Self { connection, root, screen, window, kept, atoms, left, full, wanted, asked_ns, moved, changed })
    }

    /// How the window is, but for full screen.
    pub(super) fn left(&self) -> Option<Left> {
        self.left
    }

    /// Takes note of an event.
    pub(super) fn hear(&mut self, event: &Event) {
        match event {
            Event::ConfigureNotify(_) | Event::ReparentNotify(_) => self.moved = true,
            Event::PropertyNotify(property) => self.changed |= property.atom == self.atoms._NET_WM_STATE,
            _ => {}
        }
    }

    /// Whether something has changed that was not looked at.
    pub(super) fn is_behind(&self) -> bool {
        self.moved || self.changed
    }

    /// Looks at what has changed. Whether the user has made the window fill the screen, or not, by other means than ours.
    pub(super) fn look(&mut self) -> Fallible<bool> {
        let mut refilled = false;
        if std::mem::take(&mut self.changed) {
            let full = self.state()?;
            let asked = mono_ns() < self.asked_ns + ASKED_NS;
            refilled = std::mem::replace(&mut self.full, full) != full && full != self.wanted && !asked;
        }
        if std::mem::take(&mut self.moved) {
            let size = self.connection.get_geometry(self.window)?;
            let at = self.connection.translate_coordinates(self.window, self.root, 0, 0)?;
            let (size, at) = (size.reply()?, at.reply()?);
            let new = Left {
                at: Some((at.dst_x.into(), at.dst_y.into())),
                size: (size.width.into(), size.height.into()),
                above: false,
                maximized: false,
                pointer_hidden: false,
                kept: self.kept,
            };
            match &mut self.left {
                // Where it goes back to is known to the window manager alone, and to us.
                Some(left) if self.full || self.wanted || left.maximized => {}
                Some(left) => (left.at, left.size) = (new.at, new.size),
                None => self.left = Some(new),
            }
        }
        Ok(refilled)
    }

    /// Reads the state that the window manager has given the window. Whether it fills the screen.
    fn state(&mut self) -> Fallible<bool> {
        let (window, state) = (self.window, self.atoms._NET_WM_STATE);
        let property = self.connection.get_property(false, window, state, AtomEnum::ATOM, 0, 64)?.reply()?;
        let states: Vec<u32> = property.value32().map(Iterator::collect).unwrap_or_default();
        let is = |atom| states.contains(&atom);
        if let Some(left) = &mut self.left {
            left.above = is(self.atoms._NET_WM_STATE_ABOVE);
            left.maximized = is(self.atoms._NET_WM_STATE_MAXIMIZED_VERT) && is(self.atoms._NET_WM_STATE_MAXIMIZED_HORZ);
        }
        Ok(is(self.atoms._NET_WM_STATE_FULLSCREEN))
    }

    fn is_managed(&self) -> Fallible<bool> {
        let check = self.atoms._NET_SUPPORTING_WM_CHECK;
        let manager = self.connection.get_property(false, self.root, check, AtomEnum::WINDOW, 0, 1)?.reply()?;
        Ok(manager.value_len > 0)
    }

    /// Asks the window manager for something.
    fn ask(&self, what: u32, words: [u32; 5]) -> Fallible<()> {
        let mask = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
        let message = ClientMessageEvent::new(32, self.window, what, words);
        self.connection.send_event(false, self.root, mask, message)?;
        Ok(())
    }

    fn put(&self, (x, y): (i32, i32), (width, height): (u32, u32)) -> Fallible<()> {
        let place = ConfigureWindowAux::new().x(x).y(y).width(width).height(height);
        self.connection.configure_window(self.window, &place)?;
        Ok(())
    }

    /// Fills the screen, or stops doing so.
    pub(super) fn fullscreen(&mut self, on: bool) -> Fallible<()> {
        self.look()?;
        self.wanted = on;
        self.asked_ns = mono_ns();
        if self.is_managed()? {
            self.ask(self.atoms._NET_WM_STATE, [u32::from(on), self.atoms._NET_WM_STATE_FULLSCREEN, 0, USER, 0])?;
        } else if on {
            self.put((0, 0), (self.screen.0 as u32, self.screen.1 as u32))?;
        } else if let Some(Left { at: Some(at), size, .. }) = self.left {
            self.put(at, size)?;
        }
        self.settle()
    }

    /// Puts the window where and how a predecessor has left its own.
    pub(super) fn restore(&mut self, left: &Left) -> Fallible<()> {
        let Left { at, size, above, maximized, .. } = *left;
        if self.is_managed()? {
            let state = self.atoms._NET_WM_STATE;
            if let Some((x, y)) = at {
                self.ask(self.atoms._NET_MOVERESIZE_WINDOW, [CONTENT, x as u32, y as u32, size.0, size.1])?;
            }
            if above {
                self.ask(state, [1, self.atoms._NET_WM_STATE_ABOVE, 0, USER, 0])?;
            }
            if maximized {
                let [high, wide] = [self.atoms._NET_WM_STATE_MAXIMIZED_VERT, self.atoms._NET_WM_STATE_MAXIMIZED_HORZ];
                self.ask(state, [1, high, wide, USER, 0])?;
            }
        } else if let Some(at) = at {
            self.put(at, size)?;
        }
        // What the window manager says of it comes later, and this is what it was told.
        self.left = Some(Left { kept: self.kept, ..*left });
        self.moved = false;
        self.settle()
    }

    /// The window is that of a predecessor, who has left it so.
    pub(super) fn take_up(&mut self, left: &Left) {
        self.left = Some(*left);
        // It may fill the screen, which is not where it goes back to.
        (self.moved, self.changed) = (false, true);
    }

    /// Waits until the server has done what it was asked, so that the window's size is known before the next picture is made for it.
    fn settle(&self) -> Fallible<()> {
        self.connection.get_input_focus()?.reply()?;
        Ok(())
    }
}
