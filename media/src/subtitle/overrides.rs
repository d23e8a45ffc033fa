//! What stands in braces within an event of ASS: looks, a place, and what letters are not to be read.

use super::ass::Sheet;
use super::cue::{Fade, Look, Motion, Place};
use super::timed::{CYAN, Syllable, between, mixed};

const MS: i64 = 1_000_000;
/// A colour that nothing shines through.
pub(super) const FULL: u32 = 0xff00_0000;
const WHITE: u32 = 0xffff_ffff;

/// What counts for the letters that follow, and for the whole event; times in ms.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mode {
    /// They are the coordinates of a drawing, in units that are halved so many times, less one; 0: they are letters.
    pub(super) draws: u8,
    /// Their place was said: the first word of it counts for all.
    pub(super) aligned: bool,
    /// How lines end was said.
    pub(super) unbroken: Option<bool>,
    /// How long the event lasts.
    pub(super) lasts_ms: f32,
    /// When it is looked at.
    pub(super) at_ms: f32,
    /// When it changes after that.
    pub(super) next_ms: Option<f32>,
    /// What is said now is said of a change.
    pub(super) changing: bool,
    /// The syllable of the letters that follow, how many there were, and when the next one begins.
    pub(super) syllable: Option<Syllable>,
    pub(super) syllables: u16,
    pub(super) sung_ms: f32,
}

/// Does what a block of overrides says, so much of it: 1 is all.
pub(super) fn overrides(
    block: &str,
    sheet: &Sheet,
    base: &Look,
    look: &mut Look,
    place: &mut Place,
    mode: &mut Mode,
    part: f32,
) {
    let mut rest = block;
    while let Some(at) = rest.find('\\') {
        rest = &rest[at + 1..];
        // What stands in brackets may have overrides of its own: an animation's.
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
        if word == "t" {
            mode.change(arguments, sheet, base, look, place);
        } else if !mode.sing(word) && !placed(word, arguments, sheet, place, mode, part) {
            let before = look.clone();
            looked(word, sheet, base, look, mode);
            if !word.starts_with('r') {
                *look = mixed(&before, std::mem::take(look), part);
            }
        }
    }
}

/// The number behind a name: `Some(None)` where there is none, which stands for the style's.
fn number(word: &str, name: &str) -> Option<Option<f32>> {
    let value = word.strip_prefix(name)?.trim();
    if value.is_empty() { Some(None) } else { value.parse::<f32>().ok().filter(|n| n.is_finite()).map(Some) }
}

/// Does what counts for the whole event. Whether it is such.
fn placed(word: &str, arguments: &str, sheet: &Sheet, place: &mut Place, mode: &mut Mode, part: f32) -> bool {
    let numbers: Vec<f32> = arguments.split(',').map_while(|n| n.trim().parse().ok()).collect();
    let point = |x: f32, y: f32| ((x / sheet.size.0).clamp(-1.0, 2.0), (y / sheet.size.1).clamp(-1.0, 2.0));
    let ms = |n: f32| n as i64 * MS;
    let align = |name: &str| number(word, name).map(|n| n.filter(|n| n.fract() == 0.0).unwrap_or(0.0) as u32);
    match (word, numbers.as_slice()) {
        ("pos" | "move", &[x, y]) if place.at.is_none() => place.at = Some(point(x, y)),
        ("move", &[x, y, to_x, to_y, ref times @ ..]) if place.at.is_none() => {
            let times = match *times {
                [from, to, ..] if from != 0.0 || to != 0.0 => (from.min(to), from.max(to)),
                _ => (0.0, mode.lasts_ms),
            };
            place.at = Some(point(x, y));
            place.motion = Some(Motion { to: point(to_x, to_y), times_ns: (ms(times.0), ms(times.1)) });
        }
        ("fad" | "fade", &[first, last]) if place.fade.is_none() => {
            let times = [0.0, first, mode.lasts_ms - last, mode.lasts_ms];
            place.fade = Some(Fade { levels: [0, 255, 0], times_ns: times.map(ms) });
        }
        ("fad" | "fade", &[a, b, c, ref times @ ..]) if times.len() == 4 && place.fade.is_none() => {
            let level = |alpha: f32| 255 - alpha as u8;
            let times_ns = [times[0], times[1], times[2], times[3]].map(ms);
            place.fade = Some(Fade { levels: [level(a), level(b), level(c)], times_ns });
        }
        ("clip", &[left, top, right, bottom]) => {
            let ((left, top), (right, bottom)) = (point(left, top), point(right, bottom));
            let to = [left.min(right), top.min(bottom), left.max(right), top.max(bottom)];
            let from = place.clip.unwrap_or([0.0, 0.0, 1.0, 1.0]);
            place.clip = Some(std::array::from_fn(|at| between(from[at], to[at], part)));
        }
        ("org", &[x, y]) if place.origin.is_none() => place.origin = Some(point(x, y)),
        ("pos" | "move" | "fad" | "fade" | "clip" | "iclip" | "org", _) => {}
        _ => {
            if let Some(align) = align("an").map(|n| Some(n).filter(|n| *n < 10)).or_else(|| align("a").map(from_old)) {
                let align = align.and_then(|n| u8::try_from(n).ok()).filter(|n| *n > 0 && !mode.aligned);
                place.align = align.unwrap_or(place.align);
                mode.aligned = true;
            } else if let Some(angle) = number(word, "frz").or_else(|| number(word, "fr")) {
                place.angle = between(place.angle, angle.unwrap_or(0.0), part) % 360.0;
            } else if let Some(angle) = number(word, "frx") {
                place.tilt.0 = between(place.tilt.0, angle.unwrap_or(0.0), part) % 360.0;
            } else if let Some(angle) = number(word, "fry") {
                place.tilt.1 = between(place.tilt.1, angle.unwrap_or(0.0), part) % 360.0;
            } else if let Some(by) = number(word, "fax") {
                place.shear.0 = between(place.shear.0, by.unwrap_or(0.0), part).clamp(-10.0, 10.0);
            } else if let Some(by) = number(word, "fay") {
                place.shear.1 = between(place.shear.1, by.unwrap_or(0.0), part).clamp(-10.0, 10.0);
            } else if let Some(how) = number(word, "q") {
                mode.unbroken = how.map(|how| how == 2.0);
            } else {
                return false;
            }
        }
    }
    true
}

/// Does what counts for the letters that follow.
fn looked(word: &str, sheet: &Sheet, base: &Look, look: &mut Look, mode: &mut Mode) {
    let digits = |name: &str| {
        let value = word.strip_prefix(name)?;
        value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse::<u32>().ok())
    };
    let tinted = |name: &str| {
        let value = word.strip_prefix(name)?;
        (value.is_empty() || value.starts_with(['&', 'H', 'h'])).then(|| color(value))
    };
    let alpha = |name: &str| {
        let digits = word.strip_prefix(name)?.trim_matches(['&', 'H', 'h', ' ']);
        Some(u8::from_str_radix(digits.get(digits.len().saturating_sub(2)..)?, 16).ok().map(|alpha| 255 - alpha))
    };
    let number = |name: &str| number(word, name);
    if let Some(weight) = digits("b") {
        look.bold = weight.map_or(base.bold, |n| n == 1 || n >= 600);
    } else if let Some(on) = digits("i") {
        look.italic = on.map_or(base.italic, |n| n != 0);
    } else if let Some(on) = digits("u") {
        look.underline = on.map_or(base.underline, |n| n != 0);
    } else if let Some(on) = digits("s") {
        look.strike = on.map_or(base.strike, |n| n != 0);
    } else if let Some(level) = digits("p") {
        mode.draws = level.map_or(0, |n| n.min(16) as u8);
    } else if let Some(level) = alpha("alpha") {
        look.color = opacity(look.color, level, base.color, WHITE);
        look.edge = opacity(look.edge, level, base.edge, FULL);
        look.shade = opacity(look.shade, level, base.shade, FULL);
        look.second = opacity(look.second, level, base.second, CYAN);
    } else if let Some(level) = alpha("2a") {
        look.second = opacity(look.second, level, base.second, CYAN);
    } else if let Some(level) = alpha("1a") {
        look.color = opacity(look.color, level, base.color, WHITE);
    } else if let Some(level) = alpha("3a") {
        look.edge = opacity(look.edge, level, base.edge, FULL);
    } else if let Some(level) = alpha("4a") {
        look.shade = opacity(look.shade, level, base.shade, FULL);
    } else if let Some(color) = tinted("1c").or_else(|| tinted("c")) {
        look.color = colored(look.color, color, base.color, WHITE);
    } else if let Some(color) = tinted("2c") {
        look.second = colored(look.second, color, base.second, CYAN);
    } else if let Some(color) = tinted("3c") {
        look.edge = colored(look.edge, color, base.edge, FULL);
    } else if let Some(color) = tinted("4c") {
        look.shade = colored(look.shade, color, base.shade, FULL);
    } else if let Some(width) = number("bord").or_else(|| number("xbord")).or_else(|| number("ybord")) {
        look.border = width.map_or(base.border, |width| Some(sheet.length(width)));
    } else if let Some(far) = number("shad").or_else(|| number("xshad")).or_else(|| number("yshad")) {
        look.shadow = far.map_or(base.shadow, |far| sheet.length(far));
    } else if let Some(far) = number("blur") {
        look.blur = far.map_or(0.0, |far| sheet.length(far));
    } else if let Some(times) = number("be") {
        // Each time is a blur of about a pixel.
        look.blur = times.map_or(0.0, |times| sheet.length(times.clamp(0.0, 20.0).sqrt()));
    } else if let Some(wide) = number("fsp") {
        look.spacing = wide.map_or(base.spacing, |wide| (wide / sheet.size.1).clamp(-1.0, 1.0));
    } else if let Some(percent) = number("fscx") {
        let (usual, high) = (base.scale.unwrap_or((1.0, 1.0)).0, look.scale.unwrap_or((1.0, 1.0)).1);
        look.scale = scaled(percent.map_or(usual, |percent| percent / 100.0), high);
    } else if let Some(percent) = number("fscy") {
        let (usual, wide) = (base.scale.unwrap_or((1.0, 1.0)).1, look.scale.unwrap_or((1.0, 1.0)).0);
        look.scale = scaled(wide, percent.map_or(usual, |percent| percent / 100.0));
    } else if let Some(size) = number("fs") {
        // With a sign, so many tenths larger or smaller.
        let signed = word[2..].trim_start().starts_with(['+', '-']);
        let of = look.size.or(base.size).filter(|_| signed);
        look.size = size
            .and_then(|size| of.map(|of| (of * (1.0 + size / 10.0)).clamp(0.001, 1.0)).or_else(|| sheet.line(size)));
        look.size = look.size.or(base.size);
    } else if let Some(name) = word.strip_prefix("fn") {
        look.font = sheet.font(name).or_else(|| base.font.clone());
    } else if let Some(name) = word.strip_prefix('r') {
        let style = sheet.styles.iter().rfind(|style| style.name == name);
        *look = style.map_or(base, |style| &style.look).clone();
    }
}

/// How many times as wide and as high as usual; `None`: as usual, or out of all sense.
pub(super) fn scaled(wide: f32, high: f32) -> Option<(f32, f32)> {
    let sane = |n: f32| (0.01..=20.0).contains(&n);
    Some((wide, high)).filter(|scale| sane(scale.0) && sane(scale.1) && *scale != (1.0, 1.0))
}

/// The colour `old`, or the `plain` one, with so much of it seen; with none said, as much as of the `usual` one.
fn opacity(old: Option<u32>, level: Option<u8>, usual: Option<u32>, plain: u32) -> Option<u32> {
    let level = level.map_or(usual.unwrap_or(FULL) & FULL, |level| u32::from(level) << 24);
    Some(old.or(usual).unwrap_or(plain) & !FULL | level)
}

/// Another colour, of which as much is seen as of `old`; with none said, the `usual` or the `plain` one.
fn colored(old: Option<u32>, color: Option<u32>, usual: Option<u32>, plain: u32) -> Option<u32> {
    Some(color.or(usual).unwrap_or(plain) & !FULL | old.unwrap_or(FULL) & FULL)
}

/// Where the bracket that `text` begins with is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.bytes().position(|b| {
        depth += i32::from(b == b'(') - i32::from(b == b')');
        depth == 0
    })
}

/// `&HAABBGGRR`, of which `AA` is 0 where nothing shines through, or such a number in decimal digits, as `0xAARRGGBB`.
pub(super) fn color(text: &str) -> Option<u32> {
    let digits = text.trim_matches(['&', ' ']);
    let value = match digits.strip_prefix(['H', 'h']) {
        Some(hex) => u32::from_str_radix(hex.get(hex.len().saturating_sub(8)..)?, 16).ok()?,
        None => digits.parse::<i64>().ok()? as u32,
    };
    let [red, green, blue, alpha] = value.to_le_bytes();
    Some(u32::from_be_bytes([255 - alpha, red, green, blue]))
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
