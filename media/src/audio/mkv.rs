//! The audio track of a Matroska or WebM file, read block by block. Seeks walk the clusters' headers, so they need no
//! cues and are exact; blocks of other tracks are stepped over without being read.

mod ebml;
mod tracks;

use std::collections::HashSet;

use super::mp4::Opened;
use super::{Demux, Packet};
use crate::{MediaError, MediaFile, NS};
use ebml::{Element, Scanner, number, vint};
use tracks::Track;

const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TRACKS: u32 = 0x1654_ae6b;
const CLUSTER: u32 = 0x1f43_b675;
const TIMESTAMP: u32 = 0xe7;
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const SIMPLE_BLOCK: u32 = 0xa3;
const DISCARD_PADDING: u32 = 0x75a2;
/// No audio block is larger; a claim beyond it is damage.
const MAX_BLOCK: u64 = 16 << 20;
/// How far the start is searched for each track's first block.
const START_BLOCKS: usize = 2_000;

/// Opens the default audio track, else the first with a known codec; `None` if there is no audio track.
pub(super) fn open(file: &MediaFile) -> Result<Opened, MediaError> {
    let mut scanner = Scanner::new(file.clone());
    let (mut info, mut list, mut first_cluster) = (Vec::new(), None, None);
    // The segment's children follow each other; its own size is of no use (live recordings leave it unknown).
    while let Some(element) = scanner.next()? {
        match element.id {
            SEGMENT => scanner.goto(element.body),
            INFO => info = scanner.read(&element, MAX_BLOCK)?,
            TRACKS if list.is_none() => list = Some(scanner.read(&element, MAX_BLOCK)?),
            CLUSTER => {
                first_cluster = Some(element.start);
                break;
            }
            _ => scanner.skip(&element),
        }
    }
    let list = list.ok_or_else(|| MediaError::Broken("it has no list of tracks".into()))?;
    let (scale, duration) = tracks::info(&info);
    let mut tracks = tracks::parse(&list);
    if tracks.is_empty() {
        return Ok(None);
    }
    tracks.sort_by_key(|track| !track.default);
    let mut refused = None;
    for track in tracks {
        match track.params.as_ref().map_err(|name| super::codec::unsupported(name)).and_then(|params| {
            super::codec::make(params)?;
            Ok(params.clone())
        }) {
            Ok(params) => {
                let first = first_cluster.unwrap_or(file.len());
                let mut demux = Mkv { scanner, scale, duration, first, track, base: 0, cluster: 0, laced: Vec::new() };
                demux.find_base(tracks::count(&list))?;
                return Ok(Some((Box::new(demux), params)));
            }
            Err(e) => refused = refused.or(Some(e)),
        }
    }
    refused.map_or(Ok(None), Err)
}

struct Mkv {
    scanner: Scanner,
    /// Nanoseconds a tick.
    scale: i64,
    duration: Option<i64>,
    first: u64,
    track: Track,
    /// Nanoseconds: the smallest first timestamp of any track, which is the film's start.
    base: i64,
    /// The current cluster's timestamp in ticks.
    cluster: i64,
    /// Packets of a block with lacing, last first.
    laced: Vec<Packet>,
}

impl Mkv {
    fn find_base(&mut self, tracks: usize) -> Result<(), MediaError> {
        let mut seen = HashSet::new();
        let mut base = None;
        self.rewind(self.first);
        for _ in 0..START_BLOCKS {
            let Ok(Some(element)) = self.next_block_element() else { break };
            let mut head = [0; 11];
            let block = if element.id == BLOCK_GROUP { self.scanner.child(&element, BLOCK)? } else { Some(element) };
            let Some(block) = block else { continue };
            let n = self.scanner.file.read_at(&mut head, block.body)?;
            let Some((track, rest)) = vint(head.get(..n).unwrap_or_default()) else { continue };
            let Some(relative) = rest.first_chunk().map(|bytes| i16::from_be_bytes(*bytes)) else { continue };
            if seen.insert(track) {
                let ns = (self.cluster + i64::from(relative)).saturating_mul(self.scale);
                base = Some(base.map_or(ns, |base: i64| base.min(ns)));
            }
            if seen.len() >= tracks {
                break;
            }
        }
        self.base = base.unwrap_or(0);
        self.rewind(self.first);
        Ok(())
    }

    fn rewind(&mut self, to: u64) {
        self.scanner.goto(to);
        self.laced.clear();
    }

    /// The next `SimpleBlock` or `BlockGroup` of any track, stepped over already.
    fn next_block_element(&mut self) -> Result<Option<Element>, MediaError> {
        while let Some(element) = self.scanner.next()? {
            match element.id {
                CLUSTER => self.scanner.goto(element.body),
                TIMESTAMP => {
                    let body = self.scanner.read(&element, 8)?;
                    self.cluster = i64::try_from(number(&body)).unwrap_or(0);
                }
                SIMPLE_BLOCK | BLOCK_GROUP => {
                    self.scanner.skip(&element);
                    return Ok(Some(element));
                }
                _ => self.scanner.skip(&element),
            }
        }
        Ok(None)
    }

    /// Takes a block of this track apart into packets.
    fn unpack(&mut self, block: &[u8], discard_ns: i64) -> Result<(), MediaError> {
        let damaged = || MediaError::Damaged("audio block".into());
        let (_, rest) = vint(block).ok_or_else(damaged)?;
        let [t0, t1, flags, payload @ ..] = rest else { return Err(damaged()) };
        let ticks = self.cluster.saturating_add(i16::from_be_bytes([*t0, *t1]).into());
        let start = ticks.saturating_mul(self.scale).saturating_sub(self.base).saturating_sub(self.track.delay_ns);
        let frames = ebml::laces(payload, flags >> 1 & 3).ok_or_else(damaged)?;
        let frame_ns = self.track.frame_ns.unwrap_or(0);
        let last = frames.len().saturating_sub(1);
        for (index, frame) in frames.into_iter().enumerate() {
            let mut data = self.track.stripped.clone();
            data.extend_from_slice(frame);
            // Without a frame's duration, what follows in a lace is placed by how long its samples are.
            let start = start.saturating_add(frame_ns.saturating_mul(index as i64));
            self.laced.push(Packet { data, start, trim_end: if index == last { discard_ns } else { 0 } });
        }
        self.laced.reverse();
        Ok(())
    }
}

impl Demux for Mkv {
    fn time_base(&self) -> (u32, u32) {
        (1, NS as u32)
    }

    fn coarse(&self) -> bool {
        true
    }

    fn duration_ns(&self) -> Option<i64> {
        self.duration
    }

    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        loop {
            if let Some(packet) = self.laced.pop() {
                return Ok(Some(packet));
            }
            let Some(element) = self.next_block_element()? else { return Ok(None) };
            let mut discard = 0;
            let block = if element.id == BLOCK_GROUP {
                if let Some(padding) = self.scanner.child(&element, DISCARD_PADDING)? {
                    let body = self.scanner.peek(&padding, 8)?;
                    discard = ebml::signed(&body).max(0);
                }
                self.scanner.child(&element, BLOCK)?
            } else {
                Some(element)
            };
            let Some(block) = block else { continue };
            let head = self.scanner.peek(&block, 8)?;
            if vint(&head).is_some_and(|(track, _)| track == self.track.number) {
                let body = self.scanner.peek(&block, MAX_BLOCK)?;
                if (body.len() as u64) < block.size {
                    return Err(MediaError::Damaged("an audio block ends early".into()));
                }
                self.unpack(&body, discard)?;
            }
        }
    }

    fn seek(&mut self, ticks: i64) -> Result<(), MediaError> {
        self.rewind(self.first);
        let wanted = ticks.saturating_add(self.base).saturating_sub(NS / 4);
        let mut best = self.first;
        let mut current = self.first;
        while let Some(element) = self.scanner.next()? {
            match element.id {
                CLUSTER => {
                    current = element.start;
                    self.scanner.goto(element.body);
                }
                TIMESTAMP => {
                    let body = self.scanner.read(&element, 8)?;
                    let ns = i64::try_from(number(&body)).unwrap_or(0).saturating_mul(self.scale);
                    // Blocks may lie a little before or after their cluster's time: one more cluster is cheap.
                    if ns > wanted {
                        break;
                    }
                    best = current;
                    if let Some(next) = self.scanner.after_cluster(current)? {
                        self.scanner.goto(next);
                    }
                }
                _ => self.scanner.skip(&element),
            }
        }
        self.rewind(best);
        Ok(())
    }
}
