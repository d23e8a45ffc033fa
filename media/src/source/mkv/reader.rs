//! The blocks of one track, and finding key frames.

use super::ebml::{Element, child, children, element, uint, vint};
use super::tracks::{CLUSTER, Header, SEGMENT, Track, load};
use crate::source::mp4::read_exact;
use crate::video::packet::{Packet, Packets};
use crate::video::timing::Timing;
use crate::{MediaError, MediaFile};

const CLUSTER_TIME: u32 = 0xe7;
const SIMPLE_BLOCK: u32 = 0xa3;
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const BLOCK_DURATION: u32 = 0x9b;
const REFERENCE: u32 = 0xfb;
/// Blocks that are looked at for the tracks' first timestamps.
const FIRST_BLOCKS: usize = 2000;

/// A place in the file from where blocks are read.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    cluster_ticks: i64,
}

/// What a block's header says, and where its data is.
struct Block {
    track: u64,
    ticks: i64,
    sync: bool,
    laced: bool,
    duration_ticks: i64,
    data: std::ops::Range<u64>,
}

/// Reads one track's blocks.
pub(super) struct Reader {
    file: MediaFile,
    header: Header,
    track: Track,
    place: Place,
    /// The smallest first timestamp of any track: the film's start.
    zero_ticks: i64,
    /// Key frames by their ticks, each with a place from where it is the next one; made by the first seek.
    index: Option<Vec<(i64, Place)>>,
    timing: Timing,
    /// It was said that a frame's time cannot be.
    warned: bool,
}

impl Reader {
    /// Starts at the first cluster.
    pub(super) fn new(file: MediaFile, header: Header, track: Track) -> Self {
        let place = Place { at: header.clusters, cluster_ticks: 0 };
        let timing = Timing::new(header.duration_ns);
        let mut reader = Self { file, header, track, place, zero_ticks: 0, index: None, timing, warned: false };
        reader.zero_ticks = reader.first_ticks();
        reader.place = place;
        reader
    }

    /// The smallest first timestamp of the picture and sound tracks.
    fn first_ticks(&mut self) -> i64 {
        let timed = |track: &&Track| track.audio || track.video.is_some();
        let mut unseen: Vec<u64> = self.header.tracks.iter().filter(timed).map(|track| track.number).collect();
        let mut first = i64::MAX;
        for _ in 0..FIRST_BLOCKS {
            let Ok(Some(block)) = self.block() else { break };
            if let Some(at) = unseen.iter().position(|&number| number == block.track) {
                unseen.swap_remove(at);
                first = first.min(block.ticks);
            }
            if unseen.is_empty() {
                break;
            }
        }
        if first == i64::MAX { 0 } else { first }
    }

    /// The next block of any track; damage is skipped to the next cluster.
    fn block(&mut self) -> Result<Option<Block>, MediaError> {
        loop {
            let start = self.place.at;
            let Some(part) = (if start < self.file.len() { element(&self.file, start)? } else { None }) else {
                return if start >= self.file.len() { Ok(None) } else { self.resync(start) };
            };
            let end = part.end(&self.file);
            if part.len.is_some_and(|len| part.body.saturating_add(len) > self.file.len()) && part.id != CLUSTER {
                // A header that is no header, or the last element of a file that was cut off.
                return self.resync(start);
            }
            match part.id {
                SEGMENT | CLUSTER => self.place.at = part.body,
                CLUSTER_TIME => {
                    self.place.cluster_ticks = self.number(&part)?;
                    self.place.at = end;
                }
                SIMPLE_BLOCK => {
                    self.place.at = end;
                    let Some(block) = self.simple(part.body, end, None)? else { return self.resync(start) };
                    return Ok(Some(block));
                }
                BLOCK_GROUP => {
                    self.place.at = end;
                    let Some(block) = self.group(&part)? else { return self.resync(start) };
                    return Ok(Some(block));
                }
                _ if part.len.is_some() && end > start && known(part.id) => self.place.at = end,
                _ => return self.resync(start),
            }
        }
    }

    fn number(&self, part: &Element) -> Result<i64, MediaError> {
        let mut data = [0; 8];
        let len = part.len.unwrap_or(8).min(8) as usize;
        read_exact(&self.file, &mut data[..len], part.body)?;
        Ok(uint(&data[..len]).and_then(|value| i64::try_from(value).ok()).unwrap_or(0))
    }

    /// A block's header; `key` overrules its flag where the group around it tells.
    fn simple(&self, start: u64, end: u64, key: Option<bool>) -> Result<Option<Block>, MediaError> {
        let mut head = [0; 12];
        let have = end.saturating_sub(start).min(12) as usize;
        read_exact(&self.file, &mut head[..have], start)?;
        let Some((Some(track), size)) = vint(&head[..have]) else { return Ok(None) };
        let Some(&[high, low, flags]) = head[..have].get(size..size + 3) else { return Ok(None) };
        Ok(Some(Block {
            track,
            ticks: self.place.cluster_ticks.saturating_add(i16::from_be_bytes([high, low]).into()),
            sync: key.unwrap_or(flags & 0x80 != 0),
            laced: flags & 0x06 != 0,
            duration_ticks: 0,
            data: start + size as u64 + 3..end,
        }))
    }

    fn group(&self, group: &Element) -> Result<Option<Block>, MediaError> {
        let end = group.end(&self.file);
        let (mut at, mut block, mut key, mut duration) = (group.body, None, true, 0);
        while at < end {
            let Some(part) = element(&self.file, at)? else { break };
            match part.id {
                BLOCK => block = Some(part),
                BLOCK_DURATION => duration = self.number(&part)?,
                REFERENCE => key = false,
                _ => {}
            }
            if part.len.is_none() {
                break;
            }
            at = part.end(&self.file).max(at + 1);
        }
        let Some(part) = block else { return Ok(None) };
        let block = self.simple(part.body, part.end(&self.file).min(end), Some(key))?;
        Ok(block.map(|block| Block { duration_ticks: duration, ..block }))
    }

    /// Goes to the next cluster behind `from`.
    fn resync(&mut self, from: u64) -> Result<Option<Block>, MediaError> {
        let mut buffer = vec![0; 1 << 16];
        let mut at = from + 1;
        while at + 4 <= self.file.len() {
            let len = (self.file.len() - at).min(buffer.len() as u64) as usize;
            read_exact(&self.file, &mut buffer[..len], at)?;
            if let Some(found) = buffer[..len].windows(4).position(|window| window == CLUSTER.to_be_bytes()) {
                self.place.at = at + found as u64;
                let skipped = self.place.at - from;
                return Err(MediaError::Damaged(format!("{skipped} bytes of Matroska make no sense")));
            }
            at += (len - 3) as u64;
        }
        self.place.at = self.file.len();
        Err(MediaError::Damaged("the rest of the Matroska file makes no sense, or is missing".into()))
    }

    fn ns(&self, ticks: i64) -> i64 {
        ticks.saturating_sub(self.zero_ticks).saturating_mul(self.header.scale_ns)
    }

    /// The cues of the track.
    fn cues(&self) -> Option<Vec<(i64, Place)>> {
        let cues = load(&self.file, self.header.cues.as_ref()?).ok()?;
        let mut points = Vec::new();
        for (_, point) in children(&cues).filter(|(id, _)| *id == 0xbb) {
            let Some(ticks) = child(point, 0xb3).and_then(uint) else { continue };
            for (_, place) in children(point).filter(|(id, _)| *id == 0xb7) {
                if child(place, 0xf7).and_then(uint) == Some(self.track.number) {
                    let at = self.header.segment.saturating_add(child(place, 0xf1).and_then(uint)?);
                    points.push((i64::try_from(ticks).ok()?, Place { at, cluster_ticks: 0 }));
                }
            }
        }
        (!points.is_empty()).then_some(points)
    }

    /// Looks at each block's header once.
    fn scan(&mut self) -> Vec<(i64, Place)> {
        self.place = Place { at: self.header.clusters, cluster_ticks: 0 };
        let mut points = Vec::new();
        while self.place.at < self.file.len() {
            let before = self.place;
            match self.block() {
                Ok(Some(block)) if block.track == self.track.number && block.sync => points.push((block.ticks, before)),
                Ok(None) | Err(MediaError::Io(_)) => break,
                _ => {}
            }
        }
        points
    }

    /// Goes to `place` and on to the key frame of `ticks` or, if it is not there, the first behind it. Whether one is
    /// there that is not due after `target`.
    fn enter(&mut self, ticks: i64, place: Place, target: i64) -> bool {
        self.place = place;
        loop {
            let before = self.place;
            match self.block() {
                Ok(Some(block)) if block.track == self.track.number && block.sync && block.ticks >= ticks => {
                    self.place = before;
                    return block.ticks <= target;
                }
                Ok(None) | Err(_) => return false,
                _ => {}
            }
        }
    }
}

/// Whether an element may stand in or between clusters; anything else is taken for damage.
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

impl Packets for Reader {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        loop {
            let Some(block) = self.block()? else { return Ok(None) };
            if block.track != self.track.number {
                continue;
            }
            if block.laced {
                return Err(MediaError::Damaged("a Matroska video block with lacing".into()));
            }
            let mut data = self.track.prefix.clone();
            let from = data.len();
            data.resize(from + (block.data.end.saturating_sub(block.data.start)) as usize, 0);
            read_exact(&self.file, &mut data[from..], block.data.start)?;
            let told = block.duration_ticks.saturating_mul(self.header.scale_ns);
            let told = if told > 0 { told } else { self.track.frame_ns };
            let (pts_ns, duration_ns, other) = self.timing.place(self.ns(block.ticks), told);
            // What is wrong is the time alone: the frame is shown.
            if other && !std::mem::replace(&mut self.warned, true) {
                tracing::warn!("video: damaged data: a frame's time cannot be; it follows the one before");
            }
            return Ok(Some(Packet { data, pts_ns, duration_ns, sync: block.sync, hidden: false }));
        }
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.timing.jump();
        let target = target_ns / self.header.scale_ns + self.zero_ticks;
        let mut scanned = false;
        loop {
            let points = match self.index.take() {
                Some(points) => points,
                // Without cues, or where they lie, the file is looked through once.
                None => match self.cues().filter(|_| !scanned) {
                    Some(cues) => cues,
                    None => {
                        scanned = true;
                        self.scan()
                    }
                },
            };
            let before = points.iter().filter(|(ticks, _)| *ticks <= target).max_by_key(|(ticks, _)| *ticks).copied();
            if before.is_some_and(|(ticks, place)| self.enter(ticks, place, target)) {
                self.index = Some(points);
                return Ok(());
            }
            if before.is_none() || scanned {
                self.index = Some(points);
                self.place = Place { at: self.header.clusters, cluster_ticks: 0 };
                return Ok(());
            }
            scanned = true;
            self.index = Some(self.scan());
        }
    }
}
