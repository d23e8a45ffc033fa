//! Samples that are not compressed, or by G.711's logarithms alone.

use symphonia::core::codecs::audio::well_known::*;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};

use super::codec::{Codec, Shape};
use crate::{MediaError, speakers};

/// How a PCM sample lies in the file.
#[derive(Debug, Clone, Copy)]
struct PcmFormat {
    kind: PcmKind,
    bytes: usize,
    big: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum PcmKind {
    Unsigned,
    Signed,
    Float,
    /// A-law and µ-law of G.711: eight bits of a logarithm.
    A,
    Mu,
}

fn pcm_format(id: AudioCodecId) -> Option<PcmFormat> {
    use PcmKind::{A, Float, Mu, Signed, Unsigned};
    let (kind, bytes, big) = match id {
        CODEC_ID_PCM_U8 => (Unsigned, 1, false),
        CODEC_ID_PCM_S8 => (Signed, 1, false),
        CODEC_ID_PCM_S16LE => (Signed, 2, false),
        CODEC_ID_PCM_S16BE => (Signed, 2, true),
        CODEC_ID_PCM_S24LE => (Signed, 3, false),
        CODEC_ID_PCM_S24BE => (Signed, 3, true),
        CODEC_ID_PCM_S32LE => (Signed, 4, false),
        CODEC_ID_PCM_S32BE => (Signed, 4, true),
        CODEC_ID_PCM_F32LE => (Float, 4, false),
        CODEC_ID_PCM_F32BE => (Float, 4, true),
        CODEC_ID_PCM_F64LE => (Float, 8, false),
        CODEC_ID_PCM_F64BE => (Float, 8, true),
        CODEC_ID_PCM_ALAW => (A, 1, false),
        CODEC_ID_PCM_MULAW => (Mu, 1, false),
        _ => return None,
    };
    Some(PcmFormat { kind, bytes, big })
}

/// Bytes of one sample of one channel, if the codec is PCM.
pub(crate) fn pcm_bytes(id: AudioCodecId) -> Option<usize> {
    pcm_format(id).map(|format| format.bytes)
}

pub(super) struct Pcm {
    format: PcmFormat,
    shape: Shape,
    /// Where the stream has each channel, if that is not the speakers' order.
    order: Option<Vec<usize>>,
}

impl Pcm {
    /// The decoder of a track of PCM; `None` of another codec. Errors: rate or channels cannot be.
    pub(super) fn new(params: &AudioCodecParameters) -> Option<Result<Self, MediaError>> {
        let format = pcm_format(params.codec)?;
        let (speakers, order) = speakers::of(params.channels.as_ref());
        let channels = params.channels.as_ref().map_or(0, |channels| channels.count());
        let channels = u16::try_from(channels).ok().filter(|n| (1..=8).contains(n));
        let rate = params.sample_rate.filter(|rate| (1..=768_000).contains(rate));
        let shape = channels.zip(rate).map(|(channels, rate)| Shape { rate, channels, speakers });
        let shape = shape.ok_or_else(|| MediaError::Broken("PCM without rate or channels".into()));
        Some(shape.map(|shape| Self { format, shape, order }))
    }
}

/// A sample of G.711 in 16 bits.
fn expanded(kind: PcmKind, byte: u8) -> i16 {
    let magnitude = |code: u8, bias: i16| (i16::from(code & 15) << 1 | 1) + bias;
    match kind {
        PcmKind::A => {
            let code = byte ^ 0x55;
            let step = code >> 4 & 7;
            let size = magnitude(code, if step > 0 { 32 } else { 0 }) << step.saturating_sub(1) << 3;
            if code & 0x80 != 0 { size } else { -size }
        }
        _ => {
            let code = !byte;
            let size = (magnitude(code, 32) << (code >> 4 & 7)) - 33;
            if code & 0x80 == 0 { size << 2 } else { -(size << 2) }
        }
    }
}

impl Codec for Pcm {
    fn decode(&mut self, data: &[u8], out: &mut Vec<f32>) -> Result<Shape, String> {
        let PcmFormat { kind, bytes, big } = self.format;
        let begin = out.len();
        let whole = data.len() - data.len() % (bytes * usize::from(self.shape.channels));
        out.extend(data.iter().take(whole).copied().collect::<Vec<u8>>().chunks_exact_mut(bytes).map(|sample| {
            if big {
                sample.reverse();
            }
            // Little-endian, shifted up so that every width's full scale is that of 64 bits.
            let word = sample.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
            let top = (word << (64 - 8 * bytes)) as i64;
            match (kind, bytes) {
                (PcmKind::A | PcmKind::Mu, _) => f32::from(expanded(kind, word as u8)) / 32_768.0,
                (PcmKind::Float, 4) => f32::from_bits(word as u32),
                (PcmKind::Float, _) => f64::from_bits(word) as f32,
                (PcmKind::Unsigned, _) => (top ^ i64::MIN) as f32 / -(i64::MIN as f32),
                (PcmKind::Signed, _) => top as f32 / -(i64::MIN as f32),
            }
        }));
        if let Some(order) = &self.order {
            for frame in out[begin..].chunks_exact_mut(order.len()) {
                let own = frame.to_vec();
                frame.iter_mut().zip(order).for_each(|(to, from)| *to = own[*from]);
            }
        }
        Ok(self.shape)
    }

    fn reset(&mut self) {}

    fn preroll_ms(&self) -> i64 {
        0
    }

    fn name(&self) -> String {
        let kind = match self.format.kind {
            PcmKind::Unsigned => "unsigned ",
            PcmKind::Signed => "",
            PcmKind::Float => "float ",
            PcmKind::A => return "A-law".into(),
            PcmKind::Mu => return "µ-law".into(),
        };
        format!("PCM {kind}{} bit", self.format.bytes * 8)
    }
}
