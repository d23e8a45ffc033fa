//! Pictures of HEIF: AVIF and HEIC. Their pixels are those that FFmpeg decodes of the same coded picture in a film.

#[path = "support/heif.rs"]
mod heif;
#[path = "support/heif_coded.rs"]
mod heif_coded;
#[path = "support/icc.rs"]
mod icc;
mod video_support;

use std::path::Path;

use heif::{Item, Listed, boxed, written};
use heif_coded::{AOM, apart, coded, shown};
use icc::{DISPLAY_P3, SRGB, icc};
use tricine_media::source::image::{PICTURE_NS, open_file, open_list};
use tricine_media::{ColorMatrix, ColorRange, Input, Light, MediaFile, Orientation, Rotation, guard, open};
use video_support::{Clips, Random, filtered, samples};

#[test]
fn pictures_of_every_layout_and_depth_are_ffmpegs() {
    let Some(clips) = Clips::new("heif-layouts") else { return };
    for (format, size, luma, chroma) in [
        ("yuv420p", (160, 120), 0, 0.0),
        ("yuv420p", (161, 123), 0, 0.0),
        ("gray", (160, 120), 0, 0.0),
        ("yuv422p", (160, 120), 0, 3.0),
        ("yuv444p", (160, 120), 0, 3.0),
        ("yuv420p10le", (160, 120), 2, 1.0),
        ("yuv444p10le", (160, 120), 2, 3.0),
        ("yuv420p12le", (160, 120), 2, 1.0),
        // Of colours themselves, each rounds what it makes of them.
        ("gbrp", (160, 120), 1, 3.0),
    ] {
        // FFmpeg's grey and colours are of full range.
        let (range, filter) = match format {
            "gbrp" => (ColorRange::Full, "scale=out_color_matrix=bt601:out_range=full"),
            "gray" => (ColorRange::Full, "scale=in_range=full:out_range=full"),
            _ => (ColorRange::Limited, "null"),
        };
        let name = format!("{format}-{}", size.0);
        // The other one makes even sizes alone.
        let from = if size.0 % 2 == 1 { "testsrc" } else { "testsrc2" };
        let Some(one) = coded(&clips, &name, size, from, &format!("{AOM} {format}"), filter) else { continue };
        let file = written(b"avif", &[Item::of(&one, &[])], &[], Listed::Plain);
        let (shown, ours) = shown(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((shown.width, shown.height), size, "{name}");
        assert_eq!((shown.range, shown.matrix), (range, ColorMatrix::Bt601), "{name}");
        let (most, mean) = apart(size, &ours, &one.i420);
        assert!(most <= luma && mean <= chroma, "{name}: luma is up to {most} off, chroma {mean:.2}");
    }
}

#[test]
fn files_of_ffmpeg_and_of_telephones_are_shown_and_listed() {
    let Some(clips) = Clips::new("heif-files") else { return };
    let source = "-f lavfi -i testsrc2=size=160x120:rate=1 -frames:v 1";
    let Some(path) = clips.make("one.avif", &format!("{source} {AOM} yuv420p")) else { return };
    let Some(film) = clips.make("one.mp4", &format!("{source} {AOM} yuv420p")) else { return };
    let wanted = filtered(&film, 160 * 120 * 3 / 2, "null").remove(0);
    let (_, ours) = shown(&std::fs::read(&path).unwrap()).unwrap();
    assert!(ours == wanted, "FFmpeg's AVIF");
    let file = |path: &Path| MediaFile::new(std::fs::File::open(path).unwrap(), "picture").unwrap();
    let about = tricine_media::inspect(&file(&path)).unwrap();
    assert_eq!((about.format.as_str(), about.tracks[0].detail.as_str()), ("AVIF", "160×120"));
    let Some(one) = coded(&clips, "photo", (160, 120), "testsrc2", "-c:v libx265 -x265-params log-level=none", "null")
    else {
        return;
    };
    let photo = clips.path("photo.heic");
    std::fs::write(&photo, written(b"heic", &[Item::of(&one, &[])], &[], Listed::Plain)).unwrap();
    assert_eq!(open_file(&file(&photo), PICTURE_NS).unwrap().video.unwrap().info().codec, "HEIC");
    let mut list = open_list(&[path, photo], 40_000_000).unwrap().video.unwrap();
    for wanted in [wanted, one.i420] {
        assert!(samples(&mut list.next_frame().unwrap().unwrap()) == wanted, "a picture of a list");
    }
}

#[test]
fn an_animation_is_a_film() {
    let Some(clips) = Clips::new("heif-animation") else { return };
    let source = "-f lavfi -i testsrc2=size=96x64:rate=10:duration=1";
    let Some(path) = clips.make("film.mp4", &format!("{source} {AOM} yuv420p")) else { return };
    let mut film = std::fs::read(&path).unwrap();
    // What makes a film an animation: its brand, and what its track calls itself.
    film[8..12].copy_from_slice(b"avis");
    let handler = film.windows(4).position(|window| window == b"vide").unwrap();
    film[handler..handler + 4].copy_from_slice(b"pict");
    let moving = clips.path("moving.avif");
    std::fs::write(&moving, film).unwrap();
    assert!(video_support::decode_all(&moving) == video_support::decode_all(&path));
    assert_eq!(video_support::decode_all(&moving).len(), 10);
}

#[test]
fn bytes_lie_in_a_box_in_pieces_and_in_tiles() {
    let Some(clips) = Clips::new("heif-places") else { return };
    let settings = format!("{AOM} yuv420p");
    let make = |name: &str, from: &str, size| coded(&clips, name, size, from, &settings, "null");
    let [Some(one), Some(two)] = [make("one", "testsrc2", (64, 48)), make("two", "smptebars", (64, 48))] else {
        return;
    };
    for listed in [Listed::Inside, Listed::Pieces] {
        let file = written(b"avif", &[Item::of(&one, &[])], &[], listed);
        assert!(shown(&file).unwrap().1 == one.i420);
    }
    // Two rows of two, of which the right and the lower ones reach beyond the picture.
    let (width, height) = (111u16, 83u16);
    let layout = [&[0, 0, 1, 1][..], &width.to_be_bytes(), &height.to_be_bytes()].concat();
    let size = [0, u32::from(width), u32::from(height)].map(u32::to_be_bytes).concat();
    let whole = Item { kind: *b"grid", data: layout, properties: vec![boxed(b"ispe", &size)] };
    let tiles = [&one, &two, &two, &one].map(|tile| Item::of(tile, &[]));
    for listed in [Listed::Plain, Listed::Inside] {
        let all = [&[whole.clone()][..], &tiles].concat();
        let (format, ours) = shown(&written(b"avif", &all, &[(b"dimg", 1, &[2, 3, 4, 5])], listed)).unwrap();
        assert_eq!((format.width, format.height), (111, 83));
        for (y, x) in [(0usize, 0usize), (47, 63), (0, 64), (20, 100), (48, 0), (82, 63), (48, 64), (82, 110)] {
            let tile = if (y < 48) == (x < 64) { &one } else { &two };
            let at = |i420: &[u8], width: usize, y: usize, x: usize| i420[y * width + x];
            assert_eq!(at(&ours, 111, y, x), at(&tile.i420, 64, y % 48, x % 64), "luma at {x}, {y}");
            let (own, tiled) = (&ours[111 * 83..], &tile.i420[64 * 48..]);
            let (y, x) = (y / 2, x / 2);
            assert_eq!(at(own, 56, y, x), at(tiled, 32, y % 24, x % 32), "chroma at {x}, {y}");
        }
    }
    let lacking = [&[whole.clone()][..], &tiles[..3]].concat();
    let error = shown(&written(b"avif", &lacking, &[(b"dimg", 1, &[2, 3, 4])], Listed::Plain)).unwrap_err();
    assert!(error.contains("tiles"), "{error}");
    // As telephones with 200 million pixels write it.
    let mut large = whole.clone();
    large.data = [&[0, 0, 0, 0], &16_320u16.to_be_bytes()[..], &12_240u16.to_be_bytes()].concat();
    let large = [&[large][..], &tiles[..1]].concat();
    let error = shown(&written(b"heic", &large, &[(b"dimg", 1, &[2])], Listed::Plain)).unwrap_err();
    assert!(error.contains("16320×12240") && error.contains("134 million"), "{error}");
}

#[test]
fn pictures_are_cut_turned_and_mirrored_and_their_colours_are_as_is_said() {
    let Some(clips) = Clips::new("heif-turned") else { return };
    let Some(one) = coded(&clips, "one", (64, 48), "testsrc2", &format!("{AOM} yuv420p"), "null") else { return };
    let with =
        |properties: &[Vec<u8>]| shown(&written(b"avif", &[Item::of(&one, properties)], &[], Listed::Plain)).unwrap();
    let turn = |quarters: u8| boxed(b"irot", &[quarters]);
    for (quarters, rotation) in [(0, Rotation::None), (1, Rotation::Cw270), (2, Rotation::Cw180), (3, Rotation::Cw90)] {
        let (format, ours) = with(&[turn(quarters)]);
        assert!(format.orientation == Orientation { rotation, mirrored: false } && ours == one.i420, "{quarters}");
    }
    // Axis 0 exchanges top and bottom, axis 1 left and right, of what was turned before.
    for (properties, rotation) in [
        (vec![boxed(b"imir", &[0])], Rotation::Cw180),
        (vec![boxed(b"imir", &[1])], Rotation::None),
        (vec![turn(1), boxed(b"imir", &[0])], Rotation::Cw90),
        (vec![turn(1), boxed(b"imir", &[1])], Rotation::Cw270),
        (vec![boxed(b"imir", &[1]), turn(1)], Rotation::Cw90),
    ] {
        let (format, ours) = with(&properties);
        assert_eq!(format.orientation, Orientation { rotation, mirrored: true });
        assert!(ours == one.i420);
    }
    let luma = |i420: &[u8], x: usize, y: usize| i420[y * 64 + x];
    let chroma = |i420: &[u8], x: usize, y: usize| i420[64 * 48 + y * 32 + x];
    // 20 columns and 10 rows, 4 to the right of the middle and 3 above it.
    let numbers = [20i32, 1, 10, 1, 4, 1, -3, 1].map(i32::to_be_bytes).concat();
    let (format, ours) = with(&[boxed(b"clap", &numbers)]);
    assert_eq!((format.width, format.height), (20, 10));
    for (x, y) in [(0, 0), (19, 9), (7, 4)] {
        assert_eq!(ours[y * 20 + x], luma(&one.i420, 26 + x, 16 + y));
        assert_eq!(ours[200 + y / 2 * 10 + x / 2], chroma(&one.i420, 13 + x / 2, 8 + y / 2));
    }
    let beyond = [64i32, 1, 48, 1, 1, 1, 0, 1].map(i32::to_be_bytes).concat();
    let bad = written(b"avif", &[Item::of(&one, &[boxed(b"clap", &beyond)])], &[], Listed::Plain);
    assert!(shown(&bad).unwrap_err().contains("not in it"));
    let codes = |matrix: u8, full: u8| boxed(b"colr", &[b'n', b'c', b'l', b'x', 0, 1, 0, 13, 0, matrix, full]);
    for (matrix, full, wanted) in [
        (1, 0x80, (ColorMatrix::Bt709, ColorRange::Full)),
        (6, 0, (ColorMatrix::Bt601, ColorRange::Limited)),
        (9, 0, (ColorMatrix::Bt2020, ColorRange::Limited)),
    ] {
        let (format, ours) = with(&[codes(matrix, full)]);
        assert!((format.matrix, format.range) == wanted && ours == one.i420, "{matrix}");
    }
    let (format, _) = with(&[boxed(b"pasp", &[0, 0, 0, 4, 0, 0, 0, 3])]);
    assert_eq!(format.sar, (4, 3));
    let mut unknown = Item::of(&one, &[boxed(b"zzzz", &[])]);
    assert!(shown(&written(b"avif", &[unknown.clone()], &[], Listed::Plain)).is_ok(), "it can be shown without");
    unknown.kind = *b"vvc1";
    assert!(shown(&written(b"avif", &[unknown], &[], Listed::Plain)).unwrap_err().contains("vvc1"));
}

/// As telephones write it: the profile is Display P3, and codes beside it tell the matrix.
#[test]
fn a_profile_of_display_p3_counts_and_what_exif_says_of_turning_does_not() {
    let Some(clips) = Clips::new("heif-p3") else { return };
    let Some(one) = coded(&clips, "one", (64, 48), "testsrc2", &format!("{AOM} yuv420p"), "null") else { return };
    let light = |bytes: Vec<u8>| {
        let media = open(&Input::File(MediaFile::from_bytes(bytes, "picture"))).unwrap();
        media.video.unwrap().info().light
    };
    let colors = |kind: &[u8; 4], body: &[u8]| boxed(b"colr", &[&kind[..], body].concat());
    let codes = |primaries: u8| colors(b"nclx", &[0, primaries, 0, 13, 0, 6, 0]);
    let file = |properties: &[Vec<u8>]| written(b"heic", &[Item::of(&one, properties)], &[], Listed::Plain);
    let by_codes = shown(&file(&[codes(12)])).unwrap();
    assert!(by_codes.1 != one.i420 && by_codes.0.matrix == ColorMatrix::Bt709);
    for properties in
        [vec![colors(b"prof", &icc(DISPLAY_P3)), codes(2)], vec![codes(1), colors(b"rICC", &icc(DISPLAY_P3))]]
    {
        assert_eq!(light(file(&properties)), Light::P3);
        assert!(shown(&file(&properties)).unwrap() == by_codes);
    }
    for cut in [0, 131, 140, 200] {
        assert_eq!(light(file(&[colors(b"prof", &icc(DISPLAY_P3)[..cut])])), Light::Ordinary);
    }
    assert!(shown(&file(&[colors(b"prof", &icc(SRGB)), codes(1)])).unwrap().1 == one.i420);
    // A quarter turn clockwise, by the tag of orientation.
    let exif = b"\0\0\0\x06Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let exif = Item { kind: *b"Exif", data: exif.to_vec(), properties: Vec::new() };
    let turned = written(b"heic", &[Item::of(&one, &[]), exif], &[(b"cdsc", 2, &[1])], Listed::Plain);
    assert!(shown(&turned).unwrap().0.orientation.is_upright());
}

#[test]
fn alpha_is_blended_over_black() {
    let Some(clips) = Clips::new("heif-alpha") else { return };
    let size = (64, 48);
    let Some(one) = coded(&clips, "one", size, "testsrc2", &format!("{AOM} yuv420p"), "null") else { return };
    // Alpha of full range that rises from left to right.
    let ramp = format!("-vf geq=lum=X*4:cb=128:cr=128,scale=in_range=full:out_range=full -color_range pc {AOM} gray");
    let Some(alpha) = coded(&clips, "alpha", size, "color", &ramp, "scale=in_range=full:out_range=full") else {
        return;
    };
    let kind = boxed(b"auxC", b"\0\0\0\0urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0");
    let items = [Item::of(&one, &[]), Item::of(&alpha, &[kind])];
    let (_, ours) = shown(&written(b"avif", &items, &[(b"auxl", 2, &[1])], Listed::Plain)).unwrap();
    for (n, ours) in ours.iter().enumerate() {
        let (nothing, weight) = if n < 64 * 48 {
            (16.0, f64::from(alpha.i420[n]))
        } else {
            let (x, y) = ((n - 64 * 48) % 32 * 2, (n - 64 * 48) / 32 % 24 * 2);
            let four = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(i, j)| f64::from(alpha.i420[(y + j) * 64 + x + i]));
            (128.0, four.iter().sum::<f64>() / 4.0)
        };
        let wanted = nothing + (f64::from(one.i420[n]) - nothing) * weight / 255.0;
        assert!((f64::from(*ours) - wanted).abs() <= 0.51, "{n}: {ours}, not {wanted}");
    }
    assert!(ours[..64].iter().any(|&luma| luma < 20) && ours != one.i420);
    let relations: &[(&[u8; 4], u16, &[u16])] = &[(b"auxl", 2, &[1]), (b"prem", 1, &[2])];
    assert!(shown(&written(b"avif", &items, relations, Listed::Plain)).unwrap().1 == one.i420, "it is in the colours");
}

#[test]
fn alpha_that_nothing_here_decodes_is_left_out_and_said() {
    let Some(clips) = Clips::new("heif-grey-alpha") else { return };
    let hevc = "-c:v libx265 -x265-params log-level=none -pix_fmt";
    let Some(one) = coded(&clips, "one", (64, 64), "testsrc2", &format!("{hevc} yuv420p"), "null") else { return };
    // As libheif and telephones write it: of luma alone.
    let Some(alpha) = coded(&clips, "alpha", (64, 64), "testsrc2", &format!("{hevc} gray"), "null") else { return };
    let kind = boxed(b"auxC", b"\0\0\0\0urn:mpeg:hevc:2015:auxid:1\0");
    let items = [Item::of(&one, &[]), Item::of(&alpha, &[kind])];
    let bytes = written(b"heic", &items, &[(b"auxl", 2, &[1])], Listed::Plain);
    assert!(shown(&bytes).unwrap().1 == one.i420);
    let media = open(&Input::File(MediaFile::from_bytes(bytes, "picture"))).unwrap();
    let [notice] = &media.notices[..] else { panic!("{:?}", media.notices) };
    assert!(notice.contains("without its transparency") && notice.contains("4:0:0"), "{notice}");
}

#[test]
fn damage_is_told_and_nothing_panics() {
    let Some(clips) = Clips::new("heif-damage") else { return };
    let Some(one) = coded(&clips, "one", (64, 48), "testsrc2", &format!("{AOM} yuv420p"), "null") else { return };
    guard::install_hook();
    let whole = written(b"avif", &[Item::of(&one, &[boxed(b"irot", &[1])])], &[], Listed::Plain);
    for len in 0..whole.len() {
        if let Ok((_, ours)) = shown(&whole[..len]) {
            panic!("{len} of {} bytes are a picture of {}", whole.len(), ours.len());
        }
    }
    let (mut random, head) = (Random(7), whole.len() - one.data.len());
    for _ in 0..2_000 {
        let mut bytes = whole.clone();
        for _ in 0..1 + random.below(4) {
            let at = random.below(head as u64) as usize;
            bytes[at] = random.below(256) as u8;
        }
        let _ = shown(&bytes);
    }
}
