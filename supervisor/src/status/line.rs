//! What the status line says, in as many columns as there are.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A title gives way to nothing of less importance as long as so many columns of it are left.
const SOME_TITLE: usize = 12;
/// A shorter bar says nothing.
const LEAST_BAR: usize = 8;

/// All that there is to say.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Whether the film runs.
    pub(super) mark: char,
    /// What is played.
    pub(super) title: &'a str,
    /// Where it is.
    pub(super) time: String,
    /// Its length, if known.
    pub(super) length: Option<String>,
    /// How much of it is over, 0 to 1, to be shown as a bar.
    pub(super) part: Option<f64>,
    /// What else there is, the most important first.
    pub(super) more: Vec<String>,
}

impl Line<'_> {
    /// The line in `columns` at most: the time always, then the length, the title, the rest as far as there is room.
    pub(super) fn fit(&self, columns: usize) -> String {
        let mut time = self.time.clone();
        if let Some(length) = self.length.as_ref().filter(|length| 5 + time.width() + length.width() <= columns) {
            time = format!("{time} / {length}");
        }
        let mut left = columns.saturating_sub(2 + time.width());
        let title_width = self.title.width().min(SOME_TITLE);
        let mut more = String::new();
        for word in &self.more {
            let width = word.width() + 2;
            if width + title_width + 2 > left {
                break;
            }
            left -= width;
            more = format!("{more}  {word}");
        }
        let bar = self.part.map(|part| (part, (left / 2).min(40))).filter(|(_, width)| *width >= LEAST_BAR + 2);
        left -= bar.map_or(0, |(_, width)| width);
        let title = shortened(self.title, left.saturating_sub(2));
        let title = if title.is_empty() { title } else { title + "  " };
        let bar = bar.map_or_else(String::new, |(part, width)| format!("  {}", drawn(part, width - 2)));
        let line = format!("{} {title}{time}{bar}{more}", self.mark);
        shortened(&line, columns)
    }
}

/// `text`, or as much of its beginning as fits.
fn shortened(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let (mut short, mut width) = (String::new(), 1);
    for letter in text.chars() {
        width += letter.width().unwrap_or(0);
        if width > columns {
            break;
        }
        short.push(letter);
    }
    if columns == 0 { short } else { short + "\u{2026}" }
}

/// A bar of `width` columns, `part` of it in heavy strokes.
fn drawn(part: f64, width: usize) -> String {
    let done = (part.clamp(0.0, 1.0) * width as f64).round() as usize;
    "\u{2501}".repeat(done) + &"\u{2500}".repeat(width - done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(title: &str, part: Option<f64>) -> Line<'_> {
        let more = ["vol 80", "dropped 0", "A/V +1.2 ms"].map(str::to_owned).to_vec();
        Line { mark: '>', title, time: "0:12".into(), length: Some("1:02:03".into()), part, more }
    }

    #[test]
    fn the_time_comes_first_and_nothing_is_wider_than_the_terminal() {
        for (columns, wanted) in [
            (80, "> a film of summer.mkv  0:12 / 1:02:03  vol 80  dropped 0  A/V +1.2 ms"),
            (60, "> a film of summer.mkv  0:12 / 1:02:03  vol 80  dropped 0"),
            (50, "> a film of su\u{2026}  0:12 / 1:02:03  vol 80  dropped 0"),
            (40, "> a film of sum\u{2026}  0:12 / 1:02:03  vol 80"),
            (30, "> a film of s\u{2026}  0:12 / 1:02:03"),
            (16, "> 0:12 / 1:02:03"),
            (15, "> a film\u{2026}  0:12"),
            (6, "> 0:12"),
            (4, "> 0\u{2026}"),
        ] {
            assert_eq!(line("a film of summer.mkv", None).fit(columns), wanted, "{columns}");
        }
        for (title, columns) in (0..120).flat_map(|n| [("\u{5b57}\u{5b57}\u{5b57} \u{5b57}", n), ("", n), ("x", n)]) {
            for part in [None, Some(0.4)] {
                let text = line(title, part).fit(columns);
                assert!(text.width() <= columns, "{columns}: {text}");
            }
        }
    }

    #[test]
    fn what_is_only_heard_has_a_bar() {
        let text = line("B \u{2014} A", Some(0.5)).fit(80);
        assert!(
            text.starts_with("> B \u{2014} A  0:12 / 1:02:03  \u{2501}")
                && text.ends_with("  vol 80  dropped 0  A/V +1.2 ms")
        );
        assert_eq!(text.matches('\u{2501}').count(), text.matches('\u{2500}').count());
    }
}
