//! Words of subtitles beside FFmpeg's.
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::Path;
use std::process::Command;

use tricine_media::subtitle::{Cue, parse};

use crate::support::Tool;

/// From when to when in ms, and what.
pub(crate) type Words = (i64, i64, String);

/// What is wanted of an input.
pub(crate) enum Wanted {
    /// What FFmpeg says.
    Same,
    /// Something else, for a reason.
    Else(&'static str, &'static [(i64, i64, &'static str)]),
}

pub(crate) use Wanted::{Else, Same};

/// Lines without spaces at their ends.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.split('\n').map(|line| line.trim_matches([' ', '\u{a0}', '\t'])).collect();
    lines.join("\n").trim_matches('\n').replace('\u{a0}', " ")
}

pub(crate) fn told(cues: &[Cue]) -> Vec<Words> {
    let ms = |ns: i64| ns / 1_000_000;
    // A drawing has none.
    cues.iter()
        .filter(|cue| !cue.words().is_empty())
        .map(|cue| (ms(cue.start_ns), ms(cue.end_ns), tidy(&cue.words())))
        .collect()
}

/// What FFmpeg makes of a file, as events of ASS without what they say of looks.
pub(crate) fn judged(path: &Path, kind: &str) -> Vec<Words> {
    let mut command = Command::new("ffmpeg");
    let out = command
        .args(["-v", "quiet", "-nostdin", "-f", kind, "-i"])
        .arg(path)
        .args(["-map", "0:s:0", "-f", "ass", "-"])
        .output();
    let text = String::from_utf8_lossy(&out.unwrap().stdout).into_owned();
    let time = |text: &str| {
        let fields: Vec<i64> = text.split([':', '.']).map(|field| field.parse().unwrap()).collect();
        ((fields[0] * 60 + fields[1]) * 60 + fields[2]) * 1000 + fields[3] * 10
    };
    let event = |line: &str| {
        let fields: Vec<&str> = line.strip_prefix("Dialogue: ")?.splitn(10, ',').collect();
        let whole = fields.get(9)?.replace("\\{", "\u{1}").replace("\\}", "\u{2}");
        let (mut plain, mut rest) = (String::new(), whole.as_str());
        while let Some((before, block)) = rest.split_once('{') {
            plain += before;
            rest = block.split_once('}').map_or("", |(_, rest)| rest);
        }
        plain += rest;
        let plain = plain.replace("\\N", "\n").replace("\\n", " ").replace("\\h", "\u{a0}");
        let plain = plain.replace('\u{1}', "{").replace('\u{2}', "}");
        Some((time(fields[1]), time(fields[2]), tidy(&plain))).filter(|(from, to, text)| from < to && !text.is_empty())
    };
    let mut all: Vec<Words> = text.lines().filter_map(event).collect();
    all.sort_by_key(|(from, ..)| *from);
    all
}

/// Compares all cases, and tells of every one that differs.
pub(crate) fn compare(kind: &str, cases: &[(&str, Vec<u8>, Wanted)]) {
    let Some(tool) = Tool::ffmpeg(&format!("exact-{kind}")) else { return };
    let mut differ = Vec::new();
    for (number, (name, bytes, wanted)) in cases.iter().enumerate() {
        let ours = parse(bytes).map_or(Vec::new(), |(_, cues)| told(&cues));
        let theirs = match wanted {
            Same => {
                let path = tool.path(&format!("{number}.{kind}"));
                std::fs::write(&path, bytes).unwrap();
                judged(&path, kind)
            }
            Else(_, wanted) => wanted.iter().map(|(from, to, text)| (*from, *to, (*text).to_owned())).collect(),
        };
        let why = if let Else(why, _) = wanted { why } else { "" };
        if !alike(&ours, &theirs) {
            differ.push(format!("{name} {why}:\n  ours   {ours:?}\n  wanted {theirs:?}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// The same words, at the same times to the hundredth of a second that ASS has.
pub(crate) fn alike(ours: &[Words], theirs: &[Words]) -> bool {
    let same =
        |((a, b, text), (c, d, other)): (&Words, &Words)| (a - c).abs() <= 10 && (b - d).abs() <= 10 && text == other;
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(same)
}

/// Text in UTF-16, with its mark.
pub(crate) fn utf16(text: &str, big: bool) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(|unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}
