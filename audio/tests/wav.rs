//! The role with the WAV sink: every sample once, whoever is killed.

mod session;

use std::path::{Path, PathBuf};

use session::{RATE, Session, playing};
use tricine_session::control::{AudioPage, ControlRegion, Writable};
use tricine_session::link::{FromRole, SinkSpec};

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("tricine-{}", tricine_channel::namespace::random_name().unwrap()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The chunk `name` of a RIFF file.
fn chunk(file: &[u8], name: &[u8; 4]) -> Vec<u8> {
    let size = |at: usize| u32::from_le_bytes(file[at + 4..at + 8].try_into().unwrap()) as usize;
    assert_eq!(size(0) + 8, file.len(), "the file is as long as it says");
    let mut at = 12;
    while &file[at..at + 4] != name {
        at += 8 + size(at);
    }
    file[at + 8..at + 8 + size(at)].to_vec()
}

fn samples(path: &Path) -> Vec<i16> {
    let data = chunk(&std::fs::read(path).unwrap(), b"data");
    data.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// A sample that says which one it is.
fn mark(i: u64) -> f32 {
    f32::from((i * 7 % 60_000) as u16) / 32768.0 - 0.9
}

fn wanted(times: u64) -> Vec<i16> {
    (0..times).map(|i| (mark(i) * 32768.0).round() as i16).collect()
}

#[test]
fn unpaced_the_file_holds_every_sample_whatever_volume_and_speed_say() {
    let folder = Folder::new();
    let path = folder.0.join("a.wav");
    let mut state = playing();
    (state.volume, state.speed) = (10, 2.0);
    let mut s = Session::new(SinkSpec::Wav(path.clone().into()), true, state).start();
    s.play(1, 0, 2000, mark);
    s.producer().finish();
    s.expect("ended", |m| *m == FromRole::Ended { serial: 1 });
    assert!(samples(&path) == wanted(2 * u64::from(RATE)), "it is whole before the role ends");
    assert!(s.said.contains(&FromRole::Output(format!("wav ({})", path.display()))), "{:?}", s.said);
    assert_eq!(s.quit(), 0);
    let format = chunk(&std::fs::read(&path).unwrap(), b"fmt ");
    assert_eq!(format[..8], [1, 0, 1, 0, 0x80, 0xbb, 0, 0]);
}

#[test]
fn surround_has_an_extensible_header() {
    let folder = Folder::new();
    let path = folder.0.join("a.wav");
    let mut s = Session::new(SinkSpec::Wav(path.clone().into()), true, playing()).start();
    let block: Vec<f32> = (0..6 * 100).map(|i| i as f32 / 32768.0).collect();
    s.publish(1, 0, 6, 44_100, &block);
    s.producer().finish();
    s.expect("ended", |m| *m == FromRole::Ended { serial: 1 });
    assert_eq!(samples(&path), (0..600).collect::<Vec<i16>>());
    let format = chunk(&std::fs::read(&path).unwrap(), b"fmt ");
    assert_eq!(
        (format.len(), &format[..4], &format[18..24]),
        (40, &[0xfe, 0xff, 6, 0][..], &[16, 0, 0x3f, 0, 0, 0][..])
    );
}

#[test]
fn killed_again_and_again_it_goes_on_in_the_same_file() {
    let folder = Folder::new();
    let path = folder.0.join("a.wav");
    let mut s = Session::new(SinkSpec::Wav(path.clone().into()), true, playing());
    s.spawn();
    let mut at_ms = 0;
    for round in 0..8u64 {
        // As many blocks as fit while it may be anywhere in taking them.
        for _ in 0..40 {
            s.play(1, at_ms, 20, mark);
            at_ms += 20;
        }
        // Any moment will do; this spreads them.
        std::thread::sleep(std::time::Duration::from_micros(round * 137));
        s.kill();
        s.spawn();
    }
    s.producer().finish();
    s.expect("ended", |m| *m == FromRole::Ended { serial: 1 });
    let (got, wanted) = (samples(&path), wanted(at_ms * u64::from(RATE) / 1000));
    let differs = got.iter().zip(&wanted).position(|(a, b)| a != b);
    assert!(got == wanted, "{} samples for {}, first difference {differs:?}", got.len(), wanted.len());
    let page = s.control.audio();
    assert_eq!((page.received.get(), page.lost.get(), page.torn.get()), (320, 0, 0));
    assert_eq!(s.quit(), 0);
}

#[test]
fn a_half_written_block_is_written_over() {
    let folder = Folder::new();
    let path = folder.0.join("a.wav");
    let mut s = Session::new(SinkSpec::Wav(path.clone().into()), true, playing());
    s.spawn();
    s.play(1, 0, 100, mark);
    s.until("five blocks", |s| s.control.audio().received.get() == 5 && s.control.audio().wav_bytes.get() > 0);
    s.beats(1);
    s.kill();
    // As if it had died in the middle of block 5: announced, and half of it in the file.
    let control = ControlRegion::attach::<AudioPage<Writable>>(&s.name).unwrap();
    control.own().wav_bytes.set(4800 * 2);
    control.own().wav_seq.set(6);
    let mut file = std::fs::read(&path).unwrap();
    file.extend([0x55; 777]);
    std::fs::write(&path, file).unwrap();
    s.spawn();
    s.play(1, 100, 100, mark);
    s.producer().finish();
    s.expect("ended", |m| *m == FromRole::Ended { serial: 1 });
    assert!(samples(&path) == wanted(9600));
}

#[test]
fn child() {
    session::be_child();
}
