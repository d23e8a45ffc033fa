//! Stills, animations and lists of pictures.

#[path = "support/icc.rs"]
mod icc;
#[path = "support/mod.rs"]
mod support;

use icc::{DISPLAY_P3, SRGB, icc};
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{Delay, DynamicImage, Frame, Rgba, RgbaImage};
use support::{Tool, flip, open};
use tricine_media::source::image::{PICTURE_NS, open_file, open_list};
use tricine_media::{ColorMatrix, ColorRange, Light, MediaError, MediaFile, NS, VideoSource};

/// (pts, duration, width, height, I420) of every frame.
type Shown = (i64, i64, u32, u32, Vec<u8>);

fn all(video: &mut dyn VideoSource) -> Vec<Shown> {
    let mut shown = Vec::new();
    loop {
        match video.next_frame() {
            Ok(None) => return shown,
            Ok(Some(mut frame)) => {
                let mut out = vec![0; frame.format.i420_len()];
                frame.picture.write_i420(&mut out);
                shown.push((frame.pts_ns, frame.duration_ns, frame.format.width, frame.format.height, out));
            }
            Err(MediaError::Damaged(_)) => {}
            Err(_) => return shown,
        }
        assert!(shown.len() < 10_000, "no end");
    }
}

#[test]
fn a_still_is_shown_for_five_seconds_and_its_colours_survive_the_way_to_yuv_and_back() {
    let Some(tool) = Tool::ffmpeg("still") else { return };
    for colour in [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [200, 120, 40]] {
        for extension in ["png", "bmp", "tiff", "webp", "qoi", "ppm", "ico"] {
            let path = tool.path(&format!("a.{extension}"));
            let picture = DynamicImage::from(image::RgbImage::from_pixel(7, 5, image::Rgb(colour)));
            // Icons have alpha.
            let picture = if extension == "ico" { picture.into_rgba8().into() } else { picture };
            picture.save(&path).unwrap();
            let mut video = open_file(&open(&path), PICTURE_NS).unwrap().video.unwrap();
            let format = video.info().format;
            assert_eq!((format.range, format.matrix), (ColorRange::Full, ColorMatrix::Bt601));
            assert_eq!(video.info().duration_ns, Some(5 * NS));
            let shown = all(video.as_mut());
            assert_eq!((shown.len(), shown[0].1, shown[0].2, shown[0].3), (1, 5 * NS, 7, 5), "{extension}");
            let (y, u, v) =
                (f64::from(shown[0].4[0]), f64::from(shown[0].4[35]) - 128.0, f64::from(shown[0].4[35 + 12]) - 128.0);
            let back = [y + 1.402 * v, y - 0.344_136 * u - 0.714_136 * v, y + 1.772 * u];
            for (back, colour) in back.into_iter().zip(colour) {
                assert!((back - f64::from(colour)).abs() <= 3.0, "{extension}: {colour} came back as {back}");
            }
        }
    }
}

#[test]
fn alpha_is_blended_over_black() {
    let Some(tool) = Tool::ffmpeg("alpha") else { return };
    let path = tool.path("a.png");
    RgbaImage::from_pixel(4, 4, Rgba([255, 255, 255, 128])).save(&path).unwrap();
    let shown = all(open_file(&open(&path), PICTURE_NS).unwrap().video.unwrap().as_mut());
    assert!(shown[0].4[0].abs_diff(128) <= 1, "{}", shown[0].4[0]);
}

/// Display P3's (180, 100, 90) is (193, 95, 86) in sRGB, by the formulas of both.
#[test]
fn the_colours_of_display_p3_become_those_of_an_ordinary_screen() {
    use image::ImageEncoder as _;
    let pixels = image::RgbImage::from_pixel(16, 16, image::Rgb([180, 100, 90]));
    for (colors, light, wanted) in [(DISPLAY_P3, Light::P3, [193, 95, 86]), (SRGB, Light::Ordinary, [180, 100, 90])] {
        let (mut png, mut jpeg) = (Vec::new(), Vec::new());
        let mut encoder = PngEncoder::new(&mut png);
        encoder.set_icc_profile(icc(colors)).unwrap();
        encoder.write_image(&pixels, 16, 16, image::ExtendedColorType::Rgb8).unwrap();
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 100);
        encoder.set_icc_profile(icc(colors)).unwrap();
        encoder.write_image(&pixels, 16, 16, image::ExtendedColorType::Rgb8).unwrap();
        for bytes in [png, jpeg] {
            let mut video = open_file(&MediaFile::from_bytes(bytes, "picture"), PICTURE_NS).unwrap().video.unwrap();
            let (info, shown) = (video.info().clone(), all(&mut *video).remove(0).4);
            assert_eq!(info.light, light);
            let [y, u, v] = [shown[0], shown[256], shown[320]].map(f64::from);
            let rgb = match info.format.matrix {
                ColorMatrix::Bt709 => {
                    let (y, u, v) =
                        ((y - 16.0) * 255.0 / 219.0, (u - 128.0) * 255.0 / 224.0, (v - 128.0) * 255.0 / 224.0);
                    [y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u]
                }
                _ => {
                    let (u, v) = (u - 128.0, v - 128.0);
                    [y + 1.402 * v, y - 0.3441 * u - 0.7141 * v, y + 1.772 * u]
                }
            };
            let near = |(ours, wanted): (&f64, i32)| (ours - f64::from(wanted)).abs() < 4.0;
            assert!(rgb.iter().zip(wanted).all(near), "{light:?}: {rgb:?}, not {wanted:?}");
        }
    }
}

#[test]
fn a_gif_keeps_its_delays_and_a_delay_of_nothing_means_100_ms() {
    let Some(tool) = Tool::ffmpeg("gif") else { return };
    let path = tool.path("a.gif");
    let delays = [50, 0, 200, 10, 20];
    let mut encoder = GifEncoder::new(std::fs::File::create(&path).unwrap());
    for (index, delay) in delays.into_iter().enumerate() {
        let picture = RgbaImage::from_pixel(6, 4, Rgba([40 * index as u8, 0, 0, 255]));
        encoder.encode_frame(Frame::from_parts(picture, 0, 0, Delay::from_numer_denom_ms(delay, 1))).unwrap();
    }
    drop(encoder);
    let mut video = open_file(&open(&path), PICTURE_NS).unwrap().video.unwrap();
    let shown = all(video.as_mut());
    let times: Vec<_> = shown.iter().map(|frame| (frame.0 / 1_000_000, frame.1 / 1_000_000)).collect();
    assert_eq!(times, [(0, 50), (50, 100), (150, 200), (350, 100), (450, 20)]);
    for (target, want) in [(0, 0), (149, 1), (150, 2), (9_999, 4), (10, 0)] {
        video.seek(target * 1_000_000).unwrap();
        assert_eq!(video.next_frame().unwrap().unwrap().pts_ns, shown[want].0, "seek to {target} ms");
    }
}

#[test]
fn animations_by_ffmpeg_have_all_their_frames() {
    let Some(tool) = Tool::ffmpeg("animated") else { return };
    let mut plain = Vec::new();
    for (name, codec) in [
        ("a.gif", "-c:v gif"),
        ("a.apng", "-c:v apng -f apng"),
        ("deep.apng", "-c:v apng -f apng -pix_fmt rgb48be"),
        ("deep-alpha.apng", "-c:v apng -f apng -pix_fmt rgba64be"),
        ("deep-grey.apng", "-c:v apng -f apng -pix_fmt gray16be"),
        ("a.webp", "-c:v libwebp_anim -lossless 1"),
    ] {
        let Some(file) = tool.make(&format!("-f lavfi -i testsrc2=s=160x120:r=10:d=1 {codec}"), name) else { continue };
        let shown = all(open_file(&file, PICTURE_NS).unwrap().video.unwrap().as_mut());
        let times: Vec<_> = shown.iter().map(|frame| (frame.0 / 1_000_000, frame.1 / 1_000_000)).collect();
        let want: Vec<_> = (0..10).map(|index| (100 * index, 100)).collect();
        assert_eq!(times, want, "{name}");
        let mut pictures: Vec<_> = shown.into_iter().map(|frame| frame.4).collect();
        pictures.dedup();
        assert!(pictures.len() == 10, "{name}: {} pictures that differ", pictures.len());
        if name == "a.apng" {
            plain = pictures;
        } else if name == "deep.apng" {
            let apart = pictures.iter().flatten().zip(plain.iter().flatten()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(plain.is_empty() || apart <= Some(2), "{name}: {apart:?} from the same of 8 bits");
        }
    }
}

/// An animation of three pictures, the second of which is a part, in samples of `bytes` bytes.
fn apng(dispose: png::DisposeOp, blend: png::BlendOp, bytes: usize) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 16, 12);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(if bytes == 2 { png::BitDepth::Sixteen } else { png::BitDepth::Eight });
    encoder.set_animated(3, 1).unwrap();
    encoder.set_frame_delay(1, 10).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for (n, (width, height)) in [(16, 12), (5, 6), (16, 12)].into_iter().enumerate() {
        if n > 0 {
            writer.set_frame_position(0, 0).unwrap();
            writer.set_frame_dimension(width, height).unwrap();
            writer.set_frame_position(if n == 1 { 7 } else { 0 }, if n == 1 { 3 } else { 0 }).unwrap();
            writer.set_blend_op(blend).unwrap();
            writer.set_dispose_op(dispose).unwrap();
        }
        let pixel = |at: u32| [40 * n as u32 + at, 255 - at, 7 * at, [255, 0, 128, 60][(at as usize + n) % 4]];
        let samples = (0..width * height).flat_map(pixel).flat_map(|sample| vec![sample as u8; bytes]);
        writer.write_image_data(&samples.collect::<Vec<u8>>()).unwrap();
    }
    drop(writer);
    file
}

#[test]
fn pictures_of_16_bits_are_put_upon_each_other_as_those_of_8_are() {
    use png::{BlendOp, DisposeOp};
    for dispose in [DisposeOp::None, DisposeOp::Background, DisposeOp::Previous] {
        for blend in [BlendOp::Source, BlendOp::Over] {
            let [plain, deep] = [1, 2].map(|bytes| {
                let file = MediaFile::from_bytes(apng(dispose, blend, bytes), "a.png");
                all(open_file(&file, PICTURE_NS).unwrap().video.unwrap().as_mut())
            });
            assert_eq!((plain.len(), deep.len()), (3, 3), "{dispose:?} {blend:?}");
            for (n, (plain, deep)) in plain.iter().zip(&deep).enumerate() {
                assert_eq!((plain.0, plain.1), (deep.0, deep.1), "{dispose:?} {blend:?}: picture {n}");
                let apart = plain.4.iter().zip(&deep.4).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(apart <= Some(2), "{dispose:?} {blend:?}: picture {n} is {apart:?} from that of 8 bits");
            }
        }
    }
}

#[test]
fn a_list_shows_each_picture_as_long_as_is_wanted_whatever_its_size_and_skips_what_is_none() {
    let Some(tool) = Tool::ffmpeg("list") else { return };
    let mut paths = Vec::new();
    for index in 0..4u32 {
        let path = tool.path(&format!("{index}.png"));
        if index == 2 {
            std::fs::write(&path, b"no picture").unwrap();
        } else {
            image::GrayImage::from_pixel(4 + index, 4, image::Luma([50 * index as u8])).save(&path).unwrap();
        }
        paths.push(path);
    }
    let mut video = open_list(&paths, 40_000_000).unwrap().video.unwrap();
    assert_eq!((video.info().frames, video.info().duration_ns), (Some(4), Some(160_000_000)));
    let shown: Vec<_> = all(video.as_mut()).iter().map(|frame| (frame.0 / 1_000_000, frame.2)).collect();
    assert_eq!(shown, [(0, 4), (40, 5), (120, 7)]);
    video.seek(85_000_000).unwrap();
    assert_eq!(video.next_frame().unwrap().unwrap().pts_ns, 40_000_000);
    assert!(open_list(&[], 1).is_err() && open_list(&[tool.path("2.png")], 1).is_err());
}

#[test]
fn damaged_pictures_end_without_panic() {
    let Some(tool) = Tool::ffmpeg("damaged-pictures") else { return };
    tricine_media::guard::install_hook();
    for (name, codec) in [
        ("a.gif", "-c:v gif"),
        ("a.apng", "-f apng"),
        ("a.webp", "-c:v libwebp_anim"),
        ("a.jpg", "-frames:v 1 -update 1"),
        ("a.png", "-frames:v 1 -update 1"),
    ] {
        if tool.make(&format!("-f lavfi -i testsrc2=s=40x30:r=10:d=0.5 {codec}"), name).is_none() {
            continue;
        }
        let whole = std::fs::read(tool.path(name)).unwrap();
        for seed in 0..30u64 {
            let mut bytes = whole.clone();
            if seed % 3 == 0 {
                bytes.truncate(bytes.len() * seed as usize / 30)
            } else {
                flip(&mut bytes, seed, 8)
            }
            let path = tool.path(&format!("damaged-{name}"));
            std::fs::write(&path, &bytes).unwrap();
            if let Ok(media) = open_file(&open(&path), PICTURE_NS) {
                all(media.video.unwrap().as_mut());
            }
        }
    }
}

#[test]
fn a_webp_animation_clears_and_blends_what_its_frames_ask_for() {
    let Some(tool) = Tool::ffmpeg("webp") else { return };
    let (red, blue) = (Rgba([255, 0, 0, 255]), Rgba([0, 0, 255, 255]));
    let frame = |(left, top): (u32, u32), size: (u32, u32), colour: Rgba<u8>, flags: u8| {
        let mut still = Vec::new();
        let picture = RgbaImage::from_pixel(size.0, size.1, colour);
        picture.write_with_encoder(image::codecs::webp::WebPEncoder::new_lossless(&mut still)).unwrap();
        let numbers = [left / 2, top / 2, size.0 - 1, size.1 - 1, 50];
        let numbers: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes().into_iter().take(3)).collect();
        let body = [&numbers[..], &[flags], &still[12..]].concat();
        [b"ANMF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
    };
    // All red; blue on the left, to be cleared; half of blue on the right, upon the red; red in the corner instead of what is there.
    let frames = [
        frame((0, 0), (8, 4), red, 2),
        frame((0, 0), (4, 4), blue, 1),
        frame((4, 0), (4, 4), Rgba([0, 0, 255, 128]), 0),
        frame((0, 0), (2, 2), Rgba([255, 0, 0, 0]), 2),
    ];
    let body =
        [&b"WEBPVP8X\x0a\0\0\0\x12\0\0\0\x07\0\0\x03\0\0ANIM\x06\0\0\0\0\0\0\0\0\0"[..], &frames.concat()].concat();
    let path = tool.path("a.webp");
    std::fs::write(&path, [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()).unwrap();
    let shown = all(open_file(&open(&path), PICTURE_NS).unwrap().video.unwrap().as_mut());
    assert_eq!(
        shown.iter().map(|one| (one.0, one.1)).collect::<Vec<_>>(),
        [0, 50, 100, 150].map(|ms| (ms * NS / 1000, NS / 20))
    );
    // Luma on the left and on the right: red is 76, blue 29, half of each 53.
    let luma: Vec<_> = shown.iter().map(|one| (one.4[0], one.4[7])).collect();
    assert_eq!(luma, [(76, 76), (29, 76), (0, 53), (0, 53)]);
}

#[test]
fn a_jpeg_that_was_cut_is_shown_and_said_to_be() {
    let Some(tool) = Tool::ffmpeg("cut") else { return };
    let path = tool.path("a.jpg");
    image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([(x * 4) as u8, (y * 5) as u8, (x * y) as u8]))
        .save(&path)
        .unwrap();
    let whole = std::fs::read(&path).unwrap();
    // A preview among the tags is whole in any case.
    let preview = [&whole[..2], &[0xff, 0xe1], &(whole.len() as u16 + 2).to_be_bytes(), &whole, &whole[2..]].concat();
    for bytes in [&whole, &preview] {
        for (cut, notices) in [(0, 0), (2, 1), (300, 1)] {
            std::fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
            let media = open_file(&open(&path), PICTURE_NS).unwrap();
            assert_eq!(media.notices.len(), notices, "{cut} bytes are missing: {:?}", media.notices);
            assert_eq!(all(media.video.unwrap().as_mut()).len(), 1);
        }
    }
}
