//! Subtitles of DVDs in every file that they come in: the same points in the same colours at the same time as FFmpeg lays them over a film.

#[path = "support/mod.rs"]
mod support;

mod disc;

use std::path::Path;
use std::process::Command;

use disc::{Shown, drawn};
use support::{Tool, open};
use tricine_media::subtitle::{Body, Origin, Subtitles};
use tricine_media::{Input, MediaFile, guard};

const WIDTH: usize = 720;
const HEIGHT: usize = 576;
/// Frames a second of the film, and how many it has.
const RATE: i64 = 10;
const FRAMES: usize = 140;

fn shown(at_ms: u32, lasts_ms: Option<u32>, place: (usize, usize), size: (usize, usize), seed: u32) -> Shown {
    let n = seed as u8;
    let (colors, opaque) = ([n % 16, (n + 5) % 16, (n + 9) % 16, (n + 2) % 16], [0, 15, 8 + n % 7, 15]);
    Shown { at_ms, lasts_ms, place, size, colors, opaque, points: drawn(size, seed), forced: seed.is_multiple_of(2) }
}

/// Odd sizes, at every edge, one that takes several packets, one that fills the screen.
fn tracks() -> Vec<(&'static str, Vec<Shown>)> {
    let english = vec![
        shown(1050, Some(1500), (100, 400), (321, 77), 1),
        shown(3050, Some(1300), (0, 0), (64, 2), 2),
        shown(4550, Some(2000), (719, 0), (1, 576), 3),
        shown(7050, Some(1000), (0, 0), (720, 576), 4),
        shown(8550, Some(900), (333, 499), (387, 77), 5),
        shown(10_050, Some(2000), (10, 10), (200, 300), 6),
    ];
    let german =
        vec![shown(2050, Some(3000), (50, 60), (70, 80), 7), shown(9050, Some(1500), (200, 300), (99, 101), 8)];
    vec![("en", english), ("de", german)]
}

/// FFmpeg's pictures of a black film with a track laid over it: RGB, one after another. The film is the file's own, if it has one.
fn judged(path: &Path, track: usize) -> Vec<u8> {
    let film = format!("color=black:s={WIDTH}x{HEIGHT}:r={RATE}:d={}", FRAMES as i64 / RATE);
    let own = !matches!(path.extension().and_then(|end| end.to_str()), Some("idx" | "sub" | "sup"));
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin"]);
    if !own {
        // Its times are those of the film, though it begins later.
        command.args(["-copyts", "-f", "lavfi", "-i", &film]);
    }
    let words = format!("{}:s:{track}", usize::from(!own));
    let over = format!("[0:v]fps={RATE},format=gbrp[film];[film][{words}]overlay=format=gbrp,format=rgb24");
    let out = command.arg("-i").arg(path).args(["-filter_complex", &over, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]);
    let out = out.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// Ours at a time of the film.
fn painted(subtitles: &Subtitles, track: usize, at_ns: i64) -> Vec<u8> {
    let (mut pages, said) = subtitles.open(track).unwrap();
    assert_eq!(said, None);
    pages.seek(at_ns).unwrap();
    let page = pages.next_page().unwrap().unwrap();
    assert!(page.start_ns <= at_ns && page.end_ns > at_ns);
    let mut out = vec![0; WIDTH * HEIGHT * 3];
    for cue in &page.cues {
        let Body::Picture(picture) = &cue.body else { panic!("a picture") };
        assert_eq!(picture.within, (WIDTH as u32, HEIGHT as u32));
        for (at, index) in picture.indices.iter().enumerate() {
            let [alpha, color @ ..] = picture.palette[usize::from(*index)].to_be_bytes();
            let x = picture.x as usize + at % picture.width as usize;
            let y = picture.y as usize + at / picture.width as usize;
            let point = &mut out[(y * WIDTH + x) * 3..][..3];
            for (below, color) in point.iter_mut().zip(color) {
                let (alpha, below_alpha) = (u32::from(alpha), 255 - u32::from(alpha));
                *below = ((u32::from(color) * alpha + u32::from(*below) * below_alpha + 127) / 255) as u8;
            }
        }
    }
    out
}

/// Compares every frame, in an order that goes to and fro.
fn compare(name: &str, subtitles: &Subtitles, track: usize, judge: &[u8]) {
    let frame = WIDTH * HEIGHT * 3;
    assert!(judge.len() / frame >= FRAMES - 1, "{name}: {} frames", judge.len() / frame);
    let mut seen = 0;
    for at in (0..FRAMES - 1).map(|at| at * 37 % (FRAMES - 1)) {
        let ours = painted(subtitles, track, at as i64 * 1_000_000_000 / RATE);
        let theirs = &judge[at * frame..][..frame];
        let worst = ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst <= 2, "{name}, track {track}, frame {at}: a value is off by {worst}");
        seen += usize::from(theirs.iter().any(|byte| *byte > 0));
    }
    assert!(seen > 20, "{name}: {seen} frames show something");
}

fn add_all(paths: &[&Path]) -> Subtitles {
    let mut all = Subtitles::default();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy();
        let file = MediaFile::new(std::fs::File::open(path).unwrap(), name).unwrap();
        all.add("film.mkv", file, Origin::Given);
    }
    all
}

fn within(path: &Path) -> Subtitles {
    tricine_media::open(&Input::File(open(path))).unwrap().subtitles
}

fn names(all: &Subtitles) -> Vec<(&str, Option<&str>)> {
    all.tracks().map(|track| (track.codec.as_str(), track.language.as_deref())).collect()
}

#[test]
fn pictures_of_an_index_are_those_of_ffmpeg() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("disc-index") else { return };
    let index = disc::write(&tool.path(""), "film.de", &tracks());
    let pictures = index.with_extension("sub");
    let judges = [judged(&index, 0), judged(&index, 1)];
    for (what, order) in [("index first", [&*index, &*pictures]), ("pictures first", [&*pictures, &*index])] {
        let all = add_all(&order);
        assert_eq!(names(&all), [("VobSub", Some("en")), ("VobSub", Some("de"))]);
        assert!(all.tracks().all(|track| track.problem.is_none() && track.origin == Origin::Given));
        assert_eq!((all.usual(&[]), all.usual(&["de".into()])), (Some(1), Some(1)), "what is given comes first");
        compare(what, &all, 1, &judges[0]);
        compare(what, &all, 2, &judges[1]);
    }
    // An index alone is said to lack its pictures; pictures alone are shown, in colours that are guessed.
    let alone = add_all(&[&index]);
    let problem = alone.tracks().next().and_then(|track| track.problem.clone());
    assert_eq!(problem.as_deref(), Some("film.de.idx without film.de.sub as subtitles"));
    assert!(alone.open(1).is_err() && alone.usual(&[]).is_none());
    let alone = add_all(&[&pictures]);
    assert_eq!(names(&alone).len(), 2);
    compare("pictures alone", &alone, 1, &judged(&pictures, 0));
}

fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    let len = (1 << 56 | body.len() as u64).to_be_bytes();
    [id, &len, body].concat()
}

/// A Matroska film of one JPEG picture and a track whose blocks and whose description, an index, are compressed.
fn compressed(jpeg: &[u8], index: &str, shown: &[Shown]) -> Vec<u8> {
    let zlib = |data: &[u8]| miniz_oxide::deflate::compress_to_vec_zlib(data, 6);
    let film = [element(&[0xd7], &[1]), element(&[0x83], &[1]), element(&[0x86], b"V_MJPEG")].concat();
    // By zlib, of the blocks and of the description.
    let how = [element(&[0x50, 0x32], &[3]), element(&[0x50, 0x34], &element(&[0x42, 0x54], &[0]))].concat();
    let words = [
        element(&[0xd7], &[2]),
        element(&[0x83], &[0x11]),
        element(&[0x86], b"S_VOBSUB"),
        element(&[0x6d, 0x80], &element(&[0x62, 0x40], &how)),
        element(&[0x63, 0xa2], &zlib(index.as_bytes())),
    ];
    let block = |track: u8, at_ms: u32, data: &[u8]| {
        let head = [&[0x80 | track][..], &(at_ms as u16).to_be_bytes(), &[0]].concat();
        element(&[0xa0], &element(&[0xa1], &[&head, data].concat()))
    };
    let mut blocks = [element(&[0xe7], &[0]), block(1, 0, jpeg)].concat();
    blocks.extend(shown.iter().flat_map(|shown| block(2, shown.at_ms, &zlib(&shown.spu()))));
    let tracks = [element(&[0xae], &film), element(&[0xae], &words.concat())].concat();
    let segment = [element(&[0x16, 0x54, 0xae, 0x6b], &tracks), element(&[0x1f, 0x43, 0xb6, 0x75], &blocks)].concat();
    let head = element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], b"matroska"));
    [head, element(&[0x18, 0x53, 0x80, 0x67], &segment)].concat()
}

#[test]
fn a_compressed_track_is_shown_as_a_plain_one() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("disc-zlib") else { return };
    let index = disc::write(&tool.path(""), "disc", &tracks());
    let picture = format!("-f lavfi -i color=black:s={WIDTH}x{HEIGHT} -frames:v 1");
    let Some(picture) = tool.make(&picture, "black.jpg") else { return };
    let jpeg = std::fs::read(&picture.name).unwrap();
    let text = std::fs::read_to_string(&index).unwrap();
    let film = compressed(&jpeg, &text, &tracks()[0].1);
    let all = tricine_media::open(&Input::File(MediaFile::from_bytes(film, "film.mkv"))).unwrap().subtitles;
    compare("compressed", &all, 1, &judged(&index, 0));
}

#[test]
fn a_picture_without_an_end_is_seen_until_the_next_one_comes() {
    let Some(tool) = Tool::ffmpeg("disc-endless") else { return };
    let endless = |at_ms, seed| shown(at_ms, None, (8, 8), (64, 32), seed);
    let index = disc::write(&tool.path(""), "disc", &[("en", vec![endless(1000, 1), endless(9000, 2)])]);
    let (mut pages, _) = add_all(&[&index, &index.with_extension("sub")]).open(1).unwrap();
    for (at_s, count) in [(0, 0), (1, 1), (8, 1), (9, 1), (3600, 1)] {
        pages.seek(at_s * 1_000_000_000).unwrap();
        let page = pages.next_page().unwrap().unwrap();
        assert_eq!(page.cues.len(), count, "at {at_s} s");
        if let Some(cue) = page.cues.first() {
            assert_eq!(cue.start_ns, if at_s < 9 { 1_000_000_000 } else { 9_000_000_000 });
        }
    }
}

#[test]
fn pictures_within_films_are_those_of_ffmpeg() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("disc-film") else { return };
    let index = disc::write(&tool.path(""), "disc", &tracks());
    let film = format!("color=black:s={WIDTH}x{HEIGHT}:r=25:d={}", FRAMES as i64 / RATE);
    for (name, codec) in [
        ("film.mkv", "copy"),
        ("film.mp4", "copy"),
        ("film.vob", "copy"),
        // As FFmpeg itself encodes them.
        ("encoded.mkv", "dvdsub"),
    ] {
        let args = format!(
            "-f lavfi -i {film} -i {} -map 0:v -map 1:s:0 -map 1:s:1 -c:v mpeg2video -b:v 2M -c:s {codec} \
             -disposition:s:1 forced+default",
            index.display()
        );
        let args = args.split_whitespace().collect::<Vec<_>>().join(" ");
        let Some(file) = tool.make(&args, name) else { continue };
        let all = within(Path::new(&file.name));
        let told = if name.ends_with("mkv") { [Some("en"), Some("de")] } else { [None; 2] };
        assert_eq!(names(&all), told.map(|language| ("VobSub", language)), "{name}");
        if name.ends_with("mkv") {
            let forced: Vec<bool> = all.tracks().map(|track| track.forced).collect();
            assert_eq!((forced, all.usual(&[])), (vec![false, true], Some(1)), "{name}");
        }
        for track in 0..2 {
            compare(name, &all, track + 1, &judged(Path::new(&file.name), track));
        }
    }
}

#[test]
fn pictures_over_a_film_without_the_discs_bars_keep_their_form_and_are_seen() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("disc-cut") else { return };
    let full = |at_ms, y, seed| Shown { opaque: [15; 4], ..shown(at_ms, Some(1500), (100, y), (64, 32), seed) };
    // (The last one is outside of what FFmpeg's MP4 says is shown.)
    let all = vec![full(1000, 300, 1), full(3000, 540, 2), full(5000, 100, 3)];
    let index = disc::write(&tool.path(""), "disc", &[("en", all)]);
    // 72 rows were cut off above and below, but for the first film; the second picture lay in the lower bar.
    for (height, rows, tops) in [(576, 576, [300, 540]), (432, 432, [228, 400])] {
        // (MPEG-2 alone has no word for the form of pixels that the cut film has, so no film of a disc's own kind.)
        for name in [format!("film-{height}.mkv"), format!("film-{height}.mp4")] {
            let film = format!("color=black:s=720x{height}:r=25:d=6,setsar=64/45");
            let args = format!(
                "-f lavfi -i {film} -i {} -map 0:v -map 1:s -c:v mpeg2video -b:v 2M -c:s copy",
                index.display()
            );
            let Some(file) = tool.make(&args, &name) else { continue };
            let (mut pages, _) = within(Path::new(&file.name)).open(1).unwrap();
            for (at_s, top) in [(2, tops[0]), (4, tops[1])] {
                pages.seek(at_s * 1_000_000_000).unwrap();
                let page = pages.next_page().unwrap().unwrap();
                let Some(Body::Picture(picture)) = page.cues.first().map(|cue| &cue.body) else {
                    panic!("{name}, at {at_s} s: nothing")
                };
                assert_eq!((picture.within, picture.x, picture.y), ((720, rows), 100, top), "{name}, at {at_s} s");
                assert_eq!((picture.width, picture.height), (64, 32), "{name}, at {at_s} s");
            }
        }
    }
}

#[test]
fn subtitles_that_begin_late_in_a_program_stream_are_found() {
    let Some(tool) = Tool::ffmpeg("disc-late") else { return };
    let begins_ms = 13_000;
    let german = (0..5).map(|n| shown(begins_ms + 900 * n, Some(800), (50, 60), (70, 80), n)).collect();
    let index = disc::write(&tool.path(""), "disc", &[("de", german)]);
    let args = format!(
        "-f lavfi -i testsrc2=s={WIDTH}x{HEIGHT}:r=25:d=20,noise=alls=60:allf=t -i {} -map 0:v -map 1:s \
         -c:v mpeg2video -b:v 8M -minrate 8M -maxrate 8M -bufsize 2M -c:s copy",
        index.display()
    );
    let Some(file) = tool.make(&args, "film.vob") else { return };
    let bytes = std::fs::read(&file.name).unwrap();
    // The first packet of the private stream.
    let first = bytes.windows(4).position(|four| four == [0, 0, 1, 0xbd]).unwrap();
    assert!(first > 9 << 20, "they begin at {first}");
    let all = within(Path::new(&file.name));
    assert_eq!(names(&all), [("VobSub", None)]);
    let (mut pages, _) = all.open(1).unwrap();
    pages.seek(0).unwrap();
    let page = std::iter::from_fn(|| pages.next_page().unwrap()).find(|page| !page.cues.is_empty()).unwrap();
    assert!((page.start_ns / 1_000_000 - i64::from(begins_ms)).abs() < 100, "{}", page.start_ns);
}

/// Where a picture lies, its size, and the seed of its points.
type Drawn = ((usize, usize), (usize, usize), u32);

/// A set of PGS that shows one picture, in two pieces, or none, in a file of its own.
fn set(at_ms: u32, picture: Option<Drawn>) -> Vec<u8> {
    let segment = |kind: u8, body: &[u8]| {
        [&b"PG"[..], &(at_ms * 90).to_be_bytes(), &[0; 4], &[kind], &(body.len() as u16).to_be_bytes(), body].concat()
    };
    let words = |words: &[usize]| words.iter().flat_map(|word| (*word as u16).to_be_bytes()).collect::<Vec<_>>();
    let screen = |count: u8| [words(&[WIDTH, HEIGHT]), vec![0x10, 0, at_ms as u8, 0x80, 0, 0, count]].concat();
    let Some((place, size, seed)) = picture else {
        return [segment(0x16, &screen(0)), segment(0x80, &[])].concat();
    };
    let composition = [screen(1), vec![0, 0, 0, 0], words(&[place.0, place.1])].concat();
    let window = [vec![1, 0], words(&[place.0, place.1, size.0, size.1])].concat();
    let n = seed as u8;
    let palette =
        [[0, 0], [1, 40 + n], [2, 120 - n], [3, 235]].map(|[index, y]| [index, y, 90 + 9 * n, 170 - 5 * n, 85 * index]);
    let points = drawn(size, seed);
    let rows = points.chunks(size.0).flat_map(|row| {
        row.iter()
            .flat_map(|&point| if point == 0 { vec![0, 1] } else { vec![point] })
            .chain([0, 0])
            .collect::<Vec<_>>()
    });
    let coded: Vec<u8> = rows.collect();
    let (first, second) = coded.split_at(coded.len() / 2);
    let len = (coded.len() as u32 + 4).to_be_bytes();
    let object = [&[0, 0, 0, 0x80][..], &len[1..], &words(&[size.0, size.1]), first].concat();
    [
        segment(0x16, &composition),
        segment(0x17, &window),
        segment(0x14, &[&[0, 0][..], &palette.concat()].concat()),
        segment(0x15, &object),
        segment(0x15, &[&[0, 0, 0, 0x40][..], second].concat()),
        segment(0x80, &[]),
    ]
    .concat()
}

#[test]
fn a_file_of_blu_rays_pictures_beside_the_film_is_shown_as_ffmpeg_shows_it() {
    guard::install_hook();
    let Some(tool) = Tool::ffmpeg("disc-sup") else { return };
    let sets = [
        set(1050, Some(((100, 400), (321, 77), 1))),
        set(2550, None),
        set(4050, Some(((0, 0), (64, 2), 2))),
        set(7050, Some(((333, 499), (387, 77), 5))),
        set(9050, None),
    ];
    let path = tool.path("film.de.sup");
    std::fs::write(&path, sets.concat()).unwrap();
    let all = add_all(&[&path]);
    assert_eq!(names(&all), [("PGS", Some("de"))]);
    let judge = judged(&path, 0);
    compare("film.de.sup", &all, 1, &judge);
    // The same in the disc's own kind of stream, where each segment is a packet.
    let film = format!("-copyts -f lavfi -i color=black:s={WIDTH}x{HEIGHT}:r={RATE}:d={}", FRAMES as i64 / RATE);
    let args =
        format!("{film} -i {} -map 0:v -map 1:s -c:v mpeg2video -b:v 2M -c:s copy -mpegts_m2ts_mode 1", path.display());
    if let Some(file) = tool.make(&args, "film.m2ts") {
        let all = within(Path::new(&file.name));
        assert_eq!(names(&all), [("PGS", None)]);
        compare("film.m2ts", &all, 1, &judge);
    }
    std::fs::write(&path, &sets.concat()[..20]).unwrap();
    let broken = add_all(&[&path]);
    assert!(broken.tracks().next().unwrap().problem.as_ref().is_some_and(|why| why.contains("no picture")));
}
