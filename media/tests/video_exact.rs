//! Every frame of every codec, container and encoder setting is what FFmpeg decodes, byte for byte, at FFmpeg's time.

mod video_support;

use video_support::{
    Clips, all_frames, assert_all_exact, assert_all_exact_by, assert_exact, by_numbers, decode_all, filtered, lively,
    reference, video_as_coded,
};

const X264: &[(&str, &str, &str)] = &[
    ("baseline.mp4", "160x120 25 1", "-c:v libx264 -profile:v baseline"),
    ("main.mp4", "160x120 25 1", "-c:v libx264 -profile:v main"),
    ("high.mp4", "176x144 30000/1001 1", "-c:v libx264 -profile:v high -preset slower"),
    ("pyramid.mp4", "160x120 25 2", "-c:v libx264 -bf 5 -x264-params b-pyramid=normal:b-adapt=2:keyint=20"),
    ("strict.mp4", "160x120 25 1", "-c:v libx264 -bf 3 -x264-params b-pyramid=strict:direct=temporal"),
    ("weightp.mp4", "160x120 25 1", "-vf fade=in:0:20 -c:v libx264 -x264-params weightp=2:weightb=1"),
    ("cavlc.mp4", "160x120 25 1", "-c:v libx264 -x264-params cabac=0:8x8dct=1"),
    ("slices.mp4", "160x120 25 1", "-c:v libx264 -x264-params slices=4"),
    ("cropped.mp4", "1366x766 25 0.3", "-c:v libx264 -preset veryfast"),
    ("tiny.mp4", "18x34 25 1", "-c:v libx264"),
    ("refs.mp4", "160x120 25 2", "-c:v libx264 -refs 16 -bf 8 -x264-params b-pyramid=normal:mixed-refs=1"),
    ("opengop.mp4", "160x120 25 3", "-c:v libx264 -bf 3 -x264-params open-gop=1:keyint=15:min-keyint=5"),
    ("intra.mp4", "160x120 25 1", "-c:v libx264 -g 1"),
    ("one.mp4", "160x120 25 0.04", "-c:v libx264"),
    ("vfr.mp4", "160x120 25 2", "-vf select='not(eq(mod(n\\,7)\\,3))' -vsync vfr -c:v libx264 -bf 3"),
    ("nodeblock.mp4", "160x120 25 1", "-c:v libx264 -x264-params no-deblock=1:cqm=jvt"),
    ("zerolatency.mp4", "160x120 25 1", "-c:v libx264 -tune zerolatency -x264-params intra-refresh=1"),
    ("fragmented.mp4", "160x120 25 2", "-c:v libx264 -g 12 -movflags frag_keyframe+empty_moov+default_base_moof"),
    ("delayed.mp4", "160x120 25 2", "-c:v libx264 -g 12 -movflags frag_keyframe+delay_moov"),
    ("negative.mp4", "160x120 25 1", "-c:v libx264 -bf 3 -movflags negative_cts_offsets"),
    ("noedit.mp4", "160x120 25 1", "-c:v libx264 -bf 3 -use_editlist 0"),
    ("film.mov", "160x120 25 1", "-c:v libx264 -bf 3"),
    ("film.mkv", "160x120 25 2", "-c:v libx264 -bf 3 -g 15"),
    ("aspect.mkv", "160x120 25 1", "-vf setsar=4/3 -c:v libx264"),
];

#[test]
fn h264_of_every_usual_setting_is_exact() {
    assert_all_exact(X264, "h264");
}

/// Without the words by which x264 names itself, the other decoder takes it: the large one on as many processors as there are, and all
/// with four pictures in work.
#[test]
fn h264_of_whatever_encoder_is_exact() {
    let nameless = "-bsf:v filter_units=remove_types=6";
    let settings: Vec<_> =
        X264.iter().map(|(file, source, settings)| (*file, *source, format!("{settings} {nameless}"))).collect();
    assert_all_exact_by(&settings, "h264-careful", &[None, Some(4)]);
}

#[test]
fn h264_that_uses_what_x264_seldom_does_is_exact() {
    const RARE: &[(&str, &str, &str)] = &[
        ("interlaced.mp4", "160x128 25 1", "-c:v libx264 -flags +ilme+ildct -x264-params tff=1 -bf 2"),
        ("interlaced.mkv", "160x128 25 1", "-c:v libx264 -flags +ilme+ildct -x264-params bff=1:cabac=0"),
        ("pcm.mp4", "96x64 25 0.4", "-c:v libx264 -qp 1 -x264-params cabac=0 -bsf:v filter_units=remove_types=6"),
        ("inset.mp4", "160x120 25 0.4", "-c:v libx264 -bsf:v h264_metadata=crop_left=6:crop_top=10"),
        ("inset.mkv", "160x120 25 0.4", "-c:v libx264 -bsf:v h264_metadata=crop_left=2:crop_bottom=4"),
    ];
    assert_all_exact_by(RARE, "h264-rare", &[None, Some(4)]);
}

/// The sequence header tells of whole blocks; what the container tells is also odd.
#[test]
fn a_container_may_show_less_of_h264_than_was_coded() {
    let Some(clips) = Clips::new("cut") else { return };
    let settings = "-f lavfi -i testsrc2=size=152x118:rate=25:duration=0.4 -c:v libx264 -bf 0 -pix_fmt yuv420p";
    let whole = "-bsf:v h264_metadata=crop_right=0:crop_bottom=0";
    for name in ["stated.mp4", "stated.mkv", "stated.avi"] {
        let Some(path) = clips.make(name, &format!("{settings} {whole}")) else { return };
        for size in [[152, 118], [151, 117], [145, 127]] {
            let mut bytes = std::fs::read(&path).unwrap();
            let at = |what: &[u8]| bytes.windows(what.len()).position(|window| window == what).unwrap() + what.len();
            match name {
                "stated.mp4" => {
                    let at = at(b"avc1\0\0\0\0\0\0\0\x01") + 16;
                    bytes[at..at + 4].copy_from_slice(&[0, size[0], 0, size[1]]);
                }
                "stated.mkv" => {
                    let (width, height) = (at(&[0xb0, 0x81]), at(&[0xba, 0x81]));
                    (bytes[width], bytes[height]) = (size[0], size[1]);
                }
                _ => {
                    let at = at(b"strf") + 8;
                    (bytes[at], bytes[at + 4]) = (size[0], size[1]);
                }
            }
            std::fs::write(&path, bytes).unwrap();
            assert_exact(&path);
            let shown = video_as_coded(&path).info().format;
            assert_eq!([shown.width, shown.height], size.map(u32::from), "{name}");
        }
    }
}

/// FFmpeg with its filter for what is interlaced alone: so it judges also which pictures are, and which field comes first.
fn assert_deinterlaced(path: &std::path::Path, allowed: f64) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let ours = decode_all(path);
    let theirs = filtered(path, ours[0].2.len(), "yadif=mode=send_frame:parity=auto:deint=interlaced");
    assert_eq!(ours.len(), theirs.len(), "{name}");
    for (n, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        let off: u64 = ours.2.iter().zip(theirs).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        let off = off as f64 / theirs.len() as f64;
        assert!(off <= allowed, "{name}: picture {n} is {off:.3} off");
    }
    let coded = reference(path, ours[0].2.len());
    assert!(coded.iter().zip(&theirs).any(|(coded, shown)| coded != shown), "{name}: nothing to be done");
}

#[test]
fn interlaced_h264_is_shown_as_yadif_shows_it() {
    let Some(clips) = Clips::new("woven") else { return };
    // Two pictures become one, a field of each.
    let source =
        "-f lavfi -i testsrc2=size=176x144:rate=50:duration=2,noise=alls=12:allf=t+u:all_seed=7 -pix_fmt yuv420p";
    for (name, filter, settings) in [
        ("upper.mp4", "tinterlace=interleave_top", "-c:v libx264 -flags +ilme+ildct -x264-params tff=1 -bf 2"),
        ("lower.ts", "tinterlace=interleave_bottom", "-c:v libx264 -flags +ilme+ildct -x264-params bff=1:cabac=0"),
    ] {
        if let Some(path) = clips.make(name, &format!("{source} -vf {filter} {settings}")) {
            assert_deinterlaced(&path, 0.0);
        }
    }
}

#[test]
fn mpeg2_and_mpeg4_of_every_usual_setting_are_exact() {
    let Some(clips) = Clips::new("transformed") else { return };
    for (name, size, settings) in [
        ("between.mp4", (160, 120), "-c:v mpeg4 -q:v 3 -bf 2 -g 10"),
        ("finest.mkv", (160, 120), "-c:v mpeg4 -q:v 1"),
        ("quarters.mp4", (178, 130), "-c:v mpeg4 -b:v 300k -flags +mv4+aic -mbd rd -trellis 1"),
        ("weights.avi", (160, 120), "-c:v mpeg4 -q:v 5 -mpeg_quant 1 -flags +mv4"),
        ("packets.mkv", (160, 120), "-c:v mpeg4 -q:v 12 -ps 300"),
        // Large enough for a second thread.
        ("film.mp4", (1280, 720), "-c:v mpeg4 -q:v 4 -bf 2 -g 5"),
        ("television.mkv", (160, 128), "-c:v mpeg2video -b:v 2M -bf 2 -g 12"),
        ("disc.mkv", (720, 576), "-c:v mpeg2video -b:v 8M -bf 2 -g 12"),
        ("woven.mkv", (160, 128), "-c:v mpeg2video -b:v 2M -bf 2 -flags +ilme+ildct"),
    ] {
        let source = lively(&format!("{}x{}", size.0, size.1), "25", "0.6");
        let Some(path) = clips.make(name, &format!("{source} {settings}")) else { continue };
        let ours = all_frames(&mut *video_as_coded(&path), &path);
        let theirs = by_numbers(&path, size.0 * size.1 * 3 / 2);
        assert_eq!((ours.len(), theirs.len()), (15, 15), "{name}");
        for (n, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            let differing = ours.2.iter().zip(theirs).filter(|(ours, theirs)| ours != theirs).count();
            assert_eq!(differing, 0, "{name}: picture {n}");
        }
    }
}

#[test]
fn mpeg2_xvid_and_motion_jpeg_are_ffmpegs_within_a_rounding() {
    let Some(clips) = Clips::new("rounded") else { return };
    for (name, settings) in [
        ("television.mkv", "-c:v mpeg2video -b:v 2M -bf 2 -g 12"),
        ("disc.mkv", "-c:v mpeg2video -b:v 8M -bf 2 -g 12"),
        ("studio.mkv", "-pix_fmt yuv422p -c:v mpeg2video -b:v 4M -bf 2 -intra_vlc 1"),
        ("old.mkv", "-c:v mpeg1video -b:v 1M -bf 2"),
        ("older.mov", "-c:v mpeg1video -b:v 1M"),
        // Editors keep the code that the film had in an AVI.
        ("rip.mov", "-c:v mpeg4 -vtag XVID -q:v 4"),
        // FFmpeg transforms Xvid's pictures as Xvid does.
        ("rip.avi", "-c:v libxvid -q:v 4 -g 12 -bf 2"),
        ("camera.avi", "-pix_fmt yuvj420p -c:v mjpeg -q:v 3"),
        ("camera.mov", "-pix_fmt yuvj422p -c:v mjpeg -q:v 3"),
    ] {
        // A disc's pictures are large enough to be read by several threads.
        let (size, points) = if name == "disc.mkv" { ("720x576", 720 * 576) } else { ("160x128", 160 * 128) };
        let Some(path) = clips.make(name, &format!("{} {settings}", lively(size, "25", "0.6"))) else { continue };
        // JPEG's range is kept; its chroma comes out of the decoder smoothed, which noise shows.
        let camera = name.starts_with("camera");
        let (filter, limit) = if camera { ("scale=in_range=full:out_range=full", 2.0) } else { ("null", 0.5) };
        let (ours, theirs) = (decode_all(&path), filtered(&path, points * 3 / 2, filter));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (n, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            let off: u64 = ours.2.iter().zip(theirs).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            let off = off as f64 / theirs.len() as f64;
            assert!(off < limit, "{name}: picture {n} is {off:.3} off");
        }
    }
}

/// Bits, written as ones and zeros, as bytes.
fn bits(text: &str) -> Vec<u8> {
    let bits: Vec<u8> = text.bytes().filter(|bit| matches!(bit, b'0' | b'1')).map(|bit| bit - b'0').collect();
    bits.chunks(8).map(|byte| (0..8).fold(0, |all, n| all << 1 | byte.get(n).unwrap_or(&0))).collect()
}

#[test]
fn mpeg1_whose_vectors_step_forward_by_their_whole_reach_is_exact() {
    let Some(clips) = Clips::new("reach") else { return };
    let Some(path) =
        clips.make("key.m1v", &format!("{} -frames:v 1 -c:v mpeg1video -q:v 3", lively("48x48", "25", "1")))
    else {
        return;
    };
    let key = std::fs::read(&path).expect("a picture");
    let key = key.strip_suffix(&[0, 0, 1, 0xb7]).unwrap_or(&key);
    // A step of 16 is written so; behind it, where vectors reach twice as far, the bit that adds to it.
    let (none, ahead) = ("1", "00000011000");
    for (reach, more) in [("001", ""), ("010", "1")] {
        // A picture that is predicted from the one before, with nothing but vectors.
        let mut film = [key, &[0, 0, 1, 0], &bits(&format!("0000000001 010 {} 0{reach} 0", "1".repeat(16)))].concat();
        for row in 1..=3 {
            let still = format!("1 001 {none} {none}");
            let (across, down) = (format!("1 001 {ahead}{more} {none}"), format!("1 001 {none} {ahead}{more}"));
            let blocks = if row == 1 { [&still, &across, &still] } else { [&still, &across, &down] };
            film.extend([0, 0, 1, row]);
            film.extend(bits(&format!("00010 0 {}", blocks.map(String::as_str).concat())));
        }
        film.extend([0, 0, 1, 0xb7]);
        let path = clips.path("reach.m1v");
        std::fs::write(&path, film).expect("a film");
        let (ours, theirs) = (decode_all(&path), by_numbers(&path, 48 * 48 * 3 / 2));
        assert_eq!((ours.len(), theirs.len()), (2, 2), "{reach}");
        // The second one is the first one moved: what a transform rounds is the same in both.
        let moved = |frames: [&Vec<u8>; 2]| -> Vec<i16> {
            frames[0].iter().zip(frames[1]).map(|(first, second)| i16::from(*second) - i16::from(*first)).collect()
        };
        let (ours, theirs) = (moved([&ours[0].2, &ours[1].2]), moved([&theirs[0], &theirs[1]]));
        assert!(theirs.iter().any(|by| *by != 0), "{reach}: nothing moves");
        let off = ours.iter().zip(&theirs).filter(|(a, b)| a.abs_diff(**b) > 2).count();
        assert_eq!(off, 0, "{reach}");
    }
}

#[test]
fn interlaced_mpeg2_is_shown_as_yadif_shows_it() {
    let Some(clips) = Clips::new("woven-mpeg2") else { return };
    let source = "-f lavfi -i testsrc2=size=176x144:rate=50:duration=1 -pix_fmt yuv420p -vf tinterlace=interleave_top";
    let settings = "-c:v mpeg2video -flags +ilme+ildct -top 1 -b:v 3M -bf 2";
    if let Some(path) = clips.make("upper.ts", &format!("{source} {settings}")) {
        assert_deinterlaced(&path, 0.5);
    }
}

#[test]
fn h264_of_ten_bits_and_of_more_chroma_is_shown_as_ffmpeg_shows_it() {
    let Some(clips) = Clips::new("h264-deep") else { return };
    for (name, settings) in [
        ("ten.mp4", "-pix_fmt yuv420p10le -c:v libx264"),
        ("422.mp4", "-pix_fmt yuv422p -c:v libx264"),
        ("422ten.mkv", "-pix_fmt yuv422p10le -c:v libx264"),
    ] {
        let Some(path) = clips.make(name, &format!("{} {settings}", lively("160x120", "25", "0.6"))) else { continue };
        let (ours, theirs) = (decode_all(&path), reference(&path, 160 * 120 * 3 / 2));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            // Both round or dither to 8 bits, each in its way: one step at most, chroma averaged over rows a few.
            let luma = ours.2[..160 * 120].iter().zip(theirs).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(luma <= Some(2), "{name}: luma differs by {luma:?}");
            let chroma = ours.2[160 * 120..].iter().zip(&theirs[160 * 120..]);
            let mean = chroma.clone().map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / chroma.len() as f64;
            assert!(mean < 3.0, "{name}: chroma differs by {mean:.2} on average");
        }
    }
}

#[test]
fn av1_of_both_encoders_is_exact() {
    const AV1: &[(&str, &str, &str)] = &[
        ("svt.mp4", "160x120 25 1", "-c:v libsvtav1 -preset 8 -g 12"),
        ("svt.mkv", "176x144 25 1", "-c:v libsvtav1 -preset 8"),
        ("aom.webm", "162x122 25 0.6", "-c:v libaom-av1 -cpu-used 8 -lag-in-frames 12"),
        ("odd.mp4", "161x121 25 0.4", "-c:v libaom-av1 -cpu-used 8"),
        ("grain.mp4", "160x120 25 0.4", "-c:v libaom-av1 -cpu-used 8 -denoise-noise-level 25"),
        ("grainy.mp4", "160x120 25 0.5", "-c:v libsvtav1 -preset 8 -svtav1-params film-grain=20"),
    ];
    assert_all_exact(AV1, "av1");
}

#[test]
fn vp9_with_hidden_frames_and_odd_sizes_is_exact() {
    const VP9: &[(&str, &str, &str)] = &[
        (
            "altref.webm",
            "160x120 25 2",
            "-c:v libvpx-vp9 -auto-alt-ref 1 -lag-in-frames 16 -b:v 200k -g 30 -cpu-used 5",
        ),
        ("odd.webm", "161x123 25 1", "-c:v libvpx-vp9 -cpu-used 5 -crf 30 -b:v 0"),
        ("vp9.mp4", "176x144 25 1", "-c:v libvpx-vp9 -cpu-used 5 -tile-columns 1"),
        ("lossless.webm", "64x64 25 0.4", "-c:v libvpx-vp9 -lossless 1 -cpu-used 5"),
    ];
    assert_all_exact(VP9, "vp9");
}

#[test]
fn hevc_is_exact() {
    const HEVC: &[(&str, &str, &str)] = &[
        ("hevc.mp4", "160x120 25 2", "-c:v libx265 -x265-params log-level=none:keyint=15"),
        ("closed.mkv", "178x146 25 1", "-c:v libx265 -x265-params log-level=none:no-open-gop=1:bframes=4"),
        // By its name an extended profile.
        ("intra.mp4", "160x120 25 1", "-c:v libx265 -profile:v main-intra -x265-params log-level=none"),
    ];
    assert_all_exact(HEVC, "hevc");
}

#[test]
fn an_edit_list_that_cuts_is_honoured() {
    let Some(clips) = Clips::new("edits") else { return };
    let source = lively("160x120", "25", "3");
    let Some(whole) = clips.make("whole.mp4", &format!("{source} -c:v libx264 -g 25 -bf 2")) else { return };
    // Copying from the middle keeps the packets since the key frame and hides them by an edit list.
    let whole = whole.display();
    let Some(cut) = clips.make("cut.mp4", &format!("-ss 1.5 -i {whole} -c copy")) else { return };
    assert_exact(&cut);
    let Some(late) = clips.make("late.mp4", &format!("-itsoffset 0.5 -i {whole} -c copy")) else { return };
    assert_exact(&late);
}

#[test]
fn vp8_with_hidden_frames_and_odd_sizes_is_exact() {
    const VP8: &[(&str, &str, &str)] = &[
        ("altref.webm", "160x120 25 2", "-c:v libvpx -auto-alt-ref 1 -lag-in-frames 16 -b:v 200k -g 30 -cpu-used 5"),
        ("odd.webm", "161x123 25 1", "-c:v libvpx -cpu-used 5 -crf 30"),
        ("vp8.mkv", "176x144 25 1", "-c:v libvpx -cpu-used 5 -error-resilient 1"),
    ];
    assert_all_exact(VP8, "vp8");
}
