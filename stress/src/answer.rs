//! The one sentence that a reader comes for: which mechanism for these frames on this machine, and what it costs.
//!
//! Computed from the rows alone. The floor is a limit and no candidate; nor is a row in which frames went wrong, nor a mailbox
//! beside mechanisms that deliver every frame.

use tricine_channel::channel::Mode;

use crate::case::{Payload, Read, Transport};
use crate::report::{Report, Row};
use crate::table::{count, groups, size, time};
use crate::words::a_few;

/// A row with a single repetition may be off by so much.
const UNKNOWN_SPREAD: f64 = 0.2;
/// Medians of latency that are as near as this are alike, however little they scatter.
const LEAST_LATENCY_SPREAD: f64 = 0.1;
/// Whoever has this much of the pace keeps it.
const KEEPS: f64 = 0.97;

/// The sentence, about the first frames of the report.
pub(crate) fn sentence(report: &Report) -> String {
    let groups = groups(&report.runs);
    let group = groups.first().map_or(&[][..], Vec::as_slice);
    let said = if group.is_empty() { "nothing was measured".to_owned() } else { of_group(group) };
    // What disturbed rows of other frames does not concern these.
    let disturbed = group.iter().any(|row| row.disturbed.is_some()).then_some("the machine was disturbed");
    let partial = (report.partial && !group.is_empty()).then_some("the measurement was stopped early");
    let doubts: Vec<&str> = disturbed.into_iter().chain(partial).collect();
    let said = match doubts.is_empty() {
        true => said,
        false => format!("take this for a hint only, since {}: {said}", doubts.join(" and ")),
    };
    let mut letters = said.chars();
    letters.next().map_or(said.clone(), |first| first.to_uppercase().chain(letters).chain(['.']).collect())
}

/// What the frames of a group are and how they go.
fn frames(row: &Row) -> String {
    let work = match (row.payload, row.read) {
        (Payload::Stamp, _) => "handed over without touching their bytes",
        (Payload::Fill, Read::All) => "filled in place and read whole",
        (Payload::Fill, Read::None) => "filled in place and not read",
        (Payload::Copy, Read::All) => "copied in and read whole",
        (Payload::Copy, Read::None) => "copied in and not read",
    };
    let pace = row.rate.map_or("as fast as they go".to_owned(), |rate| format!("at {} frames/s", count(rate)));
    format!("for frames of {}, {work}, {pace}", size(row.bytes))
}

fn cpu(row: &Row) -> f64 {
    row.cpu_ns_per_frame.producer + row.cpu_ns_per_frame.consumer
}

/// Throughput, latency and cost.
fn figures(row: &Row) -> String {
    let latency = row.latency_ns.map_or("unknown".to_owned(), |l| time(l.p50 as f64));
    format!("{} frames/s, median latency {latency}, {} of processor time a frame", count(row.fps), time(cpu(row)))
}

fn half_range(row: &Row) -> f64 {
    row.fps * if row.fps_each.len() > 1 { row.spread } else { UNKNOWN_SPREAD } / 2.0
}

/// Whether two rows' rates are within their scatter of each other.
fn alike_in_rate(a: &Row, b: &Row) -> bool {
    (a.fps - b.fps).abs() <= half_range(a) + half_range(b)
}

/// The same of their median latencies.
fn alike_in_latency(a: &Row, b: &Row) -> bool {
    let range = |row: &Row| {
        let each = || row.latency_p50_each_ns.iter().map(|&ns| ns as f64);
        let middle = p50(row);
        let room = middle * LEAST_LATENCY_SPREAD / 2.0;
        (each().fold(middle - room, f64::min), each().fold(middle + room, f64::max))
    };
    let ((a_low, a_high), (b_low, b_high)) = (range(a), range(b));
    a_low <= b_high && b_low <= a_high
}

fn p50(row: &Row) -> f64 {
    row.latency_ns.map_or(f64::INFINITY, |l| l.p50 as f64)
}

fn of_group(group: &[&Row]) -> String {
    let Some(&first) = group.first() else { return String::new() };
    let what = frames(first);
    let whole = || group.iter().copied().filter(|r| r.faults().is_empty());
    let mut candidates: Vec<&Row> =
        whole().filter(|r| r.transport != Transport::Floor && r.mode == Mode::Fifo).collect();
    if candidates.is_empty() {
        candidates = whole().filter(|r| r.transport != Transport::Floor).collect();
    }
    if candidates.is_empty() {
        return match whole().next() {
            Some(floor) => format!("{what}, only the floor was measured, a limit and no mechanism: {}", figures(floor)),
            None => format!("{what}, nothing that was measured carried them without a fault"),
        };
    }
    match first.rate {
        None => fastest(&what, candidates),
        Some(rate) => promptest(&what, rate, candidates),
    }
}

/// As fast as they go: the highest rate wins.
fn fastest(what: &str, mut candidates: Vec<&Row>) -> String {
    candidates.sort_by(|a, b| b.fps.total_cmp(&a.fps));
    let next = candidates.iter().find(|r| !alike_in_rate(candidates[0], r)).copied();
    let alike: Vec<&Row> = candidates.iter().copied().filter(|r| alike_in_rate(candidates[0], r)).collect();
    let lag = |best: &Row, next: &Row| {
        format!("the next, {}, has {:.0} % of that rate", next.label, 100.0 * next.fps / best.fps)
    };
    verdict(what, candidates.len(), &alike, "fastest", next.map(|next| lag(candidates[0], next)))
}

/// At a pace: of those that keep it, the lowest median latency wins.
fn promptest(what: &str, rate: f64, candidates: Vec<&Row>) -> String {
    let measured = candidates.len();
    let mut keep: Vec<&Row> = candidates.iter().copied().filter(|r| r.fps >= KEEPS * rate).collect();
    if keep.is_empty() {
        let best = candidates.into_iter().max_by(|a, b| a.fps.total_cmp(&b.fps));
        let best = best.map_or(String::new(), |best| format!("; {} came nearest: {}", best.label, figures(best)));
        return format!("{what}, nothing that was measured keeps that pace{best}");
    }
    keep.sort_by(|a, b| p50(a).total_cmp(&p50(b)));
    let next = keep.iter().find(|r| !alike_in_latency(keep[0], r)).copied();
    let alike: Vec<&Row> = keep.iter().copied().filter(|r| alike_in_latency(keep[0], r)).collect();
    let lag = |next: &Row| format!("the next, {}, has a median latency of {}", next.label, time(p50(next)));
    verdict(what, measured, &alike, "promptest", next.map(lag))
}

/// Says it, of those that are as good as the best.
fn verdict(what: &str, measured: usize, alike: &[&Row], best: &str, next: Option<String>) -> String {
    let cheapest = alike.iter().copied().min_by(|a, b| cpu(a).total_cmp(&cpu(b)));
    let (Some(&winner), Some(cheapest)) = (alike.first(), cheapest) else { return String::new() };
    let next = next.map_or(String::new(), |next| format!("; {next}"));
    if measured == 1 {
        return format!("{what}, {} does {}; no other mechanism was measured", winner.label, figures(winner));
    }
    if alike.len() == 1 {
        return format!("{what}, use {} on this machine: {}{next}", winner.label, figures(winner));
    }
    let names: Vec<&str> = alike.iter().map(|r| r.label.as_str()).collect();
    let names = a_few(&names);
    format!(
        "{what}, no mechanism is clearly the {best} on this machine, since {names} are within the spread of their \
         repetitions; of these {} costs the least: {}{next}",
        cheapest.label,
        figures(cheapest)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{report, row};
    use crate::report::{Percentiles, Sides};

    /// A row with a median latency and a cost in µs.
    fn costs(transport: Transport, each: &[f64], p50_us: u64, cpu_us: f64) -> Row {
        let p50 = p50_us * 1000;
        Row {
            latency_ns: Some(Percentiles { p50, p90: p50, p99: p50, p999: p50, p9999: p50, max: p50 }),
            latency_p50_each_ns: vec![p50; each.len()],
            cpu_ns_per_frame: Sides { producer: cpu_us * 500.0, consumer: cpu_us * 500.0 },
            bytes: 3_110_400,
            ..row(transport, each)
        }
    }

    fn said(rows: Vec<Row>) -> String {
        sentence(&report(rows))
    }

    #[test]
    fn a_clear_winner_is_named_with_its_throughput_latency_and_cost() {
        let floor = costs(Transport::Floor, &[9000.0, 9001.0], 1, 1.0);
        let shm = costs(Transport::Shm, &[3000.0, 3100.0], 250, 580.0);
        let pipe = costs(Transport::Pipe, &[1200.0, 1240.0], 900, 1500.0);
        let wanted = "For frames of 1080p I420, copied in and read whole, as fast as they go, use shm semaphore on this machine: \
                      3050 frames/s, median latency 250 µs, 580 µs of processor time a frame; the next, pipe, has 40 % of \
                      that rate.";
        assert_eq!(said(vec![pipe, shm, floor]), wanted, "the floor is no mechanism");
    }

    #[test]
    fn within_the_spread_there_is_no_clear_winner_and_the_cheapest_is_named() {
        let shm = costs(Transport::Shm, &[1000.0, 1200.0], 20, 30.0);
        let mmap = costs(Transport::Mmap, &[1020.0, 1060.0], 20, 10.0);
        let pipe = costs(Transport::Pipe, &[500.0, 501.0], 90, 5.0);
        let text = said(vec![shm.clone(), mmap.clone(), pipe]);
        assert!(
            text.contains("no mechanism is clearly the fastest") && text.contains("shm semaphore and mmap are within"),
            "{text}"
        );
        assert!(text.contains("of these mmap costs the least: 1040 frames/s"), "{text}");
        assert!(text.ends_with("the next, pipe, has 46 % of that rate."), "{text}");
        let apart = said(vec![Row { spread: 0.0, ..shm }, Row { spread: 0.0, ..mmap }]);
        assert!(apart.contains("use shm semaphore"), "no scatter: {apart}");
        let once = said(vec![costs(Transport::Shm, &[1000.0], 9, 9.0), costs(Transport::Mmap, &[850.0], 9, 9.0)]);
        assert!(once.contains("no mechanism is clearly"), "what was measured once may be off by a tenth: {once}");
    }

    #[test]
    fn at_a_pace_the_lowest_latency_wins_among_those_that_keep_it() {
        let at = |transport, fps: f64, p50_us, cpu_us| Row {
            rate: Some(60.0),
            ..costs(transport, &[fps, fps], p50_us, cpu_us)
        };
        let rows = vec![
            at(Transport::Shm, 60.0, 30, 9.0),
            at(Transport::Pipe, 60.0, 80, 5.0),
            at(Transport::Tcp, 40.0, 1, 1.0),
        ];
        let text = said(rows);
        assert!(
            text.contains("at 60.0 frames/s, use shm semaphore") && text.contains("median latency 30.0 µs"),
            "{text}"
        );
        assert!(text.ends_with("the next, pipe, has a median latency of 80.0 µs."), "{text}");
        let text = said(vec![at(Transport::Shm, 60.0, 30, 9.0), at(Transport::Pipe, 60.0, 31, 5.0)]);
        assert!(text.contains("clearly the promptest") && text.contains("of these pipe costs the least"), "{text}");
        let text = said(vec![at(Transport::Shm, 30.0, 30, 9.0), at(Transport::Pipe, 20.0, 31, 5.0)]);
        assert!(text.contains("nothing that was measured keeps that pace; shm semaphore came nearest"), "{text}");
    }

    #[test]
    fn doubts_come_first() {
        let rows = vec![costs(Transport::Shm, &[1000.0, 1001.0], 20, 30.0)];
        let mut report = report(rows);
        assert!(sentence(&report).ends_with("no other mechanism was measured."), "{}", sentence(&report));
        report.runs[0].disturbed = Some(vec!["load".into()]);
        let text = sentence(&report);
        assert!(text.starts_with("Take this for a hint only, since the machine was disturbed: for frames"), "{text}");
        report.partial = true;
        assert!(sentence(&report).contains("was disturbed and the measurement was stopped early: for"));
        report.runs.insert(0, costs(Transport::Shm, &[1000.0, 1001.0], 20, 30.0));
        report.runs[1].bytes = 64;
        report.partial = false;
        assert!(sentence(&report).starts_with("For frames of 1080p I420"), "others' rows: {}", sentence(&report));
        report.runs.clear();
        assert_eq!(sentence(&report), "Nothing was measured.");
    }

    #[test]
    fn rows_with_faults_and_mailboxes_beside_others_are_no_candidates() {
        let fast = costs(Transport::Shm, &[5000.0, 5000.0], 1, 1.0);
        let pipe = costs(Transport::Pipe, &[100.0, 100.0], 1, 1.0);
        let mailbox = Row { mode: Mode::Mailbox, ..fast.clone() };
        let torn = Row { torn: 1, ..fast.clone() };
        let text = said(vec![mailbox.clone(), torn.clone(), pipe]);
        assert!(text.contains("pipe does 100 frames/s"), "{text}");
        assert!(said(vec![mailbox]).contains("does 5000 frames/s"));
        assert!(said(vec![torn]).contains("without a fault"));
        assert!(said(vec![costs(Transport::Floor, &[1.0], 1, 1.0)]).contains("only the floor was measured"));
    }
}
