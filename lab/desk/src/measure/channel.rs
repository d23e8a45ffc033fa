//! The shipped channel, both sides, killed after every instruction; then the real recovery runs, a successor goes on,
//! and the sleeper has to come to its end. What steps it is `real`.

use serde_json::json;

use super::{Measured, Task, told};
use crate::Result;
use crate::real::{Part, scene::Show};

pub(super) fn measure(session: &str) -> Result<Measured> {
    let shows: Vec<Show> = told(&Task::Channel(Part::new(session)))?;
    let mut says = String::new();
    for show in &shows {
        let producer = show.dies == "producer";
        says += if producer {
            "**The producer dies.** It publishes frame 0, one instruction at a time, beside a consumer that sleeps.\n"
        } else {
            "\n**The consumer dies.** It takes and releases frame 0 of a full ring, beside a producer that sleeps.\n"
        };
        says += &format!("```\n{:>5}  {:<24}killed here, and recovered\n", "", "change");
        for s in &show.steps {
            let frame = match (producer, s.after.done) {
                (true, true) => "frame 0 was there",
                (true, false) => "frame 0 filled again",
                (false, true) => "frame 0 done with",
                (false, false) => "frame 0 given again",
            };
            let whole = if s.after.whole { "all whole" } else { "NOT WHOLE" };
            says += &format!("{:>5}  {:<24}{frame}; {whole}\n", s.instructions, s.change);
        }
        let bad = if show.bad.is_empty() { "all whole".into() } else { format!("NOT WHOLE at {:?}", show.bad) };
        says += &if show.kills > show.instructions {
            format!("```\nKilled before its first instruction and after each of its {}: {bad}.\n", show.instructions)
        } else {
            format!("```\nKilled at {} of its {} instructions: {bad}.\n", show.kills, show.instructions + 1)
        };
    }
    says += "\n*Whole*: each frame arrived whole and in order, and nobody slept on. The real recovery ran each time. It changed no word of a frame: it gave the claim back and posted both semaphores.";
    if shows.iter().any(|s| !s.bad.is_empty() || s.steps.iter().any(|s| !s.after.whole)) {
        says += "\n\n**A frame was not whole, or somebody slept on: that is a bug of Tricine. Please report it.**";
    }
    Ok(Measured { says, figures: json!(shows), ..Measured::default() })
}
