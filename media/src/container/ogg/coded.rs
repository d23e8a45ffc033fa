//! How each codec lies in Ogg: its headers, what its positions count, and how long a packet lasts.

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_FLAC, CODEC_ID_OPUS, CODEC_ID_VORBIS};

use super::super::{CodecId, Track, TrackKind, VideoTrack, reduce};
use super::words::{Words, picture};
use crate::audio::name_of;
use crate::speakers;
use crate::times::{USUAL, is_rate, units_ns};

/// The longest packet of Opus in samples: 120 ms.
const OPUS_LONGEST: i64 = 5_760;

/// What the first packet of a stream says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Coded {
    /// `legacy`: positions are those of pictures, and not how many there are.
    Theora {
        shift: u32,
        legacy: bool,
        rate: (u32, u32),
    },
    Vp8 {
        rate: (u32, u32),
        sar: (u32, u32),
    },
    /// Which of its modes are those of long blocks; known once the third header is there.
    Vorbis {
        rate: u32,
        channels: u8,
        blocks: [u32; 2],
        long: Vec<bool>,
    },
    Opus {
        channels: u8,
        skip: i64,
    },
    Flac {
        rate: u32,
        channels: u8,
    },
    /// What nothing here plays.
    Other(TrackKind, String),
}

fn be(bytes: &[u8], at: usize, len: usize) -> Option<u32> {
    Some(bytes.get(at..at + len)?.iter().fold(0, |number, &byte| number << 8 | u32::from(byte)))
}

impl Coded {
    /// By a stream's first packet; `None`: it is about other streams.
    pub(super) fn of(first: &[u8]) -> Option<Self> {
        Some(Self::known(first).unwrap_or_else(|| {
            use TrackKind::{Audio, Other, Subtitle, Video};
            let (kind, name) = match first {
                [0x80, b'k', b'a', b't', b'e', ..] => (Subtitle, "Kate"),
                [0x80, b't', b'h', b'e', ..] => (Video, "Theora"),
                [b'B', b'B', b'C', b'D', ..] => (Video, "Dirac"),
                [1, b'v', b'i', b'd', ..] => (Video, "OGM"),
                [1, b't', b'e', b'x', b't', ..] => (Subtitle, "OGM text"),
                [1, b'a', b'u', ..] => (Audio, "OGM"),
                _ if first.starts_with(b"Speex   ") => (Audio, "Speex"),
                _ if first.starts_with(b"CELT    ") => (Audio, "CELT"),
                _ if first.starts_with(b"PCM     ") => (Audio, "PCM in Ogg"),
                _ if first.starts_with(b"fishead\0") => return Self::Other(Other, String::new()),
                _ => (Other, "unknown"),
            };
            Self::Other(kind, name.into())
        }))
        .filter(|coded| !matches!(coded, Self::Other(_, name) if name.is_empty()))
    }

    fn known(first: &[u8]) -> Option<Self> {
        let le = |at: usize| Some(u32::from_le_bytes(*first.get(at..)?.first_chunk()?));
        let rated = |num: u32, den: u32| {
            let there = is_rate(num.into(), den.into());
            if there { (num, den) } else { (USUAL.0 as u32, USUAL.1 as u32) }
        };
        match first {
            [0x80, b't', b'h', b'e', b'o', b'r', b'a', 3, 2, revision, ..] => {
                let bits = be(first, 40, 2)?;
                let rate = rated(be(first, 22, 4)?, be(first, 26, 4)?);
                Some(Self::Theora { shift: bits >> 5 & 31, legacy: *revision < 1, rate })
            }
            [b'O', b'V', b'P', b'8', b'0', 1, 1, ..] => {
                let sar = (be(first, 12, 3)?, be(first, 15, 3)?);
                Some(Self::Vp8 { rate: rated(be(first, 18, 4)?, be(first, 22, 4)?), sar })
            }
            [1, b'v', b'o', b'r', b'b', b'i', b's', 0, 0, 0, 0, channels, ..] => {
                let sizes = *first.get(28)?;
                let blocks = [sizes & 15, sizes >> 4];
                // The standard's shortest and longest.
                let right = blocks.iter().all(|log| (6..=13).contains(log)) && le(12)? > 0;
                let blocks = blocks.map(|log| 1 << log);
                let (rate, channels) = (le(12)?, *channels);
                right.then_some(Self::Vorbis { rate, channels, blocks, long: Vec::new() })
            }
            [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', _, channels, s0, s1, ..] => {
                Some(Self::Opus { channels: *channels, skip: u16::from_le_bytes([*s0, *s1]).into() })
            }
            [0x7f, b'F', b'L', b'A', b'C', ..] => {
                // Behind nine bytes and the mark of FLAC the head of a block; in that, at the tenth byte.
                let about = be(first, 27, 4)?;
                let rate = about >> 12;
                (rate > 0).then_some(Self::Flac { rate, channels: (about >> 9 & 7) as u8 + 1 })
            }
            _ => None,
        }
    }

    /// Whether a packet says what the stream is, and is no part of what it plays.
    pub(super) fn is_header(&self, packet: &[u8]) -> bool {
        match self {
            Self::Theora { .. } => packet.first().is_some_and(|first| first & 0x80 != 0),
            Self::Vp8 { .. } => packet.starts_with(b"OVP80"),
            Self::Vorbis { .. } => packet.first().is_some_and(|first| first & 1 == 1),
            Self::Opus { .. } => packet.starts_with(b"OpusHead") || packet.starts_with(b"OpusTags"),
            Self::Flac { .. } => packet.first() != Some(&0xff),
            Self::Other(..) => false,
        }
    }

    /// Takes in a header that is not the first.
    pub(super) fn learn(&mut self, header: &[u8]) {
        if let (Self::Vorbis { long, .. }, Some(5)) = (self, header.first()) {
            *long = vorbis_modes(header).unwrap_or_default();
        }
    }

    /// Units per second, as a fraction.
    fn rate(&self) -> (u32, u32) {
        match self {
            Self::Theora { rate, .. } | Self::Vp8 { rate, .. } => *rate,
            Self::Vorbis { rate, .. } | Self::Flac { rate, .. } => (*rate, 1),
            Self::Opus { .. } => (48_000, 1),
            Self::Other(..) => (1_000, 1),
        }
    }

    /// When a position is due, in ns; of Opus, what is in front of the sound is due before that.
    pub(super) fn ns(&self, units: i64) -> i64 {
        let (rate, per) = self.rate();
        units_ns(units, (per, rate))
    }

    /// The position that is due at a time, or the last one before it.
    pub(super) fn units(&self, ns: i64) -> i64 {
        let (rate, per) = self.rate();
        let exact = i128::from(ns) * i128::from(rate);
        exact.div_euclid(i128::from(per) * i128::from(crate::NS)).clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    /// How much of the beginning is not heard.
    pub(super) fn skip(&self) -> i64 {
        if let Self::Opus { skip, .. } = self { *skip } else { 0 }
    }

    /// How many units end where a page's last packet does.
    pub(super) fn position(&self, granule: i64) -> i64 {
        match self {
            Self::Theora { shift, legacy, .. } => {
                (granule >> shift).saturating_add(granule & ((1 << shift) - 1)).saturating_add(i64::from(*legacy))
            }
            Self::Vp8 { .. } => granule >> 32,
            _ => granule,
        }
    }

    /// How many units end in front of the key picture that a page's last one depends on.
    pub(super) fn key(&self, granule: i64) -> i64 {
        match self {
            Self::Theora { shift, .. } => self.position((granule >> shift) << shift) - 1,
            Self::Vp8 { .. } => self.position(granule) - 1 - (granule >> 3 & 0x7ff_ffff),
            _ => self.position(granule),
        }
    }

    /// Whether decoding can begin with a packet.
    pub(super) fn is_key(&self, packet: &[u8]) -> bool {
        match self {
            Self::Theora { .. } => packet.first().is_some_and(|first| first & 0x40 == 0),
            Self::Vp8 { .. } => packet.first().is_some_and(|first| first & 1 == 0),
            _ => true,
        }
    }

    /// Whether something here plays it.
    pub(super) fn is_played(&self) -> bool {
        !matches!(self, Self::Other(..))
    }

    /// Whether one can go on with the other: any sound with any, pictures with those of the same codec.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.is_sound() && other.is_sound() || std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    pub(super) fn is_sound(&self) -> bool {
        !matches!(self, Self::Theora { .. } | Self::Vp8 { .. } | Self::Other(..))
    }

    /// How many units a packet lasts; `before` is the length of the block before it, and becomes that of its own.
    pub(super) fn lasts(&self, packet: &[u8], before: &mut u32) -> i64 {
        match self {
            Self::Theora { .. } => 1,
            Self::Vp8 { .. } => packet.first().map_or(0, |tag| i64::from(tag >> 4 & 1)),
            Self::Vorbis { blocks, long, .. } => {
                // Behind the bit that tells headers, the mode in as few bits as can tell them all.
                let bits = usize::BITS - long.len().saturating_sub(1).leading_zeros();
                let mode = packet.first().map_or(0, |&first| usize::from(first >> 1) & ((1 << bits) - 1));
                let block = blocks[usize::from(long.get(mode).copied().unwrap_or(false))];
                let before = std::mem::replace(before, block);
                if before == 0 { 0 } else { i64::from(before / 4 + block / 4) }
            }
            Self::Opus { .. } => opus_samples(packet),
            Self::Flac { .. } => flac_samples(packet).unwrap_or(0),
            Self::Other(..) => 0,
        }
    }

    /// What the headers say of the stream, and its comments.
    pub(super) fn track(&self, headers: &[Vec<u8>]) -> (Track, Words) {
        let comments = headers.get(1).map_or(&[][..], Vec::as_slice);
        let words = |front: usize| Words::read(comments.get(front..).unwrap_or_default());
        let pictures = |codec: CodecId, config: Vec<u8>, (num, den): (u32, u32)| {
            let video = VideoTrack { rate: Some(f64::from(num) / f64::from(den)), ..VideoTrack::new(codec, config) };
            Track { video: Some(video.clone()), ..Track::new(TrackKind::Video, video.codec.name()) }
        };
        let sound = |id, rate: u32, (channels, said): (u8, u32), extra: Vec<u8>| {
            let mut params = AudioCodecParameters::new();
            params.for_codec(id).with_sample_rate(rate).with_extra_data(extra.into());
            params.with_channels(speakers::channels(channels.into(), said));
            Track { audio: Some(Ok(params)), ..Track::new(TrackKind::Audio, name_of(id)) }
        };
        let first = headers.first().cloned().unwrap_or_default();
        let (track, words) = match self {
            Self::Theora { rate, .. } => (pictures(CodecId::Theora, laced(headers), *rate), words(7)),
            Self::Vp8 { rate, sar } => {
                let mut track = pictures(CodecId::Vp8, Vec::new(), *rate);
                if let Some(video) = &mut track.video {
                    video.sar = reduce(sar.0.into(), sar.1.into());
                }
                (track, words(7))
            }
            Self::Vorbis { rate, channels, .. } => {
                let setup = headers.iter().find(|header| header.first() == Some(&5));
                let extra = [first.as_slice(), setup.map_or(&[], Vec::as_slice)].concat();
                (sound(CODEC_ID_VORBIS, *rate, (*channels, 0), extra), words(7))
            }
            Self::Opus { channels, .. } => (sound(CODEC_ID_OPUS, 48_000, (*channels, 0), first), words(8)),
            Self::Flac { rate, channels } => {
                let extra = first.get(17..51).unwrap_or_default().to_vec();
                let block =
                    |kind: u8| headers.iter().skip(1).filter(move |one| one.first().is_some_and(|k| k & 0x7f == kind));
                let mut words = Words::read(block(4).next().and_then(|one| one.get(4..)).unwrap_or_default());
                words.covers.extend(block(6).filter_map(|one| picture(one.get(4..)?)));
                let said = words.get(&speakers::COMMENT.to_lowercase()).map_or(0, speakers::of_comment);
                (sound(CODEC_ID_FLAC, *rate, (*channels, said), extra), words)
            }
            Self::Other(kind, name) => {
                let mut track = Track::new(*kind, name.clone());
                match kind {
                    TrackKind::Video => track.video = Some(VideoTrack::new(CodecId::Other(name.clone()), Vec::new())),
                    TrackKind::Audio => track.audio = Some(Err(name.clone())),
                    _ => {}
                }
                (track, Words::default())
            }
        };
        let language = words.get("language").map(str::to_owned);
        (Track { language, ..track }, words)
    }
}

/// Headers as Matroska laces them.
fn laced(headers: &[Vec<u8>]) -> Vec<u8> {
    let Some((last, front)) = headers.split_last() else { return Vec::new() };
    let mut out = vec![front.len() as u8];
    for header in front {
        out.extend(std::iter::repeat_n(255, header.len() / 255));
        out.push((header.len() % 255) as u8);
    }
    front.iter().chain([last]).for_each(|header| out.extend_from_slice(header));
    out
}

/// Which modes of Vorbis are those of long blocks. They are the last thing in the third header, so that it is read from its end:
/// a bit, then of each mode eight bits of its mapping, twice sixteen zeros and one bit for its block; in front of all of them how many they are.
fn vorbis_modes(setup: &[u8]) -> Option<Vec<bool>> {
    let bit = |at: usize| setup.get(at / 8).map(|byte| byte >> (at % 8) & 1);
    let number = |at: usize, len: usize| (0..len).try_fold(0u32, |n, i| Some(n | u32::from(bit(at + i)?) << i));
    let end = (0..8 * setup.len()).rev().find(|&at| bit(at) == Some(1))?;
    let (mut at, mut modes, mut found) = (end, Vec::new(), None);
    while let Some(from) = at.checked_sub(41).filter(|_| modes.len() < 64) {
        if number(from + 33, 8)? > 63 || number(from + 1, 32)? != 0 {
            break;
        }
        modes.insert(0, bit(from)? == 1);
        at = from;
        // What comes by chance in front of the modes may look like one more.
        if at.checked_sub(6).and_then(|at| number(at, 6)) == Some(modes.len() as u32 - 1) {
            found = Some(modes.clone());
        }
    }
    found
}

fn opus_samples(packet: &[u8]) -> i64 {
    let Some(&toc) = packet.first() else { return 0 };
    let frame = match toc >> 3 {
        config @ 0..12 => [480, 960, 1_920, 2_880][usize::from(config & 3)],
        config @ 12..16 => [480, 960][usize::from(config & 1)],
        config => 120 << (config & 3),
    };
    let frames = match toc & 3 {
        0 => 1,
        3 => packet.get(1).map_or(0, |count| i64::from(count & 63)),
        _ => 2,
    };
    (frame * frames).min(OPUS_LONGEST)
}

fn flac_samples(packet: &[u8]) -> Option<i64> {
    // The frame's number has as many bytes as its first one has leading ones, at least one.
    let behind = 4 + packet.get(4)?.leading_ones().max(1) as usize;
    Some(match packet.get(2)? >> 4 {
        0 => return None,
        1 => 192,
        n @ 2..=5 => 576 << (n - 2),
        6 => i64::from(*packet.get(behind)?) + 1,
        7 => i64::from(be(packet, behind, 2)?) + 1,
        n => 256 << (n - 8),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_of_pictures_are_counts_and_name_the_key_picture() {
        let rate = (25, 1);
        let theora = Coded::Theora { shift: 6, legacy: false, rate };
        // The 31st picture, six behind the 25th, which is a key picture.
        let granule = 25 << 6 | 6;
        assert_eq!((theora.position(granule), theora.key(granule)), (31, 24));
        let legacy = Coded::Theora { shift: 6, legacy: true, rate };
        assert_eq!((legacy.position(24 << 6 | 6), legacy.key(24 << 6 | 6)), (31, 24));
        let vp8 = Coded::Vp8 { rate, sar: (1, 1) };
        assert_eq!((vp8.position(31 << 32 | 6 << 3), vp8.key(31 << 32 | 6 << 3)), (31, 24));
        assert_eq!((theora.ns(31), theora.units(1_240_000_000), theora.units(1_239_999_999)), (1_240_000_000, 31, 30));
    }

    #[test]
    fn packets_of_sound_last_as_long_as_their_first_bytes_say() {
        for (packet, samples) in [(&[0xfc][..], 960), (&[0x03, 0x82], 960), (&[0x19], 5_760), (&[0xe3, 48], 5_760)] {
            assert_eq!(opus_samples(packet), samples, "{packet:x?}");
        }
        assert_eq!(flac_samples(&[0xff, 0xf8, 0xc9, 0x18, 0, 0]), Some(4_096));
        assert_eq!(flac_samples(&[0xff, 0xf8, 0x79, 0x18, 0xc2, 0x80, 0x0f, 0xff]), Some(4_096));
        let (blocks, mut before) = ([256, 2_048], 0);
        let vorbis = Coded::Vorbis { rate: 48_000, channels: 2, blocks, long: vec![false, true] };
        let lasts = [0u8, 2, 2, 0].map(|first| vorbis.lasts(&[first], &mut before));
        assert_eq!(lasts, [0, 576, 1_024, 576]);
    }
}
