//! Pictures by the `image` crate, and those of HEIF (AVIF, HEIC): stills, animations (GIF, APNG, WebP), and lists of pictures.
//!
//! A still, and each picture of a list, is shown as long as the user wants: for 5 seconds, if nothing else was said. An animation keeps its own delays, except that one of 10 ms or less means 100 ms, as in browsers.
//!
//! Pictures become full-range BT.601, which is what JPEG is and loses least. Alpha is blended over black, and what EXIF
//! says of orientation is carried out here.

mod animation;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::{Light, MAX_SIDE, caps};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbaImage};
use yuv::{BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix};

use animation::{AnimatedVideo, Animation};

use super::{heif, icc};
use crate::container::Colour;
use crate::guard::guarded;
use crate::hint::named;
use crate::video::{Samples, Screen};
use crate::{
    About, ColorMatrix, ColorRange, Media, MediaError, MediaFile, MediaReader, NS, Rotation, VideoFormat, VideoFrame,
    VideoInfo, VideoSource,
};

/// How long a picture is shown that does not move, unless the user wants something else.
pub const PICTURE_NS: i64 = 5 * NS;

/// A decoded picture as I420, and what light its samples stood for before.
struct Decoded {
    format: VideoFormat,
    light: Light,
    i420: Vec<u8>,
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
    Ok(still(codec, picture, picture_ns))
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
    media(Box::new(StillVideo { info, i420: picture.i420, picture_ns, done: false }))
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
        return heif::decode(file).map(|(format, light, i420)| Decoded { format, light, i420 });
    }
    let (kind, reader) = identify(file)?;
    let mut reader = ImageReader::with_format(reader, kind);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(error)?;
    let (orientation, profile) = (decoder.orientation(), decoder.icc_profile());
    let mut picture = DynamicImage::from_decoder(decoder).map_err(error)?;
    if let Ok(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    let picture = to_i420(picture.into_rgba8())?;
    let primaries = profile.ok().flatten().and_then(|profile| icc::primaries(&profile));
    Ok(if primaries.is_some() { shown(picture, &Colour { primaries, ..Colour::default() }) } else { picture })
}

/// A picture of such colours as an ordinary screen shows it.
fn shown(picture: Decoded, colour: &Colour) -> Decoded {
    let light = Screen::light(&picture.format, colour);
    let (format, mut shown) = Screen::default().show(picture.format, colour, Samples::Bytes(Box::new(picture.i420)));
    let mut i420 = vec![0; format.i420_len()];
    shown.write_i420(&mut i420);
    Decoded { format, light, i420 }
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
        rotation: Rotation::None,
    };
    let mut i420 = vec![0; format.i420_len()];
    let chroma_width = width.div_ceil(2);
    let (y, chroma) = i420.split_at_mut(width as usize * height as usize);
    let half = chroma.len() / 2;
    let (u, v) = chroma.split_at_mut(half);
    let mut planes = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: width,
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: chroma_width,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: chroma_width,
        width,
        height,
    };
    let (range, matrix) = (YuvRange::Full, YuvStandardMatrix::Bt601);
    yuv::rgba_to_yuv420(&mut planes, picture.as_raw(), width * 4, range, matrix, YuvConversionMode::Balanced)
        .map_err(|e| MediaError::Broken(e.to_string()))?;
    Ok(Decoded { format, light: Light::default(), i420 })
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
