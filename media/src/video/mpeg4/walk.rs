//! The macroblocks of a picture, read by the crate's own pieces but for the coefficients ([`super::coefficients`]), row by row. `None`
//! of a row: the crate is to say what is wrong with it.

use oxideav_mpeg4video::block::{cbpb_pattern_code, intra_quant_matrix, nonintra_quant_matrix, pattern_code};
use oxideav_mpeg4video::bvop_mv::{BVopMvDriver, CoLocatedAnchor};
use oxideav_mpeg4video::bvop_prediction::{BVopPredictionMode, BVopSampleMode};
use oxideav_mpeg4video::data_partition::use_intra_dc_vlc;
use oxideav_mpeg4video::inverse_quant::{
    InverseQuantContext, inverse_quant_method1_no_mismatch, inverse_quant_method2,
};
use oxideav_mpeg4video::macroblock::parse_macroblock_header;
use oxideav_mpeg4video::motion::{DirectCoLocatedMv, MotionVector};
use oxideav_mpeg4video::neighbour::{BlockNeighbour, IntraBlockGrid};
use oxideav_mpeg4video::predictor::{
    dc_scaler, predict_intra_ac_column, predict_intra_ac_row, predict_intra_dc, saturate_block, select_dc_direction,
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

use super::coefficients::{Bits, INTER, INTRA, Order, order};
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
        let header =
            self.bits.by_the_crate(|bits| parse_macroblock_header(bits, self.vop.coding_type, self.vol))?;
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
        let order = order(ScanType::Zigzag);
        let scale = self.scale as i32;
        for _ in coded.iter().filter(|coded| **coded) {
            blocks.push([[0; 8]; 8]);
            let block = blocks.last_mut()?;
            let (mut at, mut sum) = (0, 0);
            loop {
                let event = INTER.next(&mut self.bits)?;
                let (v, u) = *order.get(at + event.run as usize)?;
                at += event.run as usize + 1;
                let (v, u) = (usize::from(v & 7), usize::from(u & 7));
                let (size, sign) = (2 * event.level.abs() + 1, event.level.signum());
                let value = match self.vol.quant_type {
                    true => sign * (size * i32::from(self.weights[1][v][u]) * scale / 16),
                    false => sign * (size * scale - i32::from(scale % 2 == 0)),
                };
                let value = value.clamp(-2048, 2047);
                sum += value;
                block[u][v] = value as i16;
                if event.last {
                    break;
                }
            }
            // An even sum would be rounded differently by different decoders.
            if self.vol.quant_type && sum % 2 == 0 {
                block[7][7] ^= 1;
            }
        }
        Some(())
    }

    /// A block that stands for itself, but for what its neighbours let expect.
    fn alone(&mut self, y: usize, x: usize, number: usize, coded: bool, predicted: bool) -> Option<Block> {
        let component = DcComponent::from_block_index(number);
        let (scale, (wide, high)) = (self.scale, self.size);
        let grid = self.intra.get_or_insert_with(|| IntraBlockGrid::new(high, wide));
        let near = grid.predictors_for(y, x, number, 8, scale);
        let mut at = 0;
        let mut first = 0;
        if use_intra_dc_vlc(self.dc_threshold, scale) {
            first = self.bits.by_the_crate(|bits| decode_intra_dc(bits, component))?.differential;
            at = 1;
        }
        let direction = select_dc_direction(near.fa_dc, near.fb_dc, near.fc_dc);
        let mut values = [[0; 8]; 8];
        values[0][0] = first;
        if coded {
            let order: &Order = order(select_scan_type(true, predicted, direction));
            loop {
                let event = INTRA.next(&mut self.bits)?;
                let (v, u) = *order.get(at + event.run as usize)?;
                at += event.run as usize + 1;
                values[usize::from(v & 7)][usize::from(u & 7)] = event.level;
                if event.last {
                    break;
                }
            }
        }
        values[0][0] =
            predict_intra_dc(values[0][0], direction, near.fa_dc, near.fc_dc, dc_scaler(component, scale));
        if predicted {
            match direction {
                DcPredictionDirection::FromLeft => {
                    let own = std::array::from_fn(|v| values[v + 1][0]);
                    let column = predict_intra_ac_column(own, near.a_first_column, near.qp_a, scale);
                    values[1..].iter_mut().zip(column).for_each(|(row, value)| row[0] = value);
                }
                DcPredictionDirection::FromAbove => {
                    let own = std::array::from_fn(|u| values[0][u + 1]);
                    values[0][1..].copy_from_slice(&predict_intra_ac_row(own, near.c_first_row, near.qp_c, scale));
                }
            }
        }
        saturate_block(&mut values);
        let context = InverseQuantContext {
            macroblock_intra: true,
            component,
            quantiser_scale: scale,
            bits_per_pixel: 8,
            short_video_header: false,
        };
        let scaled = match self.vol.quant_type {
            true => inverse_quant_method1_no_mismatch(&values, &self.weights[0], context),
            false => inverse_quant_method2(&values, context),
        };
        grid.record(y, x, number, Some(BlockNeighbour::from_qf(&values, scaled[0][0], scale)));
        Some(std::array::from_fn(|u| std::array::from_fn(|v| scaled[v][u] as i16)))
    }
}
