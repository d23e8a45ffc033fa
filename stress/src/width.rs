//! How wide a text may be, and breaking it into lines.

use std::io::IsTerminal;
use std::os::fd::AsFd;

/// Narrower than this nothing is of use, wider than this no eye finds the next line.
const NARROWEST: usize = 60;
const WIDEST: usize = 132;
/// Where there is no terminal that could say.
const USUAL: usize = 120;

/// How many columns there are: what the environment says (`columns`), or the terminal, or the usual.
pub(crate) fn columns(columns: Option<&str>, terminal: Option<usize>) -> usize {
    let said = columns.and_then(|text| text.parse().ok()).filter(|&n: &usize| n > 0);
    said.or(terminal).unwrap_or(USUAL).clamp(NARROWEST, WIDEST)
}

/// How many columns `out` has.
pub(crate) fn of(out: &(impl IsTerminal + AsFd)) -> usize {
    let size = || tricine_session::terminal::size(out.as_fd());
    let terminal = out.is_terminal().then(size).flatten().map(|size| usize::from(size.columns));
    columns(std::env::var("COLUMNS").ok().as_deref(), terminal)
}

/// `text` in lines of at most `width` letters, all but the first beginning with `indent` blanks. A word that is longer than
/// a line is broken.
pub(crate) fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let mut rest: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + rest.len() > width && lines.last().is_some_and(|l| !l.trim().is_empty()) {
            lines.push(" ".repeat(indent));
            used = indent;
        } else if let Some(line) = lines.last_mut().filter(|l| !l.trim().is_empty()) {
            line.push(' ');
            used += 1;
        }
        while used + rest.len() > width {
            let cut = (width - used).max(1);
            let tail = rest.split_off(cut);
            lines.last_mut().into_iter().for_each(|l| l.extend(&rest));
            rest = tail;
            lines.push(" ".repeat(indent));
            used = indent;
        }
        used += rest.len();
        lines.last_mut().into_iter().for_each(|l| l.extend(&rest));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_heard_first_then_the_terminal() {
        for (said, terminal, wanted) in [
            (None, None, 120),
            (None, Some(80), 80),
            (Some("100"), Some(80), 100),
            (Some("100"), None, 100),
            (Some("wide"), Some(90), 90),
            (Some("0"), None, 120),
            (None, Some(20), 60),
            (None, Some(500), 132),
        ] {
            assert_eq!(columns(said, terminal), wanted, "{said:?} {terminal:?}");
        }
    }

    #[test]
    fn no_line_is_longer_and_no_word_is_lost() {
        assert_eq!(wrap("one two three four", 9, 2), ["one two", "  three", "  four"]);
        assert_eq!(wrap("", 9, 2), [""]);
        let text = "µs ± × a/very/long/path/that/does/not/fit and more";
        for width in 8..60 {
            let lines = wrap(text, width, 3);
            assert!(lines.iter().all(|l| l.chars().count() <= width), "{lines:#?}");
            let letters = |t: &str| t.chars().filter(|c| *c != ' ').collect::<String>();
            assert_eq!(letters(&lines.concat()), letters(text));
        }
    }
}
