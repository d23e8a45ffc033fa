//! Setting a channel right after one of its sides died.

use super::bug::{Bug, order, seeded};
use super::doorbell::Doorbell;
use super::ownership::{SLOTS, Side, SlotWord, State, recovered};
use super::probe::{Step, hit};
use super::region::{Channel, Mode};
use crate::sync::Ordering::{Relaxed, Release};

/// Sets the dead side's slots right and rings for both. How many slots were reset.
///
/// Only after `waitid` has reported the death (invariant I3: a reaped process writes nothing any more; a role never
/// forks, so nobody else holds its mapping). The survivor may be running: it never writes a word in a state that belongs
/// to the dead side (invariant I9), so each compare-and-swap here meets nobody. May be repeated.
///
/// The dead side may have changed a word and not rung, or taken a token that somebody rang for it, say for the end of the
/// stream; nobody can tell. So each doorbell is rung once: a token too many is harmless.
pub fn recover<D: Doorbell>(channel: &Channel<D>, dead: Side) -> usize {
    let mut resets = 0;
    if channel.mode() == Mode::Fifo {
        for slot in &channel.words().slots {
            // Relaxed: the dead side's words are final, since its death came before this; no word of the survivor's is
            // acted upon.
            let raw = slot.word.load(Relaxed);
            if let Some(next) = reset(SlotWord::decode(raw), dead) {
                // Relaxed: a successor starts after this, and what it takes over it reads or writes after that. A frame
                // made READY again stays in the release sequence of its producer's store.
                resets += usize::from(slot.word.compare_exchange(raw, next.encode(), Relaxed, Relaxed).is_ok());
                hit(Step::SlotReset);
            }
        }
    }
    let (own, other) = match dead {
        Side::Producer => (&channel.empty, &channel.filled),
        Side::Consumer => (&channel.filled, &channel.empty),
    };
    if !seeded(Bug::NoPostAfterDeath) {
        own.post();
        hit(Step::OwnRung);
        other.post();
    }
    hit(Step::RecoveryRung);
    resets
}

/// [`recovered`], right or wrong.
fn reset(word: SlotWord, dead: Side) -> Option<SlotWord> {
    match (dead, word.state) {
        _ if seeded(Bug::NoReset) => None,
        (Side::Producer, State::Reading) if seeded(Bug::ResetsSurvivor) => {
            Some(SlotWord::new(word.seq + SLOTS as u64, State::Free))
        }
        (Side::Consumer, State::Writing) if seeded(Bug::ResetsSurvivor) => Some(SlotWord::new(word.seq, State::Ready)),
        _ => recovered(word, dead),
    }
}

/// The frame that a dead consumer held, counted within the region; `None` in a mailbox, or if it held none. To be asked
/// before [`recover`].
pub fn held_by_consumer<D>(channel: &Channel<D>) -> Option<u64> {
    if channel.mode() == Mode::Mailbox {
        return None;
    }
    // Relaxed: as in recover().
    let words = channel.words().slots.each_ref().map(|s| SlotWord::decode(s.word.load(Relaxed)));
    words.into_iter().find(|w| w.state == State::Reading).map(|w| w.seq)
}

/// Takes frame `seq` away from a dead consumer for good, instead of delivering it again: it has killed two. The same
/// conditions as [`recover`] apply, which is to be called after it.
pub fn discard<D>(channel: &Channel<D>, seq: u64) {
    let word = &channel.words().slots[SlotWord::slot(seq)].word;
    let (held, next) = (SlotWord::new(seq, State::Reading), SlotWord::new(seq + SLOTS as u64, State::Free));
    // Release: the slot goes to the producer, which may be running, after everything the dead consumer read from it. The
    // doorbell is rung by recover().
    let release = order(Bug::RelaxedDiscard, Release);
    let _ = word.compare_exchange(held.encode(), next.encode(), release, Relaxed);
}
