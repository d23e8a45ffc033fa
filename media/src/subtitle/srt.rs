//! SubRip: a number, a line with two times, lines of text. What people have differs from that in every way, so only the line with
//! the times counts: what follows is text until the next one.

use super::cue::{Body, Cue, Place, Writer};
use super::markup::{Tags, write};
use crate::NS;
use crate::caps;

/// Reads all cues, in the order of the file.
pub(super) fn parse(text: &str) -> Vec<Cue> {
    let mut cues = Vec::new();
    let mut open: Option<(i64, i64, Vec<&str>)> = None;
    for line in text.lines() {
        match times(line) {
            Some((start_ns, end_ns)) => {
                if let Some((start_ns, end_ns, mut lines)) = open.take() {
                    drop_number(&mut lines);
                    cues.extend(cue(start_ns, end_ns, &joined(&lines)));
                }
                if cues.len() >= caps::CUES {
                    return cues;
                }
                open = Some((start_ns, end_ns, Vec::new()));
            }
            None => {
                if let Some((_, _, lines)) = &mut open
                    && lines.len() < caps::CUE_TEXT
                {
                    lines.push(line.trim());
                }
            }
        }
    }
    cues.extend(open.and_then(|(start_ns, end_ns, lines)| cue(start_ns, end_ns, &joined(&lines))));
    cues
}

/// Takes the number of the next cue away: right before its times, or alone between empty lines.
fn drop_number(lines: &mut Vec<&str>) {
    if let Some(last) = lines.iter().rposition(|line| !line.is_empty())
        && lines[last].bytes().all(|b| b.is_ascii_digit())
        && (last + 1 == lines.len() || last.checked_sub(1).is_some_and(|before| lines[before].is_empty()))
    {
        lines.truncate(last);
    }
}

/// Empty lines within are left out, as everywhere: they are there by mistake.
fn joined(lines: &[&str]) -> String {
    lines.iter().copied().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// A cue of this text with tags.
#[inline(never)]
pub(super) fn cue(start_ns: i64, end_ns: i64, text: &str) -> Option<Cue> {
    let (mut place, mut out) = (Place::default(), Writer::default());
    write(text, Tags::Srt, &mut place, &mut out);
    let spans = out.finish().filter(|_| end_ns > start_ns)?;
    Some(Cue { start_ns, end_ns, body: Body::Text { spans, place } })
}

/// Cues each of which stays until the next one comes; those without words take it away.
pub(super) fn following(mut points: Vec<(i64, String)>) -> Vec<Cue> {
    points.sort_by_key(|(start_ns, _)| *start_ns);
    let (mut end_ns, mut next_ns) = (i64::MAX, i64::MAX);
    let mut cues = Vec::new();
    for (start_ns, words) in points.iter().rev() {
        // Of the same time, all stay as long: a line and what it means in another language.
        if *start_ns != next_ns {
            (end_ns, next_ns) = (next_ns, *start_ns);
        }
        cues.extend(cue(*start_ns, end_ns, words));
    }
    cues.reverse();
    cues
}

/// The two times of a line, in ns; SubViewer has a comma between them.
pub(super) fn times(line: &str) -> Option<(i64, i64)> {
    let Some((start, end)) = line.split_once("-->") else {
        let (start, end) = line.split_once(',')?;
        return Some((time(start)?, time(end)?));
    };
    // Behind the end there may be a place. Programs that read letters from pictures leave spaces within.
    let spaced = || time(end.split(|c: char| c.is_alphabetic()).next()?);
    Some((time(start)?, time(end.split_whitespace().next()?).or_else(spaced)?))
}

/// `1:02:03,456`, or without the hours; with a point as well, and with a sign, as files have that were moved ahead. In ns.
pub(super) fn time(text: &str) -> Option<i64> {
    if let Some((before, after)) = text.split_once('-') {
        return Some(-time(&format!("{before}{after}")).filter(|_| !after.contains('-'))?);
    }
    let (whole, part) = text.rsplit_once([',', '.']).unwrap_or((text, "0"));
    let part = part.trim();
    let mut seconds = 0_i64;
    let fields: Vec<&str> = whole.split(':').collect();
    if !(2..=3).contains(&fields.len()) {
        return None;
    }
    for field in fields {
        let field = field.trim();
        let number: u32 = field.parse().ok().filter(|_| field.len() <= 4)?;
        seconds = seconds * 60 + i64::from(number);
    }
    let digits = part.get(..part.len().min(9)).filter(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))?;
    let part: i64 = digits.parse().ok()?;
    Some(seconds * NS + part * NS / 10_i64.pow(digits.len() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_with_times_count() {
        let text = "\u{feff}1\r\n00:00:01,000 --> 00:00:02,5\r\nOne\r\n<i>two</i>\r\n\r\nthree\r\n\r\n2\r\n0:00:03.25-->0:00:04.000 X1:1\r\n\
                    7\r\n\r\n00:00:05,000 --> 00:00:05,000\nnever\n\n00:00:09,000 --> 00:00:08,000\nnever\n\
                    00:01:00,000 --> 00:01:02,000\nlast";
        let found: Vec<_> =
            parse(text).iter().map(|c| (c.start_ns / 1_000_000, c.end_ns / 1_000_000, c.words())).collect();
        let wanted = [(1000, 2500, "One\ntwo\nthree"), (3250, 4000, "7"), (60_000, 62_000, "last")];
        assert_eq!(found, wanted.map(|(a, b, text)| (a, b, text.to_owned())));
    }

    #[test]
    fn subviewers_lines_are_read_as_well() {
        let text = "[INFORMATION]\n[TITLE]x\n[COLF]&HFFFFFF,[SIZE]18\n0:00:01.500,0:00:02.000\nOne[br]two\n\n00:00:03.00,00:00:04.00\nlast, 1:2\n";
        let found: Vec<_> =
            parse(text).iter().map(|c| (c.start_ns / 1_000_000, c.end_ns / 1_000_000, c.words())).collect();
        assert_eq!(found, [(1500, 2000, "One\ntwo".to_owned()), (3000, 4000, "last, 1:2".to_owned())]);
    }

    #[test]
    fn times_that_are_none_are_text() {
        for line in [
            "a --> b",
            "00:00:01,000",
            "1:2,x",
            "--> ",
            "1 --> 2",
            "::--> ::",
            "00:00:01,x --> 00:00:02,000",
            "99999:00:00,0 --> 1:1,1",
        ] {
            assert_eq!(times(line), None, "{line}");
        }
        assert_eq!(time("01:02:03.004"), Some(3_723_004_000_000));
        assert_eq!(time("02:03"), Some(123_000_000_000));
    }
}
