//! Pixels to an X server on this machine by way of memory that it maps (MIT-SHM): one copy and one small request, where
//! minifb's XPutImage sends every byte through a socket.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use tricine_shared::sys::process::memory_file;
use x11rb::connection::{Connection, RequestConnection};
use x11rb::protocol::shm::{ConnectionExt as _, X11_EXTENSION_NAME};
use x11rb::protocol::xproto::{ConnectionExt as _, CreateGCAux, ImageFormat, ImageOrder};
use x11rb::rust_connection::RustConnection;

use super::Fallible;
use crate::convert::Canvas;

/// Pictures that the server may be reading, and one to write.
const BUFFERS: usize = 2;

/// Memory that the server has mapped.
#[derive(Debug)]
struct Buffer {
    file: File,
    len: usize,
    segment: u32,
    /// The server has not said that it has read it.
    busy: bool,
}

/// The way to the server.
#[derive(Debug)]
pub(super) struct Pixels {
    window: u32,
    context: u32,
    depth: u8,
    buffers: [Option<Buffer>; BUFFERS],
}

impl Pixels {
    /// Errors: the server has no such extension, is on another machine, or has pixels of another form.
    pub(super) fn new(connection: &RustConnection, window: u32) -> Fallible<Self> {
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
        let mut this = Self { window, context, depth, buffers: [const { None }; BUFFERS] };
        // A server that is not on this machine takes no descriptor.
        this.buffers[0] = Some(buffer(connection, 4)?);
        Ok(this)
    }

    /// The server has read what `segment` holds.
    pub(super) fn has_read(&mut self, segment: u32) {
        self.buffers.iter_mut().flatten().filter(|b| b.segment == segment).for_each(|b| b.busy = false);
    }

    /// Draws `picture` at the window's corner. Whether a buffer was free for it.
    pub(super) fn put(&mut self, connection: &RustConnection, picture: &Canvas) -> Fallible<bool> {
        let Some(slot) = self.buffers.iter_mut().find(|b| b.as_ref().is_none_or(|b| !b.busy)) else {
            return Ok(false);
        };
        let bytes: &[u8] = bytemuck::cast_slice(&picture.pixels);
        if let Some(small) = slot.take_if(|b| b.len < bytes.len()) {
            connection.shm_detach(small.segment)?;
        }
        let buffer = match slot {
            Some(buffer) => buffer,
            None => slot.insert(buffer(connection, bytes.len())?),
        };
        buffer.file.write_all_at(bytes, 0)?;
        let (width, height) = (u16::try_from(picture.width)?, u16::try_from(picture.height)?);
        let (format, segment) = (ImageFormat::Z_PIXMAP.into(), buffer.segment);
        connection.shm_put_image(
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
            format,
            true,
            segment,
            0,
        )?;
        connection.flush()?;
        buffer.busy = true;
        Ok(true)
    }
}

/// Memory of `len` bytes that the server has mapped.
fn buffer(connection: &RustConnection, len: usize) -> Fallible<Buffer> {
    let file = memory_file("tricine-pixels", &[])?;
    file.set_len(len as u64)?;
    let segment = connection.generate_id()?;
    connection.shm_attach_fd(segment, OwnedFd::from(file.try_clone()?), true)?.check()?;
    Ok(Buffer { file, len, segment, busy: false })
}
