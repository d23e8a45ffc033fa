//! Pictures whose container tells no order of showing: their times rise in the order of decoding. So it is in Matroska that took a film
//! over from an AVI, and in MP4 that was made of a raw stream; or only some of them have times, as in program streams. The pictures themselves tell how they are shown, as in AVI itself
//! (`avi/order.rs`), but here only some of them are seen at a time.

use std::collections::VecDeque;

use super::avi::{Kind, Unpacker, is_same, vops};
use super::{CodecId, Packet, Packets, VideoTrack, caps};
use crate::{MediaError, NS};

/// Pictures that are looked at together: the most that a decoder may hold back, and one.
const SEEN: usize = 17;
/// Bytes of a picture that are looked at: it may begin with long messages.
const FRONT: usize = 64 << 10;

/// When a picture is shown among the others: a period, and its place in that.
type Place = (u32, i64);

/// What the container's times are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// Those of decoding: pictures are shown so much later that each is decoded by then. Whether decoding can begin with a picture is not said
    /// reliably.
    Decoding,
    /// Those of showing, but handed out in the order of decoding.
    Showing,
    /// Those of showing, but a packet that [`Packet::follows`] has none.
    Some,
}

/// A time of the container's, to be given to the picture that is shown then.
#[derive(Debug, Clone, Copy)]
struct Slot {
    pts_ns: i64,
    duration_ns: i64,
    hidden: bool,
}

/// Puts one track's pictures at the times at which they are shown.
pub(super) struct Ordered {
    packets: Box<dyn Packets>,
    times: Times,
    codec: CodecId,
    configs: Vec<Vec<u8>>,
    /// The configuration of the last picture that was looked at.
    config: usize,
    unpacker: Unpacker,
    /// The second of two pictures that were packed into one block.
    held: Option<Vec<u8>>,
    /// Pictures so far that are shown behind all before them.
    plain: i64,
    ahead: VecDeque<(Packet, Place)>,
    /// The times and the places of the last pictures that were handed out.
    before: VecDeque<(Slot, Place)>,
    /// What comes behind those that were read ahead: the end, or an error.
    behind: Option<Option<MediaError>>,
    /// How many pictures later than it is decoded one is shown that is shown in its turn.
    late: Option<usize>,
    /// How long the last picture lasted.
    step_ns: i64,
}

impl Ordered {
    pub(super) fn new(packets: Box<dyn Packets>, track: &VideoTrack, times: Times) -> Self {
        let mut ordered = Self {
            packets,
            times,
            codec: track.codec.clone(),
            configs: track.configs.clone(),
            config: 0,
            unpacker: Unpacker::new(track.codec.clone()),
            held: None,
            plain: 0,
            ahead: VecDeque::new(),
            before: VecDeque::new(),
            behind: None,
            late: (times == Times::Showing).then_some(0),
            step_ns: track.rate.map_or(NS / 25, |rate| (NS as f64 / rate) as i64),
        };
        ordered.configure(0);
        ordered
    }

    fn configure(&mut self, config: usize) {
        self.config = config;
        self.configs.get(config).into_iter().for_each(|config| self.unpacker.ahead(config));
    }

    fn fill(&mut self) {
        while self.behind.is_none() && (self.ahead.len() < SEEN || self.lacks_time() && self.has_room()) {
            match self.packets.next() {
                Ok(Some(packet)) => self.take(packet),
                Ok(None) => self.behind = Some(None),
                Err(error) => self.behind = Some(Some(error)),
            }
        }
    }

    /// Whether more pictures may be read to find a time.
    fn has_room(&self) -> bool {
        let bytes: usize = self.ahead.iter().map(|(packet, _)| packet.data.len()).sum();
        self.ahead.len() < caps::UNTIMED_PICTURES && bytes < caps::UNTIMED_BYTES
    }

    /// How many of the pictures ahead have all that are shown before them among those that were read.
    fn settled(&self) -> usize {
        let waiting = if self.behind.is_some() { 0 } else { SEEN };
        self.ahead.len().saturating_sub(waiting)
    }

    /// Whether no picture behind the next one tells a time that can be counted back from.
    fn lacks_time(&self) -> bool {
        self.times == Times::Some && self.ahead.iter().take(self.settled()).skip(1).all(|(packet, _)| packet.follows)
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
        if packet.config != self.config {
            self.configure(packet.config);
        }
        let head = &packet.data[..packet.data.len().min(FRONT)];
        let kind = self.unpacker.kind(head);
        let counted = self.unpacker.place(head);
        if self.times == Times::Decoding && matches!(self.codec, CodecId::Mpeg4 | CodecId::H264 | CodecId::Hevc) {
            packet.sync = kind == Kind::Key;
        }
        self.plain += i64::from(kind != Kind::Early);
        let place = if self.unpacker.counts() {
            // What cannot be read stays behind the one before it.
            counted.or(self.ahead.back().map(|(_, place)| *place)).unwrap_or_default()
        } else {
            // One that is shown early stands between the last of the others and that one's forerunner.
            (0, 2 * self.plain - i64::from(kind == Kind::Early))
        };
        self.ahead.push_back((packet, place));
    }

    /// How many pictures later than it is decoded picture number `n` of those ahead is shown, if each is shown as soon as it can be.
    fn moved(&self, n: usize) -> isize {
        let (_, place) = self.ahead[n];
        let behind = self.ahead.iter().skip(n + 1).filter(|(_, other)| *other < place).count();
        let handed_out = self.before.iter().map(|(_, other)| other);
        let before = handed_out.chain(self.ahead.iter().take(n).map(|(_, other)| other));
        behind as isize - before.filter(|other| **other > place).count() as isize
    }

    /// The time of picture number `n` behind the next one, or before it.
    fn slot(&self, n: isize) -> Option<Slot> {
        let of =
            |packet: &Packet| Slot { pts_ns: packet.pts_ns, duration_ns: packet.duration_ns, hidden: packet.hidden };
        match usize::try_from(n) {
            Ok(ahead) => self.ahead.get(ahead).map(|(packet, _)| of(packet)),
            Err(_) => self.before.get(self.before.len().checked_sub(n.unsigned_abs())?).map(|(slot, _)| *slot),
        }
    }

    /// The time of the next picture, which has none, by those that have one and are shown before and after it.
    fn between(&mut self, own: Slot) -> Slot {
        let place = self.ahead[0].1;
        let known = self.before.iter().map(|(slot, place)| (Some(slot.pts_ns), *place));
        let settled = self.settled();
        let time = |n: usize, packet: &Packet| (n < settled && !packet.follows).then_some(packet.pts_ns);
        let ahead = self.ahead.iter().enumerate().map(|(n, (packet, place))| (time(n, packet), *place));
        let mut shown: Vec<(Place, usize, Option<i64>)> =
            known.chain(ahead).enumerate().map(|(n, (time, place))| (place, n, time)).collect();
        shown.sort_unstable();
        let at = shown.partition_point(|(other, n, _)| (*other, *n) < (place, self.before.len()));
        let near = |(steps, time): (i64, &Option<i64>)| time.map(|time| (steps, time));
        let times = || shown.iter().map(|(.., time)| time);
        let before = (1..).zip(times().take(at).rev()).find_map(near);
        let after = (1..).zip(times().skip(at + 1)).find_map(near);
        self.step_ns = self.unpacker.step_ns().unwrap_or(self.step_ns);
        let pts_ns = match (before, after) {
            (Some((since, from)), Some((until, to))) => {
                let step_ns = to.saturating_sub(from).max(0) / (since + until);
                self.step_ns = step_ns;
                from.saturating_add(step_ns.saturating_mul(since))
            }
            (Some((since, from)), None) => from.saturating_add(self.step_ns.saturating_mul(since)),
            (None, Some((until, to))) => to.saturating_sub(self.step_ns.saturating_mul(until)),
            (None, None) => own.pts_ns,
        };
        Slot { pts_ns, duration_ns: self.step_ns, ..own }
    }

    /// When the next picture is shown.
    fn due(&mut self) -> Option<Slot> {
        self.fill();
        let own = self.slot(0)?;
        if self.times == Times::Some {
            return Some(if self.ahead[0].0.follows { self.between(own) } else { own });
        }
        if let Some(next) = self.slot(1)
            && next.pts_ns > own.pts_ns
        {
            self.step_ns = next.pts_ns - own.pts_ns;
        }
        let mut at = self.moved(0);
        if self.times == Times::Decoding {
            let late = self.late.unwrap_or_else(|| {
                let needed = (0..self.ahead.len()).map(|n| -self.moved(n)).max().unwrap_or(0).max(0) as usize;
                needed.max(self.unpacker.reordered().unwrap_or(0) as usize)
            });
            // Where later ones need more, the pictures from there on are shown so much later.
            let late = late.max((-at).max(0) as usize);
            self.late = Some(late);
            at += late as isize;
        }
        let last = self.ahead.len() as isize - 1;
        let beyond = i64::try_from((at - last).max(0)).unwrap_or(0);
        let slot = self.slot(at.min(last)).unwrap_or(own);
        Some(Slot { pts_ns: slot.pts_ns.saturating_add(self.step_ns.saturating_mul(beyond)), ..slot })
    }

    /// Goes on to about `until_ns`: how many pictures there are in front of the last one that decoding can begin with and that is shown by then.
    fn last_sync(&mut self, until_ns: i64) -> Result<Option<usize>, MediaError> {
        let mut last = None;
        for n in 0.. {
            let Some(due) = self.due() else { break };
            let sync = self.ahead.front().is_some_and(|(packet, _)| packet.sync);
            let over_ns = due.pts_ns.saturating_sub(until_ns);
            if over_ns > if sync { 0 } else { NS } {
                break;
            }
            last = if sync { Some(n) } else { last };
            self.skip()?;
        }
        Ok(last)
    }

    /// Goes on by a picture, or by damage.
    fn skip(&mut self) -> Result<(), MediaError> {
        match self.next() {
            Ok(_) | Err(MediaError::Damaged(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn go(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.ahead.clear();
        self.before.clear();
        (self.held, self.behind) = (None, None);
        self.packets.seek(target_ns)
    }
}

impl Packets for Ordered {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        let due = self.due();
        let Some((slot, (packet, place))) = due.zip(self.ahead.pop_front()) else {
            return self.behind.take().flatten().map_or(Ok(None), Err);
        };
        let Slot { pts_ns, duration_ns, hidden } = slot;
        let own = Slot { pts_ns: packet.pts_ns, duration_ns: packet.duration_ns, hidden: packet.hidden };
        self.before.push_back((if self.times == Times::Some { slot } else { own }, place));
        if self.before.len() > SEEN {
            self.before.pop_front();
        }
        Ok(Some(match self.times {
            Times::Decoding => Packet { pts_ns, ..packet },
            Times::Showing => Packet { pts_ns, duration_ns, hidden, ..packet },
            Times::Some => Packet { pts_ns, duration_ns, follows: false, ..packet },
        }))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        if self.times == Times::Decoding {
            // What is shown at that time was decoded so much earlier at most.
            return self.go(target_ns.saturating_sub(self.step_ns.saturating_mul(SEEN as i64)));
        }
        // What was found may be shown after that time: because of pictures that lead it, or since its own was only near to it.
        let (mut from_ns, mut found_ns) = (target_ns, i64::MAX);
        loop {
            self.go(from_ns)?;
            let due = self.due();
            let Some((first, _)) = self.ahead.front() else { return Ok(()) };
            let (first_ns, certain, is_first) = (first.pts_ns, first.sync && !first.follows, first.pts_ns >= found_ns);
            if due.is_none_or(|due| certain && due.pts_ns <= target_ns)
                || self.times == Times::Showing && (is_first || first_ns > target_ns)
            {
                return Ok(());
            }
            if self.times == Times::Some {
                let behind = self.last_sync(target_ns)?;
                // Of pictures that were decoded shortly before, some may be shown after it, and count.
                if is_first || behind.is_some_and(|behind| behind >= SEEN) {
                    self.go(from_ns)?;
                    for _ in 0..behind.unwrap_or(0) {
                        self.skip()?;
                    }
                    return Ok(());
                }
            }
            (from_ns, found_ns) = (first_ns.saturating_sub(1), first_ns);
        }
    }

    fn coarse(&self) -> bool {
        self.packets.coarse()
    }
}
