//! The slices of a frame of MPEG-2, decoded by the crate's own pieces but for the coefficients ([`super::coefficients`]). Whatever is
//! rare or broken is left to the crate, whole pictures at a time: `None`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use oxideav_core::bits::BitReader;
use oxideav_mpeg12video::PictureCodingType;
use oxideav_mpeg12video::coded_block_pattern::CodedBlockPattern;
use oxideav_mpeg12video::dual_prime::FieldParity;
use oxideav_mpeg12video::frame_assembly::{FrameBuffer, block_placement, place_intra_block};
use oxideav_mpeg12video::inter_reconstruction::{
    FieldBasedMotion, FieldVector, FrameMotion, MotionVectorPel, ReferenceFrames, reconstruct_field_based_macroblock,
};
use oxideav_mpeg12video::macroblock_modes::{
    MacroblockModesContext, MacroblockModesTail, MotionType, MvFormat, PredictionType,
};
use oxideav_mpeg12video::macroblock_type::MacroblockType;
use oxideav_mpeg12video::mb_address_increment::{MbAddressIncrement, MbAddressIncrementContext};
use oxideav_mpeg12video::motion_vector::{MotionVectors, MotionVectorsContext, MotionVectorsKind};
use oxideav_mpeg12video::mpeg2_block_dc::{ColourComponent, DcPredictors, decode_dc_block};
use oxideav_mpeg12video::mpeg2_dct_coeff::TableSelection;
use oxideav_mpeg12video::mpeg2_dequantize::{
    BlockCoding, Component, intra_dc_mult, quantiser_scale, select_weighting_matrix_index,
};
use oxideav_mpeg12video::mpeg2_inverse_scan::inverse_scan_table;
use oxideav_mpeg12video::mpeg2_macroblock_blocks::{block_component, block_count};
use oxideav_mpeg12video::picture_header::PictureStructure;
use oxideav_mpeg12video::picture_reconstruction::PicturePredictionParams;
use oxideav_mpeg12video::slice_header::{SliceContext, SliceHeader};
use oxideav_mpeg12video::slice_macroblock_walk::{
    MacroblockRecord, ReconstructedMotionVectors, ReconstructedVector, SliceMotionRecord, SliceWalk, SliceWalkContext,
    reconstruct_slice_motion_vectors,
};

use super::sequence::Matrices;
use super::{coefficients, predicted};
use crate::guard::guarded;
use crate::video::idct::{Block, inverse};

/// Samples of a block.
pub(super) type Points = Block;

/// A slice as it is coded: where its macroblocks begin, in bits, and what they are read with.
type Coded<'a> = (&'a [u8], u64, SliceWalkContext);

/// Macroblocks of a picture that is worth more than one thread: one of a DVD.
const MANY: usize = 45 * 30;
/// Threads that read at most: placing takes as long as two of them.
const THREADS: usize = 4;

/// A slice that was read: its macroblocks, and of each the blocks that are coded.
struct Slice {
    walk: SliceWalk,
    blocks: Vec<Vec<(u8, Points)>>,
}

/// What all slices of a picture share.
pub(super) struct Frame<'a> {
    pub(super) params: PicturePredictionParams,
    pub(super) references: ReferenceFrames<'a>,
    pub(super) matrices: &'a Matrices,
}

impl Frame<'_> {
    /// The picture, and how many macroblocks of it there are. `None`: the crate has to look.
    pub(super) fn decode(&self, data: &[u8]) -> Option<(FrameBuffer, usize)> {
        let geometry = self.params.geometry;
        let heads = SliceContext::non_scalable(geometry.height as u32);
        let mut coded = Vec::new();
        let mut codes = super::starts(data).peekable();
        while let Some((at, code)) = codes.next() {
            let (1..=0xaf, Some((next, _))) = (code, codes.peek()) else { continue };
            let slice = &data[at..next + 4];
            let header = SliceHeader::parse(slice, heads).ok()?;
            coded.push((slice, header.body_bit_position, self.context(&header)));
        }
        let many = geometry.mb_width() * geometry.mb_height() >= MANY;
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(THREADS));
        self.in_turn(&coded, if many { threads } else { 1 })
    }

    /// Reads slices on several threads, and places them in the order of the picture on this one, which reads as well while it waits.
    fn in_turn(&self, coded: &[Coded<'_>], threads: usize) -> Option<(FrameBuffer, usize)> {
        let unread = AtomicUsize::new(0);
        let claim = || Some(unread.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < coded.len());
        let read = |at: usize| {
            let (slice, begin, context) = &coded[at];
            self.read(slice, *begin, context)
        };
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            for _ in 1..threads.min(coded.len()) {
                let sender = sender.clone();
                scope.spawn(move || {
                    while let Some(at) = claim() {
                        // What panics here would have done so on the thread that is guarded, and does when the crate looks.
                        let slice = guarded(|| read(at)).ok().flatten();
                        if sender.send((at, slice)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let place = || {
                let (mut frame, mut placed) = (self.params.geometry.new_frame_buffer(), 0);
                let mut ready: Vec<Option<Slice>> = coded.iter().map(|_| None).collect();
                for (at, (_, _, context)) in coded.iter().enumerate() {
                    while ready[at].is_none() {
                        let (other, slice) = match receiver.try_recv() {
                            Ok(done) => done,
                            Err(_) => match claim() {
                                Some(own) => (own, read(own)),
                                None => receiver.recv().ok()?,
                            },
                        };
                        ready[other] = Some(slice?);
                    }
                    placed += self.place(&mut frame, &ready[at].take()?, context)?;
                }
                Some((frame, placed))
            };
            let placed = place();
            // Of a picture that is given up, nothing more is read.
            unread.store(coded.len(), Ordering::Relaxed);
            placed
        })
    }

    fn context(&self, header: &SliceHeader) -> SliceWalkContext {
        let (params, geometry) = (&self.params, &self.params.geometry);
        SliceWalkContext::first_slice_with_block_decoding(
            geometry.mb_width() as u32,
            u32::from(header.slice_vertical_position).saturating_sub(1),
            params.picture_coding_type,
            header.quantiser_scale_code,
            PictureStructure::Frame,
            geometry.frame_pred_frame_dct,
            params.f_code_fwd_horiz,
            params.f_code_fwd_vert,
            params.f_code_bwd_horiz,
            params.f_code_bwd_vert,
            params.concealment_motion_vectors,
            geometry.chroma_format,
            geometry.intra_vlc_format,
            geometry.alternate_scan,
            geometry.intra_dc_precision,
            geometry.q_scale_type,
        )
        .with_quantiser_matrices(*self.matrices)
    }

    /// Reads a slice's macroblocks, as H.262 6.2.5 lists what is in one.
    fn read(&self, slice: &[u8], begin: u64, context: &SliceWalkContext) -> Option<Slice> {
        let mut bits = BitReader::new(slice);
        bits.skip(u32::try_from(begin).ok()?).ok()?;
        let modes = MacroblockModesContext::new(PictureStructure::Frame, context.frame_pred_frame_dct);
        let reach = MotionVectorsContext {
            f_code_fwd_horiz: context.f_code_fwd_horiz,
            f_code_fwd_vert: context.f_code_fwd_vert,
            f_code_bwd_horiz: context.f_code_bwd_horiz,
            f_code_bwd_vert: context.f_code_bwd_vert,
        };
        let mut dc = DcPredictors::new(context.intra_dc_precision).ok()?;
        let mut scale_code = context.initial_quantiser_scale_code;
        let mut address = i64::from(context.mb_row * context.mb_width) - 1;
        let (mut macroblocks, mut blocks) = (Vec::with_capacity(context.mb_width as usize), Vec::new());
        // Twenty-three zeros end a slice.
        while bits.peek_u32(23).ok()? != 0 {
            let increment = MbAddressIncrement::parse(&mut bits, MbAddressIncrementContext::mpeg2()).ok()?;
            address += i64::from(increment.value);
            let skipped = u32::from(increment.value) - 1;
            // Within its row, as the standard has it: what leaves it is broken.
            let row = i64::from(context.mb_row) * i64::from(context.mb_width);
            if (macroblocks.is_empty() && skipped > 0) || address >= row + i64::from(context.mb_width) {
                return None;
            }
            if skipped > 0 {
                dc.reset();
            }
            let kind = MacroblockType::parse(&mut bits, context.picture_coding_type).ok()?;
            let tail = MacroblockModesTail::parse(&mut bits, &kind, &modes).ok()?;
            if kind.macroblock_quant {
                scale_code = bits.read_u32(5).ok().filter(|code| *code > 0)? as u8;
            }
            let conceals = kind.macroblock_intra && context.concealment_motion_vectors;
            let motion = tail.motion_type.unwrap_or(MotionType {
                code: 0b10,
                prediction_type: PredictionType::FrameBased,
                motion_vector_count: 1,
                mv_format: MvFormat::Frame,
                dmv: false,
            });
            let mut vectors = |there: bool, which| -> Option<Option<MotionVectors>> {
                there
                    .then(|| MotionVectors::parse(&mut bits, which, &motion, &reach).ok())
                    .map_or(Some(None), |v| v.map(Some))
            };
            let forward = vectors(kind.macroblock_motion_forward || conceals, MotionVectorsKind::Forward)?;
            let backward = vectors(kind.macroblock_motion_backward, MotionVectorsKind::Backward)?;
            let marker = if conceals { Some(bits.read_bit().ok().filter(|bit| *bit)?) } else { None };
            let pattern = match kind.macroblock_pattern {
                true => Some(CodedBlockPattern::parse(&mut bits, context.chroma_format).ok()?),
                false => None,
            };
            let coded = match &pattern {
                Some(pattern) => pattern.pattern_code(kind.macroblock_intra, true),
                None => [kind.macroblock_intra; 12],
            };
            let scale = quantiser_scale(scale_code, context.q_scale_type).ok()?;
            blocks.push(self.blocks(slice, &mut bits, kind.macroblock_intra, &coded, scale, &mut dc)?);
            macroblocks.push(MacroblockRecord {
                macroblock_address: u32::try_from(address).ok()?,
                address_increment: increment.value,
                address_escape_count: increment.escape_count,
                address_stuffing_count: increment.stuffing_count,
                macroblock_type: kind,
                motion_type: tail.motion_type,
                dct_type: tail.dct_type,
                quantiser_scale_code: scale_code,
                macroblock_quant_present: kind.macroblock_quant,
                past_intra_address: 0,
                body_bit_position: 0,
                skipped_macroblock_count: skipped,
                motion_vectors_forward: forward,
                motion_vectors_backward: backward,
                concealment_marker_bit: marker,
                coded_block_pattern: pattern,
                pattern_code: coded,
                decoded_blocks: None,
            });
        }
        let end = bits.bit_position();
        let walk = SliceWalk {
            macroblocks,
            previous_macroblock_address: address as i32,
            past_intra_address: 0,
            quantiser_scale_code: scale_code,
            end_bit_position: end,
        };
        Some(Slice { walk, blocks })
    }

    /// The blocks of a macroblock that are coded, and their numbers.
    fn blocks(
        &self,
        slice: &[u8],
        bits: &mut BitReader<'_>,
        intra: bool,
        coded: &[bool; 12],
        scale: u8,
        dc: &mut DcPredictors,
    ) -> Option<Vec<(u8, Points)>> {
        let geometry = &self.params.geometry;
        if !intra {
            dc.reset();
        }
        let coding = if intra { BlockCoding::Intra } else { BlockCoding::NonIntra };
        let weights = [
            &self.matrices.intra_luma,
            &self.matrices.non_intra_luma,
            &self.matrices.intra_chroma,
            &self.matrices.non_intra_chroma,
        ];
        let (first, next) = coefficients::codes(TableSelection::from_context(geometry.intra_vlc_format, intra));
        let places = inverse_scan_table(geometry.alternate_scan);
        let dc_scale = intra_dc_mult(geometry.intra_dc_precision).ok()?;
        let count = block_count(geometry.chroma_format);
        let mut found = Vec::with_capacity(coded.iter().filter(|coded| **coded).count());
        for number in (0..count).filter(|number| coded[*number]) {
            let component = block_component(number, geometry.chroma_format)?;
            let luma = matches!(component, ColourComponent::Y);
            let plane = if luma { Component::Luminance } else { Component::Chrominance };
            let weight = weights[select_weighting_matrix_index(coding, plane, geometry.chroma_format) as usize];
            // As H.262 7.4 has it; `inverse_quantise_block` of the crate goes through all 64.
            let mut values: Block = [[0; 8]; 8];
            let (mut at, mut codes, mut sum) = (0, first, 0);
            if intra {
                let dc = decode_dc_block(bits, dc, component).ok()?.qfs_zero;
                values[0][0] = (dc * dc_scale).clamp(-2048, 2047) as i16;
                (at, codes, sum) = (1, next, values[0][0]);
            }
            let begin = bits.bit_position() as usize;
            let mut place = begin;
            while let Some((run, level)) = codes.step(slice, &mut place).ok()? {
                at += usize::from(run);
                let (v, u) = *places.get(at)?;
                let (v, u, level) = (usize::from(v & 7), usize::from(u & 7), i32::from(level));
                let twice = 2 * level + if intra { 0 } else { level.signum() };
                let value = twice * i32::from(weight[v][u]) * i32::from(scale) / 32;
                values[u][v] = value.clamp(-2048, 2047) as i16;
                sum ^= values[u][v];
                (at, codes) = (at + 1, next);
            }
            bits.skip(u32::try_from(place - begin).ok()?).ok()?;
            // An even sum would be rounded differently by different decoders.
            values[7][7] ^= !sum & 1;
            found.push((number as u8, inverse(&values)));
        }
        Some(found)
    }

    /// Puts a slice into the picture. How many macroblocks it has.
    fn place(&self, frame: &mut FrameBuffer, slice: &Slice, context: &SliceWalkContext) -> Option<usize> {
        let (chroma, width) = (context.chroma_format, context.mb_width as usize);
        let intra = |frame: &mut FrameBuffer, record: &MacroblockRecord, blocks: &[(u8, Points)]| {
            let at = record.macroblock_address as usize;
            for (number, points) in blocks {
                let fields = record.dct_type == Some(true);
                let placed = block_placement((*number).into(), chroma, at % width, at / width, fields)?;
                place_intra_block(frame, placed, points);
            }
            Some(1)
        };
        let records = slice.walk.macroblocks.iter().zip(&slice.blocks);
        if context.picture_coding_type == PictureCodingType::Intra {
            return records.map(|(record, blocks)| intra(frame, record, blocks)).sum();
        }
        let motion = reconstruct_slice_motion_vectors(&slice.walk, context).ok()?;
        let (mut placed, mut before) = (0, None);
        for ((record, blocks), motion) in records.zip(&motion.records) {
            let at = record.macroblock_address as usize;
            for passed in at.checked_sub(motion.skipped_before as usize)?..at {
                let follows = followed(context.picture_coding_type, before, motion);
                predicted::place(frame, self.references, (passed % width, passed / width), false, follows, &[])?;
                placed += 1;
            }
            if record.macroblock_type.macroblock_intra {
                placed += intra(frame, record, blocks)?;
                continue;
            }
            let (column, row, fields) = (at % width, at / width, record.dct_type == Some(true));
            match record.motion_type.map_or(PredictionType::FrameBased, |motion| motion.prediction_type) {
                PredictionType::FrameBased => {
                    let motion = of_frame(&motion.reconstructed);
                    predicted::place(frame, self.references, (column, row), fields, motion, blocks)?;
                }
                PredictionType::FieldBased => {
                    let motion = of_fields(record, &motion.reconstructed);
                    let residuals = predicted::residuals(blocks);
                    reconstruct_field_based_macroblock(frame, self.references, column, row, fields, motion, &residuals)
                        .ok()?;
                }
                _ => return None,
            }
            before = Some((
                record.macroblock_type.macroblock_motion_forward,
                record.macroblock_type.macroblock_motion_backward,
            ));
            placed += 1;
        }
        Some(placed)
    }
}

fn vector(of: &ReconstructedVector) -> MotionVectorPel {
    MotionVectorPel::new(of.horizontal.vector_prime, of.vertical.vector_prime)
}

fn of_frame(vectors: &ReconstructedMotionVectors) -> FrameMotion {
    let first = |of: &Option<Vec<ReconstructedVector>>| of.as_ref()?.first().map(vector);
    FrameMotion { forward: first(&vectors.forward), backward: first(&vectors.backward) }
}

/// Each field has a vector and says which field of the reference it leads to.
fn of_fields(record: &MacroblockRecord, vectors: &ReconstructedMotionVectors) -> FieldBasedMotion {
    let both = |of: &Option<Vec<ReconstructedVector>>, coded: &Option<MotionVectors>| {
        let of = of.as_ref()?;
        let to = |at: usize, usual: FieldParity| {
            match coded.as_ref()?.entries.get(at)?.vertical_field_select? {
                true => Some(FieldParity::Bottom),
                false => Some(FieldParity::Top),
            }
            .or(Some(usual))
        };
        let (upper, lower) = (of.first()?, of.get(1).or_else(|| of.first())?);
        let upper = FieldVector::new(vector(upper), to(0, FieldParity::Top).unwrap_or(FieldParity::Top));
        let lower = FieldVector::new(vector(lower), to(1, FieldParity::Bottom).unwrap_or(FieldParity::Bottom));
        Some((upper, lower))
    };
    FieldBasedMotion {
        forward: both(&vectors.forward, &record.motion_vectors_forward),
        backward: both(&vectors.backward, &record.motion_vectors_backward),
    }
}

/// The motion of a macroblock that is not coded: none, or in a picture between two others that of the one before it.
fn followed(kind: PictureCodingType, before: Option<(bool, bool)>, motion: &SliceMotionRecord) -> FrameMotion {
    if kind != PictureCodingType::Bidirectional {
        return FrameMotion::forward(MotionVectorPel::new(0, 0));
    }
    let (forward, backward) = before.unwrap_or((true, false));
    let vector = |side: usize| {
        let [across, down] = motion.pmv_before.values[0][side];
        MotionVectorPel::new(across, down)
    };
    FrameMotion { forward: forward.then(|| vector(0)), backward: backward.then(|| vector(1)) }
}
