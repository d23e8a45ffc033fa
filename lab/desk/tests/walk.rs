//! Model and stage agree: random walks with kills over every lesson's programs, right and wrong ones. The stage starts its
//! processes from this very executable, so the test has a `main` of its own.

use std::time::Instant;

use tricine_lab::lang::{self, Program};
use tricine_lab::lesson;
use tricine_lab_desk::stage::{Defect, Stage};
use tricine_lab_desk::stepper::{Stepper, Walked, walk};
use tricine_session::clock::PlayState;
use tricine_session::control::ControlRegion;
use tricine_session::process::ROLE_ENV;

/// Steps that are compared.
const STEPS: usize = 10_000;

fn main() {
    if let Ok(role) = std::env::var(ROLE_ENV) {
        std::process::exit(tricine_lab_desk::role_main(&role).unwrap_or(2));
    }
    let only = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    type Test = fn(&str);
    let tests: [(&str, Test); 6] = [
        ("model_and_stage_agree_after_every_step", agree),
        ("a_seeded_defect_is_found", defects),
        ("running_freely_comes_to_what_the_model_allows", freely),
        ("running_freely_asks_what_the_search_asks", freely_asked),
        ("what_lessons_measure_comes_out_as_they_say", measures),
        ("undo_leads_to_the_same_place_by_the_same_processes", undo),
    ];
    let session = format!("test-walk-{}", std::process::id());
    let held = ControlRegion::create(&session, &PlayState::IDLE).expect("a session");
    for (name, test) in tests.iter().filter(|t| only.as_ref().is_none_or(|o| t.0.contains(o.as_str()))) {
        let begun = Instant::now();
        test(&session);
        println!("test {name} ... ok ({:.1} s)", begun.elapsed().as_secs_f64());
    }
    tricine_session::NAMESPACE.unlink_all(&session, |_| {}).expect("the names can be removed");
    drop(held);
    let left = std::fs::read_dir("/dev/shm").expect("the folder").flatten();
    let left: Vec<_> = left.filter(|e| e.file_name().to_string_lossy().contains(&session)).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// A fixed sequence, so that a failure can be repeated.
fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |below| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x % below.max(1) as u64) as usize
    }
}

/// What strangers hand in: whose lesson it is or that it is a whole program, and their lines.
fn strangers() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/repairs");
    let files = std::fs::read_dir(folder).expect("the folder").flatten().map(|e| e.path());
    let mut all: Vec<_> = files
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("a repair");
            let of = text.strip_prefix("# ").and_then(|l| l.split(':').next()).expect("a lesson, or `program`");
            (of.to_owned(), text)
        })
        .collect();
    all.sort();
    all
}

/// Every program of the lessons, as it is given out, with each repair, and with those of strangers: text, instance, program.
fn programs() -> Vec<(String, String, usize, Program)> {
    let (mut all, strangers) = (vec![], strangers());
    assert!(strangers.len() > 60, "{}", strangers.len());
    for l in lesson::all().expect("the lessons can be read").into_iter().filter(|l| !l.program.is_empty()) {
        let start = l.start();
        let texts = std::iter::once(start.as_str()).chain(l.repairs.iter().map(|r| r.region.as_str()));
        let texts = texts.chain(strangers.iter().filter(|s| s.0 == format!("lesson {}", l.id)).map(|s| s.1.as_str()));
        for text in texts {
            let (full, _) = l.with(text).expect("a region");
            let last = lang::parse(&full).expect("a program").into_iter().enumerate().next_back();
            let (instance, program) = last.expect("an instance");
            all.push((format!("lesson {}", l.id), full, instance, program));
        }
    }
    for (of, text) in strangers.into_iter().filter(|s| s.0 == "program") {
        let program = lang::parse(&text).expect("a program").swap_remove(0);
        all.push((of, text, 0, program));
    }
    all
}

fn stage(session: &str, text: &str, instance: usize, program: &Program) -> Stage {
    Stage::start(session, text, instance, program).expect("the processes start")
}

fn agree(session: &str) {
    let all = programs();
    let (mut sum, mut random) = (Walked::default(), numbers(12));
    let begun = Instant::now();
    for (name, text, instance, program) in &all {
        let mut stepper = Stepper::new(program, stage(session, text, *instance, program)).expect(name);
        let deaths = program.deaths.max(1);
        sum += walk(&mut stepper, STEPS / all.len() + 1, deaths, &mut random)
            .unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
    }
    let per_step = begun.elapsed().as_secs_f64() * 1e6 / sum.steps as f64;
    println!("  {} programs, {sum:?}; {per_step:.0} µs a step, starts included", all.len());
    assert!(sum.steps >= STEPS && sum.kills > 100 && sum.sleeps > 300 && sum.faults > 20, "{sum:?}");
}

fn defects(session: &str) {
    let room = "sem s = 1\ndeaths 1\nprocess ann:\n    wait s\n    enter hall\n    leave hall\n    post s\nprocess bob:\n    nothing\nafter death of ann:\n    post s\n";
    let bell = "sem s = 0\nprocess ann:\n    post s\n    post s\nprocess bob:\n    wait s\n    wait s\n";
    for (text, defect, what) in
        [(bell, Defect::SleepersRun, "s: model 1, real 0"), (room, Defect::RoomsStay, "hall: model 0, real 1")]
    {
        let program = &lang::parse(text).expect("a program")[0];
        for seeded in [false, true] {
            let mut real = stage(session, text, 0, program);
            if seeded {
                real.seed(defect);
            }
            let mut stepper = Stepper::new(program, real).expect("the beginning");
            let walked = walk(&mut stepper, 500, 1, &mut numbers(1));
            match (seeded, walked) {
                (false, Ok(_)) => {}
                (true, Err(e)) => assert!(e.to_string().contains(what), "{e}"),
                (_, walked) => panic!("{defect:?} seeded: {seeded}, but {walked:?}"),
            }
        }
    }
}

fn freely(session: &str) {
    let lessons = lesson::all().expect("the lessons");
    let second = lessons.iter().find(|l| l.id == "2").expect("lesson 2");
    for (region, wrong) in [(second.start(), true), (second.repairs[0].region.clone(), false)] {
        let (text, _) = second.with(&region).expect("a region");
        let program = &lang::parse(&text).expect("a program")[0];
        let mut real = stage(session, &text, 0, program);
        let freely = real.freely(2_000, std::time::Duration::from_secs(20)).expect("it runs");
        println!("  {freely:?}");
        assert_eq!(freely.results.iter().map(|r| r.1).sum::<usize>(), freely.runs);
        let possible = ["count = 2", "count = 3", "count = 4"];
        assert!(freely.results.iter().all(|r| possible.contains(&r.0.as_str())), "{freely:?}");
        assert!(wrong || freely.wrong == 0, "{freely:?}");
        // The stage is at its beginning, and can be stepped.
        Stepper::new(program, real).expect("the beginning");
    }
    // Two who always sleep for ever are counted, and the stage goes on.
    let text = "sem s = 0\nprocess ann:\n    wait s\nprocess bob:\n    wait s\n";
    let program = &lang::parse(text).expect("a program")[0];
    let freely = stage(session, text, 0, program).freely(3, std::time::Duration::from_secs(20)).expect("it runs");
    assert_eq!(freely.results, [("stuck: ann and bob asleep for ever".to_owned(), 3)], "{freely:?}");
}

fn freely_asked(session: &str) {
    // What a run has to come to, and in how many of 20 it is wrong; `None`: the scheduler decides.
    let ask = |text: &str, expected: &str, wrong: Option<usize>| {
        let program = &lang::parse(text).expect("a program")[0];
        let freely = stage(session, text, 0, program).freely(20, std::time::Duration::from_secs(20)).expect("it runs");
        println!("  {}", freely.says());
        assert!(freely.results.iter().any(|r| r.0.contains(expected)), "{expected:?}: {freely:?}\n{text}");
        assert!(wrong.is_none_or(|w| w == freely.wrong), "{freely:?}\n{text}");
        freely
    };
    // It holds at the beginning and in the end, and in between it does not.
    let between = "shared low = 0, high = 1\nalways low <= high\nprocess ann:\n    high = 5\n    low = 3\nprocess bob:\n    nothing\n";
    ask(between, "over", Some(0));
    let between = between.replace("high = 5\n    low = 3", "low = 3\n    high = 5");
    ask(&between, "ann: from here on `low <= high` does not hold: low is 3, high is 1", Some(20));
    // By each kind of change.
    for step in ["x = swap low, 3", "x = add low, 3", "x = cas low, 0, 3"] {
        ask(&between.replace("low = 3", step), "does not hold: low is 3, high is 1", Some(20));
    }
    // Two whose changes cross, each right by itself: never wrong by a look at half of a change.
    let text = "shared sum = 0\nalways sum >= 0\nprocess ann:\n    x = add sum, 1\n    x = add sum, 0 - 1\nprocess bob:\n    x = add sum, 1\n    x = add sum, 0 - 1\n";
    ask(text, "over", Some(0));
    // What each does itself.
    let share = "shared count = 0\nexpect count = 4, ann adds 2 to count, bob adds 2 to count\nprocess ann:\n    x = add count, 2\nprocess bob:\n    x = add count, 2\n";
    ask(share, "count = 4", Some(0));
    let share = share.replacen("count, 2", "count, 4", 1).replacen("x = add count, 2", "nothing", 1);
    ask(&share, "count = 4, and ann itself has added 4 to `count` instead of 2", Some(20));
    let room = "shared x = 0\nexpect ann enters table, bob enters table\nprocess ann:\n    enter table\n    leave table\nprocess bob:\n    x = 1\n";
    ask(room, "bob has entered `table` 0 times instead of once", Some(20));
    // One goes wrong, and another one sleeps for ever because of it.
    let text = "sem s = 0\nframe slot[1]\nexpect once 1\nprocess ann:\n    v = read slot[0]\n    use v\n    post s\nprocess bob:\n    wait s\n";
    ask(text, "ann: it shows an empty slot", Some(20));
    // A processor's buffer is emptied by asking, so nobody asks, and that is said.
    let tso = "shared low = 0, high = 1\nalways low <= high\nexpect ann adds 3 to low\nmemory tso\nprocess ann:\n    low = 3\n    high = 5\nprocess bob:\n    nothing\n";
    let freely = ask(tso, "over", Some(0));
    let unasked = freely.unasked.expect("it says so");
    assert!(unasked.contains("`low <= high` holds before the end") && unasked.contains("itself"), "{unasked}");
    // In the end they are empty.
    ask(&tso.replace("low = 3\n", "low = 7\n"), "in the end: from here on `low <= high` does not hold", Some(20));
}

fn undo(session: &str) {
    let text = "shared x = 0\nsem s = 0\nprocess ann:\n    x = 1\n    post s\n    x = 2\nprocess bob:\n    y = x\n    wait s\n    x = 3\n    x = 4\n";
    let program = &lang::parse(text).expect("a program")[0];
    let mut stepper = Stepper::new(program, stage(session, text, 0, program)).expect("the beginning");
    let acts = tricine_lab::schedule::parse("abab", 2).expect("a schedule");
    acts.iter().for_each(|a| stepper.act(*a).expect("a step"));
    let (pids, before) = ([stepper.stage.pid(0), stepper.stage.pid(1)], stepper.replay.state().to_vec());
    stepper.act(tricine_lab::schedule::Act::Step(1)).expect("a step");
    stepper.undo().expect("back");
    assert_eq!(stepper.replay.state(), before);
    assert_eq!(stepper.acts, acts);
    assert_eq!([stepper.stage.pid(0), stepper.stage.pid(1)], pids);
}

fn measures(session: &str) {
    let measured = |name: &str| {
        let m = tricine_lab_desk::measure::measure(name, session).unwrap_or_else(|e| panic!("{name}: {e}"));
        println!("  {name}: {}", m.figures);
        m.figures
    };
    let names = measured("names");
    let rows = names.as_array().expect("rows");
    let left: Vec<&str> = rows.iter().filter_map(|r| r["left"].as_str()).collect();
    let half = ["a name with 0 bytes: who opens it dies", "a name with 8 zeros: who reads it is misled"];
    let whole = "a name, complete";
    assert_eq!(left, [half[0], half[1], whole, whole, "no name", "no name", "no name", whole]);
    // glibc's own: its file has a name, by which nobody knows it, until the semaphore's is linked and that one removed.
    let made: Vec<_> = rows.iter().filter(|r| r["sem_open"] == true).collect();
    let other = |i: usize| made[i]["other"].as_str();
    assert!(made.len() >= 3 && made[0]["killed_after"].as_str().is_some_and(|c| c.starts_with("open")), "{names}");
    assert!(other(0).is_some_and(|n| n.starts_with("sem.")) && made[0]["own"] == false, "{names}");
    let last = made.last().expect("a call");
    assert!(last["own"] == true && last["other"].is_null(), "{names}");
    assert!(made.iter().any(|m| m["own"] == true && m["other"].is_string()), "both for a moment: {names}");
    let signals = measured("signals");
    assert!((1..20).contains(&signals["signals"].as_u64().expect("a number")), "{signals}");
    let cable = measured("cable");
    assert_eq!((&cable["whole"], &cable["rest"]), (&1.into(), &9.into()), "{cable}");
    assert!(signals["sleeps"].as_u64() >= Some(2) && signals["token"] == true, "{signals}");
    // A handler that does the work finds it half done at some instruction, and one that only tells never does.
    let (at, wrong) = (signals["instructions"].as_u64().expect("a number"), &signals["wrong"]);
    assert!(wrong[0].as_u64().is_some_and(|w| w > 0 && w < at) && wrong[1] == 0, "{signals}");
    let walls = measured("walls");
    let seen = |wall: usize| [&walls[wall]["views"][0], &walls[wall]["views"][1]];
    assert_eq!(seen(0).map(|v| v["value"].as_u64()), [Some(7), Some(8)], "{walls}");
    assert_eq!(seen(1).map(|v| v["value"].as_u64()), [Some(8), Some(8)], "{walls}");
    assert!(seen(0).iter().all(|v| v["private_dirty"].as_u64() > Some(0)), "{walls}");
    assert!(seen(1).iter().all(|v| v["private_dirty"] == 0 && v["shared_dirty"].as_u64() >= Some(512)), "{walls}");
    let channel = measured("channel");
    for (show, word) in channel.as_array().expect("both sides").iter().zip(["seq[0] 0 -> 1", "released 0 -> 1"]) {
        let steps = show["steps"].as_array().expect("steps");
        assert!(steps.iter().all(|s| s["whole"] == true) && show["bad"] == serde_json::json!([]), "{channel}");
        // At every single instruction.
        assert!(show["kills"].as_u64() > show["instructions"].as_u64(), "{channel}");
        // From one step on the frame is published, or released, and stays so; the sleeper's flag and token come after it.
        let done: Vec<bool> = steps.iter().map(|s| s["done"] == true).collect();
        let at = done.iter().position(|d| *d).expect("a step");
        assert!(done.is_sorted() && at > 0 && at + 2 < done.len(), "{channel}");
        assert_eq!(steps[at]["change"], word);
    }
    for name in ["counter", "litmus", "hold"] {
        match tricine_lab_desk::measure::measure(name, session) {
            Ok(m) => println!("  {name}: {}", m.figures),
            Err(e) => assert!(e.to_string().contains("two processors"), "{name}: {e}"),
        }
    }
}
