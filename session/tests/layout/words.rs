//! What each word is called, and what it says.

use super::*;

/// A word of a region: where it lies, what it is called in C, and what it says.
pub(super) type Row = (usize, &'static str, &'static str);

macro_rules! words {
    ($($($field:tt).+ $name:literal $what:literal;)*) => {
        &[$((offset_of!(Words, $($field).+), $name, $what)),*]
    };
}

pub(super) const HEADER: &[Row] = words! {
    header.magic "magic" "`TRICINE` and a zero byte";
    header.version "version" "the version of this layout";
    header.layout_hash "layout_hash" "FNV-1a over the offsets: two builds that disagree about them notice it";
    header.region_len "region_len" "the length of the region in bytes";
    header.kind "kind" "what the meta means";
    header.mode "mode" "0 FIFO, 1 mailbox";
    header.stride "stride" "bytes from the payload of one slot to that of the next, a multiple of 4096";
    header.capacity "capacity" "the most bytes of payload that a slot takes";
    header.generation "generation" "the generation of this region within its stream, from 0";
    header.base "base" "the number of frames that were published in the generations before";
    header.notes "notes" "two words in which the creator says something to both sides";
    header.barriers "barriers" "1: the side that is about to sleep calls `membarrier`; 0: both sides execute fences";
};

pub(super) const PRODUCER: &[Row] = words! {
    producer.slots "slots" "the three slots, 128 bytes each";
    producer.begun "begun" "1 + the frame that the producer has begun to write last";
    producer.end "end" "0, or 1 + the number of frames of this region after which the stream ends";
    producer.successor "successor" "0, or 1 + the generation in which the stream goes on";
    producer.claim "producer" "the process id of the producer, or 0";
    producer.confined "producer_confined" "1 + the number of the processor that the producer may run on, if that is one only; else 0. A hint for the consumer: sides that share one processor do not spin";
};

pub(super) const CONSUMER: &[Row] = words! {
    consumer.released "released" "so many frames of this region are done with";
    consumer.taken "taken" "1 + the frame that the consumer has begun to read last";
    consumer.claim "consumer" "the process id of the consumer, or 0";
    consumer.confined "consumer_confined" "as the producer's";
};

pub(super) const BOTH: &[Row] = words! {
    both.mail "mail" "the mailbox's word";
    both.producer_asleep "producer_asleep" "not 0 while the producer sleeps or is about to";
    both.consumer_asleep "consumer_asleep" "not 0 while the consumer sleeps or is about to";
};

/// A word of the film's meta, or half of one: which word, which half (0 all, 1 lower, 2 upper), what it says, and a frame in
/// which only that half differs from [`plain`].
pub(super) type MetaRow = (usize, u8, &'static str, &'static str, fn(&mut FrameMeta));

pub(super) const META: &[MetaRow] = &[
    (0, 0, "seq", "the number of the frame in its stream, across generations, from 0", |m| m.seq = 9),
    (1, 0, "pts_ns", "when the frame is due in the film, in ns, signed", |m| m.pts_ns = 9),
    (2, 0, "duration_ns", "how long the frame is shown, in ns; 0 if unknown", |m| m.duration_ns = 9),
    (3, 0, "published_ns", "when the producer published it, in ns on CLOCK_MONOTONIC", |m| m.published_ns = 9),
    (4, 0, "checksum", "the checksum of the payload (0 for the format Bytes)", |m| m.checksum = 9),
    (5, 0, "len", "the bytes of payload", |m| m.len = 9),
    (6, 1, "serial", "the stretch between two seeks that the frame belongs to", |m| m.serial = 9),
    (6, 2, "format", "what the payload holds, see below", |m| m.format = Format::Bytes),
    (7, 1, "width", "visible columns; for sound, channels", |m| m.width = 9),
    (7, 2, "height", "visible rows; for sound, sample frames", |m| m.height = 9),
    (8, 1, "stride", "bytes from one row of the first plane to the next", |m| m.stride = 9),
    (8, 2, "sample_rate", "the sample rate of sound in Hz, else 0", |m| m.sample_rate = 9),
    (9, 1, "range", "what luma spans, see below", |m| m.range = ColorRange::Full),
    (9, 2, "matrix", "the matrix from YUV to RGB, see below", |m| m.matrix = ColorMatrix::Bt2020),
    (10, 1, "rotation", "to be applied when showing, see below", |m| m.rotation = Rotation::Cw180),
    (
        10,
        2,
        "speakers",
        "the speakers that channels of sound are for, one bit a channel as in a WAV file's `dwChannelMask`; else 0",
        |m| {
            m.speakers = 9;
        },
    ),
    (11, 1, "sar_num", "pixel aspect, width", |m| m.sar_num = 9),
    (11, 2, "sar_den", "pixel aspect, height", |m| m.sar_den = 9),
];

/// An enumeration: its name, and the name, value and meaning of each of its members.
pub(super) type Enumeration = (&'static str, &'static [(&'static str, u64, &'static str)]);

pub(super) const ENUMERATIONS: &[Enumeration] = &[
    (
        "mode",
        &[
            ("FIFO", Mode::Fifo as u64, "every frame arrives, in order"),
            ("MAILBOX", Mode::Mailbox as u64, "the latest frame wins"),
        ],
    ),
    (
        "format",
        &[
            (
                "I420",
                Format::I420 as u64,
                "planes Y, U, V of 8 bits without padding; sides of U and V halved, rounded up",
            ),
            ("F32", Format::F32 as u64, "interleaved little-endian 32-bit float samples"),
            ("BYTES", Format::Bytes as u64, "bytes that only the two sides understand, without a checksum"),
        ],
    ),
    (
        "range",
        &[
            ("LIMITED", ColorRange::Limited as u64, "luma 16 to 235, chroma 16 to 240"),
            ("FULL", ColorRange::Full as u64, "0 to 255"),
        ],
    ),
    (
        "matrix",
        &[
            ("BT601", ColorMatrix::Bt601 as u64, "ITU-R BT.601"),
            ("BT709", ColorMatrix::Bt709 as u64, "ITU-R BT.709"),
            ("BT2020", ColorMatrix::Bt2020 as u64, "ITU-R BT.2020, non-constant luminance"),
        ],
    ),
    (
        "rotation",
        &[
            ("NONE", Rotation::None as u64, "as it is"),
            ("CW90", Rotation::Cw90 as u64, "a quarter turn clockwise"),
            ("CW180", Rotation::Cw180 as u64, "upside down"),
            ("CW270", Rotation::Cw270 as u64, "a quarter turn counter-clockwise"),
            ("MIRRORED", 4, "added to one of these: left and right are exchanged, after the rotation"),
        ],
    ),
];

pub(super) const KINDS: [(&str, u64, &str); 3] = [
    ("LEN", Len::KIND, "word 0 is the bytes of payload"),
    (
        "SUMMED",
        Summed::KIND,
        "word 0 is the bytes of payload, word 1 the number of the frame in its stream, word 2 the checksum of the payload",
    ),
    ("FILM", FrameMeta::KIND, "a picture or a block of sound of the player's, see below"),
];
