//! What a track of subtitles shows, and when.

use tricine_media::MediaError;
use tricine_media::subtitle::Subtitles;

/// When and until when, in ms, and what.
pub(crate) type Shown = (i64, i64, String);

/// What a track shows from a moment on, up to `until_ms`.
pub(crate) fn ours(subtitles: &Subtitles, number: usize, from_ms: i64, until_ms: i64) -> Vec<Shown> {
    let (mut pages, said) = subtitles.open(number).unwrap();
    assert_eq!(said, None);
    pages.seek(from_ms * 1_000_000).unwrap();
    let mut shown: Vec<Shown> = Vec::new();
    loop {
        let page = match pages.next_page() {
            Ok(page) => page.unwrap(),
            Err(MediaError::Damaged(_)) => continue,
            Err(error) => panic!("{error}"),
        };
        let words = page.on().map(|cue| cue.words()).collect::<Vec<_>>().join("\n");
        let [start, end] = [page.start_ns, page.end_ns].map(|ns| ns / 1_000_000);
        match shown.last_mut().filter(|(_, until, last)| *last == words && *until == start) {
            Some((_, until, _)) => *until = end,
            None => shown.push((start, end, words)),
        }
        if end >= until_ms {
            break;
        }
    }
    shown.retain(|(_, _, words)| !words.is_empty());
    shown
}
