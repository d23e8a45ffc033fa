//! Files of subtitles of any kind, and pages of them: read within bounds, whatever they say.

use tricine_media::subtitle::{Origin, Subtitles, parse};
use tricine_media::{MediaError, MediaFile};
use tricine_session::cues::{FontPart, Gathered, Page};

/// Reads some pages from two places on.
fn walk(all: &Subtitles) {
    for number in 1..=all.tracks().len().min(4) {
        let fonts = all.fonts(number);
        assert!(fonts.fonts.len() <= 200 && fonts.fonts.iter().all(|font| font.read().len() == font.len()));
        let Ok((mut pages, _)) = all.open(number) else { continue };
        for target_ns in [0, 5_000_000_000] {
            let mut at_ns = target_ns;
            let mut next = pages.seek(target_ns).and_then(|()| pages.next_page());
            for _ in 0..100 {
                match &next {
                    Ok(Some(page)) => {
                        // One after another, without a gap.
                        assert!(page.start_ns == at_ns && page.end_ns > at_ns && page.cues.len() <= 32);
                        at_ns = page.end_ns;
                    }
                    Err(MediaError::Damaged(_)) => {}
                    Ok(None) | Err(_) => break,
                }
                next = pages.next_page();
            }
        }
    }
}

/// A disc's pictures with an index. By the first byte: packets as they are, with any index, or one picture within a packet.
fn disc(bytes: &[u8]) -> Option<()> {
    let (first, rest) = bytes.split_first()?;
    let honest = "size: 720x576\npalette: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f\nid: en, index: 0\ntimestamp: 00:00:01:000, filepos: 0\n";
    let (index, pictures) = if first % 4 == 0 {
        let (index, pictures) = rest.split_at(rest.len() / 2);
        (index.to_vec(), pictures.to_vec())
    } else {
        let rest = &rest[..rest.len().min(60_000)];
        let size = ((rest.len() + 2) as u16).to_be_bytes();
        let [high, low] = (rest.len() as u16 + 11).to_be_bytes();
        let pack = [0, 0, 1, 0xba, 0x44, 0, 4, 0, 4, 1, 0, 0, 3, 0xf8];
        let head = [0, 0, 1, 0xbd, high, low, 0x81, 0x80, 5, 0x21, 0, 1, 0, 1, 0x20, size[0], size[1]];
        (honest.as_bytes().to_vec(), [&pack[..], &head, rest].concat())
    };
    let mut all = Subtitles::default();
    all.add("film.mkv", MediaFile::from_bytes(pictures, "film.sub"), Origin::Given);
    walk(&all);
    all.add("film.mkv", MediaFile::from_bytes(index, "film.idx"), Origin::Beside);
    walk(&all);
    Some(())
}

pub(crate) fn run(bytes: &[u8]) {
    if let Some((_, cues)) = parse(bytes) {
        assert!(cues.iter().all(|cue| cue.start_ns < cue.end_ns && cue.words().len() <= 4_096));
        assert!(cues.is_sorted_by_key(|cue| cue.start_ns));
    }
    let mut all = Subtitles::default();
    all.add("film.mkv", MediaFile::from_bytes(bytes, "film.en.srt"), Origin::Beside);
    walk(&all);
    disc(bytes);
    if let Some(part) = FontPart::decode(bytes) {
        assert_eq!(part.encode(), bytes);
        Gathered::default().add(&part).iter().for_each(|set| assert!(set.fonts().count() <= bytes.len()));
    }
    if let Some(page) = Page::decode(bytes) {
        assert_eq!(Page::decode(&page.encode()), Some(page));
    }
}
