use super::*;

/// The formulas of the recommendations, in floating point.
fn formula(y: u8, u: u8, v: u8, range: ColorRange, matrix: ColorMatrix) -> [f64; 3] {
    let (kr, kb) = match matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (0.2126, 0.0722),
        ColorMatrix::Bt2020 => (0.2627, 0.0593),
    };
    let (y, u, v) = (f64::from(y), f64::from(u) - 128.0, f64::from(v) - 128.0);
    let (y, pb, pr) = match range {
        ColorRange::Limited => ((y - 16.0) / 219.0, u / 224.0, v / 224.0),
        ColorRange::Full => (y / 255.0, u / 255.0, v / 255.0),
    };
    let r = y + 2.0 * (1.0 - kr) * pr;
    let b = y + 2.0 * (1.0 - kb) * pb;
    [r, (y - kr * r - kb * b) / (1.0 - kr - kb), b].map(|c| (c * 255.0).clamp(0.0, 255.0))
}

#[test]
fn colours_are_those_of_the_recommendations() {
    for range in [ColorRange::Limited, ColorRange::Full] {
        for matrix in [ColorMatrix::Bt601, ColorMatrix::Bt709, ColorMatrix::Bt2020] {
            for (y, u, v) in (0..17 * 9 * 9).map(|i| (i / 81 * 15, i / 9 % 9 * 28 + 16, i % 9 * 28 + 16)) {
                let (y, u, v) = (y as u8, u as u8, v as u8);
                // Below black and above white there is nothing to be right about.
                if range == ColorRange::Limited && !(16..=235).contains(&y) {
                    continue;
                }
                let meta = FrameMeta { range, matrix, ..FrameMeta::i420(34, 6) };
                let luma = 34 * 6;
                let bytes = [vec![y; luma], vec![u; 17 * 3], vec![v; 17 * 3]].concat();
                let mut canvas = Canvas::default();
                to_canvas(&Picture::new(&meta, &bytes[..]).unwrap(), &mut canvas);
                let wanted = formula(y, u, v, range, matrix);
                for &pixel in canvas.pixels.iter() {
                    let [b, g, r, x] = pixel.to_le_bytes();
                    assert_eq!(x, 255);
                    for (got, want) in [r, g, b].into_iter().zip(wanted) {
                        assert!((f64::from(got) - want).abs() <= 2.0, "{range:?} {matrix:?} {y},{u},{v}: {got} {want}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_smallest_and_odd_sizes_convert_whole() {
    for (w, h) in [(1, 1), (1, 7), (7, 1), (3, 3), (33, 17)] {
        let meta = FrameMeta { range: ColorRange::Full, ..FrameMeta::i420(w, h) };
        let luma = (w * h) as usize;
        let bytes = [vec![200; luma], vec![128; meta.len as usize - luma]].concat();
        let mut canvas = Canvas::default();
        to_canvas(&Picture::new(&meta, &bytes[..]).unwrap(), &mut canvas);
        assert_eq!(canvas.pixels[..], vec![0xffc8_c8c8; luma], "{w}x{h}");
    }
}

#[test]
fn a_picture_of_many_bands_is_that_of_one() {
    // As many rows as some bands and a part of one, the last row alone without a partner.
    for (w, h) in [(1920, 37), (1919, 35), (16_384, 5), (64, 1001)] {
        let meta = FrameMeta::i420(w, h);
        let bytes: Vec<u8> = (0..meta.len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let picture = Picture::new(&meta, &bytes[..]).unwrap();
        let mut canvas = Canvas::default();
        to_canvas(&picture, &mut canvas);
        let [y, u, v] = picture.planes().map(|plane| plane.bytes.to_vec());
        let half = w.div_ceil(2);
        let (y_plane, u_plane, v_plane) = (&y[..], &u[..], &v[..]);
        let image = YuvPlanarImage {
            y_plane,
            y_stride: w,
            u_plane,
            u_stride: half,
            v_plane,
            v_stride: half,
            width: w,
            height: h,
        };
        let mut whole = vec![0; (w * h * 4) as usize];
        let (range, matrix) = color_space(&meta);
        yuv::yuv420_to_bgra(&image, &mut whole, w * 4, range, matrix).unwrap();
        assert!(bytemuck::cast_slice::<u32, u8>(&canvas.pixels) == whole, "{w}x{h}");
    }
}

#[test]
fn four_quarter_turns_are_none_and_one_is_clockwise() {
    let picture = Canvas { width: 3, height: 2, pixels: vec![1, 2, 3, 4, 5, 6].into() };
    let turn = |from: &Canvas, rotation| {
        let mut to = Canvas::default();
        turn(from, &FrameMeta { rotation, ..FrameMeta::i420(1, 1) }, &mut to);
        to
    };
    let once = turn(&picture, Rotation::Cw90);
    assert_eq!((once.width, once.height, &once.pixels[..]), (2, 3, [4, 1, 5, 2, 6, 3].as_slice()));
    let twice = turn(&once, Rotation::Cw90);
    assert_eq!(twice, turn(&picture, Rotation::Cw180));
    assert_eq!(turn(&twice, Rotation::Cw90), turn(&picture, Rotation::Cw270));
    assert_eq!(turn(&twice, Rotation::Cw180), picture);
}

#[test]
fn what_was_turned_is_mirrored_sideways() {
    let picture = Canvas { width: 3, height: 2, pixels: vec![1, 2, 3, 4, 5, 6].into() };
    for (rotation, wanted) in [
        (Rotation::None, [3, 2, 1, 6, 5, 4]),
        (Rotation::Cw90, [1, 4, 2, 5, 3, 6]),
        (Rotation::Cw180, [4, 5, 6, 1, 2, 3]),
        (Rotation::Cw270, [6, 3, 5, 2, 4, 1]),
    ] {
        let mut to = Canvas::default();
        turn(&picture, &FrameMeta { rotation, mirrored: true, ..FrameMeta::i420(1, 1) }, &mut to);
        assert_eq!(&to.pixels[..], wanted.as_slice(), "{rotation:?}");
    }
}

#[test]
fn the_shape_is_kept_in_any_window() {
    let rect = |x, y, width, height| Rect { x, y, width, height };
    for (shape, width, height, wanted) in [
        ((1280, 720), 1280, 720, rect(0, 0, 1280, 720)),
        ((1280, 720), 1280, 1024, rect(0, 152, 1280, 720)),
        ((720, 1280), 1280, 720, rect(437, 0, 405, 720)),
        ((1, 1), 3, 9, rect(0, 3, 3, 3)),
        ((10_000, 1), 100, 100, rect(0, 49, 100, 1)),
        ((4, 3), 0, 0, rect(0, 0, 1, 1)),
    ] {
        assert_eq!(fit(shape, width, height), wanted, "{shape:?} in {width}x{height}");
    }
    let meta = FrameMeta { sar_num: 64, sar_den: 45, ..FrameMeta::i420(720, 576) };
    assert_eq!(display_size(&meta), (1024, 576));
    assert_eq!(display_size(&FrameMeta { rotation: Rotation::Cw90, ..meta }), (576, 1024));
    assert_eq!(display_size(&FrameMeta { sar_num: 1, sar_den: 2, ..meta }), (720, 1152));
}

#[test]
fn scaling_keeps_within_its_rectangle() {
    let from = Canvas { width: 2, height: 2, pixels: vec![0xffff_ffff; 4].into() };
    let mut to = Canvas::default();
    to.resize(10, 6);
    Scaler::default().draw(&from, &mut to, Rect { x: 2, y: 0, width: 6, height: 6 });
    for (y, row) in to.rows_mut().enumerate() {
        for (x, &pixel) in row.iter().enumerate() {
            assert_eq!(pixel, if (2..8).contains(&x) { 0xffff_ffff } else { BLACK }, "{x},{y}");
        }
    }
}

#[test]
fn a_shrunk_picture_is_the_converted_one_scaled() {
    for (w, h) in [(64, 48), (63, 47), (5, 3), (1, 1)] {
        let rotations = [Rotation::None, Rotation::Cw90, Rotation::Cw180, Rotation::Cw270];
        for (rotation, mirrored) in rotations.into_iter().flat_map(|rotation| [(rotation, false), (rotation, true)]) {
            let meta = FrameMeta { rotation, mirrored, ..FrameMeta::i420(w, h) };
            let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
            let luma = (0..w * h).map(|i| (40 + i % w * 150 / w) as u8);
            let u = (0..cw * ch).map(|i| (90 + i / cw * 70 / ch) as u8);
            let v = (0..cw * ch).map(|i| (90 + i % cw * 70 / cw) as u8);
            let bytes: Vec<u8> = luma.chain(u).chain(v).collect();
            let picture = Picture::new(&meta, &bytes[..]).unwrap();
            let upright = upright(&picture);
            let (mut wanted, mut got) = (Canvas::default(), Canvas::default());
            wanted.resize(8, 6);
            got.resize(8, 6);
            Scaler::default().draw(&upright, &mut wanted, Rect { x: 0, y: 0, width: 8, height: 6 });
            Shrinker::default().draw(&picture, &mut got);
            assert_eq!((got.width, got.height), (8, 6));
            // Averages before and after the conversion are the same, but chroma's edges lie half a pixel apart.
            let slack = if w < 10 { 60 } else { 12 };
            for (got, want) in got.pixels.iter().zip(wanted.pixels.iter()) {
                for (a, b) in got.to_le_bytes().into_iter().zip(want.to_le_bytes()) {
                    assert!(a.abs_diff(b) <= slack, "{w}x{h} {rotation:?}: {got:x} {want:x}");
                }
            }
        }
    }
}
