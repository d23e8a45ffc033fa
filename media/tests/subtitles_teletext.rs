//! Teletext's subtitles in a transport stream: the same letters at the same time as FFmpeg's (which are libzvbi's).

#[path = "support/shown.rs"]
mod shown;
#[path = "support/mod.rs"]
mod support;

mod television;

use std::path::Path;
use std::process::Command;

use shown::{Shown, ours};
use support::Tool;
use television::{Head, Line, boxed, changes, descriptor, filler, pes, row, sets, with_track};
use tricine_media::subtitle::{Body, Subtitles};
use tricine_media::{Input, MediaFile, guard};

/// Where FFmpeg's films begin, in ticks.
const BEGIN: i64 = 129_600;
const FILM: &str = "-f lavfi -i testsrc2=s=160x120:r=25:d=14 -c:v mpeg2video -b:v 300k -bf 0 -f mpegts";

fn film(tool: &Tool) -> Option<Vec<u8>> {
    tool.make(FILM, "bare.ts").map(|_| std::fs::read(tool.path("bare.ts")).unwrap())
}

/// Lines at times in ms of the film.
fn sent(lines: &[(i64, Vec<Line>)]) -> Vec<(i64, Vec<u8>)> {
    let ticks = |ms: &i64| BEGIN + ms * 90;
    lines.iter().map(|(ms, lines)| (ticks(ms), pes(Some(ticks(ms)), lines))).collect()
}

fn subtitles(film: &[u8]) -> Subtitles {
    tricine_media::open(&Input::File(MediaFile::from_bytes(film, "film.ts"))).unwrap().subtitles
}

/// FFmpeg's: when, and what. It does not say until when.
fn theirs(path: &Path, options: &[&str]) -> Vec<(i64, String)> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-copyts", "-txt_format", "text"]).args(options).arg("-i").arg(path);
    let out = command.args(["-map", "0:s:0", "-f", "srt", "-"]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    let shown = text.split("\n\n").filter_map(|block| {
        let (times, words) = block.split_once('\n')?.1.split_once('\n')?;
        let parts: Vec<i64> = times[..12].split([':', ',']).map(|part| part.parse().unwrap()).collect();
        let at = ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1000 + parts[3] - BEGIN / 90;
        Some((at, words.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")))
    });
    shown.filter(|(_, words)| !words.is_empty()).collect()
}

/// The same words in the same order, at the same time.
fn compare(ours: &[Shown], theirs: &[(i64, String)]) {
    // The sign of Turkey's old money is of nobody's font, and Ƶ is how Ż is written by hand.
    // Some letters of its tables are of other languages than what they are for; it writes what is not boxed, and what is concealed.
    let tables = [("Ë", "ĐÐđð"), ("Ţ", "ĂǍăǎÎÍ"), ("ž", "ęȩ"), ("Ю", "ЙЍйѝ"), ("Ї", "їï")];
    let known = |words: &str| {
        let mut words = words.replace('\u{e800}', "₺").replace('Ƶ', "Ż");
        for (of, pairs) in tables {
            let pairs: Vec<char> = pairs.chars().filter(|_| words.contains(of) && !words.contains('à')).collect();
            words = pairs.chunks(2).fold(words, |words, pair| words.replace(pair[1], &pair[0].to_string()));
        }
        words.replace("gone", "    ").replace("   seen by none\nnot boxed", "")
    };
    let theirs: Vec<_> = theirs.iter().map(|(at, words)| (at, known(words))).collect();
    let words = |(_, _, words): &Shown| words.clone();
    assert_eq!(
        ours.iter().map(words).collect::<Vec<_>>(),
        theirs.iter().map(|(_, words)| words.clone()).collect::<Vec<_>>()
    );
    for ((start, _, words), (other, _)) in ours.iter().zip(theirs) {
        assert!((start - *other).abs() <= 1, "{words}: from {start} and {other}");
    }
}

#[test]
fn the_letters_of_every_language_are_those_of_ffmpeg() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("teletext") else { return };
    let Some(film) = film(&tool) else { return };
    let mut letters = 0;
    for (language, region, sets) in [
        ("deu", "0", &[0, 1, 2, 3, 4, 5, 6][..]),
        ("pol", "8", &[0, 1, 2, 3, 4, 6]),
        ("tur", "16", &[0, 1, 2, 3, 4, 5, 6]),
        ("hrv", "24", &[5, 7]),
        ("rus", "32", &[0, 1, 2, 3, 4, 5, 6]),
        ("ell", "48", &[6, 7]),
    ] {
        let codes: Vec<u8> = (0x21..0x7f).filter(|code| !b"<>".contains(code)).collect();
        let mut lines = Vec::new();
        for (number, set) in (1..).zip(sets) {
            let head = Head { language: *set, ..Head::subtitle(8, 0x88) };
            let rows = codes.chunks(24).enumerate();
            let rows = rows.map(|(at, codes)| row(8, 16 + 2 * at as u8, 3, &boxed(codes)));
            let page = [head.line()].into_iter().chain(rows).chain([filler(8)]).collect();
            lines.push((1_000 * number, page));
            lines.push((1_000 * number + 600, vec![head.line(), filler(8)]));
        }
        let made = with_track(&film, &descriptor(&[(language, 2, 8, 0x88)]), &sent(&lines));
        let path = tool.path(&format!("{language}.ts"));
        std::fs::write(&path, &made).unwrap();
        let theirs = theirs(&path, &["-txt_page", "888", "-txt_default_region", region]);
        let ours = ours(&subtitles(&made), 1, 0, 12_000);
        assert_eq!((ours.len(), theirs.len()), (sets.len(), sets.len()), "{language}");
        compare(&ours, &theirs);
        letters += ours.iter().map(|(_, _, words)| words.chars().count()).sum::<usize>();
    }
    assert!(letters > 2_900, "{letters}");
}

#[test]
fn rows_columns_colours_and_changes_are_those_of_ffmpeg() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("teletext") else { return };
    let Some(film) = film(&tool) else { return };
    let head = Head::subtitle(8, 0x88);
    let german = Head { language: 1, ..head };
    // A letter of G2, letters with signs of all kinds, one where nothing is boxed, one in row 24.
    let words: Vec<(u8, u8, u8)> = [(40 + 20, 4, 0), (5, 15, 0x6a), (6, 15, 0x41)]
        .into_iter()
        .chain((7..22).map(|n| (n, 0x10 + (n - 6) % 16, b"aeiouAEIOUczsnZ"[usize::from(n) - 7])))
        .chain([(40 + 22, 4, 0), (4, 16, b'*'), (40, 4, 0), (6, 15, 0x7b)])
        .collect();
    let (first, second) = words.split_at(13);
    let colours = boxed(b"one\x01red\x06cyan\x1d\x07on cyan\x1c\x18gone\x02green");
    let lines = [
        (
            1_000,
            vec![
                head.line(),
                changes(8, 0, first),
                changes(8, 1, second),
                row(8, 20, 2, &boxed(b"xxxxxxxxxxxxxxxxxxxxxxxxxx")),
                row(8, 22, 0, &boxed(b"below")),
                row(8, 24, 2, &boxed(b"last row")),
                filler(8),
            ],
        ),
        (
            2_000,
            vec![
                head.line(),
                row(8, 3, 0, &colours),
                row(8, 4, 0, &boxed(b"covered")),
                row(8, 21, 4, b"\x0b\x0bsingle\x0a\x0a seen by none"),
                row(8, 23, 0, b"not boxed"),
                filler(8),
            ],
        ),
        // Not erased: rows are added, and one is written anew.
        (
            3_000,
            vec![
                Head { erases: false, ..head }.line(),
                row(8, 21, 4, b"\x0b\x0btwo\x0a\x0a"),
                row(8, 23, 4, &boxed(b"three")),
                filler(8),
            ],
        ),
        // Another page of the same magazine, and another magazine's, sent between the head and its rows.
        (
            4_000,
            vec![
                Head::subtitle(8, 0x89).line(),
                row(8, 22, 4, &boxed(b"of 889")),
                Head::subtitle(1, 0x50).line(),
                german.line(),
                row(1, 22, 3, &boxed(b"of 150")),
                row(8, 22, 6, &boxed(b"@[\\]{|}~")),
                filler(1),
                filler(8),
            ],
        ),
        // One after another: the head of any magazine ends a page.
        (
            5_000,
            vec![
                Head { serial: true, ..head }.line(),
                row(8, 22, 4, &boxed(b"serial")),
                Head { serial: true, ..Head::subtitle(1, 0x51) }.line(),
                row(8, 23, 4, &boxed(b"lost")),
            ],
        ),
        // The page says which letters it has, and which a row changes to.
        (
            6_000,
            vec![head.line(), sets(8, 28, 0x24, 0x01), row(8, 20, 4, &boxed(b"PRIWET \x1b@[]{}\x1b DA")), filler(8)],
        ),
        (7_000, vec![sets(8, 29, 0x25, 0x25), head.line(), row(8, 20, 4, &boxed(b"Y [ ] _ &")), filler(8)]),
        (8_000, vec![head.line(), filler(8)]),
    ];
    let pages = descriptor(&[("deu", 2, 8, 0x88), ("fra", 5, 8, 0x89), ("eng", 1, 1, 0), ("deu", 2, 1, 0x50)]);
    let made = with_track(&film, &pages, &sent(&lines));
    let path = tool.path("film.ts");
    std::fs::write(&path, &made).unwrap();
    let found = subtitles(&made);
    let tracks: Vec<_> = found
        .tracks()
        .map(|track| (track.language.clone().unwrap(), track.name.clone().unwrap(), track.default))
        .collect();
    let track = |language: &str, name: &str| (language.to_owned(), name.to_owned(), false);
    assert_eq!(
        tracks,
        [track("deu", "page 888"), track("fra", "page 889, for the hard of hearing"), track("deu", "page 150")]
    );
    assert_eq!((found.usual(&[]), found.usual(&["fr".into()]), found.usual(&["de".into()])), (None, Some(2), Some(1)));
    for (number, page, count) in [(1, "888", 6), (2, "889", 1), (3, "150", 1)] {
        let theirs = theirs(&path, &["-txt_page", page, "-txt_default_region", "0"]);
        let mut ours = ours(&found, number, 0, 12_000);
        if number == 1 {
            // FFmpeg leaves out a page with changes.
            let (from, until, words) = ours.remove(0);
            assert_eq!((from, until, &*words), (1_000, 2_000, "Œ`àéîõūĂĖÏOŮçzsnŽxxxxxxxxx\nb@low\n  lßst row"));
        }
        assert_eq!(theirs.len(), count, "{page}");
        compare(&ours, &theirs);
    }
    let (mut pages, _) = found.open(1).unwrap();
    pages.seek(2_500_000_000).unwrap();
    let page = pages.next_page().unwrap().unwrap();
    let cues: Vec<_> = page.on().collect();
    let [Body::Text { spans, place }, Body::Text { place: below, .. }] = [&cues[0].body, &cues[1].body] else {
        panic!("text")
    };
    assert_eq!((place.align, below.align), (8, 1));
    let looks: Vec<_> = spans.iter().map(|span| (span.text.trim(), span.look.color.unwrap(), span.look.back)).collect();
    let (white, red, cyan, green) = (0xffff_ffff, 0xffff_0000, 0xff00_ffff, 0xff00_ff00);
    assert!(looks.contains(&("red", red, None)) && looks.contains(&("on cyan", white, Some(cyan))), "{looks:?}");
    assert!(looks.contains(&("one", white, None)) && looks.contains(&("green", green, None)), "{looks:?}");
}

/// A line every second, of pages that nothing ends.
fn counted() -> Vec<(i64, Vec<u8>)> {
    let head = Head::subtitle(8, 0x88);
    let lines = (1..13).map(|n| (1_000 * n, vec![head.line(), row(8, 22, 4, &boxed(format!("line {n}").as_bytes()))]));
    sent(&lines.collect::<Vec<_>>())
}

#[test]
fn pages_come_right_behind_seeks_and_holes_and_in_films_that_were_joined() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("teletext") else { return };
    let Some(film) = film(&tool) else { return };
    // The pages that are listed, and any.
    for listed in [descriptor(&[("deu", 2, 8, 0x88)]), descriptor(&[])] {
        let made = with_track(&film, &listed, &counted());
        let found = subtitles(&made);
        let shown = ours(&found, 1, 0, 13_500);
        assert_eq!(shown.len(), 12);
        for n in 1..=12_i64 {
            assert_eq!(shown[n as usize - 1].0, 1_000 * n);
            let first = ours(&found, 1, 1_000 * n + 300, 1_000 * n + 301);
            assert_eq!((first[0].0, &*first[0].2), (1_000 * n + 300, &*format!("line {n}")));
        }
        let twice = [made.as_slice(), &made].concat();
        let words: Vec<_> = ours(&subtitles(&twice), 1, 0, 27_500).into_iter().map(|(_, _, words)| words).collect();
        let wanted: Vec<_> = (1..=12).chain(1..=12).map(|n| format!("line {n}")).collect();
        assert_eq!(words, wanted);
        // A hole of two seconds; and single bytes anywhere.
        let units = made.len() / 188;
        let hole = [&made[..units * 5 / 14 * 188], &made[units * 7 / 14 * 188..]].concat();
        let shown = ours(&subtitles(&hole), 1, 0, 13_500);
        let missing = (1..=12).filter(|n| !shown.iter().any(|(_, _, words)| *words == format!("line {n}"))).count();
        assert!(missing <= 3 && shown.last().unwrap().2 == "line 12", "{shown:?}");
        for seed in 0..40 {
            let mut damaged = made.clone();
            let calm = damaged.len() / 5;
            support::flip(&mut damaged[calm..], seed, 400);
            ours(&subtitles(&damaged), 1, 0, 13_500);
        }
    }
}

#[test]
fn times_that_are_not_the_films_give_way_to_its_clock() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("teletext") else { return };
    let Some(film) = film(&tool) else { return };
    for wrong in [None, Some(77), Some(BEGIN + 90_000 * 3_600)] {
        let head = Head::subtitle(8, 0x88);
        let packet = |ms: i64| {
            let lines = [head.line(), row(8, 22, 4, &boxed(format!("at {ms}").as_bytes())), filler(8)];
            (BEGIN + ms * 90, pes(wrong, &lines))
        };
        let made =
            with_track(&film, &descriptor(&[("deu", 2, 8, 0x88)]), &[packet(1_000), packet(3_500), packet(7_000)]);
        let found = subtitles(&made);
        for shown in [ours(&found, 1, 0, 13_000), ours(&found, 1, 900, 13_000)] {
            assert_eq!(shown.len(), 3, "{wrong:?}");
            for ((at, _, words), wanted) in shown.iter().zip([1_000, 3_500, 7_000]) {
                assert!(*words == format!("at {wanted}") && (0..=100).contains(&(wanted - at)), "{wrong:?}: {shown:?}");
            }
        }
    }
}
