//! What WebVTT's words look like: the colours that its classes are named after, and the part of CSS that files use in their `STYLE` blocks.

use super::cue::Look;
use super::markup::color;

/// Each tag is compared with all of them.
const MOST_RULES: usize = 128;

/// What a rule says; what it does not say stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Rule {
    color: Option<u32>,
    background: Option<u32>,
    bold: Option<bool>,
    italic: Option<bool>,
    underline: Option<bool>,
}

/// The rules of a file, and which words each is for: a tag's name, a class, or all.
#[derive(Debug, Default)]
pub(super) struct Styles(Vec<(Of, Rule)>);

#[derive(Debug, PartialEq)]
enum Of {
    All,
    /// Of tags, of classes, or of a tag with a class.
    Some(Option<String>, Option<String>),
}

impl Styles {
    /// Adds the rules of a `STYLE` block.
    pub(super) fn add(&mut self, block: &str) {
        let mut plain = String::new();
        let mut rest = block;
        while let Some((before, comment)) = rest.split_once("/*") {
            plain += before;
            rest = comment.split_once("*/").map_or("", |(_, behind)| behind);
        }
        plain += rest;
        for rule in plain.split('}').filter_map(|rule| rule.split_once('{')) {
            let said = read(rule.1);
            for selector in rule.0.split(',') {
                let of = selected(selector.trim()).filter(|_| self.0.len() < MOST_RULES);
                self.0.extend(of.map(|of| (of, said)));
            }
        }
    }

    /// Does what is said of a tag with these classes; an empty name stands for all of a cue's words.
    pub(super) fn apply<'a>(&self, name: &str, classes: impl Iterator<Item = &'a str>, look: &mut Look) {
        let classes: Vec<&str> = classes.take(16).collect();
        for class in &classes {
            if class.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
                look.color = color(class).or(look.color);
                look.back = class.strip_prefix("bg_").and_then(color).or(look.back);
            }
        }
        for (of, rule) in &self.0 {
            let meant = match of {
                Of::All => name.is_empty(),
                Of::Some(tag, class) => {
                    !name.is_empty()
                        && tag.as_deref().is_none_or(|tag| tag == name)
                        && class.as_deref().is_none_or(|class| classes.contains(&class))
                }
            };
            if meant {
                look.color = rule.color.or(look.color);
                look.back = rule.background.or(look.back);
                look.bold = rule.bold.unwrap_or(look.bold);
                look.italic = rule.italic.unwrap_or(look.italic);
                look.underline = rule.underline.unwrap_or(look.underline);
            }
        }
    }
}

/// Which words `::cue`, `::cue(tag)`, `::cue(.class)` and `::cue(tag.class)` are for; others are left out.
fn selected(selector: &str) -> Option<Of> {
    let (_, rest) = selector.split_once("::cue")?;
    if rest.is_empty() {
        return Some(Of::All);
    }
    let inner = rest.strip_prefix('(')?.strip_suffix(')')?;
    let (tag, class) = inner.split_once('.').map_or((inner, None), |(tag, class)| (tag, Some(class)));
    let plain = |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let said = |word: &str| (!word.is_empty()).then(|| word.to_owned());
    let fine = plain(tag) && class.is_none_or(plain) && !inner.is_empty();
    fine.then(|| Of::Some(said(tag), class.and_then(said)))
}

fn read(block: &str) -> Rule {
    let mut rule = Rule::default();
    for (name, value) in block.split(';').filter_map(|said| said.split_once(':')) {
        let value = value.trim().trim_end_matches("!important").trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "color" => rule.color = css(value).or(rule.color),
            "background" | "background-color" => rule.background = css(value).or(rule.background),
            "font-weight" => {
                rule.bold = Some(value == "bold" || value == "bolder" || value.parse().is_ok_and(|n: u32| n >= 600));
            }
            "font-style" => rule.italic = Some(value == "italic" || value == "oblique"),
            "text-decoration" => rule.underline = Some(value.contains("underline")),
            _ => {}
        }
    }
    rule
}

/// A colour as pages have it, as `0xAARRGGBB`.
fn css(value: &str) -> Option<u32> {
    let lower = value.to_ascii_lowercase();
    if lower == "transparent" {
        return Some(0);
    }
    let Some((_, inner)) = lower.split_once('(').filter(|(name, _)| *name == "rgb" || *name == "rgba") else {
        return color(&lower);
    };
    let parts = inner.trim_end_matches(')').split([',', '/', ' ']).filter(|part| !part.is_empty());
    let number = |(at, part): (usize, &str)| {
        let of = if at == 3 { 255.0 } else { 1.0 };
        let number = match part.strip_suffix('%') {
            Some(part) => part.parse::<f32>().ok()? * 2.55,
            None => part.parse::<f32>().ok()? * of,
        };
        Some(number.round().clamp(0.0, 255.0) as u8)
    };
    match *parts.take(5).enumerate().map(number).collect::<Option<Vec<u8>>>()?.as_slice() {
        [red, green, blue] => Some(u32::from_be_bytes([255, red, green, blue])),
        [red, green, blue, alpha] => Some(u32::from_be_bytes([alpha, red, green, blue])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_count_for_the_words_that_they_name() {
        let mut styles = Styles::default();
        styles.add("::cue { color: rgb(1, 2, 3); background-color: rgba(0,0,0,0.5) } /* no } */\nvideo::cue(.loud), ::cue(b.x) { color: #f00; font-weight: bold }");
        styles.add("::cue(i) { font-style: normal; color: papaya whip }\n::cue(v[voice=Eve]) { color: lime }\n::cue(#id) {color:red}");
        let look = |name: &str, classes: &[&str]| {
            let mut look = Look { italic: name == "i", ..Look::default() };
            styles.apply(name, classes.iter().copied(), &mut look);
            (look.color, look.back, look.bold, look.italic)
        };
        assert_eq!(look("", &[]), (Some(0xff01_0203), Some(0x8000_0000), false, false));
        assert_eq!(look("c", &["loud"]), (Some(0xffff_0000), None, true, false));
        assert_eq!(look("b", &[]), (None, None, false, false));
        assert_eq!(look("b", &["x"]), (Some(0xffff_0000), None, true, false));
        assert_eq!(look("i", &["yellow", "bg_blue"]), (Some(0xffff_ff00), Some(0xff00_00ff), false, false));
        for (said, wanted) in [
            ("rgb(100% 0% 0% / 50%)", Some(0x80ff_0000)),
            ("transparent", Some(0)),
            ("rgb(1,2)", None),
            ("rgb(x", None),
        ] {
            assert_eq!(css(said), wanted, "{said}");
        }
        for block in ["{", "}", "::cue(", "::cue(){color:red}", "::cue{color}", "/*", "::cue(.){color:red}"] {
            styles.add(block);
        }
    }
}
