//! Each rule as a short story.

use std::time::Duration;

use nix::sys::signal::Signal::{self, SIGABRT, SIGKILL, SIGSEGV, SIGTERM};
use tricine_channel::sys::process::Exit;
use tricine_session::error::{EXIT_BROKEN, EXIT_CORRUPT};

use super::*;

mod inputs;

const SOURCE: usize = 0;
const SOUND: usize = 1;
const PICTURE: usize = 2;
const ROLES: [usize; 3] = [SOURCE, SOUND, PICTURE];
/// The streams.
const VIDEO: usize = 0;
const AUDIO: usize = 1;
const BOTH: Kinds = Kinds(0b11);
const MUTE: Kinds = Kinds(0b01);
const BLIND: Kinds = Kinds(0b10);
const NONE: Kinds = Kinds(0);

/// A session of which each reaped process is a number.
struct Story {
    machine: Supervision<u32>,
    ms: u64,
    deaths: u32,
}

type Done = Vec<Action<u32>>;

impl Story {
    fn new() -> Self {
        let plan = Plan {
            takes: vec![Kinds::default(), BLIND, MUTE],
            patience_ns: vec![[10_000 * MS, 2_000 * MS]; 3],
            source: SOURCE,
            kinds: 2,
            wanted: BOTH,
            limit: Limit { intensity: 5, period: Duration::from_secs(10) },
            rounds: 1,
        };
        let mut this = Self { machine: Supervision::new(plan, 0), ms: 0, deaths: 0 };
        assert_eq!(this.machine.actions(), [Action::Open]);
        this
    }

    /// A session that plays an input of these tracks, with every role ready.
    fn playing(tracks: Kinds) -> Self {
        let mut this = Self::new();
        this.tell(Event::Open);
        this.found();
        this.opened(tracks);
        this.make_regions();
        this
    }

    /// A place is found for whoever looks for one.
    fn found(&mut self) -> Done {
        [SOUND, PICTURE].into_iter().flat_map(|role| self.tell(Event::Placed { role, found: true })).collect()
    }

    fn opened(&mut self, tracks: Kinds) -> Done {
        let ready: Done = ROLES.into_iter().flat_map(|role| self.tell(Event::Ready { role })).collect();
        assert_eq!(ready, []);
        self.tell(Event::Opened { role: SOURCE, tracks, aside: NONE, seekable: true })
    }

    fn make_regions(&mut self) {
        for kind in [VIDEO, AUDIO] {
            let made = self.tell(ask(kind));
            assert_eq!(made, [Action::Make { kind, generation: 0, ask: ASK }]);
        }
    }

    fn tell(&mut self, event: Event<u32>) -> Done {
        self.machine.step(self.ms * MS, event);
        self.machine.actions()
    }

    fn wait(&mut self, ms: u64) -> Done {
        self.ms += ms;
        self.tell(Event::Tick)
    }

    /// Time passes in which only these roles beat.
    fn beating(&mut self, ms: u64, roles: &[usize]) -> Done {
        let mut done = Vec::new();
        for _ in 0..ms / 100 {
            done.extend(roles.iter().flat_map(|&role| self.tell(Event::Beat { role, at_ns: self.ms * MS })));
            done.extend(self.wait(100));
        }
        done
    }

    fn dies(&mut self, role: usize, exit: Exit, achieved: u64) -> Done {
        self.dies_holding(role, exit, achieved, None, Kinds::default())
    }

    fn dies_holding(
        &mut self,
        role: usize,
        exit: Exit,
        achieved: u64,
        held: Option<(usize, u64)>,
        spoilt: Kinds,
    ) -> Done {
        self.deaths += 1;
        self.tell(Event::Exited { role, death: Death { reaped: self.deaths, exit, achieved, held, spoilt } })
    }
}

const ASK: Ask = Ask { capacity: 1 << 20, base: 0, resume_pts_ns: 0, resume_serial: 1 };

fn ask(kind: usize) -> Event<u32> {
    Event::Asked { role: SOURCE, kind, ask: ASK }
}

fn by(signal: Signal) -> Exit {
    Exit::Signal(signal as i32)
}

fn recover(role: usize, reaped: u32) -> Action<u32> {
    Action::Recover { role, but: Kinds::default(), reaped }
}

fn start(role: usize) -> Action<u32> {
    Action::Start { role, skip: false }
}

fn crashed(role: usize, exit: Exit) -> Action<u32> {
    Action::Say(Say::Crashed { role, how: How::Exit(exit), poisoned: false })
}

fn gave_up(done: &Done) -> Option<GaveUp> {
    done.iter().find_map(|action| if let Action::Say(Say::GaveUp(why)) = action { Some(*why) } else { None })
}

#[test]
fn the_first_input_starts_every_role_that_it_may_need_and_sends_home_whom_it_does_not() {
    let mut story = Story::new();
    let place = |role| Action::Place { role, again: false };
    let begun = story.tell(Event::Open);
    assert_eq!(
        begun,
        [Action::Begin { serial: 1, again: false, follows: false }, start(SOURCE), place(SOUND), place(PICTURE)]
    );
    assert_eq!(story.found(), [start(SOUND), start(PICTURE)]);
    assert_eq!(story.opened(MUTE), [Action::Holds { first: true }, Action::Quit { role: SOUND }]);
    assert_eq!(story.dies(SOUND, Exit::Code(0), 0), [recover(SOUND, 1)]);
}

#[test]
fn a_crashed_role_is_recovered_told_of_and_started_again_at_once_and_then_later() {
    let mut story = Story::playing(BOTH);
    for role in ROLES {
        let reaped = story.deaths + 1;
        let done = story.dies(role, by(SIGKILL), 7);
        assert_eq!(done, [recover(role, reaped), crashed(role, by(SIGKILL)), start(role)]);
    }
    let done = story.dies(PICTURE, by(SIGKILL), 7);
    assert_eq!(done, [recover(PICTURE, 4), crashed(PICTURE, by(SIGKILL))]);
    assert_eq!(story.machine.due_ns(), Some(100 * MS));
    assert_eq!(story.wait(99), []);
    assert_eq!(story.wait(1), [start(PICTURE)]);
}

#[test]
fn more_crashes_than_the_limit_end_the_session() {
    let mut story = Story::playing(BOTH);
    for achieved in 1..=5 {
        assert_eq!(gave_up(&story.dies(SOURCE, by(SIGKILL), achieved)), None);
    }
    let done = story.dies(SOURCE, by(SIGTERM), 6);
    assert_eq!(gave_up(&done), Some(GaveUp::Crashes { role: SOURCE, how: How::Exit(by(SIGTERM)) }));
    assert_eq!(done[2..], [Action::Quit { role: SOUND }, Action::Quit { role: PICTURE }]);
    story.dies(SOUND, Exit::Code(0), 0);
    assert_eq!(story.dies(PICTURE, Exit::Code(0), 0)[1..], [Action::Done(Ended::GaveUp)]);
}

#[test]
fn a_role_without_a_heartbeat_is_aborted_then_killed_and_three_times_in_a_row_without_progress_are_too_many() {
    let mut story = Story::playing(BOTH);
    for (time, achieved) in [(1, 4), (2, 4), (1, 5), (2, 5), (3, 5)] {
        assert_eq!(story.beating(2_000, &[SOURCE, SOUND]), []);
        assert_eq!(story.beating(100, &[SOURCE, SOUND]), [Action::Abort { role: PICTURE }]);
        assert_eq!(story.beating(500, &[SOURCE, SOUND]), [Action::Kill { role: PICTURE }]);
        let done = story.dies(PICTURE, by(SIGKILL), achieved);
        let hung = How::Hung { ready: true, exit: by(SIGKILL) };
        if time == 3 {
            assert_eq!(gave_up(&done), Some(GaveUp::Hangs { role: PICTURE }));
        } else {
            assert_eq!(done[1], Action::Say(Say::Crashed { role: PICTURE, how: hung, poisoned: false }));
            story.beating(1_000, &ROLES);
            story.tell(Event::Ready { role: PICTURE });
            story.tell(Event::Beat { role: PICTURE, at_ns: story.ms * MS });
        }
    }
}

#[test]
fn a_consumer_that_beats_and_does_not_follow_is_found_and_named_unless_it_has_a_reason() {
    let mut story = Story::playing(BOTH);
    let second = Action::Make { kind: VIDEO, generation: 1, ask: ASK };
    assert_eq!(story.tell(ask(VIDEO)), [second]);
    // A third one waits for the consumer.
    assert_eq!(story.tell(ask(VIDEO)), []);
    assert_eq!(story.machine.awaited(VIDEO), Some(ASK));
    for _ in 0..100 {
        story.tell(Event::Waits { kind: VIDEO });
        assert_eq!(story.beating(1_000, &ROLES), []);
    }
    story.tell(Event::Waits { kind: VIDEO });
    assert_eq!(story.beating(10_000, &ROLES), []);
    assert_eq!(story.beating(100, &ROLES), [Action::Abort { role: PICTURE }]);
    let done = story.dies(PICTURE, by(SIGABRT), 0);
    let how = How::Stalled { exit: by(SIGABRT) };
    assert!(done.contains(&Action::Say(Say::Crashed { role: PICTURE, how, poisoned: false })), "{done:?}");
    // Its successor has time of its own, and the answer comes once it follows.
    story.tell(Event::Ready { role: PICTURE });
    assert_eq!(story.beating(9_000, &ROLES), []);
    let done = story.tell(Event::Switched { role: PICTURE, kind: VIDEO, generation: 1 });
    assert!(done.contains(&Action::Make { kind: VIDEO, generation: 2, ask: ASK }), "{done:?}");
    assert_eq!(story.beating(30_000, &ROLES), []);
}

#[test]
fn who_stood_still_with_the_whole_machine_does_not_hang() {
    let mut story = Story::playing(BOTH);
    story.ms += 60_000;
    assert_eq!(story.tell(Event::Rebased), []);
    assert_eq!(story.wait(2_000), []);
    let all = story.wait(1);
    assert_eq!(all, ROLES.map(|role| Action::Abort { role }));
}

#[test]
fn a_heartbeat_of_the_future_is_none() {
    let mut story = Story::playing(MUTE);
    story.tell(Event::Beat { role: SOURCE, at_ns: u64::MAX });
    assert!(story.wait(2_001).contains(&Action::Abort { role: SOURCE }));
}

#[test]
fn only_a_death_of_its_own_doing_is_the_data_s_fault() {
    let own = [by(SIGSEGV), by(SIGABRT), by(Signal::SIGSYS), Exit::Code(EXIT_BROKEN)];
    let others = [by(SIGKILL), by(SIGTERM), by(Signal::SIGXCPU), Exit::Code(1), Exit::Code(0)];
    for (exit, skip) in own.map(|e| (e, true)).into_iter().chain(others.map(|e| (e, false))) {
        let mut story = Story::playing(BOTH);
        assert_eq!(story.dies(SOURCE, exit, 7).last(), Some(&start(SOURCE)), "{exit}");
        story.dies(SOURCE, exit, 7);
        assert_eq!(story.wait(200), [Action::Start { role: SOURCE, skip }], "{exit}");

        let mut story = Story::playing(BOTH);
        let held = Some((VIDEO, 7));
        story.dies_holding(PICTURE, exit, 7, held, Kinds::default());
        let done = story.dies_holding(PICTURE, exit, 7, held, Kinds::default());
        let discards = done.first() == Some(&Action::Discard { kind: VIDEO, frame: 7, reaped: 2 });
        assert_eq!(discards, skip, "{exit}");
    }
}

#[test]
fn what_lies_behind_is_not_skipped_again() {
    let mut story = Story::playing(BOTH);
    story.dies(SOURCE, by(SIGSEGV), 7);
    story.dies(SOURCE, by(SIGSEGV), 7);
    story.wait(200);
    assert_eq!(story.dies(SOURCE, by(SIGKILL), 9).last(), Some(&start(SOURCE)));
}

#[test]
fn a_hang_is_not_the_data_s_fault() {
    let mut story = Story::playing(BOTH);
    for _ in 0..2 {
        story.beating(2_100, &[SOURCE, SOUND]);
        let done = story.dies_holding(PICTURE, by(SIGABRT), 7, Some((VIDEO, 7)), Kinds::default());
        assert!(!done.iter().any(|action| matches!(action, Action::Discard { .. })), "{done:?}");
        story.beating(200, &ROLES);
        story.tell(Event::Ready { role: PICTURE });
    }
}

#[test]
fn a_role_that_is_still_quitting_when_it_is_needed_again_is_started_when_it_is_gone() {
    let mut story = Story::playing(MUTE);
    story.tell(Event::Ended { role: PICTURE, serial: 1 });
    story.dies(SOURCE, by(SIGKILL), 7);
    let begun = story.tell(Event::Open);
    assert_eq!(begun, [Action::Begin { serial: 2, again: false, follows: true }, start(SOURCE)]);
    assert_eq!(story.dies(SOUND, Exit::Code(0), 0), [recover(SOUND, 2), start(SOUND)]);
}

#[test]
fn a_role_says_only_what_is_its_own() {
    let mut story = Story::playing(BOTH);
    for forged in [
        Event::Opened { role: PICTURE, tracks: MUTE, aside: NONE, seekable: true },
        Event::Asked { role: SOUND, kind: VIDEO, ask: ASK },
        Event::Asked { role: SOURCE, kind: 9, ask: ASK },
        Event::Switched { role: SOURCE, kind: VIDEO, generation: 99 },
        Event::Switched { role: SOUND, kind: VIDEO, generation: 99 },
        Event::Switched { role: PICTURE, kind: 9, generation: 0 },
        Event::Ended { role: SOURCE, serial: 1 },
        Event::Ended { role: PICTURE, serial: 7 },
    ] {
        assert_eq!(story.tell(forged), [], "{forged:?}");
    }
}

#[test]
fn a_place_that_is_of_no_use_is_changed_until_there_is_none() {
    let mut story = Story::playing(BOTH);
    story.tell(Event::Failed { role: PICTURE });
    let done = story.dies(PICTURE, Exit::Code(1), 0);
    assert_eq!(done, [recover(PICTURE, 1), Action::Place { role: PICTURE, again: true }]);
    assert_eq!(story.tell(Event::Placed { role: PICTURE, found: true }), [start(PICTURE)]);
    story.tell(Event::Failed { role: PICTURE });
    story.dies(PICTURE, Exit::Code(1), 0);
    let done = story.tell(Event::Placed { role: PICTURE, found: false });
    assert_eq!(done[0], Action::Say(Say::Failed { role: PICTURE }));
    assert!(story.machine.is_ending());
}

#[test]
fn a_process_that_cannot_be_made_ends_the_session_at_its_first_start_only() {
    let mut story = Story::new();
    story.tell(Event::Open);
    let done = story.tell(Event::NotStarted { role: SOURCE });
    assert_eq!(done, [Action::Say(Say::NotStarted { role: SOURCE }), Action::Done(Ended::Failed)]);

    let mut story = Story::playing(BOTH);
    story.dies(SOURCE, by(SIGKILL), 7);
    let done = story.tell(Event::NotStarted { role: SOURCE });
    assert_eq!(done, [Action::Say(Say::Crashed { role: SOURCE, how: How::NotStarted, poisoned: false })]);
}

#[test]
fn the_end_waits_for_a_second_then_kills_and_leaves_behind_what_cannot_be_killed() {
    let mut story = Story::playing(BOTH);
    let told = story.tell(Event::Stop(Ended::Signal(15)));
    assert_eq!(told, ROLES.map(|role| Action::Quit { role }));
    assert_eq!(story.dies(SOUND, Exit::Code(0), 0), [recover(SOUND, 1)]);
    assert_eq!(story.wait(999), []);
    assert_eq!(story.wait(1), [Action::Kill { role: SOURCE }, Action::Kill { role: PICTURE }]);
    assert_eq!(story.dies(SOURCE, by(SIGKILL), 0), [recover(SOURCE, 2)]);
    let left = Action::Say(Say::LeftBehind { role: PICTURE });
    assert_eq!(story.wait(2_000), [left, Action::Done(Ended::Signal(15))]);
}

#[test]
fn a_second_signal_waits_for_nobody_and_the_first_one_counts() {
    let mut story = Story::playing(MUTE);
    story.tell(Event::Stop(Ended::Signal(2)));
    assert_eq!(story.tell(Event::Stop(Ended::Quit)), []);
    assert_eq!(story.tell(Event::Stop(Ended::Signal(15))), ROLES.map(|role| Action::Kill { role }));
    let gone: Done = ROLES.into_iter().flat_map(|role| story.dies(role, by(SIGKILL), 0)).collect();
    assert_eq!(gone.last(), Some(&Action::Done(Ended::Signal(2))));
}

#[test]
fn a_dead_janitor_is_replaced_until_that_is_vain() {
    let mut story = Story::playing(BOTH);
    let mut janitors = 0;
    let mut told = 0;
    for _ in 0..6 {
        for action in story.tell(Event::NoJanitor).into_iter().chain(story.beating(1_000, &ROLES)) {
            janitors += u32::from(action == Action::Janitor);
            told += u32::from(action == Action::Say(Say::NoJanitor));
        }
    }
    assert_eq!((janitors, told), (5, 1));
}
