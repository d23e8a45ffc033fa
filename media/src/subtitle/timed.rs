//! What changes with time within an event of ASS: how far a look is on its way to another one, and which syllable is sung.

use super::ass::Sheet;
use super::cue::{Look, Place};
use super::overrides::{FULL, Mode, overrides, scaled};

/// How often what changes little by little is looked at, in ms: about once for each picture of most films.
const STEP_MS: f32 = 40.0;

/// The colour of what is not sung yet, where nobody says one.
pub(super) const CYAN: u32 = 0xff00_ffff;

/// How a syllable is sung.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum How {
    /// At once, by its colour.
    Turned,
    /// Little by little, from one side to the other.
    Swept,
    /// At once, by its colour and its edge.
    Edged,
}

/// A syllable, and from when to when it is sung, in ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Syllable {
    how: How,
    from_ms: f32,
    to_ms: f32,
}

impl Mode {
    /// That something changes at a time, if that is still to come.
    fn changes_at(&mut self, ms: f32) {
        if ms > self.at_ms {
            self.next_ms = Some(self.next_ms.map_or(ms, |next_ms| next_ms.min(ms)));
        }
    }

    /// That something changes from one time to another; `near`: little by little.
    fn changes(&mut self, from_ms: f32, to_ms: f32) {
        self.changes_at(from_ms);
        if self.at_ms >= from_ms && self.at_ms < to_ms {
            // At times that are the same for all that changes.
            self.changes_at((((self.at_ms + 1.0) / STEP_MS).floor() * STEP_MS + STEP_MS).min(to_ms));
        }
    }

    /// A syllable of karaoke begins; `false` if the word is no such.
    pub(super) fn sing(&mut self, word: &str) -> bool {
        let named = |name: &str| word.strip_prefix(name).and_then(|long| long.trim().parse::<f32>().ok());
        let said = named("kf").or_else(|| named("K")).map(|long| (How::Swept, long));
        let said = said.or_else(|| named("ko").map(|long| (How::Edged, long)));
        let said = said.or_else(|| named("k").map(|long| (How::Turned, long)));
        if let Some(to) = named("kt") {
            self.sung_ms = to * 10.0;
        }
        let Some((how, long)) = said.filter(|(_, long)| long.is_finite()) else { return named("kt").is_some() };
        let (from_ms, to_ms) = (self.sung_ms, self.sung_ms + long * 10.0);
        self.sung_ms = to_ms;
        self.syllable = Some(Syllable { how, from_ms, to_ms });
        self.syllables = self.syllables.wrapping_add(1);
        if how == How::Swept {
            self.changes(from_ms, to_ms)
        } else {
            self.changes_at(from_ms)
        }
        true
    }

    /// How letters look at this time, if they are sung.
    pub(super) fn sung(&self, look: &Look) -> Look {
        let Some(Syllable { how, from_ms, to_ms }) = self.syllable else { return look.clone() };
        let second = look.second.unwrap_or(CYAN);
        let begun = self.at_ms >= from_ms;
        let mut look = Look { syllable: self.syllables, ..look.clone() };
        match how {
            How::Swept if begun && self.at_ms < to_ms => {
                look.sweep = Some((second, (self.at_ms - from_ms) / (to_ms - from_ms)));
            }
            _ if begun => {}
            How::Edged => {
                look.color = Some(second);
                look.edge = look.edge.map(|edge| edge & !FULL).or(Some(0));
                look.border = Some(0.0);
            }
            How::Turned | How::Swept => look.color = Some(second),
        }
        look
    }

    /// Does what `\t` says: its overrides count as far as their time has come.
    pub(super) fn change(&mut self, arguments: &str, sheet: &Sheet, base: &Look, look: &mut Look, place: &mut Place) {
        // One within another is none.
        if std::mem::replace(&mut self.changing, true) {
            return;
        }
        let (said, inner) = arguments.split_at(arguments.find('\\').unwrap_or(arguments.len()));
        let numbers: Vec<f32> =
            said.split(',').map_while(|n| n.trim().parse().ok()).filter(|n: &f32| n.is_finite()).collect();
        let (from_ms, to_ms, power) = match *numbers.as_slice() {
            [power] => (0.0, 0.0, power),
            [from, to] => (from, to, 1.0),
            [from, to, power, ..] => (from, to, power),
            [] => (0.0, 0.0, 1.0),
        };
        let to_ms = if to_ms == 0.0 { self.lasts_ms } else { to_ms };
        let part = if self.at_ms < from_ms {
            0.0
        } else if self.at_ms >= to_ms {
            1.0
        } else {
            ((self.at_ms - from_ms) / (to_ms - from_ms)).powf(power.clamp(0.0, 100.0))
        };
        self.changes(from_ms, to_ms);
        overrides(inner, sheet, base, look, place, self, part);
        self.changing = false;
    }
}

/// A number on its way to another one.
pub(super) fn between(from: f32, to: f32, part: f32) -> f32 {
    from + (to - from) * part
}

/// A look on its way to another one.
pub(super) fn mixed(from: &Look, to: Look, part: f32) -> Look {
    if part >= 1.0 {
        return to;
    }
    let color = |from: Option<u32>, to: Option<u32>, plain: u32| {
        let (a, b) = (from.unwrap_or(plain), to.unwrap_or(plain));
        let channel = |at: u32| (between((a >> at & 255) as f32, (b >> at & 255) as f32, part).round() as u32) << at;
        if from == to { to } else { Some(channel(24) | channel(16) | channel(8) | channel(0)) }
    };
    let some = |from: Option<f32>, to: Option<f32>| match (from, to) {
        (Some(from), Some(to)) => Some(between(from, to, part)),
        _ => to,
    };
    let (a, b) = (from.scale.unwrap_or((1.0, 1.0)), to.scale.unwrap_or((1.0, 1.0)));
    Look {
        color: color(from.color, to.color, !0),
        second: color(from.second, to.second, CYAN),
        edge: color(from.edge, to.edge, FULL),
        shade: color(from.shade, to.shade, FULL),
        size: some(from.size, to.size),
        border: some(from.border, to.border),
        shadow: between(from.shadow, to.shadow, part),
        blur: between(from.blur, to.blur, part),
        spacing: between(from.spacing, to.spacing, part),
        scale: scaled(between(a.0, b.0, part), between(a.1, b.1, part)),
        ..to
    }
}
