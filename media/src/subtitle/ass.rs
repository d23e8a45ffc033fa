//! ASS and SSA: a script with styles and events. Of what it can say, the words, their looks, their place, fading, moving, turning in space, clipping to
//! a rectangle, animations, karaoke and drawings are taken; clipping to shapes is not.

use std::sync::Arc;

use super::cue::{Backdrop, Cue, Look, Place};
use super::overrides::{color, from_old, scaled};
use super::srt::time;
use crate::caps;

/// How far away from the eye the picture is, in pixels of the film: libass' figure.
const FAR: f32 = 20_000.0 / 64.0;
/// The longest name of a font, in bytes.
const LONGEST_NAME: usize = 64;

/// A script's styles, and the size of the picture that its numbers refer to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sheet {
    pub(super) size: (f32, f32),
    /// The height that the widths of edges and shadows refer to: the film's, unless they are scaled with it.
    edges: f32,
    /// How far away from the eye the picture is, as a part of its height.
    far: f32,
    /// Lines are not broken.
    pub(super) unbroken: bool,
    pub(super) styles: Vec<Style>,
}

impl Default for Sheet {
    fn default() -> Self {
        Self { size: (384.0, 288.0), edges: 288.0, far: 1.0, unbroken: false, styles: Vec::new() }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Style {
    pub(super) name: String,
    pub(super) look: Look,
    pub(super) place: Place,
}

/// Whether a file is a script.
pub(super) fn begins(text: &str) -> bool {
    let head = text.trim_start_matches('\u{feff}').trim_start();
    let line = head.lines().next().unwrap_or_default().trim();
    line.eq_ignore_ascii_case("[script info]") || head.lines().take(50).any(|line| line.starts_with("Dialogue:"))
}

/// Reads all events, in the order of the file, for a film that is `high`.
pub(super) fn parse(text: &str, high: Option<u32>) -> Vec<Cue> {
    let sheet = Arc::new(Sheet::read(text, high));
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
    /// Reads what is said before the events, for a film that is `high`.
    pub(super) fn read(text: &str, high: Option<u32>) -> Self {
        let mut sheet = Self::default();
        let (mut width, mut height, mut old, mut scales) = (None, None, false, false);
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
            if let Some(said) = lower.strip_prefix("scaledborderandshadow:") {
                scales = said.trim() == "yes" || said.trim().parse() == Ok(1);
            }
            sheet.unbroken = lower.strip_prefix("wrapstyle:").map_or(sheet.unbroken, |said| said.trim() == "2");
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
        sheet.far = (FAR / high.filter(|high| *high > 0).map_or(sheet.size.1, |high| high as f32)).clamp(0.01, 100.0);
        sheet.edges = high.filter(|high| !scales && *high > 0).map_or(sheet.size.1, |high| high as f32);
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
            second: get("secondarycolour").and_then(color),
            edge: if old { get("backcolour") } else { get("outlinecolour") }.and_then(color),
            shade: get("backcolour").and_then(color),
            size: self.line(number("fontsize")),
            back: None,
            border: get("outline").map(|_| self.length(number("outline"))),
            shadow: self.length(number("shadow")),
            blur: 0.0,
            spacing: (number("spacing") / self.size.1).clamp(-1.0, 1.0),
            scale: get("scalex").and_then(|_| scaled(number("scalex") / 100.0, number("scaley") / 100.0)),
            font: get("fontname").and_then(|name| self.font(name)),
            ..Look::default()
        };
        let align = number("alignment") as u32;
        let align = if old { from_old(align) } else { Some(align).filter(|align| (1..=9).contains(align)) };
        let backdrop = match number("borderstyle") as u32 {
            3 => Backdrop::Lines,
            4 => Backdrop::Whole,
            _ => Backdrop::None,
        };
        let angle = number("angle") % 360.0;
        let place = self.placed(
            Place { align: align.unwrap_or(2) as u8, backdrop, angle, ..Place::default() },
            [number("marginl"), number("marginr"), number("marginv")],
        );
        Style { name: get("name").unwrap_or_default().trim_start_matches('*').to_owned(), look, place }
    }

    /// The height of a line, as a part of the picture's.
    pub(super) fn line(&self, size: f32) -> Option<f32> {
        Some(size / self.size.1).filter(|part| (0.001..=1.0).contains(part))
    }

    /// The width of an edge, as a part of the picture's height.
    pub(super) fn length(&self, value: f32) -> f32 {
        (value / self.edges).clamp(0.0, 0.2)
    }

    /// The name of a font; `@` before it stands for letters that are turned.
    pub(super) fn font(&self, name: &str) -> Option<String> {
        let name = name.trim().trim_start_matches('@');
        (!name.is_empty() && name != "0" && name.len() <= LONGEST_NAME).then(|| name.to_owned())
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
    pub(super) fn event<'a>(
        self: &Arc<Self>,
        start_ns: i64,
        end_ns: i64,
        get: &impl Fn(&str) -> Option<&'a str>,
    ) -> Option<Cue> {
        let name = get("style").unwrap_or_default().trim_start_matches('*');
        let style = self.styles.iter().rfind(|style| style.name == name);
        let style = style.or_else(|| self.styles.iter().rfind(|style| style.name == "Default"));
        let style = style.cloned().unwrap_or_default();
        let number = |name: &str| get(name).and_then(|value| value.parse::<f32>().ok()).unwrap_or(0.0);
        let margins = [number("marginl"), number("marginr"), number("marginv")];
        let mut place = self.placed(style.place, margins);
        place.layer = number("layer") as i32;
        place.far = self.far;
        let lasts_ms = (end_ns - start_ns) as f32 / 1e6;
        let body = self.shown(get("text")?, Style { place, ..style }, lasts_ms)?;
        Some(Cue { start_ns, end_ns, body })
    }

    /// An event as Matroska has it.
    pub(super) fn packet(self: &Arc<Self>, start_ns: i64, end_ns: i64, text: &str) -> Option<Cue> {
        let format = fields("ReadOrder, Layer, Style, Name, MarginL, MarginR, MarginV, Effect, Text");
        self.event(start_ns, end_ns, &getter(&format, text))
    }
}

#[cfg(test)]
mod tests {
    use super::super::cue::{Body, Fade, Motion};
    use super::*;

    const SCRIPT: &str = "[Script Info]\nPlayResX: 640\nPlayResY: 360\n\n[V4+ Styles]\n\
        Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, Bold, Italic, Alignment, MarginL, MarginR, MarginV\n\
        Style: Default,Arial,36,&H00FFFFFF,&H00000000,0,0,2,10,10,20\n\
        Style: Sign,Arial,18,&H000000FF,&H00FF0000,-1,0,8,0,0,0\n\n[Events]\n\
        Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
        Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,One, {\\i1}two{\\i0}\\Nthree{comment}\n\
        Dialogue: 0,0:00:03.00,0:00:04.00,Sign,,0,0,0,,{\\pos(320,90)\\c&H00FF00&}Sign\n\
        Dialogue: 0,0:00:05.00,0:00:06.00,Sign,,0,0,0,,{\\p1}m 0 0 l 1 1{\\p0}seen{\\an5}\n\
        Comment: 0,0:00:05.00,0:00:06.00,Sign,,0,0,0,,never\n";

    fn text(cue: &Cue) -> (&[super::super::Span], &Place) {
        match &cue.body {
            Body::Text { spans, place } => (spans, place),
            _ => panic!("text, not {cue:?}"),
        }
    }

    #[test]
    fn events_have_the_looks_of_their_styles_and_overrides() {
        assert!(begins(SCRIPT));
        let cues = parse(SCRIPT, None);
        assert_eq!(cues.iter().map(Cue::words).collect::<Vec<_>>(), ["One, two\nthree", "Sign", "seen"]);
        let (spans, place) = text(&cues[0]);
        assert_eq!(spans.iter().map(|s| s.look.italic).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!((spans[0].look.size, place.align, place.margin), (Some(0.1), 2, Some(20.0 / 360.0)));
        let (spans, place) = text(&cues[1]);
        assert_eq!((spans[0].look.color, spans[0].look.edge), (Some(0xff00_ff00), Some(0xff00_00ff)));
        assert!(spans[0].look.bold && !spans[0].look.italic);
        assert_eq!((place.align, place.at), (8, Some((0.5, 0.25))));
        assert_eq!(text(&cues[2]).1.align, 5);
    }

    #[test]
    fn what_comes_moves_and_goes_says_when() {
        let sheet = Arc::new(Sheet::read(SCRIPT, None));
        let second = 1_000_000_000;
        let place = |said: &str| {
            let cue = sheet.packet(0, 2 * second, &format!("0,3,Sign,,0,0,0,,{{{said}}}x")).unwrap();
            *text(&cue).1
        };
        let half = second / 2;
        for (said, at, to, times_ns) in [
            ("\\move(0,0,640,360)", (0.0, 0.0), (1.0, 1.0), (0, 2 * second)),
            ("\\move(320,400,320,180,0,500)", (0.5, 400.0 / 360.0), (0.5, 0.5), (0, half)),
        ] {
            let place = place(said);
            assert_eq!((place.at, place.motion), (Some(at), Some(Motion { to, times_ns })), "{said}");
        }
        assert_eq!((place("\\move(320,90)").at, place("\\move(320,90)").motion), (Some((0.5, 0.25)), None));
        let fade = Fade { levels: [0, 255, 0], times_ns: [0, half, 2 * second - half / 5, 2 * second] };
        assert_eq!(place("\\fad(500,100)").fade, Some(fade));
        let fade = Fade { levels: [55, 255, 155], times_ns: [0, half, second, 2 * second] };
        assert_eq!(place("\\fade(200,0,100,0,500,1000,2000)").fade, Some(fade));
        assert_eq!(place("\\clip(64,36,320,180)").clip, Some([0.1, 0.1, 0.5, 0.5]));
        let place = place("\\clip(1,m 0 0 l 9 9)\\frz370\\q2");
        assert_eq!((place.clip, place.angle, place.unbroken, place.layer), (None, 10.0, true, 3));
        let cue = sheet.packet(0, 1, "0,0,Default,,0,0,0,,{\\fs+10}x").unwrap();
        assert_eq!(text(&cue).0[0].look.size, Some(0.2));
    }

    #[test]
    fn letters_look_as_styles_and_overrides_say() {
        let script = SCRIPT.replace(
            "Format: Name, Fontname",
            "Format: Name, Spacing, ScaleX, ScaleY, BorderStyle, Outline, Shadow, BackColour, Fontname",
        );
        let script = script.replace("Style: Default,", "Style: Default,3.6,50,100,3,1.8,0,&H80000000,");
        let scaled = script.replace("PlayResX", "ScaledBorderAndShadow: yes\nPlayResX");
        for (script, border) in [(&scaled, 0.005), (&script, 0.0025)] {
            let sheet = Arc::new(Sheet::read(script, Some(720)));
            let cue = sheet
                .packet(
                    0,
                    1,
                    "0,0,Default,,0,0,0,,a{\\bord0\\1a&HFF&\\4c&HFF&\\fscy200\\fsp0\\fnSome Font\\shad3.6}b{\\r}c",
                )
                .unwrap();
            let (spans, place) = text(&cue);
            assert_eq!(place.backdrop, Backdrop::Lines);
            let look = &spans[0].look;
            assert_eq!((look.border, look.spacing, look.scale), (Some(border), 0.01, Some((0.5, 1.0))));
            assert_eq!((look.shade, look.font.as_deref()), (Some(0x7f00_0000), Some("Arial")));
            assert_eq!(spans[2].look, *look);
            let look = &spans[1].look;
            assert_eq!((look.border, look.spacing, look.scale), (Some(0.0), 0.0, Some((0.5, 2.0))));
            assert_eq!((look.color, look.shade, look.shadow), (Some(0x00ff_ffff), Some(0x7fff_0000), 2.0 * border));
            assert_eq!(look.font.as_deref(), Some("Some Font"));
        }
        // What is out of sight keeps its room, and what comes into sight is seen.
        let sheet = Arc::new(Sheet::read(SCRIPT, None));
        let cue = sheet
            .packet(0, 900_000_000, "0,0,Default,,0,0,0,,{\\alpha&HFF&}no{\\alpha}yes{\\alpha&HFF&\\t(\\alpha&H0&)}too")
            .unwrap();
        assert_eq!(cue.words(), "yestoo");
        assert_eq!(sheet.packet(0, 1, "0,0,Default,,0,0,0,,{\\alpha&HFF&}no"), None);
    }

    #[test]
    fn a_script_of_any_kind_ends() {
        let sheet = Arc::new(Sheet::read(SCRIPT, None));
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
            parse(&SCRIPT[..len], None);
        }
        assert_eq!(color("&H80FF8000&"), Some(0x7f00_80ff));
        assert_eq!((from_old(6), from_old(10), from_old(4)), (Some(8), Some(5), None));
    }
}
