//! YUV4MPEG2 from files and pipes, against FFmpeg where its conversion is exact.

#[path = "support/mod.rs"]
mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::Arc;

use support::{Tool, open, raw_i420};
use tricine_media::source::y4m;
use tricine_media::{ColorRange, MediaError, MediaFile, NS, VideoSource};

/// All frames, one after another, and the messages of what was damaged.
fn all(video: &mut dyn VideoSource) -> (Vec<Vec<u8>>, Vec<String>) {
    let (mut frames, mut damaged) = (Vec::new(), Vec::new());
    loop {
        match video.next_frame() {
            Ok(Some(mut frame)) => {
                let mut out = vec![7; frame.format.i420_len()];
                frame.picture.write_i420(&mut out);
                frames.push(out);
            }
            Ok(None) => return (frames, damaged),
            Err(MediaError::Damaged(e)) => damaged.push(e),
            Err(e) => panic!("{e}"),
        }
        assert!(frames.len() + damaged.len() < 10_000, "no end");
    }
}

/// A pipe that gives `bytes`.
fn pipe(bytes: Vec<u8>) -> Arc<File> {
    let (reader, mut writer) = std::io::pipe().unwrap();
    // The reader may leave early, as a killed decoder does.
    std::thread::spawn(move || drop(writer.write_all(&bytes)));
    Arc::new(File::from(OwnedFd::from(reader)))
}

fn file(tool: &Tool, name: &str, bytes: &[u8]) -> MediaFile {
    std::fs::write(tool.path(name), bytes).unwrap();
    open(&tool.path(name))
}

#[test]
fn frames_of_files_and_pipes_equal_ffmpegs() {
    let Some(tool) = Tool::ffmpeg("y4m") else { return };
    for (size, format, exact) in [
        ("64x48", "yuv420p", true),
        ("33x17", "yuv420p", true),
        ("1x1", "yuv420p", true),
        ("64x48", "gray", true),
        ("64x48", "yuv422p", false),
        ("35x19", "yuv444p", false),
    ] {
        let name = format!("{size}-{format}.y4m");
        let args = format!(
            "-f lavfi -i testsrc2=s=64x48:r=25:d=0.4 -vf scale={} -pix_fmt {format} -strict -1",
            size.replace('x', ":")
        );
        let Some(input) = tool.make(&args, &name) else { continue };
        let (from_file, damaged) = all(y4m::open_file(&input).unwrap().video.unwrap().as_mut());
        let bytes = std::fs::read(tool.path(&name)).unwrap();
        let (from_pipe, _) = all(y4m::open_pipe(pipe(bytes)).unwrap().video.unwrap().as_mut());
        assert_eq!(from_file, from_pipe, "{name}");
        assert!(damaged.is_empty() && from_file.len() == 10, "{name}: {} frames, {damaged:?}", from_file.len());
        let theirs = raw_i420(&tool.path(&name));
        let ours = from_file.concat();
        assert_eq!(ours.len(), theirs.len(), "{name}");
        let off: f64 =
            ours.iter().zip(&theirs).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / ours.len() as f64;
        // swscale filters chroma over more samples than the two or four that we average.
        assert!(if exact { off == 0.0 } else { off < 4.0 }, "{name}: {off} off on average");
        let luma = 64.min(size.split_once('x').unwrap().0.parse::<usize>().unwrap());
        assert_eq!(ours[..luma], theirs[..luma], "{name}: first row");
    }
}

#[test]
fn header_says_rate_aspect_range_and_interlacing() {
    let Some(tool) = Tool::ffmpeg("y4m-header") else { return };
    let head = b"YUV4MPEG2 W4 H2 F30000:1001 It A8:9 C420mpeg2 XYSCSS=420MPEG2 XCOLORRANGE=FULL\nFRAME\n";
    let media = y4m::open_file(&file(&tool, "a.y4m", &[&head[..], &[9; 12]].concat())).unwrap();
    let info = media.video.unwrap().info().clone();
    assert!((info.rate.unwrap() - 29.97).abs() < 0.001);
    assert_eq!((info.format.sar, info.format.range, info.frames), ((8, 9), ColorRange::Full, Some(1)));
    assert_eq!(media.notices.len(), 1);
    for (header, want) in [("C420p10", "10 bit"), ("C411", "C411"), ("C444alpha", "C444alpha")] {
        let bytes = format!("YUV4MPEG2 W4 H2 F25:1 {header}\nFRAME\n");
        match y4m::open_file(&file(&tool, "b.y4m", bytes.as_bytes())) {
            Err(MediaError::Unsupported { what, .. }) => assert!(what.contains(want), "{what}"),
            other => panic!("{header}: {:?}", other.err()),
        }
    }
    for bytes in [
        &b"YUV4MPEG2 W4 H4 F1:4294967295\nFRAME\n"[..],
        b"YUV4MPEG2 W4 H4 F4294967295:1\nFRAME\n",
        b"YUV4MPEG2 W4\nFRAME\n",
        b"YUV4MPEG2 W0 H4\n",
        b"YUV4MPEG2 W99999 H4\n",
        b"YUV4MPEG2",
        b"",
        b"RIFF\n",
    ] {
        assert!(y4m::open_file(&file(&tool, "c.y4m", bytes)).is_err());
    }
}

#[test]
fn a_file_seeks_to_the_frame_shown_and_frame_headers_may_have_parameters() {
    let Some(tool) = Tool::ffmpeg("y4m-seek") else { return };
    let mut bytes = b"YUV4MPEG2 W2 H2 F25:1\n".to_vec();
    for number in 0..20u8 {
        bytes.extend(if number % 3 == 0 { &b"FRAME Ip\n"[..] } else { b"FRAME\n" });
        bytes.extend([number; 6]);
    }
    let mut video = y4m::open_file(&file(&tool, "a.y4m", &bytes)).unwrap().video.unwrap();
    for (target, want) in [(0, 0), (40_000_000, 1), (39_999_999, 0), (430_000_000, 10), (NS * 99, 19), (-4, 0)] {
        video.seek(target).unwrap();
        let mut frame = video.next_frame().unwrap().unwrap();
        let mut out = [0; 6];
        frame.picture.write_i420(&mut out);
        assert_eq!((out[0], frame.pts_ns), (want, i64::from(want) * 40_000_000), "seek to {target}");
    }
}

#[test]
fn a_stream_cut_within_a_frame_plays_to_there_and_says_so() {
    let Some(tool) = Tool::ffmpeg("y4m-cut") else { return };
    let mut bytes = b"YUV4MPEG2 W2 H2 F25:1\n".to_vec();
    for number in 0..3u8 {
        bytes.extend(b"FRAME\n");
        bytes.extend([number; 6]);
    }
    bytes.truncate(bytes.len() - 2);
    for (frames, damaged) in [
        all(y4m::open_file(&file(&tool, "a.y4m", &bytes)).unwrap().video.unwrap().as_mut()),
        all(y4m::open_pipe(pipe(bytes.clone())).unwrap().video.unwrap().as_mut()),
    ] {
        assert_eq!((frames.len(), damaged.len()), (2, 1));
    }
}

#[test]
fn a_pipe_left_anywhere_within_a_frame_goes_on_with_the_next_whole_one() {
    // Samples that spell FRAME must not be taken for a header.
    let mut body = b"YUV4MPEG2 W16 H16 F25:1\n".to_vec();
    let header = String::from_utf8(body[..body.len() - 1].to_vec()).unwrap();
    let len = 16 * 16 * 3 / 2;
    let start = body.len();
    for number in 0..8u8 {
        body.extend(b"FRAME\n");
        let mut samples = vec![number; len];
        let at = 20 + 10 * usize::from(number);
        samples[at..at + 6].copy_from_slice(b"FRAME\n");
        body.extend(samples);
    }
    for eaten in [0, 1, 5, 6, 7, 25, 26, 100, len + 5, len + 6, 3 * (len + 6) + 200] {
        let input = pipe(body.clone());
        let mut gone = vec![0; start + eaten];
        input.as_ref().read_exact(&mut gone).unwrap();
        let first = eaten.div_ceil(len + 6);
        let mut video = y4m::resume_pipe(input, &header, first as u64).unwrap().video.unwrap();
        let frame = video.next_frame().unwrap().unwrap();
        assert_eq!(frame.pts_ns, first as i64 * 40_000_000);
        drop(frame);
        let (rest, damaged) = all(video.as_mut());
        assert_eq!(rest.len(), 8 - first - 1, "after {eaten} bytes");
        assert!(
            damaged.is_empty() && rest.iter().zip(first + 1..).all(|(frame, number)| usize::from(frame[0]) == number)
        );
    }
}

#[test]
fn a_decoder_leaves_in_the_pipe_what_it_has_not_shown() {
    let mut bytes = b"YUV4MPEG2 W2 H2 F25:1\n".to_vec();
    for number in 0..3u8 {
        bytes.extend(b"FRAME\n");
        bytes.extend([number; 6]);
    }
    let input = pipe(bytes);
    let (media, header) = y4m::open_pipe_with_header(input.clone()).unwrap();
    let mut video = media.video.unwrap();
    video.next_frame().unwrap().unwrap();
    assert!(video.seek(0).is_err() && !video.info().seekable);
    drop(video);
    let (rest, _) = all(y4m::resume_pipe(input, &header, 1).unwrap().video.unwrap().as_mut());
    assert_eq!(rest, [vec![1; 6], vec![2; 6]]);
}

#[test]
fn ffmpegs_pipe_plays() {
    let Some(_tool) = Tool::ffmpeg("y4m-pipe") else { return };
    let args = "-v error -f lavfi -i testsrc2=s=64x48:r=25:d=1 -f yuv4mpegpipe -";
    let mut child = Command::new("ffmpeg").args(args.split(' ')).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let output = Arc::new(File::from(OwnedFd::from(child.stdout.take().unwrap())));
    let (frames, damaged) = all(y4m::open_pipe(output).unwrap().video.unwrap().as_mut());
    child.wait().unwrap();
    assert_eq!((frames.len(), damaged.len()), (25, 0));
}
