//! One track of a transport stream: its PES packets, put together from transport packets.

use super::super::stream::{Piece, Source};
use super::super::{caps, pes};
use super::joints::Joints;
use super::units::Units;
use crate::MediaError;

/// Puts together the PES packets of one track.
pub(super) struct Track {
    units: Units,
    joints: Joints,
    /// What the joints before the last transport packet add to times.
    shift: i64,
    pid: u16,
    /// It has pictures, which must be whole.
    pictures: bool,
    /// The PES packet that is being put together, and where it began.
    gathered: Vec<u8>,
    place: u64,
    begun: bool,
    /// The counter of the transport packet before.
    counter: Option<u8>,
    /// A transport packet of this track is missing from what is being put together.
    lost: bool,
    /// The last transport packet was stuffed.
    stuffed: bool,
}

impl Track {
    /// The track `pid` from the file's start on.
    pub(super) fn new(units: Units, joints: Joints, pid: u16, pictures: bool) -> Self {
        let (gathered, place, begun) = (Vec::new(), 0, false);
        Self {
            units,
            joints,
            shift: 0,
            pid,
            pictures,
            gathered,
            place,
            begun,
            counter: None,
            lost: false,
            stuffed: false,
        }
    }

    /// The next whole PES packet, and where it began; `None` at the end.
    fn pes(&mut self) -> Result<Option<(u64, Vec<u8>)>, MediaError> {
        loop {
            let (pid, counter) = (self.pid, self.counter);
            let step = self.units.grid.step;
            let Some(unit) = self.units.next()? else {
                let (begun, data) = (std::mem::take(&mut self.begun), std::mem::take(&mut self.gathered));
                if !begun || data.is_empty() {
                    return Ok(None);
                }
                // Most files end where somebody stopped to record. A picture is whole if it says how long it is, or if its
                // last transport packet had room left. Of sound, the frames tell.
                let declared = data.get(4..6).map_or(0, |len| usize::from(u16::from_be_bytes([len[0], len[1]])));
                let whole = if declared > 0 { data.len() >= 6 + declared } else { self.stuffed };
                if self.lost || self.pictures && !whole {
                    return Err(MediaError::Damaged("the transport stream ends within a picture".into()));
                }
                return Ok(Some((self.place, data)));
            };
            let at = unit.end.saturating_sub(step);
            if unit.pid != pid || unit.payload.is_empty() {
                continue;
            }
            // What was joined counts its packets anew.
            let shift = self.joints.shift(at);
            let counter = counter.filter(|_| std::mem::replace(&mut self.shift, shift) == shift);
            let repeated = counter == Some(unit.counter);
            let missing = unit.broken || counter.is_some_and(|before| (before + 1) & 15 != unit.counter) && !repeated;
            self.counter = Some(unit.counter);
            if repeated {
                continue;
            }
            self.stuffed = unit.stuffed;
            let whole = if unit.begins {
                // It was the transport packet read last.
                let place = std::mem::replace(&mut self.place, at);
                let lost = std::mem::replace(&mut self.lost, unit.broken) || missing;
                let before = std::mem::replace(&mut self.gathered, unit.payload.to_vec());
                let begun = std::mem::replace(&mut self.begun, true);
                if begun && lost {
                    return Err(MediaError::Damaged("packets of a transport stream are missing".into()));
                }
                begun.then_some((place, before))
            } else {
                self.lost |= missing;
                if self.begun {
                    self.gathered.extend_from_slice(unit.payload);
                }
                if self.gathered.len() as u64 > caps::PACKET {
                    (self.begun, self.gathered) = (false, Vec::new());
                    return Err(MediaError::Damaged("a PES packet without an end".into()));
                }
                None
            };
            if whole.is_some() {
                return Ok(whole);
            }
        }
    }
}

impl Source for Track {
    fn next(&mut self) -> Result<Option<Piece>, MediaError> {
        let Some((place, mut data)) = self.pes()? else { return Ok(None) };
        let (time, begins) = pes::header(&data)
            .filter(|(_, begins)| *begins <= data.len())
            .ok_or_else(|| MediaError::Damaged("a PES packet's header".into()))?;
        data.drain(..begins);
        let time = time.map(|time| time + self.joints.shift(place));
        Ok(Some(Piece { place, time, body: data }))
    }

    fn go(&mut self, at: u64) {
        self.units = Units::new(self.units.file.file().clone(), self.units.grid, at);
        (self.begun, self.counter, self.lost, self.shift) = (false, None, false, self.joints.shift(at));
        self.gathered.clear();
    }

    fn len(&self) -> u64 {
        self.units.file.len()
    }

    fn time_behind(&self, at: u64) -> Result<Option<i64>, MediaError> {
        let mut units = Units::new(self.units.file.file().clone(), self.units.grid, at);
        while units.at < at.saturating_add(caps::TS_SPARSE) {
            let Some(unit) = units.next()? else { return Ok(None) };
            let shift = self.joints.shift(unit.end - 1);
            if unit.pid == self.pid
                && unit.begins
                && let Some((Some(time), _)) = pes::header(unit.payload)
            {
                return Ok(Some(time + shift));
            }
        }
        Ok(None)
    }
}
