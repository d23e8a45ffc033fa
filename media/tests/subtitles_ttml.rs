//! TTML in files and in MP4, as FFmpeg writes it: the words and times that went in.

#[path = "support/mod.rs"]
mod support;

use support::{Tool, open};
use tricine_media::subtitle::{Body, Origin, Subtitles};
use tricine_media::{Input, MediaFile, guard};

const WORDS: &str = "1\n00:00:01,000 --> 00:00:02,500\nOne <i>two</i>\nthree\n\n2\n00:00:04,000 --> 00:00:05,040\nFour & five < six\n\n\
    3\n00:00:06,000 --> 00:00:06,500\nsieben – 八\n\n";

fn shown(subtitles: &Subtitles, number: usize, from_ms: i64) -> Vec<(i64, i64, String)> {
    let (mut pages, said) = subtitles.open(number).unwrap();
    assert_eq!(said, None);
    pages.seek(from_ms * 1_000_000).unwrap();
    let mut shown = Vec::new();
    while let Some(page) = pages.next_page().unwrap().filter(|page| page.start_ns < 9_000_000_000) {
        shown.extend(page.on().map(|cue| (cue.start_ns / 1_000_000, cue.end_ns / 1_000_000, cue.words())));
    }
    shown.dedup();
    shown
}

#[test]
fn what_ffmpeg_writes_is_what_went_in() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("ttml") else { return };
    std::fs::write(tool.path("words.srt"), WORDS).unwrap();
    let words = tool.path("words.srt").display().to_string();
    let row = |from, until, words: &str| (from, until, words.to_owned());
    let wanted =
        [row(1_000, 2_500, "One two\nthree"), row(4_000, 5_040, "Four & five < six"), row(6_000, 6_500, "sieben – 八")];
    for name in ["words.ttml", "words.dfxp", "words.xml"] {
        assert!(support::make(&format!("-i {words} -f ttml"), &tool.path(name)));
        let mut all = Subtitles::default();
        all.add("words.mkv", open(&tool.path(name)), Origin::Beside);
        let track = all.tracks().next().unwrap();
        assert_eq!((&*track.codec, &track.problem), ("TTML", &None));
        assert_eq!(shown(&all, 1, 0), wanted, "{name}");
    }
    let film = "-f lavfi -i color=s=64x64:r=25:d=9";
    {
        let name = "film.mp4";
        let args = format!("{film} -i {words} -map 0 -map 1 -c:v mpeg4 -c:s ttml");
        let film = tool.make(&args, name).unwrap();
        let found = tricine_media::open(&Input::File(film.clone())).unwrap().subtitles;
        let tracks: Vec<_> = found.tracks().map(|track| (track.codec.clone(), track.problem.clone())).collect();
        assert_eq!(tracks, [("TTML".to_owned(), None)], "{name}");
        assert_eq!(shown(&found, 1, 0), wanted, "{name}");
        assert_eq!(shown(&found, 1, 4_500), wanted[1..], "{name}");
        let (mut pages, _) = found.open(1).unwrap();
        pages.seek(1_200_000_000).unwrap();
        let page = pages.next_page().unwrap().unwrap();
        let Body::Text { place, .. } = &page.cues[0].body else { panic!("text") };
        assert_eq!(place.align, 2);
        // Damage is passed over.
        let made = std::fs::read(tool.path(name)).unwrap();
        for seed in 0..40 {
            let mut damaged = made.clone();
            support::flip(&mut damaged, seed, 40);
            let Ok(media) = tricine_media::open(&Input::File(MediaFile::from_bytes(damaged, "damaged.mp4"))) else {
                continue;
            };
            for number in 1..=media.subtitles.tracks().len() {
                let Ok((mut pages, _)) = media.subtitles.open(number) else { continue };
                let _ = pages.seek(0);
                for _ in 0..20 {
                    let _ = pages.next_page();
                }
            }
        }
    }
}

#[test]
fn another_file_of_xml_beside_a_film_is_none_of_subtitles() {
    let mut all = Subtitles::default();
    let file = |text: &'static str| MediaFile::from_bytes(text.as_bytes(), "film.xml");
    all.add("film.mkv", file("<?xml version='1.0'?><movie><title>A film</title></movie>"), Origin::Beside);
    assert_eq!(all.tracks().len(), 0);
    all.add("film.mkv", file("<tt><body><p begin='1s' end='2s'>x</p></body></tt>"), Origin::Beside);
    assert_eq!((all.tracks().len(), all.open(1).is_ok()), (1, true));
}
