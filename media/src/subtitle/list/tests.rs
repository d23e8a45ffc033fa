use super::*;

fn file(name: &str) -> MediaFile {
    MediaFile::from_bytes(&b"1\n00:00:01,000 --> 00:00:02,000\nx\n"[..], name)
}

fn track(language: &str, default: bool, forced: bool) -> (SubtitleTrack, Place) {
    let (codec, name, problem) = ("SRT".into(), None, None);
    let language = Some(language.to_owned()).filter(|l| !l.is_empty());
    (SubtitleTrack { origin: Origin::Film, codec, language, name, default, forced, problem }, Place::Track(0))
}

#[test]
fn names_of_files_tell_the_language() {
    let mut all = Subtitles::default();
    for (name, language, forced) in [
        ("film.2026.srt", None, false),
        ("film.2026.en.srt", Some("en"), false),
        ("film.2026.pt-BR.forced.vtt", Some("pt-br"), true),
        ("film.2026.Director's cut.ass", None, false),
        ("other.ger.srt", Some("ger"), false),
    ] {
        all.add("film.2026.mkv", file(name), Origin::Beside);
        let track = all.tracks().last().unwrap();
        assert_eq!((track.language.as_deref(), track.forced), (language, forced), "{name}");
    }
}

#[test]
fn lines_of_frames_named_like_the_pictures_of_discs_are_read_as_text() {
    let mut all = Subtitles::default();
    all.add("film.mkv", MediaFile::from_bytes(&b"{1}{1}25.0\r\n{25}{50}x\r\n"[..], "film.en.sub"), Origin::Given);
    let track = all.tracks().next().unwrap().clone();
    assert_eq!((&*track.codec, track.language.as_deref(), track.problem), ("MicroDVD", Some("en"), None));
    let (mut pages, notice) = all.open(1).unwrap();
    pages.seek(1_500_000_000).unwrap();
    let page = pages.next_page().unwrap().unwrap();
    assert_eq!((page.cues.len(), page.end_ns, notice), (1, 2_000_000_000, None));
}

#[test]
fn what_is_shown_is_what_was_asked_for_else_what_the_film_means() {
    let usual = |tracks: Vec<_>, heard: Option<&str>, languages: &[&str], beside: &[(&str, Origin)]| {
        let mut all = Subtitles { tracks, heard: heard.map(str::to_owned), ..Subtitles::default() };
        beside.iter().for_each(|(name, origin)| all.add("film.mkv", file(name), *origin));
        all.usual(&languages.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>())
    };
    let film = || vec![track("eng", false, false), track("ger", true, false), track("ger", false, true)];
    assert_eq!(usual(film(), None, &[], &[]), Some(2));
    assert_eq!(usual(film(), None, &["fr", "en"], &[]), Some(1));
    assert_eq!(usual(film(), None, &["de"], &[]), Some(2));
    let brazil = || vec![track("pt-PT", false, false), track("pt-BR", false, true), track("pt-BR", false, false)];
    assert_eq!(usual(brazil(), None, &["pt-br"], &[]), Some(3));
    assert_eq!(usual(film(), None, &[], &[("film.fr.srt", Origin::Beside)]), Some(4));
    assert_eq!(usual(film(), None, &["en"], &[("film.fr.srt", Origin::Beside)]), Some(1));
    assert_eq!(usual(film(), None, &["en"], &[("film.srt", Origin::Beside), ("a.srt", Origin::Given)]), Some(5));
    let forced = || vec![track("eng", false, false), track("ger", false, true)];
    assert_eq!(usual(forced(), Some("deu"), &[], &[]), Some(2));
    assert_eq!(usual(forced(), Some("eng"), &[], &[]), None);
    assert_eq!(usual(vec![track("eng", false, false)], None, &[], &[]), None);
}
