//! JPEGs one after another are a film, and a photograph with other pictures behind it is none.

mod video_support;

use std::fs::File;
use std::path::Path;

use tricine_media::{Choice, Input, MediaFile, NS, PICTURE_NS, VideoSource};
use video_support::{Clips, all_frames, filtered, lively, samples};

fn open(path: &Path, picture_ns: i64) -> Box<dyn VideoSource> {
    let file = MediaFile::new(File::open(path).unwrap(), "it").unwrap();
    tricine_media::open_at(&Input::File(file), 0, picture_ns, &Choice::default()).unwrap().video.unwrap()
}

/// How many pictures a file has, and how long each is shown.
fn shown(path: &Path) -> (usize, i64) {
    let frames = all_frames(&mut *open(path, PICTURE_NS), path);
    (frames.len(), frames[0].1)
}

/// Where each picture of a film begins: no line of one looks like that.
fn begins(film: &[u8]) -> Vec<usize> {
    let marks = film.windows(3).enumerate().filter(|(_, window)| *window == [0xff, 0xd8, 0xff]);
    marks.map(|(at, _)| at).chain([film.len()]).collect()
}

#[test]
fn jpegs_one_after_another_are_a_film_of_25_per_second_or_as_many_as_are_asked_for() {
    let Some(clips) = Clips::new("mjpeg") else { return };
    let made = format!("{} -c:v mjpeg -q:v 3 -pix_fmt yuvj420p", lively("96x64", "25", "2"));
    let Some(path) = clips.make("film.mjpeg", &made) else { return };
    for (picture_ns, step_ns) in [(PICTURE_NS, NS / 25), (NS / 50, NS / 50), (2 * NS, 2 * NS)] {
        let mut film = open(&path, picture_ns);
        let (info, frames) = (film.info().clone(), all_frames(&mut *film, &path));
        assert_eq!((info.frames, info.duration_ns, info.seekable), (Some(50), Some(50 * step_ns), true));
        // JPEG's range is kept.
        let theirs = filtered(&path, frames[0].2.len(), "scale=in_range=full:out_range=full");
        assert_eq!(theirs.len(), 50);
        for (n, ((pts_ns, lasts_ns, ours), theirs)) in frames.iter().zip(&theirs).enumerate() {
            assert_eq!((*pts_ns, *lasts_ns), (n as i64 * step_ns, step_ns));
            // Chroma comes out of the decoder smoothed, which noise shows.
            let off: u64 = ours.iter().zip(theirs).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            assert!(off < 3 * ours.len() as u64, "picture {n} is off by {off}");
        }
        for n in [30, 7, 49, 0] {
            film.seek(n * step_ns + step_ns / 2).unwrap();
            let mut frame = film.next_frame().unwrap().unwrap();
            assert!(frame.pts_ns == n * step_ns && samples(&mut frame) == frames[n as usize].2, "to picture {n}");
        }
    }
}

#[test]
fn a_film_of_jpegs_plays_past_padding_and_damage() {
    let Some(clips) = Clips::new("mjpeg-damage") else { return };
    let made = format!("{} -c:v mjpeg -q:v 3 -pix_fmt yuvj420p", lively("96x64", "25", "1"));
    let Some(path) = clips.make("film.mjpeg", &made) else { return };
    let data = std::fs::read(&path).unwrap();
    let at = begins(&data);
    let pictures: Vec<&[u8]> = at.windows(2).map(|two| &data[two[0]..two[1]]).collect();
    assert_eq!(pictures.len(), 25);
    let padded: Vec<u8> = pictures.iter().flat_map(|picture| [picture, &[0; 5][..]].concat()).collect();
    let other = clips.path("other.mjpeg");
    std::fs::write(&other, padded).unwrap();
    assert!(all_frames(&mut *open(&other, PICTURE_NS), &other) == all_frames(&mut *open(&path, PICTURE_NS), &path));
    // One lacks its end, and something else lies between two others. The last one was cut off.
    let mut parts = pictures.clone();
    let half = parts[10].len() / 2;
    parts[10] = &parts[10][..half];
    let noise: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(n) >> 7) as u8 & 0x7f).collect();
    parts.insert(15, &noise);
    std::fs::write(&other, parts.concat()).unwrap();
    let (mut film, mut times, whole) =
        (open(&other, PICTURE_NS), Vec::new(), all_frames(&mut *open(&path, PICTURE_NS), &path));
    while let Ok(Some(mut frame)) = film.next_frame() {
        let n = times.len();
        assert!(n == 10 || samples(&mut frame) == whole[n].2, "picture {n}");
        times.push(frame.pts_ns);
    }
    assert_eq!(times, whole.iter().map(|(pts_ns, ..)| *pts_ns).collect::<Vec<_>>());
}

#[test]
fn a_photograph_with_other_pictures_behind_it_remains_one() {
    let Some(clips) = Clips::new("photograph") else { return };
    let jpeg = |name: &str, size: &str| {
        let args = format!("{} -frames:v 1 -c:v mjpeg -f mjpeg", lively(size, "25", "1"));
        clips.make(name, &args).map(|path| std::fs::read(path).unwrap())
    };
    let Some((one, small)) = jpeg("one", "96x64").zip(jpeg("small", "48x32")) else { return };
    let with = |segment: &[u8]| {
        let len = (segment.len() as u16 + 1).to_be_bytes();
        [&one[..2], &[0xff, segment[0]], &len, &segment[1..], &one[2..]].concat()
    };
    let index = with(b"\xe2MPF\0II*\0\x08\0\0\0\0\0");
    let gain =
        with(b"\xe1http://ns.adobe.com/xap/1.0/\0<x xmlns:Container=\"http://ns.google.com/photos/1.0/container/\"/>");
    let thumbnail = with(&[b"\xe1Exif\0\0", &small[..]].concat());
    let clip = b"\0\0\0\x18ftypmp42\0\0\0\0";
    for (n, (parts, pictures)) in [
        (vec![&one[..]], 1),
        (vec![&index, &one], 1),
        (vec![&gain, &one], 1),
        (vec![&one, &small], 1),
        (vec![&one, clip], 1),
        (vec![&one, clip, &one], 1),
        (vec![&one, &[7; 3000]], 1),
        (vec![&thumbnail], 1),
        (vec![&one[..one.len() - 20], &one], 1),
        (vec![&one, &one], 2),
        (vec![&thumbnail, &thumbnail, &one], 3),
    ]
    .into_iter()
    .enumerate()
    {
        let path = clips.path(&format!("{n}.jpg"));
        std::fs::write(&path, parts.concat()).unwrap();
        let lasts_ns = if pictures == 1 { PICTURE_NS } else { NS / 25 };
        assert_eq!(shown(&path), (pictures, lasts_ns), "{n}");
    }
}
