//! Every lesson done as a student does it, wrong answers first: by keys on a screen of 80 by 24, and every repair that people hand in by
//! the command line, with what is wrong about it played on real processes.

mod learner;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use learner::{Learner, PROGRAM, editor};
use serde_json::Value;
use tests::{have, wait_for};
use tricine_lab::lesson::{self, Lesson};
use tricine_lab::schedule::{self, Act};

fn lab(args: &[&str]) -> Output {
    let state = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(PROGRAM);
    command.arg("lab").args(args).env("XDG_STATE_HOME", state.path()).stdin(Stdio::null());
    command.output().expect("it starts")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stdout)))
}

fn lessons() -> Vec<Lesson> {
    lesson::all().expect("all lessons can be read")
}

#[test]
fn every_repair_is_marked_as_its_lesson_says_and_what_is_wrong_happens_on_real_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("repair.lab");
    let path = file.to_str().expect("UTF-8");
    let (mut right, mut wrong, mut played) = (0, 0, 0);
    for l in lessons() {
        for r in &l.repairs {
            let name = format!("lesson {}, {}", l.id, r.name);
            std::fs::write(&file, &r.region).expect("a file");
            let marked = lab(&[&l.id, "--check", path, "--json"]);
            let verdict = json(&marked);
            if r.verdict == "right" {
                assert_eq!(
                    (marked.status.code(), &verdict["verdict"]),
                    (Some(0), &"right".into()),
                    "{name}: {verdict}"
                );
                right += 1;
                continue;
            }
            // A goal of the lesson that the repair does not reach, or what the lesson does not allow, is no fault of the program.
            if ["unmet", "refused"].contains(&r.verdict.as_str()) {
                assert_eq!(
                    (marked.status.code(), &verdict["verdict"]),
                    (Some(1), &r.verdict.as_str().into()),
                    "{name}: {verdict}"
                );
                continue;
            }
            assert_eq!(
                (marked.status.code(), &verdict["kind"]),
                (Some(1), &r.verdict.as_str().into()),
                "{name}: {verdict}"
            );
            assert!(verdict["why"].as_str().is_some_and(|w| w.len() > 10), "{name} says why: {verdict}");
            wrong += 1;
            let Some(paste) = verdict["paste"].as_str() else { continue };
            let replayed = lab(&[&l.id, "--replay", paste, "--with", path, "--json"]);
            // Burning a processor is no moment of a run: the same moments come again and again.
            let code = if r.verdict == "burns" { 0 } else { 1 };
            assert_eq!(
                replayed.status.code(),
                Some(code),
                "{name}: {paste}: {}",
                String::from_utf8_lossy(&replayed.stderr)
            );
            played += 1;
        }
    }
    assert!(right >= 25 && wrong >= 75 && played >= 70, "{right} right, {wrong} wrong, {played} played");
}

/// The keys of a schedule.
fn keys(acts: &[Act]) -> Vec<String> {
    let letter = |from: u8, i: usize| char::from(from + i as u8).to_string();
    let key = |a: &Act| match a {
        Act::Step(i) => letter(b'a', *i),
        Act::Kill(i) => letter(b'A', *i),
        Act::Flush(i) => letter(b'v', *i),
        Act::Recover => "r".into(),
    };
    acts.iter().map(key).collect()
}

/// The text as a screen may break it.
fn first_words(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .replace(['`', '*'], "")
        .chars()
        .take(30)
        .collect::<String>()
        .trim_end()
        .to_owned()
}

/// Every question, answered wrong.
fn predict_wrong(learner: &Learner, l: &Lesson) {
    learner.shows("What it is about");
    learner.press(&["Enter"]);
    for (i, q) in l.predict.iter().enumerate() {
        learner.shows(&format!("question {} of {}", i + 1, l.predict.len()));
        let wrong = q.answers.iter().position(|a| !a.right);
        let letter = char::from(b'a' + wrong.unwrap_or(0) as u8).to_string();
        learner.press(&[&letter, "Enter"]);
        let screen = learner.shows(if wrong.is_some() { "not so" } else { "right, and" });
        // Each answer's reason is on the screen, wrong ones' too.
        for a in &q.answers {
            let reason = first_words(&a.why);
            assert!(screen.contains(&reason), "lesson {}, question {}: {reason:?} is not in\n{screen}", l.id, i + 1);
        }
        learner.press(&["Enter"]);
    }
}

/// Everything to reach, by the schedule that the lesson knows.
fn reach(learner: &Learner, l: &Lesson) {
    for goal in l.goals.iter().filter(|g| g.possible && !g.after) {
        let program = l.instance(&l.start(), goal.instance).expect("the start");
        let (full, _) = l.with(&l.start()).expect("a region");
        let all = tricine_lab::lang::parse(&full).expect("the program");
        let works = all.iter().filter(|p| p.scene == all[0].scene).count();
        learner.press(&["R"]);
        // What is to be done is read to its last word.
        let last = goal.text.split_whitespace().next_back().unwrap_or_default().replace(['`', '*'], "");
        learner.shows(&last);
        // Sizes and scenes are chosen by [ and ], from the largest where everybody works.
        let (from, to) = (works - 1, goal.instance.unwrap_or(works - 1));
        let key = if to < from { "[" } else { "]" };
        (0..from.abs_diff(to)).for_each(|_| learner.press(&[key]));
        let acts = schedule::parse(&goal.schedule, program.processes.len()).expect("a schedule");
        keys(&acts).iter().for_each(|k| learner.press(&[k]));
        let back = if to < from { "]" } else { "[" };
        (0..from.abs_diff(to)).for_each(|_| learner.press(&[back]));
    }
    if l.goals.iter().any(|g| g.possible && !g.after) {
        learner.shows("Everything to reach was reached");
    }
}

fn saves(folder: &Path, text: &str) {
    std::fs::write(folder.join("new.lab"), text).expect("a file");
}

#[test]
fn every_lesson_is_done_by_keys_with_wrong_answers_first() {
    if !have("tmux") {
        return;
    }
    for l in lessons().iter().filter(|l| !l.program.is_empty()) {
        let folder = tempfile::tempdir().expect("a folder");
        let wrong = l
            .repairs
            .iter()
            .find(|r| !["right", "unmet", "refused"].contains(&r.verdict.as_str()))
            .expect("a wrong one");
        let command = editor(folder.path(), &wrong.region);
        let learner = Learner::start(80, 24, folder.path(), &format!("LANG=C.UTF-8 EDITOR={command}"), &l.id);
        predict_wrong(&learner, l);
        learner.shows("Nobody has run yet");
        reach(&learner, l);
        // A wrong repair: what is wrong about it is shown step by step.
        learner.press(&["e"]);
        let screen = learner.shows("✗ Wrong: ");
        if screen.contains("n shows it") {
            learner.press(&["n"]);
            wait_for(&format!("the last step of lesson {}", l.id), || {
                learner.press(&["n"]);
                let screen = learner.screen();
                ["last step", "There is no counterexample"].iter().any(|t| screen.contains(t)).then_some(())
            });
        }
        // Why the right one is right is not told before.
        learner.press(&["5"]);
        learner.shows("This page opens once");
        saves(folder.path(), &l.repairs[0].region);
        learner.press(&["e"]);
        learner.shows("Right: every schedule");
        learner.press(&["Enter"]);
        learner.shows(&first_words(&l.see));
        learner.press(&["q"]);
        learner.shows("1 of 18 done");
        let kept = std::fs::read(folder.path().join("tricine/lab.json")).expect("progress");
        let kept: Value = serde_json::from_slice(&kept).expect("JSON");
        assert_eq!(kept["lessons"][&l.id]["wrong"], 1, "lesson {}: {kept}", l.id);
    }
}

#[test]
fn the_shipped_channel_is_stopped_at_any_instruction_killed_and_recovered_by_key() {
    if !have("tmux") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let learner = Learner::start(80, 24, folder.path(), "LANG=C.UTF-8", "16");
    learner.shows("What it is about");
    learner.press(&["3"]);
    learner.shows("C the channel");
    learner.press(&["C"]);
    learner.shows("instruction 0 of");
    learner.press(&["b"]);
    learner.shows("The consumer sleeps, and is held there");
    learner.press(&["a", "t"]);
    learner.shows("instruction 11 of");
    learner.press(&["u"]);
    learner.shows("instruction 10 of");
    learner.press(&["g", "g"]);
    let screen = learner.shows(&format!("{:<15} *1", "seq[0]"));
    assert!(screen.contains("published: frame 0 is there") && screen.contains("next: "), "{screen}");
    // Back to a number, before the frame was begun; there the producer is killed.
    learner.press(&["2", "0", "Enter"]);
    learner.shows("instruction 20 of");
    learner.press(&["A"]);
    learner.shows("SIGKILL");
    learner.press(&["a"]);
    learner.shows("It is dead");
    learner.press(&["r"]);
    learner.shows(&format!("{:<15}  0", "producer_claim"));
    learner.press(&["r"]);
    learner.shows("Shown: 0 1 2 3 4 5: every frame came whole");
    learner.shows("filled it again");
    // A death at every instruction.
    learner.press(&["F"]);
    learner.shows("Any key stops it");
    learner.shows("nobody slept on");
    learner.press(&["x"]);
    // The other side, killed between what it showed and what it released: shown again.
    learner.press(&["s"]);
    learner.shows("empty 0 -> 1");
    learner.press(&["g", "g"]);
    learner.shows("shown: frame 0 was shown, and is not released");
    learner.press(&["B", "r", "r"]);
    learner.shows("Shown: 0 0 1 2 3 4 5: every frame came whole");
    learner.press(&["q"]);
    learner.shows("Nobody has run yet");
}

#[test]
fn the_shipped_channel_is_stepped_by_a_script() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("steps.txt");
    let script = |text: &str| {
        std::fs::write(&file, text).expect("a file");
        lab(&["16", "--script", file.to_str().expect("UTF-8"), "--json"])
    };
    let good = script(
        "channel producer\nnext\nbegun == 1\na3\nseq[0] == 0\nXa\ndead\nr\nfilled == 1\nempty == 1\nr\nwhole\nagain\n\
         channel consumer\nnext\nnext\nshown == 1\nreleased == 0\nXb r2\nwhole\nagain\n",
    );
    assert_eq!(good.status.code(), Some(0), "{}{}", json(&good), String::from_utf8_lossy(&good.stderr));
    assert_eq!(json(&good)["end"]["after"]["shown"], serde_json::json!([0, 0, 1, 2, 3, 4, 5]));
    let bad = script("channel producer\ngo 5\nbegun == 1\nwhole\n");
    assert_eq!(bad.status.code(), Some(1));
    assert_eq!(json(&bad)["conditions"][0]["is"], "begun is 0");
    assert_eq!(json(&bad)["conditions"][1]["holds"], false);
    let unreadable = script("channel producer\nb\n");
    assert_eq!(unreadable.status.code(), Some(2));
    let elsewhere = lab(&["8", "--script", file.to_str().expect("UTF-8")]);
    assert!(String::from_utf8_lossy(&elsewhere.stderr).contains("lesson 16 has"));
}

#[test]
fn a_frame_is_stepped_from_call_to_call_by_key() {
    if !have("tmux") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let learner = Learner::start(80, 24, folder.path(), "LANG=C.UTF-8", "12");
    learner.shows("What it is about");
    learner.press(&["3"]);
    learner.shows("C call by call");
    learner.press(&["C"]);
    learner.shows("pipe, 1 of 5");
    // The reader first: it sleeps, and sleeps on.
    learner.press(&["b", "b"]);
    learner.shows("2. sleeps in read");
    learner.press(&["b"]);
    learner.shows("sleeps on");
    learner.press(&["a", "a", "b"]);
    let screen = learner.shows("5. read gave 64");
    assert!(screen.contains("3. enters write") && screen.contains("4. write gave 64"), "{screen}");
    // A writer that dies is noticed by a reader of a pipe: the end. One of shared memory sleeps on.
    learner.press(&["R", "b", "b", "A", "b"]);
    learner.shows("4. read gave 0");
    learner.press(&["u"]);
    learner.shows("3. SIGKILL");
    learner.press(&["]", "]", "]", "]"]);
    learner.shows("shared memory, 5 of 5");
    learner.press(&["a"]);
    learner.shows("The writer is done: no further system call");
    learner.press(&["b"]);
    let screen = learner.shows("The reader is done: no further system call");
    assert!(screen.contains("nobody has entered the kernel"), "{screen}");
    learner.press(&["R", "g", "A", "b"]);
    learner.shows("sleeps on");
    learner.press(&["q", "q"]);
    learner.shows("Tricine lab: you are the scheduler");
}

#[test]
fn a_lesson_is_done_by_the_mouse_alone() {
    if !tests::have("tmux") {
        return;
    }
    let state = tempfile::tempdir().expect("a folder");
    let learner = Learner::start(80, 24, state.path(), "", "");
    // The first click chooses, the second one opens.
    learner.click("The dead give nothing back");
    learner.shows("▶   8 ");
    learner.click("The dead give nothing back");
    learner.shows("The textbook ring");
    // The wheel scrolls.
    for _ in 0..4 {
        learner.mouse(65, 20, 10);
    }
    wait_for("the text to scroll", || (!learner.screen().contains("The textbook ring")).then_some(()));
    learner.click("2 predict");
    learner.click("c  Nothing");
    learner.shows("[x] c  Nothing");
    learner.click("that is what I think");
    learner.shows("right, and you said so");
    learner.click("3 run");
    for steps in ["schedule a ", "schedule a2 ", "schedule a3 "] {
        learner.click("process producer:");
        learner.shows(steps);
    }
    learner.click("B kill");
    let screen = learner.shows("schedule a3Xb ");
    // What is shared is seen whole, at the least size as well.
    for word in ["slot[0]", "head", "empty ", "filled ", "recovery (r)", "dead"] {
        assert!(screen.contains(word), "{word}:\n{screen}");
    }
    learner.click("u undo");
    learner.shows("schedule a3 ");
    learner.click("m mark");
    learner.shows("Wrong: ");
    learner.click("n see it happen");
    learner.shows("The counterexample");
    learner.click("q lessons");
    learner.shows("Tricine lab: you are the scheduler");
}

#[test]
fn an_editor_that_fails_or_takes_the_file_away_is_told() {
    if !tests::have("tmux") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("editor");
    let environment = format!("LANG=C.UTF-8 EDITOR='sh {}'", script.display());
    std::fs::write(&script, "exit 3\n").expect("a script");
    let learner = Learner::start(80, 24, folder.path(), &environment, "2");
    learner.shows("What it is about");
    for (does, told) in [
        ("exit 3", "ended with exit status: 3"),
        ("rm \"$1\"", "Your file is gone"),
        // It was written again.
        ("grep -q 'process ann' \"$1\" || exit 4", "Your lines are in"),
        ("rm \"$1\"; mkfifo \"$1\"", "is a folder or a device"),
    ] {
        std::fs::write(&script, format!("{does}\n")).expect("a script");
        learner.press(&["e"]);
        learner.shows(told);
        // Whatever lies above goes.
        learner.press(&["x"]);
    }
    // A terminal that is too small for a while.
    learner.press(&["3"]);
    learner.shows("Nobody has run yet");
    learner.0.run(&["resize-window", "-x", "10", "-y", "5"]);
    learner.shows("The lab");
    learner.0.run(&["resize-window", "-x", "80", "-y", "24"]);
    learner.shows("Nobody has run yet");
    learner.press(&["a"]);
    learner.shows("looks: `count` is 0");
}
