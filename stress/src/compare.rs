//! `--compare`: this measurement beside an earlier one, as ratios.

use std::fmt;
use std::path::Path;

use tricine_session::Result;
use tricine_session::output::refused;

use crate::report::{Report, Row, SCHEMA};

/// An earlier measurement.
#[derive(Debug)]
pub(crate) struct Comparison {
    old: Report,
}

/// A row's figures as multiples of the earlier ones'.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ratios {
    fps: f64,
    p50: Option<f64>,
    p99: Option<f64>,
    cpu: f64,
    /// Whether both rows scatter less than they differ.
    clear: bool,
    /// Whether one of the two cannot be believed.
    disturbed: bool,
}

impl Comparison {
    /// Reads a report.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let failed = |e: std::io::Error| refused("read", path, &e);
        let text = std::fs::read(path).map_err(failed)?;
        let schema = serde_json::from_slice::<serde_json::Value>(&text)
            .ok()
            .and_then(|v| Some(v["schema"].as_str()?.to_owned()));
        if schema.as_deref() != Some(SCHEMA) {
            let why = format!("not a report of `tricine stress` ({SCHEMA}); name a file that it wrote with --report");
            return Err(failed(std::io::Error::new(std::io::ErrorKind::InvalidData, why)));
        }
        Ok(Self { old: serde_json::from_slice(&text)? })
    }

    /// The ratios of `row`, if it was measured before.
    pub(crate) fn of(&self, row: &Row) -> Option<Ratios> {
        let old = self.old.runs.iter().find(|old| old.same(row))?;
        let ratio = |new: f64, old: f64| if old > 0.0 { new / old } else { f64::NAN };
        let latency = |f: fn(&crate::report::Percentiles) -> u64| {
            Some(ratio(f(row.latency_ns.as_ref()?) as f64, f(old.latency_ns.as_ref()?) as f64))
        };
        let cpu = |r: &Row| r.cpu_ns_per_frame.producer + r.cpu_ns_per_frame.consumer;
        let fps = ratio(row.fps, old.fps);
        Some(Ratios {
            fps,
            p50: latency(|l| l.p50),
            p99: latency(|l| l.p99),
            cpu: ratio(cpu(row), cpu(old)),
            disturbed: row.disturbed.is_some() || old.disturbed.is_some(),
            clear: (fps - 1.0).abs() > (row.spread + old.spread) / 2.0,
        })
    }
}

impl fmt::Display for Ratios {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "against before: frames/s ×{:.2}", self.fps)?;
        for (name, ratio) in [("p50", self.p50), ("p99", self.p99), ("cpu", Some(self.cpu))] {
            if let Some(ratio) = ratio {
                write!(f, ", {name} ×{ratio:.2}")?;
            }
        }
        if !self.clear {
            f.write_str(" (within the scatter)")?;
        }
        if self.disturbed { f.write_str(" (one of the two was disturbed)") } else { Ok(()) }
    }
}
