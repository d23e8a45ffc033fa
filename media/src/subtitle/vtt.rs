//! WebVTT: blocks between empty lines; a block with a line of two times is a cue.

use super::cue::{Backdrop, Body, Cue, Place, Writer};
use super::markup::{Tags, write};
use super::srt::times;
use super::styles::Styles;
use crate::caps;

/// Whether a file is WebVTT.
pub(super) fn begins(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').starts_with("WEBVTT")
}

/// Reads all cues, in the order of the file.
pub(super) fn parse(text: &str) -> Vec<Cue> {
    let mut cues = Vec::new();
    let mut sheet = Sheet::default();
    let mut block: Vec<&str> = Vec::new();
    for line in text.lines().chain([""]) {
        // A line of spaces is one of the words: captions that roll begin or end with it.
        if !line.is_empty() {
            if block.len() < caps::CUE_TEXT {
                block.push(line);
            }
            continue;
        }
        sheet.add(&block);
        // Before the times there may be a name. An arrow among the words is where the next cue begins.
        let mut from = if block.iter().take(2).any(|line| line.contains("-->")) { 0 } else { block.len() };
        while let Some(at) = block.get(from..).and_then(|rest| rest.iter().position(|line| line.contains("-->"))) {
            let at = from + at;
            let words = block[at + 1..].iter().take_while(|line| !line.contains("-->")).copied().collect::<Vec<_>>();
            from = at + 1 + words.len();
            if let Some((start_ns, end_ns)) = times(block[at]) {
                let settings = block[at].split_once("-->").map_or("", |(_, rest)| rest);
                cues.extend(sheet.cue(start_ns, end_ns, settings, &words.join("\n")));
            }
        }
        if cues.len() >= caps::CUES {
            break;
        }
        block.clear();
    }
    cues
}

/// What a file says before its cues.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    styles: Styles,
    /// The names of parts of the picture, and where words in them stand.
    regions: Vec<(String, Place)>,
}

impl Sheet {
    /// Reads what the head of a track says.
    pub(super) fn read(text: &str) -> Self {
        let mut sheet = Self::default();
        let lines: Vec<&str> = text.lines().collect();
        lines.split(|line| line.is_empty()).for_each(|block| sheet.add(block));
        sheet
    }

    /// Takes up a block, if it is none of cues.
    fn add(&mut self, block: &[&str]) {
        match block.split_first() {
            Some((&first, rest)) if first.trim_end() == "STYLE" => self.styles.add(&rest.join("\n")),
            Some((&first, rest)) if first.trim_end() == "REGION" && self.regions.len() < caps::STYLES => {
                self.regions.extend(region(&rest.join(" ")));
            }
            _ => {}
        }
    }

    /// A cue of this text with tags, at the place that the settings say.
    pub(super) fn cue(&self, start_ns: i64, end_ns: i64, settings: &str, text: &str) -> Option<Cue> {
        let mut place = placed(settings);
        let name = settings.split_whitespace().find_map(|word| word.strip_prefix("region:"));
        if let Some((_, region)) = name.and_then(|name| self.regions.iter().rfind(|(own, _)| own == name)) {
            let column = (place.align - 1) % 3;
            place = Place { align: region.align + column, ..*region };
        }
        let mut out = Writer::default();
        write(text, Tags::Vtt(&self.styles), &mut place, &mut out);
        let mut spans = out.finish().filter(|_| end_ns > start_ns)?;
        if spans.iter().any(|span| span.look.back.is_some_and(|color| color >> 24 > 0)) {
            place.backdrop = Backdrop::Lines;
            for span in &mut spans {
                span.look.edge = span.look.back.or(Some(0));
            }
        }
        Some(Cue { start_ns, end_ns, body: Body::Text { spans, place } })
    }
}

/// A part of the picture: its name, and where words in it stand, the last line at its lower edge.
fn region(block: &str) -> Option<(String, Place)> {
    let (mut id, mut width, mut lines, mut anchor, mut view) = (None, 1.0, 3.0, (0.0, 1.0), (0.0, 1.0));
    let percent = |value: &str| value.strip_suffix('%')?.parse::<f32>().ok().map(|n| n.clamp(0.0, 100.0) / 100.0);
    let point = |value: &str| value.split_once(',').and_then(|(x, y)| Some((percent(x)?, percent(y)?)));
    for (name, value) in block.split_whitespace().filter_map(|word| word.split_once([':', '='])) {
        match name {
            "id" => id = Some(value.to_owned()),
            "width" => width = percent(value).unwrap_or(width),
            "lines" => lines = value.parse::<u8>().map_or(lines, f32::from),
            "regionanchor" => anchor = point(value).unwrap_or(anchor),
            "viewportanchor" => view = point(value).unwrap_or(view),
            _ => {}
        }
    }
    let left = (view.0 - anchor.0 * width).clamp(0.0, 1.0 - width.min(1.0));
    let bottom = (view.1 + (1.0 - anchor.1) * lines * LINE).clamp(0.0, 1.0);
    let sides = (left, (1.0 - left - width).max(0.0));
    Some((id?, Place { align: 1, sides, margin: Some(1.0 - bottom), ..Place::default() }))
}

/// A height of a line, as a part of the picture's: by it lines are counted.
const LINE: f32 = 0.0533;
/// No line is narrower than this part of the picture's width.
const NARROWEST: f32 = 0.2;

fn placed(settings: &str) -> Place {
    let mut place = Place::default();
    let (mut line, mut across, mut position, mut anchor, mut size) = (None, 0_i8, None, None, None);
    for (name, value) in settings.split_whitespace().filter_map(|word| word.split_once(':')) {
        let (value, of) = value.split_once(',').unwrap_or((value, ""));
        let percent =
            || value.strip_suffix('%').and_then(|n| n.parse::<f32>().ok()).filter(|n| (0.0..=100.0).contains(n));
        let column = |word: &str| match word {
            "start" | "left" | "line-left" => Some(-1),
            "end" | "right" | "line-right" => Some(1),
            "center" | "middle" => Some(0),
            _ => None,
        };
        match name {
            "align" => across = column(value).unwrap_or(0),
            "line" => {
                let counted = || value.parse::<i32>().ok().filter(|n| (-100..=100).contains(n));
                line = percent()
                    .map(|n| n / 100.0)
                    .or_else(|| counted().map(|n| if n < 0 { 1.0 + n as f32 * LINE } else { n as f32 * LINE }));
            }
            "position" => (position, anchor) = (percent(), column(of)),
            "size" => size = percent(),
            _ => {}
        }
    }
    // In the upper half what is said is the upper edge, in the lower half the lower one: so it stays in the picture.
    let line = line.map(|at: f32| at.clamp(0.0, 1.0));
    let row = if line.is_some_and(|at| at < 0.5) { 8 } else { 2 };
    place.align = (row + across) as u8;
    place.margin = line.map(|at| if at < 0.5 { at } else { (1.0 - at - LINE).max(0.0) });
    // The words stand between two sides, and beyond others that are there.
    let anchor = anchor.unwrap_or(across);
    let at = position.map_or(0.5 + 0.5 * f32::from(anchor), |at| at / 100.0);
    let room = match anchor {
        0 => 2.0 * at.min(1.0 - at),
        1 => at,
        _ => 1.0 - at,
    };
    let width = size.map_or(room, |size| room.min(size / 100.0)).max(NARROWEST);
    let left = (at - width * (0.5 + 0.5 * f32::from(anchor))).clamp(0.0, 1.0 - width);
    place.sides = (left, (1.0 - left - width).max(0.0));
    place
}

/// A packet of a WebVTT track of MP4: boxes `vttc`, each with its settings and its text.
pub(super) fn boxes(sheet: &Sheet, start_ns: i64, end_ns: i64, data: &[u8]) -> Vec<Cue> {
    let mut cues = Vec::new();
    for (kind, body) in children(data).take(caps::CUES_ON) {
        if kind != b"vttc" {
            continue;
        }
        let (mut settings, mut text) = (String::new(), String::new());
        for (kind, body) in children(body).take(16) {
            match kind {
                b"sttg" => settings = String::from_utf8_lossy(body).into_owned(),
                b"payl" => text = String::from_utf8_lossy(body).into_owned(),
                _ => {}
            }
        }
        cues.extend(sheet.cue(start_ns, end_ns, &settings, &text));
    }
    cues
}

fn children(mut data: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let size = u32::from_be_bytes(*data.first_chunk()?) as usize;
        let kind = data.get(4..8)?.first_chunk()?;
        let body = data.get(8..size)?;
        data = &data[size..];
        Some((kind, body))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_are_blocks_with_times_and_the_rest_is_not_shown() {
        let text = "WEBVTT - title\n\nSTYLE\n::cue { color: red }\n\nNOTE\n00:01.000 --> nothing\n\nname\n00:01.000 --> 00:02.000 line:0 align:start\n\
                    <v Eve>Hi</v>\nthere\n\n01:00:01.000 --> 01:00:02.000 line:90%\nlate\n";
        let cues = parse(text);
        let found: Vec<_> = cues.iter().map(|c| (c.start_ns / 1_000_000, c.words())).collect();
        assert_eq!(found, [(1000, "Hi\nthere".to_owned()), (3_601_000, "late".to_owned())]);
        let place = |at: usize| match &cues[at].body {
            Body::Text { place, .. } => *place,
            _ => Place::default(),
        };
        assert_eq!((place(0).align, place(0).margin), (7, Some(0.0)));
        assert_eq!(place(1).align, 2);
    }

    #[test]
    fn words_look_and_stand_as_the_head_says() {
        let head = "WEBVTT\n\nSTYLE\n::cue { color: #ff8000 }\n::cue(.loud) { font-weight: bold }\n\nSTYLE\n::cue(.box) { background: rgba(0, 0, 0, 0.8) }\n\n\
            REGION\nid:left width:40%\nlines:3 regionanchor:0%,100% viewportanchor:10%,90%\n\n";
        let text = format!(
            "{head}00:01.000 --> 00:02.000\na<c.loud>b</c><i.yellow>c\n\n00:03.000 --> 00:04.000 region:left align:left\n<c.box>d\n"
        );
        let cues = parse(&text);
        let spans = |at: usize| match &cues[at].body {
            Body::Text { spans, place } => (spans, place),
            _ => panic!("text"),
        };
        let looks: Vec<_> = spans(0).0.iter().map(|s| (s.look.color, s.look.bold, s.look.italic)).collect();
        let orange = Some(0xffff_8000);
        assert_eq!(looks, [(orange, false, false), (orange, true, false), (Some(0xffff_ff00), false, true)]);
        assert_eq!(spans(0).1.backdrop, Backdrop::None);
        let (words, place) = spans(1);
        assert_eq!((words[0].look.edge, place.backdrop), (Some(0xcc00_0000), Backdrop::Lines));
        let near = |a: f32, b: f32| (a - b).abs() < 1e-5;
        assert!(
            place.align == 1
                && near(place.sides.0, 0.1)
                && near(place.sides.1, 0.5)
                && near(place.margin.unwrap(), 0.1)
        );
        let sheet = Sheet::read(head);
        assert_eq!(sheet.cue(1, 2, "region:left align:left", "<c.box>d").unwrap().body, cues[1].body);
        for len in 0..head.len() {
            parse(&text[..len]);
        }
    }

    #[test]
    fn positions_and_sizes_are_sides() {
        for (settings, align, sides) in [
            ("", 2, (0.0, 0.0)),
            ("align:start position:0%", 1, (0.0, 0.0)),
            ("align:left position:25%", 1, (0.25, 0.0)),
            ("align:end position:75% size:50%", 3, (0.25, 0.25)),
            ("position:25%", 2, (0.0, 0.5)),
            ("position:75% size:25% align:middle", 2, (0.625, 0.125)),
            ("align:center position:50%,line-left size:25%", 2, (0.5, 0.25)),
            ("position:500% size:x", 2, (0.0, 0.0)),
            ("position:100% align:start", 1, (0.8, 0.0)),
        ] {
            let place = placed(settings);
            let near = |a: f32, b: f32| (a - b).abs() < 1e-5;
            assert!(near(place.sides.0, sides.0) && near(place.sides.1, sides.1), "{settings}: {:?}", place.sides);
            assert_eq!((place.align, place.at), (align, None), "{settings}");
        }
    }

    #[test]
    fn boxes_of_a_packet_are_cues() {
        let part = |kind: &[u8], body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat();
        let data =
            [part(b"vttc", &[part(b"sttg", b"line:0"), part(b"payl", b"one")].concat()), part(b"vtte", b"")].concat();
        let sheet = Sheet::default();
        let cues = boxes(&sheet, 0, 5, &data);
        assert_eq!((cues.len(), cues[0].words()), (1, "one".into()));
        for len in 0..data.len() {
            boxes(&sheet, 0, 5, &data[..len]);
        }
    }
}
