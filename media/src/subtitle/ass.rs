//! ASS and SSA: a script with styles and events. Of what it can say, the words, their common looks and their place are taken;
//! animations, karaoke, drawings, rotation and clipping are not.

use super::cue::{Body, Cue, Look, Place, Writer};
use super::overrides::{Mode, color, from_old, overrides};
use super::srt::time;
use crate::caps;

/// A script's styles, and the size of the picture that its numbers refer to.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    pub(super) size: (f32, f32),
    pub(super) styles: Vec<Style>,
}

impl Default for Sheet {
    fn default() -> Self {
        Self { size: (384.0, 288.0), styles: Vec::new() }
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Style {
    pub(super) name: String,
    pub(super) look: Look,
    place: Place,
}

/// Whether a file is a script.
pub(super) fn begins(text: &str) -> bool {
    let head = text.trim_start_matches('\u{feff}').trim_start();
    let line = head.lines().next().unwrap_or_default().trim();
    line.eq_ignore_ascii_case("[script info]") || head.lines().take(50).any(|line| line.starts_with("Dialogue:"))
}

/// Reads all events, in the order of the file.
pub(super) fn parse(text: &str) -> Vec<Cue> {
    let sheet = Sheet::read(text);
    let mut format = fields("Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text");
    let (mut events, mut cues) = (false, Vec::new());
    for line in text.lines() {
        let line = line.trim_start_matches(['\u{feff}', ' ']);
        if line.starts_with('[') {
            events = line.to_ascii_lowercase().starts_with("[events]");
        } else if let Some(names) = line.strip_prefix("Format:").filter(|_| events) {
            format = fields(names);
        } else if let Some(event) = line.strip_prefix("Dialogue:") {
            let get = getter(&format, event.trim_start());
            let times = get("start").and_then(time).zip(get("end").and_then(time));
            if let Some((start_ns, end_ns)) = times.filter(|(start, end)| start < end) {
                cues.extend(sheet.event(start_ns, end_ns, &get));
            }
            if cues.len() >= caps::CUES {
                break;
            }
        }
    }
    cues
}

/// The names of a line's fields.
fn fields(names: &str) -> Vec<String> {
    names.split(',').take(64).map(|name| name.trim().to_ascii_lowercase()).collect()
}

/// Finds a field of `line` by its name; the last one has all the rest.
fn getter<'a>(format: &'a [String], line: &'a str) -> impl Fn(&str) -> Option<&'a str> {
    let values: Vec<&str> = line.splitn(format.len().max(1), ',').collect();
    move |name| {
        let at = format.iter().position(|field| field == name)?;
        let value = values.get(at)?;
        Some(if name == "text" { value } else { value.trim() })
    }
}

impl Sheet {
    /// Reads what is said before the events.
    pub(super) fn read(text: &str) -> Self {
        let mut sheet = Self::default();
        let (mut width, mut height, mut old) = (None, None, false);
        let mut format = fields(
            "Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
             StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding",
        );
        let mut styles: Vec<(Vec<String>, String, bool)> = Vec::new();
        let mut events = false;
        for line in text.lines() {
            let line = line.trim_start_matches(['\u{feff}', ' ']).trim_end();
            let lower = line.to_ascii_lowercase();
            let number = |name: &str| {
                let value = lower.strip_prefix(name)?.trim().parse::<f32>().ok();
                value.filter(|value| (1.0..=100_000.0).contains(value))
            };
            width = number("playresx:").or(width);
            height = number("playresy:").or(height);
            if lower.starts_with('[') {
                old = lower.starts_with("[v4 styles]");
                events = lower.starts_with("[events]");
            } else if let Some(names) = line.strip_prefix("Format:").filter(|_| !events) {
                format = fields(names);
            } else if let Some(style) = line.strip_prefix("Style:").filter(|_| styles.len() < caps::STYLES) {
                styles.push((format.clone(), style.trim_start().to_owned(), old));
            }
        }
        sheet.size = match (width, height) {
            (Some(width), Some(height)) => (width, height),
            (Some(width), None) => (width, width * 3.0 / 4.0),
            (None, Some(height)) => (height * 4.0 / 3.0, height),
            (None, None) => sheet.size,
        };
        sheet.styles = styles.iter().map(|(format, line, old)| sheet.style(&getter(format, line), *old)).collect();
        sheet
    }

    fn style<'a>(&self, get: &impl Fn(&str) -> Option<&'a str>, old: bool) -> Style {
        let number = |name: &str| get(name).and_then(|value| value.parse::<f32>().ok()).unwrap_or(0.0);
        let flag = |name: &str| number(name) != 0.0;
        let look = Look {
            bold: flag("bold"),
            italic: flag("italic"),
            underline: flag("underline"),
            strike: flag("strikeout"),
            color: get("primarycolour").and_then(color),
            edge: get("outlinecolour").or_else(|| get("tertiarycolour")).and_then(color),
            size: self.line(number("fontsize")),
        };
        let align = number("alignment") as u32;
        let align = if old { from_old(align) } else { Some(align).filter(|align| (1..=9).contains(align)) };
        let place = self.placed(
            Place { align: align.unwrap_or(2) as u8, ..Place::default() },
            [number("marginl"), number("marginr"), number("marginv")],
        );
        Style { name: get("name").unwrap_or_default().trim_start_matches('*').to_owned(), look, place }
    }

    /// The height of a line, as a part of the picture's.
    pub(super) fn line(&self, size: f32) -> Option<f32> {
        Some(size / self.size.1).filter(|part| (0.001..=1.0).contains(part))
    }

    /// With margins to the left, to the right, and above or below; 0 is none said.
    fn placed(&self, place: Place, [left, right, vertical]: [f32; 3]) -> Place {
        let part = |value: f32, of: f32| (value / of).clamp(0.0, 0.9);
        let said = |value: f32, of: f32, old: f32| if value > 0.0 { part(value, of) } else { old };
        let (width, height) = self.size;
        Place {
            sides: (said(left, width, place.sides.0), said(right, width, place.sides.1)),
            margin: if vertical > 0.0 { Some(part(vertical, height)) } else { place.margin },
            ..place
        }
    }

    /// An event of these fields.
    pub(super) fn event<'a>(&self, start_ns: i64, end_ns: i64, get: &impl Fn(&str) -> Option<&'a str>) -> Option<Cue> {
        let name = get("style").unwrap_or_default().trim_start_matches('*');
        let style = self.styles.iter().rfind(|style| style.name == name);
        let style = style.or_else(|| self.styles.iter().rfind(|style| style.name == "Default"));
        let style = style.cloned().unwrap_or_default();
        let number = |name: &str| get(name).and_then(|value| value.parse::<f32>().ok()).unwrap_or(0.0);
        let margins = [number("marginl"), number("marginr"), number("marginv")];
        let mut place = self.placed(style.place, margins);
        let mut out = Writer::default();
        self.write(get("text")?, &style.look, &mut place, &mut out);
        let spans = out.finish()?;
        Some(Cue { start_ns, end_ns, body: Body::Text { spans, place } })
    }

    /// An event as Matroska has it.
    pub(super) fn packet(&self, start_ns: i64, end_ns: i64, text: &str) -> Option<Cue> {
        let format = fields("ReadOrder, Layer, Style, Name, MarginL, MarginR, MarginV, Effect, Text");
        self.event(start_ns, end_ns, &getter(&format, text))
    }

    /// Writes an event's text without what it says of its look.
    fn write(&self, text: &str, base: &Look, place: &mut Place, out: &mut Writer) {
        let mut look = base.clone();
        let (mut rest, mut mode) = (text, Mode::default());
        while let Some(at) = rest.find(['{', '\\']) {
            if mode.is_read() {
                out.push(&rest[..at], &look);
            }
            rest = &rest[at..];
            let block = if rest.starts_with('{') { rest.find('}') } else { None };
            rest = if let Some(end) = block {
                overrides(&rest[1..end], self, base, &mut look, place, &mut mode);
                &rest[end + 1..]
            } else {
                let (letter, len) = match rest.as_bytes().get(1) {
                    Some(b'N') => ("\n", 2),
                    Some(b'n') => (" ", 2),
                    Some(b'h') => ("\u{a0}", 2),
                    Some(b'{' | b'}') => (&rest[1..2], 2),
                    _ => (&rest[..1], 1),
                };
                if mode.is_read() {
                    out.push(letter, &look);
                }
                &rest[len..]
            };
        }
        if mode.is_read() {
            out.push(rest, &look);
        }
    }

    /// Where a movement stands for: its end if it takes only a part of the time, else its middle; if that is out of sight, what is not.
    pub(super) fn moved(&self, numbers: &[f32]) -> Option<(f32, f32)> {
        let &[x1, y1, x2, y2, ref times @ ..] = numbers else { return None };
        let middle = ((x1 + x2) / 2.0, (y1 + y2) / 2.0);
        let likely = if times.get(1).is_some_and(|&until| until > 0.0) { (x2, y2) } else { middle };
        let seen = |(x, y): &(f32, f32)| (0.0..=self.size.0).contains(x) && (0.0..=self.size.1).contains(y);
        Some([likely, middle, (x2, y2), (x1, y1)].into_iter().find(seen).unwrap_or(likely))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "[Script Info]\nPlayResX: 640\nPlayResY: 360\n\n[V4+ Styles]\n\
        Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, Bold, Italic, Alignment, MarginL, MarginR, MarginV\n\
        Style: Default,Arial,36,&H00FFFFFF,&H00000000,0,0,2,10,10,20\n\
        Style: Sign,Arial,18,&H000000FF,&H00FF0000,-1,0,8,0,0,0\n\n[Events]\n\
        Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
        Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,One, {\\i1}two{\\i0}\\Nthree{comment}\n\
        Dialogue: 0,0:00:03.00,0:00:04.00,Sign,,0,0,0,,{\\pos(320,90)\\t(0,100,\\i1)\\c&H00FF00&}Sign\n\
        Dialogue: 0,0:00:05.00,0:00:06.00,Sign,,0,0,0,,{\\p1}m 0 0 l 1 1{\\p0}seen{\\an5}\n\
        Comment: 0,0:00:05.00,0:00:06.00,Sign,,0,0,0,,never\n";

    fn text(cue: &Cue) -> (&[super::super::Span], Place) {
        match &cue.body {
            Body::Text { spans, place } => (spans, *place),
            Body::Picture(_) => (&[], Place::default()),
        }
    }

    #[test]
    fn events_have_the_looks_of_their_styles_and_overrides() {
        assert!(begins(SCRIPT));
        let cues = parse(SCRIPT);
        assert_eq!(cues.iter().map(Cue::words).collect::<Vec<_>>(), ["One, two\nthree", "Sign", "seen"]);
        let (spans, place) = text(&cues[0]);
        assert_eq!(spans.iter().map(|s| s.look.italic).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!((spans[0].look.size, place.align, place.margin), (Some(0.1), 2, Some(20.0 / 360.0)));
        let (spans, place) = text(&cues[1]);
        assert_eq!((spans[0].look.color, spans[0].look.edge), (Some(0x00_ff00), Some(0x00_00ff)));
        assert!(spans[0].look.bold && !spans[0].look.italic);
        assert_eq!((place.align, place.at), (8, Some((0.5, 0.25))));
        assert_eq!(text(&cues[2]).1.align, 5);
    }

    #[test]
    fn what_moves_stands_where_it_is_seen() {
        let sheet = Sheet::read(SCRIPT);
        for (said, wanted) in [
            ("\\move(0,0,640,360)", (0.5, 0.5)),
            // In from below, and there for the rest.
            ("\\move(320,400,320,180,0,500)", (0.5, 0.5)),
            // Out to the left at the end; and credits that roll through.
            ("\\move(320,180,-100,180,4000,5000)", (110.0 / 640.0, 0.5)),
            ("\\move(320,720,320,-360)", (0.5, 0.5)),
            ("\\move(320,90)", (0.5, 0.25)),
        ] {
            let cue = sheet.packet(0, 1, &format!("0,0,Sign,,0,0,0,,{{{said}}}x")).unwrap();
            assert_eq!(text(&cue).1.at, Some(wanted), "{said}");
        }
        let cue = sheet.packet(0, 1, "0,0,Default,,0,0,0,,{\\fs+10}x").unwrap();
        assert_eq!(text(&cue).0[0].look.size, Some(0.2));
    }

    #[test]
    fn a_script_of_any_kind_ends() {
        let sheet = Sheet::read(SCRIPT);
        for event in [
            "",
            "{",
            "{\\",
            "{\\pos(}",
            "{\\pos(1}x",
            "\\",
            "{\\t(((}x",
            "{\\c}x",
            "{\\3c&H&}x{\\fs}",
            "{\\b}{\\an99}x",
            "{\\rNone}x",
        ] {
            sheet.packet(0, 1, &format!("0,0,Sign,,0,0,0,,{event}"));
        }
        for len in (0..SCRIPT.len()).filter(|&len| SCRIPT.is_char_boundary(len)) {
            parse(&SCRIPT[..len]);
        }
        assert_eq!(color("&H80FF8000&"), Some(0x00_80ff));
        assert_eq!((from_old(6), from_old(10), from_old(4)), (Some(8), Some(5), None));
    }
}
