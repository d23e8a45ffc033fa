//! AV1 by `re_rav1d`, a Rust dav1d: every profile. More than 8 bits are narrowed to 8, more chroma than that of
//! 4:2:0 to that, and pictures of red, green and blue become luma and chroma.
//! It applies film grain itself, as dav1d does.

use std::thread::available_parallelism;

use crate::{ColorMatrix, ColorRange, caps};
use re_rav1d::{Decoder, Error, PixelLayout, PlanarImageComponent as Component, Plane, Settings};

use super::codec::{Codec, CodecError, Decoded, Delivery, copy_plane, planes};
use super::deep::{Deep, Samples};
use super::thin::{Planar, thinned};
use crate::container::Colour;
use crate::guard::guarded;
use crate::{MediaError, Picture};

/// More threads than these bring little to a picture of 4K, and each takes memory.
const THREADS: usize = 8;
/// The code of pictures that are no luma and chroma but colours.
const IDENTITY: u32 = 0;

pub(crate) struct Av1 {
    decoder: Decoder,
    depth: usize,
    /// Several pictures are worked on at once, and each comes out some packets late.
    late: bool,
}

impl Av1 {
    /// Opens a decoder that has a thread for each processor, and as many pictures in work as it deems right for those. Errors: no memory
    /// for it.
    pub(crate) fn open() -> Result<Self, MediaError> {
        let threads = available_parallelism().map_or(1, usize::from).min(THREADS);
        let mut settings = Settings::new();
        settings.set_n_threads(threads as u32);
        settings.set_frame_size_limit(caps::PIXELS);
        let decoder = Decoder::with_settings(&settings).map_err(|error| MediaError::Broken(format!("AV1: {error}")))?;
        Ok(Self { decoder, depth: 8, late: threads > 1 })
    }

    /// Takes out what is there: whether there was a picture. Asked twice without a packet in between, the decoder waits until it has one.
    fn out(&mut self, out: &mut Vec<Decoded>) -> Result<bool, CodecError> {
        match self.decoder.get_picture() {
            Ok(picture) => {
                out.push(self.take(picture)?);
                Ok(true)
            }
            Err(Error::Again) => Ok(false),
            Err(error) => Err(damaged(error)),
        }
    }

    fn take(&mut self, picture: re_rav1d::Picture) -> Result<Decoded, CodecError> {
        self.depth = picture.bit_depth();
        let (width, height) = (picture.width(), picture.height());
        let full = picture.color_range() == re_rav1d::pixel::YUVRange::Full;
        // The decoder's own words for these codes panic at one that is reserved.
        let codes = guarded(|| {
            let (primaries, transfer) = (picture.color_primaries() as u32, picture.transfer_characteristic() as u32);
            let matrix = picture.matrix_coefficients() as u32;
            (Colour::coded(primaries, transfer, matrix), matrix == IDENTITY)
        });
        let (codes, colours) = codes.unwrap_or_default();
        // Of no matrix at all, only this layout can be meant.
        let mixed = colours && picture.pixel_layout() == PixelLayout::I444;
        let range = Some(if full { ColorRange::Full } else { ColorRange::Limited });
        let matrix = if mixed { Some(ColorMatrix::Bt601) } else { codes.matrix };
        let colour = Colour { range, matrix, ..codes };
        let tag = picture.timestamp().unwrap_or(-1);
        let planes = Box::new(Planes { picture, mixed });
        let samples = if self.depth > 8 { Samples::Deep(planes) } else { Samples::Bytes(planes) };
        Ok(Decoded { tag, width, height, sar: None, colour, fields: None, samples })
    }
}

fn damaged(error: Error) -> CodecError {
    match error {
        Error::UnsupportedBitstream => CodecError::Unsupported("this kind of AV1 video".into()),
        other => CodecError::Damaged(format!("AV1: {other}")),
    }
}

impl Codec for Av1 {
    fn name(&self) -> String {
        if self.depth > 8 { format!("AV1 {}-bit", self.depth) } else { "AV1".into() }
    }

    fn delivery(&self) -> Delivery {
        if self.late { Delivery::Late } else { Delivery::Presented }
    }

    fn decode(&mut self, data: Vec<u8>, tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        if data.is_empty() {
            return Err(CodecError::Damaged("AV1: empty packet".into()));
        }
        let mut sent = self.decoder.send_data(data, None, Some(tag), None);
        // Each round either takes a picture out or the rest of the packet in; a temporal unit has few pictures.
        for _ in 0..64 {
            while self.out(out)? && !self.late {}
            match sent {
                Ok(()) => return Ok(()),
                Err(Error::Again) => sent = self.decoder.send_pending_data(),
                Err(error) => return Err(damaged(error)),
            }
        }
        Err(CodecError::Damaged("AV1: a packet that never ends".into()))
    }

    fn flush(&mut self, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        while self.out(out)? {}
        Ok(())
    }
}

/// A picture in the decoder's own memory.
struct Planes {
    picture: re_rav1d::Picture,
    /// Its planes are green, blue and red.
    mixed: bool,
}

impl Planar for Planes {
    fn size(&self) -> (usize, usize) {
        (self.picture.width() as usize, self.picture.height() as usize)
    }

    fn depth(&self) -> u32 {
        self.picture.bit_depth() as u32
    }

    fn wide_and_tall(&self) -> (bool, bool) {
        match self.picture.pixel_layout() {
            PixelLayout::I400 | PixelLayout::I420 => (false, false),
            PixelLayout::I422 => (false, true),
            PixelLayout::I444 => (true, true),
        }
    }

    fn colours(&self) -> Option<bool> {
        self.mixed.then(|| self.picture.color_range() == re_rav1d::pixel::YUVRange::Full)
    }

    fn raw(&self, plane: usize, y: usize, to: &mut [u16]) {
        if plane > 0 && self.picture.pixel_layout() == PixelLayout::I400 {
            return to.fill(1 << (self.picture.bit_depth() - 1));
        }
        let component = [Component::Y, Component::U, Component::V][plane];
        let plane: Plane = self.picture.plane(component);
        let from = plane.get(y * self.picture.stride(component) as usize..).unwrap_or_default();
        if self.picture.bit_depth() > 8 {
            for (to, from) in to.iter_mut().zip(from.as_chunks::<2>().0) {
                *to = u16::from_ne_bytes(*from);
            }
        } else {
            to.iter_mut().zip(from).for_each(|(to, &from)| *to = from.into());
        }
    }
}

impl Picture for Planes {
    fn write_i420(&mut self, out: &mut [u8]) {
        let picture = &self.picture;
        let (width, height) = (picture.width(), picture.height());
        let components = [Component::Y, Component::U, Component::V];
        for (index, (to, component)) in planes(out, width, height).into_iter().zip(components).enumerate() {
            let width = if index == 0 { width as usize } else { (width as usize).div_ceil(2) };
            if self.wide_and_tall() == (false, false) && (index == 0 || picture.pixel_layout() == PixelLayout::I420) {
                let plane: Plane = picture.plane(component);
                copy_plane(&plane, picture.stride(component) as usize, width, to);
                continue;
            }
            let mut row = vec![0; width];
            for (y, to) in to.chunks_exact_mut(width).enumerate() {
                thinned(self, index, y, &mut row);
                to.iter_mut().zip(&row).for_each(|(to, &from)| *to = from as u8);
            }
        }
    }
}

impl Deep for Planes {
    fn depth(&self) -> u32 {
        Planar::depth(self)
    }

    fn row(&self, plane: usize, y: usize, to: &mut [u16]) {
        if self.wide_and_tall() != (false, false) {
            return thinned(self, plane, y, to);
        }
        self.raw(plane, y, to);
    }
}
