//! What a file is, by its first bytes; its name is never trusted. What is known but not played is named, so that the
//! user learns more than "unknown".

/// The kinds of file that are told apart here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Mp4,
    Matroska,
    Ts,
    Ps,
    Flv,
    Avi,
    /// Pictures without a container.
    Raw,
    Ogg,
    Y4m,
    Image,
    Audio,
    /// Known, but not played, though FFmpeg may: its name.
    Other(&'static str),
    /// No film at all: what it is, and what to do.
    NoFilm(&'static str, &'static str),
    Unknown,
}

/// Known by what they begin with, at a distance from the start.
const OTHERS: [(usize, &[u8], &str); 20] = [
    (0, &[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11], "the ASF (WMV, WMA) container"),
    (0, &[0x06, 0x0e, 0x2b, 0x34], "the MXF container"),
    (0, b"nut/multimedia container", "the NUT container"),
    (0, b".RMF", "the RealMedia container"),
    (0, b"DKIF", "the IVF container"),
    (0, &[0, 0, 0, 1], "a raw video stream without a container"),
    (0, &[0, 0, 1], "a raw video stream without a container"),
    (0, &[0x7f, 0xfe, 0x80, 0x01], "DTS audio"),
    (4, &[0xf8, 0x72, 0x6f, 0xba], "TrueHD audio"),
    (0, b"wvpk", "WavPack audio"),
    (0, b"TTA1", "TTA audio"),
    (0, b"MAC ", "Monkey's audio"),
    (0, b"MPCK", "Musepack audio"),
    (0, b"#!AMR", "AMR audio"),
    (0, &[0, 0, 0, 0x0c, b'j', b'P', b' ', b' '], "a JPEG 2000 picture"),
    (0, &[0xff, 0x4f, 0xff, 0x51], "a JPEG 2000 picture"),
    (0, &[0x76, 0x2f, 0x31, 0x01], "an OpenEXR picture"),
    (0, b"SDPX", "a DPX picture"),
    (0, b"XPDS", "a DPX picture"),
    (0, b"8BPS", "a Photoshop picture"),
];

/// The boxes that MP4 and MOV begin with, those that are cut into pieces as well.
const BOXES: [&[u8; 4]; 14] = [
    b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"moof", b"sidx", b"uuid", b"emsg",
    b"prft", b"pdin",
];

/// Known to hold no film.
const NO_FILMS: [(&[u8], &str, &str); 7] = [
    (b"#EXTM3U", "a playlist", "give tricine the files that it lists"),
    (b"[playlist]", "a playlist", "give tricine the files that it lists"),
    (b"PK\x03\x04", "an archive", "unpack it first"),
    (b"\x1f\x8b", "an archive", "unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "an archive", "unpack it first"),
    (b"Rar!", "an archive", "unpack it first"),
    (b"%PDF-", "a PDF document", "another program shows it"),
];

/// Tells a file's kind by its first bytes.
pub(crate) fn sniff(head: &[u8]) -> Kind {
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    // What a box of MP4 is called is no kind of unit in a raw stream, but its length may look like a start code: 1 stands for a length of 64
    // bits, and short boxes have lengths of three hundred bytes.
    if BOXES.into_iter().any(|kind| at(4, kind)) {
        return if crate::source::is_heif(head) { Kind::Image } else { Kind::Mp4 };
    }
    if at(0, &[0, 0, 1, 0xba]) {
        return Kind::Ps;
    }
    if at(0, b"FLV\x01") {
        return Kind::Flv;
    }
    if crate::container::is_raw(head) {
        return Kind::Raw;
    }
    // An icon, with the number of its pictures. It looks like a raw stream's start code.
    if let [0, 0, 1, 0, 1..=255, 0, ..] = head {
        return Kind::Image;
    }
    if let Some((.., name)) = OTHERS.iter().find(|(offset, magic, _)| at(*offset, magic)) {
        return Kind::Other(name);
    }
    if let Some((_, name, hint)) = NO_FILMS.iter().find(|(magic, ..)| at(0, magic)) {
        return Kind::NoFilm(name, hint);
    }
    match head {
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Kind::Matroska,
        _ if at(0, b"YUV4MPEG2") => Kind::Y4m,
        _ if at(0, b"\x89PNG\r\n\x1a\n") || at(0, b"GIF8") || at(0, b"qoif") || at(0, b"II*\0") || at(0, b"MM\0*") => {
            Kind::Image
        }
        [0xff, 0xd8, 0xff, ..] => Kind::Image,
        [b'P', b'1'..=b'7', b'\n' | b'\r' | b' ' | b'\t', ..] => Kind::Image,
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Kind::Image,
        _ if at(0, b"RIFF") && at(8, b"WEBP") => Kind::Image,
        _ if at(0, b"RIFF") && (at(8, b"AVI ") || at(8, b"AVI\x19")) => Kind::Avi,
        _ if crate::container::is_wav(head) || at(0, b".snd") => Kind::Audio,
        _ if at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) => Kind::Audio,
        _ if at(0, b"ID3") || at(0, b"fLaC") || at(0, b"caff") => Kind::Audio,
        _ if at(0, b"OggS") => Kind::Ogg,
        _ if crate::container::Grid::find(head).is_some() => Kind::Ts,
        _ if crate::subtitle::begins(head) => {
            Kind::NoFilm("a file of subtitles alone", "give the film, and this beside it: tricine FILM --sub IN")
        }
        // MPEG audio and ADTS begin with eleven or twelve set bits; that is tried, not trusted.
        _ => Kind::Unknown,
    }
}

/// What plays a [`Kind::Other`] all the same.
pub(crate) fn remedy(what: &str) -> &'static str {
    match what.rsplit(' ').next() {
        Some("audio") => "FFmpeg converts it: ffmpeg -nostdin -i IN OUT.flac",
        Some("picture") => "FFmpeg converts it: ffmpeg -nostdin -i IN OUT.png",
        _ => crate::video::CONVERT,
    }
}

/// Names what an unknown file looks like, and what to do about it.
pub(crate) fn guess(head: &[u8]) -> String {
    // The head may end within a letter.
    let text = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    let text = text && head.iter().all(|&byte| byte >= b' ' || byte.is_ascii_whitespace());
    if text {
        "it looks like text; name a film, a song or a picture".into()
    } else if head.iter().all(|&byte| byte == 0) {
        "it begins with zeros alone, as an unfinished download does; copy or download it again".into()
    } else {
        "no format that this build knows begins like this; see what `ffmpeg -nostdin -i IN` says of it".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_the_kind() {
        assert_eq!(sniff(b"\0\0\0\x20ftypisom\0\0\x02\0"), Kind::Mp4);
        assert_eq!(sniff(b"\0\0\0\x1cftypavif\0\0\0\0"), Kind::Image);
        assert_eq!(sniff(b"\0\0\0\x1cftypavis\0\0\0\0"), Kind::Mp4);
        assert_eq!(sniff(b"\0\0\0\x08wide\0\0\0\0mdat"), Kind::Mp4);
        // Lengths that look like start codes: of 64 bits, and of a sequence of MPEG-2, a program stream, MPEG-4.
        for length in [1u32, 0x1b3, 0x1ba, 0x120, 0x100, 0x167] {
            for kind in BOXES {
                let head = [&length.to_be_bytes()[..], kind, &[0, 0, 0, 1, 0x67, 0, 0, 0], &[0; 32]].concat();
                assert_eq!(sniff(&head), Kind::Mp4, "{length:x} {kind:?}");
            }
        }
        assert_eq!(sniff(b"\x1a\x45\xdf\xa3\x01"), Kind::Matroska);
        assert_eq!(sniff(b"OggS\0\x02"), Kind::Ogg);
        assert_eq!(sniff(b"YUV4MPEG2 W2 H2\n"), Kind::Y4m);
        assert_eq!(sniff(b"RIFF\0\0\0\0WEBPVP8 "), Kind::Image);
        assert_eq!(sniff(b"RIFF\0\0\0\0WAVEfmt "), Kind::Audio);
        assert_eq!(sniff(b"RIFF\0\0\0\0AVI LIST"), Kind::Avi);
        assert_eq!(sniff(b"RF64\xff\xff\xff\xffWAVEds64"), Kind::Audio);
        assert_eq!(sniff(b"#EXTM3U\nfilm.mp4"), Kind::NoFilm("a playlist", "give tricine the files that it lists"));
        for head in [
            &b"# VobSub index file, v7\nsize: 720x576\n"[..],
            b"1\n00:00:01,000 --> 00:00:02,000\nHello\n",
            b"\xff\xfeW\0E\0B\0V\0T\0T\0\n\0",
            b"[Script Info]\nScriptType: v4.00+\n",
            b"{1}{1}25.0\n{10}{20}Hello",
        ] {
            assert!(matches!(sniff(head), Kind::NoFilm(what, _) if what.contains("subtitles")), "{head:?}");
        }
        assert_eq!(sniff(b"{10}{20}\0\x01"), Kind::Unknown);
        assert_eq!(sniff(b"hello, world"), Kind::Unknown);
        assert_eq!(sniff(b""), Kind::Unknown);
    }

    #[test]
    fn zeros_are_no_text_and_letters_are() {
        assert!(guess("Grüße".as_bytes()).contains("text") && guess(&"Grüße".as_bytes()[..3]).contains("text"));
        assert!(guess(&[0; 100]).contains("zeros") && !guess(b"\x7fELF\x02\x01\xff").contains("text"));
    }
}
