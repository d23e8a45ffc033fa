//! Pictures by the `image` crate, and those of HEIF (AVIF, HEIC): stills, animations (GIF, APNG, WebP), and lists of pictures.
//!
//! A still, and each picture of a list, is shown as long as the user wants: for 5 seconds, if nothing else was said. An animation keeps its own delays, except that one of 10 ms or less means 100 ms, as in browsers.
//!
//! Pictures become full-range BT.601, which is what JPEG is and loses least. Alpha is blended over black, and what EXIF
//! says of orientation is said of their format.

mod animation;
mod apng;
mod tiff;
mod webp;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::{Light, MAX_SIDE, caps};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbaImage};

use animation::{AnimatedVideo, Animation};

use super::{exif, heif, icc};
use crate::container::Colour;
use crate::guard::guarded;
use crate::hint::named;
use crate::video::{Samples, Screen, planes};
use crate::{
    About, ColorMatrix, ColorRange, Media, MediaError, MediaFile, MediaReader, NS, Orientation, VideoFormat,
    VideoFrame, VideoInfo, VideoSource,
};

/// How long a picture is shown that does not move, unless the user wants something else.
pub const PICTURE_NS: i64 = 5 * NS;

/// A decoded picture as I420, and what light its samples stood for before.
struct Decoded {
    format: VideoFormat,
    light: Light,
    i420: Vec<u8>,
    /// What is not shown as the file has it.
    notice: Option<String>,
}

type Reader = BufReader<MediaReader>;

/// Opens a picture, to be shown for `picture_ns`, or an animation. Errors: no picture, broken, too large, or reading failed.
pub fn open_file(file: &MediaFile, picture_ns: i64) -> Result<Media, MediaError> {
    if let Some(name) = heif_name(file)? {
        return Ok(still(name.into(), guarded(|| decode(file)).map_err(MediaError::Broken)??, picture_ns));
    }
    let (kind, reader) = identify(file)?;
    let codec = format!("{kind:?}").to_uppercase();
    if animated(kind, reader)? {
        let mut source = Animation::start(file.clone(), kind)?;
        let Some(first) = source.receive()? else {
            return Err(MediaError::Broken(format!("{codec} without a picture")));
        };
        // An animation of one picture is a still.
        if matches!(source.receive(), Ok(Some(_))) {
            let info = VideoInfo { codec, ..info(&first.0, None, None) };
            return Ok(media(Box::new(AnimatedVideo {
                source: Animation::start(file.clone(), kind)?,
                info,
                pts: 0,
                ahead: None,
            })));
        }
        return Ok(still(codec, first.0, picture_ns));
    }
    let picture = guarded(|| decode(file)).map_err(MediaError::Broken)??;
    let mut media = still(codec, picture, picture_ns);
    if kind == ImageFormat::Jpeg && !jpeg_ends(file)? {
        media.notices.push("the picture is cut off: some of it is missing".into());
    }
    Ok(media)
}

/// Whether a JPEG has its last mark, which its decoder does not miss. (Those of a preview within it stand in front of its own lines.)
fn jpeg_ends(file: &MediaFile) -> Result<bool, MediaError> {
    let (mut at, mut head) = (2, [0; 4]);
    // Segments, each with its length, up to the first lines. (Marks may have more than one byte in front of them.)
    for _ in 0..caps::ENTRIES {
        if file.read_exact_at(&mut head, at).is_err() || head[..2] == [0xff, 0xda] {
            break;
        }
        let within = head[0] != 0xff || head[1] == 0xff;
        at += if within { 1 } else { 2 + u64::from(u16::from_be_bytes([head[2], head[3]])) };
    }
    let (mut lines, mut before) = ([0; 1 << 16], 0);
    loop {
        let have = file.read_at(&mut lines, at)?;
        if lines[..have].iter().any(|&byte| std::mem::replace(&mut before, byte) == 0xff && byte == 0xd9) {
            return Ok(true);
        }
        if have == 0 {
            return Ok(false);
        }
        at += have as u64;
    }
}

/// Opens the first picture of a file, whatever else it has, to be shown for `picture_ns`. Errors: as [`open_file`].
pub(crate) fn open_still(file: &MediaFile, picture_ns: i64) -> Result<Media, MediaError> {
    let name = match heif_name(file)? {
        Some(name) => name.to_owned(),
        None => format!("{:?}", identify(file)?.0).to_uppercase(),
    };
    Ok(still(name, decode(file)?, picture_ns))
}

/// Opens pictures to be shown one after another for `picture_ns` each, in the order given. Errors: the list is empty, or none can be opened.
pub fn open_list(paths: &[PathBuf], picture_ns: i64) -> Result<Media, MediaError> {
    let mut first = Err(MediaError::Unknown("a list without a picture; name some".into()));
    for path in paths {
        let of_it = |error: MediaError| MediaError::Unknown(named(&error.to_string(), &path.to_string_lossy()));
        first = decode_path(path).map_err(of_it);
        if first.is_ok() {
            break;
        }
    }
    let frames = paths.len() as u64;
    let picture_ns = picture_ns.max(1);
    let duration = picture_ns.saturating_mul(frames as i64);
    let rate = Some(NS as f64 / picture_ns as f64);
    let info = VideoInfo { codec: "pictures".into(), rate, ..info(&first?, Some(duration), Some(frames)) };
    Ok(media(Box::new(ListVideo { paths: paths.to_vec(), picture_ns, info, next: 0 })))
}

fn media(video: Box<dyn VideoSource>) -> Media {
    Media {
        video: Some(video),
        audio: None,
        subtitles: Default::default(),
        about: About::default(),
        notices: Vec::new(),
        missing: Vec::new(),
    }
}

fn still(codec: String, picture: Decoded, picture_ns: i64) -> Media {
    let info = VideoInfo { codec, ..info(&picture, Some(picture_ns), Some(1)) };
    let notices = picture.notice.into_iter().collect();
    Media { notices, ..media(Box::new(StillVideo { info, i420: picture.i420, picture_ns, done: false })) }
}

fn info(picture: &Decoded, duration_ns: Option<i64>, frames: Option<u64>) -> VideoInfo {
    let Decoded { format, light, .. } = *picture;
    VideoInfo { codec: String::new(), format, light, rate: None, duration_ns, frames, seekable: true }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(caps::STILL_MEMORY);
    limits
}

fn error(e: ImageError) -> MediaError {
    match e {
        ImageError::IoError(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => MediaError::Io(e),
        ImageError::Unsupported(e) => MediaError::unsupported(
            format!("this picture ({e})"),
            "FFmpeg may convert it: ffmpeg -nostdin -i IN OUT.png",
        ),
        ImageError::Limits(e) => MediaError::unsupported(
            format!("a picture this large ({e})"),
            "a smaller one plays: ffmpeg -nostdin -i IN -vf scale=1920:-1 OUT.png",
        ),
        // What the decoder was at is its own affair.
        e => MediaError::Broken(e.to_string().split(" while decoding").next().unwrap_or_default().to_owned()),
    }
}

/// The kind of picture by content, by name where the content does not tell (TGA), and a reader at its start.
fn identify(file: &MediaFile) -> Result<(ImageFormat, Reader), MediaError> {
    let reader = ImageReader::new(BufReader::new(file.reader())).with_guessed_format()?;
    let kind = reader.format().or_else(|| ImageFormat::from_path(&file.name).ok());
    let kind = kind.ok_or_else(|| MediaError::Broken("no picture that this build knows begins like this".into()))?;
    Ok((kind, BufReader::new(file.reader())))
}

/// What a picture of HEIF is called.
fn heif_name(file: &MediaFile) -> Result<Option<&'static str>, MediaError> {
    let mut head = [0; 64];
    let have = file.read_at(&mut head, 0)?;
    Ok(heif::name(&head[..have]))
}

fn animated(kind: ImageFormat, reader: Reader) -> Result<bool, MediaError> {
    guarded(|| match kind {
        ImageFormat::Gif => Ok(true),
        ImageFormat::Png => PngDecoder::with_limits(reader, limits()).and_then(|png| png.is_apng()).map_err(error),
        ImageFormat::WebP => WebPDecoder::new(reader).map(|webp| webp.has_animation()).map_err(error),
        _ => Ok(false),
    })
    .map_err(MediaError::Broken)?
}

fn decode_path(path: &Path) -> Result<Decoded, MediaError> {
    let file = MediaFile::new(File::open(path)?, path.to_string_lossy())?;
    guarded(|| decode(&file)).map_err(MediaError::Broken)?
}

fn decode(file: &MediaFile) -> Result<Decoded, MediaError> {
    if heif_name(file)?.is_some() {
        return heif::decode(file).map(|(format, light, i420, notice)| Decoded { format, light, i420, notice });
    }
    let (kind, reader) = identify(file)?;
    let mut reader = ImageReader::with_format(reader, kind);
    reader.limits(limits());
    let mut decoder = match reader.into_decoder() {
        Ok(decoder) => decoder,
        Err(refused) => {
            let picture = if kind == ImageFormat::Tiff { tiff::decode(file)? } else { None };
            let Some((picture, orientation)) = picture else { return Err(error(refused)) };
            let mut picture = to_i420(picture)?;
            picture.format.orientation = orientation;
            return Ok(picture);
        }
    };
    let (orientation, profile) = (decoder.orientation(), decoder.icc_profile());
    let exif = decoder.exif_metadata().ok().flatten();
    let mut picture = to_i420(DynamicImage::from_decoder(decoder).map_err(error)?.into_rgba8())?;
    let told = orientation.map_or(1, |orientation| orientation.to_exif());
    let within = exif.filter(|_| told == 1).and_then(|exif| exif::inner_orientation(&exif));
    picture.format.orientation = Orientation::of_exif(within.unwrap_or(told));
    let primaries = profile.ok().flatten().and_then(|profile| icc::primaries(&profile));
    Ok(if primaries.is_some() { shown(picture, &Colour { primaries, ..Colour::default() }) } else { picture })
}

/// A picture of such colours as an ordinary screen shows it.
fn shown(picture: Decoded, colour: &Colour) -> Decoded {
    let light = Screen::light(&picture.format, colour);
    let (format, mut shown) = Screen::default().show(picture.format, colour, Samples::Bytes(Box::new(picture.i420)));
    let mut i420 = vec![0; format.i420_len()];
    shown.write_i420(&mut i420);
    Decoded { format, light, i420, notice: picture.notice }
}

/// Blends over black and converts.
fn to_i420(mut picture: RgbaImage) -> Result<Decoded, MediaError> {
    let (width, height) = picture.dimensions();
    if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
        return Err(MediaError::Broken(format!("a picture of {width}×{height}")));
    }
    for pixel in picture.pixels_mut().filter(|pixel| pixel.0[3] != 255) {
        let alpha = u16::from(pixel.0[3]);
        for channel in pixel.0.iter_mut().take(3) {
            *channel = ((u16::from(*channel) * alpha + 127) / 255) as u8;
        }
    }
    let format = VideoFormat {
        width,
        height,
        range: ColorRange::Full,
        matrix: ColorMatrix::Bt601,
        sar: (1, 1),
        orientation: Orientation::default(),
    };
    let mut i420 = vec![0; format.i420_len()];
    write_i420(picture.as_raw(), (width, height), &mut i420);
    Ok(Decoded { format, light: Light::default(), i420, notice: None })
}

/// From red, green, blue and a fourth byte to full-range BT.601 (JFIF, ITU-T T.871), each chroma the mean of its two by two pixels, or of
/// those that there are at the edge of an odd size.
fn write_i420(rgba: &[u8], (width, height): (u32, u32), i420: &mut [u8]) {
    // On the scale of 2¹⁶, as is the half that rounds.
    let weighted =
        |weights: [i32; 3], rgb: [i32; 3]| weights.iter().zip(rgb).map(|(w, c)| w * c).sum::<i32>() + (1 << 15);
    let stride = width as usize * 4;
    let [luma, blue, red] = planes(i420, width, height);
    for (to, pixel) in luma.iter_mut().zip(rgba.chunks_exact(4)) {
        *to = (weighted([19_595, 38_470, 7_471], [pixel[0].into(), pixel[1].into(), pixel[2].into()]) >> 16) as u8;
    }
    let chroma = |weights, mean| ((weighted(weights, mean) >> 16) + 128).min(255) as u8;
    let across = width.div_ceil(2) as usize;
    let rows = blue.chunks_exact_mut(across).zip(red.chunks_exact_mut(across));
    for (two, (blue, red)) in rgba.chunks(2 * stride).zip(rows) {
        let (one, other) = (&two[..stride], &two[two.len() - stride..]);
        let pairs = one.chunks(8).zip(other.chunks(8));
        for ((one, other), (blue, red)) in pairs.zip(blue.iter_mut().zip(red)) {
            // (At the edge, a pixel stands for the one that is missing.)
            let four = [one, other].map(|pair| [&pair[..4], &pair[pair.len() - 4..]]);
            let mean =
                [0, 1, 2].map(|c| (four.as_flattened().iter().map(|pixel| i32::from(pixel[c])).sum::<i32>() + 2) / 4);
            *blue = chroma([-11_059, -21_709, 32_768], mean);
            *red = chroma([32_768, -27_439, -5_329], mean);
        }
    }
}

struct StillVideo {
    info: VideoInfo,
    i420: Vec<u8>,
    picture_ns: i64,
    done: bool,
}

impl VideoSource for StillVideo {
    fn info(&self) -> &VideoInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(None);
        }
        let picture = Box::new(self.i420.clone());
        Ok(Some(VideoFrame { pts_ns: 0, duration_ns: self.picture_ns, format: self.info.format, picture }))
    }

    fn seek(&mut self, _target_ns: i64) -> Result<(), MediaError> {
        self.done = false;
        Ok(())
    }
}

struct ListVideo {
    paths: Vec<PathBuf>,
    /// How long each is shown, in ns.
    picture_ns: i64,
    info: VideoInfo,
    next: usize,
}

impl VideoSource for ListVideo {
    fn info(&self) -> &VideoInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        let Some(path) = self.paths.get(self.next) else { return Ok(None) };
        let pts_ns = (self.next as i64).saturating_mul(self.picture_ns);
        self.next += 1;
        let picture = decode_path(path)
            .map_err(|e| MediaError::Damaged(format!("{}: {e}", path.file_name().unwrap_or_default().display())))?;
        let (duration_ns, format) = (self.picture_ns, picture.format);
        Ok(Some(VideoFrame { pts_ns, duration_ns, format, picture: Box::new(picture.i420) }))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        let wanted = usize::try_from(target_ns.max(0) / self.picture_ns).unwrap_or(usize::MAX);
        self.next = wanted.min(self.paths.len().saturating_sub(1));
        // What is shown then is the last picture that can be read.
        while self.next > 0 && self.paths.get(self.next).is_some_and(|path| decode_path(path).is_err()) {
            self.next -= 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_formula_also_at_odd_edges() {
        for (width, height) in [(1u32, 1u32), (2, 1), (1, 2), (5, 3), (16, 9)] {
            let pixels = (width * height) as usize;
            let rgba: Vec<u8> = (0..4 * pixels).map(|n| (n * n * 31 + n * 7) as u8).collect();
            let (across, down) = (width.div_ceil(2), height.div_ceil(2));
            let mut i420 = vec![0; pixels + 2 * (across * down) as usize];
            write_i420(&rgba, (width, height), &mut i420);
            let rgb = |x: u32, y: u32| {
                let at = 4 * (y.min(height - 1) * width + x.min(width - 1)) as usize;
                [0, 1, 2].map(|c| f64::from(rgba[at + c]))
            };
            let luma = |[r, g, b]: [f64; 3]| 0.299 * r + 0.587 * g + 0.114 * b;
            let [y_plane, blue, red] = planes(&mut i420, width, height);
            for (n, &is) in y_plane.iter().enumerate() {
                let wanted = luma(rgb(n as u32 % width, n as u32 / width));
                assert!((f64::from(is) - wanted).abs() <= 0.51, "{width}×{height}, luma {n}: {is} for {wanted}");
            }
            for (n, (&blue, &red)) in blue.iter().zip(red.iter()).enumerate() {
                let (x, y) = (2 * (n as u32 % across), 2 * (n as u32 / across));
                let four = [rgb(x, y), rgb(x + 1, y), rgb(x, y + 1), rgb(x + 1, y + 1)];
                let mean = [0, 1, 2].map(|c| four.iter().map(|rgb| rgb[c]).sum::<f64>() / 4.0);
                let wanted =
                    [(mean[2], 1.772), (mean[0], 1.402)].map(|(c, of)| (128.0 + (c - luma(mean)) / of).min(255.0));
                for (is, wanted) in [blue, red].into_iter().zip(wanted) {
                    assert!((f64::from(is) - wanted).abs() <= 1.0, "{width}×{height}, chroma {n}: {is} for {wanted}");
                }
            }
        }
    }
}
