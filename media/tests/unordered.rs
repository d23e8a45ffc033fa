//! Containers that tell no order of showing, although the pictures in them are shown in another order than they are decoded: MP4 that was made
//! of a raw stream, and HEVC in AVI and in Matroska that took it over from there. All pictures are shown, in their order.

mod video_support;

use std::path::Path;

use tricine_media::NS;
use video_support::{Clips, decode_all, lively, reference, reference_times, samples, video};

/// The raw streams: their names, and how they are made. Some enter groups of pictures that are open, some do not say how many are reordered.
const RAW: [(&str, &str); 6] = [
    ("closed.264", "-c:v libx264 -bf 3 -g 12"),
    ("open.264", "-c:v libx264 -bf 3 -g 12 -x264-params open-gop=1"),
    ("open.265", "-c:v libx265 -x265-params keyint=12:bframes=4:log-level=none"),
    ("closed.265", "-c:v libx265 -x265-params keyint=12:open-gop=0:log-level=none"),
    ("film.m2v", "-c:v mpeg2video -bf 2 -g 12"),
    ("film.m4v", "-c:v mpeg4 -bf 2 -g 12"),
];

/// Where a box begins that is within others; what it has begins 8 bytes later.
fn find(data: &[u8], path: &[&[u8; 4]]) -> Option<std::ops::Range<usize>> {
    let mut range = 0..data.len();
    for kind in path {
        let mut at = range.start;
        range = loop {
            let len = u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?) as usize;
            if at + 8 > range.end {
                return None;
            }
            if data[at + 4..at + 8] == **kind {
                break at + 8..at + len;
            }
            at += len;
        };
    }
    Some(range.start - 8..range.end)
}

/// Takes the times of showing out of an MP4: its edit list and its offsets become space that nobody reads.
fn forget(data: &mut [u8]) {
    for path in [&[b"moov", b"trak", b"edts"][..], &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"ctts"]] {
        if let Some(range) = find(data, path) {
            data[range.start + 4..range.start + 8].copy_from_slice(b"free");
        }
    }
}

/// Checks that all pictures of `path` are those that FFmpeg finds in the stream `raw`, evenly spaced, and that seeks show what is on then.
fn assert_ordered(path: &Path, raw: &Path) {
    let (film, theirs) = (decode_all(path), reference(raw, 96 * 64 * 3 / 2));
    let name = path.display();
    assert_eq!(film.len(), theirs.len(), "{name}");
    for (n, ((pts_ns, _, ours), theirs)) in film.iter().zip(&theirs).enumerate() {
        assert!(ours == theirs, "{name}: picture {n}");
        assert!(pts_ns.abs_diff(n as i64 * NS / 25) < 1_000_000, "{name}: picture {n} at {pts_ns}");
    }
    let mut video = video(path);
    for n in [50, 3, 74, 0, 36, 35, 37, 24, 23, 61] {
        video.seek(n * NS / 25 + 2_000_000).unwrap();
        for next in film.iter().skip(n as usize).take(3) {
            let mut frame = video.next_frame().unwrap().unwrap();
            assert!(frame.pts_ns == next.0 && samples(&mut frame) == next.2, "{name}: to picture {n}");
        }
    }
}

#[test]
fn mp4_of_a_raw_stream_shows_all_pictures_in_their_order() {
    let Some(clips) = Clips::new("of-raw") else { return };
    for (name, settings) in RAW {
        let Some(raw) = clips.make(name, &format!("{} {settings}", lively("96x64", "25", "3"))) else { continue };
        for (kind, more) in
            [("mp4", ""), ("mov", ""), ("pieces.mp4", "-movflags frag_keyframe+empty_moov+default_base_moof")]
        {
            let args = format!("-fflags +genpts -r 25 -i {} -c copy {more}", raw.display());
            let Some(path) = clips.make(&format!("{name}.{kind}"), &args) else { continue };
            let mut data = std::fs::read(&path).unwrap();
            // With the edit list that FFmpeg writes, and without.
            if name.ends_with("264") || name.ends_with("265") {
                assert_ordered(&path, &raw);
            }
            forget(&mut data);
            std::fs::write(&path, &data).unwrap();
            assert_ordered(&path, &raw);
        }
    }
}

#[test]
fn offsets_of_mp4_that_end_early_or_lie_below_zero_are_read() {
    let Some(clips) = Clips::new("offsets") else { return };
    for (name, settings) in [RAW[0], RAW[2]] {
        let Some(raw) = clips.make(name, &format!("{} {settings}", lively("96x64", "25", "3"))) else { continue };
        let from = format!("{} {settings}", lively("96x64", "25", "3"));
        let plain = clips.make(&format!("{name}.mp4"), &from).unwrap();
        assert_ordered(&plain, &raw);
        let mut data = std::fs::read(&plain).unwrap();
        let offsets = find(&data, &[b"moov", b"trak", b"mdia", b"minf", b"stbl", b"ctts"]).unwrap();
        // Only the first ten runs are there.
        data[offsets.start + 12..offsets.start + 16].copy_from_slice(&10u32.to_be_bytes());
        let short = clips.path(&format!("{name}.short.mp4"));
        std::fs::write(&short, &data).unwrap();
        assert_ordered(&short, &raw);
        for (more, version) in
            [("-movflags negative_cts_offsets", 1), ("-movflags negative_cts_offsets+frag_keyframe+empty_moov", 1)]
        {
            let path = clips.make(&format!("{name}.negative.mp4"), &format!("{from} {more}")).unwrap();
            assert_ordered(&path, &raw);
            // Signed numbers in the version that has none.
            let mut data = std::fs::read(&path).unwrap();
            let kinds: Vec<usize> =
                (4..data.len() - 4).filter(|&at| matches!(&data[at..at + 4], b"ctts" | b"trun")).collect();
            assert!(!kinds.is_empty());
            for at in kinds {
                assert_eq!(data[at + 4], version, "{more}");
                data[at + 4] = 0;
            }
            std::fs::write(&path, &data).unwrap();
            assert_ordered(&path, &raw);
        }
    }
}

#[test]
fn hevc_in_avi_is_shown_in_its_order() {
    let Some(clips) = Clips::new("hevc-avi") else { return };
    for (name, settings) in [RAW[2], RAW[3]] {
        let Some(raw) = clips.make(name, &format!("{} {settings}", lively("96x64", "25", "3"))) else { continue };
        let avi =
            clips.make(&format!("{name}.avi"), &format!("-r 25 -i {} -c copy -tag:v HEVC", raw.display())).unwrap();
        let (film, theirs, times) = (decode_all(&avi), reference(&avi, 96 * 64 * 3 / 2), reference_times(&avi));
        assert_eq!(film.len(), theirs.len(), "{name}");
        assert!(film.iter().zip(&theirs).all(|(ours, theirs)| ours.2 == *theirs), "{name}");
        // FFmpeg has no times of the last ones.
        assert!(times.len() >= film.len() - 3, "{name}");
        for (n, ((pts_ns, ..), time)) in film.iter().zip(&times).enumerate() {
            assert!(
                (*pts_ns as f64 / 1e9 + times[0] - time).abs() < 2e-6,
                "{name}: picture {n} at {pts_ns} ns, not at {time} s"
            );
        }
    }
}

/// An element of Matroska.
fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    [id, &(0x1000_0000 | body.len() as u32).to_be_bytes(), body].concat()
}

#[test]
fn hevc_that_matroska_took_over_from_an_avi_is_shown_in_its_order() {
    let Some(clips) = Clips::new("hevc-vfw") else { return };
    let settings =
        format!("{} -c:v libx265 -x265-params keyint=12:bframes=4:aud=1:log-level=none", lively("96x64", "25", "3"));
    let Some(raw) = clips.make("film.265", &settings) else { return };
    let data = std::fs::read(&raw).unwrap();
    let delimiters = data.windows(5).enumerate().filter(|(_, window)| *window == [0, 0, 0, 1, 0x46]);
    let mut begins: Vec<usize> = delimiters.map(|(at, _)| at).collect();
    begins.push(data.len());
    let blocks: Vec<u8> = begins
        .windows(2)
        .zip(0u16..)
        .flat_map(|(two, n)| {
            let [high, low] = (40 * n).to_be_bytes();
            element(&[0xa3], &[&[0x81, high, low, 0x80], &data[two[0]..two[1]]].concat())
        })
        .collect();
    let bitmap = [&40u32.to_le_bytes()[..], &[0; 12], b"HEVC", &[0; 20]].concat();
    let video = element(&[0xe0], &[element(&[0xb0], &[96]), element(&[0xba], &[64])].concat());
    let track = [
        element(&[0xd7], &[1]),
        element(&[0x73, 0xc5], &[1]),
        element(&[0x83], &[1]),
        element(&[0x23, 0xe3, 0x83], &40_000_000u32.to_be_bytes()),
        element(&[0x86], b"V_MS/VFW/FOURCC"),
        element(&[0x63, 0xa2], &bitmap),
        video,
    ];
    let segment = [
        element(&[0x15, 0x49, 0xa9, 0x66], &element(&[0x2a, 0xd7, 0xb1], &1_000_000u32.to_be_bytes())),
        element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &track.concat())),
        element(&[0x1f, 0x43, 0xb6, 0x75], &[element(&[0xe7], &[0]), blocks].concat()),
    ];
    let head = element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], b"matroska"));
    let path = clips.path("film.mkv");
    std::fs::write(&path, [head, element(&[0x18, 0x53, 0x80, 0x67], &segment.concat())].concat()).unwrap();
    let (film, theirs) = (decode_all(&path), reference(&raw, 96 * 64 * 3 / 2));
    assert_eq!(film.len(), theirs.len());
    for (n, ((pts_ns, _, ours), theirs)) in film.iter().zip(&theirs).enumerate() {
        assert!(ours == theirs, "picture {n}");
        assert!((pts_ns - film[0].0).abs_diff(n as i64 * 40_000_000) < 1_000_000, "picture {n} at {pts_ns}");
    }
}

#[test]
fn small_pictures_of_which_several_lie_in_one_packet_of_a_program_stream_are_all_shown() {
    let Some(clips) = Clips::new("small") else { return };
    for (name, settings) in [
        ("plain.mpg", "-c:v libx264 -bf 0"),
        ("ordered.mpg", "-c:v libx264 -bf 3"),
        ("hevc.mpg", "-c:v libx265 -x265-params log-level=none"),
        ("xvid.mpg", "-c:v mpeg4 -bf 2"),
    ] {
        let source = "-f lavfi -i testsrc=size=64x48:rate=30:duration=4 -pix_fmt yuv420p -g 30";
        let Some(path) = clips.make(name, &format!("{source} {settings} -f vob")) else { continue };
        let (film, theirs) = (decode_all(&path), reference(&path, 64 * 48 * 3 / 2));
        assert_eq!(film.len(), theirs.len(), "{name}");
        // Where a packet ends within a start code, its time is that of the picture before, as in FFmpeg.
        let allowed = if name == "hevc.mpg" { 60_000_000 } else { 1_000_000 };
        for (n, ((pts_ns, _, ours), theirs)) in film.iter().zip(&theirs).enumerate() {
            // MPEG-4 part 2 is rounded otherwise.
            let off: u64 = ours.iter().zip(theirs).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            assert!(if name == "xvid.mpg" { off < 500 } else { off == 0 }, "{name}: picture {n} is off by {off}");
            let from_ns = pts_ns - film[0].0;
            assert!(from_ns.abs_diff(n as i64 * NS / 30) < allowed, "{name}: picture {n} at {from_ns}");
        }
        let mut video = video(&path);
        for n in [100, 31, 7, 0, 61, 60, 30, 90, 110] {
            video.seek(film[n].0 + 10_000_000).unwrap();
            let mut frame = video.next_frame().unwrap().unwrap();
            assert!(frame.pts_ns.abs_diff(film[n].0) < allowed, "{name}: to picture {n}, {} ns", frame.pts_ns);
            if name != "hevc.mpg" {
                assert!(samples(&mut frame) == film[n].2, "{name}: to picture {n}");
            }
        }
    }
}
