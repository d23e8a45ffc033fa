//! A picture that is put together of others, laid upon each other on a canvas (`iovl`, ISO/IEC 23008-12, section 6.6.2.2).

use super::items::Items;
use super::planes::Planar;
use super::{CONVERT, alpha, coded, cut, orientation, too_large};
use crate::{ColorMatrix, ColorRange, MAX_SIDE, MediaError, VideoFormat, caps};

/// The canvas as its item describes it.
struct Canvas {
    /// Red, green, blue and alpha of what no layer covers, of 65 535 each.
    fill: [u16; 4],
    size: (u32, u32),
    /// Of each layer, its left and its upper edge.
    places: Vec<(i32, i32)>,
}

impl Canvas {
    /// `None`: it makes no sense.
    fn read(data: &[u8], layers: usize) -> Option<Self> {
        let (head, rest) = data.split_at_checked(10)?;
        let fill = [2, 4, 6, 8].map(|at| u16::from_be_bytes([head[at], head[at + 1]]));
        let wide = head[1] & 1 == 1;
        let number = |at: usize| -> Option<i32> {
            Some(match wide {
                true => i32::from_be_bytes(*rest.get(4 * at..)?.first_chunk()?),
                false => i16::from_be_bytes(*rest.get(2 * at..)?.first_chunk()?).into(),
            })
        };
        // Sizes have no sign, places have one.
        let side = |at: usize| Some(number(at)? as u32 & if wide { u32::MAX } else { 0xffff });
        let places = (0..layers).map(|n| Some((number(2 + 2 * n)?, number(3 + 2 * n)?))).collect::<Option<_>>()?;
        Some(Self { fill, size: (side(0)?, side(1)?), places })
    }
}

/// Puts a picture together of its layers, the lowest one first. Errors: as with any item; a layer is turned, or of other colours than the first.
pub(super) fn put_together(items: &Items, id: u32) -> Result<Planar, MediaError> {
    let refused = |what: &str| MediaError::unsupported(format!("a picture of layers {what}"), CONVERT);
    let layers = items.related(id, b"dimg");
    if layers.is_empty() || layers.len() > caps::LAYERS {
        return Err(MediaError::Broken(format!("a picture of {} layers", layers.len())));
    }
    let canvas = Canvas::read(&items.bytes(id)?, layers.len());
    let Some(Canvas { fill, size: (width, height), places }) =
        canvas.filter(|canvas| canvas.size.0.min(canvas.size.1) > 0)
    else {
        return Err(MediaError::Broken("a picture of layers without a canvas".into()));
    };
    if width.max(height) > MAX_SIDE || u64::from(width) * u64::from(height) > caps::PIXELS.into() {
        return Err(too_large(width, height));
    }
    let mut whole: Option<Planar> = None;
    for (&layer, place) in layers.iter().zip(places) {
        if items.kind(layer)? == *b"iovl" {
            return Err(refused("that are of layers themselves"));
        }
        if !orientation(items, layer).is_upright() {
            return Err(refused("that are turned"));
        }
        let alpha = alpha(items, layer).map(|alpha| coded(items, alpha, None)).transpose()?;
        let picture = coded(items, layer, None)?;
        let cut = |picture| cut(items, layer, picture);
        let (picture, alpha) = (cut(picture)?, alpha.map(cut).transpose()?);
        let whole = whole.get_or_insert_with(|| {
            let format = VideoFormat { width, height, ..picture.format };
            filled(Planar { light: picture.light, ..Planar::black(format) }, fill)
        });
        if (picture.format.range, picture.format.matrix) != (whole.format.range, whole.format.matrix) {
            return Err(refused("of different colours"));
        }
        whole.lay(&picture, alpha.as_ref(), place);
    }
    whole.ok_or_else(|| refused("without any"))
}

/// A canvas of one colour, over black.
fn filled(mut canvas: Planar, [red, green, blue, alpha]: [u16; 4]) -> Planar {
    let [r, g, b] = [red, green, blue].map(|part| f64::from(part) / 65_535.0 * f64::from(alpha) / 65_535.0);
    let (of_red, of_blue) = match canvas.format.matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (0.2126, 0.0722),
        ColorMatrix::Bt2020 => (0.2627, 0.0593),
    };
    let luma = of_red * r + (1.0 - of_red - of_blue) * g + of_blue * b;
    let chroma = [(b - luma) / (1.0 - of_blue), (r - luma) / (1.0 - of_red)];
    let (low, span, across) =
        if canvas.format.range == ColorRange::Full { (0.0, 255.0, 255.0) } else { (16.0, 219.0, 224.0) };
    let (lumas, chromas) = canvas.i420.split_at_mut((canvas.format.width * canvas.format.height) as usize);
    lumas.fill((low + span * luma).round() as u8);
    let half = chromas.len() / 2;
    for (plane, chroma) in chromas.chunks_exact_mut(half.max(1)).zip(chroma) {
        plane.fill((128.0 + across * chroma / 2.0).round().clamp(0.0, 255.0) as u8);
    }
    canvas
}
