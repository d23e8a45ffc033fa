//! The streams' regions: one generation follows another when a frame needs larger slots, or when a region is damaged.

use super::budget::{Budget, Verdict};
use super::bug::Bug;
use super::duty::{Leaving, State};
use super::{Action, Ask, GaveUp, MS, Supervision};

/// How many regions of a stream there may be: the one that is read and the one that is written.
const MOST: u64 = 2;
/// How long a source waits for its answer while the consumer has no reason not to follow.
const ANSWER_NS: u64 = 10_000 * MS;

/// A stream's regions.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The oldest generation that there is.
    oldest: u64,
    /// The one that is made next; as the oldest, if there is none.
    next: u64,
    /// What the source has asked for, and has to wait for until its consumer has followed.
    asked: Option<Ask>,
    /// Since when it waits without a reason, in ns.
    since_ns: u64,
    spoilt: bool,
    budget: Budget,
}

impl Stream {
    /// It is damaged, and to be replaced.
    pub(super) const fn is_spoilt(&self) -> bool {
        self.spoilt
    }

    /// Who has asked for a region is gone.
    pub(super) const fn forget(&mut self) {
        self.asked = None;
    }
}

impl<R: Copy> Supervision<R> {
    /// Whether a role reads or writes a stream.
    pub(super) fn uses(&self, role: usize, kind: usize) -> bool {
        role == self.plan.source || self.plan.takes[role].has(kind)
    }

    pub(super) fn asked(&mut self, role: usize, kind: usize, ask: Ask) {
        let heard = self.posts[role].life().is_some_and(|life| life.leaving.is_none());
        if !heard || role != self.plan.source || kind >= self.streams.len() || self.streams[kind].spoilt {
            return;
        }
        self.streams[kind].asked = Some(ask);
        self.streams[kind].since_ns = self.now_ns;
        self.grant(kind);
    }

    fn grant(&mut self, kind: usize) {
        let many = self.seeded(Bug::RegionsWithoutEnd);
        let stream = &mut self.streams[kind];
        if stream.next - stream.oldest >= MOST && !many {
            return;
        }
        let Some(ask) = stream.asked.take() else { return };
        let generation = stream.next;
        stream.next += 1;
        self.act(Action::Make { kind, generation, ask });
    }

    /// What the source has asked for and waits for, if it does.
    pub(crate) fn awaited(&self, kind: usize) -> Option<Ask> {
        self.streams.get(kind)?.asked
    }

    /// The consumer of a stream has a reason not to follow yet.
    pub(super) fn waits(&mut self, kind: usize) {
        if let Some(stream) = self.streams.get_mut(kind) {
            stream.since_ns = self.now_ns;
        }
    }

    /// A consumer that beats and does not follow holds up the source for ever: it hangs in its way.
    pub(super) fn overdue(&mut self) {
        for kind in 0..self.streams.len() {
            let Some(consumer) = self.plan.takes.iter().position(|kinds| kinds.has(kind)) else { continue };
            let works = self.posts[consumer].life().is_some_and(|life| life.ready && life.leaving.is_none());
            let (now_ns, stream) = (self.now_ns, &mut self.streams[kind]);
            if stream.asked.is_none() || !works {
                stream.since_ns = now_ns;
            } else if now_ns.saturating_sub(stream.since_ns.max(self.rebased_ns)) > ANSWER_NS {
                stream.since_ns = now_ns;
                if !self.seeded(Bug::AnswerWithoutEnd) {
                    self.leave(consumer, Leaving::Stalled);
                }
            }
        }
    }

    /// The newest region has a later number.
    pub(super) fn made(&mut self, kind: usize, generation: u64) {
        let forgotten = self.seeded(Bug::NumberForgotten);
        let Some(stream) = self.streams.get_mut(kind).filter(|_| !forgotten) else { return };
        if generation >= stream.next {
            if stream.next - stream.oldest == 1 {
                stream.oldest = generation;
            }
            stream.next = generation + 1;
        }
    }

    pub(super) fn switched(&mut self, role: usize, kind: usize, generation: u64) {
        if role == self.plan.source || kind >= self.streams.len() || !self.uses(role, kind) {
            return;
        }
        let stream = &mut self.streams[kind];
        if !(stream.oldest..stream.next).contains(&generation) {
            // A word that names a region which nobody made led it there.
            return self.spoilt(kind);
        }
        if generation > stream.oldest {
            stream.oldest = generation;
            self.act(Action::Unlink { kind, below: generation });
        }
        self.grant(kind);
    }

    /// A region cannot be trusted any more: whoever is attached goes, and then it is replaced.
    pub(super) fn spoilt(&mut self, kind: usize) {
        let (limit, now_ns, free) = (self.plan.limit, self.now_ns, self.seeded(Bug::RegionsAreFree));
        let Some(stream) = self.streams.get_mut(kind) else { return };
        if stream.spoilt || stream.next == stream.oldest || self.stop.is_some() {
            return;
        }
        stream.spoilt = true;
        stream.asked = None;
        if !free && stream.budget.crash(limit, now_ns, now_ns, false) == Verdict::GiveUp {
            return self.give_up(GaveUp::Regions { kind });
        }
        for role in 0..self.posts.len() {
            if self.uses(role, kind) {
                self.leave(role, Leaving::Moving);
            }
        }
    }

    /// Replaces what is damaged, once nobody is attached.
    pub(super) fn replace(&mut self) {
        for kind in 0..self.streams.len() {
            let alive = |role: usize| matches!(self.posts[role].state, State::Alive(_)) && self.uses(role, kind);
            let attached = (0..self.posts.len()).any(alive) && !self.seeded(Bug::ReplacedUnderTheLiving);
            let stream = &mut self.streams[kind];
            if stream.spoilt && !attached {
                stream.spoilt = false;
                let generation = stream.next;
                (stream.oldest, stream.next) = (generation, generation + 1);
                self.act(Action::Replace { kind, generation });
            }
        }
    }
}
