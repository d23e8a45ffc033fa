//! Pixels to an X server on this machine by way of memory that it maps (MIT-SHM). Pictures are made right there, and
//! showing one is a small request, where minifb's XPutImage sends every byte through a socket.

use std::ops::{Deref, DerefMut};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use tricine_channel::sys::sealed::SealedWords;
use x11rb::connection::{Connection, RequestConnection};
use x11rb::protocol::shm::{ConnectionExt as _, X11_EXTENSION_NAME};
use x11rb::protocol::xproto::{ConnectionExt as _, CreateGCAux, ImageFormat, ImageOrder};
use x11rb::rust_connection::RustConnection;

use super::Fallible;
use crate::canvas::{Canvas, Pixels};

/// Pictures that the server may be asked to read before it has answered: one that is behind gets no more memory.
const UNREAD: usize = 3;

/// Pixels that the server has mapped, until this is dropped.
pub(crate) struct Segment {
    pixels: SealedWords,
    id: u32,
    connection: Rc<RustConnection>,
}

impl Deref for Segment {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.pixels
    }
}

impl DerefMut for Segment {
    fn deref_mut(&mut self) -> &mut [u32] {
        &mut self.pixels
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // The server takes requests in turn, so it has read what it was asked to. A connection that is gone needs nothing.
        let _ = self.connection.shm_detach(self.id);
    }
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Segment({}, {} pixels)", self.id, self.pixels.len())
    }
}

/// The way to the server.
#[derive(Debug)]
pub(super) struct Way {
    connection: Rc<RustConnection>,
    window: u32,
    context: u32,
    depth: u8,
    /// Segments that the server was asked to read and has not said that it has, once for each time.
    unread: Vec<u32>,
}

impl Way {
    /// Errors: the server has no such extension, is on another machine, or has pixels of another form.
    pub(super) fn new(connection: &Rc<RustConnection>, window: u32) -> Fallible<Self> {
        connection.extension_information(X11_EXTENSION_NAME)?.ok_or("no MIT-SHM")?;
        let version = connection.shm_query_version()?.reply()?;
        let depth = connection.get_geometry(window)?.reply()?.depth;
        let setup = connection.setup();
        let wide = setup.pixmap_formats.iter().any(|f| f.depth == depth && f.bits_per_pixel == 32);
        let known = wide && setup.image_byte_order == ImageOrder::LSB_FIRST && matches!(depth, 24 | 32);
        if !known || (version.major_version, version.minor_version) < (1, 2) {
            return Err("MIT-SHM does not take our pixels".into());
        }
        let context = connection.generate_id()?;
        connection.create_gc(context, window, &CreateGCAux::new())?.check()?;
        let this = Self { connection: connection.clone(), window, context, depth, unread: Vec::new() };
        // A server that is not on this machine takes no descriptor.
        drop(this.segment(1)?);
        Ok(this)
    }

    /// The server has read what segment `id` holds.
    pub(super) fn has_read(&mut self, id: u32) {
        if let Some(at) = self.unread.iter().position(|&unread| unread == id) {
            self.unread.swap_remove(at);
        }
    }

    /// Gives `canvas` that size and memory that the server reads, but is not reading now: what it has, if it is of that kind.
    pub(super) fn lend(&self, canvas: &mut Canvas, (width, height): (usize, usize)) -> Fallible<()> {
        let len = width * height;
        let usable = |s: &Segment| s.len() == len && !self.unread.contains(&s.id);
        if !matches!(&canvas.pixels, Pixels::Lent(segment) if usable(segment)) {
            // The old memory goes before the new comes.
            *canvas = Canvas::default();
            if self.unread.len() < UNREAD {
                canvas.pixels = Pixels::Lent(self.segment(len)?);
            }
        }
        canvas.resize(width, height);
        Ok(())
    }

    /// Draws `canvas` at the window's corner, if it is one that the server reads. Whether it is.
    pub(super) fn put(&mut self, canvas: &Canvas) -> Fallible<bool> {
        let Pixels::Lent(segment) = &canvas.pixels else { return Ok(false) };
        let (width, height) = (u16::try_from(canvas.width)?, u16::try_from(canvas.height)?);
        self.connection.shm_put_image(
            self.window,
            self.context,
            width,
            height,
            0,
            0,
            width,
            height,
            0,
            0,
            self.depth,
            ImageFormat::Z_PIXMAP.into(),
            true,
            segment.id,
            0,
        )?;
        self.connection.flush()?;
        self.unread.push(segment.id);
        Ok(true)
    }

    /// Pixels that the server has mapped.
    fn segment(&self, len: usize) -> Fallible<Segment> {
        let (pixels, file) = SealedWords::new(len)?;
        let id = self.connection.generate_id()?;
        self.connection.shm_attach_fd(id, OwnedFd::from(file), true)?.check()?;
        Ok(Segment { pixels, id, connection: self.connection.clone() })
    }
}
