//! Plots as SVG: lines over logarithmic axes, and stacked bars. Colours are the page's, by class.

use std::fmt::Write;

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// What it is called.
    pub(crate) name: String,
    /// Its points, by x.
    pub(crate) points: Vec<(f64, f64)>,
    /// Whether it is a limit: dashed, without a colour of its own.
    pub(crate) limit: bool,
}

/// A logarithmic axis.
pub(crate) struct Axis<'a> {
    /// What it measures.
    pub(crate) name: &'a str,
    /// Where to put which label; `None`: at each power of ten.
    pub(crate) ticks: Option<Vec<(f64, String)>>,
    /// How to write a power of ten.
    pub(crate) format: fn(f64) -> String,
}

const WIDTH: f64 = 920.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 48.0;
/// Colours that the page has.
pub(crate) const COLOURS: usize = 12;

/// Text that may stand in HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn decades(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    (first..=last).map(|e| 10f64.powi(e)).collect()
}

/// Lines. Points that are not positive cannot be drawn and are left out.
pub(crate) fn lines(x: &Axis<'_>, y: &Axis<'_>, series: &[Series]) -> String {
    let points = || series.iter().flat_map(|s| &s.points).filter(|p| p.0 > 0.0 && p.1 > 0.0);
    if points().next().is_none() {
        return String::new();
    }
    let range = |f: fn(&(f64, f64)) -> f64| {
        points().map(f).fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)))
    };
    let ((x0, x1), (y0, y1)) = (range(|p| p.0), range(|p| p.1));
    // A little room, and never an empty range.
    let (y0, y1) = (y0 / 1.3, y1 * 1.3);
    let x1 = if x1 > x0 { x1 } else { x0 * 10.0 };
    let across = move |v: f64| LEFT + (v / x0).log10() / (x1 / x0).log10() * (WIDTH - LEFT - RIGHT);
    let up = move |v: f64| HEIGHT - BOTTOM - (v / y0).log10() / (y1 / y0).log10() * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n");
    let ticks = |axis: &Axis<'_>, low: f64, high: f64| -> Vec<(f64, String)> {
        let every = || decades(low, high).into_iter().map(|v| (v, (axis.format)(v))).collect();
        let inside = |t: &(f64, String)| t.0 >= low * 0.999 && t.0 <= high * 1.001;
        axis.ticks.clone().unwrap_or_else(every).into_iter().filter(inside).collect()
    };
    for (v, label) in ticks(y, y0, y1) {
        let (at, end) = (up(v), WIDTH - RIGHT);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{end}\"/>");
        let _ = writeln!(
            svg,
            "<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{:.1}\">{label}</text>",
            LEFT - 8.0,
            at + 4.0
        );
    }
    for (v, label) in ticks(x, x0, x1) {
        let (at, foot) = (across(v), HEIGHT - BOTTOM);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{at:.1} {TOP}V{foot}\"/>");
        let _ = writeln!(
            svg,
            "<text class=\"tick\" text-anchor=\"middle\" x=\"{at:.1}\" y=\"{}\">{label}</text>",
            foot + 18.0
        );
    }
    let middle = (LEFT + WIDTH - RIGHT) / 2.0;
    let _ = writeln!(
        svg,
        "<text class=\"axis\" text-anchor=\"middle\" x=\"{middle}\" y=\"{}\">{}</text>",
        HEIGHT - 8.0,
        x.name
    );
    let centre = (TOP + HEIGHT - BOTTOM) / 2.0;
    let _ = writeln!(
        svg,
        "<text class=\"axis\" text-anchor=\"middle\" transform=\"translate(16 {centre}) rotate(-90)\">{}</text>",
        y.name
    );
    let mut ends = Vec::new();
    let mut colour = 0;
    for line in series {
        // Once the colours are used up, they come again in dashes.
        let again = if colour >= COLOURS { " again" } else { "" };
        let class = if line.limit { "limit".to_owned() } else { format!("c{}{again}", colour % COLOURS) };
        colour += usize::from(!line.limit);
        let drawn: Vec<(f64, f64)> =
            line.points.iter().filter(|p| p.0 > 0.0 && p.1 > 0.0).map(|p| (across(p.0), up(p.1))).collect();
        let Some(last) = drawn.last() else { continue };
        let path: Vec<String> = drawn.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        let name = escape(&line.name);
        let _ =
            writeln!(svg, "<g class=\"{class}\"><title>{name}</title><path class=\"line\" d=\"M{}\"/>", path.join("L"));
        if drawn.len() <= 10 && !line.limit {
            for (x, y) in &drawn {
                let _ = write!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
            }
        }
        svg.push_str("</g>\n");
        ends.push((last.1, class, name));
    }
    // Names at the ends of their lines, moved apart where they would cover each other.
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let step = 15f64.min((HEIGHT - TOP) / ends.len() as f64);
    let mut at = TOP;
    let room = |left: usize| HEIGHT - 6.0 - step * left as f64;
    let count = ends.len();
    for (i, (wanted, class, name)) in ends.into_iter().enumerate() {
        let place = wanted.max(at).min(room(count - 1 - i));
        at = place + step;
        let (x, y) = (WIDTH - RIGHT + 10.0, place + 4.0);
        let _ = writeln!(svg, "<g class=\"{class}\"><text class=\"name\" x=\"{x}\" y=\"{y:.1}\">{name}</text></g>");
    }
    svg.push_str("</svg>\n");
    svg
}

/// One bar of two parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    /// What it is called.
    pub(crate) name: String,
    /// Its parts.
    pub(crate) parts: [f64; 2],
    /// What stands at its end.
    pub(crate) label: String,
}

/// Bars from the left, linear, so that lengths can be compared.
pub(crate) fn bars(bars: &[Bar]) -> String {
    const ROW: f64 = 24.0;
    const START: f64 = 170.0;
    let longest = bars.iter().map(|b| b.parts[0] + b.parts[1]).fold(0.0, f64::max);
    if longest <= 0.0 {
        return String::new();
    }
    let height = bars.len() as f64 * ROW + 8.0;
    let scale = (WIDTH - START - 170.0) / longest;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n");
    for (i, bar) in bars.iter().enumerate() {
        let y = 4.0 + i as f64 * ROW;
        let [a, b] = bar.parts.map(|part| part * scale);
        let text = y + 15.0;
        let _ = writeln!(
            svg,
            "<text class=\"name\" text-anchor=\"end\" x=\"{}\" y=\"{text}\">{}</text>",
            START - 10.0,
            escape(&bar.name)
        );
        let _ =
            writeln!(svg, "<rect class=\"first\" x=\"{START}\" y=\"{y}\" width=\"{a:.1}\" height=\"{}\"/>", ROW - 6.0);
        let _ = writeln!(
            svg,
            "<rect class=\"second\" x=\"{:.1}\" y=\"{y}\" width=\"{b:.1}\" height=\"{}\"/>",
            START + a,
            ROW - 6.0
        );
        let _ = writeln!(
            svg,
            "<text class=\"tick\" x=\"{:.1}\" y=\"{text}\">{}</text>",
            START + a + b + 8.0,
            escape(&bar.label)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(name: &str) -> Axis<'_> {
        Axis { name, ticks: None, format: |v| format!("{v}") }
    }

    #[test]
    fn points_that_no_logarithm_has_are_left_out() {
        let series = |points| [Series { name: "a<b".into(), points, limit: false }];
        assert_eq!(lines(&axis("x"), &axis("y"), &series(vec![(0.0, 1.0), (1.0, 0.0)])), "");
        let svg = lines(&axis("x"), &axis("y"), &series(vec![(1.0, 10.0), (0.0, 5.0), (100.0, 1000.0)]));
        assert!(svg.contains("a&lt;b") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        let one = lines(&axis("x"), &axis("y"), &series(vec![(5.0, 5.0)]));
        assert!(!one.is_empty() && !one.contains("NaN"), "{one}");
    }

    #[test]
    fn bars_are_as_long_as_their_parts() {
        let bar = |parts| Bar { name: "n".into(), parts, label: "l".into() };
        let svg = bars(&[bar([1.0, 1.0]), bar([4.0, 0.0])]);
        assert!(svg.contains("width=\"145.0\"") && svg.contains("width=\"580.0\""), "{svg}");
        assert_eq!(bars(&[]), "");
    }
}
