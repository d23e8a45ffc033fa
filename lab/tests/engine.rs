//! The engine: what is right, what is wrong, and how it is said.

use tricine_lab::model::search::Limits;
use tricine_lab::verdict::{Verdict, Wrong, mark};
use tricine_lab::{lang, run, schedule};

fn verdict(text: &str) -> Verdict {
    mark(text, Limits::default())
}

fn wrong(text: &str) -> Wrong {
    match verdict(text) {
        Verdict::Wrong(w) => *w,
        other => panic!("{other}\n{text}"),
    }
}

fn error(text: &str) -> String {
    match verdict(text) {
        Verdict::Unreadable { error } => error.to_string(),
        other => panic!("{other}\n{text}"),
    }
}

#[test]
fn expect_alone_is_an_error_with_an_example() {
    let e = error("shared x = 0\nexpect\nprocess ann:\n    x = 1\n");
    assert_eq!(
        e,
        "line 2, column 7: the line ends here; expected `once`, `repeats`, `latest`, or a shared word, for example `expect once frames`"
    );
}

#[test]
fn a_loop_without_a_shared_access_never_ends() {
    // Nobody writes `x`; `y` is private.
    let w = wrong("shared x = 0\nprocess ann:\n    while x == 0:\n        y = 1\n");
    assert_eq!((w.kind.name(), w.schedule.as_str()), ("endless", ""));
    // And after a step, and in recovery.
    let w = wrong("shared x = 0\nprocess ann:\n    x = 0\n    while x == 0:\n        y = 1\n");
    assert_eq!((w.kind.name(), w.schedule.as_str()), ("endless", "a"));
    let w =
        wrong("shared x = 0\ndeaths 1\nprocess ann:\n    x = 1\nafter death of ann:\n    while true:\n        y = 1\n");
    assert_eq!((w.kind.name(), w.schedule.as_str()), ("endless", "Xa"));
}

#[test]
fn a_semaphore_that_only_grows_is_told_so() {
    let w = wrong(
        "shared x = 0\nsem s = 0\nprocess ann:\n    while x == 0:\n        post s\nprocess bob:\n    x = 1\n    x = 0\n",
    );
    assert_eq!(w.kind.name(), "grows", "{}", w.why);
    assert!(w.why.contains("101 tokens"), "{}", w.why);
}

#[test]
fn a_word_that_only_grows_is_told_so() {
    let w = wrong("shared x = 0\nprocess ann:\n    while true:\n        x = x + 1\n");
    assert_eq!(w.kind.name(), "grows", "{}", w.why);
}

#[test]
fn reading_a_word_that_only_you_write_is_no_step() {
    let text = "shared x = 0, y = 0\nprocess ann:\n    x = 1\n    x = x + 1\n    y = 1\nprocess bob:\n    y = y + 1\n";
    let programs = lang::parse(text).expect("a program");
    let told = run::tell(&programs[0], &schedule::parse("a3b2", 2).expect("a schedule"));
    assert_eq!(told[1].says, "stores: `x` = 2");
    assert_eq!(told[3].says, "looks: `y` is 1");
}

#[test]
fn each_fault_has_its_kind() {
    let two = |a: &str, b: &str| format!("shared x = 0, y = 0\nsem s = 0\nprocess ann:\n{a}process bob:\n{b}");
    for (kind, text) in [
        ("index", "shared x[2] = 0\nprocess ann:\n    i = 2\n    x[i] = 1\n".to_owned()),
        ("division", "shared x = 0\nprocess ann:\n    x = 1 / x\n".to_owned()),
        ("crowded", two("    enter k\n", "    enter k\n")),
        ("stuck", two("    wait s\n", "    nothing\n")),
        ("burns", two("    while y == 0:\n        nothing\n", "    y = 1\n")),
        ("no-way-out", two("    while y == 0:\n        x = 1\n", "    y = 0\n")),
        ("ending", "shared x = 0\nexpect x = 2\nprocess ann:\n    x = 1\n".to_owned()),
        ("empty", "frame f\nexpect once 1\nprocess ann:\n    v = read f\n    use v\n".to_owned()),
        ("again", "frame f = 1\nexpect once 2\nprocess ann:\n    v = read f\n    use v\n    use v\n".to_owned()),
        ("lost", "frame f = 2\nexpect once 2\nprocess ann:\n    v = read f\n    use v\n".to_owned()),
        (
            "torn",
            "frame f = 1\nsem s = 0\nexpect latest 1\nprocess ann:\n    fill f with 2\nprocess bob:\n    v = read f\n    use v\n"
                .to_owned(),
        ),
    ] {
        let w = wrong(&text);
        assert_eq!(w.kind.name(), kind, "{}\n{text}", w.why);
    }
}

#[test]
fn each_process_has_to_do_its_own_share() {
    let text = |ann: &str, bob: &str| {
        format!(
            "shared x = 5\nexpect x = 8, ann adds 2 to x, bob adds 1 to x\nexpect bob enters k\nprocess ann:\n{ann}process bob:\n{bob}"
        )
    };
    let (two, one) = ("    a = add x, 2\n", "    enter k\n    a = add x, 1\n    leave k\n");
    assert_eq!(verdict(&text(two, one)).name(), "right");
    // However it is changed: by a store, a swap, an exchange.
    assert_eq!(
        verdict(&text(
            "    a = add x, 7\n    a = swap x, 0\n    x = 5\n    ok = cas x, 5, 7\n",
            "    enter k\n    leave k\n"
        ))
        .name(),
        "ending"
    );
    for (ann, bob, why) in [
        ("    a = add x, 3\n", "    enter k\n", "ann itself has added 3 to `x` instead of 2"),
        (two, "    a = add x, 1\n", "bob has entered `k` 0 times instead of once"),
        (
            two,
            "    enter k\n    leave k\n    enter k\n    a = add x, 1\n",
            "bob has entered `k` 2 times instead of once",
        ),
        (two, "    enter k\n", "`x` is 7 instead of 8"),
    ] {
        let w = wrong(&text(ann, bob));
        assert_eq!((w.kind.name(), w.why.as_str()), ("ending", format!("everybody is done, and {why}").as_str()));
    }
    // What a process did before it was killed is its own, and so is what its recovery does. A store counts when it reaches memory.
    let killed = "shared x = 0\nexpect x = 1, ann adds 1 to x\ndeaths 1\nmemory tso\nprocess ann:\n    if x == 0:\n        x = 1\nprocess bob:\n    y = x\n";
    assert_eq!(verdict(killed).name(), "right");
    assert_eq!(verdict(&format!("{killed}after death of ann:\n    if x == 0:\n        x = 1\n")).name(), "right");
}

#[test]
fn some_element_has_to_hold_what_was_made() {
    let text = |value: &str| {
        format!(
            "frame slot[2]\nexpect some slot = 3\nprocess ann:\n    fill slot[0] with 1\n    fill slot[1] with {value}\n"
        )
    };
    assert_eq!(verdict(&text("3")).name(), "right");
    assert_eq!(wrong(&text("2")).why, "everybody is done, and no `slot` holds frame 3");
}

#[test]
fn what_always_has_to_hold_is_asked_after_every_step() {
    let text = |paid: &str| {
        format!(
            "shared paid = 0, there[2] = 0\nalways paid <= there[1] and not (paid == 7)\nexpect paid = 1\nprocess ann:\n    there[1] = 1\n\
             process bob:\n    while there[1] == 0:\n        break\n    paid = {paid}\n"
        )
    };
    let w = wrong(&text("1"));
    assert_eq!((w.kind.name(), w.schedule.as_str()), ("broken", "b2"), "{}", w.why);
    assert_eq!(
        w.why,
        "bob: from here on `paid <= there[1] and not (paid == 7)` does not hold: paid is 1, there[1] is 0, paid is 1"
    );
    assert!(w.trace[1].wrong && w.trace[1].code == "paid = 1", "{:?}", w.trace);
    assert_eq!(wrong(&text("7")).kind.name(), "broken");
    // A store that waits in a buffer breaks nothing yet.
    let w = wrong(&format!("memory tso\n{}", text("1")));
    assert_eq!((w.kind.name(), w.schedule.as_str()), ("broken", "b2fb"));
}

#[test]
fn two_that_give_way_to_each_other_go_round_for_ever() {
    // Neither of them burns a processor alone: each waits for the other's bell.
    let w = wrong(
        "shared turns = 0, stop = 0\nsem a = 1, b = 0\nprocess ann:\n    while stop == 0:\n        wait a\n        post b\n\
         process bob:\n    while stop == 0:\n        wait b\n        post a\nprocess carol:\n    stop = 1\n    post a\n    post b\n",
    );
    assert_eq!(w.kind.name(), "circles", "{}", w.why);
    assert!(!w.then.is_empty());
}

#[test]
fn fewest_deaths_come_first_and_then_fewest_steps() {
    // Wrong without a death, at size 3; with a death at size 1 already.
    let w = wrong(
        "const n = 1..3\nshared x = 0, y = 0\nexpect y = 0\ndeaths 2\nprocess ann:\n    x = 1\n    x = 2\n    if n == 3:\n        y = 1\n\
         after death of ann:\n    y = 1\n",
    );
    assert_eq!((w.deaths, w.size), (0, Some(("n".into(), 3))));
}

#[test]
fn a_side_that_rests_can_still_be_killed() {
    let text = |rests: &str| {
        format!(
            "shared x = 0\nexpect x = 0\ndeaths 1\nscene ann rests: {rests}\nprocess ann:\n    nothing\nafter death of ann:\n    x = 1\n"
        )
    };
    assert_eq!(verdict(&text("deaths 0")).name(), "right", "who is done cannot be killed");
    let w = wrong(&text("ann rests"));
    assert_eq!((w.scene.as_str(), w.schedule.as_str()), ("ann rests", "Xar2"));
}

#[test]
fn a_side_may_be_asleep_in_the_end_where_the_scene_says_so() {
    let text = |scene: &str| {
        format!(
            "const n = 1\nsem s = 0\nscene quiet: n = 0{scene}\nprocess ann:\n    if n == 1:\n        post s\nprocess bob:\n    wait s\n"
        )
    };
    assert_eq!(wrong(&text("")).kind.name(), "stuck");
    assert_eq!(verdict(&text(", bob may sleep")).name(), "right");
}

#[test]
fn stores_wait_in_buffers_with_tso() {
    let text = |memory: &str, fence: &str| {
        format!(
            "shared x = 0, y = 0\nmemory {memory}\nprocess ann:\n    x = 1\n{fence}    if y == 0:\n        enter k\n        leave k\n\
             process bob:\n    y = 1\n{fence}    if x == 0:\n        enter k\n        leave k\n"
        )
    };
    assert_eq!(verdict(&text("sequential", "")).name(), "right");
    let w = wrong(&text("tso", ""));
    assert_eq!(w.kind.name(), "crowded");
    assert!(w.trace[0].says.contains("in its buffer"), "{:?}", w.trace[0]);
    let Verdict::Right { bounds } = verdict(&text("tso", "    fence\n")) else { panic!("with a fence") };
    assert!(bounds.to_string().ends_with("with the store buffers of x86"), "{bounds}");
}

#[test]
fn a_processor_sees_its_own_stores_at_once() {
    // Bob's store makes Ann's look a step; she must not see what was there before her own.
    let text = "shared x = 0, bad = 0\nexpect bad = 0\nmemory tso\nprocess ann:\n    x = 1\n    if x == 0:\n        bad = 1\n\
                process bob:\n    x = 1\n";
    assert_eq!(verdict(text).name(), "right");
}

#[test]
fn who_dies_in_a_room_is_not_in_it_any_more() {
    let text = "process ann:\n    enter k\n    leave k\nprocess bob:\n    enter k\n    leave k\n";
    let p = &lang::parse(text).expect("a program")[0];
    let end = |acts: &str| run::replay(p, &schedule::parse(acts, 2).expect("a schedule")).end;
    assert!(matches!(end("ab"), run::End::Fault(_)));
    assert_eq!(end("aXab"), run::End::Open);
}

#[test]
fn a_limit_has_a_verdict_of_its_own() {
    let text = "shared x = 0\nprocess ann:\n    while x < 50:\n        x = x + 1\nprocess bob:\n    i = 0\n    while i < 50:\n        x = x\n        i = i + 1\n";
    let v = mark(text, Limits { states: 100, ..Limits::default() });
    assert_eq!((v.name(), v.exit_code()), ("gave-up", 3));
    assert!(v.to_string().contains("more than 100 states"), "{v}");
    let v = mark(text, Limits { bytes: 10_000, ..Limits::default() });
    assert_eq!(v.name(), "gave-up");
}

#[test]
fn three_slots_and_two_deaths_meet_as_many_states_as_before() {
    // A change here is a change of the search, or of what is private.
    let text = include_str!("programs/slot-words.lab");
    let Verdict::Right { bounds } = verdict(text) else { panic!("{}", verdict(text)) };
    assert_eq!(
        bounds.to_string(),
        "every schedule, frames up to 4, 2 deaths at any steps, 115,031 states, sequentially consistent"
    );
}

#[test]
fn a_counterexample_replays_to_what_it_says() {
    for l in tricine_lab::lesson::all().expect("lessons") {
        for r in &l.repairs {
            let Verdict::Wrong(w) = tricine_lab::check(&l, &r.region) else { continue };
            let run = l.replay(&r.region, &w.paste(), None).expect("a run");
            let told = run.end;
            let fits = match w.kind.name() {
                "stuck" => matches!(told, run::End::Stuck(_)),
                "ending" => matches!(told, run::End::WrongEnd(_)),
                "burns" | "circles" | "no-way-out" => matches!(told, run::End::Open),
                _ => matches!(told, run::End::Fault(_)),
            };
            assert!(fits, "lesson {}, {}: {told:?}", l.id, r.name);
            let impossible = ["falls asleep", "still sleeps", "is done:", "rests:"];
            let idle = run
                .moments
                .iter()
                .filter_map(|m| m.told.as_ref())
                .find(|t| impossible.iter().any(|i| t.says.starts_with(i)));
            assert_eq!(idle, None, "lesson {}, {}", l.id, r.name);
        }
    }
}

#[test]
fn a_sleeper_is_counted_and_goes_on_being_counted_when_it_is_killed() {
    let text = "sem s = 0\ndeaths 1\nprocess ann:\n    post s\nprocess bob:\n    wait s\n";
    let p = &lang::parse(text).expect("a program")[0];
    let see =
        |acts: &str| run::replay(p, &schedule::parse(acts, 2).expect("a schedule")).moments.pop().expect("a moment");
    let m = see("b");
    assert_eq!((m.semaphores[0].sleepers.clone(), m.processes[1].state), (vec!["bob".to_owned()], "asleep"));
    let m = see("ba");
    assert_eq!((m.semaphores[0].tokens, m.semaphores[0].sleepers.len()), (1, 1), "woken is not yet run");
    let m = see("bab");
    assert_eq!((m.semaphores[0].tokens, m.semaphores[0].sleepers.len(), m.processes[1].state), (0, 0, "done"));
    assert!(m.told.expect("told").says.starts_with("wakes up and takes"));
    let m = see("bXb");
    assert_eq!((m.semaphores[0].sleepers.len(), m.semaphores[0].ghosts, m.processes[1].state), (0, 1, "dead"));
}

#[test]
fn errors_say_where_and_what_and_give_an_example() {
    for (text, line, column, says) in [
        ("procss ann:\n", 1, 1, "did you mean `process`?"),
        ("process ann\n", 1, 12, "expected `:`"),
        ("process ann:\n", 1, 13, "an empty block"),
        ("process ann:\n    wait x\n", 2, 10, "`x` is not a semaphore"),
        ("sem filled = 0\nprocess ann:\n    wait fillled\n", 3, 10, "did you mean `filled`?"),
        ("shared x = 0\nprocess ann:\n    if x = 1:\n        x = 2\n", 3, 10, "`==` to compare"),
        ("shared x = 0\nprocess ann:\n    x = y\n", 3, 9, "never given a value"),
        ("shared x = 0\nprocess ann:\n    x = 1\n      x = 2\n", 4, 7, "6 spaces"),
        ("shared x = 0\nprocess ann:\n\tx = 1\n", 3, 1, "a tab"),
        ("sem s = 0\nprocess ann:\n    s = 1\n", 3, 5, "is a semaphore"),
        ("sem s = 0\nshared x = 0\nprocess ann:\n    x = s\n", 4, 9, "its value cannot be read"),
        ("shared x = 0\nprocess ann:\n    x = add x, 1\n", 3, 9, "a name of your own"),
        ("frame f\nprocess ann:\n    f = 1\n", 3, 5, "is a frame"),
        ("shared x[3] = 0\nprocess ann:\n    x = 1\n", 3, 7, "which one"),
        ("process ann:\n    break\n", 2, 5, "outside of a loop"),
        ("process ann:\n    x = 1 ! 2\n", 2, 11, "means nothing here"),
        ("after death of bob:\n    nothing\nprocess ann:\n    nothing\n", 1, 16, "`bob` is not a process"),
        ("const n = 1..900\nprocess ann:\n    nothing\n", 1, 11, "one to eight"),
        ("", 1, 1, "there is no process"),
        ("shared x = 0\nexpect bob adds 1 to x\nprocess ann:\n    x = 1\n", 2, 8, "`bob` is not a process"),
        ("shared x = 0\nexpect ann adds 1\nprocess ann:\n    x = 1\n", 2, 18, "expected `to`"),
        ("shared x = 0\nexpect ann adds 1 to y\nprocess ann:\n    x = 1\n", 2, 22, "`y` is not a shared word"),
        ("shared x = 0\nexpect some y = 1\nprocess ann:\n    x = 1\n", 2, 13, "`y` is not shared"),
        ("shared x = 0\nalways x > 0\nprocess ann:\n    x = 1\n", 2, 8, "does not hold"),
        ("shared x = 0\nalways y\nprocess ann:\n    x = 1\n", 2, 8, "never given a value"),
        ("shared x = 0\nalways x = 0\nprocess ann:\n    x = 1\n", 2, 10, "`==` to compare"),
    ] {
        let Verdict::Unreadable { error } = verdict(text) else { panic!("accepted: {text}") };
        assert_eq!((error.line, error.column), (line, column), "{error}\n{text}");
        assert!(error.to_string().contains(says) && !error.example.is_empty(), "{error}\n{text}");
    }
}

#[test]
fn json_of_a_verdict_has_a_schema_and_the_trace() {
    let v = verdict("shared x = 0\nexpect x = 2\nprocess ann:\n    x = 1\n");
    let json: serde_json::Value = serde_json::from_str(&v.json("2")).expect("JSON");
    assert_eq!(json["schema"], "tricine.lab/1");
    assert_eq!(
        (json["exit"].as_i64(), json["verdict"].as_str(), json["kind"].as_str()),
        (Some(1), Some("wrong"), Some("ending"))
    );
    assert_eq!(json["trace"][0]["says"], "stores: `x` = 1; and is done");
}
