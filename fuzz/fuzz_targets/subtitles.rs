//! Files of subtitles of any kind, and pages of them: read within bounds, whatever they say.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tricine_media::MediaFile;
use tricine_media::subtitle::{Origin, Subtitles, parse};
use tricine_session::cues::Page;

fuzz_target!(|bytes: &[u8]| {
    if let Some((_, cues)) = parse(bytes) {
        assert!(cues.iter().all(|cue| cue.start_ns < cue.end_ns && cue.words().len() <= 4_096));
        assert!(cues.is_sorted_by_key(|cue| cue.start_ns));
    }
    let mut all = Subtitles::default();
    all.add("film.mkv", MediaFile::from_bytes(bytes, "film.en.srt"), Origin::Beside);
    if let Ok((mut pages, _)) = all.open(1) {
        for target_ns in [0, 5_000_000_000] {
            let mut at_ns = target_ns;
            let mut next = pages.seek(target_ns).and_then(|()| pages.next_page());
            for _ in 0..100 {
                let Ok(Some(page)) = &next else { break };
                // One after another, without a gap.
                assert!(page.start_ns == at_ns && page.end_ns > at_ns && page.cues.len() <= 32);
                at_ns = page.end_ns;
                next = pages.next_page();
            }
        }
    }
    if let Some(page) = Page::decode(bytes) {
        assert_eq!(Page::decode(&page.encode()), Some(page));
    }
});
