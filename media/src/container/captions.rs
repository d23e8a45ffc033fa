//! Closed captions that lie within pictures: the pairs of bytes of CEA-608 in the user data of H.264, HEVC and MPEG-2 (ATSC A/53), and in that of
//! DVDs, which have those of a whole group of pictures in one place. They come in the order of decoding and are given out in that of showing.

use super::{Before, CodecId, Container, Packet, Packets};
use crate::{MediaError, caps};

/// Pictures that are looked at to find out which captions a film has, and the bytes of them at most.
const LOOKED_AT: usize = 48;
const LOOKED_THROUGH: usize = 4 << 20;
/// How long a frame of American television lasts, in ns.
const FRAME_NS: i64 = 1_001_000_000_000 / 30_000;

/// What captions a film's pictures have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// CC1 to CC4.
    pub(crate) numbers: [bool; 4],
    /// Those of CEA-708.
    pub(crate) digital: bool,
}

/// Looks for captions within the first pictures of a track.
pub(crate) fn find(container: &dyn Container, track: usize) -> Found {
    let mut found = Found::default();
    let codec = container.contents().tracks.get(track).and_then(|track| track.video.as_ref()).map(|video| &video.codec);
    if !codec.is_some_and(|codec| matches!(codec, CodecId::H264 | CodecId::Hevc | CodecId::Mpeg12)) {
        return found;
    }
    let Ok(mut packets) = container.packets(track) else { return found };
    let mut bytes = 0;
    for _ in 0..LOOKED_AT {
        match packets.next() {
            Ok(Some(packet)) => {
                bytes += packet.data.len();
                walk(&packet.data, |_, kind, pair| match kind {
                    0 | 1 => {
                        // Bytes of the first field are sent from the beginning on, and say nothing while nobody speaks.
                        found.numbers[0] |= kind == 0;
                        if let Some(number) = crate::subtitle::told(kind, pair) {
                            found.numbers[usize::from(number)] = true;
                        }
                    }
                    _ => found.digital = true,
                });
            }
            Err(MediaError::Damaged(_)) => {}
            Ok(None) | Err(_) => break,
        }
        if bytes > LOOKED_THROUGH {
            break;
        }
    }
    found
}

/// Calls for each pair of a picture: how many frames later than the picture it is due, its kind (0 and 1: the fields of CEA-608), and its bytes.
fn walk(data: &[u8], mut each: impl FnMut(usize, u8, [u8; 2])) {
    let mut at = 0;
    while let Some(next) = data[at..].iter().position(|byte| matches!(byte, b'G' | b'C')) {
        let begins = at + next;
        at = begins + 1;
        let (before, rest) = data.split_at(begins);
        let user = before.ends_with(&[0, 0, 1, 0xb2]);
        if let Some(body) = rest.strip_prefix(b"GA94\x03")
            && (user || before.ends_with(&[0xb5, 0, 0x31]))
        {
            let body = plain(body);
            let [flags, _, triples @ ..] = body.as_slice() else { continue };
            let count = if flags & 0x40 != 0 { usize::from(flags & 0x1f) } else { 0 };
            for &[marker, first, second] in triples.as_chunks::<3>().0.iter().take(count) {
                if marker & 4 != 0 {
                    each(0, marker & 3, [first, second]);
                }
            }
        } else if let Some([flags, body @ ..]) = rest.strip_prefix(b"CC\x01\xf8").filter(|_| user) {
            // Which field a pair is of, some writers mark wrongly: they come alternately.
            let odd = usize::from(flags >> 7 == 0);
            for (n, &[_, first, second]) in
                body.as_chunks::<3>().0.iter().take(64).take_while(|pair| pair[0] >= 0xfe).enumerate()
            {
                each(n / 2, ((n + odd) % 2) as u8, [first, second]);
            }
        }
    }
}

/// The bytes that captions may take, without those that keep start codes away.
fn plain(body: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(2 + 31 * 3);
    for &byte in body.iter().take(2 * (2 + 31 * 3)) {
        if byte != 3 || !out.ends_with(&[0, 0]) {
            out.push(byte);
        }
    }
    out
}

/// Reads the captions of a track of pictures.
pub(crate) struct Captions {
    packets: Box<dyn Packets>,
    /// When each is due, whether it is a picture, and the pairs.
    waiting: Vec<(i64, bool, Vec<u8>)>,
    ended: bool,
}

impl Captions {
    pub(crate) fn new(packets: Box<dyn Packets>) -> Self {
        Self { packets, waiting: Vec::new(), ended: false }
    }

    fn add(&mut self, packet: &Packet) {
        let mut later: Vec<(i64, bool, Vec<u8>)> = vec![(packet.pts_ns, true, Vec::new())];
        if !packet.hidden {
            walk(&packet.data, |frames, kind, [first, second]| {
                if kind < 2 {
                    if frames >= later.len() {
                        later.push((packet.pts_ns.saturating_add(FRAME_NS * frames as i64), false, Vec::new()));
                    }
                    if let Some((_, _, pairs)) = later.get_mut(frames) {
                        pairs.extend([kind, first, second]);
                    }
                }
            });
        }
        self.waiting.extend(later);
    }
}

impl Packets for Captions {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        Ok(match self.next_before(i64::MAX)? {
            Before::Packet(packet) => Some(packet),
            Before::NotYet | Before::End => None,
        })
    }

    fn next_before(&mut self, until_ns: i64) -> Result<Before, MediaError> {
        loop {
            let pictures = self.waiting.iter().filter(|(_, picture, _)| *picture).count();
            if !self.ended && pictures < caps::WAITING_PICTURES {
                match self.packets.next()? {
                    Some(packet) => self.add(&packet),
                    None => self.ended = true,
                }
                continue;
            }
            let first = (0..self.waiting.len()).min_by_key(|at| self.waiting[*at].0);
            let Some(first) = first else { return Ok(Before::End) };
            if self.waiting[first].0 >= until_ns {
                return Ok(Before::NotYet);
            }
            // (In their order: those of one time come as they lie.)
            let (pts_ns, _, pairs) = self.waiting.remove(first);
            if !pairs.is_empty() {
                return Ok(Before::Packet(Packet::new(pairs, pts_ns)));
            }
        }
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.waiting.clear();
        self.ended = false;
        self.packets.seek(target_ns)
    }
}
