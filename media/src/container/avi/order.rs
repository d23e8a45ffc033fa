//! In which order an AVI's pictures are shown. The file has them in the order of decoding, a time each. H.264 and HEVC count their pictures. Of
//! other codecs, a picture that refers to later ones (B) is shown at its own time, and any other at the next such one's.

use super::super::CodecId;
use std::borrow::Cow;

use super::super::raw::Places;
use super::Entry;
use crate::times::units_ns;
use crate::video::bits::Bits;
use crate::video::nal::{Config, Framing, record, with_start_codes};

/// What the order depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// Decoding can begin here.
    Key,
    /// Shown after those that were decoded before it.
    Plain,
    /// Shown before the one that was decoded before it.
    Early,
}

/// A picture in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picture {
    pub(super) at: u64,
    pub(super) len: u32,
    pub(super) kind: Kind,
    /// Its place in the order of showing, where the codec counts.
    pub(super) place: Option<(u32, i64)>,
}

impl Kind {
    /// What the beginning of a picture tells.
    fn of(codec: &CodecId, head: &[u8]) -> Self {
        match codec {
            CodecId::Mpeg4 => vops(head).next().map_or(Self::Key, |(_, kind)| kind),
            CodecId::H264 => h264(head),
            CodecId::Mpeg12 => {
                let picture = head.windows(6).find(|window| window[..4] == [0, 0, 1, 0]);
                match picture.map(|head| head[5] >> 3 & 7) {
                    Some(2) => Self::Plain,
                    Some(3) => Self::Early,
                    _ => Self::Key,
                }
            }
            CodecId::Hevc => {
                let kinds =
                    head.windows(4).filter(|window| window[..3] == [0, 0, 1]).map(|window| window[3] >> 1 & 0x3f);
                Self::key(kinds.into_iter().any(|kind| (16..=21).contains(&kind)))
            }
            CodecId::Vp8 => Self::key(head.first().is_some_and(|first| first & 1 == 0)),
            // Profile 3 has one bit more in front of what tells.
            CodecId::Vp9 => Self::key(
                head.first().is_some_and(|first| (first >> (if first & 0x30 == 0x30 { 1 } else { 2 })) & 3 == 0),
            ),
            // A sequence's header, behind what separates pictures.
            CodecId::Av1 => {
                Self::key(head.strip_prefix(&[0x12, 0]).unwrap_or(head).first().is_some_and(|unit| unit >> 3 & 15 == 1))
            }
            CodecId::Theora => Self::key(head.first().is_some_and(|first| first & 0x40 == 0)),
            _ => Self::Key,
        }
    }

    fn key(is: bool) -> Self {
        if is { Self::Key } else { Self::Plain }
    }
}

/// The pictures of MPEG-4 in a chunk: where each begins, and what it is.
pub(in super::super) fn vops(data: &[u8]) -> impl Iterator<Item = (usize, Kind)> + '_ {
    data.windows(5).enumerate().filter(|(_, window)| window[..4] == [0, 0, 1, 0xb6]).map(|(at, window)| {
        let kind = match window[4] >> 6 {
            0 => Kind::Key,
            2 => Kind::Early,
            _ => Kind::Plain,
        };
        (at, kind)
    })
}

fn h264(head: &[u8]) -> Kind {
    for (at, window) in head.windows(4).enumerate() {
        if window[..3] != [0, 0, 1] {
            continue;
        }
        match window[3] & 0x1f {
            5 | 7 => return Kind::Key,
            1 => {
                let mut bits = Bits::new(head.get(at + 4..).unwrap_or_default());
                let kind = bits.ue().and_then(|_| bits.ue());
                return if matches!(kind, Some(1 | 6)) { Kind::Early } else { Kind::Plain };
            }
            _ => {}
        }
    }
    Kind::Plain
}

/// Takes apart what old writers packed: two pictures in one chunk, for which the next one says that nothing has changed.
pub(in super::super) struct Unpacker {
    codec: CodecId,
    pub(super) packed: bool,
    waiting: Option<Picture>,
    places: Option<Places>,
    /// Units of H.264 and HEVC stand behind lengths of so many bytes, not behind start codes.
    length: Option<usize>,
}

impl Unpacker {
    /// For pictures of `codec`.
    pub(in super::super) fn new(codec: CodecId) -> Self {
        Self { packed: false, waiting: None, places: Places::of(&codec), length: None, codec }
    }

    /// Takes a chunk with all its data.
    pub(super) fn take(&mut self, data: &[u8], at: u64, out: &mut Vec<Picture>) {
        let (kind, place) = (self.kind(data), self.place(data));
        let whole = Picture { at, len: data.len() as u32, kind, place };
        if self.codec != CodecId::Mpeg4 {
            out.push(whole);
            return;
        }
        self.packed |= says_packed(data);
        let (mut found, before) = (vops(data), out.len());
        let first = found.next();
        out.extend(self.waiting.take());
        let second = found.next();
        let head = Picture { len: second.map_or(whole.len, |(at, _)| at as u32), ..whole };
        if out.len() == before {
            out.push(head);
        } else if first.is_some() && !is_same(data) {
            self.waiting = Some(head);
        }
        if let Some((split, kind)) = second {
            self.waiting = Some(Picture { at: at + split as u64, len: whole.len - split as u32, kind, place: None });
        }
    }

    /// Whether the codec counts its pictures.
    pub(in super::super) fn counts(&self) -> bool {
        self.places.is_some()
    }

    /// See [`Places::reordered`].
    pub(in super::super) fn reordered(&self) -> Option<u32> {
        self.places.as_ref()?.reordered()
    }

    /// How long a picture is shown, in ns, if its codec counts and the stream says so.
    pub(in super::super) fn step_ns(&self) -> Option<i64> {
        let (rate, per) = self.places.as_ref()?.rate()?;
        Some(units_ns(1, (per, rate)))
    }

    /// Takes what the file says of all pictures.
    pub(in super::super) fn ahead(&mut self, config: &[u8]) {
        let Some((places, Config { framing, sets })) = self.places.as_mut().zip(record(&self.codec, config)) else {
            return;
        };
        let sets: Vec<u8> = sets.iter().flat_map(|set| [&[0, 0, 1], set.as_slice()].concat()).collect();
        places.place(&sets);
        self.length = if let Framing::Length(length) = framing { Some(length) } else { None };
    }

    /// What a picture is that begins so.
    pub(in super::super) fn kind(&self, head: &[u8]) -> Kind {
        Kind::of(&self.codec, &units(head, self.length))
    }

    /// Where a picture is shown that begins so, if its codec counts.
    pub(in super::super) fn place(&mut self, data: &[u8]) -> Option<(u32, i64)> {
        let length = self.length;
        self.places.as_mut()?.place(&units(data, length))
    }
}

/// Behind start codes, what may stand behind lengths of so many bytes.
fn units(data: &[u8], length: Option<usize>) -> Cow<'_, [u8]> {
    length.map_or(Cow::Borrowed(data), |length| Cow::Owned(with_start_codes(data, length)))
}

/// What DivX writes into the first picture: its version, its build, and a `p`.
fn says_packed(data: &[u8]) -> bool {
    data.windows(4).take(HEADERS).enumerate().filter(|(_, window)| window == b"DivX").any(|(at, _)| {
        let rest = &data[at + 4..data.len().min(at + 32)];
        rest.split(|byte| *byte == 0).next().is_some_and(|text| text.last() == Some(&b'p'))
    })
}

/// Bytes in front of the first picture in which its writer may have named itself.
const HEADERS: usize = 1024;

/// Whether a chunk only says that nothing has changed.
pub(in super::super) fn is_same(data: &[u8]) -> bool {
    data.len() <= 16
}

/// When each picture is due.
/// `reordered` is how many pictures the codec puts in front of one that is shown earlier, where it says so.
pub(super) fn times(pictures: &[Picture], start: u64, reordered: Option<u32>) -> Vec<Entry> {
    let there = || pictures.iter().filter(|picture| picture.len > 0);
    if there().next().is_some() && there().all(|picture| picture.place.is_some()) {
        return counted(pictures, start, reordered);
    }
    let early = pictures.iter().any(|picture| picture.kind == Kind::Early);
    let mut entries: Vec<Entry> = Vec::with_capacity(pictures.len());
    // A chunk of no bytes stands for a picture that was left out: the one before it is shown for longer.
    let mut last: Option<usize> = None;
    let mut end = start;
    for (slot, picture) in (start..).zip(pictures) {
        end = slot + 1;
        if picture.len == 0 {
            continue;
        }
        let sync = picture.kind == Kind::Key;
        if early
            && picture.kind != Kind::Early
            && let Some(last) = last.replace(entries.len())
        {
            entries[last].due = slot;
        }
        entries.push(Entry { at: picture.at, len: picture.len, due: slot, sync });
    }
    if let Some(last) = last {
        entries[last].due = end;
    }
    entries
}

/// By the codec's own count. The times of the file are those of decoding: a picture is shown at the time of one so much later that every
/// picture is decoded by then.
fn counted(pictures: &[Picture], start: u64, reordered: Option<u32>) -> Vec<Entry> {
    let slots: Vec<(u64, &Picture)> = (start..).zip(pictures).filter(|(_, picture)| picture.len > 0).collect();
    let mut shown: Vec<usize> = (0..slots.len()).collect();
    // Those of one place stay in the order of decoding.
    shown.sort_by_key(|&n| slots[n].1.place);
    let mut entries: Vec<Entry> = slots
        .iter()
        .map(|(slot, picture)| Entry { at: picture.at, len: picture.len, due: *slot, sync: picture.kind == Kind::Key })
        .collect();
    let needed = shown.iter().enumerate().map(|(rank, n)| n.saturating_sub(rank)).max().unwrap_or(0);
    let late = needed.max(reordered.unwrap_or(0) as usize);
    let end = start + pictures.len() as u64;
    for (rank, n) in shown.into_iter().enumerate() {
        let at = rank + late;
        entries[n].due = slots.get(at).map_or_else(|| end + (at - slots.len()) as u64, |(slot, _)| *slot);
    }
    entries
}
