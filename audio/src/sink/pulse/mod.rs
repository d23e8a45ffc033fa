//! A sound server: PulseAudio, or PipeWire by its protocol.
//!
//! The speaker's side: orders go to a [`worker`] thread through a bounded channel, what it reports is made into a steady
//! clock by [`timing`]. A server that goes is reported once; the speaker then lets go of this sink.

mod timing;
mod wire;
mod worker;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Format, Health, Heard, Inherited, Sink};
use timing::DeviceClock;
use wire::Legacy;
use worker::{Order, Report, Worker};

/// How much it takes ahead of what is heard: what a change of the volume waits for, and how long a successor of this
/// process may take until the sound breaks off.
const AHEAD_NS: u64 = 200_000_000;
/// What servers resample from; the rest is resampled here.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// A stream that has not moved for so long never will.
const STUCK_NS: u64 = 4_000_000_000;

pub(crate) use wire::{Line, connection};
pub(crate) use worker::Talker;

/// Which server answers, in words.
pub(crate) fn probe() -> Result<String, String> {
    let info = wire::Wire::open()?.server_info()?;
    let part = |s: Option<std::ffi::CString>| s.map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let (name, sink) = (part(info.server_name), part(info.default_sink_name));
    Ok(format!("{name} {}, default sink {sink}", part(info.server_version)))
}

/// A stream on a sound server.
pub(crate) struct Pulse {
    orders: Sender<Order>,
    reports: Receiver<Report>,
    bell: UnixStream,
    gain: Arc<AtomicU32>,
    format: Option<Format>,
    health: Health,
    /// `None` for a predecessor's stream, of which it was told.
    sink_name: Option<String>,
    /// For a successor; 0 if there is nothing that it could take up.
    legacy: u64,
    inherited: Option<Inherited>,
    /// A predecessor's stream may hold sound.
    inherits: bool,
    paused: bool,
    /// Sample times written since the last flush.
    written: u64,
    epoch: u64,
    device: DeviceClock,
    /// Where it stands until the device is known to move.
    standing_ns: Option<u64>,
    dry_ns: Option<u64>,
    late: u64,
    /// When it last moved, or had no reason to.
    moved_ns: u64,
}

impl Pulse {
    /// Begins to open one, by way of `talker`. [`Sink::health`] says what comes of it. `legacy` is what plays on the line already; `lines` is
    /// where the line comes from, once there is one.
    pub(crate) fn open(
        talker: &Talker,
        lines: Receiver<Result<Line, String>>,
        legacy: Option<Legacy>,
        paused: bool,
        gain: f32,
        now_ns: u64,
    ) -> Result<Self, String> {
        let (orders, orders_in) = bounded(256);
        let (reports_out, reports) = bounded(256);
        let (bell, bell_in) = UnixStream::pair().map_err(|e| format!("socketpair: {e}"))?;
        bell.set_nonblocking(true).map_err(|e| format!("socketpair: {e}"))?;
        let gain = Arc::new(AtomicU32::new(gain.to_bits()));
        let worker = Worker { orders: orders_in, reports: reports_out, bell: bell_in, gain: gain.clone() };
        talker.talk(worker, lines)?;
        let this = Self {
            orders,
            reports,
            bell,
            gain,
            format: legacy.map(|legacy| Format::stereo(legacy.rate)),
            health: Health::Opening,
            sink_name: None,
            legacy: legacy.map_or(0, Legacy::encode),
            inherited: None,
            inherits: legacy.is_some(),
            paused,
            written: 0,
            epoch: 0,
            device: DeviceClock::default(),
            standing_ns: None,
            dry_ns: None,
            late: 0,
            moved_ns: now_ns,
        };
        let _ = this.orders.try_send(Order::Pause(paused));
        Ok(this)
    }

    fn order(&mut self, order: Order) {
        if self.orders.try_send(order).is_err() && !matches!(self.health, Health::Lost(_)) {
            self.health = Health::Lost("the sound server does not answer".into());
        }
        // A full pipe has rung already.
        let _ = (&self.bell).write(&[1]);
    }

    fn written_ns(&self) -> u64 {
        self.format.map_or(0, |f| f.ns(self.written))
    }

    /// Keeps the place until the device has said anew where it is.
    fn stand(&mut self, now_ns: u64) {
        self.standing_ns = self.heard(now_ns).map(|h| h.position_ns);
        self.device.reset();
    }

    fn ready(&mut self, now_ns: u64) {
        if matches!(self.health, Health::Opening) {
            self.health = Health::Ready;
        }
        self.moved_ns = now_ns;
    }

    fn hear(&mut self, report: Report, now_ns: u64) {
        match report {
            Report::Opened(name, legacy) => {
                self.ready(now_ns);
                self.sink_name = Some(name);
                self.legacy = legacy.encode();
            }
            Report::Inherited { epoch, written_ns, until_ns } => {
                self.ready(now_ns);
                if let Some(format) = self.format.filter(|_| epoch == self.epoch) {
                    self.written = format.times(written_ns);
                    self.inherited = Some(Inherited { written_ns, until_ns });
                }
            }
            Report::Time { epoch, at_ns, position_ns, playing, dry_ns } if epoch == self.epoch => {
                self.dry_ns = dry_ns;
                if playing && !self.paused && dry_ns.is_none() {
                    self.device.feed(at_ns, position_ns);
                    self.moved_ns = now_ns;
                }
            }
            Report::Time { .. } => {}
            Report::Started => self.stand(now_ns),
            Report::Late => self.late += 1,
            Report::Lost(why) => self.health = Health::Lost(why),
        }
    }
}

impl Sink for Pulse {
    fn describe(&self) -> Option<String> {
        self.sink_name.as_ref().map(|name| format!("pulse ({name})"))
    }

    fn takes(&mut self, source: Format) -> Format {
        if let Some(format) = self.format {
            return format;
        }
        let rate = if RATES.contains(&source.rate) { source.rate } else { 48_000 };
        self.order(Order::Open(rate));
        *self.format.insert(Format::stereo(rate))
    }

    fn health(&mut self, now_ns: u64) -> &Health {
        while let Ok(report) = self.reports.try_recv() {
            self.hear(report, now_ns);
        }
        if self.paused || self.dry_ns == Some(self.written_ns()) || self.written == 0 {
            self.moved_ns = now_ns;
        } else if now_ns > self.moved_ns + STUCK_NS && matches!(self.health, Health::Ready) {
            self.health = Health::Lost("the sound server plays nothing".into());
        }
        &self.health
    }

    fn room_ns(&mut self, now_ns: u64) -> u64 {
        if !matches!(self.health, Health::Ready) {
            return 0;
        }
        let heard = self.heard(now_ns).map_or(0, |h| h.position_ns);
        AHEAD_NS.saturating_sub(self.written_ns().saturating_sub(heard))
    }

    fn write(&mut self, samples: &[f32], _format: Format, _now_ns: u64) {
        self.written += samples.len() as u64 / 2;
        self.order(Order::Samples(samples.to_vec()));
    }

    fn heard(&mut self, now_ns: u64) -> Option<Heard> {
        let written_ns = self.written_ns();
        let settled = self.device.settled();
        if self.dry_ns == Some(written_ns) {
            return Some(Heard { position_ns: written_ns, dry: true, moving: false, settled: false });
        }
        let standing = self.standing_ns.map(|position_ns| Heard { position_ns, dry: false, moving: false, settled });
        if self.paused {
            return standing;
        }
        let Some(position_ns) = self.device.at(now_ns).and_then(|p| u64::try_from(p).ok()) else { return standing };
        if self.standing_ns.is_some_and(|stands| position_ns < stands) {
            return standing;
        }
        self.standing_ns = None;
        let moving = position_ns < written_ns;
        Some(Heard { position_ns: position_ns.min(written_ns), dry: false, moving, settled })
    }

    fn pause(&mut self, paused: bool, now_ns: u64) {
        if paused != self.paused {
            self.stand(now_ns);
            self.paused = paused;
            self.order(Order::Pause(paused));
        }
    }

    fn flush(&mut self, _now_ns: u64) {
        if self.written > 0 || self.inherits {
            self.inherits = false;
            self.epoch += 1;
            self.written = 0;
            self.device.reset();
            (self.standing_ns, self.dry_ns) = (None, None);
            self.order(Order::Flush(self.epoch));
        }
    }

    fn set_gain(&mut self, gain: f32) {
        self.gain.store(gain.to_bits(), Relaxed);
    }

    fn wants_priming(&self) -> bool {
        true
    }

    fn legacy(&self) -> u64 {
        self.legacy
    }

    fn inherited(&mut self) -> Option<Inherited> {
        self.inherited.take()
    }

    fn late(&self) -> u64 {
        self.late
    }
}
