//! An encoder of a DVD's subtitles, and the files that they come in.
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::{Path, PathBuf};

/// Colours that the discs made here have, as `0xRRGGBB`.
pub(crate) const PALETTE: [u32; 16] = [
    0x000000, 0xffffff, 0xff0000, 0x00ff00, 0x0000ff, 0xffff00, 0x00ffff, 0xff00ff, 0x808080, 0x800000, 0x008000,
    0x000080, 0x808000, 0x008080, 0x800080, 0xc0c0c0,
];

/// A picture, when it is seen (in ms of the film) and how.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) at_ms: u32,
    /// How long, where its own commands say that.
    pub(crate) lasts_ms: Option<u32>,
    pub(crate) place: (usize, usize),
    pub(crate) size: (usize, usize),
    /// Which of the disc's colours its four are, and how opaque.
    pub(crate) colors: [u8; 4],
    pub(crate) opaque: [u8; 4],
    pub(crate) points: Vec<u8>,
    /// Written with the command that shows it in any case.
    pub(crate) forced: bool,
}

/// A picture with runs of every length, the same for the same seed.
pub(crate) fn drawn((width, height): (usize, usize), seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let mut points = Vec::with_capacity(width * height);
    while points.len() < width * height {
        let longest = [3, 15, 63, 255, 2000][next() as usize % 5];
        let (run, color) = (1 + next() as usize % longest, next() as u8 & 3);
        points.resize((points.len() + run).min(width * height), color);
    }
    points
}

impl Shown {
    pub(crate) fn spu(&self) -> Vec<u8> {
        let mut data = vec![0; 4];
        let fields = [0, 1].map(|parity| {
            let at = data.len() as u16;
            for row in self.points.chunks(self.size.0).skip(parity).step_by(2) {
                data.extend(coded(row));
            }
            at
        });
        let begins = data.len() as u16;
        data[2..4].copy_from_slice(&begins.to_be_bytes());
        let halves = |[a, b, c, d]: [u8; 4]| [d << 4 | c, b << 4 | a];
        let pair = |from: usize, len: usize| {
            let (from, to) = (from as u32, (from + len - 1) as u32);
            (from << 12 | to).to_be_bytes()[1..].to_vec()
        };
        // A change of colours for lines is passed over by its length.
        let lines = [&[7, 0, 6][..], &[0x0f, 0xff, 0xff, 0xff]].concat();
        let commands = [
            &[0, 0][..],
            &[0, 0],
            &[u8::from(!self.forced), 3],
            &halves(self.colors),
            &[4],
            &halves(self.opaque),
            &[5],
            &pair(self.place.0, self.size.0),
            &pair(self.place.1, self.size.1),
            &[6],
            &fields[0].to_be_bytes(),
            &fields[1].to_be_bytes(),
            &lines,
            &[0xff],
        ];
        data.extend(commands.concat());
        let last = match self.lasts_ms {
            Some(lasts_ms) => {
                let last = data.len() as u16;
                data.extend(((lasts_ms * 90 / 1024) as u16).to_be_bytes());
                data.extend([&last.to_be_bytes()[..], &[2, 0xff]].concat());
                last
            }
            None => begins,
        };
        data[usize::from(begins) + 2..][..2].copy_from_slice(&last.to_be_bytes());
        // The picture's own size comes first.
        let size = data.len() as u16;
        data[..2].copy_from_slice(&size.to_be_bytes());
        data
    }
}

fn coded(row: &[u8]) -> Vec<u8> {
    let (mut halves, mut rest) = (Vec::new(), row);
    while let Some(&color) = rest.first() {
        let same = rest.iter().take_while(|other| **other == color).count();
        let run = same.min(255);
        let whole = same == rest.len() && run > 63;
        let code = (if whole { 0 } else { run as u16 } << 2) | u16::from(color);
        let count = match code {
            _ if whole => 4,
            0..=0xf => 1,
            0x10..=0x3f => 2,
            0x40..=0xff => 3,
            _ => 4,
        };
        halves.extend((0..count).rev().map(|at| (code >> (4 * at) & 15) as u8));
        rest = &rest[if whole { rest.len() } else { run }..];
    }
    halves.chunks(2).map(|two| two[0] << 4 | two.get(1).copied().unwrap_or(0)).collect()
}

/// Packs of 2048 bytes of a program stream with a picture of track `track`.
fn packs(spu: &[u8], at_ms: u32, track: u8) -> Vec<u8> {
    let (mut out, time) = (Vec::new(), u64::from(at_ms) * 90);
    for (number, part) in spu.chunks(2048 - 14 - 6 - 3 - 5 - 1).enumerate() {
        let stamp = [
            0x21 | (time >> 29 & 0xe) as u8,
            (time >> 22) as u8,
            (time >> 14) as u8 | 1,
            (time >> 7) as u8,
            (time << 1) as u8 | 1,
        ];
        let stamp = if number == 0 { &stamp[..] } else { &[] };
        let len = (3 + stamp.len() + 1 + part.len()) as u16;
        let start = out.len();
        out.extend([0, 0, 1, 0xba, 0x44, 0, 4, 0, 4, 1, 0, 0, 3, 0xf8, 0, 0, 1, 0xbd]);
        out.extend(len.to_be_bytes());
        out.extend([0x81, if number == 0 { 0x80 } else { 0 }, stamp.len() as u8]);
        out.extend(stamp);
        out.push(0x20 + track);
        out.extend(part);
        let left = 2048 - (out.len() - start);
        if left >= 6 {
            out.extend([0, 0, 1, 0xbe]);
            out.extend((left as u16 - 6).to_be_bytes());
            out.resize(start + 2048, 0xff);
        }
    }
    out
}

/// Writes `NAME.idx` and `NAME.sub` with these tracks, each with its language and its pictures. The path of the first.
pub(crate) fn write(folder: &Path, name: &str, tracks: &[(&str, Vec<Shown>)]) -> PathBuf {
    let colors = PALETTE.map(|color| format!("{color:06x}")).join(", ");
    let mut index = format!(
        "# VobSub index file, v7 (do not modify this line!)\nsize: 720x576\norg: 0, 0\nscale: 100%, 100%\nalpha: 100%\n\
         forced subs: OFF\npalette: {colors}\ncustom colors: OFF, tridx: 0000, colors: 000000, 000000, 000000, 000000\nlangidx: 0\n"
    );
    let mut pictures = Vec::new();
    for (track, (language, shown)) in tracks.iter().enumerate() {
        index += &format!("\n# a language\nid: {language}, index: {track}\n");
        for shown in shown {
            let (ms, place) = (shown.at_ms, pictures.len());
            let stamp = format!("{:02}:{:02}:{:02}:{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
            index += &format!("timestamp: {stamp}, filepos: {place:09x}\n");
            pictures.extend(packs(&shown.spu(), ms, track as u8));
        }
    }
    std::fs::write(folder.join(format!("{name}.sub")), pictures).unwrap();
    let path = folder.join(format!("{name}.idx"));
    std::fs::write(&path, index).unwrap();
    path
}
