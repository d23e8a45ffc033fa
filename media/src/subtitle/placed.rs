//! Where pictures of subtitles lie on a film of which the disc's black bars were cut off. They refer to the disc's whole frame. What lay
//! in a bar is moved into the film, and nothing is squeezed.
//!
//! How high the whole frame would be beside the film is a guess by the film's form:
//! * Pixels that are not square are the disc's own, if the frame then has the form of a screen, 16:9 or 4:3.
//! * Square pixels are scaled ones. A film of the form of a screen, or of the frame itself, is whole. A wider one was cut from 16:9.
//! * A film that is higher than 16:9 has the disc's pixels, whose form nobody wrote down.

use std::sync::Arc;

use super::cue::{Bitmap, Body};
use crate::VideoFormat;

/// How far two lengths may be apart, in parts of them, and still be the same: borders of a few pixels are cut off everywhere.
const SAME: f64 = 0.03;
/// The forms of screens.
const FORMS: [f64; 2] = [16.0 / 9.0, 4.0 / 3.0];

/// How many of the frame's rows are seen where the film is; `None`: all.
fn rows(film: &VideoFormat, (width, height): (u32, u32)) -> Option<u32> {
    let near = |a: f64, b: f64| (a / b - 1.0).abs() < SAME;
    let (across, down) = (f64::from(film.width), f64::from(film.height));
    let (sar, own) = (f64::from(film.sar.0) / f64::from(film.sar.1), f64::from(height) * across / f64::from(width));
    let frame = if film.sar.0 != film.sar.1 {
        FORMS.iter().any(|form| near(across * sar / own, *form)).then_some(own)?
    } else if FORMS.iter().map(|form| across / form).any(|whole| near(down, whole)) {
        return None;
    } else if down < across / FORMS[0] {
        across / FORMS[0]
    } else {
        own
    };
    let cut = down < frame && !near(down, frame) && film.orientation.is_upright();
    cut.then(|| (f64::from(height) * down / frame).round() as u32).filter(|rows| *rows > 0)
}

/// The body as it lies on `film`. A picture that is higher than the film stays where it is, and is squeezed.
pub(super) fn placed(body: Body, film: &VideoFormat) -> Body {
    let Body::Picture(picture) = &body else { return body };
    let Some(rows) = rows(film, picture.within) else { return body };
    // Discs have pictures as large as the frame, with little in them.
    let width = picture.width.max(1) as usize;
    let seen =
        |row: &[u8]| row.iter().any(|index| picture.palette.get(usize::from(*index)).is_some_and(|c| c >> 24 > 0));
    let lines = || picture.indices.chunks_exact(width);
    let Some(first) = lines().position(seen) else { return body };
    let height = lines().rposition(seen).map_or(1, |last| last - first + 1);
    if height > rows as usize {
        return body;
    }
    let above = (picture.within.1 - rows) / 2;
    Body::Picture(Arc::new(Bitmap {
        within: (picture.within.0, rows),
        y: (picture.y + first as u32).saturating_sub(above).min(rows - height as u32),
        height: height as u32,
        indices: picture.indices[first * width..(first + height) * width].to_vec(),
        palette: picture.palette.clone(),
        ..**picture
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_that_was_cut_is_told_from_one_that_was_scaled() {
        let disc = (720, 576);
        for (width, height, sar, wanted) in [
            // As it was; scaled to the form of a screen, also with some pixels less.
            (720, 576, (64, 45), None),
            (720, 576, (1, 1), None),
            (1024, 576, (1, 1), None),
            (720, 400, (1, 1), None),
            (640, 480, (1, 1), None),
            (1920, 1072, (1, 1), None),
            // Cut: with the disc's pixels, and scaled.
            (720, 432, (64, 45), Some(432)),
            (704, 428, (16, 11), Some(438)),
            (720, 432, (1, 1), Some(432)),
            (720, 304, (1, 1), Some(432)),
            (1920, 800, (1, 1), Some(427)),
            // Of another standard than the disc.
            (720, 480, (8, 9), None),
        ] {
            let film = VideoFormat { sar, ..VideoFormat::untagged(width, height) };
            assert_eq!(rows(&film, disc), wanted, "{width}×{height} {sar:?}");
        }
        let film = VideoFormat::untagged(1920, 800);
        assert_eq!(rows(&film, (1920, 1080)), Some(800));
        assert_eq!(rows(&VideoFormat { orientation: crate::Orientation::of_exif(6), ..film }, (1920, 1080)), None);
    }

    #[test]
    fn pictures_are_moved_into_the_film_in_their_own_size() {
        let film = VideoFormat { sar: (64, 45), ..VideoFormat::untagged(720, 432) };
        let palette = [vec![0, 0xffff_ffff], vec![0; 254]].concat();
        let picture = |y: u32, height: u32, indices: Vec<u8>| {
            let (within, palette) = ((720, 576), palette.clone());
            let body = Body::Picture(Arc::new(Bitmap { within, x: 5, y, width: 2, height, palette, indices }));
            let Body::Picture(placed) = placed(body, &film) else { panic!("a picture") };
            (placed.within, placed.x, placed.y, placed.height, placed.indices.clone())
        };
        let all = (720, 432);
        // In the film; in the lower bar; across the edge of the upper one.
        assert_eq!(picture(300, 2, vec![1; 4]), (all, 5, 228, 2, vec![1; 4]));
        assert_eq!(picture(550, 2, vec![1; 4]), (all, 5, 430, 2, vec![1; 4]));
        assert_eq!(picture(71, 2, vec![1; 4]), (all, 5, 0, 2, vec![1; 4]));
        // As large as the frame, with two rows to be seen.
        let mut points = vec![0; 2 * 576];
        points[2 * 500 + 1] = 1;
        points[2 * 501] = 1;
        assert_eq!(picture(0, 576, points), (all, 5, 428, 2, vec![0, 1, 1, 0]));
        // Higher than the film.
        assert_eq!(picture(0, 576, vec![1; 2 * 576]).0, (720, 576));
    }
}
