//! What a death means: whether it was a crash, whose fault it was, and what is to be done before a successor starts.

use tricine_channel::sys::process::Exit;
use tricine_session::error::{EXIT_BROKEN, EXIT_CORRUPT};

use super::budget::Verdict;
use super::bug::Bug;
use super::duty::{Leaving, Life, State};
use super::{Action, Death, GaveUp, How, Kinds, Say, Supervision};
use crate::report::Ended;

/// The signals that a process brings upon itself: SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS.
const OWN: [nix::sys::signal::Signal; 6] = {
    use nix::sys::signal::Signal::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS};
    [SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS]
};

/// Whether a process that nobody sent a signal to may have died of its data. Any other signal is somebody's doing, and so are
/// most exit codes. [`EXIT_BROKEN`] is that of a panic.
fn by_data(exit: Exit) -> bool {
    match exit {
        Exit::Signal(number) => OWN.iter().any(|&own| own as i32 == number),
        Exit::Code(code) => code == EXIT_BROKEN,
    }
}

impl<R: Copy> Supervision<R> {
    /// A process is dead and reaped. Its regions are recovered in any case; the rest depends on why it went.
    pub(super) fn exited(&mut self, role: usize, death: &Death<R>) {
        let State::Alive(life) = std::mem::take(&mut self.posts[role].state) else { return };
        let by_data = match life.leaving {
            None if self.seeded(Bug::TermPoisons) => death.exit != Exit::Signal(nix::sys::signal::SIGKILL as i32),
            None => by_data(death.exit),
            Some(Leaving::Hung | Leaving::Stalled) => self.seeded(Bug::HangPoisons),
            Some(_) => false,
        };
        let spoilt = self.spoilt_by(role, death);
        let poisoned = by_data && self.poison(role, death, spoilt);
        if life.leaving != Some(Leaving::Quit) || !self.seeded(Bug::QuitterNotRecovered) {
            self.act(Action::Recover { role, but: spoilt, reaped: death.reaped });
        }
        if role == self.plan.source {
            self.streams.iter_mut().for_each(super::streams::Stream::forget);
        }
        for kind in 0..self.streams.len() {
            if spoilt.has(kind) {
                self.spoilt(kind);
            }
        }
        if self.stop.is_some() {
            return;
        }
        match life.leaving {
            Some(Leaving::Quit | Leaving::Changing) => {}
            Some(Leaving::Moving) => {
                self.say(Say::Moved { role });
                self.again(role, 0);
            }
            Some(Leaving::Failed) => self.failed(role, &life),
            Some(why @ (Leaving::Hung | Leaving::Stalled)) => {
                let too_often = self.posts[role].budget.hang(death.achieved);
                if too_often && !self.seeded(Bug::HangsAreFree) {
                    return self.give_up(GaveUp::Hangs { role });
                }
                let (ready, exit) = (life.ready, death.exit);
                let how = if why == Leaving::Stalled { How::Stalled { exit } } else { How::Hung { ready, exit } };
                self.crashed(role, &life, how, death.achieved, poisoned);
            }
            None => self.crashed(role, &life, How::Exit(death.exit), death.achieved, poisoned),
        }
    }

    /// Those of a dead role's streams whose regions are damaged. What it met may be where nobody else looks: then it says so
    /// by its exit code, and all are.
    fn spoilt_by(&self, role: usize, death: &Death<R>) -> Kinds {
        if death.spoilt.is_empty() && death.exit == Exit::Code(EXIT_CORRUPT) {
            let used = (0..self.streams.len()).filter(|&kind| self.uses(role, kind));
            used.fold(Kinds::default(), |all, kind| all.or(Kinds::of(kind)))
        } else {
            death.spoilt
        }
    }

    /// A role died of its data: remembers of which. A consumer that has died of the same frame twice loses it; a source that
    /// has died twice without having published anything is to go on behind it. Whether a frame was taken out.
    fn poison(&mut self, role: usize, death: &Death<R>, spoilt: Kinds) -> bool {
        let post = &mut self.posts[role];
        if role == self.plan.source {
            post.skip = post.killed_at.replace(death.achieved) == Some(death.achieved);
            return false;
        }
        let Some((kind, frame)) = death.held else { return false };
        let again = post.held.replace((kind, frame)) == Some((kind, frame)) && !spoilt.has(kind);
        if again {
            self.act(Action::Discard { kind, frame, reaped: death.reaped });
        }
        again
    }

    /// A role's process could not even be made. At the first start that is the session's end; later it is a crash like any
    /// other, since processes, memory and descriptors come and go.
    pub(super) fn not_started(&mut self, role: usize) {
        let State::Alive(life) = std::mem::take(&mut self.posts[role].state) else { return };
        if self.stop.is_some() || matches!(life.leaving, Some(Leaving::Quit | Leaving::Changing)) {
            return;
        }
        if self.posts[role].starts == 1 {
            self.unplayed = true;
            self.say(Say::NotStarted { role });
            self.stop(Ended::Failed);
        } else {
            let achieved = self.posts[role].achieved;
            self.crashed(role, &life, How::NotStarted, achieved, false);
        }
    }

    /// A role has said that it cannot go on. The source means the input; another role the place that it was given, and each
    /// try at another one counts as a crash.
    fn failed(&mut self, role: usize, life: &Life) {
        if role == self.plan.source {
            self.unplayed = true;
            self.say(Say::Unplayable);
            return self.next_input();
        }
        let free = self.seeded(Bug::PlacesAreFree);
        let (limit, now_ns) = (self.plan.limit, self.now_ns);
        let post = &mut self.posts[role];
        post.placed = false;
        post.state = State::Placing;
        if !free && post.budget.crash(limit, life.started_ns, now_ns, false) == Verdict::GiveUp {
            return self.placed(role, false);
        }
        self.act(Action::Place { role, again: true });
    }

    fn crashed(&mut self, role: usize, life: &Life, how: How, achieved: u64, poisoned: bool) {
        let (limit, now_ns, forgiving) = (self.plan.limit, self.now_ns, self.seeded(Bug::ProgressForgives));
        let post = &mut self.posts[role];
        let worked = achieved > post.achieved;
        post.achieved = post.achieved.max(achieved);
        if worked && forgiving {
            post.budget.forgive();
        }
        // What it has died of lies behind it.
        post.skip &= post.killed_at == Some(achieved);
        match post.budget.crash(limit, life.started_ns, now_ns, worked) {
            Verdict::Restart(wait_ns) => {
                self.say(Say::Crashed { role, how, poisoned });
                self.again(role, wait_ns);
            }
            Verdict::GiveUp => self.give_up(GaveUp::Crashes { role, how }),
        }
    }

    fn again(&mut self, role: usize, wait_ns: u64) {
        self.posts[role].state = State::Due(self.now_ns.saturating_add(wait_ns));
    }
}
