//! The macroblocks of a picture, read by the crate's own pieces but for the coefficients ([`super::coefficients`]), row by row. `None`
//! of a row: the crate is to say what is wrong with it.

use oxideav_mpeg4video::block::{cbpb_pattern_code, intra_quant_matrix, nonintra_quant_matrix, pattern_code};
use oxideav_mpeg4video::bvop_mv::{BVopMvDriver, CoLocatedAnchor};
use oxideav_mpeg4video::bvop_prediction::{BVopPredictionMode, BVopSampleMode};
use oxideav_mpeg4video::data_partition::use_intra_dc_vlc;
use oxideav_mpeg4video::macroblock::parse_macroblock_header;
use oxideav_mpeg4video::motion::{DirectCoLocatedMv, MotionVector};
use oxideav_mpeg4video::neighbour::{BlockNeighbour, IntraBlockGrid};
use oxideav_mpeg4video::predictor::{
    dc_scaler, predict_intra_ac_column, predict_intra_ac_row, predict_intra_dc, saturate_qf, select_dc_direction,
};
use oxideav_mpeg4video::pvop_mv::{MvDriver, PvopMbMotion, chroma_mv_for_macroblock};
use oxideav_mpeg4video::scan::{DcPredictionDirection, ScanType, select_scan_type};
use oxideav_mpeg4video::texture::{DcComponent, decode_intra_dc};
use oxideav_mpeg4video::video_packet::{
    VideoPacketContext, VideoPacketHeader, consume_next_resync_marker, parse_video_packet_header, probe_resync_marker,
    total_macroblocks,
};
use oxideav_mpeg4video::vol::VolHeader;
use oxideav_mpeg4video::vop::{VopCodingType, VopHeader};
use oxideav_mpeg4video::vop_decode::vop_mb_dimensions;

use super::coefficients::{Bits, INTER, INTRA, order};
use crate::video::idct::Block;

const STILL: MotionVector = MotionVector { x: 0, y: 0 };

/// Where a macroblock is predicted from: each quarter's vector, and that of chroma, in half samples.
#[derive(Clone, Copy)]
pub(super) struct Vectors {
    pub(super) luma: [MotionVector; 4],
    pub(super) chroma: MotionVector,
}

const UNMOVED: Vectors = Vectors { luma: [STILL; 4], chroma: STILL };

/// A macroblock as it is coded.
pub(super) struct Macroblock {
    /// From the picture before and from the one after; from neither, if it stands for itself.
    pub(super) from: [Option<Vectors>; 2],
    /// Which of its six blocks are coded.
    pub(super) coded: [bool; 6],
}

/// A row of macroblocks, and their blocks that are coded, as frequencies by column and row.
#[derive(Default)]
pub(super) struct Row {
    pub(super) macroblocks: Vec<Macroblock>,
    pub(super) blocks: Vec<Block>,
}

/// The times of a picture between two others and of the later of these, from the earlier on.
#[derive(Clone, Copy, Default)]
pub(super) struct Between {
    pub(super) this: i32,
    pub(super) later: i32,
}

/// What is read of a picture, from one row to the next.
pub(super) struct Walk<'a> {
    vol: &'a VolHeader,
    vop: &'a VopHeader,
    bits: Bits<'a>,
    packets: VideoPacketContext,
    weights: [[[u8; 8]; 8]; 2],
    /// In macroblocks.
    size: (usize, usize),
    scale: u32,
    most_scale: u32,
    dc_threshold: u8,
    /// What is predicted from neighbours; made when the first needs it.
    intra: Option<IntraBlockGrid>,
    vectors: MvDriver,
    between: BVopMvDriver,
    /// How the later picture that this one lies before moves; nothing, if it stands for itself.
    later: Option<&'a [PvopMbMotion]>,
    /// How each macroblock moves so far.
    pub(super) motions: Vec<PvopMbMotion>,
}

impl<'a> Walk<'a> {
    /// Begins at bit `at` of a picture.
    pub(super) fn new(
        (data, at): (&'a [u8], usize),
        (vol, vop): (&'a VolHeader, &'a VopHeader),
        between: Between,
        later: Option<&'a [PvopMbMotion]>,
    ) -> Self {
        let (wide, high) = vop_mb_dimensions(vol);
        let most_scale = (1 << vol.quant_precision) - 1;
        Self {
            vol,
            vop,
            bits: Bits::new(data, at),
            packets: VideoPacketContext {
                coding_type: vop.coding_type,
                fcode_fwd: vop.fcode_fwd,
                fcode_bwd: vop.fcode_bwd,
                quant_precision: vol.quant_precision,
                time_increment_resolution: vol.time_increment_resolution,
                video_object_layer_shape: vol.video_object_layer_shape,
                resync_marker_disable: vol.resync_marker_disable,
                newpred_enable: vol.newpred_enable,
                reduced_resolution_vop_enable: vol.reduced_resolution_vop_enable,
                sprite_gmc: false,
                no_of_sprite_warping_points: 0,
                total_macroblocks: total_macroblocks(vol.width.into(), vol.height.into()),
            },
            weights: [intra_quant_matrix(vol), nonintra_quant_matrix(vol)],
            size: (wide, high),
            scale: u32::from(vop.quant).clamp(1, most_scale),
            most_scale,
            dc_threshold: vop.intra_dc_vlc_thr,
            intra: None,
            vectors: MvDriver::new(high, wide, vop.fcode_fwd),
            between: BVopMvDriver::new(high, wide, vop.fcode_fwd, vop.fcode_bwd, between.this, between.later),
            later,
            motions: Vec::with_capacity(wide * high),
        }
    }

    /// Reads a row.
    pub(super) fn row(&mut self, y: usize) -> Option<Row> {
        let wide = self.size.0;
        let mut row = Row { macroblocks: Vec::with_capacity(wide), blocks: Vec::with_capacity(6 * wide) };
        let between = self.vop.coding_type == VopCodingType::B;
        self.between.start_row();
        for x in 0..wide {
            let number = y * wide + x;
            if let Some(packet) = self.packet(number)? {
                self.enter(&packet, number, between)?;
            }
            let macroblock =
                if between { self.between(y, x, &mut row.blocks)? } else { self.macroblock(y, x, &mut row.blocks)? };
            row.macroblocks.push(macroblock);
        }
        (!self.bits.is_over()).then_some(row)
    }

    /// The header of a packet that begins in front of macroblock `number`. `None`: it is broken.
    fn packet(&mut self, number: usize) -> Option<Option<VideoPacketHeader>> {
        let (word, stuffed) = (self.bits.peek(), self.bits.to_next_byte());
        let rest = word << stuffed;
        if number == 0 || self.vol.resync_marker_disable || rest >> 17 != 0 {
            return Some(None);
        }
        let context = self.packets;
        let follows = word >> (32 - stuffed) == (1 << (stuffed - 1)) - 1
            && self.bits.probe(|bits| {
                consume_next_resync_marker(bits).is_ok()
                    && probe_resync_marker(bits, context.coding_type, context.fcode_fwd, context.fcode_bwd)
            });
        if !follows {
            return Some(None);
        }
        self.bits.by_the_crate(|bits| parse_video_packet_header(bits, &context)).map(Some)
    }

    /// Nothing is predicted across the beginning of a packet.
    fn enter(&mut self, packet: &VideoPacketHeader, number: usize, between: bool) -> Option<()> {
        let resumes = packet.macroblock_number as usize;
        if between {
            // What lies between is not coded, so that the packet may as well begin in front of it.
            let passed = number..resumes;
            let passes = |at: usize| self.later.is_some_and(|later| later.get(at) == Some(&PvopMbMotion::Skipped));
            if resumes < number || !passed.into_iter().all(passes) {
                return None;
            }
            self.between.start_row();
        } else {
            if resumes != number {
                return None;
            }
            self.intra = None;
            self.vectors = MvDriver::new(self.size.1, self.size.0, self.vop.fcode_fwd);
            self.dc_threshold = packet.intra_dc_vlc_thr.unwrap_or(self.dc_threshold);
        }
        self.scale = u32::from(packet.quant_scale).clamp(1, self.most_scale);
        Some(())
    }

    fn rescale(&mut self, by: Option<i8>) {
        self.scale = (self.scale as i32 + i32::from(by.unwrap_or(0))).clamp(1, self.most_scale as i32) as u32;
    }

    /// A macroblock of a picture that others may refer to.
    fn macroblock(&mut self, y: usize, x: usize, blocks: &mut Vec<Block>) -> Option<Macroblock> {
        let header = self.bits.by_the_crate(|bits| parse_macroblock_header(bits, self.vop.coding_type, self.vol))?;
        let motion = if self.vop.coding_type == VopCodingType::I {
            PvopMbMotion::Intra
        } else {
            let vectors = &mut self.vectors;
            self.bits.by_the_crate(|bits| vectors.decode_macroblock(bits, y, x, header.not_coded, header.mb_type))?
        };
        self.motions.push(motion);
        if header.not_coded {
            return Some(Macroblock { from: [Some(UNMOVED), None], coded: [false; 6] });
        }
        self.rescale(header.dquant_delta);
        let coded = pattern_code(header.cbpy, header.cbpc);
        let luma = match motion {
            PvopMbMotion::OneMv(vector) => [vector; 4],
            PvopMbMotion::FourMv(vectors) => vectors,
            PvopMbMotion::Intra | PvopMbMotion::Skipped => {
                for (number, coded) in coded.into_iter().enumerate() {
                    blocks.push(self.alone(y, x, number, coded, header.ac_pred_flag)?);
                }
                return Some(Macroblock { from: [None; 2], coded: [true; 6] });
            }
        };
        self.differences(&coded, blocks)?;
        let chroma = chroma_mv_for_macroblock(motion, BVopSampleMode::HalfPel)?;
        Some(Macroblock { from: [Some(Vectors { luma, chroma }), None], coded })
    }

    /// A macroblock of a picture between two others.
    fn between(&mut self, y: usize, x: usize, blocks: &mut Vec<Block>) -> Option<Macroblock> {
        let anchor = match self.later.and_then(|later| later.get(y * self.size.0 + x)) {
            Some(PvopMbMotion::Skipped) => {
                return Some(Macroblock { from: [Some(UNMOVED), None], coded: [false; 6] });
            }
            Some(PvopMbMotion::OneMv(vector)) => CoLocatedAnchor::uniform(false, DirectCoLocatedMv::Mv(*vector)),
            Some(PvopMbMotion::FourMv(vectors)) => {
                CoLocatedAnchor { skipped: false, mvs: vectors.map(DirectCoLocatedMv::Mv) }
            }
            Some(PvopMbMotion::Intra) | None => CoLocatedAnchor::default(),
        };
        let (between, vol) = (&mut self.between, self.vol);
        let motion = self.bits.by_the_crate(|bits| {
            between.decode_macroblock(bits, vol, VopCodingType::B, y, x, anchor.skipped, anchor.mvs)
        })?;
        self.rescale(motion.dbquant_delta);
        let coded = cbpb_pattern_code(motion.cbpb);
        self.differences(&coded, blocks)?;
        let before = Vectors { luma: motion.mvs.map(|pair| pair.forward), chroma: motion.forward_chroma_mv };
        let after = Vectors { luma: motion.mvs.map(|pair| pair.backward), chroma: motion.backward_chroma_mv };
        let from = match motion.prediction_mode {
            BVopPredictionMode::ForwardOnly => [Some(before), None],
            BVopPredictionMode::BackwardOnly => [None, Some(after)],
            BVopPredictionMode::Bidirectional | BVopPredictionMode::Direct => [Some(before), Some(after)],
        };
        Some(Macroblock { from, coded })
    }

    /// The blocks of a macroblock that is predicted.
    fn differences(&mut self, coded: &[bool; 6], blocks: &mut Vec<Block>) -> Option<()> {
        let scaled = Scale::new(self.scale, self.vol.quant_type.then_some(&self.weights[1]), 1);
        for _ in coded.iter().filter(|coded| **coded) {
            let (mut block, mut sum) = ([[0; 8]; 8], 0);
            INTER.each(&mut self.bits, order(ScanType::Zigzag), 0, |v, u, level| {
                block[u][v] = scaled.of(level, v, u);
                sum ^= block[u][v];
            })?;
            // An even sum would be rounded differently by different decoders.
            if self.vol.quant_type && sum & 1 == 0 {
                block[7][7] ^= 1;
            }
            blocks.push(block);
        }
        Some(())
    }

    /// A block that stands for itself, but for what its neighbours let expect.
    fn alone(&mut self, y: usize, x: usize, number: usize, coded: bool, predicted: bool) -> Option<Block> {
        let component = DcComponent::from_block_index(number);
        let (scale, (wide, high)) = (self.scale, self.size);
        let grid = self.intra.get_or_insert_with(|| IntraBlockGrid::new(high, wide));
        let near = grid.predictors_for(y, x, number, 8, scale);
        let (mut begin, mut first) = (0, 0);
        if use_intra_dc_vlc(self.dc_threshold, scale) {
            first = self.bits.by_the_crate(|bits| decode_intra_dc(bits, component))?.differential;
            begin = 1;
        }
        let direction = select_dc_direction(near.fa_dc, near.fb_dc, near.fc_dc);
        let scaled = Scale::new(scale, self.vol.quant_type.then_some(&self.weights[0]), 0);
        // Only the first row and column tell neighbours what to expect.
        let (mut block, mut row, mut column) = ([[0; 8]; 8], [0; 8], [0; 8]);
        if coded {
            let order = order(select_scan_type(true, predicted, direction));
            INTRA.each(&mut self.bits, order, begin, |v, u, level| {
                if v == 0 {
                    row[u] = level;
                }
                if u == 0 {
                    column[v] = level;
                }
                block[u][v] = scaled.of(level, v, u);
            })?;
            if begin == 0 {
                first = row[0];
            }
        }
        let [(_, mut row), (_, mut column)] = [row, column].map(|[first, rest @ ..]| (first, rest));
        if predicted {
            match direction {
                DcPredictionDirection::FromLeft => {
                    column = predict_intra_ac_column(column, near.a_first_column, near.qp_a, scale).map(saturate_qf);
                    (1..8).for_each(|v| block[0][v] = scaled.of(column[v - 1], v, 0));
                }
                DcPredictionDirection::FromAbove => {
                    row = predict_intra_ac_row(row, near.c_first_row, near.qp_c, scale).map(saturate_qf);
                    (1..8).for_each(|u| block[u][0] = scaled.of(row[u - 1], 0, u));
                }
            }
        }
        let by = dc_scaler(component, scale);
        let dc = saturate_qf(predict_intra_dc(first, direction, near.fa_dc, near.fc_dc, by));
        let dc = (dc * by as i32).clamp(-2048, 2047);
        block[0][0] = dc as i16;
        let own = BlockNeighbour { dc, qp: scale, first_row: row, first_column: column, is_intra: true };
        self.intra.as_mut()?.record(y, x, number, Some(own));
        Some(block)
    }
}

/// How large coefficients were before they were coded, in one of two ways.
struct Scale<'a> {
    scale: i32,
    weights: Option<&'a [[u8; 8]; 8]>,
    /// What is lost where a block does not stand for itself: half a step.
    lost: i32,
    odd: i32,
}

impl<'a> Scale<'a> {
    fn new(scale: u32, weights: Option<&'a [[u8; 8]; 8]>, lost: i32) -> Self {
        let scale = scale as i32;
        Self { scale, weights, lost, odd: scale - i32::from(scale % 2 == 0) }
    }

    #[inline(always)]
    fn of(&self, level: i32, v: usize, u: usize) -> i16 {
        let value = match self.weights {
            Some(weights) => (2 * level.abs() + self.lost) * i32::from(weights[v][u]) * self.scale / 16,
            None => 2 * level.abs() * self.scale + self.odd,
        };
        (value * level.signum()).clamp(-2048, 2047) as i16
    }
}
