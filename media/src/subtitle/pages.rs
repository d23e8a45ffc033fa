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
    /// In order of their beginnings; none if nothing is to be seen.
    pub cues: Vec<Arc<Cue>>,
}

/// The pages of a track.
pub struct Pages {
    source: Box<dyn Source>,
    /// Where the next page begins.
    at_ns: i64,
    /// Until when every cue that begins is known.
    known_ns: i64,
    /// Cues that are not over, and their ends.
    cues: Vec<(i64, Arc<Cue>)>,
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
                Read::Clear(at_ns) => self.cues.iter_mut().for_each(|(end_ns, _)| *end_ns = at_ns.min(*end_ns)),
                Read::Until(until_ns) => self.known_ns = until_ns,
                Read::End => self.known_ns = END_NS,
            }
        }
        let start_ns = self.at_ns;
        self.cues.retain(|(end_ns, _)| *end_ns > start_ns);
        let begins = self.cues.iter().map(|(_, cue)| cue.start_ns).filter(|&begins| begins > start_ns);
        let (mut on, mut over) = (Vec::new(), i64::MAX);
        for (end_ns, cue) in self.cues.iter().filter(|(_, cue)| cue.start_ns <= start_ns) {
            over = over.min(*end_ns);
            on.push(cue.clone());
        }
        let end_ns = begins.chain([over, self.known_ns, END_NS]).min().unwrap_or(END_NS);
        on.sort_by_key(|cue| cue.start_ns);
        on.drain(..on.len().saturating_sub(caps::CUES_ON));
        self.at_ns = end_ns;
        Ok(Some(Page { start_ns, end_ns, cues: on }))
    }

    fn add(&mut self, cue: Cue) {
        let points = |cue: &Cue| match &cue.body {
            Body::Picture(picture) => picture.indices.len(),
            Body::Text { .. } => 0,
        };
        let ahead: usize = self.cues.iter().map(|(_, cue)| points(cue)).sum();
        if cue.end_ns > self.at_ns && self.cues.len() < caps::CUES_AHEAD && ahead + points(&cue) <= caps::POINTS_AHEAD {
            self.cues.push((cue.end_ns, Arc::new(cue)));
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
            let words = page.cues.iter().map(|cue| cue.words()).collect::<Vec<_>>().join("+");
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
