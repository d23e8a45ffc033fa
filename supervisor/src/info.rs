//! `tricine info`: what is in a file, what of it plays, and what would play the rest. This process supervises nothing, so it may
//! parse what somebody else wrote; a panic of a parser is caught, and a crash ends nothing else.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;

use tricine_media::{Inspection, MediaFile, TrackKind, TrackReport, inspect};
use tricine_session::link::InputSpec;
use tricine_session::name::Name;

use crate::input::{self, Entry, What};

/// The exit code if a track of pictures or sound cannot be played.
const SOME: i32 = 4;

/// Describes each file. The exit code: 0 if all of it plays, 4 if a track does not, 1 if nothing does.
pub(crate) fn run(files: &[PathBuf]) -> io::Result<i32> {
    tricine_media::guard::install_hook();
    let (mut code, mut out) = (0, io::stdout().lock());
    for path in files {
        let entry = Entry::from(Name::from(path.as_os_str()));
        let name = input::called(&entry.name);
        let local = |name: &Name| crate::spelling::path_of(name).unwrap_or_else(|_| path.clone());
        let hint = |text: &str, name: &Name| tricine_media::named(text, &local(name).to_string_lossy());
        match looked_into(&entry) {
            Ok(Looked::File(inspection, own)) => {
                write!(out, "{name}: {}", hint(&describe(&inspection), &own))?;
                code = match verdict(&inspection) {
                    0 => code,
                    other if code == 0 => other,
                    _ => code,
                };
            }
            Ok(Looked::Other(text)) => write!(out, "{name}: {text}")?,
            Err(error) => {
                writeln!(out, "{name}: {}", hint(&error, &entry.name))?;
                code = 1;
            }
        }
    }
    Ok(code)
}

/// What there is to say of an input.
enum Looked {
    /// And what it is called, also where it is standard input.
    File(Inspection, Name),
    /// A list of files, or none: lines for the user.
    Other(String),
}

/// Errors: words for the user.
fn looked_into(entry: &Entry) -> Result<Looked, String> {
    let line = |name: Name| format!("  {name}\n");
    let handed = match input::is_stdin(&entry.name) {
        true => vec![io::stdin().as_fd().try_clone_to_owned().map_err(|e| e.to_string())?],
        false => Vec::new(),
    };
    let input = match input::open(entry, handed, &mut |_| {})?.what {
        What::Input(input) => input,
        What::List(list) => {
            let names: Vec<Name> = list.entries(entry).map(|entry| entry.name).collect();
            let count = names.len();
            return Ok(Looked::Other(format!(
                "plays {count} {}\n{}",
                if count == 1 { "input" } else { "inputs" },
                names.into_iter().map(line).collect::<String>()
            )));
        }
    };
    match (input.spec, input.file) {
        (InputSpec::File(own), Some(file)) => {
            let file = MediaFile::new(file.into(), own.to_string()).map_err(|error| error.to_string())?;
            inspect(&file).map(|inspection| Looked::File(inspection, input.name)).map_err(|error| error.to_string())
        }
        (InputSpec::Images(names), _) => {
            Ok(Looked::Other(format!("shows {} pictures one after another\n", names.len())))
        }
        _ => Ok(Looked::Other("is a stream: it plays as YUV4MPEG2 comes through it\n".into())),
    }
}

fn verdict(inspection: &Inspection) -> i32 {
    let played = inspection.tracks.iter().filter(|t| matches!(t.kind, TrackKind::Video | TrackKind::Audio));
    let (mut all, mut any) = (true, false);
    for track in played {
        all &= track.problem.is_none();
        any |= track.problem.is_none();
    }
    match (any, all) {
        (false, _) => 1,
        (true, false) => SOME,
        (true, true) => 0,
    }
}

fn describe(inspection: &Inspection) -> String {
    let length = inspection.duration_ns.map_or_else(String::new, |ns| format!(", {}", time(ns)));
    let mut text = format!("{}{length}\n", inspection.format);
    let (mut pictures, mut sounds, mut subtitles) = (0, 0, 0);
    for track in &inspection.tracks {
        // By these numbers `--vid`, `--aid` and `--sid` choose.
        let number = match track.kind {
            TrackKind::Video => &mut pictures,
            TrackKind::Audio => &mut sounds,
            TrackKind::Subtitle => &mut subtitles,
            _ => &mut 0,
        };
        *number += 1;
        text += &format!("  {}\n", line(track, *number, &inspection.tracks));
        if let Some(problem) = &track.problem {
            text += &format!("    not played: {problem}\n");
        }
    }
    for (start_ns, title) in &inspection.chapters {
        text += &format!("  chapter {} {title}\n", time(*start_ns));
    }
    for (name, value) in &inspection.tags {
        // A tag may hold a whole text.
        text += &format!("  {name}: {}\n", value.lines().next().unwrap_or_default());
    }
    for (name, mime) in &inspection.attachments {
        text += &format!("  attached: {name} {mime}\n");
    }
    text.chars().filter(|letter| *letter == '\n' || !letter.is_control()).collect()
}

fn line(track: &TrackReport, number: usize, all: &[TrackReport]) -> String {
    let kind = match track.kind {
        TrackKind::Video => "video",
        TrackKind::Audio => "sound",
        TrackKind::Subtitle => "subtitles",
        TrackKind::Other => "data",
    };
    let mut parts = vec![format!("{kind}: {}", track.codec)];
    parts.extend(Some(track.detail.clone()).filter(|detail| !detail.is_empty()));
    parts.extend(track.language.clone());
    parts.extend(track.name.as_ref().filter(|name| !name.is_empty()).map(|name| format!("\"{name}\"")));
    parts.extend(match track.kind {
        TrackKind::Video if number > 1 => Some(format!("--vid {number}")),
        TrackKind::Audio if number > 1 => Some(format!("--aid {number}")),
        TrackKind::Subtitle => Some(format!("--sid {number}")),
        _ => None,
    });
    let several = all.iter().filter(|other| other.kind == track.kind).count() > 1;
    parts.extend((track.default && (several || track.kind == TrackKind::Subtitle)).then(|| "default".to_owned()));
    parts.extend((track.forced).then(|| "forced".to_owned()));
    parts.join(", ")
}

/// Hours, minutes, seconds and milliseconds.
fn time(ns: i64) -> String {
    let ms = ns.max(0) / 1_000_000;
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{hours}:{minutes:02}:{seconds:02}.{:03}", ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(kind: TrackKind, problem: Option<&str>) -> TrackReport {
        TrackReport {
            kind,
            codec: "H.264".into(),
            detail: "64×48".into(),
            language: Some("deu".into()),
            name: Some("a \x1b[2Jname".into()),
            default: true,
            forced: false,
            problem: problem.map(str::to_owned),
        }
    }

    #[test]
    fn the_exit_code_says_how_much_of_it_plays() {
        let (yes, no) = (track(TrackKind::Video, None), track(TrackKind::Audio, Some("DTS is not supported")));
        let words = track(TrackKind::Subtitle, None);
        let with = |tracks: &[&TrackReport]| Inspection {
            format: "MP4/MOV".into(),
            duration_ns: Some(3_661_002_000_000),
            tracks: tracks.iter().copied().cloned().collect(),
            chapters: vec![(0, "one".into())],
            tags: Vec::new(),
            attachments: Vec::new(),
        };
        for (tracks, code) in [(&[&yes, &words][..], 0), (&[&yes, &no], SOME), (&[&no, &words], 1), (&[&words], 1)] {
            assert_eq!(verdict(&with(tracks)), code);
        }
        let text = describe(&with(&[&yes, &no]));
        let wanted = "MP4/MOV, 1:01:01.002\n  video: H.264, 64×48, deu, \"a [2Jname\"\n";
        assert!(text.starts_with(wanted), "{text}");
        assert!(text.contains("    not played: DTS is not supported\n  chapter 0:00:00.000 one\n"), "{text}");
    }
}
