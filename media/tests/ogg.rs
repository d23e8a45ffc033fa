//! Films in Ogg that FFmpeg does not make as they are: pictures that repeat the one before, a part of a picture that is shown, links
//! that follow each other, pages that are missing.

mod video_support;

use std::path::{Path, PathBuf};

use tricine_media::{Input, MediaError, MediaFile, NS, TrackKind, inspect};
use video_support::{Clips, all_frames, decode_all, lively, open, reference, samples, video};

/// A page, taken apart.
struct Page {
    head: [u8; 27],
    lens: Vec<u8>,
    body: Vec<u8>,
}

impl Page {
    fn all(mut bytes: &[u8]) -> Vec<Self> {
        let mut pages = Vec::new();
        while let Some((head, rest)) = bytes.split_first_chunk::<27>() {
            let (lens, rest) = rest.split_at(usize::from(head[26]));
            let (body, rest) = rest.split_at(lens.iter().map(|&len| usize::from(len)).sum());
            pages.push(Self { head: *head, lens: lens.to_vec(), body: body.to_vec() });
            bytes = rest;
        }
        pages
    }

    /// The page with the checksum that it should have.
    fn bytes(&self) -> Vec<u8> {
        let mut page = [&self.head[..22], &[0; 4], &[self.lens.len() as u8], &self.lens, &self.body].concat();
        let sum = page.iter().fold(0u32, |sum, &byte| {
            (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 })
        });
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        page
    }
}

/// Writes a changed copy of `path` beside it.
fn changed(path: &Path, change: impl FnOnce(&mut Vec<Page>)) -> PathBuf {
    let mut pages = Page::all(&std::fs::read(path).unwrap());
    change(&mut pages);
    let changed = path.with_file_name(format!("changed-{}", path.file_name().unwrap().display()));
    std::fs::write(&changed, pages.iter().flat_map(Page::bytes).collect::<Vec<u8>>()).unwrap();
    changed
}

/// A film of Theora alone, with a page for each picture.
fn pictures(clips: &Clips, name: &str, size: &str, seconds: &str) -> Option<PathBuf> {
    let settings = "-c:v libtheora -q:v 6 -g 12 -keyint_min 12 -page_duration 1";
    clips.make(name, &format!("{} {settings}", lively(size, "25", seconds)))
}

#[test]
fn an_empty_packet_shows_the_picture_before_once_more() {
    let Some(clips) = Clips::new("ogg-again") else { return };
    let Some(path) = pictures(&clips, "film.ogv", "96x64", "1") else { return };
    let mut whole = decode_all(&path);
    // The last picture in front of a key picture: none other refers to it.
    let again = changed(&path, |pages| {
        let keys: Vec<usize> =
            (0..pages.len()).filter(|&n| pages[n].body.first().is_some_and(|b| b >> 6 == 0)).collect();
        let page = &mut pages[keys[1] - 1];
        assert!(page.body[0] >> 6 == 1, "it is no picture between key pictures");
        (page.lens, page.body) = (vec![0], Vec::new());
    });
    let ours = decode_all(&again);
    assert_eq!(ours.len(), 25);
    let at = (0..25).find(|&n| ours[n].2 != whole[n].2).expect("another picture");
    whole[at].2 = whole[at - 1].2.clone();
    assert!(ours == whole, "picture {at} is not the one before, or others are changed, too");
}

#[test]
fn what_is_shown_of_a_picture_lies_where_its_header_says() {
    let Some(clips) = Clips::new("ogg-crop") else { return };
    let Some(path) = pictures(&clips, "film.ogv", "176x144", "0.4") else { return };
    for (width, height, left, up) in [(160, 120, 8, 6), (161, 121, 4, 2), (150, 101, 7, 5), (176, 144, 0, 0)] {
        let cropped = changed(&path, |pages| {
            let header = &mut pages[0].body;
            assert_eq!((&header[..7], &header[14..22]), (&b"\x80theora"[..], &[0, 0, 176, 0, 0, 144, 0, 0][..]));
            header[14..22].copy_from_slice(&[0, 0, width, 0, 0, height, left, up]);
        });
        let ours = decode_all(&cropped);
        let theirs = reference(&cropped, ours[0].2.len());
        assert_eq!((ours.len(), theirs.len()), (10, 10), "{width}×{height}");
        assert!(ours.iter().zip(&theirs).all(|(ours, theirs)| ours.2 == *theirs), "{width}×{height} at {left}, {up}");
    }
}

#[test]
fn links_of_films_follow_each_other_and_are_sought() {
    let Some(clips) = Clips::new("ogg-links") else { return };
    let tone = "-f lavfi -i sine=duration=1:sample_rate=48000";
    let made = |name: &str, size: &str, settings: &str| {
        let source = lively(size, "25", "1").replace(" -pix_fmt", " -map 1 -map 0 -pix_fmt");
        clips.make(name, &format!("{tone} {source} -c:v libtheora -q:v 6 -g 12 -page_duration 200000 {settings}"))
    };
    let parts =
        [made("one.ogv", "96x64", "-c:a libvorbis"), made("two.ogv", "64x96", "-c:a libopus -output_ts_offset 9")];
    let [Some(one), Some(two)] = parts else { return };
    let chain = clips.path("chain.ogv");
    std::fs::write(&chain, [std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap()].concat()).unwrap();
    let (one, two) = (decode_all(&one), decode_all(&two));
    let lasts = inspect(&file(&chain)).unwrap().duration_ns.unwrap();
    assert!(lasts.abs_diff(2 * NS) < NS as u64 / 20, "{lasts}");
    let whole = decode_all(&chain);
    assert!(whole.len() == 50 && whole.iter().map(|frame| &frame.2).eq(one.iter().chain(&two).map(|frame| &frame.2)));
    // The second link begins when all of the first one has ended.
    assert!((NS..NS + NS / 20).contains(&whole[25].0), "{}", whole[25].0);
    assert!(whole.windows(2).all(|two| (two[1].0 - two[0].0).abs_diff(NS / 25) < NS as u64 / 20));
    let mut video = video(&chain);
    for target in [1_500_000_000, 200_000_000, 1_999_000_000, 999_000_000, 1_100_000_000, 0] {
        video.seek(target).unwrap();
        let mut frame = video.next_frame().unwrap().unwrap();
        let wanted = whole.iter().rposition(|frame| frame.0 <= target).unwrap_or(0);
        assert_eq!(frame.pts_ns, whole[wanted].0, "to {target}");
        assert!(samples(&mut frame) == whole[wanted].2, "to {target}");
    }
}

fn file(path: &Path) -> MediaFile {
    MediaFile::new(std::fs::File::open(path).unwrap(), "film").unwrap()
}

/// Plays what can be played: the pictures, and how often something was missing.
fn damaged(path: &Path) -> (Vec<(i64, Vec<u8>)>, usize) {
    let (mut video, mut shown, mut damages) = (video(path), Vec::new(), 0);
    loop {
        match video.next_frame() {
            Ok(Some(mut frame)) => shown.push((frame.pts_ns, samples(&mut frame))),
            Ok(None) => return (shown, damages),
            Err(MediaError::Damaged(_)) => damages += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn without_a_page_nothing_is_shown_that_depends_on_it() {
    let Some(clips) = Clips::new("ogg-missing") else { return };
    let Some(path) = pictures(&clips, "film.ogv", "96x64", "2") else { return };
    let whole: Vec<_> = decode_all(&path).into_iter().map(|(pts_ns, _, samples)| (pts_ns, samples)).collect();
    let count = Page::all(&std::fs::read(&path).unwrap()).len();
    for number in count - 40..count - 15 {
        // It is gone, its checksum is wrong, or something lies in front of it.
        let gone = changed(&path, |pages| drop(pages.remove(number)));
        let (fewer, damages) = damaged(&gone);
        assert!(damages == 1 && (37..50).contains(&fewer.len()), "{number}: {} pictures, {damages}", fewer.len());
        assert!(fewer.iter().all(|frame| whole.contains(frame)), "{number}: another picture");
        let mut pages: Vec<Vec<u8>> = Page::all(&std::fs::read(&path).unwrap()).iter().map(Page::bytes).collect();
        *pages[number].last_mut().unwrap() ^= 4;
        std::fs::write(&gone, pages.concat()).unwrap();
        assert!(damaged(&gone) == (fewer, 1), "{number}: a wrong checksum");
        *pages[number].last_mut().unwrap() ^= 4;
        pages.insert(number, b"OggS is what a page begins with".repeat(100));
        std::fs::write(&gone, pages.concat()).unwrap();
        assert!(damaged(&gone) == (whole.clone(), 0), "{number}: something between pages");
    }
}

#[test]
fn tracks_chapters_and_what_is_not_played_are_told() {
    let Some(clips) = Clips::new("ogg-about") else { return };
    let words = clips.path("words.txt");
    let chapters = ";FFMETADATA1\ntitle=A film\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=400\ntitle=One\n[CHAPTER]\n\
                    TIMEBASE=1/1000\nSTART=400\nEND=1000\ntitle=Two\n";
    std::fs::write(&words, chapters).unwrap();
    let tone = "-f lavfi -i sine=duration=1:sample_rate=48000";
    let maps = format!("-i {} -map_metadata 3 -map_chapters 3 -map 0 -map 1 -map 2", words.display());
    let source = lively("96x64", "25", "1").replace(" -pix_fmt", &format!(" {tone} {tone} {maps} -pix_fmt"));
    let settings = "-c:v libtheora -c:a:0 libspeex -c:a:1 libopus -metadata:s:a:1 language=fra";
    let Some(path) = clips.make("film.ogv", &format!("{source} {settings}")) else { return };
    let about = inspect(&file(&path)).unwrap();
    assert_eq!(about.format, "Ogg");
    assert_eq!(about.chapters, [(0, "One".into()), (400_000_000, "Two".into())]);
    let titles = about.tags.iter().filter(|tag| **tag == ("title".into(), "A film".into())).count();
    assert_eq!(titles, 1, "{:?}", about.tags);
    let tracks: Vec<_> = about.tracks.iter().map(|track| (track.kind, track.codec.as_str())).collect();
    assert_eq!(tracks, [(TrackKind::Video, "Theora"), (TrackKind::Audio, "Speex"), (TrackKind::Audio, "Opus")]);
    assert_eq!(about.tracks[2].language.as_deref(), Some("fra"));
    let problems: Vec<_> = about.tracks.iter().map(|track| track.problem.as_deref()).collect();
    assert!(problems[0].is_none() && problems[1].is_some_and(|why| why.contains("Speex")) && problems[2].is_none());
    // The second sound plays in the place of the first.
    let media = open(&path).unwrap();
    assert_eq!(media.audio.unwrap().info().codec, "Opus");
    assert_eq!(all_frames(&mut *media.video.unwrap(), &path).len(), 25);
    let Some(path) = clips.make("talk.spx", &format!("{tone} -c:a libspeex")) else { return };
    let error = tricine_media::open(&Input::File(file(&path))).err().expect("nothing plays Speex").to_string();
    assert!(error.contains("Speex audio is not supported") && error.contains("OUT.mkv"), "{error}");
}
