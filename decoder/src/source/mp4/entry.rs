//! A track's sample entry: its codec, how that is configured, and how its pictures are to be read.

use tricine_shared::frame::ColorRange;

use super::boxes::{be16, be32, children};
use crate::video::packet::{CodecId, Colour};

/// The first sample entry of a track.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    /// Its four-character code.
    pub(crate) code: [u8; 4],
    /// The codec's configuration record.
    pub(crate) config: Vec<u8>,
    pub(crate) sar: Option<(u32, u32)>,
    pub(crate) colour: Colour,
    pub(crate) encrypted: bool,
}

impl Entry {
    /// Reads `stsd`; only a visual entry is looked into.
    pub(super) fn parse(stsd: &[u8], visual: bool) -> Option<Self> {
        let (code, body) = children(stsd.get(8..)?).next()?;
        let mut entry = Self { code, encrypted: matches!(&code, b"encv" | b"enca"), ..Self::default() };
        if !visual {
            return Some(entry);
        }
        for (kind, body) in children(body.get(78..).unwrap_or_default()) {
            match &kind {
                b"avcC" | b"hvcC" | b"av1C" | b"vpcC" => entry.config = body.to_vec(),
                b"pasp" => entry.sar = be32(body, 0).zip(be32(body, 4)).filter(|&(w, h)| w > 0 && h > 0),
                b"colr" => entry.colour = colour(body).unwrap_or_default(),
                _ => {}
            }
        }
        Some(entry)
    }

    /// The video codec that the code stands for.
    pub(crate) fn codec(&self) -> CodecId {
        let name = match &self.code {
            b"avc1" | b"avc2" | b"avc3" | b"avc4" => return CodecId::H264,
            b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => return CodecId::Hevc,
            b"av01" => return CodecId::Av1,
            b"vp09" => return CodecId::Vp9,
            b"vp08" => "VP8",
            b"mp4v" => "MPEG-4 part 2",
            b"apco" => "ProRes 422 Proxy",
            b"apcs" => "ProRes 422 LT",
            b"apcn" => "ProRes 422",
            b"apch" => "ProRes 422 HQ",
            b"ap4h" => "ProRes 4444",
            b"ap4x" => "ProRes 4444 XQ",
            b"jpeg" | b"mjpa" | b"mjpb" => "Motion JPEG",
            b"s263" | b"h263" => "H.263",
            b"AVdn" | b"AVdh" => "DNxHD",
            b"vvc1" | b"vvi1" => "VVC (H.266)",
            other => return CodecId::Other(format!("`{}`", other.escape_ascii())),
        };
        CodecId::Other(name.into())
    }
}

fn colour(colr: &[u8]) -> Option<Colour> {
    let nclx = match colr.first_chunk()? {
        b"nclx" => true,
        b"nclc" => false,
        _ => return None,
    };
    let range = (nclx && colr.get(10)? & 0x80 != 0).then_some(ColorRange::Full);
    Some(Colour { range, matrix: Colour::matrix(be16(colr, 8)?.into()) })
}
