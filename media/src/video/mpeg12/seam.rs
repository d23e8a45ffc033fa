//! Vectors of MPEG-1 that differ from the one before by as much as a vector can reach. The standard has encoders write these as a step back
//! (ISO 11172-2, 2.4.4.2), the crate refuses a step forward, and old encoders wrote it. Vectors wrap around, so both steps lead to
//! the same place: the sign is turned, and the crate decodes the rest.

use oxideav_mpeg12video::ChromaFormat;
use oxideav_mpeg12video::mpeg1_picture::Mpeg1InterParams;
use oxideav_mpeg12video::picture_header::PictureStructure;
use oxideav_mpeg12video::slice_header::{SliceContext, SliceHeader};
use oxideav_mpeg12video::slice_macroblock_walk::{SliceWalkContext, walk_slice_at};

use super::starts;

/// How many bits the code of a step has, its sign as the last of them (table B.4).
const LENGTHS: [u64; 17] = [1, 3, 4, 5, 7, 8, 8, 8, 10, 10, 10, 11, 11, 11, 11, 11, 11];

/// The picture with such steps turned; `None`: it has none, or is broken elsewhere.
pub(super) fn turned(data: &[u8], picture: &Mpeg1InterParams) -> Option<Vec<u8>> {
    let mut out = data.to_vec();
    let codes: Vec<(usize, u8)> = starts(data).collect();
    for (n, (at, _)) in codes.iter().enumerate().filter(|(_, (_, code))| (1..=0xaf).contains(code)) {
        let end = codes.get(n + 1).map_or(data.len(), |(at, _)| *at);
        for sign in signs(&data[*at..end], picture)? {
            out[at + sign / 8] ^= 0x80 >> (sign % 8);
        }
    }
    (out != data).then_some(out)
}

/// Where in a slice, in bits, the signs of such steps are.
fn signs(slice: &[u8], picture: &Mpeg1InterParams) -> Option<Vec<usize>> {
    let header = SliceHeader::parse(slice, SliceContext::non_scalable(picture.base.height as u32)).ok()?;
    let (forward, backward) = (picture.forward_f_code, picture.backward_f_code);
    let mut context = SliceWalkContext::first_slice_with_block_decoding(
        picture.base.mb_width() as u32,
        u32::from(header.slice_vertical_position).saturating_sub(1),
        picture.picture_coding_type,
        header.quantiser_scale_code,
        PictureStructure::Frame,
        true,
        forward,
        forward,
        backward,
        backward,
        false,
        ChromaFormat::Yuv420,
        false,
        false,
        0,
        false,
    );
    context.mpeg1 = true;
    let walk = walk_slice_at(slice, header.body_bit_position, context).ok()?;
    let mut found = Vec::new();
    for block in &walk.macroblocks {
        for (vectors, reach) in [(&block.motion_vectors_forward, forward), (&block.motion_vectors_backward, backward)] {
            let Some(vector) = vectors.as_ref().and_then(|vectors| Some(&vectors.entries.first()?.motion_vector))
            else {
                continue;
            };
            // What follows the code: as many bits as the reach has beyond the first, unless there is no step.
            let more = u64::from(reach).saturating_sub(1);
            let mut end = vector.bit_position_after;
            for (code, rest) in [
                (vector.motion_code_vert, vector.motion_residual_vert),
                (vector.motion_code_horiz, vector.motion_residual_horiz),
            ] {
                end = end.checked_sub(if code == 0 { 0 } else { more })?;
                if code == 16 && rest.is_none_or(|rest| u64::from(rest) + 1 == 1 << more) {
                    found.push(end.checked_sub(1)? as usize);
                }
                end = end.checked_sub(*LENGTHS.get(usize::from(code.unsigned_abs()))?)?;
            }
        }
    }
    Some(found)
}
