//! The page: tables and plots in one file that fetches nothing.

use std::fmt::Write;

use crate::case::Payload;
use crate::compare::Comparison;
use crate::plot::{Axis, Bar, Look, Series, bars, both, escape, lines};
use crate::report::{Report, Row};
use crate::table::{ONCE_MORE, count, groups, size, time, title};
use crate::words::of_row;

const STYLE: &str = include_str!("page.css");

/// More groups than this, and those of other frame sizes than the first are folded: their plot says it at a glance.
const MANY: usize = 3;

/// The whole page.
pub(crate) fn page(report: &Report, comparison: Option<&Comparison>) -> String {
    let mut body = String::new();
    let machine = &report.machine;
    let trips: Vec<String> = machine.round_trip_ns.iter().map(|ns| ns.map_or("–".into(), time)).collect();
    let facts = [
        ("processor", format!("{}{}", machine.processor, if machine.virtual_machine { " (virtual)" } else { "" })),
        ("cores", machine.cores.to_string()),
        ("cache", machine.cache.clone().unwrap_or_else(|| "unknown".into())),
        ("kernel", format!("Linux {}", machine.kernel)),
        ("governor", machine.governor.clone().unwrap_or_else(|| "none".into())),
        ("core to core and back, before … after", trips.join(" … ")),
        ("load when it began", machine.load.map_or("unknown".into(), |l| l.to_string())),
        ("measured for", format!("{:.0} s", report.wall_s)),
        ("command", format!("tricine {}", report.command.join(" "))),
        ("version", report.version.clone()),
    ];
    let _ = writeln!(body, "<h1>tricine stress</h1>\n<p class=\"answer\">{}</p>", escape(&report.answer));
    if let Some(reasons) = &report.disturbed {
        let reasons = escape(&reasons.join("; "));
        let _ = writeln!(body, "<p class=\"alarm\"><b>⚠ Disturbed, do not rely on these figures:</b> {reasons}.</p>");
    }
    if let Some(said) = report.of_stop() {
        let _ = writeln!(body, "<p class=\"alarm\"><b>⚠ {}</b></p>", escape(&said));
    }
    body.push_str("<dl>\n");
    for (name, value) in facts {
        let _ = writeln!(body, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&value));
    }
    body.push_str("</dl>\n");
    let groups = groups(&report.runs);
    let main = groups.first().and_then(|g| g.first()).map_or(0, |first| first.bytes);
    let (open, folded): (Vec<_>, Vec<_>) = groups
        .iter()
        .filter(|g| g.len() > 1 || groups.len() == 1)
        .partition(|g| groups.len() <= MANY || g.first().is_some_and(|first| first.bytes == main));
    for group in open {
        let Some(first) = group.first() else { continue };
        let _ = writeln!(body, "<section><h2>{}</h2>", escape(&title(first)));
        body.push_str(&details(report, group, comparison));
        body.push_str("</section>\n");
    }
    body.push_str(&by_size(report));
    for group in folded {
        let Some(first) = group.first() else { continue };
        let _ = writeln!(body, "<details><summary><h2>{}</h2></summary>", escape(&title(first)));
        body.push_str(&details(report, group, comparison));
        body.push_str("</details>\n");
    }
    if !report.absent.is_empty() {
        body.push_str("<section><h2>Not measured here</h2><ul>\n");
        for absent in &report.absent {
            let _ = writeln!(body, "<li><b>{}</b>: {}</li>", escape(&absent.transport), escape(&absent.why));
        }
        body.push_str("</ul></section>\n");
    }
    if let Some(said) = report.of_syscalls() {
        let _ = writeln!(body, "<p>{}</p>", escape(&said));
    }
    let data = serde_json::to_string(report).unwrap_or_default().replace('<', "\\u003c");
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>tricine stress</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n{body}</main>\n\
         <script type=\"application/json\" id=\"report\">{data}</script>\n</body></html>\n"
    )
}

fn details(report: &Report, group: &[&Row], comparison: Option<&Comparison>) -> String {
    table(report, group, comparison) + &latency(report, group) + &cost(group)
}

/// How a mechanism looks in all plots: by its place among those of the report.
fn look(report: &Report, row: &Row) -> Look {
    let mut labels: Vec<&str> = Vec::new();
    for row in &report.runs {
        if !labels.contains(&row.label.as_str()) {
            labels.push(&row.label);
        }
    }
    Look(labels.iter().position(|label| *label == row.label).unwrap_or(0))
}

fn table(report: &Report, group: &[&Row], comparison: Option<&Comparison>) -> String {
    let mut html = String::new();
    if let Some(ceiling) = group.first().and_then(|first| report.ceilings.iter().find(|c| c.bytes == first.bytes)) {
        let _ = writeln!(
            html,
            "<p>One core's limits in GB/s with such frames, measured in the same run: {}. Processor time, context \
             switches and system calls are those of a frame.</p>",
            ceiling.describe()
        );
    }
    html.push_str(
        "<div class=\"wide\"><table><thead><tr><th>transport</th><th>frames/s</th><th>±</th><th>GB/s</th><th>of limit</th>\
         <th>p50</th><th>p99</th><th>p99.9</th><th>p99.99</th><th>max</th><th>cpu, producer</th><th>cpu, consumer</th>\
         <th>switches</th><th>calls</th></tr></thead>\n<tbody>\n",
    );
    for row in group {
        let latency = |f: fn(&crate::report::Percentiles) -> u64| {
            row.latency_ns.as_ref().map_or("–".into(), |l| time(f(l) as f64))
        };
        let moved = row.fraction_of_ceiling.is_some();
        let faults = row.faults();
        let class = if faults.is_empty() && row.disturbed.is_none() { "" } else { " class=\"faulty\"" };
        let (swatch, label, words) = (look(report, row).swatch(), escape(&row.label), escape(&of_row(row)));
        let _ = write!(html, "<tr{class}><td>{swatch}{label}<small>{words}</small></td>");
        let cells = [
            count(row.fps),
            if row.fps_each.len() > 1 { format!("{:.0} %", row.spread * 50.0) } else { "–".into() },
            if moved { format!("{:.2}", row.bytes_per_s / 1e9) } else { "–".into() },
            row.fraction_of_ceiling.map_or("–".into(), |f| format!("{:.0} %", f * 100.0)),
            latency(|l| l.p50),
            latency(|l| l.p99),
            latency(|l| l.p999),
            latency(|l| l.p9999),
            latency(|l| l.max),
            time(row.cpu_ns_per_frame.producer),
            time(row.cpu_ns_per_frame.consumer),
            format!("{:.3}", row.switches_per_frame.voluntary + row.switches_per_frame.involuntary),
            row.syscalls_per_frame.map_or("–".into(), |c| format!("{c:.3}")),
        ];
        for cell in cells {
            let _ = write!(html, "<td>{cell}</td>");
        }
        html.push_str("</tr>\n");
        let mut notes = faults;
        if row.repeated && row.disturbed.is_none() {
            notes.push(ONCE_MORE.to_owned());
        }
        notes.extend(row.disturbed.as_ref().map(|reasons| format!("⚠ disturbed: {}", reasons.join("; "))));
        if row.kills > 0 {
            let times = row.recovery_ms.map_or(String::new(), |r| {
                format!(", at work again after {:.1} ms (p50), {:.1} ms (max)", r.p50, r.max)
            });
            notes.push(format!("{} kills, {} recoveries{times}", row.kills, row.recoveries));
        }
        notes.extend(comparison.and_then(|c| c.of(row)).map(|ratios| ratios.to_string()));
        if !notes.is_empty() {
            let _ = writeln!(
                html,
                "<tr class=\"note\"><td colspan=\"14\"><span>{}</span></td></tr>",
                escape(&notes.join("; "))
            );
        }
    }
    html.push_str("</tbody></table></div>\n");
    html
}

fn latency(report: &Report, group: &[&Row]) -> String {
    let series: Vec<Series> = group
        .iter()
        .map(|row| Series {
            name: row.label.clone(),
            // Nines to the right: 1 at the median of medians, 10 for 90 %, 100 for 99 %.
            points: row.latency_curve.iter().map(|&(q, ns)| (1.0 / (1.0 - q), ns as f64)).collect(),
            look: Some(look(report, row)),
        })
        .collect();
    let ticks = [
        (1.0, "0 %"),
        (2.0, "50 %"),
        (10.0, "90 %"),
        (100.0, "99 %"),
        (1e3, "99.9 %"),
        (1e4, "99.99 %"),
        (1e5, "99.999 %"),
        (1e6, "99.9999 %"),
    ];
    let x = Axis {
        name: "percentile of frames",
        ticks: Some(ticks.map(|(at, text)| (at, text.to_owned())).to_vec()),
        format: |_| String::new(),
    };
    let y = Axis { name: "latency", ticks: None, format: |v| time(v).replace(".0 ", " ") };
    figure(
        "Latency by percentile",
        &both(|shape| lines(shape, &x, &y, &series)),
        "From the moment that a frame was complete (or, at a fixed rate, due) until the consumer had it.",
    )
}

fn cost(group: &[&Row]) -> String {
    let list: Vec<Bar> = group
        .iter()
        .map(|row| {
            let cpu = row.cpu_ns_per_frame;
            let label = format!("{} + {}", time(cpu.producer), time(cpu.consumer));
            Bar { name: row.label.clone(), parts: [cpu.producer, cpu.consumer], label }
        })
        .collect();
    figure(
        "Cost per frame",
        &both(|shape| bars(shape, &list)),
        "Processor time a frame: <span class=\"first\">■ producer</span> + <span class=\"second\">□ consumer</span>. Spinning counts.",
    )
}

fn by_size(report: &Report) -> String {
    let mut series: Vec<Series> = Vec::new();
    for row in report.runs.iter().filter(|r| r.payload != Payload::Stamp && r.fps > 0.0) {
        let point = (row.bytes as f64, row.fps);
        match series.iter_mut().find(|s| s.name == row.label) {
            Some(line) => line.points.push(point),
            None => series.push(Series { name: row.label.clone(), points: vec![point], look: Some(look(report, row)) }),
        }
    }
    series.retain(|s| s.points.len() > 1);
    if series.is_empty() {
        return String::new();
    }
    for line in &mut series {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    let last = |s: &Series| s.points.last().map_or(0.0, |p| p.1);
    series.sort_by(|a, b| last(b).total_cmp(&last(a)));
    let limit = report.ceilings.iter().map(|c| (c.bytes as f64, c.copy() / c.bytes as f64)).collect();
    series.push(Series { name: "limit: memory copy".into(), points: limit, look: None });
    let sizes: Vec<(f64, String)> = report
        .ceilings
        .iter()
        .map(|c| (c.bytes as f64, size(c.bytes).replace(" I420", "").replace(" XRGB", "")))
        .collect();
    let x = Axis { name: "frame size", ticks: Some(sizes), format: |_| String::new() };
    let y = Axis { name: "frames a second", ticks: None, format: power };
    let text = "Each frame is copied in and read whole. The dashed line is what one core's memory copy does alone.";
    format!(
        "<section><h2>Frames per second by frame size</h2>{}</section>\n",
        figure("", &both(|shape| lines(shape, &x, &y, &series)), text)
    )
}

/// A power of ten, for an axis.
fn power(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.0} M", v / 1e6),
        v if v >= 1e3 => format!("{:.0} k", v / 1e3),
        v => format!("{v}"),
    }
}

fn figure(title: &str, svg: &str, text: &str) -> String {
    if svg.is_empty() {
        return String::new();
    }
    let title = if title.is_empty() { String::new() } else { format!("<h3>{title}</h3>") };
    format!("<figure>{title}\n{svg}<figcaption>{text}</figcaption></figure>\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Transport;
    use crate::report::tests::{report, row};

    #[test]
    fn the_page_begins_with_the_answer_and_doubts_are_words_and_each_row_is_explained() {
        let mut report = report(vec![row(Transport::Floor, &[9.0]), row(Transport::Pipe, &[5.0])]);
        let quiet = page(&report, None);
        let body = quiet.split_once("<main>\n").unwrap().1;
        assert!(body.starts_with("<h1>tricine stress</h1>\n<p class=\"answer\">Use this.</p>"), "{body}");
        assert!(!body.contains("isturbed,") && !body.contains("Stopped"));
        assert!(
            body.contains("pipe<small>an anonymous pipe: each frame is copied in and out by the kernel</small>"),
            "{body}"
        );
        report.disturbed = Some(vec!["other programs took <2> cores".into()]);
        report.partial = true;
        report.runs[1].disturbed = Some(vec!["repetitions differ by 45 %".into()]);
        let page = page(&report, None);
        assert!(page.contains("⚠ Disturbed, do not rely on these figures:</b> other programs took &lt;2&gt; cores."));
        assert!(
            page.contains("⚠ Stopped early: 2 of 2 rows") && page.contains("⚠ disturbed: repetitions differ by 45 %")
        );
    }

    #[test]
    fn colours_are_those_that_the_colour_blind_tell_apart() {
        for colour in ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"] {
            assert!(STYLE.contains(colour), "{colour}");
        }
        assert!((0..Look::COLOURS).all(|k| STYLE.contains(&format!(".k{k} {{ color: var(--k{k}); }}"))));
    }

    #[test]
    fn an_axis_says_each_power_of_ten_once() {
        let said = [0.1, 1.0, 100.0, 1e4, 1e6, 1e7, 1e8].map(super::power);
        assert_eq!(said, ["0.1", "1", "100", "10 k", "1 M", "10 M", "100 M"]);
    }
}
