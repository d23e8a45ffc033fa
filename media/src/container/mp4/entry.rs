//! A track's sample entry: its codec, how that is configured, and how its pictures are to be read.

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::super::dolby::Dolby;
use super::super::{CodecId, Colour, Peak, TrackKind, avi};
use super::boxes::{be16, be32, child, children};
use crate::{ColorRange, caps};

/// A sample entry of a track.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    /// Its four-character code.
    code: [u8; 4],
    /// The codec's configuration record.
    pub(super) config: Vec<u8>,
    /// Width and height of its pictures.
    pub(super) size: (u32, u32),
    pub(super) sar: Option<(u32, u32)>,
    pub(super) colour: Colour,
    pub(super) dolby: Option<Dolby>,
    encrypted: bool,
    /// Of an encrypted entry: the code that it had before. Of MPEG-4 systems: `[0, 0, 0, object type]`.
    inner: Option<[u8; 4]>,
    /// Of sound.
    pub(super) audio: Option<Result<AudioCodecParameters, String>>,
}

impl Entry {
    /// Reads every entry of `stsd`.
    pub(super) fn parse_all(stsd: &[u8], kind: TrackKind) -> Vec<Self> {
        let entries = children(stsd.get(8..).unwrap_or_default()).take(caps::SAMPLE_ENTRIES);
        entries.map(|(code, body)| Self::parse(code, body, kind)).collect()
    }

    fn parse(code: [u8; 4], body: &[u8], kind: TrackKind) -> Self {
        let mut entry = Self { code, encrypted: matches!(&code, b"encv" | b"enca"), ..Self::default() };
        if kind == TrackKind::Audio {
            entry.audio = Some(super::sound::parse(code, body));
        }
        if kind == TrackKind::Subtitle {
            entry.config = body.to_vec();
            let esds = children(body.get(8..).unwrap_or_default()).find(|(kind, _)| kind == b"esds");
            if let Some((kind, specific)) = esds.filter(|_| &code == b"mp4s").and_then(|(_, esds)| decoder_config(esds))
            {
                (entry.inner, entry.config) = (Some([0, 0, 0, kind]), specific);
            }
        }
        if kind != TrackKind::Video {
            return entry;
        }
        entry.size = be16(body, 24).zip(be16(body, 26)).map_or((0, 0), |(w, h)| (w.into(), h.into()));
        for (kind, body) in children(body.get(78..).unwrap_or_default()) {
            let mut peak = |peak: Peak| entry.colour.peak = entry.colour.peak.or(peak);
            match &kind {
                b"avcC" | b"hvcC" | b"av1C" | b"vpcC" => entry.config = body.to_vec(),
                b"glbl" => entry.config = body.to_vec(),
                b"pasp" => entry.sar = be32(body, 0).zip(be32(body, 4)).filter(|&(w, h)| w > 0 && h > 0),
                b"colr" => entry.colour = colour(body).unwrap_or_default().or(entry.colour),
                b"clli" => peak(Peak::of_pixel(be16(body, 0).unwrap_or(0).into())),
                b"mdcv" => peak(Peak::of_screen(be32(body, 16).unwrap_or(0))),
                b"dvcC" | b"dvvC" | b"dvwC" => entry.dolby = Dolby::record(body),
                b"sinf" => entry.inner = child(body, b"frma").and_then(|frma| frma.first_chunk().copied()),
                b"esds" => {
                    let (kind, specific) = decoder_config(body).unzip();
                    entry.inner = kind.map(|kind| [0, 0, 0, kind]);
                    entry.config = specific.unwrap_or_default();
                }
                _ => {}
            }
        }
        entry
    }

    /// What is needed to show subtitles that are coded so.
    /// Those of discs refer to a picture of size `within`.
    pub(super) fn subtitles(&self, within: (u32, u32)) -> crate::subtitle::Text {
        if self.is_vobsub() {
            // The disc's sixteen colours: zero, luma, both chromas.
            let colors = self.config.as_chunks::<4>().0.iter().map(|&[_, y, cr, cb]| disc_color(y, cr, cb));
            let palette = colors.take(16).collect::<Vec<_>>().try_into().ok();
            return Some((crate::subtitle::Codec::VobSub, crate::subtitle::vobsub::header(within, palette)));
        }
        crate::subtitle::Codec::mp4(self.code).map(|codec| (codec, self.config.clone()))
    }

    /// Whether it has subtitles as discs have them, which are of a private object type.
    fn is_vobsub(&self) -> bool {
        &self.code == b"mp4s" && self.inner == Some([0, 0, 0, 0xe0])
    }

    /// The subtitle codec that the code stands for.
    pub(super) fn text(&self) -> String {
        match &self.code {
            b"tx3g" | b"text" => "mov_text".into(),
            b"wvtt" => "WebVTT".into(),
            b"stpp" => "TTML".into(),
            b"mp4s" if self.is_vobsub() => "VobSub".into(),
            b"c608" => "CEA-608".into(),
            b"c708" => "CEA-708".into(),
            other => format!("`{}`", other.escape_ascii()),
        }
    }

    /// The video codec that the code stands for.
    pub(super) fn codec(&self) -> CodecId {
        if self.encrypted {
            let inner = Self { code: self.inner.unwrap_or(self.code), encrypted: false, ..Self::default() };
            return CodecId::Encrypted(inner.codec().name().into());
        }
        let name = match &self.code {
            b"avc1" | b"avc2" | b"avc3" | b"avc4" | b"dva1" | b"dvav" => return CodecId::H264,
            b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => return CodecId::Hevc,
            b"av01" | b"dav1" => return CodecId::Av1,
            b"vp09" => return CodecId::Vp9,
            b"vp08" => return CodecId::Vp8,
            b"theo" => return CodecId::Theora,
            b"mp4v" => match self.inner {
                Some([0, 0, 0, 0x60..=0x65 | 0x6a]) => return CodecId::Mpeg12,
                Some([0, 0, 0, 0x6c]) => return CodecId::Mjpeg,
                _ => return CodecId::Mpeg4,
            },
            b"m1v " | b"m2v1" | b"AVmp" => return CodecId::Mpeg12,
            [b'x', b'd', b'v' | b'5' | b'h', _] | [b'h', b'd', b'v', _] | [b'm', b'x', b'3'..=b'5', b'n' | b'p'] => {
                return CodecId::Mpeg12;
            }
            b"encv" => "of an unnamed codec",
            b"apco" => "ProRes 422 Proxy",
            b"apcs" => "ProRes 422 LT",
            b"apcn" => "ProRes 422",
            b"apch" => "ProRes 422 HQ",
            b"ap4h" => "ProRes 4444",
            b"ap4x" => "ProRes 4444 XQ",
            b"mjpa" => return CodecId::Mjpeg,
            b"mjpb" => "Motion JPEG in format B",
            b"s263" | b"h263" => "H.263",
            b"AVdn" | b"AVdh" => "DNxHD",
            b"vvc1" | b"vvi1" => "VVC (H.266)",
            // Editors take codes over from AVI.
            other => return avi::codec(other),
        };
        CodecId::Other(name.into())
    }
}

/// The usual name of a four-character code of QuickTime or AVI that no format here decodes, or the code itself.
pub(crate) fn fourcc(code: &[u8]) -> String {
    let name = match code {
        b"XVID" | b"DIVX" | b"DX50" | b"FMP4" => "MPEG-4 part 2",
        b"FFV1" => "FFV1",
        b"HFYU" | b"FFVH" => "Huffyuv",
        b"ULRG" | b"ULRA" | b"ULY0" | b"ULY2" | b"ULY4" | b"ULH0" | b"ULH2" | b"ULH4" => "Ut Video",
        b"MJPG" => "Motion JPEG",
        b"cvid" => "Cinepak",
        b"CFHD" => "CineForm",
        b"SVQ1" | b"SVQ3" => "Sorenson",
        b"rle " => "QuickTime Animation",
        b"png " => "PNG",
        b"raw " | b"2vuy" | b"yuv2" | b"v210" | b"I420" | b"YUY2" => "raw",
        b"WMV1" | b"WMV2" | b"WMV3" | b"WVC1" => "Windows Media",
        b"dvc " | b"dvcp" | b"dvpp" | b"dvhp" => "DV",
        b"mjp2" => "JPEG 2000",
        b"Hap1" | b"Hap5" | b"HapY" => "Hap",
        other => return format!("`{}`", other.escape_ascii()),
    };
    name.into()
}

/// What `esds` says of the codec: the byte behind the header of its DecoderConfigDescriptor, the first in the
/// ES_Descriptor as every writer has it; and the codec's own configuration, the first thing in that one.
fn decoder_config(esds: &[u8]) -> Option<(u8, Vec<u8>)> {
    let descriptor = |data: &[u8], tag: u8| {
        let rest = data.strip_prefix(&[tag])?;
        // Its length takes up to four bytes, all but the last with the top bit set.
        let last = rest.iter().take(4).position(|byte| byte & 0x80 == 0)?;
        let len = rest[..=last].iter().fold(0, |len, byte| len << 7 | usize::from(byte & 0x7f));
        let rest = rest.get(last + 1..)?;
        Some(rest[..len.min(rest.len())].to_vec())
    };
    let stream = descriptor(esds.get(4..)?, 3)?;
    let flags = *stream.get(2)?;
    let skipped = if flags & 0x80 != 0 { 2 } else { 0 } + if flags & 0x20 != 0 { 2 } else { 0 };
    (flags & 0x40 == 0).then_some(())?;
    let config = descriptor(stream.get(3 + skipped..)?, 4)?;
    let specific = config.get(13..).and_then(|rest| descriptor(rest, 5)).unwrap_or_default();
    Some((*config.first()?, specific))
}

/// A colour of BT.601 as `0xRRGGBB`, rounded as FFmpeg does.
fn disc_color(y: u8, cr: u8, cb: u8) -> u32 {
    let (y, cr, cb) = (1164 * (i32::from(y) - 16), i32::from(cr) - 128, i32::from(cb) - 128);
    let byte = |value: i32| (value / 1000).clamp(0, 255) as u8;
    u32::from_be_bytes([0, byte(y + 1596 * cr), byte(y - 813 * cr - 391 * cb), byte(y + 2018 * cb)])
}

fn colour(colr: &[u8]) -> Option<Colour> {
    let nclx = match colr.first_chunk()? {
        b"nclx" => true,
        b"nclc" => false,
        _ => return None,
    };
    let range = (nclx && colr.get(10)? & 0x80 != 0).then_some(ColorRange::Full);
    let code = |at| be16(colr, at).map(u32::from);
    Some(Colour { range, ..Colour::coded(code(4)?, code(6)?, code(8)?) })
}
