//! What styles of TTML say of how words look.

use super::super::cue::Look;
use super::super::markup::color;

/// What an attribute says that comes last.
pub(super) fn get<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    attributes.iter().rfind(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

/// Whether an attribute is one of looks and places that is read here.
pub(super) fn is_style(name: &str) -> bool {
    const READ: [&str; 11] = [
        "color",
        "backgroundColor",
        "fontStyle",
        "fontWeight",
        "textDecoration",
        "textAlign",
        "displayAlign",
        "origin",
        "extent",
        "visibility",
        "display",
    ];
    READ.contains(&name)
}

pub(super) fn column(align: &str) -> u8 {
    match align {
        "center" => 2,
        "end" | "right" => 3,
        _ => 1,
    }
}

pub(super) fn style((name, value): &(String, String), look: &mut Look) {
    match name.as_str() {
        "color" => look.color = shade(value).or(look.color),
        "backgroundColor" => look.back = shade(value),
        "fontStyle" => look.italic = matches!(value.as_str(), "italic" | "oblique"),
        "fontWeight" => look.bold = value == "bold",
        "textDecoration" => {
            for word in value.split_whitespace() {
                match word {
                    "none" => (look.underline, look.strike) = (false, false),
                    "underline" => look.underline = true,
                    "noUnderline" => look.underline = false,
                    "lineThrough" => look.strike = true,
                    "noLineThrough" => look.strike = false,
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// A colour, of which the last part says how much of it is seen.
pub(super) fn shade(value: &str) -> Option<u32> {
    let value = value.trim();
    if let Some(digits) = value.strip_prefix('#').filter(|digits| digits.len() == 8) {
        return u32::from_str_radix(digits, 16).ok().map(|color| color.rotate_right(8));
    }
    if let Some(parts) = value.strip_prefix("rgb").and_then(|rest| rest.trim_start_matches('a').strip_prefix('(')) {
        let mut parts = parts.trim_end_matches(')').split(',').map(|part| part.trim().parse::<u8>().ok());
        let [red, green, blue] = [parts.next()??, parts.next()??, parts.next()??];
        return Some(u32::from_be_bytes([parts.next().map_or(Some(255), |part| part)?, red, green, blue]));
    }
    if value == "transparent" { Some(0) } else { color(value) }
}
