//! Theora is FFmpeg's, byte for byte, whatever its chroma, its size and what of its pictures is shown.

mod video_support;

use video_support::{Clips, assert_all_exact, decode_all, lively, reference};

#[test]
fn theora_of_every_quality_and_size_is_exact() {
    const THEORA: &[(&str, &str, &str)] = &[
        ("good.mkv", "160x120 25 1", "-c:v libtheora -q:v 9"),
        ("poor.mkv", "176x144 30000/1001 1", "-c:v libtheora -q:v 1 -g 8"),
        ("rate.mkv", "320x180 25 2", "-c:v libtheora -b:v 150k -g 30"),
        ("odd.mkv", "161x123 25 1", "-c:v libtheora -q:v 5"),
        ("tiny.mkv", "18x34 25 1", "-c:v libtheora -q:v 7"),
        ("old.avi", "160x120 25 1", "-c:v libtheora -q:v 9"),
        ("old.mov", "161x123 25 1", "-c:v libtheora -q:v 5"),
        ("aspect.mkv", "160x120 25 0.4", "-vf setsar=4/3 -c:v libtheora -q:v 7"),
    ];
    assert_all_exact(THEORA, "theora");
}

#[test]
fn more_chroma_than_is_shown_is_narrowed_and_luma_stays_exact() {
    let Some(clips) = Clips::new("theora-chroma") else { return };
    for (name, format, size) in [("422.mkv", "yuv422p", (160, 120)), ("444.mkv", "yuv444p", (160, 120))] {
        let source = lively(&format!("{}x{}", size.0, size.1), "25", "0.6");
        let settings = format!("{source} -pix_fmt {format} -c:v libtheora -q:v 8");
        let Some(path) = clips.make(name, &settings) else { continue };
        let luma = size.0 * size.1;
        let (ours, theirs) = (decode_all(&path), reference(&path, luma * 3 / 2));
        assert!(ours.len() == theirs.len() && ours.len() == 15, "{name}: {} pictures", ours.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert!(ours.2[..luma] == theirs[..luma], "{name}: other luma");
            // FFmpeg's scaler weighs more than two rows.
            let chroma = ours.2[luma..].iter().zip(&theirs[luma..]);
            let mean = chroma.clone().map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / chroma.len() as f64;
            assert!(mean < 3.0, "{name}: chroma differs by {mean:.2} on average");
        }
    }
}
