//! What stands in braces within an event of ASS: looks, a place, and what letters are not to be read.

use super::ass::Sheet;
use super::cue::{Look, Place};

/// What the letters that follow are, if they are none to be read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mode {
    /// The coordinates of a drawing.
    draws: bool,
    /// Quite transparent, for as long as they are on.
    hidden: bool,
    /// Their place was said: the first word of it counts for all.
    aligned: bool,
}

impl Mode {
    pub(super) const fn is_read(self) -> bool {
        !self.draws && !self.hidden
    }
}

/// Does what a block of overrides says.
pub(super) fn overrides(block: &str, sheet: &Sheet, base: &Look, look: &mut Look, place: &mut Place, mode: &mut Mode) {
    let mut rest = block;
    while let Some(at) = rest.find('\\') {
        rest = &rest[at + 1..];
        // What stands in brackets may have overrides of its own, which are for later: an animation's.
        let end = rest.find(['\\', '(']).unwrap_or(rest.len());
        let (word, arguments) = if rest[end..].starts_with('(') {
            let close = closing(&rest[end..]).map_or(rest.len(), |close| end + close);
            let inner = &rest[end + 1..close.max(end + 1)];
            let word = &rest[..end];
            rest = &rest[close..];
            (word, inner)
        } else {
            let word = &rest[..end];
            rest = &rest[end..];
            (word, "")
        };
        let word = word.trim();
        let digits = |name: &str| {
            let value = word.strip_prefix(name)?;
            value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse::<u32>().ok())
        };
        let colored = |name: &str| {
            let value = word.strip_prefix(name)?;
            (value.is_empty() || value.starts_with(['&', 'H', 'h'])).then(|| color(value))
        };
        if word == "pos" || word == "move" {
            let numbers: Vec<f32> = arguments.split(',').filter_map(|n| n.trim().parse().ok()).collect();
            let moved = if word == "move" { sheet.moved(&numbers) } else { None };
            if let Some((x, y)) = moved.or_else(|| Some((*numbers.first()?, *numbers.get(1)?))) {
                place.at.get_or_insert(((x / sheet.size.0).clamp(-1.0, 2.0), (y / sheet.size.1).clamp(-1.0, 2.0)));
            }
        } else if let Some(align) =
            digits("an").map(|n| n.filter(|n| *n < 10)).or_else(|| digits("a").map(|n| n.and_then(from_old)))
        {
            let align = align.and_then(|n| u8::try_from(n).ok()).filter(|n| *n > 0 && !mode.aligned);
            place.align = align.unwrap_or(place.align);
            mode.aligned = true;
        } else if let Some(weight) = digits("b") {
            look.bold = weight.map_or(base.bold, |n| n == 1 || n >= 600);
        } else if let Some(on) = digits("i") {
            look.italic = on.map_or(base.italic, |n| n != 0);
        } else if let Some(on) = digits("u") {
            look.underline = on.map_or(base.underline, |n| n != 0);
        } else if let Some(on) = digits("s") {
            look.strike = on.map_or(base.strike, |n| n != 0);
        } else if let Some(level) = digits("p") {
            mode.draws = level.is_some_and(|n| n > 0);
        } else if let Some(value) = word.strip_prefix("alpha") {
            let digits = value.trim_matches(['&', 'H', 'h', ' ']);
            mode.hidden = u8::from_str_radix(digits, 16).is_ok_and(|alpha| alpha == 0xff);
        } else if word == "t" && arguments.contains("alpha") {
            // They come into sight.
            mode.hidden = false;
        } else if let Some(color) = colored("1c").or_else(|| colored("c")) {
            look.color = color.or(base.color);
        } else if let Some(color) = colored("3c") {
            look.edge = color.or(base.edge);
        } else if let Some((value, size)) =
            word.strip_prefix("fs").and_then(|n| Some((n, n.trim().parse::<f32>().ok()?)))
        {
            // With a sign, so many tenths larger or smaller.
            let of = look.size.or(base.size).filter(|_| value.starts_with(['+', '-']));
            look.size =
                of.map(|of| (of * (1.0 + size / 10.0)).clamp(0.001, 1.0)).or_else(|| sheet.line(size)).or(base.size);
        } else if word == "fs" {
            look.size = base.size;
        } else if let Some(name) = word.strip_prefix('r') {
            let style = sheet.styles.iter().rfind(|style| style.name == name);
            *look = style.map_or(base, |style| &style.look).clone();
            mode.hidden = false;
        }
    }
}

/// Where the bracket that `text` begins with is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.bytes().position(|b| {
        depth += i32::from(b == b'(') - i32::from(b == b')');
        depth == 0
    })
}

/// `&HAABBGGRR`, or such a number in decimal digits, as `0xRRGGBB`.
pub(super) fn color(text: &str) -> Option<u32> {
    let digits = text.trim_matches(['&', ' ']);
    let value = match digits.strip_prefix(['H', 'h']) {
        Some(hex) => u32::from_str_radix(hex.get(hex.len().saturating_sub(8)..)?, 16).ok()?,
        None => digits.parse::<i64>().ok()? as u32,
    };
    let [red, green, blue, _] = value.to_le_bytes();
    Some(u32::from_be_bytes([0, red, green, blue]))
}

/// From SSA's numbers of places.
pub(super) const fn from_old(align: u32) -> Option<u32> {
    match align {
        1..=3 => Some(align),
        5..=7 => Some(align + 2),
        9..=11 => Some(align - 5),
        _ => None,
    }
}
