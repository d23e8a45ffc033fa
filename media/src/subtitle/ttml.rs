//! TTML and IMSC's text, in files and in MP4: paragraphs with times, which stand in regions and look as styles say.

use std::collections::BTreeMap;

use super::cue::{Backdrop, Body, Cue, Look, Place, Writer};
use super::markup::color;
use super::xml::{Part, Parts};
use crate::{NS, caps};

/// Elements within elements.
const DEEPEST: usize = 64;
/// Styles that one names, and that these name.
const STYLED: usize = 16;
/// Pieces of a paragraph that have times of their own.
const PIECES: usize = caps::CUE_SPANS;

type Attributes = Vec<(String, String)>;

/// Whether a file is TTML.
pub(super) fn begins(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with('<')
        && Parts::of(text).find_map(|part| if let Part::Open(name, ..) = part { Some(name == "tt") } else { None })
            == Some(true)
}

/// Reads all cues, in the order of the document.
pub(super) fn parse(text: &str) -> Vec<Cue> {
    let mut document = Document::default();
    document.read(text.trim_start_matches('\u{feff}'));
    document.cues
}

/// Reads a packet of MP4, a document whose times are those of the track's media, of which the film begins at `zero_ns`.
pub(super) fn packet(start_ns: i64, end_ns: i64, zero_ns: i64, text: &str) -> Vec<Cue> {
    let within = |shift_ns: i64| {
        let cues = parse(text).into_iter().map(move |cue| Cue {
            start_ns: cue.start_ns.saturating_add(shift_ns).max(start_ns),
            end_ns: cue.end_ns.saturating_add(if cue.end_ns == i64::MAX { 0 } else { shift_ns }).min(end_ns),
            ..cue
        });
        cues.filter(|cue| cue.start_ns < cue.end_ns).collect::<Vec<_>>()
    };
    let cues = within(-zero_ns);
    // Some writers count from the packet's own beginning.
    if cues.is_empty() { within(start_ns) } else { cues }
}

/// An element that is open.
#[derive(Debug, Clone, Default)]
struct Level {
    name: String,
    begin_ns: i64,
    end_ns: i64,
    /// Where the next one within begins, if they follow each other.
    next_ns: Option<i64>,
    /// What it says of looks and places, with what those around it say.
    said: Attributes,
    region: Option<String>,
    preserve: bool,
}

/// Letters with a time.
#[derive(Debug)]
struct Piece {
    begin_ns: i64,
    end_ns: i64,
    text: String,
    look: Look,
}

#[derive(Debug)]
struct Document {
    frames: f64,
    ticks: f64,
    cells: (f32, f32),
    size: Option<(f32, f32)>,
    styles: BTreeMap<String, Attributes>,
    regions: BTreeMap<String, Attributes>,
    levels: Vec<Level>,
    pieces: Vec<Piece>,
    /// The place of the paragraph that is being read.
    place: Place,
    cues: Vec<Cue>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            frames: 30.0,
            ticks: 1.0,
            cells: (32.0, 15.0),
            size: None,
            styles: BTreeMap::new(),
            regions: BTreeMap::new(),
            levels: vec![Level { end_ns: i64::MAX, ..Level::default() }],
            pieces: Vec::new(),
            place: Place::default(),
            cues: Vec::new(),
        }
    }
}

fn get<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    attributes.iter().rfind(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

impl Document {
    fn read(&mut self, text: &str) {
        let mut deeper = 0;
        for part in Parts::of(text) {
            if self.cues.len() >= caps::CUES {
                return;
            }
            match part {
                Part::Open(name, attributes, empty) => {
                    if self.levels.len() > DEEPEST {
                        deeper += usize::from(!empty);
                        continue;
                    }
                    self.open(name, attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
                    if empty {
                        self.close();
                    }
                }
                Part::Close(_) if deeper > 0 => deeper -= 1,
                // What was never opened closes nothing; what was never closed is.
                Part::Close(name) => {
                    if let Some(at) = self.levels.iter().rposition(|level| level.name == name).filter(|at| *at > 0) {
                        while self.levels.len() > at {
                            self.close();
                        }
                    }
                }
                Part::Text(text) => self.text(&text),
            }
        }
        while self.levels.len() > 1 {
            self.close();
        }
    }

    fn within(&self, name: &str) -> bool {
        self.levels.iter().any(|level| level.name == name)
    }

    fn open(&mut self, name: &str, own: Attributes) {
        let around = self.levels.last().cloned().unwrap_or_default();
        let mut level = Level { name: name.to_owned(), next_ns: None, ..around.clone() };
        level.preserve = get(&own, "space").map_or(level.preserve, |space| space == "preserve");
        match name {
            "tt" => self.parameters(&own),
            "style" if self.styles.len() < caps::STYLES => {
                // Within a region it is that one's.
                let region = around.region.as_ref().filter(|_| around.name == "region");
                if let Some(said) = region.and_then(|id| self.regions.get_mut(id)) {
                    if said.len() < caps::STYLES {
                        said.extend(own);
                    }
                } else if let Some(id) = get(&own, "id") {
                    let id = id.to_owned();
                    self.styles.entry(id).or_insert(own);
                }
            }
            "region" if self.regions.len() < caps::STYLES => {
                if let Some(id) = get(&own, "id") {
                    let said = self.styled(&own);
                    level.region = Some(id.to_owned());
                    self.regions.insert(id.to_owned(), said);
                }
            }
            "body" | "div" | "p" | "span" | "br" => {
                level.region = get(&own, "region").map(str::to_owned).or(level.region);
                let time = |name: &str| get(&own, name).and_then(|value| self.time_ns(value));
                let base_ns = around.next_ns.unwrap_or(around.begin_ns);
                level.begin_ns = base_ns.saturating_add(time("begin").unwrap_or(0));
                let ends = [
                    time("end").map(|ns| base_ns.saturating_add(ns)),
                    time("dur").map(|ns| level.begin_ns.saturating_add(ns)),
                ];
                level.end_ns = ends.into_iter().flatten().fold(around.end_ns, i64::min);
                level.next_ns = (get(&own, "timeContainer") == Some("seq")).then_some(level.begin_ns);
                let said = self.styled(&own);
                // What is not handed on to what is within.
                level.said.retain(|(name, _)| name != "backgroundColor");
                level.said.extend(said);
                if name == "p" {
                    self.pieces.clear();
                    self.place = Place::default();
                }
            }
            _ => {}
        }
        self.levels.push(level);
        if name == "br" {
            self.piece("\n");
        }
    }

    fn close(&mut self) {
        let Some(level) = self.levels.pop() else { return };
        if let Some(around) = self.levels.last_mut()
            && around.next_ns.is_some()
            && level.end_ns < i64::MAX
        {
            around.next_ns = Some(level.end_ns);
        }
        if level.name == "p" {
            self.paragraph();
        }
    }

    fn parameters(&mut self, own: &[(String, String)]) {
        let numbers = |name: &str| {
            let mut words = get(own, name)?.split_whitespace().map(|word| word.trim_end_matches("px").parse::<f64>());
            Some((words.next()?.ok()?, words.next().and_then(Result::ok)))
        };
        let rate = |value: f64| (0.001..1e12).contains(&value);
        if let Some((frames, _)) = numbers("frameRate").filter(|(frames, _)| rate(*frames)) {
            self.frames = frames;
            self.ticks = frames;
        }
        if let Some((over, Some(under))) =
            numbers("frameRateMultiplier").filter(|(over, under)| rate(*over) && under.is_some_and(rate))
        {
            self.frames *= over / under;
        }
        if let Some((ticks, _)) = numbers("tickRate").filter(|(ticks, _)| rate(*ticks)) {
            self.ticks = ticks;
        }
        let pair = |name: &str| {
            numbers(name).and_then(|(x, y)| Some((x as f32, y? as f32))).filter(|(x, y)| *x >= 1.0 && *y >= 1.0)
        };
        self.cells = pair("cellResolution").unwrap_or(self.cells);
        self.size = pair("extent");
    }

    /// What an element says of looks and places, by the styles that it names and by itself.
    fn styled(&self, own: &[(String, String)]) -> Attributes {
        let (mut said, mut names) = (Attributes::new(), Vec::new());
        let mut wanted: Vec<String> = vec![get(own, "style").unwrap_or_default().to_owned()];
        while let Some(list) = wanted.pop() {
            for name in list.split_whitespace() {
                if let Some((id, style)) = self.styles.get_key_value(name)
                    && names.len() < STYLED
                    && !names.contains(&id)
                {
                    names.push(id);
                    wanted.extend(get(style, "style").map(str::to_owned));
                }
            }
        }
        // What a style refers to counts for less than itself.
        for name in names.iter().rev() {
            let style = self.styles.get(*name).into_iter().flatten();
            said.extend(style.filter(|(name, _)| is_style(name)).cloned());
        }
        said.extend(own.iter().filter(|(name, _)| is_style(name)).cloned());
        said
    }

    fn text(&mut self, text: &str) {
        if !self.within("p") || ["metadata", "head", "title", "desc"].iter().any(|name| self.within(name)) {
            return;
        }
        if self.levels.last().is_some_and(|level| level.preserve) {
            return self.piece(text);
        }
        let mut plain = String::new();
        let last = self.pieces.last().and_then(|piece| piece.text.chars().last());
        let mut spaced = last.is_none_or(char::is_whitespace);
        for letter in text.chars() {
            let space = matches!(letter, ' ' | '\t' | '\r' | '\n');
            if !space || !spaced {
                plain.push(if space { ' ' } else { letter });
            }
            spaced = space;
        }
        self.piece(&plain);
    }

    /// Takes letters up that stand in the element that is open.
    fn piece(&mut self, text: &str) {
        let Some(level) = self.levels.last().filter(|_| !text.is_empty()) else { return };
        let region = level.region.as_ref().and_then(|id| self.regions.get(id));
        let hidden = get(&level.said, "visibility") == Some("hidden") || get(&level.said, "display") == Some("none");
        if !self.within("p") || self.pieces.len() >= PIECES || hidden {
            return;
        }
        let mut look = Look::default();
        let around: &[_] = region.map_or(&[], |said| said);
        around
            .iter()
            .chain(&level.said)
            .filter(|(name, _)| name != "backgroundColor")
            .for_each(|said| style(said, &mut look));
        level.said.iter().filter(|(name, _)| name == "backgroundColor").for_each(|said| style(said, &mut look));
        let place = self.placed(region.map(Vec::as_slice), &level.said);
        let (begin_ns, end_ns) = (level.begin_ns, level.end_ns);
        self.place = place;
        self.pieces.push(Piece { begin_ns, end_ns, text: text.to_owned(), look });
    }

    fn placed(&self, region: Option<&[(String, String)]>, said: &[(String, String)]) -> Place {
        let Some(region) = region else {
            // Nobody says where: where all words stand.
            return Place { align: column(get(said, "textAlign").unwrap_or("center")), ..Place::default() };
        };
        let pair = |name: &str| {
            let mut words = get(region, name)?.split_whitespace();
            let (x, y) = (words.next()?, words.next()?);
            Some((self.length(x, false)?, self.length(y, true)?))
        };
        let (x, y) = pair("origin").map_or((0.0, 0.0), |(x, y)| (x.clamp(0.0, 0.9), y.clamp(0.0, 0.9)));
        let (wide, high) = pair("extent").unwrap_or((1.0 - x, 1.0 - y));
        let (wide, high) = (wide.clamp(0.1, 1.0 - x), high.clamp(0.0, 1.0 - y));
        let column = column(get(said, "textAlign").or_else(|| get(region, "textAlign")).unwrap_or("start"));
        let sides = (x, (1.0 - x - wide).max(0.0));
        let place = Place { sides, ..Place::default() };
        match get(region, "displayAlign") {
            Some("after") => Place { align: column, margin: Some((1.0 - y - high).max(0.0)), ..place },
            Some("center") => {
                let across = [x, x + wide / 2.0, x + wide][usize::from(column - 1)];
                Place { align: 3 + column, at: Some((across, y + high / 2.0)), ..Place::default() }
            }
            _ => Place { align: 6 + column, margin: Some(y), ..place },
        }
    }

    /// A length as a part of the picture's width or height.
    fn length(&self, word: &str, down: bool) -> Option<f32> {
        let split = word.find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+'))?;
        let number = word[..split].parse::<f32>().ok().filter(|number| number.is_finite())?;
        let whole = match &word[split..] {
            "%" | "rw" | "rh" => 100.0,
            "c" if down => self.cells.1,
            "c" => self.cells.0,
            "px" => self.size.map(|(wide, high)| if down { high } else { wide })?,
            _ => return None,
        };
        Some(number / whole)
    }

    /// A time in ns: of a clock, with frames, or a number with what it counts.
    fn time_ns(&self, word: &str) -> Option<i64> {
        let word = word.trim();
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        let parts: Vec<&str> = word.split(':').collect();
        let seconds = match parts.as_slice() {
            [hours, minutes, seconds] => number(hours)? * 3_600.0 + number(minutes)? * 60.0 + number(seconds)?,
            [hours, minutes, seconds, frames] => {
                let frames = number(frames.split('.').next()?)? / self.frames;
                number(hours)? * 3_600.0 + number(minutes)? * 60.0 + number(seconds)? + frames
            }
            [one] => {
                let split = one.find(|c: char| !matches!(c, '0'..='9' | '.'))?;
                let factor = match &one[split..] {
                    "h" => 3_600.0,
                    "m" => 60.0,
                    "s" => 1.0,
                    "ms" => 0.001,
                    "f" => 1.0 / self.frames,
                    "t" => 1.0 / self.ticks,
                    _ => return None,
                };
                number(&one[..split])? * factor
            }
            _ => return None,
        };
        Some((seconds * NS as f64).round() as i64)
    }

    /// Makes cues of a paragraph: one, or where parts have times of their own, one from each change to the next.
    fn paragraph(&mut self) {
        let pieces = std::mem::take(&mut self.pieces);
        let letters = || pieces.iter().filter(|piece| !piece.text.trim().is_empty());
        let mut times: Vec<i64> = letters().flat_map(|piece| [piece.begin_ns, piece.end_ns]).collect();
        times.sort_unstable();
        times.dedup();
        for pair in times.windows(2) {
            let &[start_ns, end_ns] = pair else { continue };
            let (mut out, mut back) = (Writer::default(), false);
            for piece in pieces.iter().filter(|piece| piece.begin_ns <= start_ns && start_ns < piece.end_ns) {
                back |= piece.look.back.is_some_and(|color| color >> 24 > 0);
                out.push(&piece.text, &piece.look);
            }
            let Some(mut spans) = out.finish() else { continue };
            let mut place = self.place;
            if back {
                place.backdrop = Backdrop::Lines;
                spans.iter_mut().for_each(|span| span.look.edge = span.look.back.or(Some(0)));
            }
            self.cues.push(Cue { start_ns, end_ns, body: Body::Text { spans, place } });
        }
    }
}

/// Whether an attribute is one of looks and places that is read here.
fn is_style(name: &str) -> bool {
    const READ: [&str; 11] = [
        "color",
        "backgroundColor",
        "fontStyle",
        "fontWeight",
        "textDecoration",
        "textAlign",
        "displayAlign",
        "origin",
        "extent",
        "visibility",
        "display",
    ];
    READ.contains(&name)
}

fn column(align: &str) -> u8 {
    match align {
        "center" => 2,
        "end" | "right" => 3,
        _ => 1,
    }
}

fn style((name, value): &(String, String), look: &mut Look) {
    match name.as_str() {
        "color" => look.color = shade(value).or(look.color),
        "backgroundColor" => look.back = shade(value),
        "fontStyle" => look.italic = matches!(value.as_str(), "italic" | "oblique"),
        "fontWeight" => look.bold = value == "bold",
        "textDecoration" => {
            for word in value.split_whitespace() {
                match word {
                    "none" => (look.underline, look.strike) = (false, false),
                    "underline" => look.underline = true,
                    "noUnderline" => look.underline = false,
                    "lineThrough" => look.strike = true,
                    "noLineThrough" => look.strike = false,
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// A colour, of which the last part says how much of it is seen.
fn shade(value: &str) -> Option<u32> {
    let value = value.trim();
    if let Some(digits) = value.strip_prefix('#').filter(|digits| digits.len() == 8) {
        return u32::from_str_radix(digits, 16).ok().map(|color| color.rotate_right(8));
    }
    if let Some(parts) = value.strip_prefix("rgb").and_then(|rest| rest.trim_start_matches('a').strip_prefix('(')) {
        let mut parts = parts.trim_end_matches(')').split(',').map(|part| part.trim().parse::<u8>().ok());
        let [red, green, blue] = [parts.next()??, parts.next()??, parts.next()??];
        return Some(u32::from_be_bytes([parts.next().map_or(Some(255), |part| part)?, red, green, blue]));
    }
    if value == "transparent" { Some(0) } else { color(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"<?xml version="1.0"?>
<tt:tt xmlns:tt="http://www.w3.org/ns/ttml" xmlns:tts="http://www.w3.org/ns/ttml#styling" ttp:frameRate="25" ttp:tickRate="1000">
 <tt:head><tt:metadata><ttm:title>no words</ttm:title></tt:metadata>
  <tt:styling><tt:style xml:id="base" tts:color="#ffff00ff"/><tt:style xml:id="loud" style="base" tts:fontWeight="bold"/></tt:styling>
  <tt:layout><tt:region xml:id="low" tts:origin="10% 70%" tts:extent="80% 20%" tts:displayAlign="after"><tt:style tts:textAlign="center"/></tt:region>
   <tt:region xml:id="high" tts:origin="10% 5%" tts:extent="50% 20%"/></tt:layout></tt:head>
 <tt:body begin="10s"><tt:div region="low">
  <tt:p begin="00:00:01.500" end="00:00:02:05">One  &amp;
     <tt:span style="loud">two</tt:span><tt:br/>  three</tt:p>
  <tt:p begin="3000t" dur="500ms" region="high" tts:textAlign="end"><tt:span tts:backgroundColor="#000000c0" tts:fontStyle="italic">up</tt:span></tt:p>
  <tt:p begin="1m" end="1.1m">a<tt:span begin="2s">b</tt:span></tt:p>
 </tt:div><tt:div timeContainer="seq"><tt:p dur="50f">first</tt:p><tt:p dur="1s" tts:visibility="hidden">x</tt:p><tt:p dur="0.0005h">next</tt:p></tt:div></tt:body>
</tt:tt>"##;

    #[test]
    fn paragraphs_are_cues_with_times_places_and_looks() {
        assert!(begins(TEXT) && begins("\u{feff}<!-- x -->\n<tt>") && !begins("<html><tt>") && !begins("x"));
        let cues = parse(TEXT);
        let found: Vec<_> =
            cues.iter().map(|cue| (cue.start_ns / 1_000_000, cue.end_ns / 1_000_000, cue.words())).collect();
        let row = |from, to, words: &str| (from, to, words.to_owned());
        assert_eq!(
            found,
            [
                row(11_500, 12_200, "One & two\nthree"),
                row(13_000, 13_500, "up"),
                row(70_000, 72_000, "a"),
                row(72_000, 76_000, "ab"),
                row(10_000, 12_000, "first"),
                row(13_000, 14_800, "next"),
            ]
        );
        let text = |at: usize| match &cues[at].body {
            Body::Text { spans, place } => (spans, place),
            _ => panic!("text"),
        };
        let (spans, place) = text(0);
        assert_eq!((spans[1].text.as_str(), spans[1].look.bold, spans[1].look.color), ("two", true, Some(0xffff_ff00)));
        assert!(place.align == 2 && (place.margin.unwrap() - 0.1).abs() < 1e-4 && (place.sides.0 - 0.1).abs() < 1e-4);
        let (spans, place) = text(1);
        assert_eq!(
            (spans[0].look.edge, spans[0].look.italic, place.backdrop),
            (Some(0xc000_0000), true, Backdrop::Lines)
        );
        assert!(place.align == 9 && (place.margin.unwrap() - 0.05).abs() < 1e-4 && (place.sides.1 - 0.4).abs() < 1e-4);
        assert_eq!((text(4).1.align, text(4).1.margin), (2, None));
    }

    #[test]
    fn documents_of_any_kind_end() {
        for len in 0..TEXT.len() {
            parse(&TEXT[..len]);
        }
        let deep = "<tt><body>".to_owned() + &"<div begin='1s'>".repeat(10_000) + "<p begin='1s' end='2s'>x</p>";
        parse(&deep);
        let named = "<tt><style xml:id='a' style='b a'/><style xml:id='b' style='a'/><p style='a' begin='1s' end='2s'>x</p></tt>";
        assert_eq!(parse(named).len(), 1);
        let spans = "<span begin='1s' end='2s'>x</span>".repeat(10_000);
        assert!(parse(&format!("<tt><p begin='0s' end='9e9s'>{spans}</p></tt>")).len() <= 2 * PIECES);
        for time in ["", ":", "::", "1", "1x", "9e99s", "-1s", "99999999999999999999h", "1:2:3:4:5", "0:0:0:0", "é"] {
            let _ = Document::default().time_ns(time);
        }
    }

    #[test]
    fn a_packet_of_mp4_counts_from_the_tracks_beginning_or_its_own() {
        let text = "<tt><body><p begin='5s' end='7s'>x</p></body></tt>";
        let times = |cues: Vec<Cue>| cues.iter().map(|cue| (cue.start_ns / NS, cue.end_ns / NS)).collect::<Vec<_>>();
        assert_eq!(times(packet(4 * NS, 6 * NS, 0, text)), [(5, 6)]);
        assert_eq!(times(packet(NS, 6 * NS, 2 * NS, text)), [(3, 5)]);
        assert_eq!(times(packet(20 * NS, 30 * NS, 0, text)), [(25, 27)]);
        assert_eq!(times(packet(4 * NS, 6 * NS, 0, "<tt><p>x</p></tt>")), [(4, 6)]);
    }
}
