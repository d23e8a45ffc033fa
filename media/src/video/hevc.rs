//! HEVC by `rusty_h265`: Main, Main 10 and Main Still Picture; 10 bits are narrowed to 8.

use crate::{ColorRange, MAX_SIDE};
use rusty_h265::ps::{PROFILE_MAIN10, PROFILE_REXT, parse_sps};
use rusty_h265::{Decoder, Error, Frame};

use super::codec::{CONVERT, Codec, CodecError, Decoded, Delivery, planes};
use super::deep::{Deep, Samples};
use super::nal::{Config, Framing, hvcc, messages, split, unescape};
use crate::container::{Colour, Peak, Transfer};
use crate::{MediaError, Picture};

const SPS: u8 = 33;
/// Messages (SEI) in front of a picture.
const MESSAGES: u8 = 39;

pub(crate) struct Hevc {
    decoder: Decoder,
    framing: Framing,
    depth: u8,
    sar: Option<(u32, u32)>,
    colour: Colour,
    /// What messages say of how bright the film becomes, and of its transfer in place of what its parameters say.
    peak: Peak,
    transfer: Option<Transfer>,
}

impl Hevc {
    /// Takes the track's `hvcC`. Errors: it is broken, or names a profile that cannot be decoded.
    pub(crate) fn open(config: &[u8]) -> Result<Self, MediaError> {
        let Config { framing, sets } =
            hvcc(config).ok_or_else(|| MediaError::Broken("HEVC: broken decoder configuration".into()))?;
        let (decoder, colour, peak) = (Decoder::new(), Colour::default(), Peak::default());
        let mut codec = Self { decoder, framing, depth: 8, sar: None, colour, peak, transfer: None };
        for set in sets {
            codec.take(&set, None).map_err(|error| match error {
                CodecError::Unsupported(what) => MediaError::unsupported(what, CONVERT),
                CodecError::Damaged(why) => MediaError::Broken(why),
            })?;
        }
        Ok(codec)
    }

    fn take(&mut self, nal: &[u8], tag: Option<i64>) -> Result<(), CodecError> {
        let kind = nal.first().map_or(0, |first| (first >> 1) & 0x3f);
        if kind == SPS && nal.len() > 3 && self.inspect(&nal[2..])? {
            let mut main = nal.to_vec();
            main[3] = main[3] & 0xe0 | PROFILE_MAIN10;
            return self.decoder.push_nal(&main, tag).map_err(error);
        }
        if kind == MESSAGES && nal.len() > 2 {
            self.listen(&unescape(&nal[2..]));
        }
        self.decoder.push_nal(nal, tag).map_err(error)
    }

    /// Reads what the sequence is like. Whether it calls itself one of the extended profiles and uses nothing that Main 10 has not, as
    /// those of whole pictures alone and what libheif writes do: the decoder goes by the name.
    fn inspect(&mut self, payload: &[u8]) -> Result<bool, CodecError> {
        let sps = parse_sps(&unescape(payload)).map_err(error)?;
        self.depth = sps.bit_depth_luma.max(sps.bit_depth_chroma);
        let layout = match sps.chroma_format_idc {
            0 => Some("4:0:0"),
            1 => None,
            2 => Some("4:2:2"),
            _ => Some("4:4:4"),
        };
        if let Some(layout) = layout {
            return Err(CodecError::Unsupported(format!("HEVC video ({layout})")));
        }
        if sps.width.max(sps.height) > MAX_SIDE {
            return Err(CodecError::Damaged("HEVC: picture too large".into()));
        }
        let vui = sps.vui.unwrap_or_default();
        let (w, h) = (u32::from(vui.sar_width), u32::from(vui.sar_height));
        self.sar = (w > 0 && h > 0).then_some((w, h));
        let [primaries, transfer, matrix] =
            [vui.colour_primaries, vui.transfer_characteristics, vui.matrix_coeffs].map(u32::from);
        let range = vui.video_full_range_flag.then_some(ColorRange::Full);
        self.colour = Colour { range, ..Colour::coded(primaries, transfer, matrix) };
        let extended = sps.range_extension || sps.multilayer_extension || sps.ext_3d || sps.scc_extension;
        Ok(sps.ptl.profile_idc == PROFILE_REXT && self.depth <= 10 && !extended)
    }

    /// Takes what messages say of light: the mastering display's volume (137), the content's light level (144), and the transfer
    /// that is preferred to the one that older receivers understand (147).
    fn listen(&mut self, data: &[u8]) {
        for (kind, body) in messages(data) {
            match (kind, body) {
                (137, [_, .., a, b, c, d, _, _, _, _]) if body.len() == 24 => {
                    self.peak.screen = Peak::of_screen(u32::from_be_bytes([*a, *b, *c, *d])).screen;
                }
                (144, [a, b, ..]) => self.peak.pixel = Peak::of_pixel(u16::from_be_bytes([*a, *b]).into()).pixel,
                (147, [code, ..]) => self.transfer = Colour::transfer((*code).into()),
                _ => {}
            }
        }
    }

    fn drain(&mut self, out: &mut Vec<Decoded>) {
        while let Ok(frame) = self.decoder.next_frame() {
            let (width, height) = (frame.width as u32, frame.height as u32);
            if width > 0 && height > 0 {
                let tag = frame.pts.unwrap_or(-1);
                let (sar, transfer) = (self.sar, self.transfer.or(self.colour.transfer));
                let colour = Colour { transfer, peak: self.peak, ..self.colour };
                let planes = Box::new(Planes(frame));
                let samples = if planes.depth() > 8 { Samples::Deep(planes) } else { Samples::Bytes(planes) };
                out.push(Decoded { tag, width, height, sar, colour, fields: None, samples });
            }
        }
    }
}

fn error(error: Error) -> CodecError {
    match error {
        Error::Unsupported(what) => CodecError::Unsupported(format!("HEVC video ({what})")),
        other => CodecError::Damaged(format!("HEVC: {other}")),
    }
}

impl Codec for Hevc {
    fn name(&self) -> String {
        if self.depth > 8 { format!("HEVC Main {}", self.depth) } else { "HEVC Main".into() }
    }

    fn delivery(&self) -> Delivery {
        Delivery::Late
    }

    fn decode(&mut self, data: Vec<u8>, tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        let mut first = Some(tag);
        for nal in split(&data, self.framing) {
            let nal = nal.map_err(|()| CodecError::Damaged("HEVC: a unit reaches past its packet".into()))?;
            self.take(nal, first.take())?;
            // The decoder makes up what a picture refers to and is not there.
            if self.decoder.stats.generated_refs > 0 {
                // What came before it is whole.
                self.decoder.flush();
                self.drain(out);
                out.retain(|picture| picture.tag != tag);
                return Err(CodecError::Damaged("HEVC: pictures are missing".into()));
            }
        }
        self.drain(out);
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        self.decoder.flush();
        self.drain(out);
        Ok(())
    }
}

struct Planes(Frame);

impl Planes {
    /// The samples of row `y` of a plane, and how many bits they have; `None` where the picture has none.
    fn line(&self, plane: usize, y: usize) -> Option<(&[u16], u32)> {
        let picture = &self.0.picture;
        if plane > 0 && picture.chroma_format_idc == 0 {
            return None;
        }
        let (left, top, ..) = picture.crop;
        let half = |n: usize| if plane == 0 { n } else { n.div_ceil(2) };
        let depth = if plane == 0 { picture.bit_depth_luma } else { picture.bit_depth_chroma };
        let plane = &picture.planes[plane];
        let start = (half(top) + y) * plane.stride;
        Some((plane.data.get(start..start + plane.stride)?.get(half(left)..)?, u32::from(depth)))
    }
}

impl Picture for Planes {
    fn write_i420(&mut self, out: &mut [u8]) {
        let (width, height) = (self.0.width as u32, self.0.height as u32);
        for (plane, to) in planes(out, width, height).into_iter().enumerate() {
            let width = if plane == 0 { width } else { width.div_ceil(2) } as usize;
            for (y, to) in to.chunks_exact_mut(width).enumerate() {
                match self.line(plane, y) {
                    Some((from, _)) => to.iter_mut().zip(from).for_each(|(to, &from)| *to = from as u8),
                    None => to.fill(128),
                }
            }
        }
    }
}

impl Deep for Planes {
    fn depth(&self) -> u32 {
        u32::from(self.0.picture.bit_depth_luma.max(self.0.picture.bit_depth_chroma))
    }

    fn row(&self, plane: usize, y: usize, to: &mut [u16]) {
        match self.line(plane, y) {
            Some((from, depth)) if depth == self.depth() => {
                let len = to.len().min(from.len());
                to[..len].copy_from_slice(&from[..len]);
            }
            // Luma and chroma may differ in their bits.
            Some((from, depth)) => {
                let shift = self.depth() - depth;
                to.iter_mut().zip(from).for_each(|(to, from)| *to = from << shift);
            }
            None => to.fill(1 << (self.depth() - 1)),
        }
    }
}
