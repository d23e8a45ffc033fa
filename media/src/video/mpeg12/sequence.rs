//! What the header of a sequence of MPEG-1 or MPEG-2 says: the size, the matrices, and how it is to be shown.

use oxideav_mpeg12video::ChromaFormat;
use oxideav_mpeg12video::dequantize::DEFAULT_INTRA_QUANT;
use oxideav_mpeg12video::frame_assembly::IntraPictureParams;
use oxideav_mpeg12video::mpeg1_picture::Mpeg1PictureParams;
pub(super) use oxideav_mpeg12video::quant_matrix_extension::QuantiserMatrixState as Matrices;
use oxideav_mpeg12video::quant_matrix_extension::{QuantMatrixExtension, QuantiserMatrixPayload};
use oxideav_mpeg12video::sequence_extension::Mpeg2Sequence;
use oxideav_mpeg12video::sequence_header::{AspectRatio, Mpeg2SequenceHeader};

use super::super::bits::Bits;
use super::super::codec::CodecError;
use super::{damaged, error, starts};
use crate::caps;
use crate::container::Colour;

/// What the standards' two editions need to know.
pub(super) enum Kind {
    Mpeg1(Mpeg1PictureParams),
    Mpeg2(IntraPictureParams, Matrices),
}

pub(super) struct Sequence {
    pub(super) kind: Kind,
    pub(super) size: (u32, u32),
    aspect: AspectRatio,
    pub(super) colour: Colour,
}

/// Pixel aspects of MPEG-1: height to width, in ten-thousandths.
const MPEG1_ASPECTS: [u32; 15] =
    [0, 10_000, 6_735, 7_031, 7_615, 8_055, 8_437, 8_935, 9_157, 9_815, 10_255, 10_695, 10_950, 11_575, 12_015];

impl Sequence {
    /// Reads it with its extensions, up to what follows.
    pub(super) fn parse(data: &[u8]) -> Result<Self, CodecError> {
        let payload = |bytes: [u8; 64]| QuantiserMatrixPayload { bytes };
        let extended = extensions(data).any(|(at, id)| id == 1 && at > 4);
        let (kind, header, size) = if extended {
            let sequence = Mpeg2Sequence::from_buf(data).map_err(error)?;
            let chroma_format = sequence.extension.chroma_format;
            if chroma_format == ChromaFormat::Yuv444 {
                return Err(CodecError::Unsupported("MPEG-2 video (4:4:4)".into()));
            }
            let mut matrices = Matrices::default();
            let own = QuantMatrixExtension {
                intra: sequence.header.intra_quant.map(payload),
                non_intra: sequence.header.non_intra_quant.map(payload),
                chroma_intra: None,
                chroma_non_intra: None,
            };
            own.apply(&mut matrices, chroma_format);
            let geometry = IntraPictureParams {
                width: sequence.horizontal_size.into(),
                height: sequence.vertical_size.into(),
                chroma_format,
                frame_pred_frame_dct: true,
                intra_dc_precision: 0,
                intra_vlc_format: false,
                alternate_scan: false,
                q_scale_type: false,
                progressive_sequence: sequence.extension.progressive_sequence,
            };
            let size = (u32::from(sequence.horizontal_size), u32::from(sequence.vertical_size));
            (Kind::Mpeg2(geometry, matrices), sequence.header, size)
        } else {
            let header = Mpeg2SequenceHeader::parse(data).map_err(error)?;
            let params = Mpeg1PictureParams {
                width: header.width.into(),
                height: header.height.into(),
                intra_quant: header.intra_quant.map_or(DEFAULT_INTRA_QUANT, |bytes| payload(bytes).to_matrix()),
                non_intra_quant: header.non_intra_quant.map_or([[16; 8]; 8], |bytes| payload(bytes).to_matrix()),
            };
            let size = (u32::from(header.width), u32::from(header.height));
            (Kind::Mpeg1(params), header, size)
        };
        if size.0 == 0 || size.1 == 0 || size.0.saturating_mul(size.1) > caps::PIXELS {
            return Err(damaged("a picture of no size, or too large"));
        }
        let colour = extensions(data).find(|(_, id)| *id == 2).and_then(|(at, _)| colour(data.get(at..)?));
        Ok(Self { kind, size, aspect: header.aspect_ratio, colour: colour.unwrap_or_default() })
    }

    /// The aspect of a pixel.
    pub(super) fn sar(&self) -> Option<(u32, u32)> {
        let (width, height) = self.size;
        if let Kind::Mpeg1(_) = self.kind {
            let code = match self.aspect {
                AspectRatio::Square => 1,
                AspectRatio::Dar3x4 => 2,
                AspectRatio::Dar9x16 => 3,
                AspectRatio::Dar1x221 => 4,
                AspectRatio::Reserved(code) => usize::from(code),
            };
            return MPEG1_ASPECTS.get(code).filter(|aspect| **aspect > 0).map(|&aspect| (10_000, aspect));
        }
        match self.aspect {
            AspectRatio::Dar3x4 => Some((4 * height, 3 * width)),
            AspectRatio::Dar9x16 => Some((16 * height, 9 * width)),
            AspectRatio::Dar1x221 => Some((221 * height, 100 * width)),
            AspectRatio::Square | AspectRatio::Reserved(_) => None,
        }
    }
}

/// Where extensions begin behind their start codes, and their numbers.
fn extensions(data: &[u8]) -> impl Iterator<Item = (usize, u8)> + '_ {
    let found = starts(data).filter(|(_, code)| *code == 0xb5);
    found.filter_map(|(at, _)| Some((at + 4, data.get(at + 4)? >> 4)))
}

/// The colour that a sequence display extension tells.
fn colour(data: &[u8]) -> Option<Colour> {
    let mut bits = Bits::new(data);
    bits.get(7)?;
    bits.flag()?.then_some(())?;
    Some(Colour::coded(bits.get(8)?, bits.get(8)?, bits.get(8)?))
}

/// The matrices that a picture brings along, in front of its slices.
pub(super) fn matrices_of_picture(data: &[u8], chroma: ChromaFormat, to: &mut Matrices) -> Result<(), CodecError> {
    let heads = starts(data).take_while(|(_, code)| !(1..=0xaf).contains(code));
    for (at, code) in heads {
        if code == 0xb5 && data.get(at + 4).is_some_and(|id| id >> 4 == 3) {
            QuantMatrixExtension::parse(&data[at..], chroma).map_err(error)?.apply(to, chroma);
        }
    }
    Ok(())
}
