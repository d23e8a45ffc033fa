//! Laced Matroska: several frames of sound in one block, of which only the first has a time. Every codec and every kind of lace
//! sounds as the same frames do in blocks of their own.

#[path = "support/mod.rs"]
mod support;

use support::{Tool, decode_all, open, open_audio};

const CLUSTER: &[u8] = &[0x1f, 0x43, 0xb6, 0x75];

/// An EBML number of four bytes.
fn four(value: usize) -> [u8; 4] {
    (0x1000_0000 | value as u32).to_be_bytes()
}

fn number(data: &[u8]) -> (usize, usize) {
    let len = data[0].leading_zeros() as usize + 1;
    let first = usize::from(data[0]) & ((1 << (8 - len)) - 1);
    (data[1..len].iter().fold(first, |value, &byte| value << 8 | usize::from(byte)), len)
}

/// A simple block's frame, or a whole group.
type Block = Result<Vec<u8>, Vec<u8>>;

/// What is in front of the first cluster, and each block with its time.
struct Parts {
    head: Vec<u8>,
    blocks: Vec<(usize, Block)>,
}

fn take_apart(data: &[u8]) -> Parts {
    let first = data.windows(4).position(|window| window == CLUSTER).expect("a cluster");
    let (mut at, mut cluster, mut blocks) = (first, 0, Vec::new());
    while at < data.len() {
        let id_len = data[at].leading_zeros() as usize + 1;
        let (len, len_len) = number(&data[at + id_len..]);
        let body = at + id_len + len_len;
        match &data[at..at + id_len] {
            CLUSTER => {
                at = body;
                continue;
            }
            [0xe7] => cluster = data[body..body + len].iter().fold(0, |value, &byte| value << 8 | usize::from(byte)),
            [0xa3] => {
                let time = cluster + usize::from(u16::from_be_bytes([data[body + 1], data[body + 2]]));
                blocks.push((time, Ok(data[body + 4..body + len].to_vec())));
            }
            [0xa0] => {
                // What tells the block's time stands behind its own head.
                let (_, inner) = number(&data[body + 1..]);
                let relative = [data[body + 1 + inner + 1], data[body + 1 + inner + 2]];
                let time = cluster + usize::from(u16::from_be_bytes(relative));
                let mut group = data[at..body + len].to_vec();
                let place = body - at + 1 + inner + 1;
                group[place..place + 2].fill(0);
                blocks.push((time, Err(group)));
            }
            _ => {}
        }
        at = body + len;
    }
    Parts { head: data[..first].to_vec(), blocks }
}

/// The same frames, five in a block: each block in a cluster of its own.
fn laced(parts: &Parts, lacing: u8) -> Vec<u8> {
    let mut out = parts.head.clone();
    // The segment's length is unknown now, and its cues lead nowhere.
    let segment = out.windows(4).position(|window| window == [0x18, 0x53, 0x80, 0x67]).expect("a segment") + 4;
    out[segment..segment + 8].copy_from_slice(&[1, 255, 255, 255, 255, 255, 255, 255]);
    let mut cluster = |time: usize, content: &[u8]| {
        let time = [&[0xe7, 0x84][..], &(time as u32).to_be_bytes()].concat();
        out.extend([CLUSTER, &four(time.len() + content.len()), &time, content].concat());
    };
    let mut rest = parts.blocks.as_slice();
    while let Some((time, first)) = rest.first() {
        let frames: Vec<&Vec<u8>> = rest.iter().map_while(|(_, block)| block.as_ref().ok()).take(5).collect();
        let Err(group) = first else {
            // Frames of one size are what a fixed lace takes.
            let alike = frames.iter().all(|frame| frame.len() == frames[0].len());
            let count = if lacing == 2 && !alike { 1 } else { frames.len() };
            let frames = &frames[..count];
            let mut body = vec![0x81, 0, 0, 0x80 | lacing << 1, count as u8 - 1];
            let sizes = frames[..count - 1].iter().map(|frame| frame.len());
            match lacing {
                1 => sizes.for_each(|size| {
                    body.extend(vec![255; size / 255]);
                    body.push((size % 255) as u8);
                }),
                3 => {
                    let mut before = None;
                    for size in sizes {
                        body.extend(match before.replace(size) {
                            None => four(size),
                            Some(before) => four((size as i64 - before as i64 + (1 << 27) - 1) as usize),
                        });
                    }
                }
                _ => {}
            }
            body.extend(frames.iter().copied().flatten());
            cluster(*time, &[&[0xa3], &four(body.len())[..], &body].concat());
            rest = &rest[count..];
            continue;
        };
        cluster(*time, group);
        rest = &rest[1..];
    }
    out
}

#[test]
fn a_lace_sounds_as_its_frames_do() {
    let Some(tool) = Tool::ffmpeg("laced") else { return };
    for (name, codec) in [
        ("vorbis.mka", "libvorbis"),
        ("opus.mka", "libopus"),
        ("aac.mka", "aac"),
        ("mp3.mka", "libmp3lame"),
        ("flac.mka", "flac"),
        ("pcm.mka", "pcm_s16le"),
    ] {
        // Noise tells one place from another, and has packets of several lengths.
        let source = "-f lavfi -i anoisesrc=c=pink:r=48000:d=3:seed=3 -ac 2";
        let Some(file) = tool.make(&format!("{source} -c:a {codec}"), name) else { continue };
        let plain = decode_all(open_audio(&file).as_mut());
        let parts = take_apart(&std::fs::read(tool.path(name)).unwrap());
        for lacing in 1..=3 {
            let path = tool.path(&format!("{lacing}-{name}"));
            std::fs::write(&path, laced(&parts, lacing)).unwrap();
            let mut source = open_audio(&open(&path));
            let ours = decode_all(source.as_mut());
            assert_eq!(ours.damaged, Vec::<String>::new(), "{name}, lace {lacing}");
            assert_eq!(ours.samples.len(), plain.samples.len(), "{name}, lace {lacing}");
            assert!(ours.samples == plain.samples, "{name}, lace {lacing}: other samples");
            // A seek into the middle of a lace.
            source.seek(1_234_567_890).unwrap();
            let block = source.next_block().unwrap().unwrap();
            assert!((block.pts_ns - 1_234_567_890).abs() < 25_000, "{name}, lace {lacing}: {}", block.pts_ns);
        }
    }
}
