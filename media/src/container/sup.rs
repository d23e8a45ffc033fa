//! Pictures of Blu-ray discs in a file of their own (`.sup`): segments, each behind `PG`, a time, another one, and its kind and length.
//! What is shown from one moment on is a set of them, from a composition to an end.

use std::sync::Arc;

use super::window::Window;
use super::{Contents, Extent, Packet, Packets, Track, TrackKind, caps};
use crate::subtitle::Codec;
use crate::times::units_ns;
use crate::{MediaError, MediaFile};

const COMPOSITION: u8 = 0x16;
const END: u8 = 0x80;
/// The bytes in front of a segment's kind and length.
const HEAD: u64 = 10;

/// When a set is due in ns, and where it lies.
type Listed = (i64, std::ops::Range<u64>);

/// A file whose segments were walked.
pub(crate) struct Sup {
    file: MediaFile,
    contents: Contents,
    listed: Arc<[Listed]>,
}

/// Whether a file begins as one.
pub(crate) fn is_sup(head: &[u8]) -> bool {
    head.starts_with(b"PG") && head.get(10) == Some(&COMPOSITION)
}

impl Sup {
    /// Walks the segments, up to where they make no sense. Errors: there are none, or the file cannot be read.
    pub(crate) fn read(file: &MediaFile) -> Result<Self, MediaError> {
        let (mut walk, mut at, mut listed) = (Window::new(file.clone()), 0, Vec::<Listed>::new());
        let mut open = false;
        while let [b'P', b'G', t0, t1, t2, t3, _, _, _, _, kind, high, low] = *walk.bytes(at, 13)? {
            let end = at + 13 + u64::from(u16::from_be_bytes([high, low]));
            if kind == COMPOSITION && listed.len() < caps::CUES {
                listed.push((units_ns(u32::from_be_bytes([t0, t1, t2, t3]), (1, 90_000)), at..at));
                open = true;
            }
            if let Some((_, place)) = listed.last_mut().filter(|_| open && end <= file.len()) {
                place.end = end;
            }
            open &= kind != END;
            at = end;
        }
        listed.retain(|(_, place)| !place.is_empty());
        // Times do not go back, but where files were joined.
        let mut last_ns = i64::MIN;
        listed.retain(|(pts_ns, _)| {
            let later = *pts_ns >= last_ns;
            last_ns = last_ns.max(*pts_ns);
            later
        });
        if listed.is_empty() {
            return Err(MediaError::Broken("PGS: it has no picture".into()));
        }
        let track = Track { text: Some((Codec::Pgs, Vec::new())), ..Track::new(TrackKind::Subtitle, "PGS") };
        let contents = Contents { format: "PGS", tracks: vec![track], ..Contents::default() };
        Ok(Self { file: file.clone(), contents, listed: listed.into() })
    }
}

impl super::Container for Sup {
    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn extent(&self, _track: usize) -> Option<Extent> {
        Some(Extent { start_ns: self.listed.first()?.0, end_ns: None, packets: Some(self.listed.len() as u64) })
    }

    fn packets(&self, _track: usize) -> Result<Box<dyn Packets>, MediaError> {
        Ok(Box::new(Reader { file: self.file.clone(), listed: self.listed.clone(), at: 0 }))
    }
}

struct Reader {
    file: MediaFile,
    listed: Arc<[Listed]>,
    at: usize,
}

impl Packets for Reader {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        let Some((pts_ns, place)) = self.listed.get(self.at) else { return Ok(None) };
        self.at += 1;
        let len = (place.end - place.start).min(caps::DISC_CODED as u64);
        let mut bytes = vec![0; len as usize];
        self.file.read_exact_at(&mut bytes, place.start)?;
        // As films have them: kinds and lengths alone.
        let (mut data, mut rest) = (Vec::with_capacity(bytes.len()), bytes.as_slice());
        while let Some(segment) = rest.get(HEAD as usize..).filter(|segment| segment.len() >= 3) {
            let len = 3 + usize::from(u16::from_be_bytes([segment[1], segment[2]]));
            let (segment, next) = segment.split_at(len.min(segment.len()));
            data.extend_from_slice(segment);
            rest = next;
        }
        Ok(Some(Packet::new(data, *pts_ns)))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.at = self.listed.partition_point(|(pts_ns, _)| *pts_ns <= target_ns).saturating_sub(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Container as _;
    use super::*;

    fn segment(at: u32, kind: u8, body: &[u8]) -> Vec<u8> {
        [&b"PG"[..], &at.to_be_bytes(), &[0; 4], &[kind], &(body.len() as u16).to_be_bytes(), body].concat()
    }

    #[test]
    fn sets_are_found_up_to_where_the_file_is_cut() {
        let set = |at: u32| [segment(at, COMPOSITION, b"abc"), segment(at, 0x14, b"d"), segment(at, END, b"")].concat();
        let bytes = [set(45_000), set(90_000), set(60_000), segment(9, END, b"")].concat();
        let read = |bytes: &[u8]| Sup::read(&MediaFile::from_bytes(bytes, "film.sup"));
        let sup = read(&bytes).unwrap();
        let mut packets = sup.packets(0).unwrap();
        let first = packets.next().unwrap().unwrap();
        assert_eq!((first.pts_ns, &first.data[..]), (500_000_000, &b"\x16\0\x03abc\x14\0\x01d\x80\0\0"[..]));
        packets.seek(1_000_000_000).unwrap();
        assert_eq!(packets.next().unwrap().unwrap().pts_ns, 1_000_000_000);
        assert!(packets.next().unwrap().is_none() && is_sup(&bytes) && !is_sup(b"PG"));
        for len in 0..bytes.len() {
            if let Ok(sup) = read(&bytes[..len]) {
                let mut packets = sup.packets(0).unwrap();
                while packets.next().unwrap().is_some() {}
            }
        }
        assert!(read(b"PG").is_err());
    }
}
