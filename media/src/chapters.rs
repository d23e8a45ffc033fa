//! A film's chapters, on the timeline of what is played.

use crate::caps;
use crate::container::Contents;

/// Where each chapter begins, in ns from `zero_ns`, and its title; in order of time.
pub(crate) fn of(contents: &Contents, zero_ns: i64) -> Vec<(i64, String)> {
    let title = |title: &str| title.trim().chars().take(caps::TITLE).collect();
    let begins = |start_ns: i64| start_ns.saturating_sub(zero_ns).max(0);
    let all = contents.chapters.iter().map(|chapter| (begins(chapter.start_ns), title(&chapter.title)));
    let mut all: Vec<(i64, String)> = all.take(caps::ENTRIES).collect();
    all.sort_by_key(|chapter| chapter.0);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NS;
    use crate::container::Chapter;

    #[test]
    fn chapters_count_from_the_films_beginning() {
        let chapter = |s: i64, title: &str| Chapter { start_ns: s * NS, title: title.into() };
        let contents = Contents { chapters: vec![chapter(12, " b "), chapter(3, "a")], ..Contents::default() };
        assert_eq!(of(&contents, 5 * NS), [(0, "a".into()), (7 * NS, "b".into())]);
    }
}
