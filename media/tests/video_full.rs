//! H.264 of 4:4:4, RGB and without loss beside FFmpeg, and what of H.264 is refused.

mod video_support;

use video_support::{Clips, lively, open};
#[cfg(feature = "h264-444")]
use video_support::{assert_exact, coded, decode_all};

/// A picture of three planes as large as each other, thinned to 4:2:0: each of its samples, 255 at the most. `most`: the largest sample there is.
/// `mixed`: the planes are green, blue and red.
#[cfg(feature = "h264-444")]
fn thinned(planes: &[u16], (width, height): (usize, usize), most: f64, mixed: bool) -> Vec<f64> {
    let luma = width * height;
    let at = |plane: usize, at: usize| {
        let of = |plane: usize| {
            f64::from(planes[plane * luma + at]) * if mixed { 255.0 / most } else { 256.0 / (most + 1.0) }
        };
        let grey = 0.299 * of(2) + 0.587 * of(0) + 0.114 * of(1);
        match plane {
            _ if !mixed => of(plane),
            0 => grey,
            1 => 128.0 + (of(1) - grey) / 1.772,
            _ => 128.0 + (of(2) - grey) / 1.402,
        }
    };
    let quarter = |plane, x: usize, y: usize| {
        let corners =
            [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(right, down)| at(plane, (2 * y + down) * width + 2 * x + right));
        corners.iter().sum::<f64>() / 4.0
    };
    let chroma = [1, 2]
        .into_iter()
        .flat_map(|plane| (0..height / 2).flat_map(move |y| (0..width / 2).map(move |x| (plane, x, y))));
    (0..luma).map(|n| at(0, n)).chain(chroma.map(|(plane, x, y)| quarter(plane, x, y))).collect()
}

#[test]
#[cfg(feature = "h264-444")]
fn h264_of_four_to_four_to_four_and_lossless_is_shown_as_ffmpeg_shows_it() {
    let Some(clips) = Clips::new("h264-full") else { return };
    for (name, format, settings) in [
        ("444.mp4", "yuv444p", "-c:v libx264"),
        ("444b.mkv", "yuv444p", "-c:v libx264 -coder 0 -bf 4 -refs 4 -g 8"),
        ("444lossless.mp4", "yuv444p", "-c:v libx264 -qp 0"),
        ("444.ts", "yuv444p", "-c:v libx264 -x264-params slices=3"),
        ("fine.mp4", "yuv444p", "-c:v libx264 -qp 1 -coder 0"),
        (
            "weights.mkv",
            "yuv444p",
            "-c:v libx264 -bf 5 -refs 8 -x264-params b-pyramid=normal:weightp=2:direct=temporal",
        ),
        ("intra.avi", "yuv444p", "-c:v libx264 -g 1 -coder 0"),
        ("raw.264", "yuv444p", "-c:v libx264 -bf 2"),
        ("ten.mp4", "yuv444p10le", "-c:v libx264"),
        ("ten-fine.mkv", "yuv444p10le", "-c:v libx264 -qp 1 -bf 4 -refs 4"),
        ("ten-lossless.mkv", "yuv444p10le", "-c:v libx264 -qp 0 -preset slow"),
        ("rgb.mp4", "gbrp", "-c:v libx264rgb"),
        ("rgb-lossless.mkv", "gbrp", "-c:v libx264rgb -qp 0 -preset ultrafast"),
    ] {
        let asked = if format == "gbrp" { "rgb24" } else { format };
        let source = lively("162x122", "25", "0.8").replace("-pix_fmt yuv420p", "");
        let Some(path) = clips.make(name, &format!("{source} -pix_fmt {asked} {settings}")) else { continue };
        let size = (162, 122);
        let theirs: Vec<u16> = match format {
            "yuv444p10le" => {
                coded(&path, format).as_chunks::<2>().0.iter().map(|two| u16::from_le_bytes(*two)).collect()
            }
            _ => coded(&path, format).into_iter().map(u16::from).collect(),
        };
        let (most, mixed) = (if format == "yuv444p10le" { 1023.0 } else { 255.0 }, format == "gbrp");
        // What is no whole number is rounded to the next one, of 10 bits dithered to either of two; of colours, rounded twice.
        let allowed = if most > 255.0 || mixed { 1.01 } else { 0.5 };
        let ours = decode_all(&path);
        assert_eq!(ours.len(), theirs.len() / (3 * size.0 * size.1), "{name}");
        for (n, (ours, theirs)) in ours.iter().zip(theirs.chunks(3 * size.0 * size.1)).enumerate() {
            let wanted = thinned(theirs, size, most, mixed);
            let off =
                ours.2.iter().zip(&wanted).map(|(ours, wanted)| (f64::from(*ours) - wanted).abs()).fold(0.0, f64::max);
            assert!(ours.2.len() == wanted.len() && off <= allowed, "{name}: picture {n} is {off} off");
        }
    }
    // 4:2:0 without loss is exact as a whole.
    if let Some(path) = clips.make("lossless.mkv", &format!("{} -c:v libx264 -qp 0", lively("160x120", "25", "0.8"))) {
        assert_exact(&path);
    }
}

#[test]
fn h264_that_nothing_here_decodes_is_refused_in_words() {
    let Some(clips) = Clips::new("h264-refused") else { return };
    for (name, settings, words) in [
        ("short.mp4", "-pix_fmt yuv444p10le -c:v libx264 -coder 0", "10-bit 4:4:4 without CABAC"),
        ("lists.mp4", "-pix_fmt yuv444p -c:v libx264 -x264-params cqm=jvt", "4:4:4 with scaling lists"),
        ("lines.mp4", "-pix_fmt yuv444p -c:v libx264 -flags +ilme+ildct", "interlaced 4:4:4"),
        #[cfg(not(feature = "h264-444"))]
        ("full.mp4", "-pix_fmt yuv444p -c:v libx264", "4:4:4, which takes the feature h264-444"),
    ] {
        let source = lively("160x128", "25", "0.2").replace("-pix_fmt yuv420p", "");
        let Some(path) = clips.make(name, &format!("{source} {settings}")) else { continue };
        let why = match open(&path) {
            Ok(media) => media.missing.into_iter().map(|(_, why)| why).collect::<String>(),
            Err(error) => error.to_string(),
        };
        assert!(why.contains(words), "{name}: {why}");
    }
}
