//! HEIF whose picture is put together of layers.

#[path = "support/heif.rs"]
mod heif;
#[path = "support/heif_coded.rs"]
mod heif_coded;
mod video_support;

use heif::{Item, Listed, boxed, written};
use heif_coded::{AOM, coded, shown};
use video_support::Clips;

#[test]
fn layers_lie_upon_each_other_on_their_canvas() {
    let Some(clips) = Clips::new("heif-layers") else { return };
    let settings = format!("{AOM} yuv420p");
    let make = |name: &str, from: &str, size| coded(&clips, name, size, from, &settings, "null");
    let [Some(one), Some(two)] = [make("one", "testsrc2", (64, 48)), make("two", "smptebars", (32, 32))] else {
        return;
    };
    // Half of the second one's alpha, by a picture of one grey.
    let grey = format!("-vf geq=lum=126:cb=128:cr=128 {settings}");
    let Some(grey) = coded(&clips, "grey", (32, 32), "color", &grey, "null") else { return };
    let numbers = |numbers: &[i32], wide: bool| -> Vec<u8> {
        numbers
            .iter()
            .flat_map(|n| if wide { n.to_be_bytes().to_vec() } else { (*n as i16).to_be_bytes().to_vec() })
            .collect()
    };
    for (wide, alpha) in [(false, false), (true, false), (false, true)] {
        // Green where nothing lies; the first one begins left of and above the canvas, the second one reaches out of it.
        let (width, height, places) = (80usize, 60usize, [-10, -6, 60, 20]);
        let head = [0, u8::from(wide), 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff];
        let layout = [&head[..], &numbers(&[80, 60], wide), &numbers(&places, wide)].concat();
        let size = [0, 80u32, 60].map(u32::to_be_bytes).concat();
        let whole = Item { kind: *b"iovl", data: layout, properties: vec![boxed(b"ispe", &size)] };
        let kind = boxed(b"auxC", b"\0\0\0\0urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0");
        let mut items = vec![whole, Item::of(&one, &[]), Item::of(&two, &[])];
        let mut relations: Vec<([u8; 4], u16, &[u16])> = vec![(*b"dimg", 1, &[2, 3])];
        if alpha {
            items.push(Item::of(&grey, &[kind]));
            relations.push((*b"auxl", 4, &[3]));
        }
        let relations: Vec<_> = relations.iter().map(|(kind, from, to)| (kind, *from, *to)).collect();
        let (format, ours) = shown(&written(b"avif", &items, &relations, Listed::Plain)).unwrap();
        assert_eq!((format.width, format.height), (80, 60));
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let below = if x < 54 && y < 42 { i32::from(one.i420[(y + 6) * 64 + x + 10]) } else { 145 };
            let wanted = match (x >= 60 && (20..52).contains(&y)).then(|| i32::from(two.i420[(y - 20) * 32 + x - 60])) {
                Some(above) if alpha => {
                    let weight = f64::from(i32::from(grey.i420[0]) - 16) / 219.0;
                    (f64::from(below) + f64::from(above - below) * weight).round() as i32
                }
                above => above.unwrap_or(below),
            };
            let is = i32::from(ours[y * width + x]);
            assert!(is.abs_diff(wanted) <= u32::from(alpha), "{is}, not {wanted}, at {x}, {y}");
            // Chroma of green, and of the two.
            let (cx, cy) = (x / 2, y / 2);
            if !alpha {
                let wanted = match () {
                    () if cx >= 30 && (10..26).contains(&cy) => two.i420[32 * 32 + (cy - 10) * 16 + cx - 30],
                    () if cx < 27 && cy < 21 => one.i420[64 * 48 + (cy + 3) * 32 + cx + 5],
                    () => 54,
                };
                assert_eq!(ours[width * height + cy * 40 + cx], wanted, "chroma at {x}, {y}");
            }
        }
    }
    let layout = |numbers: &[u8]| Item { kind: *b"iovl", data: numbers.to_vec(), properties: Vec::new() };
    for (first, layers, why) in [
        (layout(&[0; 18]), vec![Item::of(&one, &[])], "canvas"),
        (layout(&[0; 12]), vec![Item::of(&one, &[])], "canvas"),
        (layout(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 1, 0, 0, 0, 0]), vec![Item::of(&one, &[])], "65535×1"),
        (layout(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 9, 0, 0, 0, 0]), vec![layout(&[0; 18])], "themselves"),
        (
            layout(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 9, 0, 0, 0, 0]),
            vec![Item::of(&one, &[boxed(b"irot", &[1])])],
            "turned",
        ),
    ] {
        let items = [vec![first], layers].concat();
        let error = shown(&written(b"avif", &items, &[(b"dimg", 1, &[2])], Listed::Plain)).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}
