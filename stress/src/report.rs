//! What a measurement came to: the rows, and the JSON `tricine.stress/1`.

use serde::{Deserialize, Serialize};
use tricine_channel::channel::Mode;

use crate::case::{Guard, Payload, Read, Transport};
use crate::load::Beside;
use crate::measure::{Ceiling, Machine};

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
    /// Which mechanism for these frames on this machine, and what it costs: one sentence.
    #[serde(default)]
    pub answer: String,
    /// Whether it was stopped before all was measured.
    #[serde(default)]
    pub partial: bool,
    /// How many rows were asked for.
    #[serde(default)]
    pub planned: usize,
    /// Why the figures cannot be believed, in words; `null` if nothing speaks against them.
    #[serde(default)]
    pub disturbed: Option<Vec<String>>,
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
    /// What has to be said of a measurement that was stopped.
    pub(crate) fn of_stop(&self) -> Option<String> {
        self.partial.then(|| {
            let (have, of) = (self.runs.len(), self.planned);
            format!("Stopped early: {have} of {of} rows have figures, some perhaps from fewer repetitions.")
        })
    }

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
    /// Frames per second that were asked for; `null` is unlimited.
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
    /// What other programs did during each repetition.
    #[serde(default)]
    pub beside_each: Vec<Beside>,
    /// Whether it was disturbed at first, and measured once more than it would have been.
    #[serde(default)]
    pub repeated: bool,
    /// Why these figures cannot be believed, in words; `null` if nothing speaks against them.
    #[serde(default)]
    pub disturbed: Option<Vec<String>>,
    /// `fps × bytes`.
    pub bytes_per_s: f64,
    /// `bytes_per_s` of what memory does at best with such frames; `null` where no frame is written.
    pub fraction_of_ceiling: Option<f64>,
    /// From the moment that a frame was complete (without a rate) or due (with one) to the moment that the consumer had it.
    pub latency_ns: Option<Percentiles>,
    /// The median of each repetition.
    #[serde(default)]
    pub latency_p50_each_ns: Vec<u64>,
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
pub(crate) mod tests {
    use super::*;
    use crate::gathering::Gathering;
    use crate::run::Measured;

    /// A row of 1000 bytes whose repetitions had these rates.
    pub(crate) fn row(transport: Transport, fps_each: &[f64]) -> Row {
        let case = crate::case::Case { transport, ..crate::tests::case() };
        let fps = fps_each.iter().sum::<f64>() / fps_each.len() as f64;
        let (least, most) = fps_each.iter().fold((f64::MAX, 0f64), |(a, b), &f| (a.min(f), b.max(f)));
        let (fps_each, spread) = (fps_each.to_vec(), if fps > 0.0 { (most - least) / fps } else { 0.0 });
        let payload = Payload::Copy;
        Row { payload, fps, fps_each, spread, sent: 10, received: 10, ..Gathering::new(case).row(None) }
    }

    /// A report of these rows.
    pub(crate) fn report(runs: Vec<Row>) -> Report {
        Report {
            schema: SCHEMA.into(),
            version: "0".into(),
            command: Vec::new(),
            answer: "Use this.".into(),
            partial: false,
            planned: runs.len(),
            disturbed: None,
            wall_s: 1.0,
            machine: Machine::look(),
            ceilings: vec![Ceiling {
                bytes: 1000,
                memcpy: 1e10,
                streaming: 1e10,
                string: 1e10,
                write: 1e9,
                read: 1e10,
                pair: Some(1e10),
            }],
            runs,
            absent: Vec::new(),
            syscalls_counted_by: None,
            syscalls_uncounted: None,
        }
    }

    #[test]
    fn a_report_is_read_back_as_it_was_written() {
        let mut gathering = Gathering::new(crate::tests::case());
        gathering.add(&[Measured { torn: 2, lost: 1, ..Measured::default() }], Beside::default());
        let row = gathering.row(None);
        assert_eq!(row.faults(), ["2 torn", "1 lost", "nothing received"]);
        let text = serde_json::to_string(&row).unwrap();
        assert_eq!(serde_json::from_str::<Row>(&text).unwrap(), row);
    }
}
