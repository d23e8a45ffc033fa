//! What a pipeline needs to know of pictures and of sound: the one place where the two differ.

use tricine_session::channel::{Kind, WriteSlot};
use tricine_session::clock::PlayState;
use tricine_session::frame::{ColorMatrix, ColorRange, FrameMeta, Rotation};

use crate::Context;
use tricine_media::{AudioBlock, AudioSource, MediaError, NS, VideoFrame, VideoSource};

/// A source that a [`crate::pipeline::Pipeline`] runs on.
pub(crate) trait Stream: Send + 'static {
    /// Which channel it is for.
    const KIND: Kind;
    /// Items decoded ahead of the channel. A quarter of them and the channel's three are always there, so a hitch of that many
    /// in the codec is not seen; more would only cost memory, and time after a seek.
    const AHEAD: usize;
    /// What the source yields.
    type Item: Send;
    /// What a slot takes.
    type Part: Send;

    /// Counts what makes the stream go elsewhere: seeks.
    fn serial(state: &PlayState) -> u32 {
        state.serial
    }
    /// Where to, in ns.
    fn target(_: &Context, state: &PlayState) -> i64 {
        state.target_ns
    }
    /// Goes to a time in ns; with `skip`, to the next keyframe after it.
    fn go_to(&mut self, target_ns: i64, skip: bool) -> Result<(), MediaError>;
    /// What is due before `film_ns` comes too late: it may be left out where nothing else needs it.
    fn hurry(&mut self, _film_ns: i64) {}
    /// The next item, `None` at the end.
    fn next(&mut self) -> Result<Option<Self::Item>, MediaError>;
    /// An item's last moment that counts as published once a part with this pts was.
    fn pts_ns(item: &Self::Item) -> i64;
    /// Cuts an item into what slots take.
    fn parts(item: Self::Item) -> impl Iterator<Item = Self::Part>;
    /// A part's time, in ns.
    fn part_pts_ns(part: &Self::Part) -> i64;
    /// A part's bytes.
    fn len(part: &Self::Part) -> usize;
    /// Writes a part into a slot that is long enough; what describes it, but for the serial.
    fn write(part: &mut Self::Part, slot: &mut WriteSlot<'_>) -> FrameMeta;
}

/// Pictures, up to a time.
pub(crate) struct Pictures {
    source: Box<dyn VideoSource>,
    end_ns: i64,
    sought: bool,
}

impl Pictures {
    /// Plays `source` until `end_ns`.
    pub(crate) fn new(source: Box<dyn VideoSource>, end_ns: Option<i64>) -> Self {
        Self { source, end_ns: end_ns.unwrap_or(i64::MAX), sought: false }
    }
}

impl Stream for Pictures {
    const KIND: Kind = Kind::Video;
    const AHEAD: usize = 7;
    type Item = VideoFrame;
    type Part = VideoFrame;

    fn go_to(&mut self, target_ns: i64, skip: bool) -> Result<(), MediaError> {
        // A fresh source stands at its start already, and one that cannot seek stands where it can.
        let fresh = !std::mem::replace(&mut self.sought, true);
        match (skip, self.source.info().seekable) {
            (_, false) => Ok(()),
            (true, true) => self.source.seek_past(target_ns),
            (false, true) if fresh && target_ns <= 0 => Ok(()),
            (false, true) => self.source.seek(target_ns),
        }
    }

    fn hurry(&mut self, film_ns: i64) {
        self.source.hurry(film_ns);
    }

    fn next(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        Ok(self.source.next_frame()?.filter(|frame| frame.pts_ns < self.end_ns))
    }

    fn pts_ns(frame: &VideoFrame) -> i64 {
        frame.pts_ns
    }

    fn parts(frame: VideoFrame) -> impl Iterator<Item = VideoFrame> {
        std::iter::once(frame)
    }

    fn part_pts_ns(frame: &VideoFrame) -> i64 {
        frame.pts_ns
    }

    fn len(frame: &VideoFrame) -> usize {
        frame.format.i420_len()
    }

    fn write(frame: &mut VideoFrame, slot: &mut WriteSlot<'_>) -> FrameMeta {
        let format = frame.format;
        let (sar_num, sar_den) = tricine_media::small_ratio(format.sar);
        frame.picture.write_i420(&mut slot.payload()[..format.i420_len()]);
        FrameMeta {
            pts_ns: frame.pts_ns,
            duration_ns: frame.duration_ns.max(0),
            range: match format.range {
                tricine_media::ColorRange::Limited => ColorRange::Limited,
                tricine_media::ColorRange::Full => ColorRange::Full,
            },
            matrix: match format.matrix {
                tricine_media::ColorMatrix::Bt601 => ColorMatrix::Bt601,
                tricine_media::ColorMatrix::Bt709 => ColorMatrix::Bt709,
                tricine_media::ColorMatrix::Bt2020 => ColorMatrix::Bt2020,
            },
            rotation: match format.orientation.rotation {
                tricine_media::Rotation::None => Rotation::None,
                tricine_media::Rotation::Cw90 => Rotation::Cw90,
                tricine_media::Rotation::Cw180 => Rotation::Cw180,
                tricine_media::Rotation::Cw270 => Rotation::Cw270,
            },
            mirrored: format.orientation.mirrored,
            sar_num,
            sar_den,
            ..FrameMeta::i420(format.width, format.height)
        }
    }
}

/// Sound, up to a time.
pub(crate) struct Sound {
    source: Box<dyn AudioSource>,
    end_ns: i64,
    sought: bool,
    /// What came after the last block and did not join it.
    held: Option<Result<Option<AudioBlock>, MediaError>>,
}

/// Sample times in a slot of the audio channel: 43 ms at 48 kHz. Three of them bridge a decoder's restart, and eight
/// channels of them fit.
pub(crate) const BLOCK_TIMES: usize = 2048;
/// Bytes of such a slot.
pub(crate) const BLOCK_CAPACITY: u64 = (BLOCK_TIMES * 8 * size_of::<f32>()) as u64;

impl Sound {
    /// Plays `source` until `end_ns`.
    pub(crate) fn new(source: Box<dyn AudioSource>, end_ns: Option<i64>) -> Self {
        Self { source, end_ns: end_ns.unwrap_or(i64::MAX), sought: false, held: None }
    }

    /// The source's next block, with what follows it as long as a slot takes both: fewer wake-ups on either side.
    fn next_joined(&mut self) -> Result<Option<AudioBlock>, MediaError> {
        let first = self.held.take().unwrap_or_else(|| self.source.next_block())?;
        let Some(mut block) = first else { return Ok(None) };
        let most = BLOCK_TIMES * usize::from(block.channels.max(1));
        while block.samples.len() < most {
            match self.source.next_block() {
                Ok(Some(next)) if follows(&block, &next) && block.samples.len() + next.samples.len() <= most => {
                    block.samples.extend_from_slice(&next.samples);
                }
                other => {
                    self.held = Some(other);
                    break;
                }
            }
        }
        Ok(Some(block))
    }
}

/// Whether `next` begins with the sample after the last one of `block`.
fn follows(block: &AudioBlock, next: &AudioBlock) -> bool {
    let rate = i64::from(block.sample_rate.max(1));
    let times = (block.samples.len() / usize::from(block.channels.max(1))) as i64;
    let shape = |block: &AudioBlock| (block.sample_rate, block.channels, block.speakers);
    let alike = shape(block) == shape(next);
    alike && next.pts_ns.saturating_sub(block.pts_ns).abs_diff(times * NS / rate) < NS as u64 / 2 / rate as u64
}

impl Stream for Sound {
    const KIND: Kind = Kind::Audio;
    const AHEAD: usize = 8;
    type Item = AudioBlock;
    type Part = AudioBlock;

    fn go_to(&mut self, target_ns: i64, skip: bool) -> Result<(), MediaError> {
        let fresh = !std::mem::replace(&mut self.sought, true);
        if !self.source.info().seekable || (fresh && target_ns <= 0) {
            return Ok(());
        }
        self.held = None;
        // Sound has no keyframes; what killed two decoders is a second long at most.
        self.source.seek(if skip { target_ns.saturating_add(NS) } else { target_ns })
    }

    fn next(&mut self) -> Result<Option<AudioBlock>, MediaError> {
        let Some(mut block) = self.next_joined()? else { return Ok(None) };
        if block.pts_ns >= self.end_ns {
            return Ok(None);
        }
        // To the nearest: the block's time is rounded to a nanosecond.
        let left = self.end_ns.saturating_sub(block.pts_ns) as i128 * i128::from(block.sample_rate);
        let left = (left + i128::from(NS) / 2) / i128::from(NS);
        let left = usize::try_from(left).unwrap_or(usize::MAX).saturating_mul(block.channels.into());
        block.samples.truncate(left);
        Ok(Some(block).filter(|b| !b.samples.is_empty()))
    }

    fn pts_ns(block: &AudioBlock) -> i64 {
        block.pts_ns
    }

    fn parts(block: AudioBlock) -> impl Iterator<Item = AudioBlock> {
        let AudioBlock { pts_ns, sample_rate, channels, speakers, samples } = block;
        let (rate, width) = (i64::from(sample_rate.max(1)), usize::from(channels.max(1)));
        let count = samples.len().div_ceil(BLOCK_TIMES * width);
        (0..count).map(move |i| {
            let from = i * BLOCK_TIMES * width;
            let to = (from + BLOCK_TIMES * width).min(samples.len());
            let pts_ns = pts_ns + (i * BLOCK_TIMES) as i64 * NS / rate;
            AudioBlock { pts_ns, sample_rate, channels, speakers, samples: samples[from..to].to_vec() }
        })
    }

    fn part_pts_ns(block: &AudioBlock) -> i64 {
        block.pts_ns
    }

    fn len(block: &AudioBlock) -> usize {
        block.samples.len() * size_of::<f32>()
    }

    fn write(block: &mut AudioBlock, slot: &mut WriteSlot<'_>) -> FrameMeta {
        let times = block.samples.len() / usize::from(block.channels.max(1));
        slot.floats()[..block.samples.len()].copy_from_slice(&block.samples);
        let duration_ns = times as i64 * NS / i64::from(block.sample_rate.max(1));
        let meta = FrameMeta::f32(block.channels, times as u32, block.sample_rate);
        let speakers = if block.speakers == 0 { meta.speakers } else { block.speakers };
        FrameMeta { pts_ns: block.pts_ns, duration_ns, speakers, ..meta }
    }
}
