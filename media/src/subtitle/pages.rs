//! From cues to pages: each page says what is to be seen from one moment to another, and the next one begins where it ends. So
//! whoever shows them needs to know one page alone, wherever the film goes.

use std::sync::Arc;

use super::cue::{Body, Cue};
use super::source::{Read, Source};
use crate::caps;
use crate::{MediaError, NS};

/// How far a track is read at a time, and so how long a page is at most while there is more.
const STRETCH_NS: i64 = 10 * NS;
/// The end of time: a page lasts no longer than a frame's duration may be.
const END_NS: i64 = 1 << 52;

/// What is to be seen from one moment to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// From when on, in ns.
    pub start_ns: i64,
    /// Until when, in ns.
    pub end_ns: i64,
    /// In order of their beginnings: what is to be seen, and what is over for which some of that made room. It stays where it stood.
    pub cues: Vec<Arc<Cue>>,
}

impl Page {
    /// What is to be seen.
    pub fn on(&self) -> impl Iterator<Item = &Arc<Cue>> {
        self.cues.iter().filter(|cue| cue.end_ns > self.start_ns)
    }
}

/// The pages of a track.
pub struct Pages {
    source: Box<dyn Source>,
    /// Where the next page begins.
    at_ns: i64,
    /// Until when every cue that begins is known.
    known_ns: i64,
    /// Cues that are not over, and those for which such made room, in order of their beginnings.
    cues: Vec<Arc<Cue>>,
}

impl Pages {
    pub(super) fn new(source: Box<dyn Source>) -> Self {
        Self { source, at_ns: 0, known_ns: i64::MIN, cues: Vec::new() }
    }

    /// Goes to a moment: the next page begins there. Errors: reading failed.
    pub fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.at_ns = target_ns.clamp(-END_NS, END_NS - 1);
        self.known_ns = i64::MIN;
        self.cues.clear();
        self.source.seek(self.at_ns)
    }

    /// The next page; `None` behind the end of time. [`MediaError::Damaged`] when something was skipped: the caller calls again.
    pub fn next_page(&mut self) -> Result<Option<Page>, MediaError> {
        if self.at_ns >= END_NS {
            return Ok(None);
        }
        while self.known_ns <= self.at_ns {
            let until_ns = self.at_ns.saturating_add(STRETCH_NS);
            match self.source.read(until_ns)? {
                Read::Cue(cue) => self.add(cue),
                Read::Clear(at_ns) => {
                    let on = self.cues.iter_mut().filter(|cue| cue.end_ns > at_ns);
                    on.for_each(|cue| Arc::make_mut(cue).end_ns = at_ns);
                }
                Read::Next(at_ns) => {
                    let untold = self.cues.iter_mut().filter(|cue| cue.end_ns == i64::MAX && cue.start_ns < at_ns);
                    untold.for_each(|cue| Arc::make_mut(cue).end_ns = at_ns);
                }
                Read::Until(until_ns) => self.known_ns = until_ns,
                Read::End => self.known_ns = END_NS,
            }
        }
        let start_ns = self.at_ns;
        self.forget();
        let (begun, coming): (Vec<_>, Vec<_>) = self.cues.iter().partition(|cue| cue.start_ns <= start_ns);
        let ends = begun.iter().map(|cue| cue.end_ns).filter(|&end_ns| end_ns > start_ns);
        let times = ends.chain(coming.iter().map(|cue| cue.start_ns));
        let mut end_ns = times.chain([self.known_ns, END_NS]).min().unwrap_or(END_NS);
        let mut on = Vec::with_capacity(begun.len().min(caps::CUES_ON));
        for &cue in &begun[begun.len().saturating_sub(caps::CUES_ON)..] {
            let Body::Animated(event) = &cue.body else {
                on.push(cue.clone());
                continue;
            };
            // The page ends where it looks otherwise.
            let over = cue.end_ns <= start_ns;
            let (body, next_ns) = event.at(start_ns.min(cue.end_ns).saturating_sub(cue.start_ns));
            let next_ns = next_ns.filter(|_| !over).map(|next_ns| cue.start_ns.saturating_add(next_ns));
            end_ns = end_ns.min(next_ns.unwrap_or(end_ns));
            on.extend(body.map(|body| Arc::new(Cue { body, ..**cue })));
        }
        self.at_ns = end_ns;
        Ok(Some(Page { start_ns, end_ns, cues: on }))
    }

    /// Forgets what is over, but for words for which others made room that are not over, or were not before these went.
    fn forget(&mut self) {
        let (mut needed_ns, mut gone) = (i64::MAX, 0);
        let mut kept: Vec<Arc<Cue>> = Vec::with_capacity(self.cues.len());
        for cue in self.cues.drain(..).rev() {
            let over = cue.end_ns <= self.at_ns;
            if over && (cue.end_ns <= needed_ns || gone >= caps::CUES_GONE) {
                continue;
            }
            gone += usize::from(over);
            if cue.start_ns <= self.at_ns && matches!(cue.body, Body::Text { .. } | Body::Animated(_)) {
                needed_ns = cue.start_ns;
            }
            kept.push(cue);
        }
        kept.reverse();
        self.cues = kept;
    }

    fn add(&mut self, cue: Cue) {
        let points = |cue: &Cue| match &cue.body {
            Body::Picture(picture) => picture.indices.len(),
            Body::Text { .. } | Body::Shape { .. } | Body::Animated(_) => 0,
        };
        let ahead: usize = self.cues.iter().map(|cue| points(cue)).sum();
        let over = cue.end_ns <= self.at_ns;
        let most = if over { caps::CUES_AHEAD / 2 } else { caps::CUES_AHEAD };
        if (!over || points(&cue) == 0) && self.cues.len() < most && ahead + points(&cue) <= caps::POINTS_AHEAD {
            let at = self.cues.partition_point(|other| other.start_ns <= cue.start_ns);
            self.cues.insert(at, Arc::new(cue));
        }
    }
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").field("at_ns", &self.at_ns).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::cue::{Place, Span};
    use super::super::source::Listed;
    use super::*;

    fn cue(start_ns: i64, end_ns: i64, text: &str) -> Cue {
        let spans = vec![Span { text: text.into(), ..Span::default() }];
        Cue { start_ns, end_ns, body: Body::Text { spans, place: Place::default() } }
    }

    fn seen(pages: &mut Pages, until_ns: i64) -> Vec<(i64, i64, String)> {
        let mut seen: Vec<(i64, i64, String)> = Vec::new();
        while let Some(page) = pages.next_page().unwrap() {
            let words = page.on().map(|cue| cue.words()).collect::<Vec<_>>().join("+");
            // A page that goes on is one to whoever looks.
            match seen.last_mut().filter(|(_, _, last)| *last == words) {
                Some((_, end_ns, _)) => *end_ns = page.end_ns,
                None => seen.push((page.start_ns, page.end_ns, words)),
            }
            if page.end_ns >= until_ns {
                break;
            }
        }
        seen
    }

    #[test]
    fn pages_follow_each_other_without_a_gap_and_say_what_is_on() {
        let cues = vec![cue(2, 5, "a"), cue(3, 9, "b"), cue(9, 10, "c"), cue(50 * NS, 51 * NS, "late")];
        let mut pages = Pages::new(Box::new(Listed::new(cues)));
        let row = |from, to, text: &str| (from, to, text.to_owned());
        pages.seek(0).unwrap();
        let all = seen(&mut pages, END_NS);
        assert_eq!(all[..5], [row(0, 2, ""), row(2, 3, "a"), row(3, 5, "a+b"), row(5, 9, "b"), row(9, 10, "c")]);
        assert_eq!(all[5..], [row(10, 50 * NS, ""), row(50 * NS, 51 * NS, "late"), row(51 * NS, END_NS, "")]);
        for (target, first) in
            [(4, row(4, 5, "a+b")), (50 * NS + 1, row(50 * NS + 1, 51 * NS, "late")), (-7, row(-7, 2, ""))]
        {
            pages.seek(target).unwrap();
            assert_eq!(seen(&mut pages, END_NS)[0], first);
        }
    }

    #[test]
    fn what_made_others_stand_elsewhere_is_known_for_as_long_as_they_stand() {
        let cues =
            vec![cue(1, 4, "a"), cue(2, 3, "b"), cue(3, 8, "c"), cue(5, 9, "d"), cue(8, 10, "e"), cue(20, 30, "f")];
        let mut pages = Pages::new(Box::new(Listed::new(cues)));
        let words = |page: &Page| page.cues.iter().map(|cue| cue.words()).collect::<String>();
        let mut seen = Vec::new();
        pages.seek(0).unwrap();
        while let Some(page) = pages.next_page().unwrap() {
            seen.push((page.start_ns, words(&page)));
        }
        let wanted =
            [(1, "a"), (2, "ab"), (3, "ac"), (4, "ac"), (5, "acd"), (8, "acde"), (9, "acde"), (10, ""), (20, "f")];
        assert_eq!(seen[1..10], wanted.map(|(at, words)| (at, words.to_owned())));
        // The same after a jump, and no more than there may be of a chain without an end.
        for (at_ns, wanted) in wanted {
            pages.seek(at_ns).unwrap();
            assert_eq!(words(&pages.next_page().unwrap().unwrap()), wanted, "{at_ns}");
        }
        let mut pages = Pages::new(Box::new(Listed::new((0..500).map(|n| cue(2 * n, 2 * n + 3, "x")).collect())));
        pages.seek(900).unwrap();
        let page = pages.next_page().unwrap().unwrap();
        assert_eq!((page.on().count(), page.cues.len()), (2, 2 + caps::CUES_GONE));
    }

    /// Packets of a track, each of which takes away what nothing said the end of.
    struct Untold(Vec<Cue>);

    impl Source for Untold {
        fn seek(&mut self, _: i64) -> Result<(), MediaError> {
            Ok(())
        }

        fn read(&mut self, _: i64) -> Result<Read, MediaError> {
            let Some(first) = self.0.first_mut() else { return Ok(Read::End) };
            if first.start_ns >= 0 {
                first.start_ns -= 1_000;
                return Ok(Read::Next(first.start_ns + 1_000));
            }
            let cue = self.0.remove(0);
            Ok(Read::Cue(Cue { start_ns: cue.start_ns + 1_000, ..cue }))
        }
    }

    #[test]
    fn what_has_no_end_stays_until_the_next_one_comes() {
        let cues = vec![cue(1, i64::MAX, "a"), cue(1, i64::MAX, "b"), cue(3, 9, "c"), cue(5, i64::MAX, "d")];
        let mut pages = Pages::new(Box::new(Untold(cues)));
        let row = |from, to, text: &str| (from, to, text.to_owned());
        pages.seek(0).unwrap();
        let wanted = [row(0, 1, ""), row(1, 3, "a+b"), row(3, 5, "c"), row(5, 9, "c+d"), row(9, END_NS, "d")];
        assert_eq!(seen(&mut pages, END_NS), wanted);
    }

    #[test]
    fn many_cues_at_once_are_bounded_and_take_no_time() {
        let cues = (0..100_000).map(|n| cue(n, 1_000_000, "x")).collect();
        let mut pages = Pages::new(Box::new(Listed::new(cues)));
        for target in [0, 99_999, 500_000, 0] {
            pages.seek(target).unwrap();
            for _ in 0..100 {
                let Some(page) = pages.next_page().unwrap() else { break };
                assert!(page.cues.len() <= caps::CUES_ON && page.end_ns > page.start_ns);
            }
        }
    }
}
