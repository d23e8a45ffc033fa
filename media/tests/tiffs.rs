//! TIFF with a palette, and grey of few bits: written here in each number of bits and each order of bytes.

mod video_support;

use tricine_media::{Input, MediaFile, Rotation, open};
use video_support::{Clips, samples};

const SIZE: (u16, u16) = (13, 7);

/// What a tag says.
enum Value<'a> {
    Short(u16),
    Shorts(&'a [u16]),
}

/// The index of a pixel.
fn index(x: u16, y: u16, bits: u16) -> u16 {
    (x * 3 + y * 5) % (1 << bits)
}

/// A TIFF of one strip.
fn written(little: bool, bits: u16, meaning: u16, colours: Option<&[u16]>) -> Vec<u8> {
    let short = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let long = |value: u32| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let mut rows = Vec::new();
    for y in 0..SIZE.1 {
        let mut row = vec![0u8; usize::from(SIZE.0 * bits).div_ceil(8)];
        for x in 0..SIZE.0 {
            let first = x * bits;
            row[usize::from(first / 8)] |= (index(x, y, bits) << (8 - bits - first % 8)) as u8;
        }
        rows.extend(row);
    }
    let tags = [
        Some((256, Value::Short(SIZE.0))),
        Some((257, Value::Short(SIZE.1))),
        Some((258, Value::Short(bits))),
        Some((259, Value::Short(1))),
        Some((262, Value::Short(meaning))),
        Some((273, Value::Short(8))),
        // A quarter turn clockwise.
        Some((274, Value::Short(6))),
        Some((277, Value::Short(1))),
        Some((278, Value::Short(SIZE.1))),
        Some((279, Value::Short(rows.len() as u16))),
        colours.map(|colours| (320, Value::Shorts(colours))),
    ];
    let mut file = [if little { &b"II"[..] } else { b"MM" }, &short(42), &long(8 + rows.len() as u32), &rows].concat();
    let count = tags.iter().flatten().count();
    let behind = file.len() + 2 + 12 * count + 4;
    file.extend(short(count as u16));
    for (tag, value) in tags.into_iter().flatten() {
        file.extend([short(tag), short(3)].concat());
        match value {
            Value::Short(value) => file.extend([&long(1)[..], &short(value), &[0; 2]].concat()),
            Value::Shorts(values) => file.extend([long(values.len() as u32), long(behind as u32)].concat()),
        }
    }
    file.extend(long(0));
    file.extend(colours.unwrap_or_default().iter().flat_map(|colour| short(*colour)));
    file
}

/// Luma as it is shown, and the orientation.
fn shown(bytes: Vec<u8>) -> (Vec<u8>, Rotation) {
    let media = open(&Input::File(MediaFile::from_bytes(bytes, "it.tiff"))).unwrap();
    let mut frame = media.video.unwrap().next_frame().unwrap().unwrap();
    assert_eq!((frame.format.width, frame.format.height), (u32::from(SIZE.0), u32::from(SIZE.1)));
    (samples(&mut frame), frame.format.orientation.rotation)
}

/// Luma of a colour, by the formula of JPEG.
fn luma([r, g, b]: [u16; 3]) -> f64 {
    0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b)
}

/// Checks each pixel of a picture.
fn assert_shown(name: &str, bytes: Vec<u8>, wanted: impl Fn(u16, u16) -> f64) {
    let (luma, rotation) = shown(bytes);
    assert_eq!(rotation, Rotation::Cw90, "{name}");
    for (x, y) in (0..SIZE.0).flat_map(|x| (0..SIZE.1).map(move |y| (x, y))) {
        let (is, wanted) = (luma[usize::from(y * SIZE.0 + x)], wanted(x, y));
        assert!((f64::from(is) - wanted).abs() <= 1.0, "{name}: {is} at {x}, {y}, not {wanted}");
    }
}

#[test]
fn palettes_and_grey_of_few_bits_are_shown() {
    for (little, bits) in [true, false].into_iter().flat_map(|little| [1, 2, 4, 8].map(|bits| (little, bits))) {
        let count = 1u16 << bits;
        let colour = |n: u16| [(n * 37 + 20) % 256, (n * 91 + 5) % 256, (n * 53 + 130) % 256];
        // Of 16 bits, as the standard has it, and of 8, as some writers do.
        for scale in [257, 1] {
            let colours: Vec<u16> = (0..3).flat_map(|c| (0..count).map(move |n| colour(n)[c] * scale)).collect();
            let name = format!("palette of {bits} bits, {little}, {scale}");
            assert_shown(&name, written(little, bits, 3, Some(&colours)), |x, y| luma(colour(index(x, y, bits))));
        }
        for meaning in [0, 1] {
            let grey = |x, y| {
                let grey = f64::from(index(x, y, bits)) * 255.0 / f64::from(count - 1);
                if meaning == 0 { 255.0 - grey } else { grey }
            };
            assert_shown(&format!("grey of {bits} bits, {meaning}"), written(little, bits, meaning, None), grey);
        }
    }
    // What is damaged ends in words or in a picture.
    let whole = written(true, 4, 3, Some(&[1000; 48]));
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        drop(open(&Input::File(MediaFile::from_bytes(bytes, "it.tiff"))));
        drop(open(&Input::File(MediaFile::from_bytes(whole[..at].to_vec(), "it.tiff"))));
    }
}

#[test]
fn a_palette_by_ffmpeg_is_shown_as_it_shows_it() {
    let Some(clips) = Clips::new("palette") else { return };
    let filter = "split[a][b];[b]palettegen[p];[a][p]paletteuse";
    let args = format!("-f lavfi -i testsrc=size=64x48:duration=1 -frames:v 1 -vf {filter} -pix_fmt pal8");
    let Some(path) = clips.make("palette.tiff", &args) else { return };
    let full = "scale=out_range=full:out_color_matrix=bt601";
    let (ours, theirs) =
        (video_support::decode_all(&path).remove(0).2, video_support::filtered(&path, 64 * 48 * 3 / 2, full));
    let off = ours[..64 * 48].iter().zip(&theirs[0]).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(off <= Some(2), "{off:?}");
}
