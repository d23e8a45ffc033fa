//! Plots as SVG: lines over logarithmic axes, and stacked bars, each in two shapes, for a wide window and for a narrow one.
//! Who sees no colours tells series apart by marker, dash and the name at the end of each line. Colours are the page's, by class.

use std::fmt::Write;

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// What it is called.
    pub(crate) name: String,
    /// Its points, by x.
    pub(crate) points: Vec<(f64, f64)>,
    /// How it looks; `None`: a limit, dashed, without a colour of its own.
    pub(crate) look: Option<Look>,
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

/// How a plot is laid out, in units that are pixels where the window is about as wide.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    class: &'static str,
    width: f64,
    height: f64,
    left: f64,
    top: f64,
    /// Width of a letter in a name, and from one name to the next.
    letter: f64,
    step: f64,
}

/// For a window of 640 pixels and more.
pub(crate) const WIDE: Shape =
    Shape { class: "broad", width: 920.0, height: 420.0, left: 74.0, top: 14.0, letter: 6.9, step: 15.0 };
/// For less.
pub(crate) const NARROW: Shape =
    Shape { class: "slim", width: 370.0, height: 420.0, left: 48.0, top: 26.0, letter: 5.9, step: 14.0 };

const BOTTOM: f64 = 48.0;

/// Colour, marker and dash of a series: the same of a mechanism wherever it is on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Look(pub(crate) usize);

impl Look {
    /// Okabe and Ito's colours without their yellow, which paper swallows: `page.css` has them.
    pub(crate) const COLOURS: usize = 7;
    const MARKERS: usize = 8;
    const DASHES: [&'static str; 3] = ["", "7 3", "2 3"];

    fn colour(self) -> String {
        format!("k{}", self.0 % Self::COLOURS)
    }

    /// Changes when the colours begin anew.
    fn dash(self) -> &'static str {
        Self::DASHES[self.0 / Self::COLOURS % Self::DASHES.len()]
    }

    /// Its marker at a point, of such a radius.
    fn marker(self, x: f64, y: f64, r: f64) -> String {
        let path = |points: &[(f64, f64)]| {
            let points: Vec<String> =
                points.iter().map(|(a, b)| format!("{:.1} {:.1}", x + a * r, y + b * r)).collect();
            format!("<path class=\"mark\" d=\"M{}Z\"/>", points.join("L"))
        };
        let cross = |a: f64, b: f64| {
            let line = |a: f64, b: f64| format!("M{:.1} {:.1}L{:.1} {:.1}", x - a, y - b, x + a, y + b);
            format!("<path class=\"mark thin\" d=\"{}{}\"/>", line(a, b), line(-b, a))
        };
        match self.0 % Self::MARKERS {
            0 => format!("<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r}\"/>"),
            1 => path(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
            2 => path(&[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]),
            3 => path(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
            4 => path(&[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)]),
            5 => cross(r * 1.3, 0.0),
            6 => cross(r, r),
            _ => format!("<circle class=\"mark ring\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r}\"/>"),
        }
    }

    /// A picture of it, to stand beside a name.
    pub(crate) fn swatch(self) -> String {
        format!(
            "<svg class=\"swatch {}\" viewBox=\"0 0 28 12\" aria-hidden=\"true\"><path class=\"line\" stroke-dasharray=\"{}\" \
             d=\"M1 6H27\"/>{}</svg>",
            self.colour(),
            self.dash(),
            self.marker(14.0, 6.0, 3.4)
        )
    }
}

/// Text that may stand in HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn decades(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    (first..=last).map(|e| 10f64.powi(e)).collect()
}

/// A plot in both shapes, of which the page shows one.
pub(crate) fn both(draw: impl Fn(&Shape) -> String) -> String {
    [WIDE, NARROW].iter().map(draw).collect()
}

/// Which ticks have room: from the left, those whose label does not cover the one before.
fn roomy(ticks: Vec<(f64, String)>, letter: f64) -> Vec<(f64, String)> {
    let mut end = f64::NEG_INFINITY;
    let half = |label: &str| label.chars().count() as f64 * letter / 2.0;
    let fits = |(at, label): &(f64, String)| {
        let fits = at - half(label) > end;
        if fits {
            end = at + half(label) + 6.0;
        }
        fits
    };
    ticks.into_iter().filter(fits).collect()
}

/// Where each of `wanted` (from above) can stand, `step` apart, between `top` and `foot`: no lower than has to be.
fn apart(wanted: &[f64], step: f64, top: f64, foot: f64) -> Vec<f64> {
    let count = wanted.len();
    let step = step.min((foot - top) / count.max(1) as f64);
    let mut at = top;
    let place = |(i, wanted): (usize, &f64)| {
        let place = wanted.max(at).min(foot - step * (count - 1 - i) as f64);
        at = place + step;
        place
    };
    wanted.iter().enumerate().map(place).collect()
}

/// Lines. Points that are not positive cannot be drawn and are left out.
pub(crate) fn lines(shape: &Shape, x: &Axis<'_>, y: &Axis<'_>, series: &[Series]) -> String {
    let points = || series.iter().flat_map(|s| &s.points).filter(|p| p.0 > 0.0 && p.1 > 0.0);
    if points().next().is_none() {
        return String::new();
    }
    let &Shape { class, width, height, left, top, letter, step } = shape;
    let longest = series.iter().map(|s| s.name.chars().count()).max().unwrap_or(0) as f64;
    // A name has its marker before it and a line that leads to it.
    let right = width - longest * letter - 40.0;
    let foot = height - BOTTOM;
    let range = |f: fn(&(f64, f64)) -> f64| {
        points().map(f).fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)))
    };
    let ((x0, x1), (y0, y1)) = (range(|p| p.0), range(|p| p.1));
    // A little room, and never an empty range.
    let (y0, y1) = (y0 / 1.3, y1 * 1.3);
    let x1 = if x1 > x0 { x1 } else { x0 * 10.0 };
    let across = |v: f64| left + (v / x0).log10() / (x1 / x0).log10() * (right - left);
    let up = |v: f64| foot - (v / y0).log10() / (y1 / y0).log10() * (foot - top);
    let ticks = |axis: &Axis<'_>, low: f64, high: f64| -> Vec<(f64, String)> {
        let every = || decades(low, high).into_iter().map(|v| (v, (axis.format)(v))).collect();
        let inside = |t: &(f64, String)| t.0 >= low * 0.999 && t.0 <= high * 1.001;
        axis.ticks.clone().unwrap_or_else(every).into_iter().filter(inside).collect()
    };
    let mut svg = format!("<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n");
    for (v, label) in ticks(y, y0, y1) {
        let at = up(v);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{left} {at:.1}H{right:.1}\"/>");
        let (x, y) = (left - 8.0, at + 4.0);
        let _ = writeln!(svg, "<text class=\"tick\" text-anchor=\"end\" x=\"{x}\" y=\"{y:.1}\">{label}</text>");
    }
    let marks = ticks(x, x0, x1).into_iter().map(|(v, label)| (across(v), label)).collect();
    for (at, label) in roomy(marks, letter) {
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{at:.1} {top}V{foot}\"/>");
        let y = foot + 18.0;
        let _ = writeln!(svg, "<text class=\"tick\" text-anchor=\"middle\" x=\"{at:.1}\" y=\"{y}\">{label}</text>");
    }
    let (middle, below) = ((left + right) / 2.0, height - 8.0);
    let _ =
        writeln!(svg, "<text class=\"axis\" text-anchor=\"middle\" x=\"{middle:.1}\" y=\"{below}\">{}</text>", x.name);
    let centre = (top + foot) / 2.0;
    // Beside the figures, or above them where there is no room.
    let _ = match *shape == NARROW {
        true => writeln!(svg, "<text class=\"axis\" x=\"6\" y=\"14\">{}</text>", y.name),
        false => {
            let turned = format!("translate(16 {centre}) rotate(-90)");
            writeln!(svg, "<text class=\"axis\" text-anchor=\"middle\" transform=\"{turned}\">{}</text>", y.name)
        }
    };
    let mut ends = Vec::new();
    for line in series {
        let drawn: Vec<(f64, f64)> =
            line.points.iter().filter(|p| p.0 > 0.0 && p.1 > 0.0).map(|p| (across(p.0), up(p.1))).collect();
        let Some(&last) = drawn.last() else { continue };
        let path: Vec<String> = drawn.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        let name = escape(&line.name);
        let (class, dash) = line.look.map_or(("limit".to_owned(), "10 5"), |look| (look.colour(), look.dash()));
        let path = path.join("L");
        let _ = write!(svg, "<g class=\"{class}\"><title>{name}</title>");
        let _ = write!(svg, "<path class=\"line\" stroke-dasharray=\"{dash}\" d=\"M{path}\"/>");
        if let Some(look) = line.look {
            // Every point, or about eight of many, those of different lines at different places.
            let every = drawn.len().div_ceil(8).max(1);
            let offset = if every > 1 { look.0 % every } else { 0 };
            let some = drawn.iter().skip(offset).step_by(every);
            some.chain([&last]).for_each(|&(x, y)| svg.push_str(&look.marker(x, y, 3.2)));
        }
        svg.push_str("</g>\n");
        ends.push((last, class, line.look, name));
    }
    // Names at the ends of their lines, moved apart where they would cover each other.
    ends.sort_by(|a, b| a.0.1.total_cmp(&b.0.1));
    let wanted: Vec<f64> = ends.iter().map(|end| end.0.1).collect();
    for ((from, class, look, name), place) in ends.into_iter().zip(apart(&wanted, step, top, foot)) {
        let (elbow, mark, text) = (right + 12.0, right + 20.0, right + 28.0);
        let _ = write!(svg, "<g class=\"{class}\">");
        // One that ends far from its name, since it had fewer frames, would draw a line through all others.
        if from.0 > right - 2.0 * step {
            let _ = write!(svg, "<path class=\"leader\" d=\"M{:.1} {:.1}L{elbow:.1} {place:.1}\"/>", from.0, from.1);
        }
        let marker = look.map_or(String::new(), |look| look.marker(mark, place, 3.2));
        let _ =
            writeln!(svg, "{marker}<text class=\"name\" x=\"{text:.1}\" y=\"{:.1}\">{name}</text></g>", place + 4.0);
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

/// Bars from the left, linear, so that lengths can be compared. In a narrow window names stand above them.
pub(crate) fn bars(shape: &Shape, bars: &[Bar]) -> String {
    const THICK: f64 = 16.0;
    let longest = bars.iter().map(|b| b.parts[0] + b.parts[1]).fold(0.0, f64::max);
    if longest <= 0.0 {
        return String::new();
    }
    let above = *shape == NARROW;
    let (row, start, end) = if above { (40.0, 10.0, 10.0) } else { (24.0, 170.0, 170.0) };
    let (width, height) = (shape.width, bars.len() as f64 * row + 10.0);
    let scale = (width - start - end) / longest;
    let mut svg = format!("<svg class=\"{}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n", shape.class);
    for (i, bar) in bars.iter().enumerate() {
        let top = 5.0 + i as f64 * row;
        let (y, text) = if above { (top + 18.0, top + 13.0) } else { (top + 2.0, top + 14.0) };
        let [a, b] = bar.parts.map(|part| part * scale);
        let (name, label) = (escape(&bar.name), escape(&bar.label));
        let (name_at, label_at, [anchor, other]) = match above {
            true => (start, width - end, ["start", "end"]),
            false => (start - 10.0, start + a + b + 8.0, ["end", "start"]),
        };
        let _ =
            writeln!(svg, "<text class=\"name\" text-anchor=\"{anchor}\" x=\"{name_at}\" y=\"{text}\">{name}</text>");
        let _ = writeln!(svg, "<rect class=\"first\" x=\"{start}\" y=\"{y}\" width=\"{a:.1}\" height=\"{THICK}\"/>");
        let at = start + a;
        let _ = writeln!(svg, "<rect class=\"second\" x=\"{at:.1}\" y=\"{y}\" width=\"{b:.1}\" height=\"{THICK}\"/>");
        let _ = writeln!(
            svg,
            "<text class=\"tick\" text-anchor=\"{other}\" x=\"{label_at:.1}\" y=\"{text}\">{label}</text>"
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
        let series = |points| [Series { name: "a<b".into(), points, look: Some(Look(0)) }];
        for shape in [WIDE, NARROW] {
            let lines = |points| lines(&shape, &axis("x"), &axis("y"), &series(points));
            assert_eq!(lines(vec![(0.0, 1.0), (1.0, 0.0)]), "");
            let svg = lines(vec![(1.0, 10.0), (0.0, 5.0), (100.0, 1000.0)]);
            assert!(svg.contains("a&lt;b") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            let one = lines(vec![(5.0, 5.0)]);
            assert!(!one.is_empty() && !one.contains("NaN"), "{one}");
        }
    }

    #[test]
    fn bars_are_as_long_as_their_parts() {
        let bar = |parts| Bar { name: "n".into(), parts, label: "l".into() };
        let svg = bars(&WIDE, &[bar([1.0, 1.0]), bar([4.0, 0.0])]);
        assert!(svg.contains("width=\"145.0\"") && svg.contains("width=\"580.0\""), "{svg}");
        assert!(bars(&NARROW, &[bar([1.0, 1.0]), bar([4.0, 0.0])]).contains("width=\"350.0\""));
        assert_eq!(bars(&WIDE, &[]), "");
    }

    #[test]
    fn no_two_of_all_mechanisms_look_alike_without_their_colours_either() {
        let looks: Vec<String> = (0..21).map(|n| Look(n).swatch()).collect();
        let grey: std::collections::BTreeSet<String> = looks
            .iter()
            .map(|l| (0..Look::COLOURS).fold(l.clone(), |l, k| l.replace(&format!("k{k}\""), "\"")))
            .collect();
        assert_eq!(grey.len(), looks.len());
    }

    #[test]
    fn names_and_ticks_do_not_cover_each_other() {
        let places = apart(&[10.0, 11.0, 12.0, 300.0], 15.0, 14.0, 200.0);
        assert_eq!(places, [14.0, 29.0, 44.0, 200.0]);
        let many = apart(&vec![190.0; 40], 15.0, 0.0, 200.0);
        assert!(many.windows(2).all(|w| w[1] - w[0] > 4.9) && many[39] <= 200.0, "{many:?}");
        let tick = |at, label: &str| (at, label.to_owned());
        let left = roomy(vec![tick(0.0, "99 %"), tick(20.0, "99.9 %"), tick(60.0, "99.99 %")], 6.0);
        assert_eq!(left, [tick(0.0, "99 %"), tick(60.0, "99.99 %")]);
    }
}
