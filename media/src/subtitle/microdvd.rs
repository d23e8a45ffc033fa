//! MicroDVD: a line for each cue, `{first frame}{last frame}text`, with `|` where a line of text ends. How many frames there are in a second
//! the first line says, or nothing does; then it is the film's rate. MPL2 is the same in square brackets, and counts tenths of seconds.

use super::cue::Cue;
use super::srt;
use crate::{NS, caps};

/// What a second has where neither the file nor the film tells: the rate of films, as everywhere.
const RATE: f64 = 24_000.0 / 1001.0;

/// No cue has more lines of text, and none that is meant needs more bytes of tags.
const MOST_LINES: usize = 64;
const MOST_TAGS: usize = 256;

/// Whether the first line with anything in it is one of these.
pub(super) fn begins(text: &str) -> bool {
    text.lines().find(|line| !line.trim().is_empty()).is_some_and(|first| cut(first).is_some())
}

/// Whether they are MPL2's.
pub(super) fn is_mpl2(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim_start().starts_with('[')
}

/// Reads all cues, for a film of `rate` frames a second.
pub(super) fn parse(text: &str, rate: Option<f64>) -> Vec<Cue> {
    let sane = |rate: &f64| (1.0..=1000.0).contains(rate);
    let mut lines = text.lines().filter_map(cut).peekable();
    let told = lines.peek().filter(|(_, _, text)| !text.contains(' ')).and_then(|(.., text)| text.trim().parse().ok());
    let told = told.filter(sane);
    let tenths = is_mpl2(text).then_some(10.0);
    let rate = tenths.or(told).or(rate.filter(sane)).unwrap_or(RATE);
    let ns = |frame: u32| (f64::from(frame) * NS as f64 / rate).round() as i64;
    let cue = |(first, last, text): (u32, Option<u32>, &str)| {
        let end_ns = last.map_or(i64::MAX, ns);
        srt::cue(ns(first), end_ns, &marked(text))
    };
    lines.skip(usize::from(told.is_some())).filter_map(cue).take(caps::CUES).collect()
}

/// The two frames of a line, and its text.
fn cut(line: &str) -> Option<(u32, Option<u32>, &str)> {
    let line = line.trim_start_matches(['\u{feff}', ' ']);
    let (open, close) = if line.starts_with('[') { ('[', ']') } else { ('{', '}') };
    let (first, rest) = line.strip_prefix(open)?.split_once(close)?;
    let (last, text) = rest.strip_prefix(open)?.split_once(close)?;
    let last = if last.is_empty() { None } else { Some(last.parse().ok()?) };
    Some((first.parse().ok()?, last, text))
}

/// The text with the tags of SubRip: `{y:i}` counts for its line, `{Y:i}` for all that follow. Fonts, sizes and places are left out.
fn marked(text: &str) -> String {
    let (mut all, mut lines) = (String::new(), Vec::new());
    for mut line in text.split('|').take(MOST_LINES) {
        let mut own = all.clone();
        while let Some((code, rest)) = line.trim_start().strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            line = rest;
            let Some((name @ ("y" | "Y" | "c" | "C"), value)) = code.split_once(':') else { continue };
            let tags = match value.strip_prefix('$').filter(|value| value.len() == 6 && value.is_ascii()) {
                // Blue, green, red.
                Some(color) if name.eq_ignore_ascii_case("c") => {
                    format!("<font color=#{}{}{}>", &color[4..], &color[2..4], &color[..2])
                }
                _ => value.split(',').filter(|s| ["i", "b", "u", "s"].contains(s)).map(|s| format!("<{s}>")).collect(),
            };
            if name.chars().all(char::is_uppercase) && all.len() < MOST_TAGS {
                all += &tags;
            }
            own += &tags;
        }
        // A slash in front is an older word for italics.
        let (slash, line) = line.strip_prefix('/').map_or(("", line), |line| ("<i>", line));
        let tags = own + slash;
        let ends = tags.rsplit('<').filter_map(|tag| tag.split(['>', ' ']).next().filter(|name| !name.is_empty()));
        let ends: String = ends.map(|name| format!("</{name}>")).collect();
        lines.push(format!("{tags}{line}{ends}"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::cue::Body;
    use super::*;

    #[test]
    fn frames_become_times_by_the_rate_of_the_file_or_of_the_film() {
        let times = |text: &str, rate| parse(text, rate).iter().map(|c| (c.start_ns, c.end_ns)).collect::<Vec<_>>();
        let text = "{25}{50}One\n{100}{}Two\nnone\n{7}{8}\n";
        assert!(begins(text) && begins("\n{0}{0}x") && !begins("{x}{1}y") && !begins("x\n{1}{2}y"));
        assert_eq!(times(text, Some(25.0)), [(NS, 2 * NS), (4 * NS, i64::MAX)]);
        assert_eq!(times(&format!("{{1}}{{1}}12.5\n{text}"), Some(25.0))[0], (2 * NS, 4 * NS));
        assert_eq!(times("[15][25]x|/y\n", Some(25.0)), [(3 * NS / 2, 5 * NS / 2)]);
        assert_eq!(times("{24000}{48000}x", None), [(1001 * NS, 2002 * NS)]);
        assert_eq!(times("{4294967295}{4294967295}x\n{2}{1}y", Some(f64::NAN)), []);
    }

    #[test]
    fn styles_count_for_a_line_or_for_all_that_follow() {
        let cue = parse("{0}{9}{y:i}a|b|{Y:b}c|{c:$0000ff}/d{e", Some(25.0)).remove(0);
        let Body::Text { spans, .. } = &cue.body else { panic!("text") };
        let spans = spans.iter().filter(|span| !span.text.trim().is_empty());
        let looks: Vec<_> = spans.map(|s| (s.text.trim(), s.look.italic, s.look.bold, s.look.color)).collect();
        assert_eq!(
            looks,
            [
                ("a", true, false, None),
                ("b", false, false, None),
                ("c", false, true, None),
                ("d{e", true, true, Some(0xffff_0000)),
            ]
        );
    }
}
