//! How things look: 16 colours or none, Unicode or plain letters. No meaning is carried by colour alone.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders};

const PLAIN: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// What this terminal shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) colour: bool,
    pub(crate) unicode: bool,
}

impl Look {
    /// By the environment: `NO_COLOR`, and the locale's character set.
    pub(crate) fn of_environment() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let unicode = ["utf-8", "utf8"].iter().any(|u| locale.to_lowercase().contains(u));
        let dumb = set("TERM").is_some_and(|t| t == "dumb");
        Self { colour: set("NO_COLOR").is_none() && !dumb, unicode }
    }

    /// A text as this terminal can show it.
    pub(crate) fn text(self, text: &str) -> String {
        if self.unicode {
            return text.to_owned();
        }
        text.chars().fold(String::new(), |mut out, c| {
            match c {
                '…' => out += "...",
                '✓' => out.push('+'),
                '✗' => out.push('x'),
                'µ' => out.push('u'),
                '→' | '▶' => out.push('>'),
                '–' | '—' => out.push('-'),
                '“' | '”' | '„' => out.push('"'),
                '‘' | '’' => out.push('\''),
                '·' => out.push('|'),
                '×' => out.push('x'),
                '≤' => out += "<=",
                '≥' => out += ">=",
                c if c.is_ascii() => out.push(c),
                _ => out.push('?'),
            }
            out
        })
    }

    /// A frame with a title.
    pub(crate) fn frame(self, title: &str) -> Block<'static> {
        let set = if self.unicode { border::PLAIN } else { PLAIN };
        Block::new()
            .borders(Borders::ALL)
            .border_set(set)
            .title(Span::styled(format!(" {} ", self.text(title)), self.strong()))
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }

    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(crate) fn faint(self) -> Style {
        if self.colour { Style::new().fg(Color::DarkGray) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    pub(crate) fn good(self) -> Style {
        self.coloured(Color::Green).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn bad(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(crate) fn code(self) -> Style {
        self.coloured(Color::Cyan)
    }

    pub(crate) fn changed(self) -> Style {
        self.coloured(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// Text with `code` and **strong** words, as lines; blocks stay as they are.
    pub(crate) fn markdown(self, text: &str) -> Vec<Line<'static>> {
        let (mut lines, mut block) = (vec![], false);
        let mut paragraph = String::new();
        for line in text.lines() {
            let fence = line.trim_start().starts_with("```");
            let breaks =
                block || fence || line.trim().is_empty() || line.starts_with(['-', '#', '|', ' ', '1', '2', '3']);
            if breaks && !paragraph.is_empty() {
                lines.push(self.spans(&std::mem::take(&mut paragraph)));
            }
            if fence {
                block = !block;
            } else if block {
                lines.push(Line::styled(format!("  {}", self.text(line)), self.code()));
            } else if line.trim().is_empty() {
                lines.push(Line::default());
            } else {
                // Lines of one paragraph belong together: the terminal has another width than the file.
                if !paragraph.is_empty() {
                    paragraph.push(' ');
                }
                paragraph += line.trim_end();
            }
        }
        if !paragraph.is_empty() {
            lines.push(self.spans(&paragraph));
        }
        lines
    }

    /// A line broken between words for so many columns, each row indented.
    pub(crate) fn hang(line: &Line<'static>, indent: usize, width: usize) -> Vec<Line<'static>> {
        let blank = || vec![Span::raw(" ".repeat(indent))];
        let (mut rows, mut used) = (vec![blank()], indent);
        for span in &line.spans {
            for word in span.content.split_inclusive(' ') {
                let bare = Span::raw(word.trim_end()).width();
                if used + bare > width && used > indent {
                    rows.push(blank());
                    used = indent;
                }
                used += Span::raw(word).width();
                if let Some(row) = rows.last_mut() {
                    row.push(Span::styled(word.to_owned(), span.style));
                }
            }
        }
        rows.into_iter().map(Line::from).collect()
    }

    fn spans(self, text: &str) -> Line<'static> {
        let mut spans = vec![];
        for (i, part) in self.text(text).split('`').enumerate() {
            if i % 2 == 1 {
                // Without colour, the marks stay.
                let part = if self.colour { part.to_owned() } else { format!("`{part}`") };
                spans.push(Span::styled(part, self.code().add_modifier(Modifier::BOLD)));
                continue;
            }
            for (k, word) in part.split("**").enumerate() {
                if k % 2 == 1 {
                    spans.push(Span::styled(word.to_owned(), self.strong()));
                    continue;
                }
                // An odd number of stars is a product, or a mistake.
                let slanted = word.matches('*').count() % 2 == 0;
                for (n, word) in word.split(|c| slanted && c == '*').enumerate() {
                    let style = if n % 2 == 1 { Style::new().add_modifier(Modifier::ITALIC) } else { Style::new() };
                    spans.push(Span::styled(word.to_owned(), style));
                }
            }
        }
        Line::from(spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_is_broken_between_words_and_indented() {
        let look = Look { colour: true, unicode: true };
        let rows = |text: &str, width| -> Vec<String> {
            let line = look.markdown(text).remove(0);
            Look::hang(&line, 2, width).iter().map(ToString::to_string).collect()
        };
        assert_eq!(rows("one `two` three", 9), ["  one two ", "  three"]);
        assert_eq!(rows("a-word-that-is-too-long x", 9), ["  a-word-that-is-too-long ", "  x"]);
        assert_eq!(rows("数 数 数", 7), ["  数 数 ", "  数"]);
    }

    #[test]
    fn without_unicode_nothing_but_ascii_is_shown() {
        let look = Look { colour: false, unicode: false };
        let lines = look.markdown("*a* µs – “x” → **b** `c`\n\n```lab\n    post s # ✗ ü\n```\n- one\n- two\n");
        let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["a us - \"x\" > b `c`", "", "      post s # x ?", "- one", "- two"]);
        assert!(lines.iter().flat_map(|l| &l.spans).all(|s| s.style.fg.is_none()));
    }
}
