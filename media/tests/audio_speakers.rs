//! Which speakers channels are for, and their order: what each codec and container says, as FFmpeg reads it.

#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;

use support::{Tool, noise_db, open, open_audio, to_16};

/// FFmpeg's names of layouts, as bits.
const LAYOUTS: &[(&str, u32)] = &[
    ("mono", 0x4),
    ("stereo", 0x3),
    ("2.1", 0xb),
    ("3.0", 0x7),
    ("3.0(back)", 0x103),
    ("4.0", 0x107),
    ("quad", 0x33),
    ("quad(side)", 0x603),
    ("3.1", 0xf),
    ("5.0", 0x37),
    ("5.0(side)", 0x607),
    ("4.1", 0x10f),
    ("5.1", 0x3f),
    ("5.1(side)", 0x60f),
    ("6.0", 0x707),
    ("6.0(front)", 0x6c3),
    ("hexagonal", 0x137),
    ("6.1", 0x70f),
    ("6.1(back)", 0x13f),
    ("7.0", 0x637),
    ("7.1", 0x63f),
    ("7.1(wide)", 0xff),
];

/// What a tone in each channel of a layout is made of.
fn tones(layout: &str, mask: u32) -> String {
    let tones: Vec<String> = (0..mask.count_ones())
        .map(|c| format!("{}*sin(2*PI*{}*t)", 0.2 + 0.05 * f64::from(c), 300 + 100 * c))
        .collect();
    format!("-f lavfi -i aevalsrc={}:c={layout}:s=48000:d=1.2", tones.join("|"))
}

/// The speakers of the first block, and all samples as 16 bits.
fn heard(path: &Path) -> (u32, Vec<i16>) {
    let mut source = open_audio(&open(path));
    let (mut speakers, mut samples) = (None, Vec::new());
    while let Some(block) = source.next_block().unwrap() {
        assert_eq!(*speakers.get_or_insert(block.speakers), block.speakers);
        samples.extend(block.samples);
    }
    (speakers.unwrap(), to_16(&samples))
}

/// The layout that FFmpeg reads (0 where it finds none said), and its decode.
fn ffmpegs(path: &Path, decoder: Option<&str>) -> (u32, Vec<i16>) {
    let decoder = decoder.into_iter().flat_map(|name| ["-c:a", name]);
    let out = Command::new("ffmpeg").args(decoder).arg("-i").arg(path).args(["-f", "s16le", "-"]).output().unwrap();
    let words = String::from_utf8_lossy(&out.stderr).into_owned();
    // "Stream #0:0: Audio: flac, 48000 Hz, 5.0(side), s16".
    let name = words.lines().find_map(|line| line.split_once("Audio: ")?.1.split(", ").nth(2)).unwrap_or_default();
    let mask = LAYOUTS.iter().find(|(own, _)| *own == name).map_or(0, |(_, mask)| *mask);
    (mask, out.stdout.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect())
}

/// With the one surround pair that there is as a back pair: Apple's layouts and FLAC's do not tell.
fn behind(mask: u32) -> u32 {
    if mask & 0x630 == 0x600 { mask ^ 0x630 } else { mask }
}

fn encodes(args: &str, path: &Path) -> bool {
    Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(args.split(' '))
        .arg(path)
        .output()
        .unwrap()
        .status
        .success()
}

#[test]
fn each_codec_says_which_speakers_its_channels_are_for() {
    let Some(tool) = Tool::ffmpeg("speakers") else { return };
    let forms = [
        ("pcm_s16le", "wav", -90.0),
        ("pcm_s16le", "mov", -90.0),
        ("pcm_s16be", "caf", -90.0),
        ("pcm_s16be", "aiff", -90.0),
        ("flac", "flac", -90.0),
        ("flac", "mkv", -90.0),
        ("alac", "m4a", -90.0),
        ("alac", "caf", -90.0),
        ("libvorbis", "ogg", -90.0),
        ("libopus -mapping_family 1 -b:a 512k", "opus", -80.0),
        ("aac", "m4a", -90.0),
        ("aac -aac_pce 1", "m4a", -90.0),
        ("ac3 -b:a 640k", "mkv", -80.0),
        ("eac3 -b:a 640k", "mkv", -50.0),
    ];
    std::thread::scope(|scope| {
        for forms in forms.chunks(forms.len().div_ceil(2)) {
            scope.spawn(|| forms.iter().for_each(|form| check(&tool, *form)));
        }
    });
}

/// What a codec makes of every layout that it takes, in a container.
fn check(tool: &Tool, (codec, extension, limit): (&str, &str, f64)) {
    let mut count = 0;
    for (layout, mask) in LAYOUTS {
        let path = tool.path(&format!("{codec}-{layout}.{extension}"));
        // Layouts that an encoder refuses are nothing that a file could hold.
        if !encodes(&format!("{} -c:a {codec}", tones(layout, *mask)), &path) {
            continue;
        }
        let name = format!("{codec} of {layout} in {extension}");
        let (speakers, ours) = heard(&path);
        let (wanted, theirs) = ffmpegs(&path, codec.contains("libopus").then_some("libopus"));
        let noise = noise_db(&ours, &theirs);
        println!("{name}: {speakers:#x}, {wanted:#x}, {noise:.0} dB");
        assert!(ours.len().abs_diff(theirs.len()) < 2_048 * 8 && noise < limit, "{name}: {noise:.1} dB");
        // Where nothing is said, the usual ones are taken.
        let said = speakers == wanted
            || (speakers == 0 && [0, 0x4, 0x3, 0xb, 0x107, 0x37, 0x3f, 0x70f, 0x63f].contains(&wanted));
        let alike =
            ["mov", "caf", "aiff", "flac", "mkv", "ogg"].contains(&extension) && behind(speakers) == behind(wanted);
        assert!(said || alike, "{name}: {speakers:#x}, and FFmpeg's {wanted:#x}");
        count += 1;
    }
    assert!(count >= 5, "{codec} in {extension}: {count} layouts");
}
