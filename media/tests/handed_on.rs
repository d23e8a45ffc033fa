//! Films that somebody joined, copied into another container, or sent on: what played as it was made plays as it was handed on.

#[path = "support/mod.rs"]
mod support;
mod video_support;

use std::path::{Path, PathBuf};

use tricine_media::NS;
use video_support::{Clips, decode_all, lively, open, samples};

/// What is heard.
const TONE: &str = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=3";

/// Sample frames of a film of one channel.
fn sound(path: &Path) -> usize {
    support::decode_all(open(path).unwrap().audio.unwrap().as_mut()).samples.len()
}

/// A film of `settings`, as everything else here is made.
fn film(clips: &Clips, name: &str, settings: &str) -> Option<PathBuf> {
    clips.make(name, &format!("{} {} {settings}", TONE, lively("96x64", "25", "3")))
}

/// A seek to each of these times shows the picture that is on then, as it is shown from the beginning.
fn assert_seeks(path: &Path, film: &[(i64, i64, Vec<u8>)], targets: &[i64]) {
    let mut video = open(path).unwrap().video.unwrap();
    for &target in targets {
        video.seek(target).unwrap();
        let wanted = film.iter().rfind(|(pts_ns, ..)| *pts_ns <= target).unwrap();
        let frame = video.next_frame().unwrap();
        let mut frame = frame.unwrap_or_else(|| panic!("{}: to {target}: nothing", path.display()));
        let same = frame.pts_ns == wanted.0 && samples(&mut frame) == wanted.2;
        assert!(same, "{}: to {target}", path.display());
    }
}

#[test]
fn recordings_that_were_joined_play_and_seek_as_one() {
    let Some(clips) = Clips::new("joined") else { return };
    let settings = "-c:v libx264 -g 12 -bf 2 -c:a mp2";
    let Some(one) = film(&clips, "one.ts", settings) else { return };
    let (whole, heard) = (decode_all(&one), sound(&one));
    // The clock falls back, runs ahead by hours, and wraps around on the way.
    for (n, offset) in ["0", "30000", "95441"].into_iter().enumerate() {
        let Some(two) = film(&clips, &format!("two-{n}.ts"), &format!("{settings} -output_ts_offset {offset}")) else {
            return;
        };
        let joined = clips.path(&format!("joined-{n}.ts"));
        std::fs::write(&joined, [std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap()].concat()).unwrap();
        let film = decode_all(&joined);
        let count = whole.len();
        assert_eq!(film.len(), 2 * count, "{offset}");
        for (n, (pts_ns, _, samples)) in film.iter().enumerate() {
            assert!(*samples == whole[n % count].2, "{offset}: picture {n}");
            assert!(pts_ns.abs_diff(n as i64 * NS / 25) < 110_000_000, "{offset}: picture {n} at {pts_ns}");
        }
        let over = sound(&joined).abs_diff(2 * heard);
        assert!(over < 4_800, "{offset}: {over} samples more or less");
        assert_seeks(&joined, &film, &[4 * NS, NS, 5 * NS, 3 * NS - 1]);
    }
}

#[test]
fn a_seek_ends_where_times_fall_and_nothing_tells_why() {
    let Some(clips) = Clips::new("falls") else { return };
    let Some(late) =
        film(&clips, "late.mpg", "-c:v mpeg2video -b:v 12M -minrate 12M -g 12 -c:a mp2 -output_ts_offset 40000")
    else {
        return;
    };
    let early = film(&clips, "early.mpg", "-c:v mpeg2video -b:v 12M -minrate 12M -g 12 -c:a mp2").unwrap();
    let joined = clips.path("falls.mpg");
    std::fs::write(&joined, [std::fs::read(&late).unwrap(), std::fs::read(&early).unwrap()].concat()).unwrap();
    let mut video = open(&joined).unwrap().video.unwrap();
    for target in [NS, 3 * NS, 0, 5 * NS] {
        video.seek(target).unwrap();
    }
}

/// The transport stream with the end of each picture moved into the PES packet of the next one, which keeps the time of its own.
fn shifted(data: &[u8], pid: u16) -> Vec<u8> {
    let mut out = Vec::new();
    // The clock of the PES packet that is put together, its header, and its body.
    let (mut clock, mut head, mut body) = (Vec::new(), Vec::new(), Vec::new());
    let (mut counter, mut count) = (0, 0);
    let mut put = |clock: &[u8], pes: &[u8], out: &mut Vec<u8>| {
        let (mut field, mut rest) = (clock.to_vec(), pes);
        for begins in std::iter::once(0x40).chain(std::iter::repeat(0)) {
            let room = 184 - field.len();
            if rest.len() < room {
                // A field of one byte says that it has no other.
                let stuffing = room - rest.len();
                if field.is_empty() {
                    field = if stuffing == 1 { vec![0] } else { vec![0, 0] };
                }
                field.resize(184 - rest.len(), 0xff);
                field[0] = (field.len() - 1) as u8;
            }
            let [high, low] = pid.to_be_bytes();
            let (now, after) = rest.split_at(184 - field.len());
            out.extend([0x47, high | begins, low, (if field.is_empty() { 0x10 } else { 0x30 }) | counter]);
            out.extend(field.iter().chain(now));
            counter = (counter + 1) & 15;
            (field, rest) = (Vec::new(), after);
            if rest.is_empty() {
                break;
            }
        }
    };
    for packet in data.chunks_exact(188) {
        if u16::from_be_bytes([packet[1] & 0x1f, packet[2]]) != pid {
            out.extend(packet);
            continue;
        }
        let field = if packet[3] & 0x20 == 0 { 0 } else { 1 + usize::from(packet[4]) };
        let payload = &packet[4 + field..];
        if packet[1] & 0x40 == 0 {
            body.extend_from_slice(payload);
            continue;
        }
        let moved = (1 + count * 31 % 60).min(body.len());
        let tail = body.split_off(body.len() - moved);
        if count > 0 {
            put(&clock, &[&head[..], &body].concat(), &mut out);
        }
        count += 1;
        let begins = 9 + usize::from(payload[8]);
        (head, body) = (payload[..begins].to_vec(), [&tail, &payload[begins..]].concat());
        head[4..6].fill(0);
        clock = if field > 7 && packet[5] & 0x10 != 0 { [&[7], &packet[5..12]].concat() } else { Vec::new() };
    }
    put(&clock, &[&head[..], &body].concat(), &mut out);
    out
}

#[test]
fn pictures_that_begin_within_the_packets_of_a_transport_stream_are_the_same_pictures() {
    let Some(clips) = Clips::new("shifted") else { return };
    for (name, settings) in [
        ("h264", "-c:v libx264 -g 12 -bf 2"),
        ("hevc", "-c:v libx265 -x265-params log-level=none:keyint=12:min-keyint=12"),
        ("mpeg4", "-c:v mpeg4 -q 3 -g 12 -bf 2"),
        ("mpeg2", "-c:v mpeg2video -q 3 -g 12 -bf 2"),
    ] {
        let Some(plain) = film(&clips, &format!("{name}.ts"), &format!("{settings} -c:a mp2")) else { continue };
        let whole = decode_all(&plain);
        let path = clips.path(&format!("{name}-shifted.ts"));
        let data = shifted(&std::fs::read(&plain).unwrap(), 0x100);
        std::fs::write(&path, &data).unwrap();
        let ours = decode_all(&path);
        assert_eq!(ours.len(), whole.len(), "{name}");
        for (n, (ours, wanted)) in ours.iter().zip(&whole).enumerate() {
            assert!(ours == wanted, "{name}: picture {n} at {}, not at {}", ours.0, wanted.0);
        }
        assert_seeks(&path, &whole, &[2 * NS, NS / 5, NS + 1, 3 * NS - 1]);
        // Where a packet is missing, nothing is put together of what stood before and behind it.
        let packets = data.chunks_exact(188).enumerate().skip(20);
        let within = packets.filter(|(_, packet)| packet[1..3] == [1, 0]).map(|(n, _)| n);
        for lost in within.step_by(5) {
            std::fs::write(&path, [&data[..lost * 188], &data[(lost + 1) * 188..]].concat()).unwrap();
            let mut video = open(&path).unwrap().video.unwrap();
            let (mut shown, mut damaged) = (0, 0);
            loop {
                match video.next_frame() {
                    Ok(Some(mut frame)) => {
                        let picture = samples(&mut frame);
                        let there = whole.iter().any(|(.., wanted)| *wanted == picture);
                        assert!(there, "{name} without {lost}: a picture that there is not");
                        shown += 1;
                    }
                    Ok(None) => break,
                    Err(_) => damaged += 1,
                }
            }
            assert!(shown > 30 && damaged > 0, "{name} without {lost}: {shown} shown, damaged {damaged} times");
        }
    }
}

#[test]
fn a_transport_stream_behind_something_else_plays_and_a_scrambled_one_says_so() {
    let Some(clips) = Clips::new("behind") else { return };
    let Some(path) = film(&clips, "film.ts", "-c:v libx264 -g 12 -c:a mp2") else { return };
    let data = std::fs::read(&path).unwrap();
    let behind = clips.path("behind.ts");
    std::fs::write(&behind, [&[7; 1234][..], &data].concat()).unwrap();
    assert_eq!(decode_all(&behind).len(), 75);
    let scrambled = clips.path("scrambled.ts");
    let mut all = data;
    for packet in all.chunks_exact_mut(188).filter(|packet| packet[1] & 1 == 1 && packet[3] & 0x10 != 0) {
        packet[3] |= 0x80;
        packet[100..].fill(0xa5);
    }
    std::fs::write(&scrambled, all).unwrap();
    let error = open(&scrambled).err().unwrap().to_string();
    assert!(error.contains("encrypted"), "{error}");
}

#[test]
fn matroska_that_took_a_film_over_from_an_avi_shows_it_as_the_avi_does() {
    let Some(clips) = Clips::new("vfw") else { return };
    for (name, code, settings) in [
        ("pairs", b"XVID", "-c:v mpeg4 -q 3 -g 12 -bf 2 -vtag XVID"),
        ("plain", b"DX50", "-c:v mpeg4 -q 3 -g 12 -vtag DX50"),
    ] {
        let Some(avi) = film(&clips, &format!("{name}.avi"), &format!("{settings} -c:a pcm_s16le")) else { continue };
        let from = format!("-i {} -map 0 -c copy -bsf:v setts=pts=DTS", avi.display());
        let Some(mkv) = clips.make(&format!("{name}.mkv"), &from) else { continue };
        let mut data = std::fs::read(&mkv).unwrap();
        // The codec's name, and a bitmap's header in place of the codec's own.
        let at = data.windows(15).position(|id| id == b"V_MPEG4/ISO/ASP").unwrap();
        data[at..at + 15].copy_from_slice(b"V_MS/VFW/FOURCC");
        let private = at + data[at..].windows(2).position(|id| id == [0x63, 0xa2]).unwrap() + 2;
        let head = data[private].leading_zeros() as usize + 1;
        let len = data[private + head - 1];
        let body = private + head;
        data[body..body + 20].fill(0);
        data[body + 16..body + 20].copy_from_slice(code);
        assert!(len >= 20, "{name}: {len} bytes of configuration");
        std::fs::write(&mkv, data).unwrap();
        let (theirs, ours) = (decode_all(&avi), decode_all(&mkv));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (n, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert!(ours.0.abs_diff(theirs.0) < 1_000_000 && ours.2 == theirs.2, "{name}: picture {n}");
        }
        assert_seeks(&mkv, &ours, &[2 * NS, NS / 2, NS]);
    }
}

#[test]
fn matroska_plays_past_elements_that_nobody_knows_and_ends_where_another_file_follows() {
    let Some(clips) = Clips::new("unknown") else { return };
    let settings = "-c:v libx264 -g 12 -bf 2 -c:a flac -live 1 -cluster_time_limit 500";
    let Some(path) = film(&clips, "film.mkv", settings) else { return };
    let (data, whole) = (std::fs::read(&path).unwrap(), decode_all(&path));
    // In front of the first blocks, each behind its cluster's time.
    let (mut more, mut rest) = (Vec::new(), &data[..]);
    while let Some(at) = rest.windows(4).position(|id| id == [0x1f, 0x43, 0xb6, 0x75]) {
        let time = at + rest[at..].iter().position(|byte| *byte == 0xe7).unwrap();
        let behind = time + 2 + usize::from(rest[time + 1] & 0x7f);
        more.extend([&rest[..behind], &[0x42, 0xfe, 0x83, 1, 2, 3]].concat());
        rest = &rest[behind..];
    }
    more.extend(rest);
    let unknown = clips.path("unknown.mkv");
    std::fs::write(&unknown, more).unwrap();
    assert!(decode_all(&unknown) == whole);
    let twice = clips.path("twice.mkv");
    std::fs::write(&twice, [&data[..], &data].concat()).unwrap();
    let (mut video, mut times) = (open(&twice).unwrap().video.unwrap(), Vec::new());
    let mut said = String::new();
    loop {
        match video.next_frame() {
            Ok(Some(frame)) => times.push(frame.pts_ns),
            Ok(None) => break,
            Err(error) => said = error.to_string(),
        }
    }
    assert!(said.contains("another Matroska file"), "{said}");
    assert_eq!(times, whole.iter().map(|(pts_ns, ..)| *pts_ns).collect::<Vec<_>>());
}

/// Where a box's body begins.
fn body(data: &[u8], kind: &[u8; 4]) -> usize {
    data.windows(4).position(|four| four == kind).unwrap() + 4
}

#[test]
fn indexes_of_mp4_as_old_and_careless_writers_leave_them_are_read() {
    let Some(clips) = Clips::new("careless") else { return };
    let Some(path) = film(&clips, "film.mp4", "-c:v libx264 -g 12 -bf 2 -c:a aac") else { return };
    let (data, whole) = (std::fs::read(&path).unwrap(), decode_all(&path));
    let number = |at: usize| u32::from_be_bytes(data[at..at + 4].try_into().unwrap());
    // No picture that can be begun with.
    let mut none = data.clone();
    let syncs = body(&data, b"stss");
    let count = number(syncs + 4) as usize;
    none[syncs + 4..syncs + 8 + 4 * count].fill(0);
    // A description that there is none of.
    let mut other = data.clone();
    let chunks = body(&data, b"stsc");
    for run in 0..number(chunks + 4) as usize {
        other[chunks + 8 + 12 * run + 8..][..4].copy_from_slice(&2u32.to_be_bytes());
    }
    // A compressed index, as QuickTime had it.
    let moov = body(&data, b"moov") - 8;
    let made = |kind: &[u8; 4], body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat();
    let plain = &data[moov..][..number(moov) as usize];
    let packed =
        [&(plain.len() as u32).to_be_bytes()[..], &miniz_oxide::deflate::compress_to_vec_zlib(plain, 6)].concat();
    let packed = made(b"moov", &made(b"cmov", &[made(b"dcom", b"zlib"), made(b"cmvd", &packed)].concat()));
    let packed = [&data[..moov], &packed].concat();
    for (name, data) in [("none.mp4", none), ("other.mp4", other), ("packed.mov", packed)] {
        let path = clips.path(name);
        std::fs::write(&path, data).unwrap();
        assert!(decode_all(&path) == whole, "{name}");
    }
}

#[test]
fn flv_that_was_joined_late_sounds_as_if_it_had_been_joined_at_once() {
    let Some(clips) = Clips::new("late-flv") else { return };
    let settings = "-c:v libx264 -g 12 -bf 2 -c:a aac";
    let Some(path) = film(&clips, "film.flv", settings) else { return };
    let late = film(&clips, "late.flv", &format!("{settings} -output_ts_offset 5000")).unwrap();
    // What configures the decoders came first, and says 0.
    assert!(decode_all(&path) == decode_all(&late));
    assert!(sound(&path).abs_diff(sound(&late)) < 480);
}
