//! A row in the making: repetitions go in, figures come out.

use hdrhistogram::Histogram;

use crate::case::{Case, Payload, Transport};
use crate::load::Beside;
use crate::measure::Ceiling;
use crate::report::{Percentiles, Recovery, Row, Sides, Switches};
use crate::run::Measured;

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
            beside_each: Vec::new(),
            repeated: false,
            disturbed: None,
            bytes_per_s: 0.0,
            fraction_of_ceiling: None,
            latency_ns: None,
            latency_p50_each_ns: Vec::new(),
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

    /// Whether there is anything in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.row.fps_each.is_empty()
    }

    /// Notes that the next repetition is one more than was meant, since those before were disturbed.
    pub(crate) fn repeat(&mut self) {
        self.row.repeated = true;
    }

    /// Takes in one repetition: what each of its sessions came to, and what others did meanwhile.
    pub(crate) fn add(&mut self, sessions: &[Measured], beside: Beside) {
        let row = &mut self.row;
        let mut latency = histogram();
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
                latency.saturating_record_n(value.max(1), count);
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
        row.beside_each.push(beside);
        if !latency.is_empty() {
            row.latency_p50_each_ns.push(latency.value_at_quantile(0.5));
        }
        // Both have the same bounds.
        let _ = self.latency.add(&latency);
    }

    /// Takes in the run of its own in which system calls were counted.
    pub(crate) fn add_syscalls(&mut self, sessions: &[Measured]) {
        let frames: u64 = sessions.iter().map(|m| m.consumer.frames).sum();
        let calls: Option<u64> = sessions.iter().flat_map(|m| [m.producer.syscalls, m.consumer.syscalls]).sum();
        self.row.syscalls_per_frame = calls.filter(|_| frames > 0).map(|calls| calls as f64 / frames as f64);
    }

    /// The row, as far as repetitions are in.
    pub(crate) fn row(&self, ceiling: Option<&Ceiling>) -> Row {
        let mut row = self.row.clone();
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
        let mut recovery_ns = self.recovery_ns.clone();
        recovery_ns.sort_unstable();
        let at = |q: f64| {
            let last = recovery_ns.len().checked_sub(1)?;
            Some(recovery_ns[(last as f64 * q).round() as usize] as f64 / 1e6)
        };
        row.recovery_ms = at(0.5).zip(at(0.99)).zip(at(1.0)).map(|((p50, p99), max)| Recovery { p50, p99, max });
        row
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
            gathering.add(
                &[Measured {
                    producer: side(Vec::new()),
                    consumer: side(vec![(100, 900), (1000, 100)]),
                    window_ns: [7, 7 + window],
                    ..Measured::default()
                }],
                Beside::default(),
            );
        }
        let row = gathering.row(None);
        assert_eq!(row.latency_p50_each_ns, [100, 100]);
        assert_eq!((row.sent, row.received, row.seconds, row.fps), (2000, 2000, 4.0, 500.0));
        assert_eq!(row.fps_each, [1000.0, 1000.0 / 3.0]);
        assert!((row.spread - (1000.0 - 1000.0 / 3.0) / 500.0).abs() < 1e-9);
        let latency = row.latency_ns.unwrap();
        assert_eq!((latency.p50, latency.p90, latency.p99, latency.max), (100, 100, 1000, 1000));
        assert_eq!(row.cpu_ns_per_frame, Sides { producer: 5000.0, consumer: 5000.0 });
        assert_eq!(row.switches_per_frame.voluntary, 0.02);
        assert!(row.faults().is_empty() && row.syscalls_per_frame.is_none() && row.recovery_ms.is_none());
    }
}
