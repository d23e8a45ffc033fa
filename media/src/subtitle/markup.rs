//! Tags in angle brackets, as SubRip and WebVTT have them: how letters look.

use encoding_rs::WINDOWS_1252;

use super::ass::Sheet;
use super::cue::{Look, Place, Writer};
use super::overrides::{self, FULL};
use super::styles::Styles;

/// Which tags there are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tags<'a> {
    /// SubRip's: b, i, u, s, font, and others of web pages; and ASS's in braces and with backslashes, which people put there.
    Srt,
    /// WebVTT's: b, i, u, c, v, lang, ruby; times. What they look like these styles say.
    Vtt(&'a Styles),
}

/// Tags within tags.
const DEEPEST: usize = 64;
/// The longest tag that is looked at, in bytes.
const LONGEST: usize = 512;

/// Writes `text` without its tags. What tags say of the place goes into `place`.
pub(super) fn write(text: &str, tags: Tags<'_>, place: &mut Place, out: &mut Writer) {
    let mut stack: Vec<(String, Look)> = Vec::new();
    let srt = matches!(tags, Tags::Srt);
    let (mut look, mut mode) = (Look::default(), overrides::Mode::default());
    if let Tags::Vtt(styles) = tags {
        styles.apply("", std::iter::empty(), &mut look);
    }
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&', '{', '\\', '[']) {
        out.push(&rest[..at], &look);
        if out.is_full() {
            return;
        }
        rest = &rest[at..];
        let taken = match rest.as_bytes()[0] {
            b'<' if srt && is_break(rest) => {
                out.push("\n", &look);
                rest.find('>').map(|end| end + 1)
            }
            b'[' => rest.get(..4).filter(|br| srt && br.eq_ignore_ascii_case("[br]")).map(|br| {
                out.push("\n", &look);
                br.len()
            }),
            b'<' => tag(rest, tags, &mut look, &mut stack),
            b'\\' => {
                let letter = [("\\N", "\n"), ("\\h", "\u{a0}")].into_iter().find(|(name, _)| rest.starts_with(name));
                letter.filter(|_| srt).map(|(name, letter)| {
                    out.push(letter, &look);
                    name.len()
                })
            }
            b'&' => entity(rest).map(|(letter, len)| {
                out.push(letter.encode_utf8(&mut [0; 4]), &look);
                len
            }),
            _ if srt && is_microdvd(rest) => rest.find('}').map(|end| end + 1),
            _ if srt && rest.starts_with("{\\") => rest.find('}').map(|end| {
                let (sheet, base) = (Sheet::default(), Look::default());
                overrides::overrides(&rest[1..end], &sheet, &base, &mut look, place, &mut mode, 1.0);
                end + 1
            }),
            _ => None,
        };
        let len = taken.unwrap_or_else(|| {
            out.push(&rest[..1], &look);
            1
        });
        rest = &rest[len..];
    }
    out.push(rest, &look);
}

/// Tags of SubRip that say how letters look, and others that programs leave there. Any other word in brackets is meant to be read.
const SHOWN: [&str; 5] = ["b", "i", "u", "s", "font"];
const HIDDEN: [&str; 19] = [
    "p", "span", "div", "em", "strong", "strike", "center", "c", "v", "lang", "ruby", "rt", "a", "img", "del", "ins",
    "big", "small", "sup",
];

fn is_tag(name: &str) -> bool {
    SHOWN.contains(&name) || HIDDEN.contains(&name)
}

/// Whether a tag is closed further on.
fn closes(text: &str, inner: &str) -> bool {
    let name = inner.split([' ', '=']).next().unwrap_or_default();
    // As far as a cue's words go.
    let text = &text[..text.floor_char_boundary(crate::caps::CUE_TEXT)];
    text.match_indices("</").take(DEEPEST).any(|(at, _)| {
        text.get(at + 2..at + 2 + name.len()).is_some_and(|other| other.eq_ignore_ascii_case(name))
            && text[at + 2 + name.len()..].trim_start().starts_with('>')
    })
}

/// Whether `text` begins with a style of MicroDVD, as conversions leave them.
fn is_microdvd(text: &str) -> bool {
    matches!(text.as_bytes(), [b'{', b'C' | b'c' | b'F' | b'f' | b'o' | b'P' | b'S' | b's' | b'Y' | b'y', b':', ..])
}

/// Whether `text` begins with a tag for the end of a line.
fn is_break(text: &str) -> bool {
    let inner = text[1..].split_once('>').map_or("", |(inner, _)| inner);
    inner.trim_end_matches(['/', ' ']).eq_ignore_ascii_case("br")
}

/// The length of the tag that `text` begins with, having done what it says; `None` if that is none.
fn tag(text: &str, tags: Tags<'_>, look: &mut Look, stack: &mut Vec<(String, Look)>) -> Option<usize> {
    let end = text.bytes().take(LONGEST).position(|b| b == b'>')?;
    let inner = text[1..end].trim();
    let (closing, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner.trim_start()));
    let name: String = inner.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let known = match tags {
        // Of another name, what is closed was meant as a tag.
        Tags::Srt if closing => is_tag(&name) || stack.iter().any(|(open, _)| *open == name),
        Tags::Srt => is_tag(&name) || inner.starts_with(char::is_alphabetic) && closes(&text[end..], inner),
        // Whatever stands in brackets is a tag, or a time.
        Tags::Vtt(_) => true,
    };
    if !known {
        return None;
    }
    if closing {
        if let Some(at) = stack.iter().rposition(|(open, _)| *open == name) {
            *look = stack[at].1.clone();
            stack.truncate(at);
        }
        return Some(end + 1);
    }
    if stack.len() >= DEEPEST || inner.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(end + 1);
    }
    stack.push((name.clone(), look.clone()));
    match name.as_str() {
        "b" => look.bold = true,
        "i" => look.italic = true,
        "u" => look.underline = true,
        "s" => look.strike = true,
        "font" => {
            look.color = attribute(inner, "color").and_then(color).or(look.color);
            // As everywhere, of a picture of 288 lines.
            let size = attribute(inner, "size").and_then(|size| size.parse::<f32>().ok());
            look.size = size.and_then(|size| Sheet::default().line(size)).or(look.size);
            look.font = attribute(inner, "face").and_then(|name| Sheet::default().font(name)).or(look.font.take());
        }
        _ => {}
    }
    if let Tags::Vtt(styles) = tags {
        let classes = inner.split_whitespace().next().unwrap_or_default().split('.').skip(1);
        styles.apply(&name, classes, look);
    }
    Some(end + 1)
}

/// The value of an attribute of a tag.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let lower = tag.to_ascii_lowercase();
    let at = lower.find(&format!("{name}="))? + name.len() + 1;
    let value = tag.get(at..)?;
    match value.as_bytes().first()? {
        quote @ (b'"' | b'\'') => value[1..].split(char::from(*quote)).next(),
        _ => value.split_whitespace().next(),
    }
}

/// A colour by its name, or as `#rrggbb`, as `0xAARRGGBB`.
pub(super) fn color(word: &str) -> Option<u32> {
    let word = word.trim();
    let (marked, digits) = word.strip_prefix('#').map_or((false, word), |digits| (true, digits));
    // With how much is seen of it, which is left out; or with a digit for two.
    match u32::from_str_radix(digits, 16) {
        Ok(color) if digits.len() == 6 => return Some(FULL | color),
        Ok(color) if marked && digits.len() == 8 => return Some(FULL | color >> 8),
        Ok(color) if marked && digits.len() == 3 => {
            return Some(FULL | (((color & 0xf00) << 8 | (color & 0xf0) << 4 | color & 0xf) * 0x11));
        }
        _ => {}
    }
    let named = match word.to_ascii_lowercase().as_str() {
        "white" => 0xff_ffff,
        "yellow" => 0xff_ff00,
        "cyan" | "aqua" => 0x00_ffff,
        "lime" => 0x00_ff00,
        "green" => 0x00_8000,
        "red" => 0xff_0000,
        "magenta" | "fuchsia" => 0xff_00ff,
        "blue" => 0x00_00ff,
        "black" => 0x00_0000,
        "gray" | "grey" => 0x80_8080,
        "silver" => 0xc0_c0c0,
        "orange" => 0xff_a500,
        "maroon" => 0x80_0000,
        "olive" => 0x80_8000,
        "navy" => 0x00_0080,
        "teal" => 0x00_8080,
        "purple" => 0x80_0080,
        "pink" => 0xff_c0cb,
        "brown" => 0xa5_2a2a,
        "gold" => 0xff_d700,
        "violet" => 0xee_82ee,
        _ => return None,
    };
    Some(FULL | named)
}

/// The names of letters that web pages have: those of Latin-1 from U+00A0 on, in its order; and some others.
const LATIN: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para \
    middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml \
    Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave \
    aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde \
    ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";
const OTHERS: &str = "amp& lt< gt> quot\" apos' lrm\u{200e} rlm\u{200f} hellip… ndash– mdash— lsquo‘ rsquo’ sbquo‚ ldquo“ rdquo” bdquo„ bull• \
    euro€ trade™ oelig\u{153} OElig\u{152}";

/// The letter that `text` begins with the name or number of, and that name's length.
pub(super) fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(12).position(|b| b == b';')?;
    let name = text.get(1..end)?;
    let number = name.strip_prefix('#').map(|digits| match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => digits.parse(),
    });
    let letter = match number {
        // Those were never letters: windows-1252 is meant.
        Some(Ok(byte @ 0x80..=0x9f)) => WINDOWS_1252.decode(&[byte as u8]).0.chars().next(),
        Some(number) => char::from_u32(number.ok()?),
        None => {
            let latin =
                LATIN.split_whitespace().zip('\u{a0}'..).find(|(latin, _)| *latin == name).map(|(_, letter)| letter);
            latin.or_else(|| OTHERS.split(' ').find_map(|other| other.strip_prefix(name)?.parse().ok()))
        }
    };
    Some((letter?, end + 1))
}

#[cfg(test)]
mod tests {
    use super::super::cue::Span;
    use super::*;

    fn written(text: &str, tags: Tags<'_>) -> (Vec<Span>, Place) {
        let (mut place, mut out) = (Place::default(), Writer::default());
        write(text, tags, &mut place, &mut out);
        (out.finish().unwrap_or_default(), place)
    }

    fn words(spans: &[Span]) -> String {
        spans.iter().map(|span| span.text.as_str()).collect()
    }

    #[test]
    fn tags_say_how_letters_look_and_are_not_shown() {
        let (spans, _) = written("a<i>b<b>c</b></i> <FONT COLOR=\"#ff8000\">d</font> 1 < 2 &amp; <3", Tags::Srt);
        assert_eq!(words(&spans), "abc d 1 < 2 & <3");
        let look = |at: usize| spans[at].look.clone();
        assert!(look(1).italic && !look(1).bold && look(2).italic && look(2).bold);
        assert_eq!((look(3), look(4).color), (Look::default(), Some(0xffff_8000)));
        let (spans, _) = written("<font color=#f80>a</font><font color=#ff800080>b<font color=Purple>c", Tags::Srt);
        assert_eq!(
            spans.iter().map(|span| span.look.color).collect::<Vec<_>>(),
            [0xffff_8800, 0xffff_8000, 0xff80_0080].map(Some)
        );
        let (spans, _) = written("<font size=\"36\" face='Some Font'>a</font>b", Tags::Srt);
        assert_eq!((spans[0].look.size, spans[0].look.font.as_deref()), (Some(0.125), Some("Some Font")));
        assert_eq!(spans[1].look, Look::default());
        assert_eq!(written("{\\an8}a{\\an1}b", Tags::Srt).1.align, 8);
        let (spans, place) = written("{\\an8\\i1}up{\\i0} there</i>", Tags::Srt);
        assert_eq!((words(&spans).as_str(), place.align, spans[0].look.italic), ("up there", 8, true));
        let (spans, _) =
            written("<v Bob>Hi <c.yellow.bg>you</c> <00:01.000>now &lt;3 {x}", Tags::Vtt(&Styles::default()));
        assert_eq!((words(&spans).as_str(), spans[1].look.color), ("Hi you now <3 {x}", Some(0xffff_ff00)));
    }

    #[test]
    fn text_of_any_kind_ends() {
        for text in ["<", "<b", "<>", "</>", "&", "{\\", "{\\}", "<font color=>x", "<font color='>x", "\u{0}\u{1b}[2J"]
        {
            let (spans, _) = written(text, Tags::Srt);
            assert!(!words(&spans).contains('\u{1b}'), "{text:?}");
            written(text, Tags::Vtt(&Styles::default()));
        }
        let odd = "<x>".repeat(1_000_000) + "</x>";
        assert!(words(&written(&odd, Tags::Srt).0).starts_with("<x><x>"));
        let deep = "<b><i>".repeat(10_000) + "x";
        assert_eq!(words(&written(&deep, Tags::Srt).0), "x");
    }
}
