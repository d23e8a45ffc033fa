//! The table on the terminal.

use std::fmt::Write;

use crate::columns::{Column, cell, columns};
use crate::compare::Comparison;
use crate::report::{Report, Row};
use crate::width::wrap;
use crate::words::of_row;

/// How it is to look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    /// Whether there are any.
    pub(crate) colour: bool,
    /// How wide the terminal is.
    pub(crate) columns: usize,
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

    fn plain(self, text: &str) -> String {
        text.to_owned()
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
    let pace = row.rate.map_or("unlimited".to_owned(), |rate| format!("{} frames/s", count(rate)));
    format!("{} ({} bytes) · {} → {} · {pace}", size(row.bytes), row.bytes, row.payload, row.read)
}

/// Text that is broken into lines as wide as there is room.
struct Page {
    text: String,
    paint: Paint,
}

impl Page {
    fn say(&mut self, style: fn(Paint, &str) -> String, text: &str, indent: usize) {
        for line in wrap(text, self.paint.columns, indent) {
            let _ = writeln!(self.text, "{}", style(self.paint, &line));
        }
    }

    /// A line below a row, under its figures.
    fn note(&mut self, style: fn(Paint, &str) -> String, text: &str) {
        for line in wrap(text, self.paint.columns - 4, 0) {
            let _ = writeln!(self.text, "    {}", style(self.paint, &line));
        }
    }
}

/// The whole text.
pub(crate) fn render(report: &Report, comparison: Option<&Comparison>, paint: Paint) -> String {
    let mut page = Page { text: String::new(), paint };
    page.say(Paint::bold, &report.answer, 0);
    if let Some(reasons) = &report.disturbed {
        page.say(Paint::red, &format!("DISTURBED, do not rely on these figures: {}.", reasons.join("; ")), 2);
    }
    if let Some(said) = report.of_stop() {
        page.say(Paint::red, &said, 2);
    }
    page.say(Paint::dim, &machine(report), 2);
    for group in groups(&report.runs) {
        table(&mut page, report, &group, comparison);
    }
    legend(&mut page, report);
    if !report.absent.is_empty() {
        page.text.push('\n');
        page.say(Paint::bold, "Not measured here", 0);
        for absent in &report.absent {
            page.say(Paint::plain, &format!("{:9}  {}", absent.transport, absent.why), 11);
        }
    }
    if let Some(said) = report.of_syscalls() {
        page.text.push('\n');
        page.say(Paint::dim, &said, 2);
    }
    page.text
}

/// What was measured on, in a line.
fn machine(report: &Report) -> String {
    let machine = &report.machine;
    let trips: Vec<String> = machine.round_trip_ns.iter().map(|ns| ns.map_or("–".into(), time)).collect();
    format!(
        "{}{}, {} cores, Linux {}, governor {}, core to core and back {}",
        machine.processor,
        if machine.virtual_machine { " (virtual)" } else { "" },
        machine.cores,
        machine.kernel,
        machine.governor.as_deref().unwrap_or("none"),
        trips.join(" … "),
    )
}

fn table(page: &mut Page, report: &Report, group: &[&Row], comparison: Option<&Comparison>) {
    let Some(first) = group.first() else { return };
    page.text.push('\n');
    page.say(Paint::bold, &title(first), 2);
    if let Some(ceiling) = report.ceilings.iter().find(|c| c.bytes == first.bytes) {
        page.say(Paint::dim, &format!("one core's limits in GB/s: {}", ceiling.describe()), 2);
    }
    let paint = page.paint;
    let width = group.iter().map(|r| r.label.chars().count()).max().unwrap_or(0).max(9);
    let columns = columns(paint.columns.saturating_sub(width));
    let head: String = columns.iter().map(|(_, name, width)| format!("  {name:>width$}")).collect();
    let _ = writeln!(page.text, "{}", paint.dim(format!("{:width$}{head}", "transport").trim_end()));
    let best = group.iter().map(|r| r.fps).fold(0.0, f64::max);
    for row in group {
        let mut line = format!("{:width$}", row.label);
        for &(column, _, width) in &columns {
            let cell = cell(row, column, best);
            let _ = match column {
                Column::Bar => write!(line, "  {}", paint.bar(&cell)),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        let _ = writeln!(page.text, "{line}");
        notes(row).iter().for_each(|note| page.note(Paint::plain, note));
        let faults = row.faults();
        if !faults.is_empty() {
            page.note(Paint::red, &faults.join(", "));
        }
        if let Some(reasons) = &row.disturbed {
            page.note(Paint::red, &format!("disturbed: {}", reasons.join("; ")));
        }
        if let Some(ratios) = comparison.and_then(|c| c.of(row)) {
            page.note(Paint::dim, &ratios.to_string());
        }
    }
}

/// What each mechanism in the tables is.
fn legend(page: &mut Page, report: &Report) {
    let mut rows: Vec<&Row> = Vec::new();
    for row in &report.runs {
        if !rows.iter().any(|known| known.label == row.label) {
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return;
    }
    let width = rows.iter().map(|r| r.label.chars().count()).max().unwrap_or(0);
    page.text.push('\n');
    for row in rows {
        page.say(Paint::dim, &format!("{:width$}  {}", row.label, of_row(row)), width + 2);
    }
}

/// Of a row that was disturbed at first and is not now.
pub(crate) const ONCE_MORE: &str = "measured once more, since it was disturbed; without its worst repetition it is not";

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
    if row.repeated && row.disturbed.is_none() {
        notes.push(ONCE_MORE.to_owned());
    }
    if row.late_wakeups > 0 {
        notes.push(format!("{} frames were found although no wake-up had come", row.late_wakeups));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Guard, Transport};
    use crate::report::tests::{report, row};
    use tricine_channel::channel::Mode;

    /// A report in which everything that can be said is said, with long words.
    fn eloquent() -> Report {
        let long =
            Row { mode: Mode::Mailbox, label: "shm semaphore mailbox".into(), ..row(Transport::Shm, &[2e6, 2e6]) };
        let torn = Row { torn: 123_456, lost: 123_456, reordered: 123_456, duplicated: 123_456, ..long.clone() };
        let disturbed = Row { disturbed: Some(vec!["other programs took 1.9 of 2 cores".into(); 3]), ..torn };
        let raw = Row { guard: Some(Guard::RawSync), label: "shm raw-sync".into(), verify: true, ..long.clone() };
        let costly = crate::report::Sides { producer: 123_456.0, consumer: 99_900_000.0 };
        let slow = Row {
            cpu_ns_per_frame: costly,
            kills: 9,
            overwrote: 99,
            late_wakeups: 9,
            ..row(Transport::SysvMq, &[0.1])
        };
        let mut report = report(vec![long, disturbed, raw, slow, row(Transport::Floor, &[99_000.0])]);
        report.disturbed =
            Some(vec!["the floor is not first, as it must be: shm semaphore was 1.21 × as fast".into(); 4]);
        report.partial = true;
        report.answer = "For frames of 1080p I420, as fast as they go, use shm semaphore on this machine. ".repeat(4);
        let why = "cannot mq_open \"/tricine.stress-measure-1234.queue\": permission denied by the kernel".to_owned();
        report.absent.push(crate::report::Absent { transport: "posix-mq".into(), why });
        report.syscalls_counted_by = Some("ptrace".into());
        report
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_the_main_figures_always_fit() {
        for columns in 60..=132 {
            let text = render(&eloquent(), None, Paint { colour: false, columns });
            let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > columns).collect();
            assert!(long.is_empty(), "{columns}: {long:#?}");
            let heads = text.lines().find(|line| line.starts_with("transport")).unwrap();
            for head in ["frames/s", "p50", "cpu"] {
                assert!(heads.contains(head), "{columns}: {heads}");
            }
        }
    }

    #[test]
    fn it_begins_with_the_answer_and_says_doubts_in_words_whether_or_not_in_red() {
        let mut report = eloquent();
        for colour in [false, true] {
            let text = render(&report, None, Paint { colour, columns: 120 });
            assert!(text.trim_start_matches("\x1b[1m").starts_with("For frames of 1080p"), "{text}");
            assert!(text.contains("DISTURBED, do not rely on these figures: the floor is not first"), "{text}");
            assert!(
                text.contains("    disturbed: other programs took") != colour
                    && text.contains("Stopped early: 5 of 5 rows")
            );
            assert!(
                text.contains("\x1b[1;31mDISTURBED") == colour && text.contains("\x1b[1;31mdisturbed: other") == colour
            );
            assert!(text.contains("1;31m") == colour);
        }
        (report.disturbed, report.partial) = (None, false);
        report.runs.iter_mut().for_each(|row| row.disturbed = None);
        let quiet = render(&report, None, Paint { colour: true, columns: 120 });
        assert!(!quiet.to_lowercase().contains("disturbed") && !quiet.contains("Stopped"), "{quiet}");
    }

    #[test]
    fn below_the_tables_every_mechanism_is_explained_once() {
        let text = render(&eloquent(), None, Paint { colour: false, columns: 132 });
        for words in ["the limit, not a mechanism", "a System V message queue", "raw_sync's events wake"] {
            assert_eq!(text.matches(words).count(), 1, "{words}: {text}");
        }
    }

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
    }
}
