//! The media clock: a line through time, and what the user wants, each published through a [`tricine_channel::register::Register`].

use serde::{Deserialize, Serialize};
use tricine_channel::register::REGISTER_WORDS;

/// A line: at `at_ns` on CLOCK_MONOTONIC the film is at `pts_ns` and moves `rate` film seconds per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    /// The stretch between two seeks that it belongs to.
    pub serial: u32,
    /// Film time, in ns.
    pub pts_ns: i64,
    /// Monotonic time, in ns.
    pub at_ns: u64,
    /// 0 while paused, 1 at normal speed.
    pub rate: f64,
}

impl Clock {
    /// Film time at `now_ns`, in ns.
    pub fn pts_at(&self, now_ns: u64) -> i64 {
        self.pts_ns.saturating_add(((now_ns as i64).wrapping_sub(self.at_ns as i64) as f64 * self.rate) as i64)
    }

    /// When the film will be at `pts_ns`, in ns on CLOCK_MONOTONIC; `None` while it stands still.
    pub fn when(&self, pts_ns: i64) -> Option<u64> {
        (self.rate > 0.0).then(|| {
            let ahead = pts_ns.saturating_sub(self.pts_ns) as f64 / self.rate;
            self.at_ns.saturating_add_signed(ahead as i64)
        })
    }

    /// As a register's words: serial, pts, at, rate's bits.
    pub fn encode(&self) -> [u64; REGISTER_WORDS] {
        [self.serial.into(), self.pts_ns as u64, self.at_ns, self.rate.to_bits(), 0, 0]
    }

    /// Reads what a peer wrote; `None` if it is not a valid clock.
    pub fn decode(words: [u64; REGISTER_WORDS]) -> Option<Self> {
        let rate = f64::from_bits(words[3]);
        let serial = u32::try_from(words[0]).ok()?;
        (0.0..=MAX_SPEED).contains(&rate).then_some(Self { serial, pts_ns: words[1] as i64, at_ns: words[2], rate })
    }
}

/// The slowest speed that can be asked for.
pub const MIN_SPEED: f64 = 0.25;
/// The highest speed that can be asked for.
pub const MAX_SPEED: f64 = 4.0;

/// What the user wants, as the supervisor tells every role. Set by the supervisor alone; survives every other death.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlayState {
    /// Counts seeks, from 1: frames of another serial are dropped.
    pub serial: u32,
    /// Where the current serial starts, in ns of film time.
    pub target_ns: i64,
    /// Whether the film stands still.
    pub paused: bool,
    /// Whether there is no sound: the volume is kept.
    pub muted: bool,
    /// Whether the film starts again at its end.
    pub looping: bool,
    /// Whether the audio role is there and has something to play, so that the audio clock is worth waiting for.
    pub audible: bool,
    /// Whether a window fills the screen.
    pub fullscreen: bool,
    /// What is left of the serial before is heard first: this one follows its end.
    pub follows: bool,
    /// How much the on-screen display shows: 0 only what changes, 1 everything (the pipeline).
    pub osd: u8,
    /// 0..=100.
    pub volume: u8,
    /// Film seconds per second, [`MIN_SPEED`]..=[`MAX_SPEED`].
    pub speed: f64,
    /// Where the film ends, in ns, if before its own end (`--length`).
    pub end_ns: Option<i64>,
    /// Which subtitles.
    pub subtitles: SubtitleState,
}

/// What the user wants of subtitles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SubtitleState {
    /// Counts seeks, and changes of the track and of the delay: pages of another serial are dropped.
    pub serial: u32,
    /// The number of the track, from 1; 0 for none.
    pub track: u16,
    /// Whether they are kept from sight, and kept ready.
    pub hidden: bool,
    /// How much later than the film they are shown, in ms.
    pub delay_ms: i32,
}

impl SubtitleState {
    /// How much later than the film they are shown, in ns.
    pub const fn delay_ns(&self) -> i64 {
        self.delay_ms as i64 * 1_000_000
    }
}

impl PlayState {
    /// Nothing to play.
    pub const IDLE: Self = Self {
        serial: 1,
        target_ns: 0,
        paused: false,
        muted: false,
        looping: false,
        audible: false,
        fullscreen: false,
        follows: false,
        osd: 0,
        volume: 0,
        speed: 1.0,
        end_ns: None,
        subtitles: SubtitleState { serial: 1, track: 0, hidden: false, delay_ms: 0 },
    };

    /// As a register's words: serial, target, flags (paused, muted, looping, audible, fullscreen, subtitles hidden, follows, then osd and volume a byte each,
    /// the track of subtitles in the last two bytes but two), speed's bits, end (or i64::MAX), subtitles (serial, delay in ms).
    pub fn encode(&self) -> [u64; REGISTER_WORDS] {
        let flags = u64::from(self.paused)
            | u64::from(self.muted) << 1
            | u64::from(self.looping) << 2
            | u64::from(self.audible) << 3
            | u64::from(self.fullscreen) << 4
            | u64::from(self.subtitles.hidden) << 5
            | u64::from(self.follows) << 6
            | u64::from(self.osd) << 8
            | u64::from(self.volume) << 16
            | u64::from(self.subtitles.track) << 32;
        let end = self.end_ns.unwrap_or(i64::MAX);
        let subtitles = u64::from(self.subtitles.serial) | u64::from(self.subtitles.delay_ms as u32) << 32;
        [self.serial.into(), self.target_ns as u64, flags, self.speed.to_bits(), end as u64, subtitles]
    }

    /// Reads what the supervisor wrote; `None` if it is invalid.
    pub fn decode(words: [u64; REGISTER_WORDS]) -> Option<Self> {
        let speed = f64::from_bits(words[3]);
        if !(MIN_SPEED..=MAX_SPEED).contains(&speed) {
            return None;
        }
        let flags = words[2];
        Some(Self {
            serial: u32::try_from(words[0]).ok()?,
            target_ns: words[1] as i64,
            paused: flags & 1 != 0,
            muted: flags & 2 != 0,
            looping: flags & 4 != 0,
            audible: flags & 8 != 0,
            fullscreen: flags & 16 != 0,
            follows: flags & 64 != 0,
            osd: (flags >> 8) as u8,
            volume: ((flags >> 16) as u8).min(100),
            speed,
            end_ns: Some(words[4] as i64).filter(|&end| end != i64::MAX),
            subtitles: SubtitleState {
                serial: words[5] as u32,
                track: (flags >> 32) as u16,
                hidden: flags & 32 != 0,
                delay_ms: (words[5] >> 32) as u32 as i32,
            },
        })
    }
}
