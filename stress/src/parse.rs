//! What single options mean: text into values.

use tricine_channel::channel::Mode;
use tricine_session::frame::MAX_SIDE;

use crate::case::{Guard, Transport};

/// One of several, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice<T> {
    All,
    One(T),
}

/// A frame size as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Picture(u32, u32),
    Bytes(usize),
}

/// `--rate`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rate {
    Max,
    Fps(f64),
}

pub(crate) fn choice<T: clap::ValueEnum>(text: &str) -> Result<Choice<T>, String> {
    if text == "all" {
        return Ok(Choice::All);
    }
    T::from_str(text, false).map(Choice::One).map_err(|_| {
        let names: Vec<String> =
            T::value_variants().iter().filter_map(|v| Some(v.to_possible_value()?.get_name().to_owned())).collect();
        format!("use all or some of {}", names.join(", "))
    })
}

pub(crate) fn parse_transport(text: &str) -> Result<Choice<Transport>, String> {
    choice(text)
}

pub(crate) fn parse_guard(text: &str) -> Result<Choice<Guard>, String> {
    choice(text)
}

pub(crate) fn parse_mode(text: &str) -> Result<Mode, String> {
    match text {
        "fifo" => Ok(Mode::Fifo),
        "mailbox" => Ok(Mode::Mailbox),
        _ => Err("use fifo or mailbox".into()),
    }
}

pub(crate) fn parse_size(text: &str) -> Result<Size, String> {
    if let Some((w, h)) = text.split_once('x') {
        let side = |s: &str| s.parse().ok().filter(|s| (1..=MAX_SIDE).contains(s));
        return side(w)
            .zip(side(h))
            .map(|(w, h)| Size::Picture(w, h))
            .ok_or_else(|| format!("use sides of 1 to {MAX_SIDE}"));
    }
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    let bytes = digits.parse::<usize>().ok().and_then(|n| n.checked_mul(unit));
    bytes.map(Size::Bytes).ok_or_else(|| "use WxH or bytes, such as 1920x1080, 65536, 64K or 1M".into())
}

pub(crate) fn parse_rate(text: &str) -> Result<Rate, String> {
    let fps = || text.parse().ok().filter(|r| (0.1..=1e6).contains(r)).map(Rate::Fps);
    if text == "max" { Ok(Rate::Max) } else { fps().ok_or_else(|| "use max, or 0.1 to 1000000 frames a second".into()) }
}

pub(crate) fn parse_seconds(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|s| (0.01..=86_400.0).contains(s)).ok_or_else(|| "use 0.01 to 86400 seconds".into())
}

pub(crate) fn parse_warmup(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|s| (0.0..=60.0).contains(s)).ok_or_else(|| "use 0 to 60 seconds".into())
}

pub(crate) fn parse_pin(text: &str) -> Result<[usize; 2], String> {
    let pair = text.split_once(',').and_then(|(a, b)| Some([a.parse().ok()?, b.parse().ok()?]));
    pair.filter(|p| p.iter().all(|&c| c < 1024)).ok_or_else(|| "use A,B, two processors' numbers".into())
}

pub(crate) fn parse_session(text: &str) -> Result<String, String> {
    tricine_channel::namespace::check_name(text).map(|()| text.to_owned()).map_err(|e| e.to_string())
}

/// Whether this process may run on that processor. One that cannot ask finds out later.
pub(crate) fn may_use(processor: usize) -> bool {
    let allowed = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0));
    allowed.is_err() || allowed.is_ok_and(|set| set.is_set(processor).unwrap_or(false))
}

/// The ones chosen, each once; of all, those that are `there`.
pub(crate) fn chosen<T: clap::ValueEnum + PartialEq + Copy>(
    choices: &[Choice<T>],
    there: impl Fn(T) -> bool,
) -> Vec<T> {
    let mut list = Vec::new();
    for choice in choices {
        let some = match choice {
            Choice::One(one) => vec![*one],
            Choice::All => T::value_variants().iter().copied().filter(|one| there(*one)).collect(),
        };
        for one in some {
            if !list.contains(&one) {
                list.push(one);
            }
        }
    }
    list
}
