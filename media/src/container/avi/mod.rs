//! AVI, of one part or of many (OpenDML). What is in it is found by walking its chunks, so that an index that is missing, cut off
//! or wrong does no harm.
//!
//! A chunk has no time of its own: pictures are counted, and sound is counted by its bytes or its chunks. Pictures lie in the order
//! of decoding, and they themselves tell how they are shown (`order.rs`).

mod header;
mod order;

use std::sync::Arc;

use super::frames::Cutter;
use super::window::Window;
use super::{CodecId, Contents, Extent, Packet, Packets, TrackKind, VideoTrack, caps, riff};
use crate::times::units_ns;
use crate::{MediaError, MediaFile};
use header::{Stream, streams};

pub(super) use header::{codec, sound};
pub(super) use order::{Kind, Unpacker, is_same, vops};

use order::Picture;

/// Bytes looked through at once by a reader that is lost.
const SEARCH: usize = 1 << 16;
/// Bytes of a picture that are looked at for its type.
const HEAD: usize = 512;
/// Bytes of one that are looked at for its place where those tell none.
const FRONT: usize = 64 << 10;

/// A file whose chunks were walked.
pub(super) struct Avi {
    file: MediaFile,
    contents: Contents,
    /// In the order of the contents.
    tracks: Vec<Arc<Listed>>,
}

/// A track: how its time is counted, and its chunks.
struct Listed {
    stream: Stream,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: u64,
    len: u32,
    /// When it is due, in what the stream counts.
    due: u64,
    sync: bool,
}

impl Listed {
    fn ns(&self, units: u64) -> i64 {
        units_ns(units, (self.stream.scale, self.stream.rate))
    }
}

impl Avi {
    /// Reads the header and walks the chunks. Errors: there is no header or no track.
    pub(super) fn read(file: &MediaFile) -> Result<Self, MediaError> {
        let mut walk = Window::new(file.clone());
        let mut contents = Contents { format: "AVI", ..Contents::default() };
        let mut found: Vec<(Stream, Collected)> = Vec::new();
        let (mut at, mut listed) = (0u64, 0);
        while at.saturating_add(8) <= file.len() {
            let [k0, k1, k2, k3, s0, s1, s2, s3] = *walk.bytes(at, 8)?.first_chunk().unwrap_or(&[0; 8]);
            let (kind, len) = ([k0, k1, k2, k3], u32::from_le_bytes([s0, s1, s2, s3]));
            let (body, end) = (at + 8, at + 8 + u64::from(len) + u64::from(len & 1));
            match &kind {
                b"RIFF" | b"LIST" if walk.bytes(body, 4)? == b"hdrl" => {
                    if u64::from(len) > caps::INDEX {
                        return Err(MediaError::Broken("AVI: a header without an end".into()));
                    }
                    if found.is_empty() {
                        let (list, tracks) = streams(walk.bytes(body + 4, len.saturating_sub(4) as usize)?);
                        contents.tracks = tracks;
                        found = list
                            .into_iter()
                            .zip(&contents.tracks)
                            .map(|(stream, track)| (stream, Collected::of(track.video.as_ref())))
                            .collect();
                    }
                    at = end;
                }
                b"RIFF" | b"LIST" => at = body + 4,
                [tens @ b'0'..=b'9', ones @ b'0'..=b'9', a, b]
                    if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() =>
                {
                    let number = usize::from(tens - b'0') * 10 + usize::from(ones - b'0');
                    if let Some((stream, collected)) = found.get_mut(number) {
                        listed += 1;
                        if end > file.len() || listed > caps::SAMPLES {
                            break;
                        }
                        collected.take(stream, &mut walk, body, len)?;
                    }
                    at = end;
                }
                kind if riff::wanted(kind, len) > 0 && contents.tags.len() < caps::ENTRIES => {
                    contents.tags.extend(riff::word(kind, walk.bytes(body, riff::wanted(kind, len))?));
                    at = end;
                }
                kind if kind.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ') => at = end,
                // Damage: on to the next chunk of a track.
                _ => at = resync(&mut walk, at + 1)?,
            }
        }
        if found.is_empty() {
            return Err(MediaError::Broken("AVI: it lists no tracks in its beginning".into()));
        }
        let mut tracks = Vec::new();
        for ((stream, collected), track) in found.into_iter().zip(&contents.tracks) {
            let entries = match &track.video {
                Some(_) => {
                    let reordered = collected.unpacker.and_then(|unpacker| unpacker.reordered());
                    order::times(&collected.pictures, stream.start, reordered)
                }
                None => collected.entries,
            };
            tracks.push(Arc::new(Listed { stream, entries }));
        }
        Ok(Self { file: file.clone(), contents, tracks })
    }
}

/// What was found of a track so far.
#[derive(Default)]
struct Collected {
    pictures: Vec<Picture>,
    unpacker: Option<Unpacker>,
    entries: Vec<Entry>,
    /// Chunks, or bytes, of sound.
    units: u64,
}

impl Collected {
    fn of(video: Option<&VideoTrack>) -> Self {
        let unpacker = video.map(|video| {
            let mut unpacker = Unpacker::new(video.codec.clone());
            // What its pictures refer to may stand here alone.
            video.configs.iter().for_each(|config| unpacker.ahead(config));
            unpacker
        });
        Self { unpacker, ..Self::default() }
    }

    fn take(&mut self, stream: &Stream, walk: &mut Window, at: u64, len: u32) -> Result<(), MediaError> {
        if let Some(unpacker) = &mut self.unpacker {
            if self.pictures.is_empty() || unpacker.packed {
                let data = walk.bytes(at, len as usize)?.to_vec();
                unpacker.take(&data, at, &mut self.pictures);
            } else {
                let mut place = None;
                // A picture of those that count may begin with long messages.
                for some in [HEAD, FRONT] {
                    place = place.or(unpacker.place(walk.bytes(at, some.min(len as usize))?));
                    if place.is_some() || len as usize <= some || !unpacker.counts() {
                        break;
                    }
                }
                let head = walk.bytes(at, HEAD.min(len as usize))?;
                self.pictures.push(Picture { at, len, kind: unpacker.kind(head), place });
            }
            return Ok(());
        }
        if len > 0 {
            self.entries.push(Entry { at, len, due: stream.start + self.units, sync: true });
        }
        self.units += match (stream.sample, stream.block) {
            (0, 0) => 1,
            (0, block) => u64::from(len.div_ceil(block)),
            (_, _) => u64::from(len),
        };
        Ok(())
    }
}

/// Where the next chunk of a track may begin, at `from` or later.
fn resync(file: &mut Window, from: u64) -> Result<u64, MediaError> {
    let mut at = from;
    loop {
        let some = file.bytes(at, SEARCH)?;
        let begins =
            |four: &[u8]| four[..2].iter().all(u8::is_ascii_digit) && matches!(&four[2..], b"dc" | b"db" | b"wb");
        match some.windows(4).position(begins) {
            Some(skipped) => return Ok(at + skipped as u64),
            None if some.len() < SEARCH => return Ok(file.len()),
            None => at = file.behind_zeros(at + (SEARCH - 3) as u64)?,
        }
    }
}

impl super::Container for Avi {
    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn extent(&self, track: usize) -> Option<Extent> {
        let listed = self.tracks.get(track)?;
        let start = listed.entries.iter().map(|entry| entry.due).min()?;
        let end = match listed.stream.pictures {
            Some(_) => listed.entries.iter().map(|entry| entry.due + 1).max()?,
            None => {
                let last = listed.entries.last()?;
                let units = if listed.stream.sample == 0 { 1 } else { u64::from(last.len) };
                last.due + units
            }
        };
        let packets = listed.stream.pictures.as_ref().map(|_| listed.entries.len() as u64);
        Some(Extent { start_ns: listed.ns(start), end_ns: Some(listed.ns(end)), packets })
    }

    fn packets(&self, track: usize) -> Result<Box<dyn Packets>, MediaError> {
        // Of pictures that are refused, their codec's name says more.
        let refused = |video: &VideoTrack| matches!(video.codec, CodecId::Other(_));
        let refused = self.contents.tracks.get(track).and_then(|track| track.video.as_ref()).is_some_and(refused);
        let listed = self.tracks.get(track).filter(|listed| refused || !listed.entries.is_empty());
        let listed = listed.ok_or_else(|| MediaError::Broken("AVI: nothing of the track is in the file".into()))?;
        let (file, listed) = (self.file.clone(), listed.clone());
        Ok(Box::new(Reader { file, listed, at: 0, cutter: Cutter::default(), ready: Vec::new() }))
    }
}

struct Reader {
    file: MediaFile,
    listed: Arc<Listed>,
    at: usize,
    cutter: Cutter,
    /// What is to be handed out, last first.
    ready: Vec<Packet>,
}

impl Packets for Reader {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        loop {
            if let Some(packet) = self.ready.pop() {
                return Ok(Some(packet));
            }
            let Some(&Entry { at, len, due, sync }) = self.listed.entries.get(self.at) else { return Ok(None) };
            self.at += 1;
            if u64::from(len) > caps::PACKET {
                return Err(MediaError::Damaged(format!("a chunk of {len} bytes")));
            }
            let mut data = vec![0; len as usize];
            self.file.read_exact_at(&mut data, at)?;
            if !self.listed.stream.cut {
                let duration_ns = if self.listed.stream.pictures.is_some() { self.listed.ns(1) } else { 0 };
                return Ok(Some(Packet { sync, duration_ns, ..Packet::new(data, self.listed.ns(due)) }));
            }
            let mut timed = true;
            for frame in self.cutter.cut(&data) {
                // Counted by the byte, each frame has a time; by the chunk, the first one that begins in it.
                let by_byte = self.listed.stream.sample > 0;
                let pts_ns =
                    if by_byte { self.listed.ns(due.saturating_add_signed(frame.offset)) } else { self.listed.ns(due) };
                let follows = !by_byte && (frame.offset < 0 || !std::mem::take(&mut timed));
                self.ready.push(Packet { follows, ..Packet::new(frame.data, pts_ns) });
            }
            self.ready.reverse();
        }
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.cutter.jump();
        self.ready.clear();
        let listed = &self.listed;
        if listed.stream.pictures.is_none() {
            let before = listed.entries.partition_point(|entry| listed.ns(entry.due) <= target_ns);
            // The frame that has the wanted sample may have begun in the chunk before.
            self.at = before.saturating_sub(2);
            return Ok(());
        }
        let syncs = || listed.entries.iter().enumerate().filter(|(_, entry)| entry.sync);
        let before = syncs().rfind(|(_, entry)| listed.ns(entry.due) <= target_ns);
        self.at = before.or_else(|| syncs().next()).map_or(0, |(at, _)| at);
        Ok(())
    }

    fn coarse(&self) -> bool {
        self.listed.stream.cut
    }
}

impl TrackKind {
    fn of(kind: &[u8]) -> Self {
        match kind {
            b"vids" => Self::Video,
            b"auds" => Self::Audio,
            b"txts" => Self::Subtitle,
            _ => Self::Other,
        }
    }
}
