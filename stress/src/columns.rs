//! The table's columns: which have room, and what stands in them.

use crate::report::Row;
use crate::table::{count, time};

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Fps,
    Spread,
    Gb,
    OfLimit,
    P50,
    P99,
    P999,
    Max,
    Cpu,
    CpuOfEach,
    Switches,
    Calls,
    Bar,
}

/// What stands above it, how wide it is, and its rank where not all have room.
const COLUMNS: [(Column, &str, usize, usize); 13] = [
    (Column::Fps, "frames/s", 8, 0),
    (Column::Spread, "±", 4, 3),
    (Column::Gb, "GB/s", 6, 7),
    (Column::OfLimit, "of limit", 8, 8),
    (Column::P50, "p50", 7, 1),
    (Column::P99, "p99", 7, 4),
    (Column::P999, "p99.9", 7, 10),
    (Column::Max, "max", 7, 5),
    (Column::Cpu, "cpu", 7, 2),
    (Column::CpuOfEach, "cpu P+C", 16, 12),
    (Column::Switches, "sw", 5, 9),
    (Column::Calls, "calls", 5, 6),
    (Column::Bar, "", 10, 11),
];

/// The columns that have room beside a label, the more important ones first; processor time in one of its two ways.
pub(crate) fn columns(room: usize) -> Vec<(Column, &'static str, usize)> {
    let mut ranked = COLUMNS;
    ranked.sort_by_key(|column| column.3);
    let (mut chosen, mut used) = (Vec::new(), 0);
    for (column, _, width, _) in ranked {
        let instead = if column == Column::CpuOfEach { 7 + 2 } else { 0 };
        if used + width + 2 - instead > room {
            break;
        }
        if instead > 0 {
            chosen.retain(|c| *c != Column::Cpu);
        }
        chosen.push(column);
        used += width + 2 - instead;
    }
    COLUMNS.into_iter().filter(|c| chosen.contains(&c.0)).map(|(c, name, width, _)| (c, name, width)).collect()
}

pub(crate) fn cell(row: &Row, column: Column, best: f64) -> String {
    let latency =
        |f: fn(&crate::report::Percentiles) -> u64| row.latency_ns.as_ref().map_or("–".into(), |l| time(f(l) as f64));
    let percent = |f: f64| format!("{:.0} %", f * 100.0);
    let cpu = row.cpu_ns_per_frame;
    match column {
        Column::Fps => count(row.fps),
        Column::Spread if row.fps_each.len() < 2 => "–".into(),
        Column::Spread => percent(row.spread / 2.0).replace(' ', ""),
        Column::Gb if row.fraction_of_ceiling.is_some() => format!("{:.2}", row.bytes_per_s / 1e9),
        Column::Gb => "–".into(),
        Column::OfLimit => row.fraction_of_ceiling.map_or("–".into(), percent),
        Column::P50 => latency(|l| l.p50),
        Column::P99 => latency(|l| l.p99),
        Column::P999 => latency(|l| l.p999),
        Column::Max => latency(|l| l.max),
        Column::Cpu => time(cpu.producer + cpu.consumer),
        Column::CpuOfEach => format!("{} + {}", time(cpu.producer), time(cpu.consumer)),
        Column::Switches => ratio(row.switches_per_frame.voluntary + row.switches_per_frame.involuntary),
        Column::Calls => row.syscalls_per_frame.map_or("–".into(), ratio),
        Column::Bar => bar(if best > 0.0 { row.fps / best } else { 0.0 }),
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
    fn eighty_columns_have_what_decides_and_wide_ones_everything() {
        let heads = |room| columns(room).iter().map(|c| c.1).collect::<Vec<_>>();
        assert_eq!(heads(60 - 21), ["frames/s", "±", "p50", "cpu"]);
        assert_eq!(heads(80 - 21), ["frames/s", "±", "p50", "p99", "max", "cpu", "calls"]);
        let all = ["frames/s", "±", "GB/s", "of limit", "p50", "p99", "p99.9", "max", "cpu P+C", "sw", "calls", ""];
        assert_eq!(heads(132 - 13), all);
        assert!(!heads(110 - 13).contains(&"cpu P+C") && heads(110 - 13).contains(&"cpu"));
    }

    #[test]
    fn a_bar_is_as_long_as_its_fraction() {
        assert_eq!([0.0, 0.5, 1.0].map(bar), ["▏", "█████", "██████████"]);
        assert_eq!(bar(0.0125), "▏");
    }

    #[test]
    fn small_numbers_are_short() {
        assert_eq!([0.0, 0.0002, 0.5, 12.3].map(ratio), ["0", "<.001", "0.50", "12"]);
    }
}
