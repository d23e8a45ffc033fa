//! A stream that uses what DivX and Xvid usually do, decoded by us picture by picture as the crate's own driver does it, with the
//! crate's parser of headers: its time, which pictures others refer to, and in what order they are shown.

use std::sync::{Arc, mpsc};

use oxideav_mpeg4video::bitreader::BitReader;
use oxideav_mpeg4video::compat::DecodeOptions;
use oxideav_mpeg4video::decoder::StreamDecodeError;
use oxideav_mpeg4video::frame_decode::FrameDecodeError;
use oxideav_mpeg4video::pvop_mv::PvopMbMotion;
use oxideav_mpeg4video::vol::{
    SpriteEnable, VolHeader, parse_video_object_layer, parse_visual_object_header, parse_visual_object_sequence_header,
};
use oxideav_mpeg4video::vop::{
    VopCodingType, VopContext, VopHeader, VopParseError, parse_group_of_vop_header, parse_vop_header_body,
};
use oxideav_mpeg4video::vop_decode::{
    VopDecodeError, decode_b_vop_macroblocks, decode_i_vop_macroblocks, decode_p_vop_macroblocks, vop_mb_dimensions,
};

use super::frame::{Frame, Inverse};
use super::walk::{Between, Row, Walk};
use super::{OPTIONS, Unit, code};
use crate::guard::guarded;

/// Macroblocks of a picture that is worth a second thread: a fifth of one of a DVD.
const MANY: usize = 300;
/// Rows that are read and not yet painted at most.
const AHEAD: usize = 8;

/// A picture to be shown, and what was given with the packet that holds it.
pub(super) type Tagged = (Arc<Frame>, i64);

/// Times of pictures, as ISO/IEC 14496-2, 6.3.5 counts them.
#[derive(Debug, Default)]
struct Clock {
    /// The second from which the next picture counts that others may refer to, and from which those before the last such do.
    second: u64,
    before: u64,
    /// The times of the last two such pictures, in ticks.
    earlier: Option<i64>,
    later: Option<i64>,
}

pub(super) struct Stream {
    pub(super) vol: VolHeader,
    profile: u8,
    /// The last two pictures that others may refer to.
    earlier: Option<Arc<Frame>>,
    later: Option<Arc<Frame>>,
    /// How the later one moves; nothing, if it stands for itself.
    motions: Option<Vec<PvopMbMotion>>,
    /// The later one, until it is shown.
    held: Option<Tagged>,
    clock: Clock,
    /// Frequencies to samples.
    pub(super) inverse: Inverse,
}

/// Whether a stream uses nothing but what is decoded here.
pub(super) fn is_usual(vol: &VolHeader) -> bool {
    vol.video_object_layer_shape == 0
        && vol.sprite_enable == SpriteEnable::NotUsed
        && vol.bits_per_pixel == 8
        && vol.obmc_disable
        && vol.vol_control.is_none_or(|control| control.chroma_format == 1)
        && vol.width > 0
        && vol.height > 0
        && u32::from(vol.width.max(vol.height)) <= crate::MAX_SIDE
        && !(vol.interlaced
            || vol.quarter_sample
            || vol.data_partitioned
            || vol.newpred_enable
            || vol.reduced_resolution_vop_enable
            || vol.scalability)
}

impl Stream {
    pub(super) fn new(vol: VolHeader) -> Self {
        Self {
            vol,
            profile: vol.profile_level,
            earlier: None,
            later: None,
            motions: None,
            held: None,
            clock: Clock::default(),
            inverse: crate::video::idct::inverse,
        }
    }

    /// Takes a header or a picture. Errors: what the crate says of it.
    pub(super) fn take(&mut self, unit: &Unit<'_>, tag: i64, out: &mut Vec<Tagged>) -> Result<(), StreamDecodeError> {
        match unit.code {
            code::SEQUENCE => self.profile = parse_visual_object_sequence_header(unit.data)?,
            code::OBJECT => drop(parse_visual_object_header(unit.data)?),
            code::LAYER..=code::LAST_LAYER => self.vol = parse_video_object_layer(unit.data, self.profile)?,
            code::GROUP => {
                let time = parse_group_of_vop_header(unit.data)?.time_code;
                let hours = u64::from(time.hours);
                self.clock.second = (hours * 60 + u64::from(time.minutes)) * 60 + u64::from(time.seconds);
                self.clock.before = self.clock.second;
            }
            code::PICTURE => self.picture(unit.data, tag, out)?,
            _ => {}
        }
        Ok(())
    }

    /// What is left to be shown.
    pub(super) fn flush(&mut self) -> Option<Tagged> {
        self.held.take()
    }

    fn picture(&mut self, data: &[u8], tag: i64, out: &mut Vec<Tagged>) -> Result<(), StreamDecodeError> {
        let vol = self.vol;
        let mut bits = BitReader::new(data);
        bits.skip_bits(32).map_err(|_| VopParseError::Truncated)?;
        let vop = parse_vop_header_body(&mut bits, vol.time_increment_resolution, VopContext::from_vol(&vol))?;
        let at = bits.bit_position();
        if vop.coding_type == VopCodingType::B {
            let frame = if vop.coded {
                let times = self.times(&vop)?;
                Arc::new(self.decode((data, at), &vop, times)?.0)
            } else {
                self.later.as_ref().ok_or(StreamDecodeError::MissingAnchor)?;
                self.earlier.clone().ok_or(FrameDecodeError::MissingReference)?
            };
            out.push((frame, tag));
            return Ok(());
        }
        let later = if vop.coding_type == VopCodingType::I && vop.coded {
            None
        } else {
            Some(self.later.clone().ok_or(StreamDecodeError::MissingAnchor)?)
        };
        let frame = match later {
            Some(later) if !vop.coded => {
                let (wide, high) = vop_mb_dimensions(&vol);
                self.motions = Some(vec![PvopMbMotion::Skipped; wide * high]);
                later
            }
            _ => {
                let (frame, motions) = self.decode((data, at), &vop, Between::default())?;
                self.motions = (vop.coding_type == VopCodingType::P).then_some(motions);
                Arc::new(frame)
            }
        };
        self.earlier = self.later.replace(frame.clone());
        out.extend(self.held.replace((frame, tag)));
        let clock = &mut self.clock;
        clock.before = clock.second;
        clock.second += u64::from(vop.modulo_time_base);
        clock.earlier = clock.later.replace(ticks(clock.second, 0, &vol, &vop));
        Ok(())
    }

    /// The times of a picture between two others. Errors: it does not lie between them.
    fn times(&self, vop: &VopHeader) -> Result<Between, StreamDecodeError> {
        let (Some(earlier), Some(later)) = (self.clock.earlier, self.clock.later) else {
            return Err(StreamDecodeError::MissingAnchor);
        };
        let (trb, trd) = (ticks(self.clock.before, vop.modulo_time_base, &self.vol, vop) - earlier, later - earlier);
        if trd <= 0 || trb <= 0 || trb >= trd {
            return Err(StreamDecodeError::BadTemporalReference { trb, trd });
        }
        Ok(Between { this: trb as i32, later: trd as i32 })
    }

    fn decode(
        &self,
        (data, at): (&[u8], usize),
        vop: &VopHeader,
        times: Between,
    ) -> Result<(Frame, Vec<PvopMbMotion>), StreamDecodeError> {
        let (vol, later) = (&self.vol, self.motions.as_deref());
        let (wide, high) = vop_mb_dimensions(vol);
        let from = match vop.coding_type {
            VopCodingType::B => [self.earlier.as_deref(), self.later.as_deref()],
            _ => [self.later.as_deref(), None],
        };
        let mut walk = Walk::new((data, at), (vol, vop), times, later);
        let mut frame = Frame::new(wide, high);
        let mut paint = |y, row: &Row| frame.paint(y, row, from, vop.rounding_type, self.inverse);
        let several = std::thread::available_parallelism().is_ok_and(|several| several.get() > 1);
        let read = if vop.coding_type == VopCodingType::S {
            false
        } else if wide * high >= MANY && several {
            read_ahead(&mut walk, high, paint)
        } else {
            (0..high).all(|y| walk.row(y).map(|row| paint(y, &row)).is_some())
        };
        match read {
            true => Ok((frame, walk.motions)),
            false => Err(complaint((data, at), (vol, vop), times, later)),
        }
    }
}

/// Reads rows on a thread of its own, and paints them on this one. Whether all could be read.
fn read_ahead(walk: &mut Walk<'_>, high: usize, mut paint: impl FnMut(usize, &Row)) -> bool {
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(AHEAD);
        scope.spawn(move || {
            // What panics here would have done so on the thread that is guarded, and does when the crate looks.
            let _ = guarded(|| (0..high).try_for_each(|y| sender.send(walk.row(y)?).ok()));
        });
        let painted = receiver.iter().enumerate().map(|(y, row)| paint(y, &row)).count();
        painted == high
    })
}

fn ticks(second: u64, more: u32, vol: &VolHeader, vop: &VopHeader) -> i64 {
    let a_second = i64::from(vol.time_increment_resolution.max(1));
    (second + u64::from(more)) as i64 * a_second + i64::from(vop.time_increment)
}

/// What the crate says of a picture that cannot be read.
fn complaint(
    (data, at): (&[u8], usize),
    (vol, vop): (&VolHeader, &VopHeader),
    times: Between,
    later: Option<&[PvopMbMotion]>,
) -> StreamDecodeError {
    let mut bits = BitReader::new(data);
    if bits.skip_bits(at).is_err() {
        return VopParseError::Truncated.into();
    }
    let options: DecodeOptions = OPTIONS;
    let said = match vop.coding_type {
        VopCodingType::I => decode_i_vop_macroblocks(&mut bits, vol, vop, options).err(),
        VopCodingType::P => decode_p_vop_macroblocks(&mut bits, vol, vop, options).err(),
        VopCodingType::B => {
            decode_b_vop_macroblocks(&mut bits, vol, vop, times.this, times.later, later, options).err()
        }
        VopCodingType::S => Some(VopDecodeError::Unsupported("sprite_enable != GMC")),
    };
    said.unwrap_or(VopDecodeError::Unsupported("what only the crate can read")).into()
}
