//! What a measurement came to: the rows, and the JSON `tricine.stress/1`.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tricine_channel::channel::Mode;

use crate::case::{Case, Guard, Payload, Read, Transport};
use crate::measure::{Ceiling, Machine};
use crate::run::Measured;

/// The schema's name and version.
pub const SCHEMA: &str = "tricine.stress/1";

/// Everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version of Tricine.
    pub version: String,
    /// The command line, without the program's name.
    pub command: Vec<String>,
    /// How long it all took, in seconds.
    pub wall_s: f64,
    /// What was measured on.
    pub machine: Machine,
    /// What memory does at best, measured before and after the runs.
    pub ceilings: Vec<Ceiling>,
    /// The rows.
    pub runs: Vec<Row>,
    /// What could not be measured here, and why.
    pub absent: Vec<Absent>,
    /// How system calls were counted: `perf`, where nobody is stopped, or `ptrace`, which slows them down; `null` if they were not.
    pub syscalls_counted_by: Option<String>,
    /// Why system calls were not counted, if they were not.
    pub syscalls_uncounted: Option<String>,
}

impl Report {
    /// What has to be said of the system calls in it; nothing where perf counted them, or nobody was to.
    pub(crate) fn of_syscalls(&self) -> Option<String> {
        match (self.syscalls_counted_by.as_deref(), self.syscalls_uncounted.as_deref()) {
            (Some("ptrace"), _) => Some(
                "System calls were counted by stopping at each (ptrace), since perf may not be used here: who sleeps may differ."
                    .to_owned(),
            ),
            (None, Some(why)) if why != "not asked for" => Some(format!("System calls were not counted: {why}.")),
            _ => None,
        }
    }
}

/// A mechanism that this machine or this build lacks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Absent {
    /// Its name.
    pub transport: String,
    /// What it says.
    pub why: String,
}

/// Latencies in ns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is the percentile that it is called")]
pub struct Percentiles {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub p9999: u64,
    pub max: u64,
}

/// A figure of each side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sides {
    /// The producer's.
    pub producer: f64,
    /// The consumer's.
    pub consumer: f64,
}

/// Context switches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Switches {
    /// Because a side waited.
    pub voluntary: f64,
    /// Because a side's time was up.
    pub involuntary: f64,
}

/// Times of recoveries in ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is the percentile that it is called")]
pub struct Recovery {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// One thing that was measured. A figure that could not be taken is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What sets it apart, for people.
    pub label: String,
    /// The mechanism.
    pub transport: Transport,
    /// What wakes, for shm.
    pub guard: Option<Guard>,
    /// FIFO or mailbox.
    #[serde(with = "tricine_session::channel::mode_serde")]
    pub mode: Mode,
    /// Bytes of a frame.
    pub bytes: usize,
    /// What was written.
    pub payload: Payload,
    /// What was read.
    pub read: Read,
    /// Frames a second that were asked for; `null` is as many as go.
    pub rate: Option<f64>,
    /// How long a side may spin before it sleeps, in µs; `null` is the transport's own way.
    pub spin_us: Option<u64>,
    /// Processors that the producer and the consumer were bound to.
    pub pin: Option<[usize; 2]>,
    /// Whether the consumer knew when to expect a frame.
    pub expect: bool,
    /// Whether every byte was checked.
    pub verify: bool,
    /// How long each repetition warmed up, in seconds.
    pub warmup_s: f64,
    /// Pairs of processes side by side.
    pub sessions: usize,
    /// Frames that were sent.
    pub sent: u64,
    /// Frames that were received.
    pub received: u64,
    /// Frames that never came.
    pub lost: u64,
    /// Frames with a wrong byte.
    pub torn: u64,
    /// Frames that came twice.
    pub duplicated: u64,
    /// Frames that came after a later one.
    pub reordered: u64,
    /// Frames that a later one took the place of, in a mailbox: no loss.
    pub overwrote: u64,
    /// Seconds in which the received frames arrived.
    pub seconds: f64,
    /// `received / seconds`.
    pub fps: f64,
    /// The same of each repetition; those of different rows were done in turns.
    pub fps_each: Vec<f64>,
    /// Largest less smallest repetition, as a fraction of the row's.
    pub spread: f64,
    /// `fps × bytes`.
    pub bytes_per_s: f64,
    /// `bytes_per_s` of what memory does at best with such frames; `null` where no frame is written.
    pub fraction_of_ceiling: Option<f64>,
    /// From the moment that a frame was complete (without a rate) or due (with one) to the moment that the consumer had it.
    pub latency_ns: Option<Percentiles>,
    /// The same at many quantiles, for a plot: quantile and ns.
    pub latency_curve: Vec<(f64, u64)>,
    /// Processor time. The producer's is without the spinning that paces it.
    pub cpu_ns_per_frame: Sides,
    /// Context switches of both sides.
    pub switches_per_frame: Switches,
    /// System calls of both sides; `null` unless counted.
    pub syscalls_per_frame: Option<f64>,
    /// Wake-ups for nothing.
    pub spurious_wakeups: u64,
    /// Frames or slots found although no wake-up had come.
    pub late_wakeups: u64,
    /// The processors that the sides last ran on.
    pub processors: Vec<[Option<usize>; 2]>,
    /// Processes killed.
    pub kills: u64,
    /// Successors that were seen at work.
    pub recoveries: u64,
    /// From a kill to the successor's first frame.
    pub recovery_ms: Option<Recovery>,
}

/// Latencies are kept up to a minute, to three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    const LONGEST_NS: u64 = 60_000_000_000;
    Histogram::new_with_bounds(1, LONGEST_NS, 3).unwrap_or_else(|_| unreachable!("these bounds are allowed"))
}

/// A row in the making.
#[derive(Debug)]
pub(crate) struct Gathering {
    pub(crate) case: Case,
    row: Row,
    latency: Histogram<u64>,
    max_ns: u64,
    cpu_ns: [u64; 2],
    switches: [u64; 2],
    recovery_ns: Vec<u64>,
}

impl Gathering {
    pub(crate) fn new(case: Case) -> Self {
        let row = Row {
            label: case.label(),
            transport: case.transport,
            guard: (case.transport == Transport::Shm).then_some(case.guard),
            mode: case.mode,
            bytes: case.bytes,
            payload: case.payload,
            read: case.read,
            rate: case.rate,
            spin_us: case.spin_us,
            pin: case.pin,
            expect: case.expect,
            verify: case.verify,
            warmup_s: case.warmup,
            sessions: case.sessions,
            sent: 0,
            received: 0,
            lost: 0,
            torn: 0,
            duplicated: 0,
            reordered: 0,
            overwrote: 0,
            seconds: 0.0,
            fps: 0.0,
            fps_each: Vec::new(),
            spread: 0.0,
            bytes_per_s: 0.0,
            fraction_of_ceiling: None,
            latency_ns: None,
            latency_curve: Vec::new(),
            cpu_ns_per_frame: Sides { producer: 0.0, consumer: 0.0 },
            switches_per_frame: Switches { voluntary: 0.0, involuntary: 0.0 },
            syscalls_per_frame: None,
            spurious_wakeups: 0,
            late_wakeups: 0,
            processors: Vec::new(),
            kills: 0,
            recoveries: 0,
            recovery_ms: None,
        };
        Self { case, row, latency: histogram(), max_ns: 0, cpu_ns: [0; 2], switches: [0; 2], recovery_ns: Vec::new() }
    }

    /// Takes in one repetition: what each of its sessions came to.
    pub(crate) fn add(&mut self, sessions: &[Measured]) {
        let row = &mut self.row;
        let (mut fps, mut seconds) = (0.0, 0.0);
        for measured in sessions {
            let (producer, consumer) = (&measured.producer, &measured.consumer);
            row.sent += producer.frames;
            row.received += consumer.frames;
            row.overwrote += producer.overwrote;
            row.lost += measured.lost;
            row.torn += measured.torn;
            row.duplicated += measured.duplicated;
            row.reordered += measured.reordered;
            row.spurious_wakeups += producer.spurious + consumer.spurious;
            row.late_wakeups += producer.late + consumer.late;
            row.processors.push([producer.processor, consumer.processor]);
            row.kills += measured.kills;
            let window = measured.window_ns[1].saturating_sub(measured.window_ns[0]) as f64 / 1e9;
            if window > 0.0 {
                fps += consumer.frames as f64 / window;
                seconds += window;
            }
            for &(value, count) in &consumer.latency {
                self.latency.saturating_record_n(value.max(1), count);
                self.max_ns = self.max_ns.max(value);
            }
            self.cpu_ns[0] += producer.cpu_ns;
            self.cpu_ns[1] += consumer.cpu_ns;
            self.switches[0] += producer.voluntary + consumer.voluntary;
            self.switches[1] += producer.involuntary + consumer.involuntary;
            self.recovery_ns.extend(&measured.recovery_ns);
        }
        // Sessions run at the same time: their seconds are the same ones.
        row.seconds += seconds / sessions.len().max(1) as f64;
        row.fps_each.push(fps);
    }

    /// Takes in the run of its own in which system calls were counted.
    pub(crate) fn add_syscalls(&mut self, sessions: &[Measured]) {
        let frames: u64 = sessions.iter().map(|m| m.consumer.frames).sum();
        let calls: Option<u64> = sessions.iter().flat_map(|m| [m.producer.syscalls, m.consumer.syscalls]).sum();
        self.row.syscalls_per_frame = calls.filter(|_| frames > 0).map(|calls| calls as f64 / frames as f64);
    }

    /// The row, once all its repetitions are in.
    pub(crate) fn finish(mut self, ceiling: Option<&Ceiling>) -> Row {
        let mut row = self.row;
        row.fps = if row.seconds > 0.0 { row.received as f64 / row.seconds } else { 0.0 };
        let (least, most) = row.fps_each.iter().fold((f64::MAX, 0f64), |(a, b), &f| (a.min(f), b.max(f)));
        row.spread = if row.fps > 0.0 { (most - least) / row.fps } else { 0.0 };
        row.bytes_per_s = row.fps * row.bytes as f64;
        let limit = ceiling.and_then(|c| match self.case.payload {
            Payload::Stamp => None,
            Payload::Fill => Some(c.write),
            Payload::Copy => Some(c.copy()),
        });
        row.fraction_of_ceiling = limit.map(|limit| row.bytes_per_s / limit);
        if !self.latency.is_empty() {
            let at = |q| self.latency.value_at_quantile(q).min(self.max_ns);
            row.latency_ns = Some(Percentiles {
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p999: at(0.999),
                p9999: at(0.9999),
                max: self.max_ns,
            });
            let total = self.latency.len() as f64;
            // Evenly spaced in the number of nines, as far as there are so many frames.
            let nines = (0..=60).map(|i| 1.0 - 10f64.powf(-f64::from(i) / 10.0));
            row.latency_curve = nines.take_while(|q| (1.0 - q) * total >= 0.5).map(|q| (q, at(q))).collect();
        }
        // In a mailbox, what was overwritten was work, too.
        let each = |ns: u64, frames: u64| if frames > 0 { ns as f64 / frames as f64 } else { 0.0 };
        row.cpu_ns_per_frame =
            Sides { producer: each(self.cpu_ns[0], row.sent), consumer: each(self.cpu_ns[1], row.received) };
        row.switches_per_frame = Switches {
            voluntary: each(self.switches[0], row.received),
            involuntary: each(self.switches[1], row.received),
        };
        row.recoveries = self.recovery_ns.len() as u64;
        self.recovery_ns.sort_unstable();
        let at = |q: f64| {
            let last = self.recovery_ns.len().checked_sub(1)?;
            Some(self.recovery_ns[(last as f64 * q).round() as usize] as f64 / 1e6)
        };
        row.recovery_ms = at(0.5).zip(at(0.99)).zip(at(1.0)).map(|((p50, p99), max)| Recovery { p50, p99, max });
        row
    }
}

impl Row {
    /// What is wrong with it; empty if nothing is.
    pub fn faults(&self) -> Vec<String> {
        let counts =
            [("torn", self.torn), ("lost", self.lost), ("duplicated", self.duplicated), ("reordered", self.reordered)];
        let mut faults: Vec<String> =
            counts.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{n} {what}")).collect();
        if self.received == 0 {
            faults.push("nothing received".to_owned());
        }
        faults
    }

    /// Whether two rows, perhaps of different reports, measured the same thing.
    pub fn same(&self, other: &Self) -> bool {
        self.label == other.label
            && (self.bytes, self.payload, self.read, self.rate) == (other.bytes, other.payload, other.read, other.rate)
            && (self.spin_us, self.pin, self.expect) == (other.spin_us, other.pin, other.expect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn figures_of_a_row_follow_from_what_was_measured() {
        let mut gathering = Gathering::new(crate::tests::case());
        for window in [1_000_000_000, 3_000_000_000] {
            let side =
                |latency| Outcome { frames: 1000, cpu_ns: 5_000_000, voluntary: 10, latency, ..Outcome::default() };
            gathering.add(&[Measured {
                producer: side(Vec::new()),
                consumer: side(vec![(100, 900), (1000, 100)]),
                window_ns: [7, 7 + window],
                ..Measured::default()
            }]);
        }
        let row = gathering.finish(None);
        assert_eq!((row.sent, row.received, row.seconds, row.fps), (2000, 2000, 4.0, 500.0));
        assert_eq!(row.fps_each, [1000.0, 1000.0 / 3.0]);
        assert!((row.spread - (1000.0 - 1000.0 / 3.0) / 500.0).abs() < 1e-9);
        let latency = row.latency_ns.unwrap();
        assert_eq!((latency.p50, latency.p90, latency.p99, latency.max), (100, 100, 1000, 1000));
        assert_eq!(row.cpu_ns_per_frame, Sides { producer: 5000.0, consumer: 5000.0 });
        assert_eq!(row.switches_per_frame.voluntary, 0.02);
        assert!(row.faults().is_empty() && row.syscalls_per_frame.is_none() && row.recovery_ms.is_none());
    }

    #[test]
    fn a_report_is_read_back_as_it_was_written() {
        let mut gathering = Gathering::new(crate::tests::case());
        gathering.add(&[Measured { torn: 2, lost: 1, ..Measured::default() }]);
        let row = gathering.finish(None);
        assert_eq!(row.faults(), ["2 torn", "1 lost", "nothing received"]);
        let text = serde_json::to_string(&row).unwrap();
        assert_eq!(serde_json::from_str::<Row>(&text).unwrap(), row);
    }
}
