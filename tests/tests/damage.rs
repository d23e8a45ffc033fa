//! Broken files, made by a generator that depends on nothing but its seed: whatever is wrong with one, the real program
//! ends with 0, 4 or 1, says why, needs no more memory than for the whole file, and leaves nothing.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tests::{arg, have, start, tool};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");
/// No process may take more memory for a film of 96×64.
const MAX_RSS_KIB: f64 = 300_000.0;

const X264: &str = "-pix_fmt yuv420p -c:v libx264 -preset veryfast -g 8 -bf 2";
const FILMS: &[(&str, bool, &str)] = &[
    ("film.mp4", true, "-c:a aac -movflags +faststart"),
    ("pieces.mp4", true, "-c:a aac -movflags frag_keyframe+empty_moov+default_base_moof"),
    ("film.mov", true, "-c:a pcm_s16le"),
    ("film.mkv", true, "-c:a libvorbis"),
    ("film.webm", true, "-pix_fmt yuv420p -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 8 -c:a libopus"),
    ("av1.mp4", true, "-pix_fmt yuv420p -c:v libsvtav1 -preset 12 -g 8 -c:a flac -strict -2"),
    ("raw.y4m", false, "-pix_fmt yuv420p"),
    ("moves.gif", false, ""),
    ("moves.webp", false, "-c:v libwebp_anim"),
    ("still.png", false, "-frames:v 1"),
    ("song.mp3", true, "-vn"),
    ("song.ogg", true, "-vn -c:a libvorbis"),
];

/// Numbers that depend on nothing but their seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// Where `pattern` is in `data`.
fn places(data: &[u8], pattern: &[u8]) -> Vec<usize> {
    data.windows(pattern.len()).enumerate().filter(|(_, window)| *window == pattern).map(|(at, _)| at).collect()
}

/// Every broken form of one file, each with what was done.
fn broken(whole: &[u8], seed: u64) -> Vec<(String, Vec<u8>)> {
    let (mut random, len) = (Random(seed), whole.len());
    let mut out: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |what: &str, change: &mut dyn FnMut(&mut Vec<u8>)| {
        let mut data = whole.to_vec();
        change(&mut data);
        out.push((what.to_owned(), data));
    };
    for percent in [2, 25, 60, 95] {
        add(&format!("cut to {percent} %"), &mut |data| data.truncate(len * percent / 100));
    }
    for bits in [1, 30] {
        add(&format!("{bits} bits turned"), &mut |data| {
            (0..bits).for_each(|_| data[random.below(len)] ^= 1 << random.below(8));
        });
    }
    add("noise in its head", &mut |data| {
        (0..6).for_each(|_| data[random.below(len.min(700))] = random.below(256) as u8)
    });
    for byte in [0, 0xff] {
        add(&format!("a stretch of {byte:#x}"), &mut |data| {
            let at = random.below(len);
            data[at..(at + len / 8).min(len)].fill(byte);
        });
    }
    add("two blocks exchanged", &mut |data| {
        let size = (len / 5).min(2048);
        let (one, two) = (random.below(len / 2 - size), len / 2 + random.below(len / 2 - size));
        (0..size).for_each(|n| data.swap(one + n, two + n));
    });
    add("a piece taken out", &mut |data| drop(data.drain(len / 3..len / 3 + 77.min(len / 3))));
    add("garbage behind it", &mut |data| data.extend((0..999).map(|_| random.below(256) as u8)));
    // Boxes of MP4: a size, a count or a value that cannot be.
    for kind in [b"moov", b"trak", b"stbl", b"stsd", b"avcC", b"moof", b"trun", b"mdat"] {
        for size in [0u32, 7, u32::MAX] {
            if let Some(&at) = places(whole, kind).first().filter(|&&at| at >= 4) {
                let what = format!("{} of {size} bytes", kind.escape_ascii());
                add(&what, &mut |data| data[at - 4..at].copy_from_slice(&size.to_be_bytes()));
            }
        }
    }
    for kind in [b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"elst", b"trun", b"tfdt", b"mdhd", b"mvhd"] {
        for (field, value) in [(8, 0), (8, u32::MAX), (12, u32::MAX), (16, 0), (20, 0x7fff_ffff)] {
            if let Some(&at) = places(whole, kind).first().filter(|at| **at + field + 4 <= len) {
                let what = format!("{} with {value:#x} at {field}", kind.escape_ascii());
                add(&what, &mut |data| data[at + field..at + field + 4].copy_from_slice(&value.to_be_bytes()));
            }
        }
    }
    // Elements of Matroska: segment, seek head, info, tracks, cues, cluster, time scale; empty, endless, too long.
    for id in [&b"\x18\x53\x80\x67"[..], b"\x11\x4d\x9b\x74", b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b"]
        .into_iter()
        .chain([&b"\x1c\x53\xbb\x6b"[..], b"\x1f\x43\xb6\x75", b"\x2a\xd7\xb1"])
    {
        for size in [&[0x80][..], &[0xff], &[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]] {
            if let Some(at) = places(whole, id).first().map(|at| at + id.len()).filter(|at| at + size.len() <= len) {
                let what = format!("element {id:02x?} of size {size:02x?}");
                add(&what, &mut |data| data[at..at + size.len()].copy_from_slice(size));
            }
        }
    }
    out
}

/// Makes one of [`FILMS`]: 20 pictures and a second of sound.
fn make(folder: &Path, name: &str, sound: bool, codec: &str) -> Vec<u8> {
    let path = folder.join(name);
    let mut args = vec!["-v", "error", "-y", "-nostdin", "-f", "lavfi"];
    args.extend(["-i", "testsrc2=size=96x64:rate=20:duration=1,noise=alls=8:allf=t+u:all_seed=7"]);
    if sound {
        args.extend(["-f", "lavfi", "-i", "sine=frequency=440:duration=1:sample_rate=48000"]);
    }
    if !codec.contains("-c:v") && sound {
        args.extend(X264.split(' ').filter(|_| !codec.contains("-vn")));
    }
    args.extend(codec.split_whitespace());
    args.push(arg(&path));
    tool("ffmpeg", &args);
    std::fs::read(&path).unwrap()
}

/// Plays one broken file; what is wrong with how that went.
fn play(path: &Path, paced: bool) -> Result<(), String> {
    let mut args = vec!["--display", "none", "--audio", "null"];
    args.extend(Some("--unpaced").filter(|_| !paced));
    args.push(arg(path));
    // It also checks that it ends in time, that nobody panicked and that no name is left.
    let end = start(PROGRAM, &args).end();
    let said = end.stderr.trim();
    match end.status.code() {
        Some(0) => {}
        Some(4) if said.contains("video: ") || said.contains("sound: ") => {}
        Some(1) if said.contains("cannot play") && said.lines().count() <= 8 => {}
        _ => return Err(format!("{}: {said}", end.status)),
    }
    let roles = end.report["roles"].as_object().into_iter().flatten();
    let most = roles.filter_map(|(_, role)| role["max_rss_kib"].as_f64()).fold(0.0, f64::max);
    if most > MAX_RSS_KIB { Err(format!("{most} KiB: {said}")) } else { Ok(()) }
}

#[test]
fn broken_files_neither_hang_nor_crash_the_program_nor_leave_anything() {
    if !have("ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (seed, (name, sound, codec)) in FILMS.iter().enumerate() {
        let whole = make(folder.path(), name, *sound, codec);
        for (what, data) in broken(&whole, 0x5eed + seed as u64) {
            // The name's end is a hint where the content tells nothing.
            let path = folder.path().join(format!("{}-{name}", files.len()));
            std::fs::write(&path, data).unwrap();
            files.push((format!("{name}, {what}"), path));
        }
    }
    assert!(files.len() >= 400, "{} files", files.len());
    let (next, problems) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((what, path)) = files.get(next.fetch_add(1, Relaxed)) {
                    // As fast as it goes, but those of broken times in time, where waiting would show.
                    if let Err(problem) = play(path, ["trun", "stts", "[2a"].iter().any(|part| what.contains(part))) {
                        problems.lock().unwrap().push(format!("{what}: {problem}"));
                    }
                    std::fs::remove_file(path).unwrap();
                }
            });
        }
    });
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "of {} files:\n{}", files.len(), problems.join("\n"));
}
