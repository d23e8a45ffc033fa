//! One track of a transport stream: its PES packets, what is in them, and finding a time.

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::super::frames::Cutter;
use super::super::timing::Timing;
use super::super::{CodecId, Packet, Packets, caps};
use super::units::{Units, WRAP, ns, pes, unwrap};
use crate::{MediaError, NS};

/// Two places nearer than this are not bisected any further.
const NEAR: u64 = 512 << 10;

/// Reads one track.
pub(super) struct Reader {
    units: Units,
    pid: u16,
    /// The first and the last time of the track, in ticks.
    span: (i64, i64),
    /// What the sound is, once a frame of it was seen.
    pub(super) sound: Option<AudioCodecParameters>,
    /// The codec of pictures; `None` of sound.
    codec: Option<CodecId>,
    /// The PES packet that is being put together.
    gathered: Vec<u8>,
    begun: bool,
    /// The counter of the transport packet before.
    counter: Option<u8>,
    /// The last time, which the next one is near to.
    near: i64,
    cutter: Cutter,
    /// What is to be handed out, last first.
    ready: Vec<Packet>,
    timing: Timing,
    /// A transport packet of this track is missing from what is being put together.
    lost: bool,
    /// The last transport packet was stuffed.
    stuffed: bool,
}

impl Reader {
    /// A reader of the track `pid` at the file's start; `codec` is that of pictures, `cutter` that of sound.
    pub(super) fn new(units: Units, pid: u16, span: (i64, i64), codec: Option<CodecId>, cutter: Cutter) -> Self {
        Self {
            units,
            pid,
            span,
            sound: None,
            codec,
            gathered: Vec::new(),
            begun: false,
            counter: None,
            near: span.0,
            cutter,
            ready: Vec::new(),
            timing: Timing::new(Some(ns(span.1 - span.0))),
            lost: false,
            stuffed: false,
        }
    }

    /// The next whole PES packet; `None` at the end.
    fn pes(&mut self) -> Result<Option<Vec<u8>>, MediaError> {
        loop {
            let (pid, counter) = (self.pid, self.counter);
            let Some(unit) = self.units.next()? else {
                let (begun, data) = (std::mem::take(&mut self.begun), std::mem::take(&mut self.gathered));
                if !begun || data.is_empty() {
                    return Ok(None);
                }
                // Most files end where somebody stopped to record. A picture is whole if it says how long it is, or if its
                // last transport packet had room left. Of sound, the frames tell.
                let declared = data.get(4..6).map_or(0, |len| usize::from(u16::from_be_bytes([len[0], len[1]])));
                let whole = if declared > 0 { data.len() >= 6 + declared } else { self.stuffed };
                if self.lost || self.codec.is_some() && !whole {
                    return Err(MediaError::Damaged("the transport stream ends within a picture".into()));
                }
                return Ok(Some(data));
            };
            if unit.pid != pid || unit.payload.is_empty() {
                continue;
            }
            let repeated = counter == Some(unit.counter);
            let missing = unit.broken || counter.is_some_and(|before| (before + 1) & 15 != unit.counter) && !repeated;
            self.counter = Some(unit.counter);
            if repeated {
                continue;
            }
            self.stuffed = unit.stuffed;
            let whole = if unit.begins {
                let lost = std::mem::replace(&mut self.lost, unit.broken) || missing;
                let before = std::mem::replace(&mut self.gathered, unit.payload.to_vec());
                let begun = std::mem::replace(&mut self.begun, true);
                if begun && lost {
                    return Err(MediaError::Damaged("packets of a transport stream are missing".into()));
                }
                begun.then_some(before)
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

    /// Makes packets of a PES packet.
    fn take(&mut self, data: &[u8]) -> Result<(), MediaError> {
        let damaged = || MediaError::Damaged("a PES packet's header".into());
        let (time, begins) = pes(data).ok_or_else(damaged)?;
        let body = data.get(begins..).ok_or_else(damaged)?;
        if let Some(time) = time {
            self.near = unwrap(time, self.near);
        }
        let Some(codec) = &self.codec else {
            self.frames(body, time.is_some());
            return Ok(());
        };
        let (pts_ns, ..) = self.timing.place(ns(self.near), 0);
        let mut packet = Packet::new(body.to_vec(), pts_ns);
        packet.sync = begins_with_key(codec, body);
        self.ready.push(packet);
        Ok(())
    }

    /// Cuts sound into frames. The first one that begins in a PES packet has its time, and those behind it follow.
    fn frames(&mut self, body: &[u8], timed: bool) {
        let (pts_ns, mut timed) = (ns(self.near), timed);
        self.ready = Vec::new();
        for frame in self.cutter.cut(body) {
            let follows = frame.offset < 0 || !std::mem::take(&mut timed);
            self.ready.push(Packet { follows, ..Packet::new(frame.data, pts_ns) });
            self.sound.get_or_insert(frame.params);
        }
        self.ready.reverse();
    }

    fn go(&mut self, at: u64) {
        self.units = Units::new(self.units.file.clone(), self.units.grid, at);
        (self.begun, self.counter, self.lost) = (false, None, false);
        self.gathered.clear();
        self.cutter.jump();
        self.ready.clear();
        self.timing.jump();
    }

    /// The first time of this track behind a place, in ticks near to `near`.
    fn time_behind(&self, at: u64, near: i64) -> Result<Option<i64>, MediaError> {
        let mut units = Units::new(self.units.file.clone(), self.units.grid, at);
        while units.at < at.saturating_add(caps::TS_SPARSE) {
            let Some(unit) = units.next()? else { return Ok(None) };
            if unit.pid == self.pid
                && unit.begins
                && let Some((Some(time), _)) = pes(unit.payload)
            {
                return Ok(Some(unwrap(time, near)));
            }
        }
        Ok(None)
    }

    /// A place behind which the track's times are not after `ticks`, as far as they rise.
    fn bisect(&self, ticks: i64) -> Result<u64, MediaError> {
        let (mut low, mut high) = (0, self.units.file.len());
        while high - low > NEAR {
            let middle = low + (high - low) / 2;
            match self.time_behind(middle, ticks)? {
                Some(time) if time <= ticks => low = middle,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

/// Whether decoding can begin with this picture.
fn begins_with_key(codec: &CodecId, data: &[u8]) -> bool {
    let mut units = data.windows(4).filter(|window| window[..3] == [0, 0, 1]).map(|window| window[3]);
    match codec {
        CodecId::H264 => units.any(|head| matches!(head & 0x1f, 5 | 7)),
        CodecId::Hevc => units.any(|head| matches!(head >> 1 & 0x3f, 16..=21 | 32..=33)),
        CodecId::Mpeg4 => data.windows(5).any(|window| window[..4] == [0, 0, 1, 0xb6] && window[4] >> 6 == 0),
        _ => units.any(|head| head == 0xb3),
    }
}

impl Packets for Reader {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        loop {
            if let Some(packet) = self.ready.pop() {
                return Ok(Some(packet));
            }
            let Some(data) = self.pes()? else { return Ok(None) };
            self.take(&data)?;
        }
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        // Beyond the track's ends, times could not be told from those that wrapped around.
        let ticks = (i128::from(target_ns) * 90_000 / i128::from(NS)) as i64;
        let ticks = ticks.clamp(self.span.0, self.span.1.saturating_add(90_000));
        // From a little before the target, then from further and further back, to the last picture that can be begun with.
        let mut back = if self.codec.is_some() { 90_000 } else { 9_000 };
        loop {
            let wanted = ticks.saturating_sub(back);
            let from = self.bisect(wanted)?;
            self.near = wanted;
            self.go(from);
            let (mut best, mut place) = (None, from);
            loop {
                match self.next() {
                    Ok(Some(packet)) if packet.pts_ns > target_ns && (packet.sync || best.is_some()) => break,
                    Ok(Some(packet)) if packet.sync && packet.pts_ns <= target_ns => best = Some(place),
                    Ok(Some(_)) | Err(MediaError::Damaged(_)) => {}
                    Ok(None) => break,
                    Err(error) => return Err(error),
                }
                // The PES packet that is being put together began in the transport packet read last.
                if self.ready.is_empty() {
                    place = self.units.at.saturating_sub(self.units.grid.step);
                }
            }
            if best.is_some() || from == 0 {
                let at = best.unwrap_or(0);
                self.near = wanted;
                self.go(at);
                return Ok(());
            }
            back = back.saturating_mul(4).min(WRAP / 4);
        }
    }

    fn coarse(&self) -> bool {
        true
    }
}
