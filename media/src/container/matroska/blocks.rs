//! The blocks of a Matroska file, the packets of one track, and finding a time.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::timing::Timing;
use super::super::{Before, Packet, Packets, TrackKind, caps};
use super::clusters::{self, BLOCK_GROUP, CLUSTER_TIME, SIMPLE_BLOCK, next_cluster, number, passable};
use super::ebml::{Element, element, laces, vint};
use super::header::{CLUSTER, Header, Packing, SEGMENT, Track};
use crate::{MediaError, MediaFile};

const EBML: u32 = 0x1a45_dfa3;
const BLOCK: u32 = 0xa1;
const BLOCK_DURATION: u32 = 0x9b;
const REFERENCE: u32 = 0xfb;
const DISCARD_PADDING: u32 = 0x75a2;
/// How much later than its time a packet of a track that has few may lie in the file.
const LATE_NS: i64 = 2 * crate::NS;

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
    lacing: u8,
    duration_ticks: i64,
    discard_ns: i64,
    data: std::ops::Range<u64>,
}

/// Walks the blocks of all tracks.
pub(super) struct Blocks {
    file: MediaFile,
    place: Place,
}

impl Blocks {
    /// Starts at the first cluster.
    pub(super) fn new(file: MediaFile, clusters: u64) -> Self {
        Self { file, place: Place { at: clusters, cluster_ticks: 0 } }
    }

    /// When the first block of each track of pictures or sound is due, in ns.
    pub(super) fn starts(mut self, header: &Header) -> HashMap<u64, i64> {
        let timed = |track: &&Track| matches!(track.kind, TrackKind::Video | TrackKind::Audio);
        let mut unseen: Vec<u64> = header.tracks.iter().filter(timed).map(|track| track.number).collect();
        let mut starts = HashMap::new();
        for _ in 0..caps::FIRST_BLOCKS {
            let Ok(Some(block)) = self.block() else { break };
            if let Some(at) = unseen.iter().position(|&number| number == block.track) {
                starts.insert(unseen.swap_remove(at), block.ticks.saturating_mul(header.scale_ns));
            }
            if unseen.is_empty() {
                break;
            }
        }
        starts
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
                    self.place.cluster_ticks = number(&self.file, &part)?;
                    self.place.at = end;
                }
                SIMPLE_BLOCK | BLOCK_GROUP => {
                    self.place.at = end;
                    let block = if part.id == BLOCK_GROUP { self.group(&part)? } else { self.simple(part.body, end)? };
                    return if block.is_some() { Ok(block) } else { self.resync(start) };
                }
                // Its times and tracks would be others.
                EBML => {
                    self.place.at = self.file.len();
                    return Err(MediaError::Damaged("another Matroska file follows, which is not played".into()));
                }
                _ if part.len.is_some() && end > start && passable(&self.file, &part) => self.place.at = end,
                _ => return self.resync(start),
            }
        }
    }

    /// A block's header.
    fn simple(&self, start: u64, end: u64) -> Result<Option<Block>, MediaError> {
        let mut head = [0; 12];
        let have = end.saturating_sub(start).min(12) as usize;
        self.file.read_exact_at(&mut head[..have], start)?;
        let Some((Some(track), size)) = vint(&head[..have]) else { return Ok(None) };
        let Some(&[high, low, flags]) = head[..have].get(size..size + 3) else { return Ok(None) };
        Ok(Some(Block {
            track,
            ticks: self.place.cluster_ticks.saturating_add(i16::from_be_bytes([high, low]).into()),
            sync: flags & 0x80 != 0,
            lacing: flags >> 1 & 3,
            duration_ticks: 0,
            discard_ns: 0,
            data: start + size as u64 + 3..end,
        }))
    }

    /// The block of a group, with what the group says of it.
    fn group(&self, group: &Element) -> Result<Option<Block>, MediaError> {
        let end = group.end(&self.file);
        let (mut at, mut block, mut sync, mut duration_ticks, mut discard_ns) = (group.body, None, true, 0, 0);
        while at < end {
            let Some(part) = element(&self.file, at)? else { break };
            match part.id {
                BLOCK => block = Some(part),
                BLOCK_DURATION => duration_ticks = number(&self.file, &part)?,
                DISCARD_PADDING => {
                    // Signed, of as many bytes as it has.
                    let unused = 64 - 8 * part.len.unwrap_or(8).clamp(1, 8) as u32;
                    discard_ns = (number(&self.file, &part)? << unused) >> unused;
                }
                REFERENCE => sync = false,
                _ => {}
            }
            if part.len.is_none() {
                break;
            }
            at = part.end(&self.file).max(at + 1);
        }
        let Some(part) = block else { return Ok(None) };
        let block = self.simple(part.body, part.end(&self.file).min(end))?;
        Ok(block.map(|block| Block { sync, duration_ticks, discard_ns: discard_ns.max(0), ..block }))
    }

    /// Goes to the next cluster behind `from`.
    fn resync(&mut self, from: u64) -> Result<Option<Block>, MediaError> {
        self.place.at = next_cluster(&self.file, from + 1)?;
        let skipped = self.place.at - from;
        Err(MediaError::Damaged(if self.place.at < self.file.len() {
            format!("{skipped} bytes of Matroska make no sense")
        } else {
            "the rest of the Matroska file makes no sense, or is missing".into()
        }))
    }
}

/// Reads one track's blocks.
pub(super) struct Reader {
    blocks: Blocks,
    header: Arc<Header>,
    track: usize,
    /// Clusters by their times in ticks; made by the first seek.
    index: Option<Vec<(i64, u64)>>,
    /// Packets of a lace, last first.
    laced: Vec<Packet>,
    timing: Timing,
    /// It was said that a frame's time cannot be.
    warned: bool,
}

impl Reader {
    /// Starts at the first cluster.
    pub(super) fn new(file: MediaFile, header: Arc<Header>, track: usize) -> Self {
        let timing = Timing::new(header.duration_ns);
        let blocks = Blocks::new(file, header.clusters);
        Self { blocks, header, track, index: None, laced: Vec::new(), timing, warned: false }
    }

    fn track(&self) -> &Track {
        &self.header.tracks[self.track]
    }

    /// Undoes what was done to a frame.
    fn unpack(&self, frame: &[u8]) -> Result<Vec<u8>, MediaError> {
        match &self.track().packing {
            Packing::Stripped(prefix) => Ok([prefix.as_slice(), frame].concat()),
            Packing::Zlib => miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(frame, caps::PACKET as usize)
                .map_err(|_| MediaError::Damaged("a compressed frame of Matroska".into())),
            Packing::Other(why) => Err(MediaError::unsupported(format!("{why} Matroska"), crate::video::CONVERT)),
        }
    }

    /// Takes a block of this track apart.
    fn take(&mut self, block: &Block) -> Result<(), MediaError> {
        let len = block.data.end.saturating_sub(block.data.start);
        if len > caps::PACKET {
            return Err(MediaError::Damaged(format!("a block of {len} bytes")));
        }
        let mut data = vec![0; len as usize];
        self.blocks.file.read_exact_at(&mut data, block.data.start)?;
        let frames =
            laces(&data, block.lacing).ok_or_else(|| MediaError::Damaged("a lace of Matroska frames".into()))?;
        let count = frames.len() as i64;
        let ns = |ticks: i64| ticks.saturating_mul(self.header.scale_ns);
        let told = if block.duration_ticks > 0 { ns(block.duration_ticks) / count } else { self.track().frame_ns };
        let (pts_ns, lasts_ns, other) = match self.track().kind {
            // Nothing may be said for hours.
            TrackKind::Subtitle => (ns(block.ticks), told, false),
            _ => self.timing.place(ns(block.ticks), told.saturating_mul(count)),
        };
        let pts_ns = pts_ns.saturating_sub(self.track().delay_ns);
        let mut laced = Vec::with_capacity(frames.len());
        for (index, frame) in frames.into_iter().enumerate() {
            let place_ns = pts_ns.saturating_add(told.saturating_mul(index as i64));
            let mut packet = Packet::new(self.unpack(frame)?, place_ns);
            packet.sync = block.sync || self.track().kind == TrackKind::Audio;
            packet.duration_ns = if count == 1 { lasts_ns } else { told };
            // Of sound, only decoding tells how long the frames of a lace are.
            packet.follows = index > 0 && self.track().kind == TrackKind::Audio;
            packet.trim_ns = if index as i64 == count - 1 { block.discard_ns } else { 0 };
            laced.push(packet);
        }
        laced.reverse();
        self.laced = laced;
        // What is wrong is the time alone: the frame is shown.
        if other && !std::mem::replace(&mut self.warned, true) {
            tracing::warn!("damaged data: a frame's time is invalid; the frame is shown after the one before it");
        }
        Ok(())
    }

    /// Looks from cluster to `until` for the last packet of the track that can be begun with and is not due after
    /// `ticks`.
    fn last_before(&mut self, cluster: u64, until: u64, ticks: i64) -> Option<Place> {
        self.blocks.place = Place { at: cluster, cluster_ticks: 0 };
        let (number, sound) = (self.track().number, self.track().kind == TrackKind::Audio);
        let mut best = None;
        while self.blocks.place.at < until {
            let before = self.blocks.place;
            match self.blocks.block() {
                Ok(Some(block)) if block.track == number && (block.sync || sound) => {
                    if block.ticks > ticks {
                        break;
                    }
                    best = Some(before);
                }
                Ok(None) | Err(MediaError::Io(_)) => break,
                _ => {}
            }
        }
        best
    }
}

impl Packets for Reader {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        loop {
            if let Some(packet) = self.laced.pop() {
                return Ok(Some(packet));
            }
            let Some(block) = self.blocks.block()? else { return Ok(None) };
            if block.track == self.track().number {
                self.take(&block)?;
            }
        }
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.timing.jump();
        self.laced.clear();
        let start = Place { at: self.header.clusters, cluster_ticks: 0 };
        let ticks = target_ns.saturating_add(self.track().delay_ns).div_euclid(self.header.scale_ns);
        let index = match self.index.take().or_else(|| clusters::by_cues(&self.blocks.file, &self.header)) {
            Some(index) => index,
            None => clusters::walked(&self.blocks.file, &self.header)?,
        };
        // Blocks may be due a little before their cluster: one more of those behind is looked into.
        let end = |n: usize| index.get(n).map_or(self.blocks.file.len(), |(_, at)| *at);
        let behind = index.partition_point(|(cluster, _)| *cluster <= ticks);
        let ends: Vec<u64> = [behind + 1].into_iter().chain((1..behind).rev()).map(end).collect();
        let clusters: Vec<u64> = index.iter().take(behind).rev().map(|(_, at)| *at).collect();
        let found = clusters.iter().zip(ends).find_map(|(at, until)| self.last_before(*at, until, ticks));
        self.blocks.place = found.unwrap_or(start);
        self.index = Some(index);
        Ok(())
    }

    fn next_before(&mut self, until_ns: i64) -> Result<Before, MediaError> {
        let until = until_ns.saturating_add(LATE_NS).div_euclid(self.header.scale_ns);
        loop {
            if let Some(packet) = self.laced.pop() {
                return Ok(Before::Packet(packet));
            }
            let Some(block) = self.blocks.block()? else { return Ok(Before::End) };
            if block.track == self.track().number {
                self.take(&block)?;
            } else if block.ticks >= until {
                return Ok(Before::NotYet);
            }
        }
    }

    fn approach(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.timing.jump();
        self.laced.clear();
        let ticks = target_ns.div_euclid(self.header.scale_ns);
        let index = match self.index.take().or_else(|| clusters::by_cues(&self.blocks.file, &self.header)) {
            Some(index) => index,
            None => clusters::walked(&self.blocks.file, &self.header)?,
        };
        let before = index.partition_point(|(cluster, _)| *cluster <= ticks).checked_sub(1);
        let at = before.and_then(|n| index.get(n)).map_or(self.header.clusters, |(_, at)| *at);
        self.blocks.place = Place { at, cluster_ticks: 0 };
        self.index = Some(index);
        Ok(())
    }

    fn coarse(&self) -> bool {
        true
    }
}
