//! LRC: the words of a song, each line with one or several points in time before it, `[01:02.50]Words`. It stays until the next one comes.

use super::cue::Cue;
use super::srt;
use super::srt::time;
use crate::caps;

/// What is said of a song before its words.
const TAGS: [&str; 10] = ["ar", "ti", "al", "au", "by", "la", "re", "ve", "length", "offset"];

/// Whether the first line with anything in it is one of these.
pub(super) fn begins(text: &str) -> bool {
    let first = text.lines().map(|line| line.trim_start_matches('\u{feff}').trim()).find(|line| !line.is_empty());
    first.and_then(cut).is_some_and(|(stamp, _)| time(stamp).is_some() || tag(stamp).is_some())
}

/// What stands in the brackets that a line begins with, and the rest.
fn cut(line: &str) -> Option<(&str, &str)> {
    line.trim_start().strip_prefix('[')?.split_once(']')
}

fn tag(stamp: &str) -> Option<(&str, &str)> {
    stamp.split_once(':').filter(|(name, _)| TAGS.contains(&name.trim().to_ascii_lowercase().as_str()))
}

/// Reads all cues.
pub(super) fn parse(text: &str) -> Vec<Cue> {
    let (mut points, mut later_ns) = (Vec::new(), 0_i64);
    for line in text.lines() {
        let mut rest = line.trim_start_matches('\u{feff}');
        let first = points.len();
        while let Some((stamp, behind)) = cut(rest).filter(|_| points.len() < caps::CUES) {
            match (time(stamp), tag(stamp)) {
                (Some(at_ns), _) => points.push((at_ns, String::new())),
                (None, Some((name, value))) if name.eq_ignore_ascii_case("offset") => {
                    // So many ms earlier.
                    later_ns = value.trim().parse::<i32>().map_or(0, |ms| -i64::from(ms) * 1_000_000);
                }
                (None, Some(_)) => {}
                (None, None) => break,
            }
            rest = behind;
        }
        points[first..].iter_mut().for_each(|(_, words)| *words = plain(rest));
    }
    points.iter_mut().for_each(|(at_ns, _)| *at_ns += later_ns);
    srt::following(points)
}

/// Without the points in time of single words.
fn plain(words: &str) -> String {
    let mut parts = words.split('<');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('>').filter(|(stamp, _)| time(stamp).is_some()) {
            Some((_, words)) => plain += words,
            None => plain = plain + "<" + part,
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_song_are_there_at_all_of_their_times() {
        let text = "[ar:Some one]\n[offset:500]\n\n[00:02.00][00:06.5]Again\n[00:04.00] <00:04.10> one <00:04.50> two\n[00:08.00]\nno\n[09:00.00]End";
        assert!(begins(text) && begins("[00:01.00]x") && !begins("[Script Info]\n") && !begins("[1:2"));
        let found: Vec<_> =
            parse(text).iter().map(|c| (c.start_ns / 1_000_000, c.end_ns / 1_000_000, c.words())).collect();
        let wanted = [
            (1500, 3500, "Again"),
            (3500, 6000, "one two"),
            (6000, 7500, "Again"),
            (539_500, i64::MAX / 1_000_000, "End"),
        ];
        assert_eq!(found, wanted.map(|(a, b, text)| (a, b, text.to_owned())));
        let both: Vec<_> =
            parse("[00:01.00]Eins\n[00:01.00]One\n[00:02.00]\n").iter().map(|c| (c.end_ns, c.words())).collect();
        assert_eq!(both, [(2_000_000_000, "Eins".to_owned()), (2_000_000_000, "One".to_owned())]);
        assert_eq!(parse("[00:01.00\n[]\n[:]\n[offset:9999999999999]\n[x]y"), []);
    }
}
