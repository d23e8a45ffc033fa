//! What a file may make a reader do, at most: every bound on memory and work that a file's own words could drive up stands here, with its
//! unit and the reason for its figure. No honest file comes near one. What a format itself limits (an Opus packet's 120 ms, a
//! transport packet's 188 bytes) stands with the format's reader, and so do figures of taste, such as how far apart two times may lie.

// Pictures.

/// The longest side of a picture that is decoded, in pixels: twice that of 8K, and what a window or a texture can still be.
pub const MAX_SIDE: u32 = 16_384;
/// Pixels of a picture whose codec asks for their number alone, and of one of tiles, of which each may be a few bytes: a side of the longest by half of it, four pictures of 8K.
pub(crate) const PIXELS: u32 = MAX_SIDE * MAX_SIDE / 2;
/// Pixels of a picture of Theora, whose decoder keeps ten bytes of each: one picture of 8K.
#[cfg(feature = "theora")]
pub(crate) const THEORA_PIXELS: u32 = 7_680 * 4_320;
/// Bytes that one still picture (PNG, JPEG …) may take to decode: the largest square in four channels.
pub(crate) const STILL_MEMORY: u64 = 1 << 30;
/// Items of a HEIF or AVIF picture, and tiles that it is put together of: pictures of 50 million pixels have 200.
pub(crate) const ITEMS: usize = 4_096;
/// Layers of one that is put upon each other: stickers and a frame are a few.
pub(crate) const LAYERS: usize = 64;
/// Pixels of the pictures that H.264 has in work at once: eight of 4K, or two of 8K. Each takes 8 bytes a pixel, with the copy that
/// others refer to (10 at 10 bits): 64 MB at 4K.
#[cfg(feature = "h264")]
pub(crate) const PIXELS_AT_ONCE: u64 = 8 * 4_096 * 2_304;
/// Decoded pictures that wait for their turn: twice what any standard lets a decoder hold back (16), against wrong timestamps.
pub(crate) const WAITING_PICTURES: usize = 32;
/// Packets that a codec may refuse at a stream's beginning before the stream counts as unsupported: a second or two of film.
pub(crate) const REFUSED_PACKETS: u32 = 64;
/// Parameter sets of an H.264 stream that are kept for its other decoder: the standard allows 32 and 256.
#[cfg(feature = "h264")]
pub(crate) const PARAMETER_SETS: usize = 288;

// Containers.

/// Samples that all tables of a file list together: 38 hours at 60 a second.
pub(crate) const SAMPLES: usize = 1 << 23;
/// Samples of one size, which take no room in the file: 11 hours of MP3. PCM is not counted by the sample.
pub(crate) const EQUAL_SAMPLES: usize = 1 << 21;
/// The longest duration of one sample in an MP4 file, in ticks of its track: half an hour in a scale of a million.
pub(crate) const SAMPLE_TICKS: u32 = i32::MAX as u32;
/// Bytes of an index (`moov`, `moof`, the elements in front of a cluster): ten times that of a film of three hours.
pub(crate) const INDEX: u64 = 128 << 20;
/// Bytes of one packet: a raw picture of 8K in 16 bits.
pub(crate) const PACKET: u64 = 256 << 20;
/// Tracks of a file.
pub(crate) const TRACKS: usize = 256;
/// Streams of an AVI file: its chunks name them by two digits.
pub(crate) const AVI_TRACKS: usize = 100;
/// Formats that one track of an MP4 file may list: players use the first, and editors write two or three.
pub(crate) const SAMPLE_ENTRIES: usize = 16;
/// Chapters, tags or attachments of a file.
pub(crate) const ENTRIES: usize = 2_000;
/// Bytes of a picture that a song brings along: the largest scans of a record's cover have a fifth of it.
pub(crate) const COVER: u64 = 64 << 20;
/// Places that a Matroska file names at its beginning: it has eight kinds of them.
pub(crate) const SEEK_ENTRIES: usize = 64;
/// Errors in a row after which a demuxer of symphonia's is not asked again: one that makes no progress would be asked for ever.
pub(crate) const FAILURES: u32 = 100;

/// Pictures of a program stream without times of their own, among which the next time is looked for: those of eight seconds at 60 per second.
pub(crate) const UNTIMED_PICTURES: usize = 512;
/// Bytes of those: they lie together in packets of 64 KiB at the most, or between two beginnings of a group.
pub(crate) const UNTIMED_BYTES: usize = 16 << 20;

// How much of a file is read to learn of it.

/// Blocks of a Matroska file in which its tracks' first times are looked for: some seconds of a film with several sounds.
pub(crate) const FIRST_BLOCKS: usize = 2_000;
/// Bytes behind damage in which a reader looks for a place where it can go on: a minute of a film at 30 Mbit a second.
pub(crate) const RESYNC: u64 = 256 << 20;
/// Bytes at the start of a transport stream in which its tracks are looked for: two seconds at the highest rate on air.
pub(crate) const TS_HEAD: u64 = 16 << 20;
/// Bytes at its end in which the last times are looked for.
pub(crate) const TS_TAIL: u64 = 4 << 20;
/// Places at which its clock begins anew: a day of recordings that were cut into minutes.
pub(crate) const TS_JOINTS: usize = 1_440;
/// Bytes from any place in it in which the next time of a track is looked for.
pub(crate) const TS_SPARSE: u64 = 8 << 20;
/// Bytes at the start of a program stream in which its tracks are looked for: seconds of a DVD, each of which has all its sounds.
pub(crate) const PS_HEAD: u64 = 8 << 20;
/// Places behind that, spread over the file, at which subtitles are looked for that begin later, and the bytes looked through at each: some
/// seconds of a DVD.
pub(crate) const PS_LOOKS: u64 = 16;
pub(crate) const PS_LOOK: u64 = 2 << 20;
/// Bytes at its end in which the last times are looked for.
pub(crate) const PS_TAIL: u64 = 2 << 20;
/// Bytes behind a tag in which the first frame of MPEG audio is looked for: what a cover that was cut off leaves.
pub(crate) const FRAME_SEARCH: u64 = 1 << 16;
/// Bytes of frames of sound that are walked for their exact length: two hours at 256 kbit a second. A longer file's is estimated.
pub(crate) const FRAMES_WALKED: u64 = 256 << 20;
/// Bytes that a parser of symphonia's may read for one packet, one seek or one look at a file: two covers of 16 MiB.
pub(crate) const BORROWED_READ: u64 = 32 << 20;
/// Bytes of an Ogg file all of whose pages are looked at for further links: hours of sound. Of a larger one, its end tells.
pub(crate) const OGG_WALKED: u64 = 64 << 20;
/// Bytes at the start of a link of Ogg in which its headers and its first positions are looked for: two covers of 16 MiB.
pub(crate) const OGG_HEAD: u64 = 32 << 20;
/// Bytes at its end in which its streams' last positions are looked for.
pub(crate) const OGG_TAIL: u64 = 4 << 20;
/// Bytes from any place in it in which a track's next position is looked for.
pub(crate) const OGG_SPARSE: u64 = 8 << 20;
/// Frames of an ID3 tag that are passed over.
pub(crate) const ID3_FRAMES: usize = 1_000;
/// Bytes of one text in it.
pub(crate) const ID3_TEXT: u64 = 4_096;
/// Letters of a title or a name that are of use to anybody: as many as a message shows.
pub(crate) const TITLE: usize = 300;
/// Bytes of a YUV4MPEG2 stream's header line: writers need a hundred, and comments may follow.
pub(crate) const Y4M_HEADER: usize = 4_096;
/// Bytes of the line in front of one of its frames.
pub(crate) const Y4M_FRAME_HEADER: usize = 256;

// Subtitles.

/// Bytes of a file of subtitles: a hundred times that of a film of three hours.
pub(crate) const SUBTITLE_FILE: u64 = 32 << 20;
/// Cues of a file: a hundred times those of a film, since karaoke and signs that move take many.
pub(crate) const CUES: usize = 200_000;
/// Bytes of text of one cue, and stretches of it that look different: a screen full of letters.
pub(crate) const CUE_TEXT: usize = 4_096;
/// See [`CUE_TEXT`].
pub(crate) const CUE_SPANS: usize = 128;
/// Points of a drawing: letters and signs that somebody traced have hundreds.
pub(crate) const SHAPE_POINTS: usize = 4_096;
/// Packets, and their bytes, among which a player that is late looks for a key frame to go on at: ten seconds of most films.
pub(crate) const LEAP_PACKETS: usize = 300;
/// See [`LEAP_PACKETS`].
pub(crate) const LEAP_BYTES: usize = 32 << 20;
/// Cues that are shown at the same time.
pub(crate) const CUES_ON: usize = 32;
/// Cues that are over, and known for the room that others made for them.
pub(crate) const CUES_GONE: usize = 16;
/// Cues of a track that were read and are not over yet.
pub(crate) const CUES_AHEAD: usize = 4_096;
/// Points of the pictures among them: eight pictures of 4K.
pub(crate) const POINTS_AHEAD: usize = 64 << 20;
/// Styles of a script.
pub(crate) const STYLES: usize = 1_000;
/// Bytes of a font that comes with a film: the largest ones, of all Chinese letters in several weights, have 30 million.
pub(crate) const FONT: u64 = 32 << 20;
/// Such fonts of a track: films whose signs are set with care have fifty.
pub(crate) const FONTS: usize = 200;
/// Bytes of all of them: whoever draws has them in memory.
pub(crate) const FONT_BYTES: u64 = 96 << 20;
/// Tracks of subtitles in a film and beside it.
pub(crate) const SUBTITLE_TRACKS: usize = 64;
/// Objects and palettes that a disc's subtitles have at a time; the format allows 64 and 8.
pub(crate) const DISC_OBJECTS: usize = 64;
/// Bytes of such objects, coded.
pub(crate) const DISC_CODED: usize = 16 << 20;
/// Bytes from its place in which a picture of VobSub's ends: it has less than 64 KiB, and those of other languages lie between.
pub(crate) const SPU_SPREAD: u64 = 1 << 20;
/// Points of one of them: a picture of 4K.
pub(crate) const DISC_POINTS: usize = 3840 * 2160;
