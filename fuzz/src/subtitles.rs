//! Files of subtitles of any kind, and pages of them: read within bounds, whatever they say.

use tricine_media::subtitle::{Origin, Subtitles, parse};
use tricine_media::{Input, MediaError, MediaFile};
use tricine_session::cues::{FontPart, Gathered, Page};

use crate::draw::Draw;
use crate::made::ts;

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

/// Values of four bits as teletext protects them.
const HAMMING: [u8; 16] =
    [0x15, 0x02, 0x49, 0x5e, 0x64, 0x73, 0x38, 0x2f, 0xd0, 0xc7, 0x8c, 0x9b, 0xa1, 0xb6, 0xfd, 0xea];

/// Five pictures.
const FILM: &[u8] = include_bytes!("../films/captions/bare.m2v");

/// A transport stream with pictures and with lines of teletext: of each, so many bytes at its start are protected values, and the rest are codes.
fn teletext(bytes: &[u8]) -> Vec<u8> {
    let draw = &mut Draw(&[]);
    let programmes = ts::table(draw, 0, &[0, 1, 0xe1, 0]);
    let text = [6, 0xe1, 2, 0xf0, 7, 0x56, 5, b'd', b'e', b'u', 0x10, 0x88];
    let tracks = ts::table(draw, 2, &[&[0xe1, 1, 0xf0, 0, 0x02, 0xe1, 1, 0xf0, 0][..], &text].concat());
    let mut file = [ts::unit(draw, 0, true, 0, &programmes), ts::unit(draw, 0x100, true, 0, &tracks)].concat();
    let pictures = [&[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5][..], &ts::stamp(2, 90_000), FILM].concat();
    for (number, part) in (0_u8..).zip(pictures.chunks(183)) {
        file.extend(ts::unit(draw, 0x101, number == 0, number, part));
    }
    for (number, lines) in (0..40_u8).zip(bytes.chunks(3 * 41)) {
        let mut units = vec![0x10];
        for line in lines.chunks(41) {
            let (how, line) = line.split_first().unwrap_or((&0, &[]));
            let mut sent = [0x20_u8; 42];
            sent[..line.len()].copy_from_slice(line);
            for (at, byte) in sent.iter_mut().enumerate() {
                let code = *byte & 0x7f;
                let odd = if code.count_ones().is_multiple_of(2) { 0x80 } else { 0 };
                *byte = if at < usize::from(how % 12) { HAMMING[usize::from(*byte & 15)] } else { code | odd };
            }
            units.extend([3, 44, 0xe7, 0xe4]);
            units.extend(sent.map(u8::reverse_bits));
        }
        let head = [0, 0, 1, 0xbd, 0, units.len() as u8 + 8, 0x84, 0x80, 5];
        let stamp = ts::stamp(2, 90_000 + 90_000 * u64::from(number));
        file.extend(ts::unit(draw, 0x102, true, number, &[&head[..], &stamp, &units].concat()));
    }
    file
}

/// Five pictures, with captions as American television has them, or as DVDs do.
fn captions(bytes: &[u8]) -> Vec<u8> {
    let Some((first, rest)) = bytes.split_first() else { return FILM.to_vec() };
    let mut pairs = rest.chunks(2 * 31);
    let (mut out, mut waiting) = (Vec::new(), false);
    for (at, byte) in FILM.iter().enumerate() {
        match FILM[at..] {
            [0, 0, 1, 0, ..] => waiting = true,
            [0, 0, 1, 1..=0xaf, ..] if std::mem::take(&mut waiting) => {
                let pairs = pairs.next().unwrap_or_default();
                let count = pairs.len().div_ceil(2) as u8;
                out.extend([0, 0, 1, 0xb2]);
                match first % 4 {
                    0 => out.extend([b'C', b'C', 1, 0xf8, first & 0x80 | count]),
                    _ => out.extend([b'G', b'A', b'9', b'4', 3, 0x40 | count, 0xff]),
                }
                for pair in pairs.chunks(2) {
                    let odd =
                        |byte: u8| byte & 0x7f | if (byte & 0x7f).count_ones().is_multiple_of(2) { 0x80 } else { 0 };
                    out.extend([
                        0xfc | u8::from(first & 0x40 != 0),
                        odd(pair[0]),
                        odd(pair.get(1).copied().unwrap_or(0)),
                    ]);
                }
            }
            _ => {}
        }
        out.push(*byte);
    }
    out
}

/// What television has: in films.
fn television(bytes: &[u8]) {
    for film in [teletext(bytes), captions(bytes)] {
        if let Ok(media) = tricine_media::open(&Input::File(MediaFile::from_bytes(film, "film"))) {
            walk(&media.subtitles);
        }
    }
}

/// Before the first input: that such films have tracks to be read.
pub(crate) fn begin() {
    let tracks = |film: Vec<u8>| {
        let media = tricine_media::open(&Input::File(MediaFile::from_bytes(film, "honest"))).expect("an honest film");
        media.subtitles.tracks().len()
    };
    assert_eq!((tracks(teletext(&[4; 500])), tracks(captions(&[1; 500]))), (1, 1));
}

pub(crate) fn run(bytes: &[u8]) {
    television(bytes);
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
