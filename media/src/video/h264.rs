//! H.264 by `rusty_h264`: 8-bit 4:2:0, progressive. It returns pictures in decode order; the player sorts them.

use crate::MAX_SIDE;
use rusty_h264_common::YuvFrame;
use rusty_h264_decoder::{DecodeError, Decoder};

use super::bits::Bits;
use super::codec::{CONVERT, Codec, CodecError, Decoded, Delivery, planes};
use super::nal::{Config, Framing, avcc, split};
use super::sps::Sps;
use crate::{MediaError, Picture};

const SPS: u8 = 7;

pub(crate) struct H264 {
    decoder: Decoder,
    framing: Framing,
    /// The parameter sets of the container, to be fed before the first packet.
    annex_b: Vec<u8>,
    sps: Option<Sps>,
}

impl H264 {
    /// Takes the track's `avcC`. Errors: it is broken, or names a profile that cannot be decoded.
    pub(crate) fn open(config: &[u8]) -> Result<Self, MediaError> {
        let Config { framing, sets } =
            avcc(config).ok_or_else(|| MediaError::Broken("H.264: broken decoder configuration".into()))?;
        let mut codec = Self { decoder: Decoder::new(), framing, annex_b: Vec::new(), sps: None };
        for set in sets {
            codec.take(&set).map_err(|error| match error {
                CodecError::Unsupported(what) => MediaError::unsupported(what, CONVERT),
                CodecError::Damaged(why) => MediaError::Broken(why),
            })?;
        }
        Ok(codec)
    }

    /// Appends a NAL unit to the access unit; a parameter set is looked at in passing.
    fn take(&mut self, nal: &[u8]) -> Result<(), CodecError> {
        if nal.first().is_some_and(|&header| header & 0x1f == SPS) {
            let sps = Sps::parse(nal).ok_or_else(|| CodecError::Damaged("H.264: broken sequence header".into()))?;
            if let Some(tool) = sps.unsupported() {
                let name = sps.name();
                return Err(CodecError::Unsupported(format!("{name} video ({tool})")));
            }
            if sps.coded.0.max(sps.coded.1) > MAX_SIDE {
                return Err(CodecError::Damaged("H.264: picture too large".into()));
            }
            self.sps = Some(sps);
        }
        self.annex_b.extend_from_slice(&[0, 0, 1]);
        self.annex_b.extend_from_slice(nal);
        Ok(())
    }
}

impl Codec for H264 {
    fn name(&self) -> String {
        self.sps.as_ref().map_or_else(|| "H.264".into(), Sps::name)
    }

    fn delivery(&self) -> Delivery {
        Delivery::Decoded
    }

    fn begins(&self, data: &[u8]) -> bool {
        // With periodic intra refresh, containers also mark pictures that only begin to be refreshed.
        let mut slices = split(data, self.framing).flatten().filter(|nal| matches!(nal[0] & 0x1f, 1 | 5)).peekable();
        slices.peek().is_some() && slices.all(is_intra)
    }

    fn disposable(&self, data: &[u8]) -> bool {
        // `nal_ref_idc` of each slice; parameter sets, which it is not 0 of, stay.
        let mut units = split(data, self.framing).flatten().peekable();
        units.peek().is_some() && units.all(|nal| nal[0] & 0x60 == 0)
    }

    fn decode(&mut self, data: Vec<u8>, tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        for nal in split(&data, self.framing) {
            self.take(nal.map_err(|()| CodecError::Damaged("H.264: a unit reaches past its packet".into()))?)?;
        }
        let result = self.decoder.decode(&self.annex_b);
        self.annex_b.clear();
        let frame = result.map_err(|error| match error {
            DecodeError::Unsupported(tool) => CodecError::Unsupported(format!("{} video ({tool})", self.name())),
            other => CodecError::Damaged(format!("H.264: {other}")),
        })?;
        let Some(frame) = frame else { return Ok(()) };
        let (sar, colour) = self.sps.as_ref().map(|sps| (sps.sar, sps.colour)).unwrap_or_default();
        let (width, height) = (frame.width as u32, frame.height as u32);
        out.push(Decoded { tag, width, height, sar, colour, picture: Box::new(Yuv(frame)) });
        Ok(())
    }
}

/// Whether a slice refers to no other picture.
fn is_intra(slice: &[u8]) -> bool {
    let mut bits = Bits::new(slice.get(1..).unwrap_or_default());
    slice[0] & 0x1f == 5 || matches!(bits.ue().and_then(|_first_block| bits.ue()), Some(2 | 4 | 7 | 9))
}

struct Yuv(YuvFrame);

impl Picture for Yuv {
    fn write_i420(&mut self, out: &mut [u8]) {
        let frame = &self.0;
        for (to, from) in
            planes(out, frame.width as u32, frame.height as u32).into_iter().zip([&frame.y, &frame.u, &frame.v])
        {
            let len = to.len().min(from.len());
            to[..len].copy_from_slice(&from[..len]);
        }
    }
}
