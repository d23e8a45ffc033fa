//! What is shown of a hand-over: the words as words and as bytes, where the side that works stands, and what that means.

use std::fs::File;
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};

use super::place::Place;
use super::scene::{After, BYTES, Scene, WORDS, Words, Works};
use crate::Result;

/// How the side that works is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It stands before an instruction.
    Stands,
    /// Its hand-over is over.
    Over,
    /// It was killed, and reaped.
    Dead,
    /// The real recovery has run.
    Recovered,
    /// A successor has gone on to the film's end.
    Went,
}

/// A word, as a number and as it lies in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Where it is in its object.
    pub(crate) offset: u64,
    pub(crate) value: i64,
    pub(crate) bytes: String,
}

/// Everything that is to be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) works: Works,
    pub(crate) state: State,
    /// Instructions that were carried out, and how many a hand-over has.
    pub(crate) at: usize,
    pub(crate) instructions: usize,
    /// The changes of a whole hand-over, each with the instruction that makes it.
    pub(crate) changes: Vec<(usize, String)>,
    /// What the last act changed.
    pub(crate) changed: Option<String>,
    /// What it means that the words are like this.
    pub(crate) phase: String,
    /// The next instruction.
    pub(crate) place: Option<Place>,
    pub(crate) rows: Vec<Row>,
    /// Of the side that works, and of the one that sleeps.
    pub(crate) pids: [u32; 2],
    /// The film, once it is over.
    pub(crate) after: Option<After>,
}

impl Seen {
    /// A word's value by its name.
    pub(crate) fn value(&self, name: &str) -> Option<i64> {
        self.rows.iter().find(|r| r.name == name).map(|r| r.value)
    }
}

/// Where the words lie, as `docs/layout.md` says: those of the region, and of each semaphore its eight bytes.
const PLACES: [(&str, usize, u64); 14] = [
    ("seq[0]", 0, 0x1000),
    ("meta[0]", 0, 0x1008),
    ("payload[0]", 0, 0x4000),
    ("seq[1]", 0, 0x1080),
    ("seq[2]", 0, 0x1100),
    ("begun", 0, 0x1180),
    ("taken", 0, 0x2080),
    ("released", 0, 0x2000),
    ("producer_asleep", 0, 0x3080),
    ("consumer_asleep", 0, 0x3100),
    ("filled", 2, 0),
    ("empty", 1, 0),
    ("producer_claim", 0, 0x1300),
    ("consumer_claim", 0, 0x2100),
];

/// The names of all rows.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PLACES.iter().map(|p| p.0).chain(["shown"])
}

fn eight(file: &File, offset: u64) -> Result<[u8; 8]> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, offset).map_err(|e| tricine_session::Error::sys("pread", "the channel", e))?;
    Ok(bytes)
}

pub(super) fn rows(scene: &Scene) -> Result<Vec<Row>> {
    let words = scene.words();
    let known = |name: &str| WORDS.iter().position(|w| *w == name).map(|i| words[i]);
    let mut all = vec![];
    for (name, object, offset) in PLACES {
        let bytes = eight(&scene.files[object], offset)?;
        let value = match name {
            // How much of frame 0 is written.
            "payload[0]" => written(&scene.files[0], offset)?,
            name => known(name).unwrap_or(i64::from_le_bytes(bytes)),
        };
        let bytes = bytes.map(|b| format!("{b:02x}")).join(" ");
        all.push(Row { name: name.into(), offset, value, bytes });
    }
    all.push(Row { name: "shown".into(), offset: 0, value: known("shown").unwrap_or(0), bytes: String::new() });
    Ok(all)
}

/// Bytes of frame 0's payload that are as they have to be.
fn written(file: &File, offset: u64) -> Result<i64> {
    let mut bytes = [0; BYTES as usize];
    file.read_exact_at(&mut bytes, offset).map_err(|e| tricine_session::Error::sys("pread", "the channel", e))?;
    Ok(bytes.iter().filter(|b| **b == 1).count() as i64)
}

/// What it means that the words are like this while that side works on frame 0.
pub(super) fn phase(works: Works, words: &Words) -> &'static str {
    let word = |name: &str| WORDS.iter().position(|w| *w == name).map_or(0, |i| words[i]);
    match works {
        Works::Producer if word("begun") == 0 => {
            "acquire: the producer looks for a free slot. Nothing of frame 0 is written."
        }
        Works::Producer if word("seq[0]") == 0 => {
            "write: frame 0 is begun. Payload and meta are written. Nobody reads them before seq[0] is 1."
        }
        Works::Producer if word("consumer_asleep") == 1 => {
            "published: frame 0 is there. Next the producer checks whether the consumer sleeps."
        }
        Works::Producer if word("filled") == 0 => {
            "wake: the consumer's flag is taken back, and nothing is posted yet. The consumer still sleeps."
        }
        Works::Producer => "posted: the consumer may run, and will find frame 0.",
        Works::Consumer if word("taken") == 0 => "acquire: the consumer looks whether frame 0 is there.",
        Works::Consumer if word("shown") == 0 => {
            "read: the consumer reads frame 0. Its slot is not free before released is 1."
        }
        Works::Consumer if word("released") == 0 => {
            "shown: frame 0 was shown, and is not released. A death here shows it again."
        }
        Works::Consumer if word("producer_asleep") == 1 => {
            "released: slot 0 is free. Next the consumer checks whether the producer sleeps."
        }
        Works::Consumer if word("empty") == 0 => {
            "wake: the producer's flag is taken back, and nothing is posted yet. The producer still sleeps."
        }
        Works::Consumer => "posted: the producer may run, and will find slot 0 free.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_of_a_hand_over_begins_another_phase() {
        let mut words: Words = [0; WORDS.len()];
        let mut set = |name: &str, value| {
            words[WORDS.iter().position(|w| *w == name).expect(name)] = value;
            words
        };
        let begun = set("consumer_asleep", 1);
        let states = [begun, set("begun", 1), set("seq[0]", 1), set("consumer_asleep", 0), set("filled", 1)];
        let phases = states.map(|w| phase(Works::Producer, &w).split(':').next().unwrap_or_default());
        assert_eq!(phases, ["acquire", "write", "published", "wake", "posted"]);
        let begun = set("producer_asleep", 1);
        let states =
            [begun, set("taken", 1), set("shown", 1), set("released", 1), set("producer_asleep", 0), set("empty", 1)];
        let phases = states.map(|w| phase(Works::Consumer, &w).split(':').next().unwrap_or_default());
        assert_eq!(phases, ["acquire", "read", "shown", "released", "wake", "posted"]);
    }
}
