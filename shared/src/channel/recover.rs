//! Setting a channel right after one of its sides died.

use super::ownership::{SLOTS, Side, SlotWord, State, recovered};
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

/// The frame that a dead consumer held, counted within the region; `None` in a mailbox, or if it held none. To be asked
/// before [`recover`].
pub fn held_by_consumer(channel: &Channel) -> Option<u64> {
    if channel.mode() == Mode::Mailbox {
        return None;
    }
    // Acquire: as in recover().
    let words = channel.words().slots.each_ref().map(|w| SlotWord::decode(w.0.load(Acquire)));
    words.into_iter().find(|w| w.state == State::Reading).map(|w| w.seq)
}

/// Takes frame `seq` away from a dead consumer for good, instead of delivering it again: it has killed two. The same
/// conditions as [`recover`] apply, which is to be called after it.
pub fn discard(channel: &Channel, seq: u64) {
    let word = &channel.words().slots[SlotWord::slot(seq)].0;
    let (held, next) = (SlotWord::new(seq, State::Reading), SlotWord::new(seq + SLOTS as u64, State::Free));
    // AcqRel: the slot goes back to the producer with everything the dead consumer did to it. The doorbell is rung by
    // recover().
    let _ = word.compare_exchange(held.encode(), next.encode(), AcqRel, Acquire);
}
