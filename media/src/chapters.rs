//! A film's chapters: those of its container, else those that its tags list (`CHAPTER001=00:01:30.000`, `CHAPTER001NAME=…`, as Ogg and FLAC
//! have them).

use std::collections::BTreeMap;

use crate::container::Contents;
use crate::{NS, caps};

/// Where each chapter begins, in ns from `zero_ns`, and its title; in order of time.
pub(crate) fn of(contents: &Contents, zero_ns: i64) -> Vec<(i64, String)> {
    let own = contents.chapters.iter().map(|chapter| (chapter.start_ns.saturating_sub(zero_ns), chapter.title.clone()));
    let mut all: Vec<(i64, String)> = own.collect();
    if all.is_empty() {
        all = tagged(&contents.tags);
    }
    for (start_ns, title) in &mut all {
        *start_ns = (*start_ns).max(0);
        *title = title.trim().chars().take(caps::TITLE).collect();
    }
    all.sort_by_key(|chapter| chapter.0);
    all.truncate(caps::ENTRIES);
    all
}

fn tagged(tags: &[(String, String)]) -> Vec<(i64, String)> {
    let mut found: BTreeMap<u32, (Option<i64>, String)> = BTreeMap::new();
    for (name, value) in tags {
        let name = name.to_ascii_lowercase();
        let Some(rest) = name.strip_prefix("chapter") else { continue };
        let digits = rest.trim_end_matches(|c: char| !c.is_ascii_digit());
        let Ok(number) = digits.parse() else { continue };
        let entry = found.entry(number).or_default();
        match &rest[digits.len()..] {
            "" => entry.0 = time(value),
            "name" => entry.1.clone_from(value),
            _ => {}
        }
    }
    found.into_values().filter_map(|(start_ns, title)| Some((start_ns?, title))).collect()
}

/// `H:MM:SS.mmm`, in ns.
fn time(text: &str) -> Option<i64> {
    let mut parts = text.trim().split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = |text: &str| text.parse::<u32>().ok().map(i64::from);
    let (whole_s, part) = seconds.split_once(['.', ',']).unwrap_or((seconds, ""));
    let part = part.get(..part.len().min(9)).filter(|part| part.bytes().all(|b| b.is_ascii_digit()))?;
    let ns: i64 = format!("{part:0<9}").parse().ok()?;
    let s = whole(hours)?.saturating_mul(3600) + whole(minutes)?.saturating_mul(60) + whole(whole_s)?;
    (parts.next().is_none()).then(|| s.saturating_mul(NS).saturating_add(ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::Chapter;

    fn tag(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn tags_list_chapters_in_whatever_order() {
        let tags = vec![
            tag("CHAPTER002NAME", " Two "),
            tag("chapter001", "00:00:01.5"),
            tag("CHAPTER002", "01:00:00"),
            tag("CHAPTER003", "soon"),
            tag("CHAPTERS", "2"),
            tag("CHAPTER001URL", "x"),
        ];
        let contents = Contents { tags, ..Contents::default() };
        assert_eq!(of(&contents, 7), [(1_500_000_000, String::new()), (3600 * NS, "Two".into())]);
    }

    #[test]
    fn a_containers_own_chapters_count_from_the_films_beginning() {
        let chapter = |s: i64, title: &str| Chapter { start_ns: s * NS, title: title.into() };
        let contents = Contents {
            chapters: vec![chapter(12, "b"), chapter(3, "a")],
            tags: vec![tag("CHAPTER001", "00:00:01.5")],
            ..Contents::default()
        };
        assert_eq!(of(&contents, 5 * NS), [(0, "a".into()), (7 * NS, "b".into())]);
    }
}
