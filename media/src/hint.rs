//! What a user can do, with the name of what was to be played: messages of this crate say IN where a command takes it, and OUT for what
//! the command makes, since what is opened here may have no name, or another one than the user has typed.

use std::path::Path;

/// `text` with `input` in the place of IN, and a name of its own in the place of OUT, both quoted for a shell. A name that a shell would
/// not take as it is shown is `FILE`.
pub fn named(text: &str, input: &str) -> String {
    // U+FFFD stands for bytes that are no letters.
    let plain = !input.is_empty() && input != "-" && !input.chars().any(|c| c.is_control() || c == '\u{fffd}');
    let stem = Path::new(input).file_stem().unwrap_or_default().to_string_lossy();
    // A dash would make it an option, and a colon, for FFmpeg, an address.
    let named_here = |name: &str| {
        let strange = name.starts_with('-') || name.contains(':') && !name.contains("://") && !name.starts_with('/');
        quoted(&format!("{}{name}", if strange { "./" } else { "" }))
    };
    let (mut named, mut rest) = (String::new(), text);
    while let Some(at) = ["-i IN", "--sub IN", " OUT."].iter().filter_map(|word| rest.find(word)).min() {
        named.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((option, after)) =
            ["-i", "--sub"].iter().find_map(|option| Some((option, rest.strip_prefix(option)?.strip_prefix(" IN")?)))
        {
            let name = if plain { named_here(input) } else { "FILE".into() };
            named.push_str(option);
            named.push(' ');
            named.push_str(&name);
            rest = after;
        } else {
            let after = rest.trim_start_matches(" OUT.");
            let end = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
            let kind = &after[..end];
            let made = if plain { named_here(&format!("{stem}-new.{kind}")) } else { format!("NEW.{kind}") };
            named.push(' ');
            named.push_str(&made);
            rest = &after[end..];
        }
    }
    named + rest
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:%@=,".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_hint_can_be_pasted_into_a_shell() {
        let text = "convert it: ffmpeg -nostdin -i IN -c:a flac OUT.mkv, or `ffmpeg -nostdin -i IN` says more";
        for (input, wanted) in [
            ("a/b.avi", "ffmpeg -nostdin -i a/b.avi -c:a flac b-new.mkv, or `ffmpeg -nostdin -i a/b.avi` says"),
            ("it's me.avi", r"-i 'it'\''s me.avi' -c:a flac 'it'\''s me-new.mkv', or"),
            ("12:30.avi", "-i ./12:30.avi -c:a flac ./12:30-new.mkv, or"),
            ("/a/12:30.avi", "-i /a/12:30.avi -c:a flac ./12:30-new.mkv, or"),
            ("-a.avi", "-i ./-a.avi -c:a flac ./-a-new.mkv, or"),
            ("a\u{fffd}.avi", "-i FILE -c:a flac NEW.mkv"),
            ("-", "-i FILE -c:a flac NEW.mkv, or `ffmpeg -nostdin -i FILE` says"),
            ("a\nb", "-i FILE -c:a flac NEW.mkv"),
        ] {
            assert!(named(text, input).contains(wanted), "{input:?}: {}", named(text, input));
        }
        assert_eq!(named("tricine FILM --sub IN", "a b.idx"), "tricine FILM --sub 'a b.idx'");
        assert_eq!(named("INPUT and OUTPUT stay", "x"), "INPUT and OUTPUT stay");
    }
}
