//! SAMI: a page with a point in time for each cue, `<SYNC Start=1500><P Class=ENCC>Words<br>on two lines`. It stays until the next one comes;
//! one without words (`&nbsp;`) takes it away. Of several languages, the first one is read.

use super::cue::Cue;
use super::srt;
use crate::caps;

/// What is looked at of a file to know it, in bytes.
const HEAD: usize = 1024;

/// Whether a file is such a page.
pub(super) fn begins(text: &str) -> bool {
    text.as_bytes()
        .iter()
        .take(HEAD)
        .copied()
        .collect::<Vec<_>>()
        .to_ascii_lowercase()
        .windows(5)
        .any(|tag| tag == b"<sami")
}

/// Reads all cues, in the order of the file.
pub(super) fn parse(text: &str) -> Vec<Cue> {
    // As long as the text: places in one are places in the other.
    let lower = text.to_ascii_lowercase();
    let mut points: Vec<(i64, String)> = Vec::new();
    let mut wanted: Option<String> = None;
    let starts = lower.match_indices("<sync").map(|(at, _)| at);
    let ends = starts.clone().skip(1).chain([text.len()]);
    for (from, to) in starts.zip(ends).take(caps::CUES) {
        let Some(open) = lower[from..to].find('>').map(|len| from + len) else { continue };
        let Some(ms) = attribute(&lower[from..open], "start").and_then(|value| value.parse::<u32>().ok()) else {
            continue;
        };
        let at_ns = i64::from(ms) * 1_000_000;
        let to =
            ["</sync", "</body"].iter().filter_map(|end| lower[open..to].find(end)).min().map_or(to, |len| open + len);
        let words = paragraphs(&text[open + 1..to], &lower[open + 1..to], &mut wanted);
        match points.last_mut().filter(|(last_ns, _)| *last_ns == at_ns) {
            Some((_, said)) => said.push_str(&words),
            None => points.push((at_ns, words)),
        }
    }
    srt::following(points)
}

/// The words of those paragraphs that are of the class that is `wanted`: of the first one that there is.
fn paragraphs(text: &str, lower: &str, wanted: &mut Option<String>) -> String {
    let mut words = String::new();
    let mut starts: Vec<usize> = lower.match_indices("<p").map(|(at, _)| at).collect();
    starts.retain(|at| lower[at + 2..].starts_with([' ', '>', '\n', '\t']));
    let first = starts.first().copied().unwrap_or(text.len());
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let parts = starts.iter().copied().zip(ends);
    for (from, to) in [(0, first)].into_iter().chain(parts) {
        let open = if from == 0 && first != 0 { Some(0) } else { lower[from..to].find('>').map(|len| from + len + 1) };
        let Some(open) = open else { continue };
        let class = attribute(&lower[from..open], "class");
        if let Some(class) = class
            && *wanted.get_or_insert_with(|| class.to_owned()) != class
        {
            continue;
        }
        // Ends of lines are spaces; tags say where lines end.
        words.push_str(&text[open..to].replace(['\n', '\r'], " "));
    }
    words
}

/// The value of an attribute of a tag.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(name)?;
    let value = rest.trim_start().strip_prefix('=')?.trim_start();
    value.split(|c: char| c.is_whitespace() || ['>', '"', '\''].contains(&c)).find(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cue_stays_until_the_next_one_and_is_of_the_first_language() {
        let text = "<SAMI>\n<HEAD><STYLE><!--\nP {}\n.ENCC {Name:English;}\n--></STYLE></HEAD>\n<BODY>\n\
            <SYNC Start=1000><P Class=ENCC>\nOne<br>two &amp; <font color=red>three</font>\n<P Class=KRCC>\u{d55c}\n\
            <SYNC Start='2000'><P Class=ENCC>&nbsp;\n<sync start=3000><p class=\"ENCC\">Four</p>\n<SYNC Start=4500>Five</BODY></SAMI>";
        assert!(begins(text) && !begins("1\n00:00:01,000 --> 00:00:02,000\n<sam"));
        let found: Vec<_> = parse(text).iter().map(|c| (c.start_ns / 1_000_000, c.end_ns, c.words())).collect();
        let wanted =
            [(1000, 2_000_000_000, "One\ntwo & three"), (3000, 4_500_000_000, "Four"), (4500, i64::MAX, "Five")];
        assert_eq!(found, wanted.map(|(a, b, text)| (a, b, text.to_owned())));
        for len in (0..text.len()).filter(|&len| text.is_char_boundary(len)) {
            parse(&text[..len]);
        }
        assert_eq!(parse("<sami><sync start=99999999999>x<sync start=>y<sync start=5"), []);
    }
}
