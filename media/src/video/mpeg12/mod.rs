//! MPEG-1 and MPEG-2 (television, DVDs) by `oxideav-mpeg12video`, driven picture by picture: its own driver takes a whole stream at
//! once. Pictures come out in decode order; two fields that are coded apart come out as one picture.

mod coefficients;
mod predicted;
mod seam;
mod sequence;
mod slices;

use std::sync::Arc;

use oxideav_mpeg12video::frame_assembly::{
    FrameBuffer, IntraDecodeContext, IntraPictureParams, Plane, assemble_frame_from_fields,
    decode_intra_picture_with_context,
};
use oxideav_mpeg12video::inter_reconstruction::ReferenceFrames;
use oxideav_mpeg12video::mpeg1_picture::{
    Mpeg1InterParams, Mpeg1PictureParams, decode_mpeg1_inter_picture, decode_mpeg1_intra_picture,
};
use oxideav_mpeg12video::picture_header::{Mpeg2PictureHeader, PictureCodingExtension, PictureStructure};
use oxideav_mpeg12video::picture_reconstruction::{
    PicturePredictionParams, decode_field_picture_with_matrices, decode_inter_picture_with_matrices,
};
use oxideav_mpeg12video::{ChromaFormat, Error, PictureCodingType};

use super::codec::{Codec, CodecError, Decoded, Delivery, Fields, copy_plane, halve_rows, planes};
use super::deep::Samples;
use crate::{MediaError, Picture};
use sequence::{Kind, Sequence};

type Frame = Arc<FrameBuffer>;

/// The start codes that matter.
const PICTURE: u8 = 0;
const SEQUENCE: u8 = 0xb3;
const GROUP: u8 = 0xb8;
const END: u8 = 0xb7;

/// A field that waits for the other one.
struct Half {
    field: FrameBuffer,
    structure: PictureStructure,
    kind: PictureCodingType,
    tag: i64,
}

#[derive(Default)]
pub(crate) struct Mpeg12 {
    sequence: Option<Sequence>,
    /// The last two pictures that others may refer to, the later one last.
    forward: Option<Frame>,
    backward: Option<Frame>,
    half: Option<Half>,
}

impl Mpeg12 {
    /// Takes the sequence's header, where the container has it. Errors: it is broken.
    pub(crate) fn open(config: &[u8]) -> Result<Self, MediaError> {
        let mut codec = Self::default();
        codec.take(config, 0, &mut Vec::new()).map_err(|error| match error {
            CodecError::Unsupported(what) => MediaError::unsupported(what, super::CONVERT),
            CodecError::Damaged(why) => MediaError::Broken(why),
        })?;
        Ok(codec)
    }

    fn take(&mut self, data: &[u8], tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        // What reads slices looks for a start code behind the last one.
        let data = [data, &[0, 0, 1, END]].concat();
        let codes: Vec<(usize, u8)> = starts(&data).filter(|(_, code)| is_boundary(*code)).collect();
        for (&(at, code), &(next, _)) in codes.iter().zip(codes.iter().skip(1)) {
            match code {
                SEQUENCE => {
                    let sequence = Sequence::parse(&data[at..next + 4])?;
                    if self.sequence.as_ref().is_some_and(|before| before.size != sequence.size) {
                        *self = Self::default();
                    }
                    self.sequence = Some(sequence);
                }
                PICTURE => {
                    let coded = self.picture(&data[at..next + 4], tag)?;
                    out.extend(coded);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Decodes a picture, or a field of one; `None`: the other field is to come, or it refers to what lies before the place where
    /// decoding began.
    fn picture(&mut self, data: &[u8], tag: i64) -> Result<Option<Decoded>, CodecError> {
        let mut sequence = self.sequence.take().ok_or_else(|| damaged("a picture without a sequence"))?;
        let coded = match &mut sequence.kind {
            Kind::Mpeg1(params) => self.plain(data, params),
            Kind::Mpeg2(geometry, matrices) => sequence::matrices_of_picture(data, geometry.chroma_format, matrices)
                .and_then(|()| {
                    let (header, extension) = Mpeg2PictureHeader::parse_with_extension(data).map_err(error)?;
                    let (geometry, matrices) = (*geometry, *matrices);
                    let fields = extension.picture_structure != PictureStructure::Frame;
                    let pictures = Coded { data, header, extension, geometry, matrices };
                    if fields { self.field(&pictures, tag) } else { self.frame(&pictures) }
                }),
        };
        let look = (sequence.sar(), sequence.colour);
        self.sequence = Some(sequence);
        let Some((frame, kind, fields, own)) = coded? else { return Ok(None) };
        let frame = Arc::new(frame);
        if kind != PictureCodingType::Bidirectional {
            self.forward = self.backward.replace(frame.clone());
        }
        let (width, height) = (frame.width as u32, frame.height as u32);
        let picture = Box::new(Shown { frame, woven: fields.is_some() });
        let (sar, colour) = look;
        Ok(Some(Decoded {
            tag: own.unwrap_or(tag),
            width,
            height,
            sar,
            colour,
            fields,
            samples: Samples::Bytes(picture),
        }))
    }

    /// The pictures that one of a kind refers to; `None` if they lie before the place where decoding began.
    fn references(&self, kind: PictureCodingType) -> Option<ReferenceFrames<'_>> {
        match kind {
            PictureCodingType::Predictive => Some(ReferenceFrames::forward_only(self.backward.as_deref()?)),
            PictureCodingType::Bidirectional => {
                Some(ReferenceFrames::bidirectional(self.forward.as_deref()?, self.backward.as_deref()?))
            }
            _ => Some(ReferenceFrames { forward: None, backward: None }),
        }
    }

    fn plain(&self, data: &[u8], params: &Mpeg1PictureParams) -> Result<Option<Whole>, CodecError> {
        let header = Mpeg2PictureHeader::parse(data).map_err(error)?;
        let kind = header.picture_coding_type;
        let Some(references) = self.references(kind) else { return Ok(None) };
        let (frame, placed) = match kind {
            PictureCodingType::Intra => decode_mpeg1_intra_picture(data, params),
            PictureCodingType::DcIntra => return Err(CodecError::Unsupported("MPEG-1 video (D pictures)".into())),
            _ => {
                let lacks = || damaged("the reach of a picture's vectors");
                let both = kind == PictureCodingType::Bidirectional;
                let inter = Mpeg1InterParams {
                    base: *params,
                    picture_coding_type: kind,
                    forward_f_code: header.fwd_f_code.ok_or_else(lacks)?,
                    full_pel_forward_vector: header.full_pel_forward_vector.unwrap_or(false),
                    backward_f_code: if both { header.bwd_f_code.ok_or_else(lacks)? } else { 1 },
                    full_pel_backward_vector: both && header.full_pel_backward_vector.unwrap_or(false),
                };
                decode_mpeg1_inter_picture(data, &inter, references).or_else(|error| {
                    let turned = seam::turned(data, &inter).ok_or(error)?;
                    decode_mpeg1_inter_picture(&turned, &inter, references)
                })
            }
        }
        .map_err(error)?;
        whole(placed, params.width.div_ceil(16) * params.height.div_ceil(16))?;
        Ok(Some((frame, kind, None, None)))
    }

    fn frame(&mut self, coded: &Coded<'_>) -> Result<Option<Whole>, CodecError> {
        self.half = None;
        let (kind, extension) = (coded.header.picture_coding_type, &coded.extension);
        let Some(references) = self.references(kind) else { return Ok(None) };
        let geometry = coded.geometry(extension.frame_pred_frame_dct);
        let ours = slices::Frame { params: coded.params(geometry), references, matrices: &coded.matrices };
        let (frame, placed) = match ours.decode(coded.data) {
            Some(decoded) => decoded,
            None => coded.by_the_crate(geometry, references).map_err(error)?,
        };
        whole(placed, geometry.mb_width() * geometry.mb_height())?;
        let upper = if extension.top_field_first { Fields::TopFirst } else { Fields::BottomFirst };
        Ok(Some((frame, kind, (!extension.progressive_frame).then_some(upper), None)))
    }

    fn field(&mut self, coded: &Coded<'_>, tag: i64) -> Result<Option<Whole>, CodecError> {
        let (kind, structure) = (coded.header.picture_coding_type, coded.extension.picture_structure);
        let first = self.half.take().filter(|half| half.structure != structure);
        let geometry = IntraPictureParams {
            height: coded.geometry.height.div_ceil(2),
            progressive_sequence: true,
            ..coded.geometry(false)
        };
        // The second field may refer to the first one of its own picture, in the place of the picture's before.
        let own = match (&first, kind) {
            (Some(first), PictureCodingType::Predictive) => {
                Some(beside(&first.field, first.structure, self.backward.as_deref()).map_err(error)?)
            }
            _ => None,
        };
        let references = match &own {
            Some(own) => ReferenceFrames::forward_only(own),
            None => match self.references(kind) {
                Some(references) => references,
                None => return Ok(None),
            },
        };
        let params = coded.params(geometry);
        let decoded = decode_field_picture_with_matrices(coded.data, params, structure, references, &coded.matrices);
        let (field, placed) = decoded.map_err(error)?;
        whole(placed, geometry.mb_width() * geometry.mb_height())?;
        let Some(first) = first else {
            self.half = Some(Half { field, structure, kind, tag });
            return Ok(None);
        };
        let upper = first.structure == PictureStructure::TopField;
        let (top, bottom) = if upper { (&first.field, &field) } else { (&field, &first.field) };
        let frame = assemble_frame_from_fields(top, bottom).map_err(error)?;
        let fields = if upper { Fields::TopFirst } else { Fields::BottomFirst };
        Ok(Some((frame, first.kind, Some(fields), Some(first.tag))))
    }
}

/// A picture, its kind, which field of it comes first, and the tag of the packet in which it began, if that is an earlier one.
type Whole = (FrameBuffer, PictureCodingType, Option<Fields>, Option<i64>);

/// A picture of MPEG-2 and what decodes it.
struct Coded<'a> {
    data: &'a [u8],
    header: Mpeg2PictureHeader,
    extension: PictureCodingExtension,
    geometry: IntraPictureParams,
    matrices: sequence::Matrices,
}

impl Coded<'_> {
    fn geometry(&self, frames: bool) -> IntraPictureParams {
        let ext = &self.extension;
        IntraPictureParams {
            frame_pred_frame_dct: frames,
            intra_dc_precision: ext.intra_dc_precision,
            intra_vlc_format: ext.intra_vlc_format,
            alternate_scan: ext.alternate_scan,
            q_scale_type: ext.q_scale_type,
            ..self.geometry
        }
    }

    /// The picture, and how many macroblocks of it there are.
    fn by_the_crate(
        &self,
        geometry: IntraPictureParams,
        references: ReferenceFrames<'_>,
    ) -> Result<(FrameBuffer, usize), Error> {
        if self.header.picture_coding_type == PictureCodingType::Intra {
            let context = IntraDecodeContext {
                concealment_motion_vectors: self.extension.concealment_motion_vectors,
                f_code_fwd_horiz: self.extension.f_code_fwd_horiz,
                f_code_fwd_vert: self.extension.f_code_fwd_vert,
            };
            return decode_intra_picture_with_context(self.data, geometry, &self.matrices, context);
        }
        decode_inter_picture_with_matrices(self.data, self.params(geometry), references, &self.matrices)
    }

    fn params(&self, geometry: IntraPictureParams) -> PicturePredictionParams {
        let ext = &self.extension;
        PicturePredictionParams {
            geometry,
            picture_coding_type: self.header.picture_coding_type,
            f_code_fwd_horiz: ext.f_code_fwd_horiz,
            f_code_fwd_vert: ext.f_code_fwd_vert,
            f_code_bwd_horiz: ext.f_code_bwd_horiz,
            f_code_bwd_vert: ext.f_code_bwd_vert,
            concealment_motion_vectors: ext.concealment_motion_vectors,
            top_field_first: ext.top_field_first,
        }
    }
}

/// A frame of `field` and the other field of the frame before.
fn beside(
    field: &FrameBuffer,
    structure: PictureStructure,
    before: Option<&FrameBuffer>,
) -> Result<FrameBuffer, Error> {
    let parity = if structure == PictureStructure::TopField { 1 } else { 0 };
    let mut other = FrameBuffer::new(field.width, field.height, field.chroma_format);
    if let Some(before) = before {
        let copy = |to: &mut Plane, from: &Plane| {
            for y in 0..to.height() {
                for x in 0..to.width() {
                    to.put_sample(x, y, from.get(x, 2 * y + parity).unwrap_or(0));
                }
            }
        };
        copy(&mut other.y, &before.y);
        copy(&mut other.cb, &before.cb);
        copy(&mut other.cr, &before.cr);
    }
    if parity == 1 { assemble_frame_from_fields(field, &other) } else { assemble_frame_from_fields(&other, field) }
}

fn whole(placed: usize, wanted: usize) -> Result<(), CodecError> {
    if placed == wanted { Ok(()) } else { Err(damaged("a part of a picture is missing")) }
}

fn damaged(why: &str) -> CodecError {
    CodecError::Damaged(format!("MPEG-2: {why}"))
}

fn error(error: Error) -> CodecError {
    match error {
        Error::InvalidBitstream(why) => damaged(why),
        Error::ShortHeader => damaged("it ends within a picture"),
        Error::NotImplemented => CodecError::Unsupported("this kind of MPEG-2 video".into()),
    }
}

fn is_boundary(code: u8) -> bool {
    matches!(code, PICTURE | SEQUENCE | GROUP | END)
}

/// Start codes and where they are.
fn starts(data: &[u8]) -> impl Iterator<Item = (usize, u8)> + '_ {
    data.windows(4).enumerate().filter(|(_, window)| window[..3] == [0, 0, 1]).map(|(at, window)| (at, window[3]))
}

impl Codec for Mpeg12 {
    fn name(&self) -> String {
        match self.sequence.as_ref().map(|sequence| &sequence.kind) {
            Some(Kind::Mpeg1(_)) => "MPEG-1".into(),
            Some(Kind::Mpeg2(geometry, _)) if geometry.chroma_format == ChromaFormat::Yuv422 => "MPEG-2 4:2:2".into(),
            _ => "MPEG-2".into(),
        }
    }

    fn delivery(&self) -> Delivery {
        Delivery::DecodedLate
    }

    fn disposable(&self, data: &[u8]) -> bool {
        // All pictures that refer to two others: nothing refers to them.
        let mut kinds = starts(data).filter(|(_, code)| is_boundary(*code)).map(|(at, code)| (code, data.get(at + 5)));
        kinds.all(|kind| matches!(kind, (PICTURE, Some(kind)) if kind >> 3 & 7 == 3))
    }

    fn decode(&mut self, data: Vec<u8>, tag: i64, out: &mut Vec<Decoded>) -> Result<(), CodecError> {
        self.take(&data, tag, out)
    }
}

/// A picture of whole macroblocks, of which a part is shown.
struct Shown {
    frame: Frame,
    /// Its lines are those of two moments.
    woven: bool,
}

impl Picture for Shown {
    fn write_i420(&mut self, out: &mut [u8]) {
        let frame = &self.frame;
        let (width, half) = (frame.width, frame.width.div_ceil(2));
        let [y, u, v] = planes(out, width as u32, frame.height as u32);
        copy_plane(frame.y.samples(), frame.y.width(), width, y);
        for (to, from) in [(u, &frame.cb), (v, &frame.cr)] {
            if frame.chroma_format == ChromaFormat::Yuv422 {
                halve_rows(&from.packed_rect(half, frame.height), half, self.woven, to);
            } else {
                copy_plane(from.samples(), from.width(), half, to);
            }
        }
    }
}
