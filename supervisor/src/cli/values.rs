//! What the values of options mean.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use tricine_session::channel::Mode;
use tricine_session::clock::{MAX_SPEED, MIN_SPEED};
use tricine_session::link::{DisplaySpec, SinkSpec};
use tricine_session::name::Name;

use super::{Audio, Display, Sid};

/// Nanoseconds in a second.
const NS: f64 = 1e9;

pub(super) fn parse_display(text: OsString) -> Result<Display, String> {
    Ok(match text.as_bytes() {
        b"auto" => Display::Auto,
        b"window" => Display::Is(DisplaySpec::Window),
        b"terminal" => Display::Is(DisplaySpec::Terminal),
        b"none" => Display::Is(DisplaySpec::None),
        bytes => match bytes.strip_prefix(b"framemd5=") {
            Some(path) if !path.is_empty() => Display::Is(DisplaySpec::FrameMd5(absolute(path)?)),
            _ => return Err("use auto, window, terminal, none or framemd5=PATH".into()),
        },
    })
}

pub(super) fn parse_audio(text: OsString) -> Result<Audio, String> {
    Ok(match text.as_bytes() {
        b"auto" => Audio::Is(SinkSpec::Auto),
        b"pulse" => Audio::Is(SinkSpec::Pulse),
        b"null" => Audio::Is(SinkSpec::Null),
        b"none" => Audio::None,
        bytes => match bytes.strip_prefix(b"wav=") {
            Some(path) if !path.is_empty() => Audio::Is(SinkSpec::Wav(absolute(path)?)),
            _ => return Err("use auto, pulse, null, none or wav=PATH".into()),
        },
    })
}

/// The name of an input. An empty one is a script's variable without a value, not the demo.
pub(super) fn parse_name(name: OsString) -> Result<Name, String> {
    if name.is_empty() {
        Err("an empty name names nothing; leave it out to play the demo".into())
    } else {
        Ok(name.into())
    }
}

/// As seen from the root: a role need not stay in the folder where it was started.
fn absolute(path: &[u8]) -> Result<Name, String> {
    if path == b"-" {
        return Ok(OsStr::from_bytes(path).to_owned().into());
    }
    std::path::absolute(OsStr::from_bytes(path)).map(Name::from).map_err(|e| e.to_string())
}

/// Whether interlaced pictures are made whole ones.
pub(super) fn parse_deinterlace(text: &str) -> Result<bool, String> {
    match text {
        "auto" => Ok(true),
        "no" => Ok(false),
        _ => Err("write auto or no".into()),
    }
}

pub(super) fn parse_mode(text: &str) -> Result<Mode, String> {
    match text {
        "fifo" => Ok(Mode::Fifo),
        "mailbox" => Ok(Mode::Mailbox),
        _ => Err("use fifo or mailbox".into()),
    }
}

/// `90`, `1:30` or `1:02:03.5`, in ns.
pub(super) fn parse_time(text: &str) -> Result<i64, String> {
    let wrong = || "use seconds, M:S or H:M:S, such as 90, 1:30 or 1:02:03.5".to_owned();
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() > 3 {
        return Err(wrong());
    }
    let mut seconds = 0.0;
    for (i, part) in parts.iter().enumerate() {
        let last = i + 1 == parts.len();
        let plain = !part.is_empty() && part.chars().all(|c| c.is_ascii_digit() || (last && c == '.'));
        let value: f64 = part.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
        if i > 0 && value >= 60.0 {
            return Err(wrong());
        }
        seconds = seconds * 60.0 + value;
    }
    // 100 days: far beyond any film, and far from overflowing.
    if seconds > 8.64e6 { Err(wrong()) } else { Ok((seconds * NS).round() as i64) }
}

pub(super) fn parse_length(text: &str) -> Result<i64, String> {
    parse_time(text).and_then(|ns| if ns > 0 { Ok(ns) } else { Err("use more than 0, such as 90 or 1:30".into()) })
}

pub(super) fn parse_loop(text: &str) -> Result<u64, String> {
    match text {
        "inf" => Ok(u64::MAX),
        _ => text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "use a number of times, at least 1".into()),
    }
}

/// How long a picture is shown, in ns: seconds, up to a day.
pub(super) fn parse_picture(text: &str) -> Result<i64, String> {
    let ns = parse_time(text).ok().filter(|ns| (1_000_000..=86_400_000_000_000).contains(ns));
    ns.ok_or_else(|| "use seconds, more than 0, such as 5 or 0.5".into())
}

/// Pictures a second, such as `25`, `23.976` or `30000/1001`: how long each is shown, in ns.
pub(super) fn parse_fps(text: &str) -> Result<i64, String> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0);
    let rate = match text.split_once('/') {
        Some((num, den)) => number(num).zip(number(den)).map(|(num, den)| num / den),
        None => number(text),
    };
    let rate = rate.filter(|rate| (0.001..=1000.0).contains(rate));
    rate.map(|rate| (NS / rate).round() as i64).ok_or_else(|| "use pictures a second, such as 25 or 30000/1001".into())
}

pub(super) fn parse_track(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "use a track's number, from 1".into())
}

pub(super) fn parse_subtitle(text: &str) -> Result<Sid, String> {
    match text {
        "auto" => Ok(Sid::Auto),
        "no" => Ok(Sid::Is(0)),
        number => number.parse().map(Sid::Is).map_err(|_| "use a track's number, from 1, or no, or auto".into()),
    }
}

/// In ms.
pub(super) fn parse_delay(text: &str) -> Result<i32, String> {
    let seconds = text.parse::<f64>().ok().filter(|s| s.abs() <= 3_600.0);
    seconds.map(|s| (s * 1000.0).round() as i32).ok_or_else(|| "use seconds, up to an hour, such as -1.5".into())
}

pub(super) fn parse_speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|s| (MIN_SPEED..=MAX_SPEED).contains(s));
    speed.ok_or_else(|| format!("use a number from {MIN_SPEED} to {MAX_SPEED}"))
}

pub(super) fn parse_volume(text: &str) -> Result<u8, String> {
    text.parse().ok().filter(|volume| *volume <= 100).ok_or_else(|| "use a whole number from 0 to 100".into())
}

pub(super) fn parse_limit(text: &str) -> Result<(usize, Duration), String> {
    let limit = text.split_once('/').and_then(|(count, seconds)| {
        let seconds: f64 = seconds.parse().ok().filter(|s: &f64| *s > 0.0 && *s < 1e6)?;
        Some((count.parse().ok()?, Duration::from_secs_f64(seconds)))
    });
    limit.ok_or_else(|| "use N/SECONDS, such as 5/10".into())
}

/// MiB, in bytes.
pub(super) fn parse_memory(text: &str) -> Result<u64, String> {
    let bytes = text.parse::<u64>().ok().filter(|mib| *mib >= 64).and_then(|mib| mib.checked_mul(1 << 20));
    bytes.ok_or_else(|| "use a whole number of MiB, at least 64".into())
}

pub(super) fn parse_session(text: &str) -> Result<String, String> {
    tricine_channel::namespace::check_name(text).map(|()| text.to_owned()).map_err(|e| e.to_string())
}
