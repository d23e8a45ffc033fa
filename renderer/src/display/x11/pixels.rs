//! Pixels to an X server. One on this machine maps their memory (MIT-SHM): pictures are made right there, and showing one is a small
//! request. To any other, every byte goes through the connection.

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use tricine_channel::sys::sealed::SealedWords;
use x11rb::connection::{Connection, RequestConnection};
use x11rb::image::{BitsPerPixel, Image, ImageOrder, ScanlinePad};
use x11rb::protocol::shm::{ConnectionExt as _, X11_EXTENSION_NAME};
use x11rb::protocol::xproto::{ConnectionExt as _, CreateGCAux, ImageFormat};
use x11rb::rust_connection::RustConnection;

use super::Fallible;
use crate::canvas::{Canvas, Pixels};

/// Of a window whose pixels are as ours, in bits.
pub(super) const DEPTHS: [u8; 2] = [24, 32];
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
    /// Whether the server maps our memory.
    shares: bool,
    /// Segments that the server was asked to read and has not said that it has, once for each time.
    unread: Vec<u32>,
}

impl Way {
    /// Errors: the screen's pixels have another form.
    pub(super) fn new(connection: &Rc<RustConnection>, window: u32) -> Fallible<Self> {
        let depth = connection.get_geometry(window)?.reply()?.depth;
        let setup = connection.setup();
        let wide = setup.pixmap_formats.iter().any(|f| f.depth == depth && f.bits_per_pixel == 32);
        if !wide || !DEPTHS.contains(&depth) {
            return Err(format!("the screen has {depth} bits a pixel, where 24 or 32 are needed").into());
        }
        let context = connection.generate_id()?;
        connection.create_gc(context, window, &CreateGCAux::new())?.check()?;
        let mut this =
            Self { connection: connection.clone(), window, context, depth, shares: false, unread: Vec::new() };
        match this.offer() {
            Ok(()) => this.shares = true,
            Err(error) => tracing::debug!("pixels go through the connection: {error}"),
        }
        Ok(this)
    }

    /// Errors: the server has no such extension, is on another machine, or reads pixels in another order.
    fn offer(&self) -> Fallible<()> {
        self.connection.extension_information(X11_EXTENSION_NAME)?.ok_or("no MIT-SHM")?;
        let version = self.connection.shm_query_version()?.reply()?;
        let order = ImageOrder::try_from(self.connection.setup().image_byte_order)?;
        if order != ImageOrder::LsbFirst || (version.major_version, version.minor_version) < (1, 2) {
            return Err("MIT-SHM does not take our pixels".into());
        }
        // A server that is not on this machine takes no descriptor.
        self.segment(1).map(drop)
    }

    /// Whether pictures can lie in memory that the server reads.
    pub(super) fn lends(&self) -> bool {
        self.shares
    }

    /// The server has read what segment `id` holds.
    pub(super) fn has_read(&mut self, id: u32) {
        if let Some(at) = self.unread.iter().position(|&unread| unread == id) {
            self.unread.swap_remove(at);
        }
    }

    /// Gives `canvas` that size and, where there is some to be had, memory that the server reads, but is not reading now: what it has, if it
    /// is of that kind.
    pub(super) fn lend(&mut self, canvas: &mut Canvas, (width, height): (usize, usize)) {
        let len = width * height;
        let usable = |s: &Segment| s.len() == len && !self.unread.contains(&s.id);
        if self.shares && !matches!(&canvas.pixels, Pixels::Lent(segment) if usable(segment)) {
            // The old memory goes before the new comes.
            *canvas = Canvas::default();
            if self.unread.len() < UNREAD {
                match self.segment(len) {
                    Ok(segment) => canvas.pixels = Pixels::Lent(segment),
                    Err(error) => {
                        tracing::debug!("pixels go through the connection from now on: {error}");
                        self.shares = false;
                    }
                }
            }
        }
        canvas.resize(width, height);
    }

    /// Draws `canvas` at the window's corner. Errors: the connection is gone.
    pub(super) fn put(&mut self, canvas: &Canvas) -> Fallible<()> {
        let (width, height) = (u16::try_from(canvas.width)?, u16::try_from(canvas.height)?);
        let (window, context, depth) = (self.window, self.context, self.depth);
        if let Pixels::Lent(Segment { id, .. }) = &canvas.pixels {
            let form = ImageFormat::Z_PIXMAP.into();
            self.connection
                .shm_put_image(window, context, width, height, 0, 0, width, height, 0, 0, depth, form, true, *id, 0)?;
            self.unread.push(*id);
        } else {
            let bytes = Cow::Borrowed(bytemuck::cast_slice(&canvas.pixels));
            let (pad, bits) = (ScanlinePad::Pad32, BitsPerPixel::B32);
            let image = Image::new(width, height, pad, depth, bits, ImageOrder::LsbFirst, bytes)?;
            image.put(&*self.connection, window, context, 0, 0)?;
        }
        Ok(self.connection.flush()?)
    }

    /// Pixels that the server has mapped.
    fn segment(&self, len: usize) -> Fallible<Segment> {
        let (pixels, file) = SealedWords::new(len)?;
        let id = self.connection.generate_id()?;
        self.connection.shm_attach_fd(id, OwnedFd::from(file), true)?.check()?;
        Ok(Segment { pixels, id, connection: self.connection.clone() })
    }
}
