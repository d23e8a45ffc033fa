//! Files made by structure, with counts and sizes near every limit, and mostly holes: a few hundred bytes of input stand for a file of
//! terabytes. Flipped bytes never make such. Each container in turn; a parser may refuse or go on, within its time and memory.
#![no_main]

use std::fs::File;
use std::os::unix::fs::FileExt;

use libfuzzer_sys::fuzz_target;
use tricine_channel::sys::process::memory_file;
use tricine_media::{MediaError, MediaFile, container};

/// Packets that are read of each track.
const PACKETS: usize = 64;

/// What is drawn from the input; zeros once it is at its end.
struct Draw<'a>(&'a [u8]);

impl Draw<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number: often one near a limit, else a small one.
    fn number(&mut self) -> u64 {
        let low = u64::from(self.byte());
        match low % 8 {
            0 => 1 << (low >> 3),
            1 => (1 << (low >> 3)) - 1,
            2 => u64::from(u32::MAX) - (low >> 3),
            3 => (1 << 63) - (low >> 3),
            4 => u64::MAX - (low >> 3),
            5 => u64::from(self.byte()) << 8 | low,
            _ => low >> 3,
        }
    }
}

/// A box of an MP4 file. Now and then it says that it is longer than it is.
fn atom(draw: &mut Draw<'_>, name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    match draw.byte() {
        0 => [&1u32.to_be_bytes(), &name[..], &draw.number().to_be_bytes(), body].concat(),
        1 => [&(draw.number() as u32).to_be_bytes(), &name[..], body].concat(),
        2 => [&0u32.to_be_bytes(), &name[..], body].concat(),
        _ => [&(body.len() as u32 + 8).to_be_bytes(), &name[..], body].concat(),
    }
}

/// A table of an MP4 file: a count, and fewer entries than that.
fn table(draw: &mut Draw<'_>, name: &[u8; 4], width: usize) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend((draw.number() as u32).to_be_bytes());
    for _ in 0..draw.byte() % 8 {
        body.extend((0..width).flat_map(|_| (draw.number() as u32).to_be_bytes()));
    }
    atom(draw, name, &body)
}

fn mp4(draw: &mut Draw<'_>) -> Vec<u8> {
    let video = draw.byte() & 1 == 0;
    let handler: &[u8; 4] = if video { b"vide" } else { b"soun" };
    let mut entry = vec![0; 8];
    entry[7] = 1;
    if video {
        entry.extend([0; 16]);
        entry.extend((draw.number() as u16).to_be_bytes());
        entry.extend((draw.number() as u16).to_be_bytes());
        entry.extend([0; 50]);
    } else {
        entry.extend([0; 8]);
        entry.extend((draw.number() as u16).to_be_bytes());
        entry.extend([0, 16, 0, 0, 0, 0]);
        entry.extend((draw.number() as u32).to_be_bytes());
    }
    let codec: [&[u8; 4]; 6] = [b"avc1", b"jpeg", b"raw ", b"sowt", b"mp4a", b"twos"];
    let codec = codec[usize::from(draw.byte()) % codec.len()];
    let entry = atom(draw, codec, &entry);
    let stsd = atom(draw, b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], &entry[..]].concat());
    // One size for all, or a size for each.
    let sizes =
        [vec![0; 4], (draw.number() as u32).to_be_bytes().to_vec(), (draw.number() as u32).to_be_bytes().to_vec()];
    let stsz = atom(draw, b"stsz", &sizes.concat());
    let mut tables = vec![stsd, stsz];
    for (name, width) in [(b"stts", 2), (b"stsc", 3), (b"stco", 1), (b"co64", 2), (b"ctts", 2), (b"stss", 1)] {
        if draw.byte() % 4 != 0 {
            tables.push(table(draw, name, width));
        }
    }
    let stbl = atom(draw, b"stbl", &tables.concat());
    let minf = atom(draw, b"minf", &stbl);
    let mut head = vec![0; 12];
    head.extend((draw.number() as u32).to_be_bytes());
    head.extend((draw.number() as u32).to_be_bytes());
    head.extend([0; 4]);
    let mdhd = atom(draw, b"mdhd", &head);
    let hdlr = atom(draw, b"hdlr", &[&[0; 8], &handler[..], &[0; 13]].concat());
    let mdia = atom(draw, b"mdia", &[mdhd, hdlr, minf].concat());
    let elst = table(draw, b"elst", 3);
    let edts = atom(draw, b"edts", &elst);
    let mut track = vec![0; 84];
    track[15] = 1;
    let tkhd = atom(draw, b"tkhd", &track);
    let trak = atom(draw, b"trak", &[tkhd, edts, mdia].concat());
    let timescale = (draw.number() as u32).to_be_bytes();
    let mvhd = atom(draw, b"mvhd", &[&[0; 12], &timescale[..], &[0; 84]].concat());
    let moov = atom(draw, b"moov", &[mvhd, trak].concat());
    [atom(draw, b"ftyp", b"isom\0\0\0\0isom"), moov].concat()
}

/// An element of a Matroska file: its id, a size of eight bytes, which may be any, and its body.
fn element(draw: &mut Draw<'_>, id: &[u8], body: &[u8]) -> Vec<u8> {
    let size = match draw.byte() {
        0 => draw.number() & ((1 << 56) - 1),
        1 => (1 << 56) - 1,
        _ => body.len() as u64,
    };
    [id, &(size | 1 << 56).to_be_bytes(), body].concat()
}

fn matroska(draw: &mut Draw<'_>) -> Vec<u8> {
    let doctype = element(draw, &[0x42, 0x82], b"matroska");
    let head = element(draw, &[0x1a, 0x45, 0xdf, 0xa3], &doctype);
    let number = |draw: &mut Draw<'_>, id: &[u8]| {
        let value = draw.number().to_be_bytes();
        element(draw, id, &value)
    };
    let info = [number(draw, &[0x2a, 0xd7, 0xb1]), number(draw, &[0x44, 0x89])].concat();
    let info = element(draw, &[0x15, 0x49, 0xa9, 0x66], &info);
    let codec: [&[u8]; 5] = [b"V_MPEG4/ISO/AVC", b"V_UNCOMPRESSED", b"A_PCM/INT/LIT", b"A_VORBIS", b"A_OPUS"];
    let codec = codec[usize::from(draw.byte()) % codec.len()];
    let video = [number(draw, &[0xb0]), number(draw, &[0xba])].concat();
    let kind = [draw.byte() % 3];
    let mut track = vec![element(draw, &[0xd7], &[1]), element(draw, &[0x83], &kind), element(draw, &[0x86], codec)];
    track.push(element(draw, &[0xe0], &video));
    track.push(number(draw, &[0x23, 0xe3, 0x83]));
    let track = element(draw, &[0xae], &track.concat());
    let tracks = element(draw, &[0x16, 0x54, 0xae, 0x6b], &track);
    let mut cluster = number(draw, &[0xe7]);
    for _ in 0..draw.byte() % 8 {
        let lacing = draw.byte() & 6;
        let block = [0x81, draw.byte(), draw.byte(), 0x80 | lacing, draw.byte(), draw.byte(), draw.byte(), draw.byte()];
        cluster.extend(element(draw, &[0xa3], &block));
    }
    let cluster = element(draw, &[0x1f, 0x43, 0xb6, 0x75], &cluster);
    let place = [number(draw, &[0xf7]), number(draw, &[0xf1])].concat();
    let place = element(draw, &[0xb7], &place);
    let point = [number(draw, &[0xb3]), place].concat();
    let point = element(draw, &[0xbb], &point);
    let cues = element(draw, &[0x1c, 0x53, 0xbb, 0x6b], &point);
    let segment = element(draw, &[0x18, 0x53, 0x80, 0x67], &[info, tracks, cues, cluster].concat());
    [head, segment].concat()
}

fn wav(draw: &mut Draw<'_>) -> Vec<u8> {
    let chunk = |draw: &mut Draw<'_>, name: &[u8; 4], body: &[u8]| {
        let size = if draw.byte() == 0 { draw.number() as u32 } else { body.len() as u32 };
        [&name[..], &size.to_le_bytes(), body].concat()
    };
    let long = draw.byte() & 1 == 0;
    let sizes: Vec<u8> = (0..3).flat_map(|_| draw.number().to_le_bytes()).chain([0; 4]).collect();
    let mut format = vec![1, 0];
    format.extend((draw.number() as u16).to_le_bytes());
    format.extend((draw.number() as u32).to_le_bytes());
    format.extend((draw.number() as u32).to_le_bytes());
    format.extend((draw.number() as u16).to_le_bytes());
    format.extend((draw.number() as u16).to_le_bytes());
    let mut body = b"WAVE".to_vec();
    if long {
        body.extend(chunk(draw, b"ds64", &sizes));
    }
    body.extend(chunk(draw, b"fmt ", &format));
    body.extend([&b"data"[..], &(draw.number() as u32).to_le_bytes()].concat());
    [if long { &b"RF64"[..] } else { b"RIFF" }, &u32::MAX.to_le_bytes(), &body].concat()
}

/// Pages of an Ogg stream, with positions and lengths that may be any; or another container's first bytes.
fn others(draw: &mut Draw<'_>) -> Vec<u8> {
    let magic: [&[u8]; 6] = [
        b"fLaC\0\0\0\x22",
        b"FORM\0\0\0\0AIFFCOMM",
        b"caff\0\x01\0\0desc",
        b"\xff\xfb\x90\x64",
        b"ID3\x04\0\0",
        b"OggS",
    ];
    let kind = usize::from(draw.byte()) % magic.len();
    if kind + 1 < magic.len() {
        return [magic[kind], &(0..8).flat_map(|_| draw.number().to_be_bytes()).collect::<Vec<u8>>()].concat();
    }
    let mut file = Vec::new();
    for page in 0..draw.byte() % 8 {
        let kind = if page == 0 { 2 } else { draw.byte() & 7 };
        file.extend([&b"OggS\0"[..], &[kind], &draw.number().to_le_bytes(), &[0; 12], &[2, 255, draw.byte()]].concat());
        file.extend([&b"\x01vorbis\0\0\0\0\x02"[..], &draw.number().to_le_bytes()].concat());
        file.resize(file.len() + usize::from(draw.byte()), 0);
    }
    file
}

fn read(file: File) {
    let Ok(file) = MediaFile::new(file, "sparse") else { return };
    let Ok(Some(container)) = container::open(&file) else { return };
    for track in 0..container.contents().tracks.len().min(4) {
        std::hint::black_box(container.extent(track));
        let Ok(mut packets) = container.packets(track) else { continue };
        for target_ns in [0, i64::MAX, i64::MIN] {
            for _ in 0..PACKETS {
                match packets.next() {
                    Ok(Some(_)) | Err(MediaError::Damaged(_)) => {}
                    Ok(None) | Err(_) => break,
                }
            }
            if packets.seek(target_ns).is_err() {
                break;
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut draw = Draw(bytes);
    let made = match draw.byte() % 4 {
        0 => mp4(&mut draw),
        1 => matroska(&mut draw),
        2 => wav(&mut draw),
        _ => others(&mut draw),
    };
    let file = memory_file("sparse", &made).expect("room for a few bytes");
    // Longer than what is in it, as far as memory files go; a few bytes lie far inside.
    let len = draw.number().clamp(made.len() as u64, 1 << 42);
    if file.set_len(len).is_err() {
        return;
    }
    let at = draw.number().min(len.saturating_sub(8)).max(made.len() as u64);
    let _ = file.write_all_at(&draw.number().to_be_bytes(), at);
    let _ = file.set_len(len);
    read(file);
});
