//! Test sources that need no file: `bars`, colour bars with a sweeping marker and a steady tone, and `clock`, which
//! counts frames and flashes and beeps once a second. Both are functions of the frame's or sample's number alone, so
//! every seek is exact and a restarted decoder draws the very same film.
//!
//! `clock`, in full: the frame that is the first at or after a whole second is white all over (a *flash*), and a beep
//! of 60 ms begins with the very sample due at that frame's pts. At whole rates that is the whole second itself. Along
//! its top edge the frame's number stands as black and white cells, which [`read_counter`] reads back.

mod canvas;

use std::sync::Arc;

use crate::times::units_ns;
use crate::{
    About, AudioBlock, AudioInfo, AudioSource, ColorMatrix, Media, MediaError, NS, Picture, VideoFormat, VideoFrame,
    VideoInfo, VideoSource,
};
use crate::{Light, MAX_SIDE};
use canvas::{ADVANCE, Canvas, TALL, Yuv};

/// What the tone is sampled at, in hertz.
const SAMPLE_RATE: u32 = 48_000;
/// How many samples a beep has: 60 ms.
const BEEP: i64 = 2_880;
/// Samples a block.
const BLOCK: i64 = 1_024;
/// The longest film, in seconds: the counter's 32 bits suffice at the highest rate.
const MAX_SECONDS: f64 = 4_000_000.0;
const WHITE: Yuv = [235, 128, 128];
const BLACK: Yuv = [16, 128, 128];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bars,
    Clock,
}

/// What follows `test:`, understood.
#[derive(Debug, Clone, PartialEq)]
struct Spec {
    kind: Kind,
    width: u32,
    height: u32,
    /// Frames per second as a fraction.
    rate: (i64, i64),
    frames: i64,
    samples: i64,
    tone: f64,
}

/// Opens `spec`, what follows `test:`, such as `clock?size=1280x720&rate=30000/1001&seconds=10&tone=440`. Errors:
/// [`MediaError::Unknown`] names what exists.
pub fn open(spec: &str) -> Result<Media, MediaError> {
    let spec = Arc::new(Spec::parse(spec).map_err(MediaError::Unknown)?);
    let duration_ns = Some(spec.pts(spec.frames));
    let name = if spec.kind == Kind::Bars { "bars" } else { "clock" };
    let video = VideoInfo {
        codec: format!("test {name}"),
        format: spec.format(),
        light: Light::default(),
        rate: Some(spec.rate.0 as f64 / spec.rate.1 as f64),
        duration_ns,
        frames: Some(spec.frames as u64),
        seekable: true,
    };
    let audio = AudioInfo {
        codec: "test tone".into(),
        sample_rate: SAMPLE_RATE,
        channels: 2,
        duration_ns: Some(spec.samples * NS / i64::from(SAMPLE_RATE)),
        seekable: true,
    };
    let scene = Arc::new(Scene::new(&spec));
    Ok(Media {
        video: Some(Box::new(TestVideo { info: video, spec: spec.clone(), scene, next: 0 })),
        audio: Some(Box::new(TestAudio { info: audio, spec, next: 0 })),
        about: About::default(),
        notices: Vec::new(),
        missing: Vec::new(),
        subtitles: Default::default(),
    })
}

impl Spec {
    fn parse(text: &str) -> Result<Self, String> {
        let (name, options) = text.split_once('?').unwrap_or((text, ""));
        let kind = match name {
            "bars" => Kind::Bars,
            "clock" => Kind::Clock,
            _ => return Err(format!("there is no test:{name}, but test:bars and test:clock")),
        };
        let (mut size, mut rate, mut seconds, mut tone) = ((1280, 720), (30, 1), 10.0, 440.0);
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            let wrong = |want: &str| format!("test option {key}={value}; it wants {want}");
            match key {
                "size" => {
                    let side = |text: &str| text.parse().ok().filter(|side| (1..=MAX_SIDE).contains(side));
                    size = value
                        .split_once('x')
                        .and_then(|(w, h)| Some((side(w)?, side(h)?)))
                        .ok_or_else(|| wrong(&format!("WIDTHxHEIGHT, each 1 to {MAX_SIDE}")))?;
                }
                "rate" => {
                    rate = parse_rate(value)
                        .ok_or_else(|| wrong("frames a second from 0.001 to 1000, such as 30, 29.97 or 30000/1001"))?;
                }
                "seconds" => {
                    seconds = value
                        .parse()
                        .ok()
                        .filter(|seconds| *seconds > 0.0 && *seconds <= MAX_SECONDS)
                        .ok_or_else(|| wrong(&format!("more than 0 and at most {MAX_SECONDS} seconds")))?;
                }
                "tone" => {
                    tone = value
                        .parse()
                        .ok()
                        .filter(|tone| (0.0..=20_000.0).contains(tone))
                        .ok_or_else(|| wrong("0 (silence) to 20000 hertz"))?;
                }
                _ => return Err(format!("test option {key}; there are size, rate, seconds and tone")),
            }
        }
        let exact = seconds * rate.0 as f64 / rate.1 as f64;
        // A frame is in when it begins before the end; the tiny slack keeps 10 s at 30 from becoming 301 frames.
        let frames = ((exact - 1e-6).ceil() as i64).max(1);
        let samples = ((seconds * f64::from(SAMPLE_RATE)).round() as i64).max(1);
        Ok(Self { kind, width: size.0, height: size.1, rate, frames, samples, tone })
    }

    fn format(&self) -> VideoFormat {
        VideoFormat::untagged(self.width, self.height)
    }

    fn pts(&self, frame: i64) -> i64 {
        units_ns(frame, (self.rate.1, self.rate.0))
    }

    /// The last frame that begins at or before `ns`.
    fn frame_at(&self, ns: i64) -> i64 {
        let near = i128::from(ns.max(0)) * i128::from(self.rate.0) / (i128::from(self.rate.1) * i128::from(NS));
        let near = near.min(i128::from(self.frames)) as i64;
        // pts are rounded down, so the frame after may begin at `ns` as well.
        let next = near + i64::from(self.pts(near + 1) <= ns);
        next.clamp(0, self.frames - 1)
    }

    /// Whether `frame` is the first at or after a whole second.
    fn flashes(&self, frame: i64) -> bool {
        let second = |frame: i64| (frame * self.rate.1).div_euclid(self.rate.0);
        frame >= 0 && (frame * self.rate.1 % self.rate.0 == 0 || second(frame) != second(frame - 1))
    }

    /// The sample due with `frame`.
    fn onset(&self, frame: i64) -> i64 {
        let den = i128::from(self.rate.0);
        ((i128::from(frame) * i128::from(self.rate.1) * i128::from(SAMPLE_RATE) + den / 2) / den) as i64
    }
}

/// Reads `30`, `29.97` or `30000/1001`; the decimals of NTSC rates mean thousandths of 1001.
fn parse_rate(text: &str) -> Option<(i64, i64)> {
    let rate = match text.split_once('/') {
        Some((num, den)) => (num.parse().ok()?, den.parse().ok()?),
        None => {
            let value: f64 = text.parse().ok().filter(|rate: &f64| (0.001..=1000.0).contains(rate))?;
            let ntsc = (value.ceil() * 1000.0) as i64;
            if value.fract() > 0.0 && (ntsc as f64 / 1001.0 - value).abs() < 0.006 {
                (ntsc, 1001)
            } else {
                ((value * 1000.0).round() as i64, 1000)
            }
        }
    };
    let sane = |part: i64| (1..=1_000_000_000).contains(&part);
    (sane(rate.0) && sane(rate.1) && rate.0 <= rate.1.saturating_mul(1000) && rate.1 <= rate.0.saturating_mul(1000))
        .then_some(rate)
}

/// What of a film stays the same from frame to frame: a few bands of identical rows.
struct Scene {
    bands: Vec<(usize, usize, [Vec<u8>; 3])>,
    flash: [Vec<u8>; 3],
    marker: Yuv,
}

impl Scene {
    fn new(spec: &Spec) -> Self {
        let (w, h) = (spec.width as usize, spec.height as usize);
        let yuv = |rgb: [f64; 3]| to_yuv(rgb, spec.format().matrix);
        // Bars lie on even columns so that no chroma sample mixes two of them.
        let row = |colours: &[Yuv]| -> [Vec<u8>; 3] {
            let pairs = w.div_ceil(2);
            let at = |pair: usize| colours.get(pair * colours.len() / pairs).copied().unwrap_or(BLACK);
            [
                (0..w).map(|x| at(x / 2)[0]).collect(),
                (0..pairs).map(|pair| at(pair)[1]).collect(),
                (0..pairs).map(|pair| at(pair)[2]).collect(),
            ]
        };
        let q = 0.75;
        let bars = [[q, q, q], [q, q, 0.0], [0.0, q, q], [0.0, q, 0.0], [q, 0.0, q], [q, 0.0, 0.0], [0.0, 0.0, q]];
        let bands = match spec.kind {
            Kind::Bars => {
                let (a, b) = ((h * 2 / 3) & !1, (h * 3 / 4) & !1);
                let back: Vec<Yuv> = bars.iter().rev().map(|rgb| yuv(*rgb)).collect();
                let ramp: Vec<Yuv> = (0..220).map(|step| [16 + step, 128, 128]).collect();
                let bars: Vec<Yuv> = bars.iter().map(|rgb| yuv(*rgb)).collect();
                vec![(0, a, row(&bars)), (a, b, row(&back)), (b, h, row(&ramp))]
            }
            Kind::Clock => vec![(0, h, row(&[yuv([0.06, 0.09, 0.16])]))],
        };
        Self { bands, flash: row(&[WHITE]), marker: yuv([1.0, 0.6, 0.1]) }
    }
}

/// R'G'B' in 0..=1 to limited-range Y'CbCr.
fn to_yuv([r, g, b]: [f64; 3], matrix: ColorMatrix) -> Yuv {
    let (kr, kb) = match matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (0.2126, 0.0722),
        ColorMatrix::Bt2020 => (0.2627, 0.0593),
    };
    let y = kr * r + (1.0 - kr - kb) * g + kb * b;
    let chroma = |c: f64, k: f64| (128.0 + 112.0 * (c - y) / (1.0 - k)).round() as u8;
    [(16.0 + 219.0 * y).round() as u8, chroma(b, kb), chroma(r, kr)]
}

/// One frame, drawn when a slot for it is at hand.
struct Drawing {
    spec: Arc<Spec>,
    scene: Arc<Scene>,
    frame: i64,
}

impl Picture for Drawing {
    fn write_i420(&mut self, out: &mut [u8]) {
        let (w, h) = (self.spec.width as usize, self.spec.height as usize);
        let Some(mut canvas) = Canvas::new(out, w, h) else { return };
        let flash = self.spec.kind == Kind::Clock && self.spec.flashes(self.frame);
        for (from, to, row) in &self.scene.bands {
            canvas.rows(*from, *to, if flash { &self.scene.flash } else { row });
        }
        match self.spec.kind {
            Kind::Bars => {
                // A marker crosses the picture in two seconds.
                let phase = self.spec.pts(self.frame).rem_euclid(2 * NS) as f64 / (2 * NS) as f64;
                let side = (h / 8).min(w / 8).max(1);
                let x = ((w.saturating_sub(side)) as f64 * phase) as usize & !1;
                canvas.rect(x, (h - h / 8) & !1, side, h / 8 + 1, self.scene.marker);
            }
            Kind::Clock => self.draw_clock(&mut canvas, w, h, if flash { BLACK } else { WHITE }),
        }
    }
}

impl Drawing {
    fn draw_clock(&self, canvas: &mut Canvas<'_>, w: usize, h: usize, ink: Yuv) {
        let ms = self.spec.pts(self.frame) / 1_000_000;
        let (s, ms) = (ms / 1000, ms % 1000);
        let clock = format!("{:02}:{:02}:{:02}.{ms:03}", s / 3600, s / 60 % 60, s % 60);
        let lines = [(h * 2 / 5, format!("{:06}", self.frame)), (h * 7 / 10, clock)];
        for (middle, text) in lines {
            let columns = text.len() * ADVANCE - 1;
            let scale = (w * 3 / 4 / columns).min(h / 4 / TALL) & !1;
            let left = (w.saturating_sub(columns * scale) / 2) & !1;
            canvas.text(left, middle.saturating_sub(TALL * scale / 2) & !1, scale, &text, ink);
        }
        // The bar along the bottom edge fills once a second.
        let bar = (h / 30) & !1;
        let filled = (w * ms as usize / 1000) & !1;
        canvas.rect(0, h - bar.min(h), filled, bar, self.scene.marker);
        if let Some(cell) = cell(w, h) {
            for (index, white) in counter_cells(self.frame as u64).into_iter().enumerate() {
                canvas.rect(index * cell, 0, cell, cell, if white { WHITE } else { BLACK });
            }
        }
    }
}

/// Cells of the counter: white, black, 32 bits, parity, white, black, and a white one to end with.
const CELLS: usize = 38;

fn counter_cells(frame: u64) -> Vec<bool> {
    let bits = (0..32).rev().map(|bit| frame >> bit & 1 == 1);
    let odd = (frame as u32).count_ones() % 2 == 1;
    [true, false].into_iter().chain(bits).chain([odd, true, false, true]).collect()
}

/// A cell's side in pixels, even; `None` where the picture is too small for the counter.
fn cell(width: usize, height: usize) -> Option<usize> {
    let side = (width / CELLS).min(height / 8).min(24) & !1;
    (side >= 2).then_some(side)
}

/// Reads the frame's number from a `test:clock` picture of its original size: 38 square cells in a row from the top
/// left corner, each `min(width / 38, height / 8, 24)` pixels (rounded down to even, at least 2) wide. They are white,
/// black, the number's 32 bits from the highest, their parity (white if an odd count is set), white, black, white. A
/// cell is read in its middle: white from 128 up. `None` if there is no counter, or it is not whole.
pub fn read_counter(luma: &[u8], stride: usize, width: usize, height: usize) -> Option<u64> {
    let cell = cell(width, height)?;
    let cells = (0..CELLS)
        .map(|index| luma.get(cell / 2 * stride + index * cell + cell / 2).map(|y| *y >= 128))
        .collect::<Option<Vec<bool>>>()?;
    let number = cells.get(2..34)?.iter().fold(0, |number, bit| number << 1 | u64::from(*bit));
    (cells == counter_cells(number)).then_some(number)
}

struct TestVideo {
    info: VideoInfo,
    spec: Arc<Spec>,
    scene: Arc<Scene>,
    next: i64,
}

impl VideoSource for TestVideo {
    fn info(&self) -> &VideoInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        let frame = self.next;
        if frame >= self.spec.frames {
            return Ok(None);
        }
        self.next += 1;
        let pts_ns = self.spec.pts(frame);
        Ok(Some(VideoFrame {
            pts_ns,
            duration_ns: self.spec.pts(frame + 1) - pts_ns,
            format: self.info.format,
            picture: Box::new(Drawing { spec: self.spec.clone(), scene: self.scene.clone(), frame }),
        }))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.next = self.spec.frame_at(target_ns);
        Ok(())
    }
}

struct TestAudio {
    info: AudioInfo,
    spec: Arc<Spec>,
    next: i64,
}

impl TestAudio {
    /// The tone, `phase` samples after it began; the half sample keeps its first value from being a silent zero.
    fn tone(&self, phase: i64, volume: f64) -> f32 {
        let turns = (phase as f64 + 0.5) * self.spec.tone / f64::from(SAMPLE_RATE);
        (volume * (std::f64::consts::TAU * turns.fract()).sin()) as f32
    }
}

impl AudioSource for TestAudio {
    fn info(&self) -> &AudioInfo {
        &self.info
    }

    fn next_block(&mut self) -> Result<Option<AudioBlock>, MediaError> {
        let (from, to) = (self.next, (self.next + BLOCK).min(self.spec.samples));
        if from >= to {
            return Ok(None);
        }
        self.next = to;
        let mut mono = vec![0.0; (to - from) as usize];
        match self.spec.kind {
            Kind::Bars => {
                for (at, sample) in (from..).zip(&mut mono) {
                    *sample = self.tone(at, 0.125);
                }
            }
            Kind::Clock => {
                let ns = |sample: i64| units_ns(sample, (1, SAMPLE_RATE));
                let frames = self.spec.frame_at(ns(from - BEEP)).saturating_sub(1)..=self.spec.frame_at(ns(to));
                for onset in frames.filter(|frame| self.spec.flashes(*frame)).map(|frame| self.spec.onset(frame)) {
                    for at in onset.max(from)..(onset + BEEP).min(to) {
                        if let Some(sample) = mono.get_mut((at - from) as usize) {
                            *sample = self.tone(at - onset, 0.5);
                        }
                    }
                }
            }
        }
        let samples = mono.into_iter().flat_map(|sample| [sample, sample]).collect();
        let pts_ns = units_ns(from, (1, SAMPLE_RATE));
        Ok(Some(AudioBlock { pts_ns, sample_rate: SAMPLE_RATE, channels: 2, speakers: 0, samples }))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        let sample = (i128::from(target_ns.max(0)) * i128::from(SAMPLE_RATE) + i128::from(NS) / 2) / i128::from(NS);
        self.next = sample.min(i128::from(self.spec.samples)) as i64;
        Ok(())
    }
}
