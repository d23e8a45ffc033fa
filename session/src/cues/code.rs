//! A page's description as bytes: numbers with the lowest byte first, what there may be behind a byte that says whether it is there, lists
//! behind their count. It is read like everything that a peer wrote: whatever is no such description gives `None`.

use super::{Backdrop, Body, Cue, Fade, Motion, Page, Place, Span};

/// What can be written so.
pub(super) trait Coded: Sized {
    fn put(&self, out: &mut Vec<u8>);
    /// Takes it from the beginning of `from`.
    fn take(from: &mut &[u8]) -> Option<Self>;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Coded for $number {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                let (bytes, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(Self::from_le_bytes(*bytes))
            }
        }
    )*};
}

macro_rules! fields {
    ($name:ident { $($field:ident),* }) => {
        impl Coded for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)*
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: Coded::take(from)?),* })
            }
        }
    };
}

numbers!(u8, u32, i32, i64, f32);
fields!(Page { start_ns, cues });
fields!(Cue { start_ns, end_ns, body });
fields!(Place {
    align,
    at,
    sides,
    margin,
    layer,
    angle,
    tilt,
    far,
    shear,
    origin,
    unbroken,
    backdrop,
    fade,
    motion,
    clip
});
fields!(Fade { levels, times_ns });
fields!(Motion { to, times_ns });
fields!(Span {
    text,
    bold,
    italic,
    underline,
    strike,
    color,
    edge,
    shade,
    size,
    border,
    shadow,
    blur,
    spacing,
    scale,
    font,
    sweep
});

impl Coded for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<T: Coded> Coded for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        if bool::take(from)? { T::take(from).map(Some) } else { Some(None) }
    }
}

impl<A: Coded, B: Coded> Coded for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}

impl<T: Coded + Copy + Default, const N: usize> Coded for [T; N] {
    fn put(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|value| value.put(out));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let mut values = [T::default(); N];
        for value in &mut values {
            *value = T::take(from)?;
        }
        Some(values)
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u32).put(out);
        self.iter().for_each(|value| value.put(out));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        // Each takes a byte at least, so there are no more than there are bytes.
        let count = u32::take(from)?;
        let mut values = Self::new();
        for _ in 0..count {
            values.push(T::take(from)?);
        }
        Some(values)
    }
}

impl Coded for String {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u32).put(out);
        out.extend_from_slice(self.as_bytes());
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let len = u32::take(from)? as usize;
        let (text, rest) = from.split_at_checked(len)?;
        *from = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }
}

impl Coded for Backdrop {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        [Self::None, Self::Lines, Self::Whole].into_iter().nth(u8::take(from)?.into())
    }
}

impl Coded for Body {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text { spans, place } => {
                out.push(0);
                spans.put(out);
                place.put(out);
            }
            Self::Shape { outlines, look, place } => {
                out.push(1);
                outlines.put(out);
                look.put(out);
                place.put(out);
            }
            // Its points lie behind the description.
            Self::Picture { within, x, y, width, height, palette, indices: _ } => {
                out.push(2);
                within.put(out);
                [*x, *y, *width, *height].put(out);
                palette.put(out);
            }
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(Self::Text { spans: Coded::take(from)?, place: Coded::take(from)? }),
            1 => Some(Self::Shape {
                outlines: Coded::take(from)?,
                look: Box::new(Coded::take(from)?),
                place: Coded::take(from)?,
            }),
            2 => {
                let within = Coded::take(from)?;
                let [x, y, width, height] = Coded::take(from)?;
                let (palette, indices) = (Coded::take(from)?, Vec::new());
                Some(Self::Picture { within, x, y, width, height, palette, indices })
            }
            _ => None,
        }
    }
}
