//! What is played: one input after another, each from its opening to its end.

use super::bug::Bug;
use super::duty::{Leaving, State};
use super::{Action, Event, GaveUp, Kinds, OPEN_NS, Say, Supervision};
use crate::report::Ended;

/// How far the current input is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input {
    /// The next one is being opened, since then, in ns.
    Opening { since_ns: u64 },
    /// It is open; the source of the one before may still be there. `again`: it is the current one.
    Ready { again: bool },
    /// It has its serial. `tracks` is what the source has found in it.
    Playing { tracks: Option<Kinds>, seekable: bool },
}

impl Input {
    pub(super) const fn opening(since_ns: u64) -> Self {
        Self::Opening { since_ns }
    }

    pub(super) const fn is_playing(&self) -> bool {
        matches!(self, Self::Playing { .. })
    }

    /// When it has taken too long to open, in ns.
    pub(super) const fn due_ns(&self) -> Option<u64> {
        if let Self::Opening { since_ns } = self { Some(since_ns.saturating_add(OPEN_NS)) } else { None }
    }
}

impl<R: Copy> Supervision<R> {
    /// Goes on to the next input. The old source is on its way out from here; the others stay as they are.
    pub(super) fn next_input(&mut self) {
        if self.stop.is_none() {
            self.input = Input::opening(self.now_ns);
            self.act(Action::Open);
        }
    }

    /// The opening goes on, and may.
    pub(super) fn opening(&mut self) {
        if let Input::Opening { since_ns } = &mut self.input {
            *since_ns = self.now_ns;
        }
    }

    /// What has become of the opening.
    pub(super) fn answered(&mut self, event: &Event<R>) {
        if !matches!(self.input, Input::Opening { .. }) || self.stop.is_some() {
            return;
        }
        match event {
            Event::Open => self.input = Input::Ready { again: false },
            Event::Unfolded => self.next_input(),
            Event::NotOpen => {
                self.unplayed = true;
                self.next_input();
            }
            _ => self.stop(Ended::Played),
        }
    }

    pub(super) fn not_opened_in_time(&mut self) {
        if !self.seeded(Bug::OpeningWithoutEnd) {
            self.unplayed = true;
            self.say(Say::NoAnswer);
            self.next_input();
        }
    }

    /// Begins an input that is open, once the source of the one before is gone: it would play its own film under the new
    /// serial.
    pub(super) fn begin(&mut self) {
        let Input::Ready { again } = self.input else { return };
        if !again {
            self.changes = 0;
        }
        let gone = !matches!(self.posts[self.plan.source].state, State::Alive(_));
        if !gone && !self.seeded(Bug::SerialBeforeReaped) {
            return;
        }
        if self.begun {
            self.serial = self.serial.wrapping_add(1);
        }
        self.begun = true;
        self.rounds = match self.plan.rounds {
            _ if again => self.rounds,
            _ if self.looping => u64::MAX,
            // The user has put an end to that.
            u64::MAX => 1,
            rounds => rounds,
        };
        self.input = Input::Playing { tracks: None, seekable: false };
        let source = &mut self.posts[self.plan.source];
        (source.skip, source.killed_at) = (false, None);
        source.unschedule();
        let serial = self.serial;
        self.act(Action::Begin { serial, again });
    }

    /// The source says what the input holds. Roles that have nothing to do go, and those that have come.
    pub(super) fn opened(&mut self, role: usize, tracks: Kinds, seekable: bool) {
        let heard = self.posts[role].life().is_some_and(|life| life.leaving.is_none());
        let Input::Playing { tracks: known, .. } = self.input else { return };
        if role != self.plan.source || !heard {
            return;
        }
        let wanted = tracks.and(self.plan.wanted);
        match known {
            // It has nothing for anybody, and is given a moment to say so in its own words.
            _ if wanted.is_empty() => self.leave(role, Leaving::Failed),
            Some(known) if known.and(self.plan.wanted) != wanted && !self.seeded(Bug::TracksIgnored) => {
                // The file is another one than a predecessor read.
                // Each time it plays from its beginning, so only a limit for good is one.
                self.changes += 1;
                if self.changes > self.plan.limit.intensity {
                    return self.give_up(GaveUp::Inputs);
                }
                self.say(Say::OtherTracks);
                self.input = Input::Ready { again: true };
            }
            _ => {
                self.input = Input::Playing { tracks: Some(known.unwrap_or(tracks)), seekable };
                self.act(Action::Holds { first: known.is_none() });
                // Somebody has taken the end of the input before for this one's, and would not say it again.
                if known.is_none() && self.posts.iter().any(|post| post.ended == Some(self.serial)) {
                    self.rewind();
                }
            }
        }
    }

    /// A consumer has come to the end: if all have, the input is over.
    pub(super) fn ended(&mut self, role: usize, serial: u32) {
        if serial == self.serial {
            self.posts[role].ended = Some(serial);
        }
        let Input::Playing { tracks: Some(tracks), seekable } = self.input else { return };
        let waits =
            |role: &usize| !self.of_interest(*role, tracks).is_empty() && self.posts[*role].ended != Some(self.serial);
        if self.stop.is_some() || (0..self.posts.len()).any(|role| waits(&role)) {
            return;
        }
        if self.rounds != u64::MAX {
            self.rounds = self.rounds.saturating_sub(1);
        }
        if self.rounds > 0 && seekable {
            self.rewind();
        } else {
            self.next_input();
        }
    }

    fn rewind(&mut self) {
        self.sought();
        let serial = self.serial;
        self.act(Action::Rewind { serial });
    }

    /// The current input is read anew: its source goes, and another one begins under a new serial.
    pub(super) fn reopened(&mut self) {
        if self.input.is_playing() && self.stop.is_none() {
            self.input = Input::Ready { again: true };
        }
    }

    /// The film goes on elsewhere: a new serial, and what has killed the source is behind it.
    pub(super) fn sought(&mut self) {
        if self.input.is_playing() && self.stop.is_none() {
            self.serial = self.serial.wrapping_add(1);
            let source = &mut self.posts[self.plan.source];
            (source.skip, source.killed_at) = (false, None);
        }
    }
}
