//! Inputs and regions.

use super::*;

#[test]
fn the_next_serial_begins_when_the_old_source_is_reaped_and_the_next_input_open() {
    let next = Action::Begin { serial: 2, again: false, follows: false };
    let kill = [Action::Open, Action::Kill { role: SOURCE }];
    let mut story = Story::playing(MUTE);
    assert_eq!(story.tell(Event::Next), kill);
    assert_eq!(story.tell(Event::Open), []);
    assert_eq!(story.dies(SOURCE, by(SIGKILL), 7)[..2], [recover(SOURCE, 1), next]);

    let mut story = Story::playing(MUTE);
    assert_eq!(story.tell(Event::Next), kill);
    assert_eq!(story.dies(SOURCE, by(SIGKILL), 7), [recover(SOURCE, 1)]);
    assert_eq!(story.tell(Event::Open)[..2], [next, start(SOURCE)]);
}

#[test]
fn an_input_ends_when_all_that_it_needs_have_ended_in_its_serial() {
    let mut story = Story::playing(BOTH);
    let end = |role, serial| Event::Ended { role, serial };
    assert_eq!(story.tell(end(SOUND, 1)), []);
    assert_eq!(story.tell(Event::Sought), []);
    assert_eq!(story.machine.serial(), 2);
    assert_eq!(story.tell(end(PICTURE, 2)), []);
    assert_eq!(story.tell(end(SOUND, 2)), [Action::Open, Action::Kill { role: SOURCE }]);
    story.tell(Event::NoneLeft);
    let gone: Done = ROLES.into_iter().flat_map(|role| story.dies(role, Exit::Code(0), 9)).collect();
    assert_eq!(gone.last(), Some(&Action::Done(Ended::Played)));
}

#[test]
fn what_comes_next_is_opened_and_begins_while_the_last_sound_is_heard() {
    let mut story = Story::playing(BLIND);
    let ending = |serial| Event::Ending { role: SOUND, serial };
    assert_eq!(story.tell(ending(1)), [Action::Open]);
    assert_eq!(story.tell(Event::Open), [Action::Kill { role: SOURCE }]);
    let begun = story.dies(SOURCE, by(SIGKILL), 7);
    assert_eq!(begun[1..], [Action::Begin { serial: 2, again: false, follows: true }, start(SOURCE)]);
    story.tell(Event::Opened { role: SOURCE, tracks: BLIND, aside: NONE, seekable: true });
    // Nothing comes after this one: it is heard to its end.
    assert_eq!(story.tell(ending(2)), [Action::Open]);
    assert_eq!(story.tell(Event::NoneLeft), []);
    assert_eq!(story.tell(ending(2)), []);
    // Until then one can go back in it.
    assert_eq!(story.tell(Event::Sought), []);
    assert_eq!(story.tell(ending(3)), []);
    let quit = story.tell(Event::Ended { role: SOUND, serial: 3 });
    assert_eq!(quit, [Action::Quit { role: SOURCE }, Action::Quit { role: SOUND }]);
}

#[test]
fn pictures_are_shown_to_their_end_before_the_next_input_begins_and_a_cover_is_not_waited_for() {
    let mut story = Story::playing(BOTH);
    assert_eq!(story.tell(Event::Ending { role: SOUND, serial: 1 }), []);
    assert_eq!(story.tell(Event::Ended { role: PICTURE, serial: 1 }), [Action::Open]);
    // Heard to its end before the next one is open.
    assert_eq!(story.tell(Event::Ended { role: SOUND, serial: 1 }), [Action::Kill { role: SOURCE }]);
    story.dies(SOURCE, by(SIGKILL), 7);
    let begun = story.tell(Event::Open);
    assert_eq!(begun[0], Action::Begin { serial: 2, again: false, follows: true });
    story.tell(Event::Opened { role: SOURCE, tracks: BOTH, aside: MUTE, seekable: true });
    assert_eq!(story.tell(Event::Ending { role: SOUND, serial: 2 }), [Action::Open]);
}

#[test]
fn the_user_goes_on_to_what_is_being_opened_already() {
    let mut story = Story::playing(BLIND);
    story.tell(Event::Ending { role: SOUND, serial: 1 });
    assert_eq!(story.tell(Event::Next), [Action::Kill { role: SOURCE }]);
    story.dies(SOURCE, by(SIGKILL), 7);
    assert_eq!(story.tell(Event::Open)[0], Action::Begin { serial: 2, again: false, follows: false });
    // One that cannot be opened is passed over, and the one after it follows.
    story.tell(Event::Opened { role: SOURCE, tracks: BLIND, aside: NONE, seekable: true });
    story.tell(Event::Ending { role: SOUND, serial: 2 });
    assert_eq!(story.tell(Event::NotOpen), [Action::Open]);
    story.tell(Event::Open);
    let begun = story.dies(SOURCE, by(SIGKILL), 7);
    assert_eq!(begun[1], Action::Begin { serial: 3, again: false, follows: true });
}

#[test]
fn an_end_that_is_said_before_the_source_knows_the_input_is_that_of_the_one_before() {
    let mut story = Story::playing(MUTE);
    story.tell(Event::Next);
    story.dies(SOURCE, by(SIGKILL), 7);
    story.tell(Event::Open);
    assert_eq!(story.tell(Event::Ended { role: PICTURE, serial: 2 }), []);
    let opened = story.tell(Event::Opened { role: SOURCE, tracks: MUTE, aside: NONE, seekable: true });
    assert_eq!(opened[..2], [Action::Holds { first: true }, Action::Rewind { serial: 3, follows: false }]);
}

#[test]
fn rounds_are_serials_of_the_same_source() {
    let mut story = Story::playing(MUTE);
    story.tell(Event::Looping(true));
    for serial in 1..=3 {
        let done = story.tell(Event::Ended { role: PICTURE, serial });
        assert_eq!(done, [Action::Rewind { serial: serial + 1, follows: true }]);
    }
    story.tell(Event::Looping(false));
    assert_eq!(story.tell(Event::Ended { role: PICTURE, serial: 4 })[0], Action::Open);
}

#[test]
fn an_input_that_cannot_be_played_or_opened_fails_and_the_next_one_begins() {
    let mut story = Story::playing(BOTH);
    story.tell(Event::Failed { role: SOURCE });
    let done = story.dies(SOURCE, Exit::Code(1), 0);
    assert_eq!(done, [recover(SOURCE, 1), Action::Say(Say::Unplayable), Action::Open]);
    assert_eq!(story.tell(Event::NotOpen), [Action::Open]);
    assert_eq!(story.beating(19_900, &ROLES), []);
    // A stream that is being read, or a session that stood still, has its time anew.
    for still in [Event::Opening, Event::Rebased] {
        assert_eq!(story.tell(still), []);
        assert_eq!(story.beating(19_900, &ROLES), []);
    }
    assert_eq!(story.beating(100, &ROLES), [Action::Say(Say::NoAnswer), Action::Open]);
    story.tell(Event::NoneLeft);
    let gone: Done = [SOUND, PICTURE].into_iter().flat_map(|role| story.dies(role, Exit::Code(0), 9)).collect();
    assert_eq!(gone.last(), Some(&Action::Done(Ended::Failed)));
}

#[test]
fn a_source_that_finds_nothing_or_fails_without_going_is_killed() {
    for tracks in [Kinds::default(), BOTH] {
        let mut story = Story::playing(BOTH);
        story.tell(Event::Next);
        story.dies(SOURCE, by(SIGKILL), 7);
        story.tell(Event::Open);
        story.tell(Event::Opened { role: SOURCE, tracks, aside: NONE, seekable: false });
        story.tell(Event::Failed { role: SOURCE });
        assert_eq!(story.beating(1_000, &ROLES), [Action::Kill { role: SOURCE }]);
        assert_eq!(story.dies(SOURCE, by(SIGKILL), 7)[1..], [Action::Say(Say::Unplayable), Action::Open]);
    }
}

#[test]
fn other_tracks_of_the_same_file_are_a_new_input_and_the_same_ones_are_not() {
    let mut story = Story::playing(BOTH);
    story.dies(SOURCE, by(SIGKILL), 7);
    let opened = |tracks| Event::Opened { role: SOURCE, tracks, aside: NONE, seekable: true };
    assert_eq!(story.tell(opened(BOTH)), [Action::Holds { first: false }]);
    let changed = story.tell(opened(MUTE));
    assert_eq!(changed, [Action::Say(Say::OtherTracks), Action::Kill { role: SOURCE }]);
    let begun = story.dies(SOURCE, by(SIGKILL), 7);
    assert_eq!(begun[1..], [Action::Begin { serial: 2, again: true, follows: false }, start(SOURCE)]);
    assert_eq!(story.tell(opened(MUTE)), [Action::Holds { first: true }, Action::Quit { role: SOUND }]);
}

#[test]
fn an_input_that_always_changes_ends_the_session() {
    let mut story = Story::playing(BOTH);
    let mut done = Vec::new();
    for round in 0..6 {
        story.tell(Event::Opened { role: SOURCE, tracks: BOTH, aside: NONE, seekable: true });
        let tracks = if round % 2 == 0 { MUTE } else { BLIND };
        done = story.tell(Event::Opened { role: SOURCE, tracks, aside: NONE, seekable: true });
        story.dies(SOURCE, by(SIGKILL), 7);
    }
    assert_eq!(gave_up(&done), Some(GaveUp::Inputs));
}

#[test]
fn a_damaged_region_is_replaced_once_nobody_is_attached_and_its_users_start_after_that() {
    let mut story = Story::playing(BOTH);
    let done = story.dies_holding(PICTURE, Exit::Code(EXIT_CORRUPT), 7, None, Kinds::of(VIDEO));
    let spared = Action::Recover { role: PICTURE, but: Kinds::of(VIDEO), reaped: 1 };
    let died = crashed(PICTURE, Exit::Code(EXIT_CORRUPT));
    assert_eq!(done, [spared, Action::Kill { role: SOURCE }, died]);
    let done = story.dies(SOURCE, by(SIGKILL), 7);
    let replaced = Action::Replace { kind: VIDEO, generation: 1 };
    let moved = Action::Say(Say::Moved { role: SOURCE });
    assert_eq!(done, [recover(SOURCE, 2), moved, replaced, start(SOURCE), start(PICTURE)]);
}

#[test]
fn a_role_that_ends_over_damage_that_nobody_else_sees_has_all_its_regions_replaced() {
    let mut story = Story::playing(BOTH);
    let done = story.dies(SOURCE, Exit::Code(EXIT_CORRUPT), 7);
    assert_eq!(done[0], Action::Recover { role: SOURCE, but: BOTH, reaped: 1 });
    assert!(done.contains(&Action::Kill { role: SOUND }) && done.contains(&Action::Kill { role: PICTURE }));
}

#[test]
fn a_generation_that_nobody_made_is_damage_and_too_much_damage_ends_the_session() {
    let mut story = Story::playing(MUTE);
    story.dies(SOUND, Exit::Code(0), 0);
    for time in 1..=6 {
        let done = story.tell(Event::Switched { role: PICTURE, kind: VIDEO, generation: 99 });
        if time == 6 {
            assert_eq!(gave_up(&done), Some(GaveUp::Regions { kind: VIDEO }));
        } else {
            assert_eq!(done, [Action::Kill { role: SOURCE }, Action::Kill { role: PICTURE }]);
            story.dies(SOURCE, by(SIGKILL), 7);
            story.dies(PICTURE, by(SIGKILL), 7);
        }
    }
}

#[test]
fn the_source_has_two_regions_of_a_stream_at_most_and_waits_for_a_third() {
    let mut story = Story::playing(BOTH);
    let make = |generation| Action::Make { kind: VIDEO, generation, ask: ASK };
    assert_eq!(story.tell(ask(VIDEO)), [make(1)]);
    assert_eq!(story.tell(ask(VIDEO)), []);
    let switched = story.tell(Event::Switched { role: PICTURE, kind: VIDEO, generation: 1 });
    assert_eq!(switched, [Action::Unlink { kind: VIDEO, below: 1 }, make(2)]);
}

#[test]
fn numbers_that_somebody_else_has_taken_are_left_out() {
    let mut story = Story::playing(BOTH);
    let make = |generation| Action::Make { kind: VIDEO, generation, ask: ASK };
    assert_eq!(story.tell(ask(VIDEO)), [make(1)]);
    assert_eq!(story.tell(Event::Made { kind: VIDEO, generation: 4 }), []);
    // The one that is read and the one that is written, whatever their numbers.
    assert_eq!(story.tell(ask(VIDEO)), []);
    let switched = story.tell(Event::Switched { role: PICTURE, kind: VIDEO, generation: 4 });
    assert_eq!(switched, [Action::Unlink { kind: VIDEO, below: 4 }, make(5)]);
}

#[test]
fn an_old_source_that_cannot_be_killed_ends_the_session() {
    let mut story = Story::playing(MUTE);
    story.dies(SOUND, Exit::Code(0), 0);
    story.tell(Event::Next);
    story.tell(Event::Open);
    let done = story.beating(2_000, &[PICTURE]);
    assert_eq!(gave_up(&done), Some(GaveUp::Unkillable { role: SOURCE }));
    story.dies(PICTURE, Exit::Code(0), 7);
    assert_eq!(story.wait(1_000).last(), Some(&Action::Done(Ended::GaveUp)));
}
