//! Drawings of ASS: points in the script's units, with lines and curves between them. Outlines come out, of lines alone.

use super::cue::{Body, Look, Place};
use super::overrides::Mode;
use crate::caps;

/// Lines that stand for a curve.
const STEPS: usize = 8;

/// Outlines, each of which ends where it began.
type Outlines = Vec<Vec<(f32, f32)>>;

/// What an event draws.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    text: String,
    halved: u8,
    look: Look,
}

impl Drawing {
    /// Takes what stands between two blocks of overrides.
    pub(super) fn take(&mut self, text: &str, mode: &Mode, look: &Look) {
        if mode.draws > 0 && !text.trim().is_empty() && self.text.len() < caps::SHAPE_POINTS * 16 {
            self.text.push_str(text);
            (self.halved, self.look) = (mode.draws - 1, look.clone());
        }
    }

    /// The drawing, by the size that its numbers refer to.
    pub(super) fn body(&self, (width, height): (f32, f32), place: Place) -> Option<Body> {
        let (wide, high) = self.look.scale.unwrap_or((1.0, 1.0));
        let unit = 0.5_f32.powi(self.halved.into());
        let outlines = read(&self.text, (unit * wide / width, unit * high / height));
        let seen = !outlines.is_empty() && self.look.is_seen();
        seen.then(|| Body::Shape { outlines, look: Box::new(self.look.clone()), place })
    }
}

/// Reads a drawing; `scale` takes its numbers to parts of the picture's width and height. Empty: there is nothing to be drawn, or too much.
fn read(text: &str, scale: (f32, f32)) -> Outlines {
    let mut outlines: Outlines = Vec::new();
    let (mut command, mut numbers, mut count) = ('m', Vec::new(), 0);
    for word in text.split_whitespace() {
        if let Some(letter) = word.chars().next().filter(char::is_ascii_alphabetic) {
            command = letter.to_ascii_lowercase();
            numbers.clear();
            continue;
        }
        let Some(number) = word.parse::<f32>().ok().filter(|n| n.is_finite()) else { continue };
        numbers.push(number);
        let wanted = if command == 'b' { 6 } else { 2 };
        if numbers.len() < wanted {
            continue;
        }
        let point = |at: usize| (near(numbers[at] * scale.0), near(numbers[at + 1] * scale.1));
        match (command, outlines.last_mut()) {
            ('m' | 'n', _) => outlines.push(vec![point(0)]),
            ('b', Some(outline)) => {
                outline.extend(curve(*outline.last().unwrap_or(&(0.0, 0.0)), [point(0), point(2), point(4)]))
            }
            // Splines are drawn by the points that they bend to.
            (_, Some(outline)) => outline.push(point(0)),
            (_, None) => {}
        }
        count += if command == 'b' { STEPS } else { 1 };
        if count > caps::SHAPE_POINTS {
            return Vec::new();
        }
        numbers.clear();
    }
    outlines.retain(|outline| outline.len() > 2);
    outlines
}

/// Within what a place may be: about the picture.
fn near(part: f32) -> f32 {
    part.clamp(-2.0, 3.0)
}

fn curve(from: (f32, f32), [one, two, to]: [(f32, f32); 3]) -> impl Iterator<Item = (f32, f32)> {
    (1..=STEPS).map(move |step| {
        let t = step as f32 / STEPS as f32;
        let s = 1.0 - t;
        let at =
            |a: f32, b: f32, c: f32, d: f32| s * s * s * a + 3.0 * s * s * t * b + 3.0 * s * t * t * c + t * t * t * d;
        (at(from.0, one.0, two.0, to.0), at(from.1, one.1, two.1, to.1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_become_outlines() {
        let outlines = read("m 0 0 l 10 0 10 10 0 10 m 2 2 b 2 4 4 4 4 2 c m 5 5 l 6 6", (0.125, 0.0625));
        assert_eq!(outlines[0], [(0.0, 0.0), (1.25, 0.0), (1.25, 0.625), (0.0, 0.625)]);
        let (x, y) = outlines[1][4];
        assert!((x - 0.375).abs() < 1e-5 && (y - 0.21875).abs() < 1e-5, "{x} {y}");
        assert_eq!((outlines.len(), outlines[1].len()), (2, 1 + STEPS));
        for text in ["", "l 1 1 2 2 3 3", "m", "m 1", "x y z", "m 0 0 b 1 2 3", "m 1e38 nan l inf 1 2 3 4 5"] {
            assert!(read(text, (1.0, 1.0)).iter().flatten().all(|(x, y)| x.abs() <= 3.0 && y.abs() <= 3.0), "{text}");
        }
        assert_eq!(read(&format!("m 0 0 l {}", "1 1 ".repeat(10_000)), (1.0, 1.0)), Outlines::new());
    }
}
