//! What is played: one input after another, each from its opening to its end.

use super::bug::Bug;
use super::duty::{Leaving, Post, State};
use super::{Action, Event, GaveUp, Kinds, OPEN_NS, Say, Supervision};
use crate::report::Ended;

/// How far the current input is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input {
    /// The next one is being opened, since then, in ns.
    Opening { since_ns: u64 },
    /// It is open; the source of the one before may still be there. `again`: it is the current one.
    Ready { again: bool },
    /// It has its serial. `tracks` is what the source has found in it; `ends` are those of them whose ends make its end.
    Playing { tracks: Option<Kinds>, ends: Kinds, seekable: bool },
}

/// The input after the one that plays: it is opened while the last of that is heard.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Following {
    /// Not asked for.
    #[default]
    Unasked,
    /// Being opened, since then, in ns.
    Opening { since_ns: u64 },
    /// Open.
    Open,
    /// There is none.
    NoneLeft,
}

impl Input {
    pub(super) const fn opening(since_ns: u64) -> Self {
        Self::Opening { since_ns }
    }

    pub(super) const fn is_playing(&self) -> bool {
        matches!(self, Self::Playing { .. })
    }
}

impl<R: Copy> Supervision<R> {
    /// Goes on to the next input. The old source is on its way out from here; the others stay as they are.
    pub(super) fn next_input(&mut self) {
        if self.stop.is_some() {
            return;
        }
        self.follows = false;
        match std::mem::take(&mut self.following) {
            Following::Unasked => {
                self.input = Input::opening(self.now_ns);
                self.act(Action::Open);
            }
            Following::Opening { since_ns } => self.input = Input::opening(since_ns),
            Following::Open => self.input = Input::Ready { again: false },
            Following::NoneLeft => self.stop(Ended::Played),
        }
    }

    /// Since when an input is being opened, in ns.
    const fn opening_since(&mut self) -> Option<&mut u64> {
        match (&mut self.input, &mut self.following) {
            (Input::Opening { since_ns }, _) | (_, Following::Opening { since_ns }) => Some(since_ns),
            _ => None,
        }
    }

    /// When an input has taken too long to open, in ns.
    pub(super) fn opening_due_ns(&self) -> Option<u64> {
        match (self.input, self.following) {
            (Input::Opening { since_ns }, _) | (_, Following::Opening { since_ns }) => {
                Some(since_ns.saturating_add(OPEN_NS))
            }
            _ => None,
        }
    }

    /// The opening goes on, and may.
    pub(super) fn opening(&mut self) {
        let now_ns = self.now_ns;
        if let Some(since_ns) = self.opening_since() {
            *since_ns = now_ns;
        }
    }

    /// What has become of the opening.
    pub(super) fn answered(&mut self, event: &Event<R>) {
        if self.opening_since().is_none() || self.stop.is_some() {
            return;
        }
        let early = matches!(self.following, Following::Opening { .. });
        match event {
            Event::Open if early => {
                self.following = Following::Open;
                self.go_on();
            }
            Event::Open => self.input = Input::Ready { again: false },
            Event::Unfolded => self.open_another(),
            Event::NotOpen => {
                self.unplayed = true;
                self.open_another();
            }
            // The last of what plays is still to be heard.
            _ if early && !self.seeded(Bug::LastSoundCutOff) => self.following = Following::NoneLeft,
            _ => self.stop(Ended::Played),
        }
    }

    /// In the place of one that was to be opened.
    fn open_another(&mut self) {
        self.opening();
        self.act(Action::Open);
    }

    pub(super) fn not_opened_in_time(&mut self) {
        if !self.seeded(Bug::OpeningWithoutEnd) {
            self.unplayed = true;
            self.say(Say::NoAnswer);
            self.open_another();
        }
    }

    /// Begins an input that is open, once the source of the one before is gone: it would play its own film under the new
    /// serial.
    pub(super) fn begin(&mut self) {
        let Input::Ready { again } = self.input else { return };
        if !again {
            (self.changes, self.following) = (0, Following::Unasked);
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
        self.input = Input::Playing { tracks: None, ends: Kinds::default(), seekable: false };
        let source = &mut self.posts[self.plan.source];
        (source.skip, source.killed_at) = (false, None);
        source.unschedule();
        let (serial, follows) = (self.serial, std::mem::take(&mut self.follows) && !again);
        self.act(Action::Begin { serial, again, follows });
    }

    /// The source says what the input holds, and which of that only goes with the rest. Roles that have nothing to do go, and those
    /// that have come.
    pub(super) fn opened(&mut self, role: usize, tracks: Kinds, aside: Kinds, seekable: bool) {
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
                let tracks = known.unwrap_or(tracks);
                let others = tracks.without(aside);
                let ends = if others.and(self.plan.wanted).is_empty() { tracks } else { others };
                self.input = Input::Playing { tracks: Some(tracks), ends, seekable };
                self.act(Action::Holds { first: known.is_none() });
                // Somebody has taken the end of the input before for this one's, and would not say it again.
                if known.is_none() && self.posts.iter().any(|post| post.ending == Some(self.serial)) {
                    self.rewind(false);
                }
            }
        }
    }

    /// A consumer has all that is left of a serial in hand, or has come to its end.
    pub(super) fn ended(&mut self, role: usize, serial: u32, heard: bool) {
        if serial == self.serial {
            let post = &mut self.posts[role];
            post.ending = Some(serial);
            post.ended = if heard { Some(serial) } else { post.ended };
        }
        self.go_on();
    }

    /// Goes on where all consumers have come to the end. Where all have what is left in hand, what comes next begins now, to be there
    /// when the last of it was heard.
    fn go_on(&mut self) {
        let Input::Playing { tracks: Some(_), ends, seekable } = self.input else { return };
        let all = |said: fn(&Post) -> Option<u32>| {
            let mut counts = (0..self.posts.len()).filter(|&role| !self.of_interest(role, ends).is_empty());
            let mut said = counts.clone().filter(|&role| said(&self.posts[role]) == Some(self.serial));
            if self.seeded(Bug::OneEndIsEnough) {
                said.next().is_some()
            } else {
                said.count() == counts.by_ref().count()
            }
        };
        if self.stop.is_some() || !all(|post| post.ending) {
            return;
        }
        let over = all(|post| post.ended);
        let left = if self.rounds == u64::MAX { u64::MAX } else { self.rounds.saturating_sub(1) };
        match self.following {
            _ if left > 0 && seekable => {
                self.rounds = left;
                self.rewind(true);
            }
            Following::Unasked if !over => {
                self.following = Following::Opening { since_ns: self.now_ns };
                self.act(Action::Open);
            }
            Following::Opening { .. } | Following::NoneLeft if !over => {}
            _ => {
                self.next_input();
                self.follows = true;
            }
        }
    }

    fn rewind(&mut self, follows: bool) {
        self.sought();
        let serial = self.serial;
        self.act(Action::Rewind { serial, follows });
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
