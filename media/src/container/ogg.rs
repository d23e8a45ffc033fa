//! The length of an Ogg file of several links: each is a stream of its own, so that the last page alone tells nothing.

use crate::times::units_ns;
use crate::{MediaFile, caps};

/// A page's head: its stream, its position, whether it begins one, and the length of head and body.
struct Page {
    serial: u32,
    granule: i64,
    begins: bool,
    head: u64,
    len: u64,
}

fn page(file: &MediaFile, at: u64) -> Option<Page> {
    let mut head = [0; 27 + 255];
    let have = file.read_at(&mut head, at).ok()?;
    let head = head.get(..have)?;
    let count = usize::from(*head.strip_prefix(b"OggS")?.get(22)?);
    let body: u64 = head.get(27..27 + count)?.iter().map(|&len| u64::from(len)).sum();
    Some(Page {
        serial: u32::from_le_bytes(*head.get(14..)?.first_chunk()?),
        granule: i64::from_le_bytes(*head.get(6..)?.first_chunk()?),
        begins: head.get(5)? & 2 != 0,
        head: 27 + count as u64,
        len: 27 + count as u64 + body,
    })
}

/// Positions per second and those in front of the sound, by a stream's first packet.
fn rate(file: &MediaFile, at: u64) -> Option<(i64, i64)> {
    let mut first = [0; 64];
    let have = file.read_at(&mut first, at).ok()?;
    let first = first.get(..have)?;
    if first.starts_with(b"OpusHead") {
        return Some((48_000, u16::from_le_bytes(*first.get(10..)?.first_chunk()?).into()));
    }
    if first.starts_with(b"\x01vorbis") {
        return Some((u32::from_le_bytes(*first.get(12..)?.first_chunk()?).into(), 0));
    }
    // FLAC: behind nine bytes of mapping, `fLaC` and the head of a block, 20 bits at the tenth byte of it.
    let info = first.strip_prefix(b"\x7fFLAC")?.get(12..)?;
    Some(((u32::from_be_bytes(*info.get(10..)?.first_chunk()?) >> 12).into(), 0))
}

/// The length of all links together, in ns; `None` if there is but one, or something that is not understood.
pub(super) fn chain_ns(file: &MediaFile) -> Option<i64> {
    if file.len() > caps::OGG_WALKED {
        return None;
    }
    let (mut at, mut links) = (0, Vec::<(u32, i64, i64, i64)>::new());
    while at < file.len() {
        let page = page(file, at)?;
        if page.begins {
            let (rate, skip) = rate(file, at + page.head)?;
            links.push((page.serial, rate.max(1), skip, 0));
        } else if let Some(link) = links.iter_mut().rev().find(|link| link.0 == page.serial) {
            link.3 = link.3.max(page.granule);
        }
        at += page.len;
    }
    let length = |(_, rate, skip, end): &(u32, i64, i64, i64)| units_ns(end.saturating_sub(*skip).max(0), (1, *rate));
    (links.len() > 1).then(|| links.iter().map(length).fold(0, i64::saturating_add))
}
