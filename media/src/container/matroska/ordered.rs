//! Pictures that came into Matroska as they lay in an AVI: their times are those of decoding. The pictures themselves tell how they are
//! shown, as in AVI itself (`avi/order.rs`), but here only some of them are seen at a time.

use std::collections::VecDeque;

use super::super::avi::{Kind, Unpacker, is_same, vops};
use super::super::{CodecId, Packet, Packets, VideoTrack};
use super::blocks::Reader;
use crate::{MediaError, NS};

/// Pictures that are looked at together: the most that a decoder may hold back, and one.
const SEEN: usize = 17;

/// When a picture is shown among the others: a period, and its place in that.
type Place = (u32, i64);

/// Puts one track's pictures at the times at which they are shown.
pub(super) struct Ordered {
    packets: Reader,
    codec: CodecId,
    unpacker: Unpacker,
    /// The second of two pictures that were packed into one block.
    held: Option<Vec<u8>>,
    /// Pictures so far that are shown behind all before them.
    plain: i64,
    ahead: VecDeque<(Packet, Place)>,
    /// The places of the last pictures that were handed out.
    before: VecDeque<Place>,
    /// What comes behind those that were read ahead: the end, or an error.
    behind: Option<Option<MediaError>>,
    /// How many pictures later than it is decoded one is shown that is shown in its turn.
    late: Option<usize>,
    /// How long the last picture lasted.
    step_ns: i64,
}

impl Ordered {
    pub(super) fn new(packets: Reader, track: &VideoTrack) -> Self {
        let mut unpacker = Unpacker::default();
        track.configs.iter().for_each(|config| unpacker.ahead(&track.codec, config));
        Self {
            packets,
            codec: track.codec.clone(),
            unpacker,
            held: None,
            plain: 0,
            ahead: VecDeque::new(),
            before: VecDeque::new(),
            behind: None,
            late: None,
            step_ns: track.rate.map_or(NS / 25, |rate| (NS as f64 / rate) as i64),
        }
    }

    fn fill(&mut self) {
        while self.ahead.len() < SEEN && self.behind.is_none() {
            match self.packets.next() {
                Ok(Some(packet)) => self.take(packet),
                Ok(None) => self.behind = Some(None),
                Err(error) => self.behind = Some(Some(error)),
            }
        }
    }

    fn take(&mut self, mut packet: Packet) {
        if self.codec == CodecId::Mpeg4 {
            let mut pictures = vops(&packet.data);
            let (first, second) = (pictures.next(), pictures.next());
            drop(pictures);
            let rest = second.map(|(at, _)| packet.data.split_off(at));
            if let Some(held) = self.held.take() {
                let data = std::mem::replace(&mut packet.data, held);
                self.held = Some(data).filter(|data| first.is_some() && !is_same(data));
            }
            self.held = rest.or(self.held.take());
        }
        // A block of no bytes stands for a picture that was left out.
        if !packet.data.is_empty() {
            self.push(packet);
        }
    }

    fn push(&mut self, mut packet: Packet) {
        let kind = self.unpacker.kind(&self.codec, &packet.data);
        if matches!(self.codec, CodecId::Mpeg4 | CodecId::H264) {
            packet.sync = kind == Kind::Key;
        }
        let counted = self.unpacker.place(&self.codec, &packet.data);
        self.plain += i64::from(kind != Kind::Early);
        // One that is shown early stands between the last of the others and that one's forerunner.
        let place = match self.codec {
            // What cannot be read stays behind the one before it.
            CodecId::H264 => counted.or(self.ahead.back().map(|(_, place)| *place)).unwrap_or_default(),
            _ => (0, 2 * self.plain - i64::from(kind == Kind::Early)),
        };
        self.ahead.push_back((packet, place));
    }

    /// How many pictures later than it is decoded picture number `n` of those ahead is shown, if each is shown as soon as it can be.
    fn moved(&self, n: usize) -> isize {
        let (_, place) = self.ahead[n];
        let behind = self.ahead.iter().skip(n + 1).filter(|(_, other)| *other < place).count();
        let before = self.before.iter().chain(self.ahead.iter().take(n).map(|(_, other)| other));
        behind as isize - before.filter(|other| **other > place).count() as isize
    }
}

impl Packets for Ordered {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        self.fill();
        let moved = if self.ahead.is_empty() { 0 } else { self.moved(0) };
        let late = match self.late {
            Some(late) => late,
            None => {
                let needed = (0..self.ahead.len()).map(|n| -self.moved(n)).max().unwrap_or(0).max(0) as usize;
                needed.max(self.unpacker.reordered().unwrap_or(0) as usize)
            }
        };
        // Where later ones need more, the pictures from there on are shown so much later.
        let late = late.max((-moved).max(0) as usize);
        self.late = Some(late);
        let at = late.saturating_add_signed(moved);
        let time = |n: usize| self.ahead.get(n).map(|(packet, _)| packet.pts_ns);
        if let (Some(now), Some(next)) = (time(0), time(1))
            && next > now
        {
            self.step_ns = next - now;
        }
        let last_ns = time(self.ahead.len().saturating_sub(1)).unwrap_or(0);
        let beyond = at.saturating_sub(self.ahead.len().saturating_sub(1)) as i64;
        let pts_ns = time(at).unwrap_or_else(|| last_ns.saturating_add(self.step_ns.saturating_mul(beyond)));
        let Some((packet, place)) = self.ahead.pop_front() else {
            return self.behind.take().flatten().map_or(Ok(None), Err);
        };
        self.before.push_back(place);
        if self.before.len() > SEEN {
            self.before.pop_front();
        }
        Ok(Some(Packet { pts_ns, ..packet }))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.ahead.clear();
        self.before.clear();
        (self.held, self.behind) = (None, None);
        // What is shown at that time was decoded so much earlier at most.
        self.packets.seek(target_ns.saturating_sub(self.step_ns.saturating_mul(SEEN as i64)))
    }

    fn coarse(&self) -> bool {
        true
    }
}
