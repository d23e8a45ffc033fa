//! Frames of ID3 that were changed: so that they look like no sound, or so that they are shorter.

/// How a frame's bytes were changed.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changes {
    /// Bytes before it that say how long it was, and to which group it belongs.
    before: usize,
    unsynchronised: bool,
    compressed: bool,
    encrypted: bool,
}

impl Changes {
    /// By the flags of version 3.
    pub(super) fn third(flags: u8) -> Self {
        let has = |flag: u8| usize::from(flags & flag != 0);
        Self {
            before: 4 * has(0x80) + has(0x20),
            unsynchronised: false,
            compressed: flags & 0x80 != 0,
            encrypted: flags & 0x40 != 0,
        }
    }

    /// By the flags of version 4, where the tag says the same of all frames.
    pub(super) fn fourth(flags: u8, unsynchronised: bool) -> Self {
        let has = |flag: u8| usize::from(flags & flag != 0);
        Self {
            before: has(0x40) + 4 * has(0x01),
            unsynchronised: unsynchronised || flags & 0x02 != 0,
            compressed: flags & 0x08 != 0,
            encrypted: flags & 0x04 != 0,
        }
    }

    /// As it was, in no more than `most` bytes.
    pub(super) fn undo(&self, bytes: &[u8], most: usize) -> Option<Vec<u8>> {
        let bytes = if self.unsynchronised { synchronised(bytes) } else { bytes.to_vec() };
        let bytes = bytes.get(self.before..).filter(|_| !self.encrypted)?;
        if self.compressed {
            return miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(bytes, most).ok();
        }
        Some(bytes.to_vec())
    }
}

/// Without the zeros that keep bytes from looking like the beginning of sound.
pub(super) fn synchronised(bytes: &[u8]) -> Vec<u8> {
    let kept = bytes.iter().enumerate().filter(|&(at, &byte)| byte != 0 || at == 0 || bytes[at - 1] != 0xff);
    kept.map(|(_, &byte)| byte).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{read, tests::tag};

    #[test]
    fn what_was_changed_is_changed_back() {
        let [third, fourth] = [3, 4].map(|version: u8| {
            move |name: &[u8], flags: u8, body: &[u8]| {
                let len = body.len() as u32;
                let size = if version == 4 {
                    [len >> 21, len >> 14, len >> 7, len].map(|n| (n & 0x7f) as u8)
                } else {
                    len.to_be_bytes()
                };
                [name, &size, &[0, flags], body].concat()
            }
        });
        let all = |version: u8, flags: u8, frames: &[u8]| {
            let mut tag = tag(version, frames, frames.len());
            let mut bytes = vec![0; tag.len() as usize];
            tag.read_exact_at(&mut bytes, 0).unwrap();
            bytes[5] = flags;
            tag = crate::MediaFile::from_bytes(bytes, "song.mp3");
            let found = read(&tag);
            (found.words.into_iter().map(|(_, value)| value).collect::<Vec<_>>(), found.cover)
        };
        let picture = b"\x00image/png\x00\x03\x00\xff\x00PNG";
        let whole = [
            third(b"TIT2", 0, b"\x01\xff\xfea\x00"),
            third(b"APIC", 0, &picture.map(|b| if b == 0xff { 0xfe } else { b })),
        ]
        .concat();
        let changed: Vec<u8> = whole.iter().flat_map(|&b| if b == 0xff { vec![b, 0] } else { vec![b] }).collect();
        assert_eq!(all(3, 0x80, &changed), (vec!["a".into()], Some(b"\xfe\x00PNG".to_vec())));
        let packed = [&[0, 0, 0, 9][..], &miniz_oxide::deflate::compress_to_vec_zlib(b"\x00ab", 6)].concat();
        assert_eq!(all(3, 0, &third(b"TIT2", 0x80, &packed)).0, ["ab"]);
        let frames = [
            fourth(b"TIT2", 0x03, b"\x00\x00\x00\x05\x01\xff\x00\xfea\x00"),
            fourth(b"TPE1", 0x41, b"g\x00\x00\x00\x03\x03cd"),
            fourth(b"TALB", 0x09, &packed),
            fourth(b"TDRC", 0x04, b"\x00secret"),
            fourth(b"APIC", 0x01, &[&[0, 0, 0, 17][..], picture].concat()),
        ];
        assert_eq!(
            all(4, 0, &frames.concat()),
            (["a", "cd", "ab"].map(String::from).into(), Some(b"\xff\x00PNG".to_vec()))
        );
        // Lengths as version 3 has them.
        let frames = [third(b"TPE1", 0, &[&[0][..], &[b'x'; 200]].concat()), third(b"TIT2", 0, b"\x00ab")].concat();
        assert_eq!(all(4, 0, &frames).0, ["x".repeat(200), "ab".into()]);
        for len in 0..changed.len() {
            all(3, 0x80, &changed[..len]);
        }
    }
}
