//! Tables: a situation a line, and what is to be done in it. Times are in milliseconds; frames last 40.

use super::*;

const STATE: PlayState = PlayState { serial: 3, target_ns: 0, audible: true, volume: 100, ..PlayState::IDLE };

fn clock(pts: i64, at: u64, rate: f64) -> Clock {
    Clock { serial: 3, pts_ns: pts * MS as i64, at_ns: at * MS, rate }
}

fn frame(pts: i64) -> Pending {
    Pending { serial: 3, pts_ns: pts * MS as i64, duration_ns: 40 * MS as i64, waited_ns: 0 }
}

fn shown(pts: i64, at: u64) -> Shown {
    Shown { serial: 3, pts_ns: pts * MS as i64, duration_ns: 40 * MS as i64, at_ns: at * MS }
}

fn moment(now: u64, master: Option<Master>, shown: Option<&Shown>) -> Moment<'_> {
    Moment { now_ns: now * MS, state: &STATE, master, unpaced: false, step: false, shown, lead_ns: 0, prepares: true }
}

#[test]
fn a_frame_is_shown_when_it_is_due_and_dropped_when_its_time_is_over() {
    use Decision::*;
    let audio = |rate| Some(Master::Audio(clock(0, 1000, rate)));
    let own = |rate| Some(Master::Own(clock(0, 1000, rate)));
    let before = shown(0, 1000);
    let long_ago = Shown { at_ns: 500 * MS, ..before };
    let other = Shown { serial: 2, ..before };
    for (what, pts, now, master, last, wanted) in [
        ("early: wait until it is due", 400, 1300, audio(1.0), Some(&before), Until(1400 * MS)),
        ("due", 40, 1040, audio(1.0), Some(&before), Present),
        ("late, but its time is not over", 40, 1079, audio(1.0), Some(&before), Present),
        ("its whole time is over", 40, 1080, audio(1.0), Some(&before), Drop),
        ("over, but nothing was seen for 200 ms", 40, 1080, audio(1.0), Some(&long_ago), Present),
        ("at double speed it lasts half as long", 40, 1041, audio(2.0), Some(&before), Drop),
        ("at half speed it is due later", 40, 1040, audio(0.5), Some(&before), Until(1080 * MS)),
        ("the sound stands: hold", 40, 9000, audio(0.0), Some(&before), Hold),
        ("no clock yet: hold", 40, 9000, None, Some(&before), Hold),
        ("the first is shown without a clock", 40, 9000, None, None, Present),
        ("the first after a seek is, too", 40, 9000, None, Some(&other), Present),
        ("the first while the clock stands", 40, 9000, own(0.0), None, Present),
        ("a restarted renderer keeps in step", 90, 1000, own(1.0), None, Until(1090 * MS)),
        ("but does not wait long for it", 900, 1000, own(1.0), None, Present),
        ("our own clock drops late frames as well", 40, 1080, own(1.0), Some(&before), Drop),
    ] {
        assert_eq!(decide(&frame(pts), &moment(now, master, last)), wanted, "{what}");
    }
}

#[test]
fn showing_begins_as_much_earlier_as_it_takes() {
    let last = shown(0, 1000);
    let m = Moment { lead_ns: 3 * MS, ..moment(1030, Some(Master::Audio(clock(0, 1000, 1.0))), Some(&last)) };
    assert_eq!(decide(&frame(40), &m), Decision::Until(1037 * MS));
    assert_eq!(decide(&frame(40), &Moment { now_ns: 1037 * MS, ..m }), Decision::Present);
}

#[test]
fn without_sound_the_film_waits_for_a_slow_decoder_and_catches_up_with_a_quick_one() {
    let last = shown(0, 1000);
    let m = moment(1500, Some(Master::Own(clock(0, 1000, 1.0))), Some(&last));
    let waited = |ms: u64| Pending { waited_ns: ms * MS, ..frame(40) };
    assert_eq!(decide(&waited(460), &m), Decision::Resume);
    let recently = Shown { at_ns: 1400 * MS, ..last };
    assert_eq!(decide(&waited(5), &Moment { shown: Some(&recently), ..m }), Decision::Drop);
    let audio = Some(Master::Audio(clock(0, 1000, 1.0)));
    assert_eq!(decide(&waited(460), &Moment { master: audio, shown: Some(&recently), ..m }), Decision::Drop);
}

#[test]
fn frames_of_another_serial_are_never_shown() {
    for serial in [2, 4] {
        let m = Moment { unpaced: true, step: true, ..moment(0, None, None) };
        assert_eq!(decide(&Pending { serial, ..frame(0) }, &m), Decision::Drop);
    }
}

#[test]
fn in_a_pause_a_frame_is_held_until_a_step_a_seek_or_the_end_of_the_pause() {
    let paused = PlayState { paused: true, ..STATE };
    let last = shown(0, 1000);
    let m = Moment { state: &paused, ..moment(9000, Some(Master::Own(clock(20, 1020, 0.0))), Some(&last)) };
    assert_eq!((decide(&frame(40), &m), give_way(&m), over(&m)), (Decision::Hold, Decision::Hold, Decision::Hold));
    let step = Moment { step: true, ..m };
    assert_eq!((decide(&frame(40), &step), give_way(&step)), (Decision::Present, Decision::Present));
    let sought = PlayState { serial: 4, ..paused };
    let seek = Moment { state: &sought, ..m };
    assert_eq!((decide(&frame(40), &seek), give_way(&seek)), (Decision::Drop, Decision::Present));
}

#[test]
fn unpaced_frames_wait_for_nothing_but_a_pause() {
    let last = shown(0, 1000);
    let m = Moment { unpaced: true, ..moment(0, Some(Master::Own(clock(0, 1000, 1.0))), Some(&last)) };
    assert_eq!(
        (decide(&frame(9000), &m), give_way(&m), over(&m)),
        (Decision::Present, Decision::Present, Decision::Present)
    );
    let paused = PlayState { paused: true, ..STATE };
    let m = Moment { state: &paused, ..m };
    assert_eq!((decide(&frame(9000), &m), give_way(&m)), (Decision::Hold, Decision::Hold));
}

#[test]
fn a_frame_gives_way_shortly_before_its_time_is_over_and_the_end_comes_after_it() {
    let last = shown(0, 1000);
    let m = moment(1010, Some(Master::Audio(clock(0, 1000, 1.0))), Some(&last));
    assert_eq!((give_way(&m), over(&m)), (Decision::Until(1020 * MS), Decision::Until(1040 * MS)));
    let later = Moment { now_ns: 1040 * MS, ..m };
    assert_eq!((give_way(&later), over(&later)), (Decision::Present, Decision::Present));
    let still = Shown { duration_ns: 0, ..last };
    assert_eq!(give_way(&Moment { shown: Some(&still), ..m }), Decision::Present);
}

#[test]
fn repeats_are_counted_by_whole_frame_lengths() {
    let (last, line) = (shown(0, 1000), clock(0, 1000, 1.0));
    for (now, wanted) in [(1000, 0), (1040, 0), (1079, 0), (1080, 1), (1200, 4)] {
        assert_eq!(repeats(&last, &frame(40), &line, now * MS), wanted, "at {now}");
    }
    assert_eq!(repeats(&Shown { serial: 2, ..last }, &frame(40), &line, 9000 * MS), 0);
}

#[test]
fn our_own_clock_starts_where_there_is_no_sound_and_follows_pause_and_speed() {
    let last = shown(0, 1000);
    let silent = PlayState { audible: false, ..STATE };
    let paused = PlayState { paused: true, ..silent };
    let fast = PlayState { speed: 2.0, ..silent };
    let none = Clocks::default();
    let own = |c| Clocks { audio: None, own: Some(c) };
    let audio = |c| Clocks { audio: Some(c), own: Some(clock(500, 1000, 1.0)) };
    let running = clock(0, 1000, 1.0);
    for (what, clocks, state, expect, now, wanted) in [
        ("no sound: from the first frame on", none, &silent, false, 1003, Some(clock(0, 1000, 1.0))),
        ("sound may come", none, &STATE, true, 3499, None),
        ("it did not come", none, &STATE, true, 3500, Some(clock(0, 3500, 1.0))),
        ("the decoder says there is none", none, &STATE, false, 1003, Some(clock(0, 1000, 1.0))),
        ("it runs", own(running), &silent, false, 2000, None),
        ("a pause stops it", own(running), &paused, false, 2000, Some(clock(1000, 2000, 0.0))),
        ("it stands", own(clock(1000, 2000, 0.0)), &paused, false, 2500, None),
        ("it goes on", own(clock(1000, 2000, 0.0)), &silent, false, 3000, Some(clock(1000, 3000, 1.0))),
        ("twice as fast", own(running), &fast, false, 2000, Some(clock(1000, 2000, 2.0))),
        ("the sound is the clock", audio(running), &STATE, true, 2000, None),
        ("the sound is gone, our line is as new", audio(running), &paused, false, 2000, Some(clock(1500, 2000, 0.0))),
        (
            "the sound is gone, its line is newer",
            audio(clock(1, 1001, 1.0)),
            &paused,
            false,
            2000,
            Some(clock(1000, 2000, 0.0)),
        ),
        (
            "another serial's clock is none",
            own(Clock { serial: 2, ..running }),
            &silent,
            false,
            2000,
            Some(clock(0, 1000, 1.0)),
        ),
    ] {
        assert_eq!(steer(&clocks, state, Some(&last), expect, 1000 * MS, now * MS), wanted, "{what}");
    }
    let left = Clocks { audio: Some(running), own: None };
    assert_eq!(
        steer(&left, &silent, Some(&last), false, 0, 2000 * MS),
        Some(clock(1000, 2000, 1.0)),
        "its line is taken over"
    );
    assert_eq!(steer(&none, &silent, None, false, 0, 2000 * MS), None, "nothing was shown yet");
}
