//! Vorbis of more than two channels, by `lewton`, in WAVE's channel order.
//!
//! symphonia 0.6.1 lets one channel's residue classes overrun the next one's, so only the first channel comes out right.
//! lewton 0.10.2 gives out the level part of a long block that a short one follows at once, which the standard, and so the container's
//! times, count to the short one.

use lewton::audio::{PreviousWindowRight, get_decoded_sample_count, read_audio_packet_generic};
use lewton::header::{IdentHeader, SetupHeader, read_header_ident, read_header_setup};
use lewton::samples::InterleavedSamples;

use super::codec::{Codec, Shape};
use super::opus::wave_order;
use crate::{MediaError, speakers};

/// The identification header's length; the setup header follows it in a track's configuration.
const IDENT: usize = 30;

pub(super) struct Vorbis {
    ident: IdentHeader,
    setup: SetupHeader,
    overlap: PreviousWindowRight,
    /// Samples of the last block, and sample frames that were decoded and belong to the next packet.
    last: Option<usize>,
    early: Vec<f32>,
}

impl Vorbis {
    pub(super) fn new(headers: &[u8]) -> Result<Self, MediaError> {
        let broken = || MediaError::Broken("Vorbis headers".into());
        let (ident, setup) = headers.split_at_checked(IDENT).ok_or_else(broken)?;
        let ident = read_header_ident(ident).map_err(|_| broken())?;
        let blocks = (ident.blocksize_0, ident.blocksize_1);
        let setup = read_header_setup(setup, ident.audio_channels, blocks).map_err(|_| broken())?;
        Ok(Self { ident, setup, overlap: PreviousWindowRight::new(), last: None, early: Vec::new() })
    }
}

impl Codec for Vorbis {
    fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<Shape, String> {
        let channels = usize::from(self.ident.audio_channels);
        let decoded: InterleavedSamples<f32> =
            read_audio_packet_generic(&self.ident, &self.setup, data, &mut self.overlap).map_err(|e| e.to_string())?;
        let (short, long) = (1 << self.ident.blocksize_0, 1 << self.ident.blocksize_1);
        let count = get_decoded_sample_count(&self.ident, &self.setup, data).map_err(|e| e.to_string())?;
        let block = if count == short / 2 { short } else { long };
        // Section 4.3.8: from the middle of the block before to the middle of this one.
        let own = self.last.replace(block).map_or(0, |last| (last + block) / 4) * channels;
        let order = wave_order(channels);
        for frame in decoded.samples.chunks_exact(channels.max(1)) {
            self.early.extend(order.iter().take(channels).filter_map(|from| frame.get(*from)));
        }
        out.extend(self.early.drain(..own.min(self.early.len())));
        let channels = self.ident.audio_channels.into();
        Ok(Shape { rate: self.ident.audio_sample_rate, channels, speakers: speakers::of_xiph(channels) })
    }

    fn reset(&mut self) {
        (self.overlap, self.last) = (PreviousWindowRight::new(), None);
        self.early.clear();
    }

    fn preroll_ms(&self) -> i64 {
        400
    }

    fn name(&self) -> String {
        "Vorbis".into()
    }
}
