//! The story as a simulation: three slots, two doorbells and two roles, stepped once a film frame.
//!
//! It follows the channel's real protocol in slow motion: one travelling frame a second. It knows nothing of pixels;
//! the stage draws what a [`Moment`] says.

use crate::film::{FPS, FRAMES};

/// What a slot's ownership word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Free,
    Writing,
    Ready,
    Reading,
}

/// Who changes an ownership word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    Decoder,
    Renderer,
    Supervisor,
}

impl State {
    /// Whether `by` may turn this state into `next`: the channel's whole protocol.
    pub(crate) fn may_become(self, next: State, by: Actor) -> bool {
        use State::{Free, Reading, Ready, Writing};
        matches!(
            (self, next, by),
            (Free, Writing, Actor::Decoder)
                | (Writing, Ready, Actor::Decoder)
                | (Ready, Reading, Actor::Renderer)
                | (Reading, Free, Actor::Renderer)
                | (Writing, Free, Actor::Supervisor)
                | (Reading, Ready, Actor::Supervisor)
        )
    }
}

/// A slot at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) state: State,
    /// The frame that it holds, or held last.
    pub(crate) number: u32,
    /// Film frame of the last change.
    pub(crate) since: u32,
    /// Who made the last change.
    pub(crate) by: Actor,
}

/// A process at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Role {
    pub(crate) pid: u32,
    pub(crate) alive: bool,
    /// Film frame of its start or of its death.
    pub(crate) since: u32,
    /// Film frame in which it last finished a travelling frame, or started.
    pub(crate) rested: u32,
    /// The travelling frame that it works on.
    pub(crate) number: u32,
}

/// Everything that the stage shows of one film frame.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) slots: [Slot; 3],
    pub(crate) decoder: Role,
    pub(crate) renderer: Role,
    /// Film frame of the last ring of «empty» and of «filled».
    pub(crate) rings: [Option<u32>; 2],
    /// The number on the renderer's screen, and since when.
    pub(crate) shown: Option<(u32, u32)>,
}

/// Film frames that a card needs from one place to the next.
pub(crate) const FLIGHT: u32 = 12;
/// Film frames from WRITING to READY.
pub(crate) const WRITE: u32 = 18;
/// Film frames that the decoder needs between two frames.
const DECODE: u32 = 3;
/// Film frames from «empty» ringing to the decoder having heard it.
const HEAR: u32 = 4;
/// Film frames that a presented frame is held before its slot is released.
const HOLD: u32 = 6;
/// When the decoder is killed, its slot recovered, its successor started.
pub(crate) const DECODER_CRASH: [u32; 3] = [16 * FPS + 20, 17 * FPS + 14, 17 * FPS + 23];
/// The same for the renderer.
pub(crate) const RENDERER_CRASH: [u32; 3] = [23 * FPS - 6, 23 * FPS + 20, 24 * FPS + 4];

/// The whole story, one moment a film frame.
pub(crate) fn tell() -> Vec<Moment> {
    let slot = Slot { state: State::Free, number: 0, since: 0, by: Actor::Supervisor };
    let role = |pid| Role { pid, alive: true, since: 0, rested: 0, number: 0 };
    let mut moment =
        Moment { slots: [slot; 3], decoder: role(4101), renderer: role(4103), rings: [None; 2], shown: None };
    (0..FRAMES)
        .map(|now| {
            moment.crash(now);
            if moment.renderer.alive {
                moment.render(now);
            }
            if moment.decoder.alive {
                moment.decode(now);
            }
            moment.clone()
        })
        .collect()
}

/// The slot in which a frame travels.
pub(crate) fn slot_of(number: u32) -> usize {
    number as usize % 3
}

impl Moment {
    fn set(&mut self, slot: usize, state: State, by: Actor, now: u32) {
        let slot = &mut self.slots[slot];
        debug_assert!(slot.state.may_become(state, by), "{slot:?} to {state:?} by {by:?}");
        *slot = Slot { state, number: slot.number, since: now, by };
        match state {
            State::Free => self.rings[0] = Some(now),
            State::Ready => self.rings[1] = Some(now),
            State::Writing | State::Reading => {}
        }
    }

    /// The decoder's step: take a free slot, or finish the one it writes.
    fn decode(&mut self, now: u32) {
        let number = self.decoder.number;
        let slot = slot_of(number);
        let Slot { state, since, .. } = self.slots[slot];
        if state == State::Free && now >= (since + HEAR).max(self.decoder.rested + DECODE) {
            self.slots[slot].number = number;
            self.set(slot, State::Writing, Actor::Decoder, now);
        } else if state == State::Writing && now == since + WRITE {
            self.set(slot, State::Ready, Actor::Decoder, now);
            self.decoder.number += 1;
            self.decoder.rested = now;
        }
    }

    /// The renderer's step: let go of what was shown, show what has arrived at a whole second, fetch the next in time.
    fn render(&mut self, now: u32) {
        let number = self.renderer.number;
        let slot = slot_of(number);
        let Slot { state, since, .. } = self.slots[slot];
        if state == State::Reading && now == since + FLIGHT {
            self.shown = Some((number, now));
        } else if state == State::Reading && now == since + FLIGHT + HOLD {
            self.set(slot, State::Free, Actor::Renderer, now);
            self.renderer.number += 1;
        } else if state == State::Ready && (now + FLIGHT).is_multiple_of(FPS) {
            self.set(slot, State::Reading, Actor::Renderer, now);
        }
    }

    /// The two crashes: death, recovery by the supervisor, a successor with a new pid.
    fn crash(&mut self, now: u32) {
        let [killed, recovered, started] = DECODER_CRASH;
        if now == killed || now == started {
            let pid = if now == started { 4117 } else { self.decoder.pid };
            self.decoder = Role { pid, alive: now == started, since: now, rested: now, ..self.decoder };
        } else if now == recovered {
            self.set(slot_of(self.decoder.number), State::Free, Actor::Supervisor, now);
        }
        let [killed, recovered, started] = RENDERER_CRASH;
        if now == killed || now == started {
            let pid = if now == started { 4124 } else { self.renderer.pid };
            self.renderer = Role { pid, alive: now == started, since: now, rested: now, ..self.renderer };
            self.shown = None;
        } else if now == recovered {
            self.set(slot_of(self.renderer.number), State::Ready, Actor::Supervisor, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Film frame, slot, state before, slot after, for each change.
    fn changes() -> Vec<(u32, usize, State, Slot)> {
        let story = tell();
        let pairs = story.windows(2).zip(1..);
        pairs
            .flat_map(|(pair, now)| (0..3).map(move |i| (now, i, pair[0].slots[i].state, pair[1].slots[i])))
            .filter(|(_, _, before, after)| *before != after.state)
            .collect()
    }

    #[test]
    fn every_change_of_a_slot_is_one_that_the_protocol_allows_to_who_made_it() {
        let changes = changes();
        assert!(changes.len() > 100);
        for (now, slot, before, after) in changes {
            assert!(before.may_become(after.state, after.by), "film frame {now}, slot {slot}: {before:?} to {after:?}");
            assert_eq!(slot_of(after.number), slot);
        }
    }

    #[test]
    fn nobody_reads_what_is_written_and_a_role_has_one_slot_at_a_time() {
        for moment in tell() {
            for state in [State::Writing, State::Reading] {
                assert!(moment.slots.iter().filter(|slot| slot.state == state).count() <= 1);
            }
        }
    }

    #[test]
    fn each_number_is_presented_exactly_once_in_order_at_a_whole_second() {
        let mut shown: Vec<_> = tell().iter().filter_map(|moment| moment.shown).collect();
        shown.dedup();
        assert!(shown.iter().all(|(_, at)| at.is_multiple_of(FPS)));
        let numbers: Vec<_> = shown.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (0..numbers.len() as u32).collect::<Vec<_>>());
        assert!(numbers.len() >= 28);
    }

    #[test]
    fn the_film_goes_on_at_every_second_of_the_decoder_crash() {
        let story = tell();
        for second in 16..=20 {
            let (_, since) = story[(second * FPS) as usize].shown.unwrap();
            assert_eq!(since, second * FPS);
        }
    }

    #[test]
    fn each_crash_leaves_one_slot_that_only_the_supervisor_gives_back() {
        let given: Vec<_> = changes().into_iter().filter(|(.., after)| after.by == Actor::Supervisor).collect();
        let moves: Vec<_> = given.iter().map(|(now, _, before, after)| (*now, *before, after.state)).collect();
        assert_eq!(
            moves,
            [(DECODER_CRASH[1], State::Writing, State::Free), (RENDERER_CRASH[1], State::Reading, State::Ready)]
        );
    }

    #[test]
    fn a_doorbell_rings_at_each_publish_and_each_release_and_at_nothing_else() {
        let story = tell();
        for (bell, state) in [(0, State::Free), (1, State::Ready)] {
            let mut rung: Vec<_> = story.iter().filter_map(|moment| moment.rings[bell]).collect();
            rung.dedup();
            let due: Vec<_> = changes().iter().filter(|c| c.3.state == state).map(|c| c.0).collect();
            assert_eq!(rung, due);
        }
    }
}
