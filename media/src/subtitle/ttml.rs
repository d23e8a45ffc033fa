//! TTML and IMSC's text, in files and in MP4: paragraphs with times, which stand in regions and look as styles say.

mod looks;

use std::collections::BTreeMap;

use looks::{column, get, is_style, style};

use super::cue::{Backdrop, Body, Cue, Look, Place, Writer};
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

#[cfg(test)]
mod tests;
