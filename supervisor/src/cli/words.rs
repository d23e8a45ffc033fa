//! Words on the command line that a parser of options cannot understand by itself: a command that is mistyped, a number after `--loop`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::CommandFactory;

use super::Cli;

/// How alike two words are, from 0 to 1, from where on one is taken for a slip of the other; as clap does for options.
const ALIKE: f64 = 0.7;
/// As much of a word that may well be a film's name, since it has digits.
const NUMBERED: f64 = 0.85;

/// What to tell a user whose first word is neither a file nor a command, but must have been meant as one: films have a dot, a slash
/// or another sign in their names, or are there.
pub(super) fn no_command(arguments: &[OsString]) -> Option<String> {
    let word = arguments.get(1)?.to_str()?;
    let of = |kind: fn(&u8) -> bool| !word.is_empty() && word.bytes().all(|b| kind(&b));
    let letters = of(u8::is_ascii_lowercase);
    // With digits it may be a film as well, unless it is near to a command.
    let plain = letters || of(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !plain || Path::new(word).symlink_metadata().is_ok() {
        return None;
    }
    let command = Cli::command();
    let known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).chain(["help"]).collect();
    if known.contains(&word) {
        return None;
    }
    let near = known
        .iter()
        .map(|known| (strsim::jaro_winkler(known, word), known))
        .filter(|(alike, _)| *alike >= if letters { ALIKE } else { NUMBERED })
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = match near {
        Some((_, command)) => format!("did you mean `tricine {command}`?"),
        None if letters => format!("the commands are {}", known.join(", ")),
        None => return None,
    };
    Some(format!("there is no file named {word} here, and no command of that name; {hint}"))
}

/// The arguments, with `--loop N` made one: alone, `--loop` is for ever, and what follows it is a file unless it is a number.
pub(super) fn joined(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::with_capacity(arguments.len());
    let mut options = true;
    for argument in arguments {
        let after_loop = options && joined.last().is_some_and(|last| last == "--loop");
        if after_loop && is_count(&argument) {
            let mut both = OsString::from("--loop=");
            both.push(argument);
            joined.pop();
            joined.push(both);
            continue;
        }
        options &= argument != "--";
        joined.push(argument);
    }
    joined
}

fn is_count(argument: &OsStr) -> bool {
    argument == "inf" || (!argument.is_empty() && argument.as_bytes().iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn a_word_that_is_neither_file_nor_command_is_no_film() {
        for (line, told) in [
            (&["tricine", "stres"][..], Some("`tricine stress`")),
            (&["tricine", "clear", "--dry-run"], Some("`tricine clean`")),
            (&["tricine", "top"], Some("the commands are")),
            (&["tricine", "lab2"], Some("`tricine lab`")),
            (&["tricine", "alien3"], None),
            (&["tricine", "2001"], None),
            (&["tricine", "xyzzy"], Some("the commands are play, stress")),
            (&["tricine"], None),
            (&["tricine", "stress"], None),
            (&["tricine", "help"], None),
            (&["tricine", "--loop", "stres"], None),
            (&["tricine", "film.mp4"], None),
            (&["tricine", "./stres"], None),
            (&["tricine", "Film"], None),
            (&["tricine", "-"], None),
            // A folder that is there.
            (&["tricine", "src"], None),
        ] {
            let said = no_command(&words(line));
            assert_eq!(said.is_some(), told.is_some(), "{line:?}: {said:?}");
            assert!(said.unwrap_or_default().contains(told.unwrap_or_default()), "{line:?}");
        }
    }

    #[test]
    fn a_number_after_loop_is_no_file() {
        for (line, wanted) in [
            (&["t", "--loop", "3", "a.mp4"][..], &["t", "--loop=3", "a.mp4"][..]),
            (&["t", "--loop", "inf"], &["t", "--loop=inf"]),
            (&["t", "--loop", "a.mp4"], &["t", "--loop", "a.mp4"]),
            (&["t", "--loop", "3", "4"], &["t", "--loop=3", "4"]),
            (&["t", "--", "--loop", "3"], &["t", "--", "--loop", "3"]),
            (&["t", "--loop"], &["t", "--loop"]),
        ] {
            assert_eq!(joined(words(line)), words(wanted));
        }
    }
}
