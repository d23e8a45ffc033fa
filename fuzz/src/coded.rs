//! Films and songs of each codec, as `films/make` makes them: bytes of their packets, and of what is said of the codec in front of them, are then
//! others.

use std::ops::Range;
use std::sync::LazyLock;

use tricine_media::{MediaFile, container};

use crate::draw::Draw;

macro_rules! film {
    ($path:literal) => {
        include_bytes!(concat!("../films/", $path))
    };
}

/// A codec.
#[derive(Debug)]
pub(crate) struct Coded {
    /// What the target is called.
    pub(crate) name: &'static str,
    /// Each shows a part of the codec.
    pub(crate) films: &'static [&'static [u8]],
}

/// Every codec that is not Theora's, which has films of its own.
pub(crate) static ALL: &[Coded] = &[
    Coded { name: "h264-fast", films: &[film!("h264-fast/high.mkv"), film!("h264-fast/baseline.mkv")] },
    Coded { name: "h264", films: &[film!("h264/high.mkv"), film!("h264/fields.mkv"), film!("h264/ten-bits.mkv")] },
    Coded {
        name: "h264-444",
        films: &[
            film!("h264-444/main.mkv"),
            film!("h264-444/lossless.mkv"),
            film!("h264-444/ten-bits.mkv"),
            film!("h264-444/rgb.mkv"),
        ],
    },
    Coded { name: "hevc", films: &[film!("hevc/main.mkv"), film!("hevc/main10.mkv")] },
    Coded { name: "av1", films: &[film!("av1/main.mkv"), film!("av1/ten-bits.mkv")] },
    Coded { name: "vp9", films: &[film!("vp9/main.mkv"), film!("vp9/ten-bits.mkv")] },
    Coded { name: "vp8", films: &[film!("vp8/main.mkv")] },
    Coded { name: "mpeg2", films: &[film!("mpeg2/main.mkv"), film!("mpeg2/fields.mkv"), film!("mpeg2/mpeg1.mkv")] },
    Coded {
        name: "mpeg4",
        films: &[
            film!("mpeg4/simple.mkv"),
            film!("mpeg4/fields.mkv"),
            film!("mpeg4/partitions.mkv"),
            film!("mpeg4/quarter.mkv"),
        ],
    },
    Coded { name: "mjpeg", films: &[film!("mjpeg/main.mkv")] },
    Coded { name: "ac3", films: &[film!("ac3/six.mka"), film!("ac3/enhanced.mka")] },
    Coded { name: "aac", films: &[film!("aac/stereo.mka"), film!("aac/six.mka")] },
    Coded { name: "opus", films: &[film!("opus/music.mka"), film!("opus/six.mka"), film!("opus/speech.mka")] },
    Coded { name: "vorbis", films: &[film!("vorbis/main.mka")] },
];

/// Where the packets lie in each film, and in front of them what is said of the codec.
static PLACES: LazyLock<Vec<Vec<Vec<Range<usize>>>>> =
    LazyLock::new(|| ALL.iter().map(|coded| coded.films.iter().map(|film| places(film)).collect()).collect());

fn places(film: &[u8]) -> Vec<Range<usize>> {
    let container = container::open(&MediaFile::from_bytes(film, "honest")).expect("a film").expect("a container");
    let mut packets = container.packets(0).expect("a track");
    let mut all = Vec::new();
    while let Some(packet) = packets.next().expect("a packet") {
        let at = film.windows(packet.data.len()).position(|bytes| bytes == packet.data).expect("a packet of the file");
        all.push(at..at + packet.data.len());
    }
    // CodecPrivate, an element of some bytes or, by a length of two, of more.
    let private = film.windows(2).position(|id| id == [0x63, 0xa2]).map(|at| match film[at + 2] {
        short @ 0x80.. => at + 3..at + 3 + usize::from(short & 0x7f),
        long => at + 4..at + 4 + (usize::from(long & 0x3f) << 8 | usize::from(film[at + 3])),
    });
    all.extend(private);
    all
}

impl Coded {
    /// A film with some bytes changed, and perhaps cut off.
    pub(crate) fn file(&self, draw: &mut Draw<'_>) -> Vec<u8> {
        let which = usize::from(draw.byte()) % self.films.len();
        let mut film = self.films[which].to_vec();
        let codec = ALL.iter().position(|coded| coded.name == self.name).expect("one of these");
        let places = &PLACES[codec][which];
        for _ in 0..draw.count(0) {
            let place = &places[usize::from(draw.byte()) % places.len()];
            let at = usize::from(draw.byte()) << 8 | usize::from(draw.byte());
            film[place.start + at % place.len().max(1)] = draw.byte();
        }
        if self.name == "ac3" {
            places.iter().for_each(|place| seal(&mut film[place.clone()]));
        }
        if draw.odd() {
            film.truncate(film.len() - usize::from(draw.byte()));
        }
        film
    }
}

/// Makes the sum of a frame of AC-3 right, behind which nothing of a changed one is read.
fn seal(frame: &mut [u8]) {
    let [0x0b, 0x77, rest @ .., high, low] = frame else { return };
    let bits = rest.iter().flat_map(|byte| (0..8).rev().map(move |bit| u16::from(byte >> bit & 1)));
    let sum = bits.fold(0u16, |sum, bit| sum << 1 ^ if sum >> 15 ^ bit == 1 { 0x8005 } else { 0 });
    [*high, *low] = sum.to_be_bytes();
}
