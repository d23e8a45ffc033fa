//! How words look and where they stand, and what of that is within bounds.

/// Where words stand.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Place {
    /// As on a block of digits: 1 to 3 below, 4 to 6 in the middle, 7 to 9 above; left, middle, right.
    pub align: u8,
    /// The point that `align` puts the text at, in parts of the picture's width and height.
    pub at: Option<(f32, f32)>,
    /// What is kept free to the left and to the right, in parts of the width.
    pub sides: (f32, f32),
    /// What is kept free below or above, in parts of the height.
    pub margin: Option<f32>,
    /// What lies over what, and makes room for what.
    pub layer: i32,
    /// How far it is turned about `origin`, in degrees, against the clock.
    pub angle: f32,
    /// How far it is turned about a line across and about one down, in degrees.
    pub tilt: (f32, f32),
    /// How far away from the eye the picture is, as a part of its height.
    pub far: f32,
    /// How far a point goes to the right for each one that it is below the upper edge, and down for each one to the right of the left edge.
    pub shear: (f32, f32),
    /// The point that it is turned about, where it is not the one that `align` refers to.
    pub origin: Option<(f32, f32)>,
    /// Lines end where they are said to end, however long they are.
    pub unbroken: bool,
    /// What lies behind the words.
    pub backdrop: Backdrop,
    /// How they come and go.
    pub fade: Option<Fade>,
    /// Where they go.
    pub motion: Option<Motion>,
    /// All that is seen lies in here: left, top, right, bottom, in parts of the picture's width and height.
    pub clip: Option<[f32; 4]>,
}

/// What lies behind words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Backdrop {
    /// Nothing.
    #[default]
    None,
    /// A box of the edge's colour behind each line, in the place of edges.
    Lines,
    /// A box of the shadow's colour behind all of them.
    Whole,
}

/// Three levels of opacity, 255 for all, and when, in ns after the beginning, the first becomes the second, and the second the third.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fade {
    /// The levels.
    pub levels: [u8; 3],
    /// The times.
    pub times_ns: [i64; 4],
}

/// A movement from `at` to another point, in ns after the beginning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    /// The point.
    pub to: (f32, f32),
    /// When it begins and when it ends.
    pub times_ns: (i64, i64),
}

/// Letters that look alike. Colours are `0xAARRGGBB`, of which `AA` is 0xff where nothing shines through; lengths are parts of the
/// picture's height.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Span {
    /// The letters.
    pub text: String,
    /// Heavier.
    pub bold: bool,
    /// Slanted.
    pub italic: bool,
    /// With a line under it.
    pub underline: bool,
    /// With a line through it.
    pub strike: bool,
    /// The colour of the letters.
    pub color: Option<u32>,
    /// The colour of the edge.
    pub edge: Option<u32>,
    /// The colour of the shadow.
    pub shade: Option<u32>,
    /// The height of a line.
    pub size: Option<f32>,
    /// How wide the edge is.
    pub border: Option<f32>,
    /// How far the shadow lies to the right and below.
    pub shadow: f32,
    /// How far the edge is blurred.
    pub blur: f32,
    /// What is added between two letters.
    pub spacing: f32,
    /// How many times as wide and as high as usual.
    pub scale: Option<(f32, f32)>,
    /// The font's name.
    pub font: Option<String>,
    /// The colour of those that are not sung yet, and which part of the width is sung.
    pub sweep: Option<(u32, f32)>,
}

/// Whether it is a place in or about the picture.
fn is_near(part: f32) -> bool {
    (-1.0..=2.0).contains(&part)
}

impl Span {
    pub(super) fn is_valid(&self) -> bool {
        let scale = |n: f32| (0.01..=20.0).contains(&n);
        self.size.is_none_or(|size| (0.001..=1.0).contains(&size))
            && [self.border.unwrap_or(0.0), self.shadow, self.blur].iter().all(|far| (0.0..=0.2).contains(far))
            && (-1.0..=1.0).contains(&self.spacing)
            && self.sweep.is_none_or(|(_, part)| (0.0..=1.0).contains(&part))
            && self.scale.is_none_or(|(wide, high)| scale(wide) && scale(high))
    }
}

impl Place {
    pub(super) fn is_valid(&self) -> bool {
        let ends = self.at.into_iter().chain(self.motion.map(|motion| motion.to));
        (1..=9).contains(&self.align)
            && ends.into_iter().all(|(x, y)| is_near(x) && is_near(y))
            && is_near(self.sides.0)
            && is_near(self.sides.1)
            && self.margin.is_none_or(is_near)
            && [self.angle, self.tilt.0, self.tilt.1].iter().all(|angle| (-360.0..=360.0).contains(angle))
            && (self.tilt == (0.0, 0.0) || (0.01..=100.0).contains(&self.far))
            && [self.shear.0, self.shear.1].iter().all(|by| (-10.0..=10.0).contains(by))
            && self.origin.is_none_or(|(x, y)| is_near(x) && is_near(y))
            && self.clip.is_none_or(|clip| clip.into_iter().all(is_near))
    }
}
