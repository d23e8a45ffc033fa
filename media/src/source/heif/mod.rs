//! HEIF: pictures coded as films code theirs, AVIF by AV1 and HEIC, as telephones take them, by HEVC. The file lists items: pictures, tiles of which
//! one is put together, alpha; and properties: how they are cut, turned and mirrored, and what their colours mean.

mod items;
mod overlay;
mod planes;

use super::icc;
use crate::container::{CodecId, Colour, VideoTrack, fourcc};
use crate::video::still;
use crate::{ColorRange, Light, MAX_SIDE, MediaError, MediaFile, Orientation, VideoFormat, caps};
use items::Items;
use planes::Planar;

/// What to do about a picture that is not supported.
const CONVERT: &str = "FFmpeg may convert it: ffmpeg -nostdin -i IN OUT.png";
/// What to do about one that is too large.
const SMALLER: &str = "a smaller one plays: ffmpeg -nostdin -i IN -vf scale=8192:-1 OUT.png";
/// What says that an item is the alpha of another one.
const ALPHA: [&[u8]; 2] = [b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1"];
/// The properties that are carried out, or that change nothing.
const KNOWN: [&[u8; 4]; 17] = [
    b"av1C", b"hvcC", b"avcC", b"jpgC", b"ispe", b"pixi", b"colr", b"pasp", b"clap", b"irot", b"imir", b"auxC",
    b"clli", b"mdcv", b"a1op", b"a1lx", b"lsel",
];

/// What a file that begins so is called, if it is one of these.
pub(super) fn name(head: &[u8]) -> Option<&'static str> {
    let brands = head.get(8..).filter(|_| head.get(4..8) == Some(b"ftyp"))?;
    Some(match brands.first_chunk()? {
        b"avif" => "AVIF",
        b"heic" | b"heix" | b"heim" | b"heis" => "HEIC",
        b"mif1" | b"mif2" if brands.as_chunks::<4>().0.contains(b"avif") => "AVIF",
        b"mif1" | b"mif2" => "HEIF",
        _ => return None,
    })
}

/// Decodes the picture that a file is about, and says what light its samples stood for, and what is not as the file has it. It is turned as its properties say; what a camera
/// wrote of that in Exif is for those that rewrite the file (ISO/IEC 23008-12, A.2). Errors: it is of a kind that nothing here decodes,
/// broken, or too large.
pub(super) fn decode(file: &MediaFile) -> Result<(VideoFormat, Light, Vec<u8>, Option<String>), MediaError> {
    let items = Items::read(file)?;
    let id = items.primary;
    let (mut picture, mut notice) = (coded(&items, id, None)?, None);
    if let Some(aux) = alpha(&items, id) {
        // Where alpha is in the colours already, they are as they are over black.
        if !items.related(id, b"prem").contains(&aux) {
            match coded(&items, aux, None) {
                Ok(alpha) => picture.over_black(&alpha),
                // Encoders write it as HEVC of 4:0:0.
                Err(MediaError::Unsupported { what, .. }) => {
                    notice = Some(format!("it is shown without its transparency, since {what} is not supported"));
                }
                Err(error) => return Err(error),
            }
        }
    }
    let mut picture = cut(&items, id, picture)?;
    picture.format.orientation = orientation(&items, id);
    if let Some(Some((across, down))) = items.property(id, b"pasp").map(pair) {
        picture.format.sar = if across > 0 && down > 0 { (across, down) } else { (1, 1) };
    }
    Ok((picture.format, picture.light, picture.i420, notice))
}

/// The item that is the alpha of another one.
fn alpha(items: &Items, id: u32) -> Option<u32> {
    let name = |aux: u32| items.property(aux, b"auxC")?.get(4..)?.split(|&byte| byte == 0).next();
    items.related_to(id, b"auxl").find(|aux| name(*aux).is_some_and(|name| ALPHA.contains(&name)))
}

/// How an item is turned and mirrored, in the order in which that is said.
fn orientation(items: &Items, id: u32) -> Orientation {
    items.properties(id).fold(Orientation::default(), |so_far, (kind, body, _)| match (&kind, body) {
        // In quarters against the clock.
        (b"irot", [turns, ..]) => so_far.turned(-i32::from(turns & 3)),
        // Left and right, or top and bottom.
        (b"imir", [axis, ..]) => so_far.turned(if axis & 1 == 1 { 0 } else { 2 }).mirrored(),
        _ => so_far,
    })
}

/// The two numbers that a property begins with.
fn pair(body: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u32::from_be_bytes(*body.get(at..)?.first_chunk()?));
    Some((number(0)?, number(4)?))
}

/// An item as it is coded, of the colours that it says, or else of those of the picture that it is a tile of.
fn coded(items: &Items, id: u32, around: Option<Colour>) -> Result<Planar, MediaError> {
    if let Some((kind, ..)) = items.properties(id).find(|(kind, _, essential)| *essential && !KNOWN.contains(&kind)) {
        return Err(MediaError::unsupported(format!("a picture with `{}`", kind.escape_ascii()), CONVERT));
    }
    let colour = colour(items, id).or(around);
    let config = |kind: &[u8; 4]| items.property(id, kind).unwrap_or_default().to_vec();
    let (codec, config) = match &items.kind(id)? {
        b"grid" if around.is_none() => return grid(items, id, colour.unwrap_or_default()),
        b"iovl" if around.is_none() => return overlay::put_together(items, id),
        b"av01" => (CodecId::Av1, Vec::new()),
        b"hvc1" | b"hev1" => (CodecId::Hevc, config(b"hvcC")),
        b"avc1" => (CodecId::H264, config(b"avcC")),
        b"jpeg" => (CodecId::Mjpeg, Vec::new()),
        other => return Err(MediaError::unsupported(format!("a picture of {}", fourcc(other)), CONVERT)),
    };
    let track = VideoTrack { colour: colour.unwrap_or_default(), ..VideoTrack::new(codec, config) };
    let (format, light, i420) = still(&track, items.bytes(id)?)?;
    let picture = Planar { format, light, i420 };
    // What a codec adds to come to whole blocks is not shown.
    match items.property(id, b"ispe").and_then(|body| pair(body.get(4..)?)) {
        Some((width, height)) if width > 0 && height > 0 && (width < format.width || height < format.height) => {
            Ok(picture.cut((0, 0), (width.min(format.width), height.min(format.height))))
        }
        _ => Ok(picture),
    }
}

/// Puts a picture together: rows and columns of tiles of one size, of which the last ones may reach beyond the picture.
fn grid(items: &Items, id: u32, colour: Colour) -> Result<Planar, MediaError> {
    let broken = |why: &str| MediaError::Broken(format!("a picture of tiles {why}"));
    let layout = items.bytes(id)?;
    let &[_, flags, rows, columns, ref size @ ..] = layout.as_slice() else { return Err(broken("without a layout")) };
    let side = |at: usize| match flags & 1 {
        0 => Some(u32::from(u16::from_be_bytes(*size.get(2 * at..)?.first_chunk()?))),
        _ => Some(u32::from_be_bytes(*size.get(4 * at..)?.first_chunk()?)),
    };
    let (rows, columns) = (u32::from(rows) + 1, u32::from(columns) + 1);
    let (Some(width), Some(height)) = (side(0), side(1)) else { return Err(broken("without a size")) };
    let tiles = items.related(id, b"dimg");
    let pixels = u64::from(width) * u64::from(height);
    if width.max(height) > MAX_SIDE || pixels > caps::PIXELS.into() {
        return Err(too_large(width, height));
    }
    if pixels == 0 {
        return Err(broken("of no size"));
    }
    if tiles.len() as u64 != u64::from(rows * columns) || tiles.len() > caps::ITEMS {
        return Err(broken("that lacks some"));
    }
    let mut whole: Option<(Planar, (u32, u32))> = None;
    for (number, tile) in (0..).zip(tiles) {
        let tile = coded(items, *tile, Some(colour))?;
        let (whole, (across, down)) = whole.get_or_insert_with(|| {
            let format = VideoFormat { width, height, ..tile.format };
            (Planar { light: tile.light, ..Planar::black(format) }, (tile.format.width, tile.format.height))
        });
        let covers = |tile: u32, count: u32, side: u32| {
            u64::from(tile) * u64::from(count) >= side.into() && (count == 1 || tile.is_multiple_of(2))
        };
        if (tile.format.width, tile.format.height) != (*across, *down)
            || !covers(*across, columns, width)
            || !covers(*down, rows, height)
        {
            return Err(broken("that do not fit together"));
        }
        let place = (number % columns * *across, number / columns * *down);
        if place.0 < width && place.1 < height {
            whole.put(&tile, place);
        }
    }
    whole.map(|(whole, _)| whole).ok_or_else(|| broken("without any"))
}

/// Says how large a picture may be.
fn too_large(width: u32, height: u32) -> MediaError {
    let most = caps::PIXELS / 1_000_000;
    let what = format!("a picture of {width}×{height} (more than {MAX_SIDE} on a side, or {most} million pixels)");
    MediaError::unsupported(what, SMALLER)
}

/// The part that is shown.
fn cut(items: &Items, id: u32, picture: Planar) -> Result<Planar, MediaError> {
    let Some(body) = items.property(id, b"clap") else { return Ok(picture) };
    let number = |at: usize| Some(u32::from_be_bytes(*body.get(4 * at..)?.first_chunk()?));
    // Numerators may be negative; a denominator of 0 makes no sense.
    let ratio = |at: usize| {
        let (num, den) = (number(at)? as i32, number(at + 1)?);
        (den > 0).then(|| f64::from(num) / f64::from(den))
    };
    let part = |side: u32, len: usize, offset: usize| {
        let len = ratio(len)?.round();
        let start = (ratio(offset)? + (f64::from(side) - len) / 2.0).round();
        (len >= 1.0 && start >= 0.0 && start + len <= f64::from(side)).then_some((start as u32, len as u32))
    };
    let across = part(picture.format.width, 0, 4);
    let down = part(picture.format.height, 2, 6);
    let (Some((left, width)), Some((top, height))) = (across, down) else {
        return Err(MediaError::Broken("a part of a picture that is not in it".into()));
    };
    Ok(picture.cut((left, top), (width, height)))
}

/// What an item says of its colours: by codes, and by the profile of a screen or a camera, of which only the colours count.
fn colour(items: &Items, id: u32) -> Option<Colour> {
    let told = || items.properties(id).filter(|(kind, ..)| kind == b"colr").map(|(_, body, _)| body);
    let codes = told().find_map(codes);
    let profile = told().find_map(|body| body.strip_prefix(b"prof").or_else(|| body.strip_prefix(b"rICC")));
    match profile.and_then(icc::primaries) {
        None => codes,
        primaries => Some(Colour { primaries, ..codes.unwrap_or_default() }),
    }
}

fn codes(body: &[u8]) -> Option<Colour> {
    let codes = body.strip_prefix(b"nclx")?;
    let code = |at: usize| Some(u32::from(u16::from_be_bytes(*codes.get(at..)?.first_chunk()?)));
    let range = if codes.get(6)? >> 7 == 1 { ColorRange::Full } else { ColorRange::Limited };
    Some(Colour { range: Some(range), ..Colour::coded(code(0)?, code(2)?, code(4)?) })
}
