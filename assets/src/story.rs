//! The story as a simulation: the words of one channel, two semaphores and two roles, stepped once a film frame.
//!
//! It follows the channel's real protocol in slow motion: one travelling frame a second. It counts these frames from 1, as
//! `seq` does, so the number on a picture is the `seq` that publishes it. It knows nothing of pixels; the stage draws what a
//! [`Moment`] says.

use crate::film::{FPS, FRAMES};

/// A word in shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) value: u32,
    /// Film frame of the last store.
    pub(crate) since: u32,
}

impl Word {
    fn store(&mut self, value: u32, now: u32) {
        *self = Word { value, since: now };
    }
}

/// A travelling frame in the hands of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) number: u32,
    /// Film frame in which the role took it.
    pub(crate) since: u32,
    /// Film frame in which the role was killed over it.
    pub(crate) stopped: Option<u32>,
}

impl Work {
    fn begun(number: u32, now: u32) -> Option<Work> {
        Some(Work { number, since: now, stopped: None })
    }

    /// Film frames that the role has spent on it.
    pub(crate) fn age(self, now: u32) -> u32 {
        self.stopped.unwrap_or(now) - self.since
    }
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
    /// The travelling frame that it works on, or will.
    pub(crate) number: u32,
}

/// Who posts a semaphore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    Decoder,
    Renderer,
    Supervisor,
}

/// A post of a semaphore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ring {
    pub(crate) at: u32,
    pub(crate) by: Actor,
}

/// Everything that the stage shows of one film frame.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// Of each slot: the newest frame that is complete there. The decoder's words.
    pub(crate) seq: [Word; 3],
    /// The newest frame that is done with. The renderer's word.
    pub(crate) released: Word,
    /// The frame that the decoder fills in; it stays in its slot half-written if the decoder is killed.
    pub(crate) filling: Option<Work>,
    /// The frame that the renderer reads.
    pub(crate) reading: Option<Work>,
    pub(crate) decoder: Role,
    pub(crate) renderer: Role,
    /// The last posts of «empty» and of «filled».
    pub(crate) rings: [Option<Ring>; 2],
    /// The number on the renderer's screen, and since when.
    pub(crate) shown: Option<(u32, u32)>,
}

/// Film frames that a picture needs from its slot to the screen.
pub(crate) const FLIGHT: u32 = 12;
/// Film frames from the first block of a frame to its publication.
pub(crate) const WRITE: u32 = 18;
/// Film frames that the decoder needs between two frames.
pub(crate) const DECODE: u32 = 8;
/// Film frames from a post of «empty» until the decoder is awake.
const WAKE: u32 = 4;
/// Film frames for which a frame is held after it appeared.
const HOLD: u32 = 6;
/// When the decoder is killed, when recovery posts, when its successor starts.
pub(crate) const DECODER_CRASH: [u32; 3] = [21 * FPS + 23, 22 * FPS + 11, 22 * FPS + 21];
/// The same for the renderer.
pub(crate) const RENDERER_CRASH: [u32; 3] = [30 * FPS - 6, 31 * FPS, 31 * FPS + 14];

/// The whole story, one moment a film frame.
pub(crate) fn tell() -> Vec<Moment> {
    let word = Word { value: 0, since: 0 };
    let role = |pid| Role { pid, alive: true, since: 0, rested: 0, number: 1 };
    let mut moment = Moment {
        seq: [word; 3],
        released: word,
        filling: None,
        reading: None,
        decoder: role(4101),
        renderer: role(4103),
        rings: [None; 2],
        shown: None,
    };
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
    (number as usize - 1) % 3
}

impl Moment {
    /// The decoder's step: begin a frame whose slot is free, or publish the one that is complete.
    fn decode(&mut self, now: u32) {
        let number = self.decoder.number;
        match self.filling {
            Some(work) if work.stopped.is_none() => {
                if work.age(now) == WRITE {
                    self.seq[slot_of(number)].store(number, now);
                    self.rings[1] = Some(Ring { at: now, by: Actor::Decoder });
                    self.filling = None;
                    self.decoder.number += 1;
                    self.decoder.rested = now;
                }
            }
            _ => {
                let awake = now >= (self.released.since + WAKE).max(self.decoder.rested + DECODE);
                if awake && number <= self.released.value + 3 {
                    self.filling = Work::begun(number, now);
                }
            }
        }
    }

    /// The renderer's step: take a complete frame in time, show it at a whole second, release it.
    fn render(&mut self, now: u32) {
        let number = self.renderer.number;
        match self.reading {
            Some(work) if work.stopped.is_none() => {
                if work.age(now) == FLIGHT {
                    self.shown = Some((number, now));
                } else if work.age(now) == FLIGHT + HOLD {
                    self.released.store(number, now);
                    self.rings[0] = Some(Ring { at: now, by: Actor::Renderer });
                    self.reading = None;
                    self.renderer.number += 1;
                    self.renderer.rested = now;
                }
            }
            _ => {
                if self.seq[slot_of(number)].value == number && (now + FLIGHT).is_multiple_of(FPS) {
                    self.reading = Work::begun(number, now);
                }
            }
        }
    }

    /// The two crashes: a death, recovery's two posts, a successor that finds its place by the words.
    fn crash(&mut self, now: u32) {
        let by_words = [self.seq.map(|word| word.value).into_iter().max().unwrap_or(0) + 1, self.released.value + 1];
        let sides = [
            (DECODER_CRASH, 4117, &mut self.decoder, &mut self.filling),
            (RENDERER_CRASH, 4124, &mut self.renderer, &mut self.reading),
        ];
        for (([killed, recovered, started], pid, role, work), number) in sides.into_iter().zip(by_words) {
            if now == killed {
                *role = Role { alive: false, since: now, ..*role };
                if let Some(work) = work {
                    work.stopped = Some(now);
                }
            } else if now == recovered {
                self.rings = [Some(Ring { at: now, by: Actor::Supervisor }); 2];
            } else if now == started {
                *role = Role { pid, alive: true, since: now, rested: now, number };
            }
        }
        if now == RENDERER_CRASH[0] {
            self.shown = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each film frame with the moment before it and its own.
    fn steps() -> Vec<(u32, Moment, Moment)> {
        let story = tell();
        story.windows(2).zip(1..).map(|(pair, now)| (now, pair[0].clone(), pair[1].clone())).collect()
    }

    #[test]
    fn each_word_has_one_writer_who_is_alive_and_only_raises_it() {
        let (mut published, mut released) = (0, 0);
        for (now, before, after) in steps() {
            for slot in 0..3 {
                if before.seq[slot] != after.seq[slot] {
                    published += 1;
                    assert!(before.decoder.alive && after.decoder.alive, "film frame {now}");
                    assert_eq!((slot, after.seq[slot].value), (slot_of(published), published));
                    assert_eq!(before.filling.map(|work| work.number), Some(published));
                }
            }
            if before.released != after.released {
                released += 1;
                assert!(before.renderer.alive && after.renderer.alive, "film frame {now}");
                assert_eq!(after.released.value, released);
                assert_eq!(before.reading.map(|work| work.number), Some(released));
            }
        }
        assert!(published >= 38 && released >= 36, "{published} {released}");
    }

    #[test]
    fn a_slot_is_filled_only_when_its_frame_is_done_with_and_read_only_when_it_is_complete() {
        for moment in tell() {
            if let Some(work) = moment.filling {
                assert!(moment.seq[slot_of(work.number)].value <= moment.released.value);
                assert_ne!(moment.reading.map(|work| slot_of(work.number)), Some(slot_of(work.number)));
            }
            if let Some(work) = moment.reading {
                assert_eq!(
                    (moment.seq[slot_of(work.number)].value, work.number),
                    (work.number, moment.released.value + 1)
                );
            }
        }
    }

    #[test]
    fn each_number_is_presented_exactly_once_in_order_at_a_whole_second() {
        let mut shown: Vec<_> = tell().iter().filter_map(|moment| moment.shown).collect();
        shown.dedup();
        assert!(shown.iter().all(|(_, at)| at.is_multiple_of(FPS)));
        let numbers: Vec<_> = shown.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (1..=numbers.len() as u32).collect::<Vec<_>>());
        assert!(numbers.len() >= 36);
    }

    #[test]
    fn the_film_goes_on_at_every_second_of_the_decoder_crash() {
        let story = tell();
        for second in 20..=29 {
            let (_, since) = story[(second * FPS) as usize].shown.unwrap();
            assert_eq!(since, second * FPS);
        }
    }

    #[test]
    fn a_death_leaves_a_frame_half_done_and_the_successor_does_the_same_frame_again() {
        let story = tell();
        for ([killed, _, started], work, next) in [
            (
                DECODER_CRASH,
                (|m| m.filling) as fn(&Moment) -> Option<Work>,
                (|m| m.decoder.number) as fn(&Moment) -> u32,
            ),
            (RENDERER_CRASH, |m| m.reading, |m| m.renderer.number),
        ] {
            let left = work(&story[killed as usize]).expect("it is killed in the middle of a frame");
            assert_eq!(left.stopped, Some(killed));
            assert_eq!(next(&story[started as usize]), left.number);
            let again = story[started as usize..].iter().filter_map(work).find(|work| work.stopped.is_none()).unwrap();
            assert_eq!(again.number, left.number);
        }
    }

    #[test]
    fn recovery_posts_both_semaphores_once_and_changes_no_word() {
        let by_supervisor = |moment: &Moment| moment.rings.map(|r| r.filter(|r| r.by == Actor::Supervisor));
        let mut recovered = Vec::new();
        for (now, before, after) in steps() {
            let posts = by_supervisor(&after).map(|ring| ring.is_some_and(|ring| ring.at == now));
            if posts != [false; 2] {
                assert_eq!((posts, before.seq, before.released), ([true; 2], after.seq, after.released));
                recovered.push(now);
            }
        }
        assert_eq!(recovered, [DECODER_CRASH[1], RENDERER_CRASH[1]]);
    }

    #[test]
    fn a_semaphore_is_posted_at_each_publish_and_each_release_and_by_recovery() {
        for (now, before, after) in steps() {
            let recovery = [DECODER_CRASH, RENDERER_CRASH].iter().any(|crash| crash[1] == now);
            let due = [before.released != after.released || recovery, before.seq != after.seq || recovery];
            assert_eq!(after.rings.map(|ring| ring.is_some_and(|ring| ring.at == now)), due, "film frame {now}");
        }
    }
}
