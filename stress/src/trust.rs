//! Whether a measurement can be believed: decided from its figures alone.
//!
//! Three things speak against a row: that others had more than half of the processors, or wanted to; that its repetitions
//! differ by more than a fifth; and, for the floor, that another mechanism in shared memory was faster, which cannot be. A row
//! that was therefore measured once more is judged without its worst repetition, so that one bad moment is no verdict.

use std::collections::BTreeSet;

use crate::case::Transport;
use crate::measure::Machine;
use crate::report::Row;
use crate::table::{groups, size};
use crate::words::a_few;

/// Others may use, or want, so much of the processors.
const MOST_LOAD: f64 = 0.5;
/// Repetitions may differ by so much of their median.
const MOST_SPREAD: f64 = 0.2;
/// So much faster than the floor is still as fast: frames that fill the caches go at memory's pace by any mechanism.
const MOST_ABOVE_FLOOR: f64 = 1.05;

/// What speaks against a row.
#[derive(Debug, Clone, PartialEq)]
enum Reason {
    /// Others took so many cores' time of so many.
    Cores(f64, usize),
    /// So many tasks of others wanted one of so many processors.
    Tasks(f64, usize),
    /// Repetitions differ by this fraction.
    Spread(f64),
    /// Another one was so many times as fast as this row, which is the floor.
    Floor(String, f64),
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cores(took, of) => write!(f, "other programs took {took:.1} of {of} cores"),
            Self::Tasks(wanted, of) => write!(f, "{wanted:.1} tasks of other programs competed for {of} processors"),
            Self::Spread(by) => write!(f, "repetitions differ by {:.0} %", by * 100.0),
            Self::Floor(by, times) => {
                let digits = if *times < 9.995 { 2 } else { 0 };
                write!(f, "the floor is not first, as it must be: {by} was {times:.digits$} × as fast")
            }
        }
    }
}

/// What is known of the machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Room {
    /// How many cores we may use.
    pub(crate) cores: usize,
    /// How many processors there are; 0 if unknown.
    pub(crate) processors: usize,
}

impl From<&Machine> for Room {
    fn from(machine: &Machine) -> Self {
        Self { cores: machine.cores, processors: machine.processors }
    }
}

/// Judges each row; why the whole cannot be believed, if it cannot.
pub(crate) fn judge(rows: &mut [Row], room: Room) -> Option<Vec<String>> {
    let mut reasons: Vec<Vec<Reason>> = rows.iter().map(|row| of_row(row, room)).collect();
    for (row, reason) in floors(rows, room) {
        reasons[row].push(reason);
    }
    for (row, reasons) in rows.iter_mut().zip(&reasons) {
        row.disturbed = (!reasons.is_empty()).then(|| reasons.iter().map(Reason::to_string).collect());
    }
    let whole = whole(rows, &reasons);
    (!whole.is_empty()).then_some(whole)
}

/// What a row's own figures say against it.
fn of_row(row: &Row, room: Room) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let load = |of: fn(&crate::load::Beside) -> Option<f64>| {
        let mut each: Vec<f64> = row.beside_each.iter().filter_map(of).collect();
        if row.repeated && each.len() > 1 {
            each.sort_by(f64::total_cmp);
            each.pop();
        }
        (!each.is_empty()).then(|| each.iter().sum::<f64>() / each.len() as f64)
    };
    let above = |load: f64, of: usize| of > 0 && load > of as f64 * MOST_LOAD;
    reasons.extend(load(|b| b.cores).filter(|&c| above(c, room.cores)).map(|c| Reason::Cores(c, room.cores)));
    reasons.extend(load(|b| b.tasks).filter(|&t| above(t, room.processors)).map(|t| Reason::Tasks(t, room.processors)));
    // Each kill costs what it costs, and comes by chance.
    let spread = if row.kills > 0 { 0.0 } else { spread(&row.fps_each, row.repeated) };
    if spread > MOST_SPREAD {
        reasons.push(Reason::Spread(spread));
    }
    reasons
}

fn median(each: &[f64]) -> f64 {
    let mut each = each.to_vec();
    each.sort_by(f64::total_cmp);
    match each.len() {
        0 => 0.0,
        n if n.is_multiple_of(2) => (each[n / 2 - 1] + each[n / 2]) / 2.0,
        n => each[n / 2],
    }
}

/// By how much of their median repetitions differ; `without_worst`: but for the one that is farthest from it.
fn spread(each: &[f64], without_worst: bool) -> f64 {
    let middle = median(each);
    if middle <= 0.0 {
        return 0.0;
    }
    let mut near = each.to_vec();
    near.sort_by(|a, b| (a - middle).abs().total_cmp(&(b - middle).abs()));
    if without_worst && near.len() > 2 {
        near.pop();
    }
    let (least, most) = near.iter().fold((f64::MAX, 0f64), |(a, b), &f| (a.min(f), b.max(f)));
    (most - least) / middle
}

/// The rows that are a floor and were beaten by a mechanism that can only be slower, if both sides had a core each.
fn floors(rows: &[Row], room: Room) -> Vec<(usize, Reason)> {
    let alike = |a: &Row, b: &Row| {
        let what = |r: &Row| (r.bytes, r.payload, r.read, r.sessions, r.pin, r.mode);
        what(a) == what(b)
    };
    let mut found = Vec::new();
    for (i, floor) in rows.iter().enumerate().filter(|(_, r)| r.transport == Transport::Floor && r.rate.is_none()) {
        let apart = floor.pin.is_none_or(|[a, b]| a != b) && 2 * floor.sessions <= room.cores;
        let speed = median(&floor.fps_each);
        let others = rows.iter().filter(|r| r.transport.in_place() && alike(floor, r) && r.rate.is_none());
        let best = others.max_by(|a, b| median(&a.fps_each).total_cmp(&median(&b.fps_each)));
        if let Some(best) = best.filter(|b| apart && speed > 0.0 && median(&b.fps_each) > speed * MOST_ABOVE_FLOOR) {
            found.push((i, Reason::Floor(best.label.clone(), median(&best.fps_each) / speed)));
        }
    }
    found
}

impl Reason {
    /// How many times as fast as the floor another one was.
    fn times(&self) -> f64 {
        if let Self::Floor(_, times) = self { *times } else { 0.0 }
    }
}

/// One sentence for each kind of reason, about all rows that have it.
fn whole(rows: &[Row], reasons: &[Vec<Reason>]) -> Vec<String> {
    let all = || rows.iter().zip(reasons).flat_map(|(row, reasons)| reasons.iter().map(move |reason| (row, reason)));
    let worst = |of: fn(&Reason) -> Option<f64>| {
        let some: Vec<(&Row, &Reason, f64)> = all().filter_map(|(row, r)| Some((row, r, of(r)?))).collect();
        let worst = some.iter().max_by(|a, b| a.2.total_cmp(&b.2)).map(|(_, reason, _)| reason.to_string());
        let labels: BTreeSet<&str> = some.iter().map(|(row, ..)| row.label.as_str()).collect();
        worst.map(|worst| (worst, some.len(), labels.into_iter().collect::<Vec<_>>()))
    };
    let mut said = Vec::new();
    let many = rows.len() > 1;
    for (worst, count, _) in [
        worst(|r| if let Reason::Cores(took, _) = r { Some(*took) } else { None }),
        worst(|r| if let Reason::Tasks(wanted, _) = r { Some(*wanted) } else { None }),
    ]
    .into_iter()
    .flatten()
    {
        said.push(if many { format!("{worst} (at worst; {count} of {} rows)", rows.len()) } else { worst });
    }
    if let Some((worst, count, labels)) = worst(|r| if let Reason::Spread(by) = r { Some(*by) } else { None }) {
        let rows = rows.len();
        said.push(if many { format!("{worst} (at worst; {count} of {rows} rows: {})", a_few(&labels)) } else { worst });
    }
    let groups = groups(rows).len();
    let floors: Vec<(&Row, &Reason)> = all().filter(|(_, r)| matches!(r, Reason::Floor(..))).collect();
    if let Some((row, reason)) = floors.iter().max_by(|a, b| a.1.times().total_cmp(&b.1.times())) {
        said.push(match groups {
            1 => reason.to_string(),
            _ => format!("{reason} ({}, {}; {} of {groups} tables)", size(row.bytes), row.payload, floors.len()),
        });
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Beside;
    use crate::report::tests::row;

    const ROOM: Room = Room { cores: 2, processors: 4 };

    fn loaded(cores: f64, tasks: f64) -> Row {
        Row { beside_each: vec![Beside { cores: Some(cores), tasks: Some(tasks) }], ..row(Transport::Shm, &[100.0]) }
    }

    /// What is said of one row alone.
    fn said(row: Row) -> Vec<String> {
        let mut rows = [row];
        let whole = judge(&mut rows, ROOM);
        assert_eq!(whole, rows[0].disturbed, "of one row, the whole says the same");
        whole.unwrap_or_default()
    }

    #[test]
    fn load_above_half_of_the_cores_is_a_reason() {
        for (cores, tasks, wanted) in [
            (0.0, 0.0, vec![]),
            (1.0, 2.0, vec![]),
            (1.01, 0.0, vec!["other programs took 1.0 of 2 cores"]),
            (0.0, 2.1, vec!["2.1 tasks of other programs competed for 4 processors"]),
            (
                2.0,
                9.0,
                vec!["other programs took 2.0 of 2 cores", "9.0 tasks of other programs competed for 4 processors"],
            ),
        ] {
            assert_eq!(said(loaded(cores, tasks)), wanted, "{cores} cores, {tasks} tasks");
        }
        let unknown = Row { beside_each: vec![Beside::default()], ..row(Transport::Shm, &[1.0]) };
        assert_eq!(said(unknown), [""; 0], "what is not known is no reason");
    }

    #[test]
    fn load_is_that_of_all_repetitions_and_of_a_repeated_row_without_the_worst() {
        let beside = |cores| Beside { cores: Some(cores), tasks: None };
        let of = |each: &[f64], repeated| {
            let beside_each = each.iter().copied().map(beside).collect();
            !said(Row { beside_each, repeated, ..row(Transport::Shm, &[1.0]) }).is_empty()
        };
        assert!(of(&[2.0, 0.4], false) && !of(&[1.6, 0.3], false));
        assert!(!of(&[2.0, 0.4], true) && of(&[2.0, 1.1], true) && of(&[2.0], true));
    }

    #[test]
    fn repetitions_that_differ_by_more_than_a_fifth_are_a_reason() {
        for (each, repeated, wanted) in [
            (&[100.0][..], false, None),
            (&[90.0, 110.0], false, None),
            (&[89.0, 110.0], false, Some("repetitions differ by 21 %")),
            (&[90.0, 115.0], false, Some("repetitions differ by 24 %")),
            (&[100.0, 100.0, 100.0, 50.0], false, Some("repetitions differ by 50 %")),
            (&[100.0, 100.0, 100.0, 50.0], true, None),
            (&[100.0, 200.0], true, Some("repetitions differ by 67 %")),
            (&[100.0, 50.0, 101.0], true, None),
            (&[100.0, 50.0, 150.0], true, Some("repetitions differ by 50 %")),
            (&[0.0, 0.0], false, None),
        ] {
            let found = said(Row { repeated, ..row(Transport::Pipe, each) });
            assert_eq!(found.first().map(String::as_str), wanted, "{each:?} {repeated}");
        }
        assert_eq!(said(Row { kills: 3, ..row(Transport::Shm, &[1.0, 2.0]) }), [""; 0], "kills come by chance");
    }

    #[test]
    fn a_floor_that_is_not_first_is_a_reason_and_stands_at_its_row() {
        let floor = row(Transport::Floor, &[100.0]);
        let by = |change: fn(&mut Row), fps: f64, transport| {
            let mut rows = [floor.clone(), row(transport, &[fps]), row(Transport::Mmap, &[90.0])];
            rows.iter_mut().for_each(change);
            let whole = judge(&mut rows, ROOM);
            assert_eq!(rows[0].disturbed.is_some(), whole.is_some());
            assert!(rows[1..].iter().all(|r| r.disturbed.is_none()));
            whole.unwrap_or_default().join("; ")
        };
        let said = "the floor is not first, as it must be: shm semaphore was 1.50 × as fast";
        assert_eq!(by(|_| (), 150.0, Transport::Shm), said);
        assert_eq!(by(|_| (), 105.0, Transport::Shm), "", "as fast");
        assert!(by(|_| (), 106.0, Transport::Shm).contains("1.06 × as fast"));
        assert_eq!(by(|_| (), 150.0, Transport::Pipe), "", "a pipe is not like it");
        assert_eq!(by(|r| r.rate = Some(60.0), 150.0, Transport::Shm), "", "at a pace all are alike");
        assert_eq!(by(|r| r.pin = Some([1, 1]), 150.0, Transport::Shm), "", "on one core spinning is no floor");
        assert_eq!(by(|r| r.sessions = 2, 150.0, Transport::Shm), "", "nor with more sides than cores");
        let beaten = |bytes, fps| [Row { bytes, ..floor.clone() }, Row { bytes, ..row(Transport::Shm, &[fps]) }];
        let mut rows: Vec<Row> = [beaten(64, 150.0), beaten(4096, 350.0)].concat();
        let once =
            "the floor is not first, as it must be: shm semaphore was 3.50 × as fast (4 KiB, copy; 2 of 2 tables)";
        assert_eq!(judge(&mut rows, ROOM).unwrap(), [once], "of many tables, the worst");
        let mut rows = [floor, Row { bytes: 9, ..row(Transport::Shm, &[150.0]) }];
        assert_eq!(judge(&mut rows, ROOM), None, "other frames");
    }

    #[test]
    fn the_whole_says_each_kind_once_with_its_worst() {
        let mut rows = [
            loaded(1.5, 0.0),
            loaded(1.8, 0.0),
            row(Transport::Pipe, &[1.0, 2.0]),
            row(Transport::Unix, &[1.0, 3.0]),
            row(Transport::Tcp, &[1.0, 1.0]),
        ];
        let wanted = [
            "other programs took 1.8 of 2 cores (at worst; 2 of 5 rows)",
            "repetitions differ by 100 % (at worst; 2 of 5 rows: pipe and unix)",
        ];
        assert_eq!(judge(&mut rows, ROOM).unwrap(), wanted);
        assert_eq!(rows.map(|r| r.disturbed.is_some()), [true, true, true, true, false]);
    }
}
