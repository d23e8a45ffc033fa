//! Headers of frames of sound: MPEG audio, ADTS, AC-3; and the tags around them.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::*;

use super::latm::described;
use crate::speakers;

/// What an MP3 decoder adds to the delay that an encoder declares.
const DECODER_DELAY: u32 = 529;

/// What a frame's header says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// It adds channels to the frame before it, and has no time of its own.
    pub(super) dependent: bool,
    /// Bytes, the header included.
    pub(super) len: u32,
    /// Bytes of the header that the decoder does not take.
    pub(super) skip: u32,
    pub(super) samples: u32,
    pub(super) rate: u32,
    pub(super) channels: u32,
    /// What must be the same for all frames of a stream.
    pub(super) same: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Mpeg { layer: u32 },
    Adts { config: [u8; 2] },
    Ac3 { enhanced: bool },
}

impl Header {
    pub(super) fn parse(head: &[u8]) -> Option<Self> {
        let word = u32::from_be_bytes(*head.first_chunk()?);
        match word >> 20 {
            0xfff if word >> 17 & 3 == 0 => Self::adts(head, word),
            0xffe | 0xfff => Self::mpeg(word),
            0x0b7 => Self::ac3(head),
            _ => None,
        }
    }

    fn mpeg(word: u32) -> Option<Self> {
        const RATES: [[u32; 15]; 5] = [
            [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
            [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
            [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
            [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
            [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        ];
        let (version, layer) = (word >> 19 & 3, 4 - (word >> 17 & 3));
        let (bitrate, frequency, padding) = (word >> 12 & 15, word >> 10 & 3, word >> 9 & 1);
        if version == 1 || layer == 4 || frequency == 3 || bitrate == 15 || bitrate == 0 || word & 3 == 2 {
            return None;
        }
        let low = version != 3;
        let table = match (low, layer) {
            (false, layer) => layer as usize - 1,
            (true, 1) => 3,
            (true, _) => 4,
        };
        let bits = RATES[table][bitrate as usize] * 1000;
        let rate = [44_100, 48_000, 32_000][frequency as usize] >> (if version == 0 { 2 } else { u32::from(low) });
        let samples = match layer {
            1 => 384,
            3 if low => 576,
            _ => 1152,
        };
        let len = if layer == 1 { (12 * bits / rate + padding) * 4 } else { samples / 8 * bits / rate + padding };
        let channels = if word >> 6 & 3 == 3 { 1 } else { 2 };
        Some(Self {
            kind: Kind::Mpeg { layer },
            dependent: false,
            len,
            skip: 0,
            samples,
            rate,
            channels,
            same: word & 0xfffe_0c00,
        })
    }

    fn adts(head: &[u8], word: u32) -> Option<Self> {
        let rest = u32::from_be_bytes(*head.get(3..)?.first_chunk()?);
        let (object, frequency, channels) = ((word >> 14 & 3) + 1, word >> 10 & 15, word >> 6 & 7);
        let (len, blocks) = (rest >> 13 & 0x1fff, (head.get(6)? & 3) + 1);
        let skip = if word >> 16 & 1 == 1 { 7 } else { 9 };
        const RATES: [u32; 13] =
            [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
        let rate = *RATES.get(frequency as usize)?;
        if len < skip {
            return None;
        }
        // An AudioSpecificConfig, which MP4 would have.
        let config = [(object << 3 | frequency >> 1) as u8, (frequency << 7 | channels << 3) as u8];
        let channels = if channels == 7 { 8 } else { channels };
        let (samples, same) = (1024 * u32::from(blocks), word & 0xfffe_fdc0);
        Some(Self { kind: Kind::Adts { config }, dependent: false, len, skip, samples, rate, channels, same })
    }

    fn ac3(head: &[u8]) -> Option<Self> {
        let (len, rate) = ac3_frame(head)?;
        let enhanced = head[5] >> 3 > 10;
        let halved = head[4] >> 6 == 3;
        let blocks = if enhanced && !halved { [1, 2, 3, 6][usize::from(head[4] >> 4 & 3)] } else { 6 };
        // Of several programmes in one stream, the first.
        let dependent = enhanced && (head[2] >> 6 == 1 || head[2] >> 3 & 7 != 0);
        let samples = if dependent { 0 } else { 256 * blocks };
        let same = 0x0b77_0000 | u32::from(enhanced) << 8 | u32::from(head[4] >> 6);
        Some(Self {
            kind: Kind::Ac3 { enhanced },
            dependent,
            len: len as u32,
            skip: 0,
            samples,
            rate,
            channels: 0,
            same,
        })
    }
}

/// Bytes of the frame of AC-3 or E-AC-3 that begins here, and its sample rate.
pub(crate) fn ac3_frame(data: &[u8]) -> Option<(usize, u32)> {
    let &[0x0b, 0x77, b2, b3, b4, b5, ..] = data else { return None };
    if b5 >> 3 > 10 {
        let size = (usize::from(b2 & 7) << 8 | usize::from(b3)) + 1;
        let rate = match b4 >> 6 {
            3 => [24_000, 22_050, 16_000].get(usize::from(b4 >> 4 & 3)).copied()?,
            code => [48_000, 44_100, 32_000][usize::from(code)],
        };
        return Some((2 * size, rate));
    }
    const KBITS: [usize; 19] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
    let kbits = *KBITS.get(usize::from(b4 & 63) / 2)?;
    let (words, rate) = match b4 >> 6 {
        0 => (2 * kbits, 48_000),
        1 => (kbits * 96_000 / 44_100 + usize::from(b4 & 1), 44_100),
        2 => (3 * kbits, 32_000),
        _ => return None,
    };
    // Half and quarter rates, by the version.
    Some((2 * words, rate >> (b5 >> 3).saturating_sub(8)))
}

/// What stands in an MP3 file's first frame instead of sound.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Declared {
    pub(super) frames: Option<u32>,
    /// Samples of priming and of padding.
    pub(super) priming: u32,
    pub(super) padding: u32,
}

/// Reads a `Xing` or `Info` header, which takes the place of a frame's sound.
pub(super) fn declared(frame: &[u8], header: &Header) -> Option<Declared> {
    let Kind::Mpeg { layer: 3 } = header.kind else { return None };
    let side = match (header.samples == 1152, header.channels) {
        (true, 2) => 32,
        (true, _) | (false, 2) => 17,
        _ => 9,
    };
    let body = frame.get(4 + side..)?;
    if !matches!(body.first_chunk(), Some(b"Xing" | b"Info")) {
        return frame.get(36..40).filter(|mark| mark == b"VBRI").map(|_| Declared::default());
    }
    let word = |at: usize| Some(u32::from_be_bytes(*body.get(at..)?.first_chunk()?));
    let flags = word(4)?;
    let frames = if flags & 1 != 0 { word(8) } else { None };
    let lengths = [4, 4, 100, 4].into_iter().enumerate().filter(|(bit, _)| flags >> bit & 1 == 1);
    let lame = 8 + lengths.map(|(_, len)| len).sum::<usize>();
    // Twelve bits each; an encoder that does not know them writes nothing.
    let (mut priming, mut padding) = (0, 0);
    if body.get(lame..lame + 4).is_some_and(|name| matches!(name, b"LAME" | b"Lavf" | b"Lavc"))
        && let Some(&[a, b, c]) = body.get(lame + 21..lame + 24)
    {
        priming = (u32::from(a) << 4 | u32::from(b) >> 4) + DECODER_DELAY;
        padding = ((u32::from(b) & 15) << 8 | u32::from(c)).saturating_sub(DECODER_DELAY);
    }
    Some(Declared { frames, priming, padding })
}

/// The length of an ID3v2 or ID3v1 tag that begins here.
pub(super) fn tag_len(head: &[u8]) -> Option<u64> {
    if head.starts_with(b"TAG") {
        return Some(128);
    }
    let size = head.strip_prefix(b"ID3")?.get(3..7)?;
    let size =
        size.iter().all(|byte| byte & 0x80 == 0).then(|| size.iter().fold(0, |n, &byte| n << 7 | u64::from(byte)))?;
    Some(10 + size + if head.get(5)? & 0x10 != 0 { 10 } else { 0 })
}

/// What a decoder needs to know of a stream that begins with this frame; `None` where that is not said.
pub(super) fn params(first: &Header, frame: &[u8]) -> Option<AudioCodecParameters> {
    let mut params = AudioCodecParameters::new();
    match first.kind {
        Kind::Mpeg { layer: 1 } => params.for_codec(CODEC_ID_MP1),
        Kind::Mpeg { layer: 2 } => params.for_codec(CODEC_ID_MP2),
        Kind::Mpeg { .. } => params.for_codec(CODEC_ID_MP3),
        Kind::Adts { config } if first.channels == 0 => {
            let config = described(config, frame.get(first.skip as usize..)?)?;
            params.for_codec(CODEC_ID_AAC).with_extra_data(config.into())
        }
        Kind::Adts { config } => params.for_codec(CODEC_ID_AAC).with_extra_data(config.into()),
        Kind::Ac3 { enhanced: true } => params.for_codec(CODEC_ID_EAC3),
        Kind::Ac3 { .. } => params.for_codec(CODEC_ID_AC3),
    };
    params.with_sample_rate(first.rate);
    params.with_channels(speakers::channels(first.channels, 0));
    Some(params)
}
