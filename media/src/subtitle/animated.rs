//! Events of ASS as they are at a time: what `\t` changes little by little, and karaoke, which comes syllable by syllable.

use std::sync::Arc;

use super::ass::{Sheet, Style};
use super::cue::{Body, Look, Place, Writer};
use super::overrides::{Mode, overrides};
use super::shape::Drawing;

const MS: i64 = 1_000_000;
/// The longest event that is looked at again and again, in bytes.
const LONGEST: usize = 16 << 10;

/// An event that changes while it is on.
#[derive(Debug, Clone, PartialEq)]
pub struct Animated {
    sheet: Arc<Sheet>,
    look: Look,
    place: Place,
    text: String,
    lasts_ms: f32,
}

impl Animated {
    /// What is to be seen so long after its beginning, and how long after it that changes; all times in ns.
    pub(super) fn at(&self, at_ns: i64) -> (Option<Body>, Option<i64>) {
        let at_ms = (at_ns / 1000) as f32 / 1000.0;
        let (body, next_ms) = self.sheet.body(&self.text, &self.look, self.place, (at_ms, self.lasts_ms));
        // A later moment, whatever is lost of it on the way.
        (body, next_ms.map(|next_ms| ((f64::from(next_ms) * MS as f64) as i64).max(at_ns + MS)))
    }

    /// What is to be seen at its end.
    pub(super) fn last(&self) -> Option<Body> {
        self.at(self.lasts_ms as i64 * MS).0
    }
}

impl Sheet {
    /// What an event shows that lasts so long, in ms; `None` if nothing is ever seen of it.
    pub(super) fn shown(self: &Arc<Self>, text: &str, style: Style, lasts_ms: f32) -> Option<Body> {
        let (body, next_ms) = self.body(text, &style.look, style.place, (0.0, lasts_ms));
        if next_ms.is_none() || text.len() > LONGEST {
            return body;
        }
        let text = text.to_owned();
        let event = Animated { sheet: self.clone(), look: style.look, place: style.place, text, lasts_ms };
        Some(Body::Animated(Arc::new(event)))
    }

    /// What an event shows at a time, and when that changes next; it lasts from 0 to `lasts_ms`.
    fn body(
        &self,
        text: &str,
        base: &Look,
        mut place: Place,
        (at_ms, lasts_ms): (f32, f32),
    ) -> (Option<Body>, Option<f32>) {
        let (mut out, mut drawn) = (Writer::default(), Drawing::default());
        let mut mode = Mode { lasts_ms, at_ms, ..Mode::default() };
        self.write(text, base, &mut place, &mut mode, (&mut out, &mut drawn));
        place.unbroken = mode.unbroken.unwrap_or(self.unbroken);
        // A drawing within a line of words is left out.
        let body = match out.finish() {
            Some(spans) => Some(Body::Text { spans, place }),
            None => drawn.body(self.size, place),
        };
        (body, mode.next_ms.filter(|next_ms| *next_ms < lasts_ms))
    }

    /// Writes an event's text without what it says of its look.
    fn write(
        &self,
        text: &str,
        base: &Look,
        place: &mut Place,
        mode: &mut Mode,
        (out, drawn): (&mut Writer, &mut Drawing),
    ) {
        let mut look = base.clone();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '\\']) {
            if mode.draws == 0 {
                out.push(&rest[..at], &mode.sung(&look));
            }
            drawn.take(&rest[..at], mode, &look);
            rest = &rest[at..];
            let block = if rest.starts_with('{') { rest.find('}') } else { None };
            rest = if let Some(end) = block {
                overrides(&rest[1..end], self, base, &mut look, place, mode, 1.0);
                &rest[end + 1..]
            } else {
                let unbroken = mode.unbroken.unwrap_or(self.unbroken);
                let (letter, len) = match rest.as_bytes().get(1) {
                    Some(b'N') => ("\n", 2),
                    Some(b'n') => (if unbroken { "\n" } else { " " }, 2),
                    Some(b'h') => ("\u{a0}", 2),
                    Some(b'{' | b'}') => (&rest[1..2], 2),
                    _ => (&rest[..1], 1),
                };
                if mode.draws == 0 {
                    out.push(letter, &mode.sung(&look));
                }
                &rest[len..]
            };
        }
        if mode.draws == 0 {
            out.push(rest, &mode.sung(&look));
        }
        drawn.take(rest, mode, &look);
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::Listed;
    use super::super::{Pages, Span};
    use super::*;

    const SCRIPT: &str = "[Script Info]\nPlayResX: 200\nPlayResY: 100\nScaledBorderAndShadow: yes\n[V4+ Styles]\n\
        Format: Name, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, Outline\n\
        Style: Default,20,&H00FFFFFF,&H000000FF,&H00000000,2\n";

    /// What an event of two seconds shows at a time, in ms, and when that changes.
    fn seen(event: &str, at_ms: i64) -> (Vec<Span>, Place, Option<i64>) {
        let sheet = Arc::new(Sheet::read(SCRIPT, None));
        let cue = sheet.packet(0, 2_000 * MS, &format!("0,0,Default,,0,0,0,,{event}")).unwrap();
        let Body::Animated(event) = &cue.body else { panic!("it does not change") };
        let (body, next_ns) = event.at(at_ms * MS);
        let Some(Body::Text { spans, place }) = body else { panic!("text") };
        (spans, place, next_ns.map(|next_ns| next_ns / MS))
    }

    #[test]
    fn what_changes_is_on_its_way_at_its_time() {
        let event = "{\\frz10\\t(500,1500,2,\\1c&H0000FF&\\fs40\\frz30\\bord0\\1a&H80&\\fscx200\\i1)}x";
        for (at_ms, part, next_ms) in [
            (0, 0.0, Some(500)),
            (500, 0.0, Some(520)),
            (1000, 0.25, Some(1040)),
            (1499, 0.998, Some(1500)),
            (1500, 1.0, None),
        ] {
            let (spans, place, next) = seen(event, at_ms);
            let look = &spans[0].look;
            let near =
                |value: f32, from: f32, to: f32| (value - (from + (to - from) * part)).abs() < 0.01 * (from - to).abs();
            assert_eq!(next, next_ms, "{at_ms}");
            let color = look.color.unwrap();
            let channel = |at: u32| (color >> at & 255) as f32;
            assert!(
                near(channel(0), 255.0, 0.0) && channel(16) == 255.0 && near(channel(24), 255.0, 127.0),
                "{at_ms}: {color:x}"
            );
            assert!(near(look.size.unwrap(), 0.2, 0.4) && near(look.border.unwrap(), 0.02, 0.0), "{at_ms}: {look:?}");
            assert!(near(look.scale.unwrap_or((1.0, 1.0)).0, 1.0, 2.0) && near(place.angle, 10.0, 30.0), "{at_ms}");
            // What knows no way between is so at once.
            assert!(look.italic);
        }
        // Without times, as long as the event lasts; one within another is none.
        assert_eq!(seen("{\\t(\\fs40\\t(\\fs1))}x", 1000).0[0].look.size, Some(0.3));
        for odd in [
            "{\\t(}x{\\t(0,100,\\fs9)}",
            "{\\t(1,2,3,4,\\fs9}x",
            "{\\t(nan,inf,\\fs9)\\k10}x",
            "{\\t(5,1,0,\\fs9)\\k10}x",
        ] {
            (0..2_000).step_by(100).for_each(|at_ms| drop(seen(odd, at_ms)));
        }
    }

    #[test]
    fn syllables_are_sung_one_after_another() {
        let event = "{\\k50}a{\\kf50}b{\\ko50}c{\\kt20\\k0}d";
        let (white, red) = (Some(0xffff_ffff), Some(0xffff_0000));
        let looks = |at_ms: i64| {
            let (spans, _, next_ms) = seen(event, at_ms);
            let edge = |span: &Span| span.look.border != Some(0.0);
            let looks: Vec<_> = spans.iter().map(|span| (span.look.color, edge(span), span.look.sweep)).collect();
            (looks, next_ms)
        };
        let (sung, unsung, bare) = ((white, true, None), (red, true, None), (red, false, None));
        assert_eq!(looks(0), (vec![sung, unsung, bare, unsung], Some(200)));
        assert_eq!(looks(200), (vec![sung, unsung, bare, sung], Some(500)));
        let half = (white, true, Some((0xffff_0000, 0.5)));
        assert_eq!(looks(750), (vec![sung, half, bare, sung], Some(760)));
        assert_eq!(looks(1000), (vec![sung; 4], None));
    }

    #[test]
    fn a_page_ends_where_an_event_looks_otherwise() {
        let sheet = Arc::new(Sheet::read(SCRIPT, None));
        let cue = sheet
            .packet(1_000 * MS, 3_000 * MS, "0,0,Default,,0,0,0,,{\\k100}a{\\alphaFF\\t(900,1000,\\alpha0)}b")
            .unwrap();
        let mut pages = Pages::new(Box::new(Listed::new(vec![cue])));
        for (from_ms, ends) in
            [(0, vec![1000, 1900, 1920, 1960, 2000, 3000]), (1930, vec![1960, 2000, 3000]), (2500, vec![3000])]
        {
            pages.seek(from_ms * MS).unwrap();
            let mut found = Vec::new();
            while let Some(page) = pages.next_page().unwrap().filter(|page| page.end_ns <= 3_000 * MS) {
                found.push(page.end_ns / MS);
                let words: String = page.on().map(|cue| cue.words()).collect();
                let wanted = if page.start_ns < 1_000 * MS {
                    ""
                } else if page.start_ns <= 1_900 * MS {
                    "a"
                } else {
                    "ab"
                };
                assert_eq!(words, wanted, "{}", page.start_ns / MS);
            }
            assert_eq!(found, ends);
        }
    }
}
