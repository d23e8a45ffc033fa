//! `tricine lab`, as scripts, teachers and learners use it: the real program, real processes, and nothing left behind.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tests::wait_for;

mod learner;

use learner::{Learner, PROGRAM, editor};

const RIGHT: &str = "\
sem empty = 0, filled = 0
process producer:
    while head <= made:
        while head - tail == 3:
            wait empty
        fill slot[head % 3] with head
        head = head + 1
        post filled
process consumer:
    while tail <= frames:
        while head == tail:
            wait filled
        v = read slot[tail % 3]
        use v
        tail = tail + 1
        post empty
after death of producer:
    post filled
    post empty
after death of consumer:
    post filled
    post empty
";

fn lab(args: &[&str]) -> Output {
    lab_with(args, "")
}

fn lab_with(args: &[&str], input: &str) -> Output {
    let state = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(PROGRAM);
    command.arg("lab").args(args).env("XDG_STATE_HOME", state.path());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // A program that does not read what it is given is no fault here.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(output)))
}

/// The lab's sessions that live now have these names.
fn names() -> Vec<String> {
    let all = std::fs::read_dir("/dev/shm").expect("the folder").flatten();
    all.map(|e| e.file_name().to_string_lossy().into_owned()).filter(|n| n.contains(".lab.")).collect()
}

#[test]
fn repairs_are_marked_right_wrong_and_unreadable() {
    let right = lab_with(&["8", "--check", "-"], RIGHT);
    assert_eq!(right.status.code(), Some(0), "{}", said(&right));
    assert!(
        said(&right).starts_with("Right: every schedule, frames up to 4, one death at any step"),
        "{}",
        said(&right)
    );
    let wrong = lab_with(&["8", "--check", "-", "--json"], &RIGHT.replace("post filled\n    post empty", "nothing"));
    assert_eq!(wrong.status.code(), Some(1));
    let verdict = json(&wrong);
    assert_eq!(
        (&verdict["schema"], &verdict["verdict"], &verdict["kind"]),
        (&"tricine.lab/1".into(), &"wrong".into(), &"stuck".into())
    );
    assert_eq!(verdict["schedule"], "ba4Xa");
    // What is wrong can be played on real processes, as it is pasted.
    let paste = verdict["paste"].as_str().expect("something to paste");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("repair.lab");
    std::fs::write(&file, RIGHT.replace("post filled\n    post empty", "nothing")).expect("a file");
    let replayed = lab(&["8", "--replay", paste, "--with", file.to_str().expect("UTF-8"), "--json"]);
    assert_eq!(replayed.status.code(), Some(1), "{}", complained(&replayed));
    assert!(json(&replayed)["end"]["stuck"].as_str().is_some_and(|s| s.contains("consumer sleeps at `filled`")));
    let unreadable = lab_with(&["8", "--check", "-"], &RIGHT.replace("wait empty", "wiat empty"));
    assert_eq!(unreadable.status.code(), Some(2));
    assert!(said(&unreadable).starts_with("Cannot be read: line 5"), "{}", said(&unreadable));
}

#[test]
fn a_schedule_is_played_on_real_processes_and_told() {
    let replayed = lab(&["8", "--replay", "bXb", "--json"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", complained(&replayed));
    let run = json(&replayed);
    let last = run["moments"].as_array().and_then(|m| m.last()).expect("a moment").clone();
    assert_eq!(last["processes"][1]["state"], "dead");
    assert_eq!(last["semaphores"][1]["ghosts"], 1, "a sleeper that is dead is still counted: {last}");
    assert_eq!(run["kernel_entries"], serde_json::json!([0, 1]));
    let told = said(&lab(&["8@a4Xa"]));
    assert!(told.contains("SIGKILL: what was private is gone") && told.contains("agreed after every step"), "{told}");
}

#[test]
fn a_script_holds_or_says_what_does_not() {
    let good = lab_with(
        &["8", "--script", "-"],
        "a4 Xa  # the producer dies\nhead == 2\na dead\nb ready\nr b\nb sleeps at filled\n",
    );
    assert_eq!(good.status.code(), Some(0), "{}{}", said(&good), complained(&good));
    let bad = lab_with(&["8", "--script", "-", "--json"], "a5\nfilled == 2\n");
    assert_eq!(bad.status.code(), Some(1));
    assert_eq!(json(&bad)["conditions"][0]["is"], "filled is 1");
    let unreadable = lab_with(&["8", "--script", "-"], "a5\nfilld == 2\n");
    assert_eq!(unreadable.status.code(), Some(2));
    assert!(complained(&unreadable).contains("script, line 2: `filld == 2`; expected a schedule"));
}

#[test]
fn pages_and_handouts_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("run.html");
    let path = page.to_str().expect("UTF-8");
    assert_eq!(lab(&["8", "--replay", "a4Xa", "--html", path]).status.code(), Some(0));
    assert!(std::fs::read_to_string(&page).expect("the page").contains("\"schedule\":\"a4Xa\""));
    let found =
        lab_with(&["8", "--check", "-", "--html", "-"], &RIGHT.replace("post filled\n    post empty", "nothing"));
    assert_eq!(found.status.code(), Some(1));
    assert!(said(&found).starts_with("<!") && said(&found).contains("ba4Xa"));
    let (class, teacher) = (said(&lab(&["8", "--print"])), said(&lab(&["8", "--print", "--answers"])));
    assert!(
        class.starts_with("# 8. The dead give nothing back") && !class.contains("- [x]") && teacher.contains("- [x]")
    );
    let list = json(&lab(&["--list", "--json"]));
    assert!(list["lessons"].as_array().is_some_and(|l| l.len() >= 18));
}

#[test]
fn wrong_usage_is_told_in_words_with_a_way_out() {
    for (args, told) in [
        (&["99"][..], "there is no lesson 99"),
        (&["8", "--replay", "a4Q"], "schedule, column 3: `Q`"),
        (&["8", "--replay", "9:a"], "there is no instance 9"),
        (&["8", "--check", "/nowhere"], "cannot read /nowhere"),
        (&["--replay", "a"], "--replay needs a lesson"),
        (&["8", "--html", "x.html"], "add --replay SCHEDULE"),
        (&["8", "--replay", "a", "--html", "/nowhere/x"], "cannot write /nowhere/x"),
    ] {
        let output = lab(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", said(&output));
        assert!(complained(&output).contains(told), "{args:?}: {}", complained(&output));
        assert_eq!(complained(&output).lines().count(), 1, "{args:?}: {}", complained(&output));
    }
}

#[test]
fn lessons_of_ones_own_come_from_a_folder_and_programs_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().to_str().expect("UTF-8");
    assert!(complained(&lab(&[at])).contains("there is no lesson in"));
    let lesson = "# 1. Mine\n\n## Text\nTwo.\n\n## Program\n```lab\nshared x = 0\nexpect x = 2\n# --- your lines ---\nprocess ann:\n    x = x + 1\nprocess bob:\n    x = x + 1\n# --- end of your lines ---\n```\n";
    std::fs::write(folder.path().join("one.md"), lesson).expect("a file");
    std::fs::write(folder.path().join("README.md"), "not a lesson").expect("a file");
    assert_eq!(said(&lab(&[at, "--list"])).trim(), "1    Mine");
    let repaired = "process ann:\n    y = add x, 1\nprocess bob:\n    y = add x, 1\n";
    assert_eq!(lab_with(&[at, "1", "--check", "-"], repaired).status.code(), Some(0));
    assert!(said(&lab(&[at, "1@abab"])).contains("x` is 1 instead of 2"));
    std::fs::write(folder.path().join("two.md"), "# 2. Broken\n\n## Program\nnothing\n").expect("a file");
    assert!(complained(&lab(&[at, "--list"])).contains("two.md, line 3: expected a block"));
    let program = folder.path().join("own.lab");
    std::fs::write(&program, "sem s = 0\nprocess ann:\n    post s\nprocess bob:\n    wait s\n").expect("a file");
    let walked = lab(&[program.to_str().expect("UTF-8"), "--walk", "300", "--json"]);
    assert_eq!(walked.status.code(), Some(0), "{}", complained(&walked));
    assert!(json(&walked)["steps"].as_u64().is_some_and(|n| n >= 300));
}

#[test]
fn files_that_lie_are_refused_in_words_and_say_nothing_to_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    const PROGRAM: &str = "shared x = 0\nexpect x = 1\nprocess ann:\n    x = 1\n";
    // As some editors write it.
    let marked = put("mark.lab", &format!("\u{feff}{}", PROGRAM.replace('\n', "\r\n")));
    assert_eq!(lab(&["--check", &marked]).status.code(), Some(0));
    for (name, text, told) in [
        ("nul.lab", PROGRAM.replace("= 1\n", "= \0 1\n"), "line 2: the character U+0000 cannot be seen"),
        ("clear.lab", format!("{PROGRAM}# \x1b[2J\n"), "line 5: the character U+001B cannot be seen"),
        ("turned.lab", format!("{PROGRAM}# \u{202e}\n"), "line 5: the character U+202E cannot be seen"),
        ("title.md", "# 1. A \x1b]0;title\x07\n".to_owned(), "line 1: the character U+001B cannot be seen"),
        ("much.md", "x\n".repeat(1 << 20), "is longer than 1 MiB"),
        ("sp\x1b[31mre.md", "no lesson".into(), "line 1: expected `# 8. The title`"),
    ] {
        let path = put(name, &text);
        for args in [vec![path.as_str(), "--list"], vec!["--check", path.as_str()]] {
            let output = lab(&args);
            let all = complained(&output) + &said(&output);
            assert!(output.status.code() == Some(2) && !all.contains('\x1b'), "{name}: {all:?}");
            assert!(all.contains(told) || !name.ends_with(".lab"), "{name}: {all}");
        }
        assert!(complained(&lab(&[&path, "--list"])).contains(told), "{name}");
    }
    // Nobody is waited for.
    put("course/1.md", "# 1. One\n\n## Program\n```lab\nprocess ann:\n    nothing\n```\n");
    let course = folder.path().join("course");
    nix::unistd::mkfifo(&course.join("2.md"), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    let waits = lab(&[course.to_str().expect("UTF-8"), "--list"]);
    assert!(complained(&waits).contains("2.md is a folder or a device"), "{}", complained(&waits));
    std::fs::remove_file(course.join("2.md")).expect("it goes");
    std::os::unix::fs::symlink("2.md", course.join("2.md")).expect("a circle");
    assert!(complained(&lab(&[course.to_str().expect("UTF-8"), "--list"])).contains("cannot read"));
    // A program that goes wrong before its first step does so on real processes as well.
    let endless = put("endless.lab", "shared x = 0\nprocess ann:\n    while true:\n        nothing\n");
    let played = lab(&[&endless, "--replay", "a"]);
    assert_eq!(played.status.code(), Some(1), "{}", complained(&played));
    assert!(said(&played).contains("goes round for ever"), "{}", said(&played));
}

/// Which of a lesson's questions the machine has answered: with an answer that the lesson has, or it could not be held against a learner's.
fn answered(lesson: &str, measured: &Value) -> Vec<u64> {
    let handout = said(&lab(&[lesson, "--print", "--answers"]));
    let answers = measured["answers"].as_array().expect("answers");
    for answer in answers.iter().map(|a| a[1].as_str().expect("an answer")) {
        let there = |mark: &str| handout.lines().any(|l| l == format!("- [{mark}] {answer}"));
        assert!(there("x") || there(" "), "lesson {lesson} has no answer `{answer}`");
    }
    let all: std::collections::BTreeSet<_> = answers.iter().filter_map(|a| a[0].as_u64()).collect();
    all.into_iter().collect()
}

#[test]
fn what_a_lesson_asks_is_measured_by_this_very_program() {
    let output = lab(&["13", "--measure", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    let measured = json(&output);
    let rows = measured["figures"].as_array().expect("rows");
    for transport in ["shm", "pipe", "unix", "tcp"] {
        let sizes =
            rows.iter().filter(|r| r["transport"] == transport).map(|r| r["bytes"].as_u64()).collect::<Vec<_>>();
        assert_eq!(sizes, [Some(64), Some(6_220_800)], "{transport}: {measured}");
    }
    // Each of the four lists has somebody who is first, and each of the four jobs has a mechanism that fits.
    assert_eq!(answered("13", &measured), (0..8).collect::<Vec<_>>(), "{measured}");
    let output = lab(&["12", "--measure", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    let measured = json(&output);
    assert!(answered("12", &measured).starts_with(&[0, 1]), "{measured}");
    let stops = |mechanism: &str| {
        let ways = measured["figures"]["stops"].as_array().expect("ways").iter();
        let way = ways.clone().find(|w| w["mechanism"] == mechanism).expect("the mechanism");
        let said = |s: &Value| format!("{} {} {}", s["who"], s["call"], s["result"]).replace('"', "");
        way["stops"].as_array().expect("stops").iter().map(said).collect::<Vec<_>>()
    };
    assert_eq!(stops("pipe"), ["reader read sleeps in it", "writer write 64", "reader read 64"]);
    assert_eq!(stops("shared memory, nobody asleep"), Vec::<String>::new());
    let asleep = stops("shared memory, the reader asleep");
    assert!(
        asleep.iter().any(|s| s == "reader futex sleeps in it") && asleep.contains(&"writer futex 1".into()),
        "{asleep:?}"
    );
    assert!(complained(&lab(&["6", "--measure"])).contains("lesson 6 measures nothing"));
}

#[test]
fn a_lesson_is_done_by_keys_from_the_list_to_why() {
    for (columns, rows, environment) in [(80, 24, "LANG=C NO_COLOR=1"), (130, 40, "LANG=C.UTF-8")] {
        let folder = tempfile::tempdir().expect("a folder");
        let editor = editor(folder.path(), RIGHT);
        let learner = Learner::start(columns, rows, folder.path(), &format!("{environment} EDITOR={editor}"), "");
        learner.shows("Tricine lab: you are the scheduler");
        learner.press(&["Down", "Down", "Down", "Down", "Down", "Down", "Down", "Enter"]);
        learner.shows("What it is about");
        learner.press(&["Enter"]);
        learner.shows("question 1 of 2");
        // Nothing runs before it was said what is expected.
        learner.press(&["Enter"]);
        learner.shows("First say what you think");
        learner.press(&["a", "Enter"]);
        learner.shows("not so");
        learner.press(&["Enter", "a", "Enter"]);
        learner.shows("right, and you said so");
        learner.press(&["Enter"]);
        learner.shows("Nobody has run yet");
        learner.press(&["b"]);
        learner.shows("asleep at filled");
        learner.press(&["B"]);
        learner.shows("SIGKILL, in its sleep");
        learner.press(&["r", "a", "a", "a", "a", "A"]);
        learner.shows("schedule bXbra4Xa");
        learner.press(&["u"]);
        learner.shows("schedule bXbra4");
        learner.press(&["h"]);
        learner.shows("Hint 1 of 3");
        // What is given out is wrong, and it is shown step by step.
        learner.press(&["x", "m"]);
        learner.shows("Wrong: ");
        learner.press(&["n", "n"]);
        learner.shows("to come");
        learner.press(&["e"]);
        learner.shows("Right: every schedule");
        learner.press(&["Enter"]);
        learner.shows("Why can a semaphore not say who died?");
        let screen = learner.screen();
        assert!(columns != 80 || screen.is_ascii(), "plain letters alone: {screen}");
        learner.press(&["q"]);
        learner.shows("1 of 18 done");
        learner.press(&["q"]);
        wait_for("the lab's end", || learner.screen().is_empty().then_some(()));
        let kept: Value =
            serde_json::from_slice(&std::fs::read(folder.path().join("tricine/lab.json")).expect("progress"))
                .expect("JSON");
        let entry = &kept["lessons"]["8"];
        assert_eq!(
            (&entry["predicted"], &entry["hints"], &entry["wrong"]),
            (&serde_json::json!([[0], [0]]), &1.into(), &1.into())
        );
        assert!(entry["right_at"].as_u64().is_some() && entry["text"].as_str().is_some());
    }
}

#[test]
fn whoever_is_killed_nothing_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let learner = Learner::start(100, 30, folder.path(), "LANG=C.UTF-8", "2");
    learner.shows("What it is about");
    learner.press(&["3", "a"]);
    learner.shows("looks: `count` is 0");
    let pane: i32 = learner.0.run(&["display-message", "-p", "#{pane_pid}"]).trim().parse().expect("a pid");
    let children = |of: i32| {
        let all = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
        all.split_whitespace().map(|p| p.parse().expect("a pid")).collect::<Vec<i32>>()
    };
    let title = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let ann = children(pane).into_iter().find(|p| title(*p).contains("lab ann")).expect("a process ann");
    // A process that somebody else kills is dead for the model, too.
    kill(Pid::from_raw(ann), Signal::SIGKILL).expect("it is there");
    learner.shows("Somebody else killed it");
    learner.press(&["r", "a"]);
    learner.shows("Xara");
    let sessions: Vec<String> = names();
    assert!(!sessions.is_empty());
    // The terminal is closed with everything in it.
    learner.0.run(&["kill-server"]);
    wait_for("the names to go", || {
        let now = names();
        sessions.iter().all(|n| !now.contains(n)).then_some(())
    });
    wait_for("the processes to go", || (!Path::new(&format!("/proc/{pane}")).exists()).then_some(()));
    // Killed in the midst of a walk.
    let mut child = Command::new(PROGRAM)
        .args(["lab", "9", "--walk", "100000000"])
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    let session = wait_for("a session", || names().into_iter().find(|n| n.ends_with("the-hall")));
    let of = children(child.id() as i32);
    child.kill().expect("it runs");
    assert_eq!(child.wait().expect("its end").signal(), Some(9));
    wait_for("the name to go", || (!names().contains(&session)).then_some(()));
    wait_for("its children to go", || of.iter().all(|p| !Path::new(&format!("/proc/{p}")).exists()).then_some(()));
}
