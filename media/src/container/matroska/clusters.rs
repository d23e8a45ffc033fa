//! Where the clusters of a Matroska file are, and when they begin: by its cues, or by a walk over their heads.

use super::super::caps;
use super::ebml::{Element, element, uint};
use super::header::{CLUSTER, Header, SEGMENT};
use crate::{MediaError, MediaFile};

pub(super) const CLUSTER_TIME: u32 = 0xe7;
pub(super) const SIMPLE_BLOCK: u32 = 0xa3;
pub(super) const BLOCK_GROUP: u32 = 0xa0;
/// Cues that are further apart than this leave too much to be looked through.
const CUES_APART_NS: i64 = 30 * crate::NS;

/// The clusters by the cues, if they lead to clusters and are not too far apart.
pub(super) fn by_cues(file: &MediaFile, header: &Header) -> Option<Vec<(i64, u64)>> {
    let cues = &header.cues;
    let last_ticks = header.duration_ns.map(|ns| ns / header.scale_ns);
    let times = cues.iter().map(|(ticks, _)| *ticks).chain(last_ticks);
    let mut apart = times.clone().zip(times.skip(1)).map(|(one, two)| two.saturating_sub(one));
    let near = apart.all(|ticks| ticks.saturating_mul(header.scale_ns) <= CUES_APART_NS);
    let leads = |at: u64| matches!(element(file, at), Ok(Some(part)) if part.id == CLUSTER);
    (!cues.is_empty() && near && cues.iter().all(|(_, at)| leads(*at))).then(|| cues.clone())
}

/// Looks at each cluster's head once.
pub(super) fn walked(file: &MediaFile, header: &Header) -> Result<Vec<(i64, u64)>, MediaError> {
    let (mut at, mut out) = (header.clusters, Vec::new());
    while at < file.len() {
        let part = element(file, at)?;
        let inside = [CLUSTER, SEGMENT, CLUSTER_TIME, SIMPLE_BLOCK, BLOCK_GROUP];
        let Some(part) = part.filter(|part| inside.contains(&part.id) || known(part.id)) else {
            at = next_cluster(file, at + 1)?;
            continue;
        };
        if part.id == CLUSTER {
            let (mut inner, mut ticks) = (part.body, None);
            for _ in 0..8 {
                match element(file, inner)? {
                    Some(child) if child.id == CLUSTER_TIME => ticks = Some(number(file, &child)?),
                    Some(child) if child.len.is_some() && ticks.is_none() => inner = child.end(file),
                    _ => break,
                }
                if ticks.is_some() {
                    break;
                }
            }
            out.extend(ticks.map(|ticks| (ticks, at)));
        }
        at = match part.len {
            Some(_) if part.id != SEGMENT => part.end(file).max(at + 1),
            // Its writer did not know its length: what is inside is stepped over one by one.
            _ => part.body,
        };
    }
    out.sort_unstable();
    Ok(out)
}

/// Where the next cluster seems to begin; the file's end if there is none, or none near enough.
pub(super) fn next_cluster(file: &MediaFile, mut at: u64) -> Result<u64, MediaError> {
    let mut buffer = vec![0; 1 << 16];
    let mut looked = 0;
    while at + 4 <= file.len() && looked < caps::RESYNC {
        let len = (file.len() - at).min(buffer.len() as u64) as usize;
        file.read_exact_at(&mut buffer[..len], at)?;
        if let Some(found) = buffer[..len].windows(4).position(|window| window == CLUSTER.to_be_bytes()) {
            return Ok(at + found as u64);
        }
        looked += len as u64;
        // A cluster's mark has no zero in it, so that none lies half in a hole.
        at = file.behind_hole(at + (len - 3) as u64);
    }
    Ok(file.len())
}

/// A number that an element holds.
pub(super) fn number(file: &MediaFile, part: &Element) -> Result<i64, MediaError> {
    let mut data = [0; 8];
    let len = part.len.unwrap_or(8).min(8) as usize;
    file.read_exact_at(&mut data[..len], part.body)?;
    Ok(uint(&data[..len]).map_or(0, |value| value as i64))
}

/// Whether an element may be stepped over: it may stand in or between clusters, or something that may do so stands right behind it, as behind
/// what a later version or a vendor has added. Anything else is taken for damage.
pub(super) fn passable(file: &MediaFile, part: &Element) -> bool {
    let within = |part: &Element| part.len.is_none_or(|len| part.body.saturating_add(len) <= file.len());
    let behind = |at| match element(file, at) {
        Ok(Some(next)) => {
            (known(next.id) || [CLUSTER, CLUSTER_TIME, SIMPLE_BLOCK, BLOCK_GROUP].contains(&next.id)) && within(&next)
        }
        _ => false,
    };
    let end = part.end(file);
    known(part.id) || part.len.is_some() && within(part) && (end == file.len() || behind(end))
}

fn known(id: u32) -> bool {
    matches!(
        id,
        0xec | 0xbf
            | 0xa7
            | 0xab
            | 0x5854
            | 0xaf
            | 0x1a45_dfa3
            | 0x1c53_bb6b
            | 0x1549_a966
            | 0x1654_ae6b
            | 0x114d_9b74
            | 0x1941_a469
            | 0x1043_a770
            | 0x1254_c367
    )
}
