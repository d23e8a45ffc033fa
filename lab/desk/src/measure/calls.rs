//! One small frame through each mechanism, all stops of both sides at once. What steps them is `ways`, where a learner does it by key.

use serde::{Deserialize, Serialize};
use tricine_stress::sys::trace::Tracer;

use crate::Result;
use crate::ways::{MECHANISMS, Part, Scene, Stop};

/// One frame's way.
#[derive(Serialize, Deserialize)]
pub(crate) struct Way {
    pub(super) mechanism: String,
    pub(super) stops: Vec<Stop>,
}

impl Way {
    /// System calls of both sides.
    pub(super) fn finished(&self) -> usize {
        self.stops.iter().filter(|s| s.is_over()).count()
    }
}

/// The reader comes first and sleeps, the writer writes, the reader wakes up; or the writer comes first, if nobody is to sleep.
fn way(tracer: &Tracer, part: &Part, mechanism: usize, reader_first: bool, name: &str) -> Result<Way> {
    let mut scene = Scene::begin(tracer, part.session(), mechanism)?;
    let asleep = reader_first && scene.go(1)?;
    scene.go(0)?;
    if asleep || !reader_first {
        scene.go(1)?;
    }
    // A call's entry is no line of its own in a list: where it came back, it entered.
    let stops = scene.stops.into_iter().filter(|s| s.result != "enters").collect();
    Ok(Way { mechanism: name.into(), stops })
}

/// All of them, in a process of one thread.
pub(super) fn work(part: &Part) -> Result<Vec<Way>> {
    let tracer = Tracer::new()?;
    let mut all = vec![];
    for (i, (name, _)) in MECHANISMS.iter().enumerate() {
        match *name {
            "shared memory" => {
                all.push(way(&tracer, part, i, true, "shared memory, the reader asleep")?);
                all.push(way(&tracer, part, i, false, "shared memory, nobody asleep")?);
            }
            // A kernel without queues is no reason to show nothing.
            "posix-mq" => all.extend(way(&tracer, part, i, true, name)),
            name => all.push(way(&tracer, part, i, true, name)?),
        }
    }
    Ok(all)
}

/// For people.
pub(super) fn table(ways: &[Way]) -> String {
    let mut text = String::from("One frame of 64 bytes, stopped at each system call of both sides:\n```\n");
    for w in ways {
        text += &format!("{}\n", w.mechanism);
        for (i, s) in w.stops.iter().enumerate() {
            text += &format!("  {:>2}. {:<8}{:<18}{}\n", i + 1, s.who, s.call, s.result);
        }
        if w.stops.is_empty() {
            text += "   no system call at all: the frame is there, and was read\n";
        }
    }
    text + "```\n"
}
