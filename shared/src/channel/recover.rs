//! Setting a channel right after one of its sides died.

use super::ownership::{Side, SlotWord, recovered};
use super::probe::{Step, hit};
use super::region::{Channel, Mode};
use crate::sync::Ordering::{AcqRel, Acquire};

/// Sets the dead side's slots right and rings for both. How many slots were reset.
///
/// Only after `waitid` has reported the death (invariant I3: a reaped process writes nothing any more; a role never
/// forks, so nobody else holds its mapping). The survivor may be running: it never writes a word in a state that belongs
/// to the dead side, so each compare-and-swap here meets nobody. May be repeated.
///
/// The dead side may have taken a token and not used it, or changed a word and not rung; nobody can tell. So its own
/// doorbell is rung once for each slot reset and at least once, the other once: too many is harmless.
pub fn recover(channel: &Channel, dead: Side) -> usize {
    let mut resets = 0;
    if channel.mode() == Mode::Fifo {
        for word in &channel.words().slots {
            // Acquire: what the dead side wrote before this word is visible to us; its death made it final.
            let raw = word.0.load(Acquire);
            if let Some(next) = recovered(SlotWord::decode(raw), dead) {
                // AcqRel: hands the slot on with everything the dead side did to it.
                resets += usize::from(word.0.compare_exchange(raw, next.encode(), AcqRel, Acquire).is_ok());
                hit(Step::SlotReset);
            }
        }
    }
    let (own, other) = match dead {
        Side::Producer => (&channel.empty, &channel.filled),
        Side::Consumer => (&channel.filled, &channel.empty),
    };
    for _ in 0..resets.max(1) {
        own.post();
    }
    other.post();
    hit(Step::RecoveryRung);
    resets
}
