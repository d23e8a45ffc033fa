//! One track of subtitles of a transport stream. Its packets are seconds or minutes apart; where it has none, the other tracks tell how far
//! the film is.

use super::super::pes::{bisect, header, ns, ticks, unwrap};
use super::super::{Before, Packet, Packets, caps};
use super::joints::Joints;
use super::units::Units;
use crate::{MediaError, NS};

/// How much later than its time a packet may lie in the file, behind others of that time.
const LATE_NS: i64 = 2 * NS;
/// The segment that ends what Blu-ray discs show at one time.
const END: u8 = 0x80;

/// How long before it is due, in ticks, what goes by the programme's clock may be sent.
const EARLY: i64 = 10 * 90_000;

/// How the packets of a track come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Each by itself, with its time.
    Single,
    /// What belongs together comes in several packets, as on Blu-ray discs.
    Sets,
    /// Without times, or with ones that are not those of the film; then the programme's clock counts, which this track has.
    Clocked(u16),
}

/// Reads one track.
pub(super) struct Sparse {
    units: Units,
    joints: Joints,
    pid: u16,
    form: Form,
    /// The programme's clock.
    clock: Option<i64>,
    /// The film's first and last time in ticks.
    span: (i64, i64),
    /// The last time of any track, which the next one is near to.
    near: i64,
    /// The PES packet that is being put together.
    gathered: Vec<u8>,
    /// The set that is, and its time.
    set: Option<(i64, Vec<u8>)>,
}

impl Sparse {
    pub(super) fn new(units: Units, joints: Joints, pid: u16, form: Form, span: (i64, i64)) -> Self {
        Self { units, joints, pid, form, clock: None, span, near: span.0, gathered: Vec::new(), set: None }
    }

    /// As [`Packets::next_before`], by ticks.
    fn read(&mut self, until: i64) -> Result<Before, MediaError> {
        loop {
            let Some(unit) = self.units.next()? else { return Ok(Before::End) };
            let end = unit.end;
            let head = header(unit.payload).filter(|_| unit.begins && !unit.scrambled);
            let own = unit.pid == self.pid;
            if let Form::Clocked(clock) = self.form
                && unit.pid == clock
                && let Some(now) = unit.clock
            {
                self.clock = Some(unwrap(now + self.joints.shift(unit.end - 1), self.near));
            }
            if let Some((Some(time), _)) = head.filter(|_| !own || !matches!(self.form, Form::Clocked(_))) {
                self.near = unwrap(time + self.joints.shift(unit.end - 1), self.near);
                if !own && self.near >= until {
                    return Ok(Before::NotYet);
                }
            }
            if !own || unit.scrambled {
                continue;
            }
            if unit.begins {
                self.gathered.clear();
            } else if self.gathered.is_empty() {
                continue;
            }
            self.gathered.extend_from_slice(unit.payload);
            let len = self.gathered.get(4..6).map_or(0, |len| 6 + usize::from(u16::from_be_bytes([len[0], len[1]])));
            if len > 6 && self.gathered.len() >= len {
                let data = std::mem::take(&mut self.gathered);
                let shift = self.joints.shift(end - 1);
                if let Some((time, begins)) = header(&data).filter(|(_, begins)| *begins < len)
                    && let Some(packet) = self.whole(time.map(|time| time + shift), &data[begins..len])
                {
                    return Ok(Before::Packet(packet));
                }
            }
        }
    }

    /// Takes a PES packet. The packet that it makes whole.
    fn whole(&mut self, time: Option<i64>, body: &[u8]) -> Option<Packet> {
        let near = self.near;
        match self.form {
            Form::Single => return time.map(|_| Packet::new(body.to_vec(), ns(near))),
            Form::Clocked(_) => {
                let time = time.map(|time| unwrap(time, near));
                let told = |time: &i64| self.clock.is_none_or(|clock| (clock..clock + EARLY).contains(time));
                let time = time.filter(told).or(self.clock).unwrap_or(near);
                return Some(Packet::new(body.to_vec(), ns(time)));
            }
            Form::Sets => {}
        }
        let (begun, data) = self.set.get_or_insert((near, Vec::new()));
        if data.is_empty() {
            *begun = near;
        }
        data.extend_from_slice(body);
        if data.len() > caps::DISC_CODED {
            self.set = None;
            return None;
        }
        let (time, data) = self.set.take_if(|_| body.first() == Some(&END))?;
        Some(Packet::new(data, ns(time)))
    }

    /// The first time of any track behind a place.
    fn time_behind(&self, at: u64) -> Result<Option<i64>, MediaError> {
        let mut units = Units::new(self.units.file.file().clone(), self.units.grid, at);
        while units.at < at.saturating_add(caps::TS_SPARSE)
            && let Some(unit) = units.next()?
        {
            let told = unit.pid != self.pid || !matches!(self.form, Form::Clocked(_));
            if let Some((Some(time), _)) = header(unit.payload).filter(|_| unit.begins && !unit.scrambled && told) {
                return Ok(Some(time + self.joints.shift(unit.end - 1)));
            }
        }
        Ok(None)
    }
}

impl Packets for Sparse {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        Ok(match self.read(i64::MAX)? {
            Before::Packet(packet) => Some(packet),
            Before::NotYet | Before::End => None,
        })
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        let wanted = ticks(target_ns).clamp(self.span.0, self.span.1);
        let low = bisect(self.units.file.len(), wanted, |at| self.time_behind(at))?;
        self.units = Units::new(self.units.file.file().clone(), self.units.grid, low);
        self.near = wanted;
        self.gathered.clear();
        (self.set, self.clock) = (None, None);
        Ok(())
    }

    fn next_before(&mut self, until_ns: i64) -> Result<Before, MediaError> {
        self.read(ticks(until_ns.saturating_add(LATE_NS)))
    }

    fn coarse(&self) -> bool {
        true
    }
}
