//! Pictures with more colour than 4:2:0, or of green, blue and red, read as 4:2:0.

use super::codec::thin_row;

/// A picture in its decoder's own memory.
pub(crate) trait Planar {
    /// Samples across and down in luma.
    fn size(&self) -> (usize, usize);
    /// Bits of a sample, 8..=16.
    fn depth(&self) -> u32;
    /// Whether a row of chroma is as long as one of luma, and whether there are as many.
    fn wide_and_tall(&self) -> (bool, bool);
    /// Where its planes are green, blue and red: whether these have the full range.
    fn colours(&self) -> Option<bool>;
    /// Row `y` of a plane as it is. What the picture lacks is left as it is.
    fn raw(&self, plane: usize, y: usize, to: &mut [u16]);
}

/// Row `y` of a plane as 4:2:0 has it.
pub(crate) fn thinned(picture: &impl Planar, plane: usize, y: usize, to: &mut [u16]) {
    let (width, height) = picture.size();
    let (wide, tall) = if plane == 0 { (false, false) } else { picture.wide_and_tall() };
    let row = |y: usize| {
        let mut row = vec![0; if wide { width } else { to.len() }];
        match picture.colours() {
            Some(full) => of_colours(picture, full, plane, y, &mut row),
            None => picture.raw(plane, y, &mut row),
        }
        row
    };
    if !wide && !tall {
        return to.copy_from_slice(&row(y));
    }
    let (one, two) = if tall { (row(2 * y), row((2 * y + 1).min(height - 1))) } else { (row(y), row(y)) };
    thin_row([&one, &two], wide, to);
}

/// Row `y` of luma (0) or chroma by BT.601, of the three colours.
fn of_colours(picture: &impl Planar, full: bool, plane: usize, y: usize, to: &mut [u16]) {
    let mut colours = [vec![0; to.len()], vec![0; to.len()], vec![0; to.len()]];
    colours.iter_mut().enumerate().for_each(|(plane, row)| picture.raw(plane, y, row));
    let depth = picture.depth();
    let (middle, most) = ((1 << (depth - 1)) as f32, ((1 << depth) - 1) as f32);
    let stretch = if full { 1.0 } else { 224.0 / 219.0 };
    for (x, to) in to.iter_mut().enumerate() {
        let [green, blue, red] = [0, 1, 2].map(|plane: usize| f32::from(colours[plane][x]));
        let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
        let sample = match plane {
            0 => luma,
            1 => middle + (blue - luma) / 1.772 * stretch,
            _ => middle + (red - luma) / 1.402 * stretch,
        };
        *to = sample.round().clamp(0.0, most) as u16;
    }
}
