//! The table on the terminal.

use std::fmt::Write;

use crate::compare::Comparison;
use crate::report::{Report, Row};

/// Colours, where they can be seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    /// Whether there are any.
    pub(crate) colour: bool,
}

impl Paint {
    fn wrap(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    fn bar(self, text: &str) -> String {
        self.wrap("36", text)
    }
}

/// Bytes, as people say them.
pub(crate) fn size(bytes: usize) -> String {
    const NAMES: [(usize, &str); 5] = [
        (3_110_400, "1080p I420"),
        (8_294_400, "1080p XRGB"),
        (12_441_600, "4K I420"),
        (33_177_600, "4K XRGB"),
        (49_766_400, "8K I420"),
    ];
    if let Some((_, name)) = NAMES.iter().find(|(n, _)| *n == bytes) {
        return (*name).to_owned();
    }
    match bytes {
        n if n >= 1 << 20 && n.is_multiple_of(1 << 20) => format!("{} MiB", n >> 20),
        n if n >= 1 << 20 => format!("{:.1} MB", n as f64 / 1e6),
        n if n >= 1 << 10 && n.is_multiple_of(1 << 10) => format!("{} KiB", n >> 10),
        n => format!("{n} B"),
    }
}

/// A count to three digits.
pub(crate) fn count(value: f64) -> String {
    match value {
        v if v >= 99_950_000.0 => format!("{:.0} M", v / 1e6),
        v if v >= 999_500.0 => format!("{:.2} M", v / 1e6),
        v if v >= 9_999.5 => format!("{:.1} k", v / 1e3),
        v if v >= 99.95 => format!("{v:.0}"),
        v => format!("{v:.1}"),
    }
}

/// A time in the unit that suits it.
pub(crate) fn time(ns: f64) -> String {
    match ns {
        n if n >= 999_500_000.0 => format!("{:.2} s", n / 1e9),
        n if n >= 99_950_000.0 => format!("{:.0} ms", n / 1e6),
        n if n >= 999_500.0 => format!("{:.1} ms", n / 1e6),
        n if n >= 99_950.0 => format!("{:.0} µs", n / 1e3),
        n if n >= 999.5 => format!("{:.1} µs", n / 1e3),
        n => format!("{n:.0} ns"),
    }
}

/// A small number a frame.
fn ratio(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        v if v < 0.001 => "<.001".to_owned(),
        v if v < 9.995 => format!("{v:.2}"),
        v => format!("{v:.0}"),
    }
}

const COLUMNS: [(&str, usize); 12] = [
    ("frames/s", 9),
    ("±", 4),
    ("GB/s", 6),
    ("of limit", 8),
    ("p50", 8),
    ("p99", 8),
    ("p99.9", 8),
    ("max", 8),
    ("cpu P+C", 17),
    ("sw", 5),
    ("calls", 5),
    ("", 10),
];

fn cells(row: &Row) -> [String; 11] {
    let latency =
        |f: fn(&crate::report::Percentiles) -> u64| row.latency_ns.as_ref().map_or("–".into(), |l| time(f(l) as f64));
    let moved = row.fraction_of_ceiling.is_some();
    let percent = |f: f64| format!("{:.0} %", f * 100.0);
    [
        count(row.fps),
        if row.fps_each.len() > 1 { percent(row.spread / 2.0).replace(' ', "") } else { "–".into() },
        if moved { format!("{:.2}", row.bytes_per_s / 1e9) } else { "–".into() },
        row.fraction_of_ceiling.map_or("–".into(), percent),
        latency(|l| l.p50),
        latency(|l| l.p99),
        latency(|l| l.p999),
        latency(|l| l.max),
        format!("{} + {}", time(row.cpu_ns_per_frame.producer), time(row.cpu_ns_per_frame.consumer)),
        ratio(row.switches_per_frame.voluntary + row.switches_per_frame.involuntary),
        row.syscalls_per_frame.map_or("–".into(), ratio),
    ]
}

/// Rows that belong into one table: the same frames, the same work, the same pace.
pub(crate) fn groups(rows: &[Row]) -> Vec<Vec<&Row>> {
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        let key = |r: &Row| (r.bytes, r.payload, r.read, r.rate.map(f64::to_bits));
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| key(first) == key(row))) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    for group in &mut groups {
        group.sort_by(|a, b| b.fps.total_cmp(&a.fps));
    }
    groups
}

/// What a group has in common.
pub(crate) fn title(row: &Row) -> String {
    let pace = row.rate.map_or("as many as go".to_owned(), |rate| format!("{} frames/s", count(rate)));
    format!("{} ({} bytes) · {} → {} · {pace}", size(row.bytes), row.bytes, row.payload, row.read)
}

/// The whole text.
pub(crate) fn render(report: &Report, comparison: Option<&Comparison>, paint: Paint) -> String {
    let mut text = String::new();
    let machine = &report.machine;
    let trips: Vec<String> = machine.round_trip_ns.iter().map(|ns| ns.map_or("–".into(), time)).collect();
    let _ = writeln!(
        text,
        "{}",
        paint.dim(&format!(
            "{}{}, {} cores, Linux {}, governor {}, core to core and back {}",
            machine.processor,
            if machine.virtual_machine { " (virtual)" } else { "" },
            machine.cores,
            machine.kernel,
            machine.governor.as_deref().unwrap_or("none"),
            trips.join(" … "),
        ))
    );
    for group in groups(&report.runs) {
        let Some(first) = group.first() else { continue };
        let _ = writeln!(text, "\n{}", paint.bold(&title(first)));
        if let Some(ceiling) = report.ceilings.iter().find(|c| c.bytes == first.bytes) {
            let limits = format!("one core's limits in GB/s: {}", ceiling.describe());
            let _ = writeln!(text, "{}", paint.dim(&limits));
        }
        let width = group.iter().map(|r| r.label.chars().count()).max().unwrap_or(0).max(9);
        let head: String = COLUMNS.iter().map(|(name, width)| format!("  {name:>width$}")).collect();
        let _ = writeln!(text, "{}", paint.dim(format!("{:width$}{head}", "transport").trim_end()));
        let best = group.iter().map(|r| r.fps).fold(0.0, f64::max);
        for row in &group {
            let mut line = format!("{:width$}", row.label);
            for (cell, (_, width)) in cells(row).iter().zip(COLUMNS) {
                let _ = write!(line, "  {cell:>width$}");
            }
            let _ = writeln!(text, "{line}  {}", paint.bar(&bar(if best > 0.0 { row.fps / best } else { 0.0 })));
            for note in notes(row) {
                let _ = writeln!(text, "{:width$}  {note}", "");
            }
            let faults = row.faults();
            if !faults.is_empty() {
                let _ = writeln!(text, "{:width$}  {}", "", paint.red(&faults.join(", ")));
            }
            if let Some(ratios) = comparison.and_then(|c| c.of(row)) {
                let _ = writeln!(text, "{:width$}  {}", "", paint.dim(&ratios.to_string()));
            }
        }
    }
    if !report.absent.is_empty() {
        let _ = writeln!(text, "\n{}", paint.bold("Not measured here"));
        for absent in &report.absent {
            let _ = writeln!(text, "{:width$}  {}", absent.transport, absent.why, width = 9);
        }
    }
    if let Some(said) = report.of_syscalls() {
        let _ = writeln!(text, "\n{}", paint.dim(&said));
    }
    text
}

/// What only some rows have to say.
fn notes(row: &Row) -> Vec<String> {
    let mut notes = Vec::new();
    if row.overwrote > 0 {
        notes.push(format!(
            "{} of {} frames were overwritten by a later one",
            count(row.overwrote as f64),
            count(row.sent as f64)
        ));
    }
    if row.kills > 0 {
        let times = row.recovery_ms.map_or(String::new(), |r| {
            format!(", at work again after {:.1} ms (p50), {:.1} (p99), {:.1} (max)", r.p50, r.p99, r.max)
        });
        notes.push(format!("{} kills, {} recoveries{times}", row.kills, row.recoveries));
    }
    if row.verify {
        notes.push(format!("every byte of {} frames checked", count(row.received as f64)));
    }
    if row.late_wakeups > 0 {
        notes.push(format!("{} frames were found although no wake-up had come", row.late_wakeups));
    }
    notes
}

/// Eighths of ten cells.
fn bar(fraction: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (fraction.clamp(0.0, 1.0) * 80.0).round() as usize;
    let bar = "█".repeat(eighths / 8) + PARTS[eighths % 8];
    if bar.is_empty() { "▏".to_owned() } else { bar }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let counts = [0.0, 59.97, 100.0, 9999.4, 12_345.0, 1_234_567.0, 123_456_789.0].map(count);
        assert_eq!(counts, ["0.0", "60.0", "100", "9999", "12.3 k", "1.23 M", "123 M"]);
        let times = [7.0, 999.0, 1234.0, 123_456.0, 2_345_678.0, 123_456_789.0, 2e9].map(time);
        assert_eq!(times, ["7 ns", "999 ns", "1.2 µs", "123 µs", "2.3 ms", "123 ms", "2.00 s"]);
        assert_eq!(
            [64, 4096, 1 << 20, 3_110_400, 3_000_000].map(size),
            ["64 B", "4 KiB", "1 MiB", "1080p I420", "3.0 MB"]
        );
        assert_eq!([0.0, 0.0002, 0.5, 12.3].map(ratio), ["0", "<.001", "0.50", "12"]);
    }

    #[test]
    fn a_bar_is_as_long_as_its_fraction() {
        assert_eq!([0.0, 0.5, 1.0].map(bar), ["▏", "█████", "██████████"]);
        assert_eq!(bar(0.0125), "▏");
    }
}
