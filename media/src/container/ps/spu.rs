//! Subtitles of a program stream: pictures that come cut into packets, seconds or minutes apart.

use super::super::pes::{bisect, ns, ticks, unwrap};
use super::super::{Before, Packet, Packets, caps};
use super::walk::Walk;
use crate::{MediaError, NS};

/// How much later than its time a picture may lie in the file, behind others of that time.
const LATE_NS: i64 = 2 * NS;

/// A picture that is being put together.
#[derive(Debug, Default)]
struct Part {
    time: Option<i64>,
    data: Vec<u8>,
}

impl Part {
    /// Adds what a packet has. The picture, once it is whole.
    fn add(&mut self, time: Option<i64>, data: &[u8]) -> Option<Vec<u8>> {
        // A new time is that of a new picture; what there was of the one before stays a part.
        if time.is_some_and(|time| self.time != Some(time)) {
            *self = Self { time, data: Vec::new() };
        }
        self.data.extend_from_slice(data);
        let size = usize::from(u16::from_be_bytes(*self.data.first_chunk()?));
        (self.data.len() >= size).then(|| {
            self.data.truncate(size);
            std::mem::take(self).data
        })
    }
}

/// Whether a stream has subtitles.
pub(super) const fn is_spu(id: u16) -> bool {
    id >> 5 == 0xbd20 >> 5
}

/// The picture whose first packet is the first one behind `place`; `None` if there is none, or its end is missing.
pub(in super::super) fn picture(walk: &mut Walk, place: u64) -> Result<Option<Vec<u8>>, MediaError> {
    walk.go(place);
    let (mut part, mut first) = (Part::default(), None);
    while let Some(unit) = walk.next()?.filter(|unit| unit.place < place.saturating_add(caps::SPU_SPREAD)) {
        let known = first.is_none_or(|(id, time)| id == unit.id && unit.time.is_none_or(|t| Some(t) == time));
        if !is_spu(unit.id) || first.is_some_and(|(id, _)| id != unit.id) {
            continue;
        }
        if !known {
            return Ok(None);
        }
        first.get_or_insert((unit.id, unit.time));
        if let Some(data) = part.add(unit.time, walk.body(&unit)?) {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Reads one track. Where it has nothing, the other tracks tell how far the film is.
pub(super) struct Pictures {
    walk: Walk,
    id: u16,
    /// The last time of any track, which the next one is near to.
    near: i64,
    /// The film's first and last time in ticks.
    span: (i64, i64),
    part: Part,
}

impl Pictures {
    pub(super) fn new(walk: Walk, id: u16, span: (i64, i64)) -> Self {
        Self { walk, id, near: span.0, span, part: Part::default() }
    }

    /// As [`Packets::next_before`], by ticks.
    fn read(&mut self, until: i64) -> Result<Before, MediaError> {
        while let Some(unit) = self.walk.next()? {
            if let Some(time) = unit.time {
                self.near = unwrap(time, self.near);
            }
            if unit.id != self.id {
                if unit.time.is_some() && self.near >= until {
                    return Ok(Before::NotYet);
                }
                continue;
            }
            let time = unit.time.map(|_| self.near).or(self.part.time).unwrap_or(self.near);
            if let Some(data) = self.part.add(Some(time), self.walk.body(&unit)?) {
                return Ok(Before::Packet(Packet::new(data, ns(time))));
            }
        }
        Ok(Before::End)
    }

    /// The first time of any track behind a place.
    fn time_behind(&self, at: u64) -> Result<Option<i64>, MediaError> {
        let mut walk = self.walk.clone();
        walk.go(at);
        while walk.at < at.saturating_add(caps::TS_SPARSE)
            && let Some(unit) = walk.next()?
        {
            if unit.time.is_some() {
                return Ok(unit.time);
            }
        }
        Ok(None)
    }
}

impl Packets for Pictures {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        Ok(match self.read(i64::MAX)? {
            Before::Packet(packet) => Some(packet),
            Before::NotYet | Before::End => None,
        })
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        let wanted = ticks(target_ns).clamp(self.span.0, self.span.1);
        let low = bisect(self.walk.len(), wanted, |at| self.time_behind(at))?;
        self.walk.go(low);
        (self.near, self.part) = (wanted, Part::default());
        Ok(())
    }

    fn next_before(&mut self, until_ns: i64) -> Result<Before, MediaError> {
        self.read(ticks(until_ns.saturating_add(LATE_NS)))
    }

    fn coarse(&self) -> bool {
        true
    }
}
