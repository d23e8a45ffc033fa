//! The pages for learners and teachers: what they tell to type works as it is written, and what they name is in the source.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tricine_lab::lesson::{self, FILES};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tricine-under-test");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Lines of fenced blocks, and words in backticks outside of them.
fn code(text: &str) -> Vec<String> {
    let (mut all, mut fenced, mut prose) = (vec![], false, String::new());
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            // What follows two blanks is a remark.
            all.push(line.split("  ").next().unwrap_or_default().trim().to_owned());
        } else {
            prose += line;
            prose.push('\n');
        }
    }
    all.extend(prose.split('`').skip(1).step_by(2).map(str::to_owned));
    all
}

/// A folder that has what the pages speak of: a repair that is right, a program, a lesson, a course, and a script.
fn workplace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    let all = lesson::all().expect("the lessons");
    let eighth = all.iter().find(|l| l.id == "8").expect("lesson 8");
    let right = &eighth.repairs[0].region;
    put("repair.lab", right);
    put("ring.lab", &eighth.with(right).expect("it fits").0);
    put("my-program.lab", "shared x = 0\nexpect x = 1\nprocess ann:\n    x = 1\n");
    put("my-lesson.md", FILES.iter().find(|f| f.0.starts_with("08")).expect("lesson 8").1);
    put("steps.txt", "a4 Xa\na dead\nhead == 2\n");
    // Lesson 2 of the course is the one that the repair belongs to.
    put("my-course/01-counting.md", FILES[1].1.replacen("# 2. ", "# 1. ", 1).as_str());
    put(
        "my-course/02-the-buffer.md",
        FILES.iter().find(|f| f.0.starts_with("08")).expect("lesson 8").1.replacen("# 8. ", "# 2. ", 1).as_str(),
    );
    put("my-course/README.md", "for people");
    folder
}

fn typed(line: &str, at: &Path) -> Output {
    // The shell reads it, as it does for a person; `tricine` is this one.
    let path = at.join("bin");
    if !path.exists() {
        std::fs::create_dir(&path).expect("a folder");
        std::os::unix::fs::symlink(PROGRAM, path.join("tricine")).expect("a link");
    }
    let path = format!("{}:{}", path.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(at).env("PATH", path).env("XDG_STATE_HOME", at.join("state"));
    command.stdin(Stdio::null()).output().expect("a shell")
}

#[test]
fn every_command_of_the_lab_in_the_pages_works_as_it_is_written() {
    let readme = page("README.md");
    let learn =
        readme.split("\n## Learn\n").nth(1).and_then(|r| r.split("\n## ").next()).expect("README's part").to_owned();
    let pages = [("README.md", learn), ("docs/learn.md", page("docs/learn.md"))];
    let pages = pages.into_iter().chain(["docs/lab-course.md", "docs/lab-lessons.md"].map(|name| (name, page(name))));
    let mut run = 0;
    for (name, text) in pages {
        let folder = workplace();
        let mut last = String::new();
        for line in code(&text) {
            // An option alone goes on from the command before it: `--html page.html`.
            let line = match line.as_str() {
                l if l.starts_with("tricine lab") => {
                    last = l.split(" --").next().unwrap_or(l).to_owned();
                    line
                }
                l if l.starts_with("--html page") || l.starts_with("--print") => format!("{last} {l}"),
                _ => continue,
            };
            // What is not spelt out is no command.
            if line.contains('…') || line.contains("FOLDER") || line.contains("FILE") {
                continue;
            }
            let output = typed(&line, folder.path());
            let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(0), "{name}: {line}: {said}");
            run += 1;
        }
    }
    assert!(run >= 25, "only {run} commands were found");
}

#[test]
fn what_the_way_through_the_source_names_is_there() {
    let text = page("docs/learn.md");
    let mut named = 0;
    for word in text.split('`').skip(1).step_by(2) {
        let (path, what) = word.split_once(": ").unwrap_or((word, ""));
        if !path.contains('/') || path.contains(char::is_whitespace) || !path.ends_with(".rs") {
            continue;
        }
        let source = page(path);
        assert!(what.is_empty() || source.contains(&format!("fn {what}")), "{path} has no {what}");
        named += 1;
    }
    // A function that stands behind its file, in other words: (`bury`).
    for (path, what) in [("supervisor/src/session/hear.rs", "bury"), ("shared/src/channel/steps.rs", "release")] {
        assert!(text.contains(path) && page(path).contains(&format!("fn {what}")), "{path}: {what}");
    }
    assert!(named >= 12, "only {named} files were found");
    for link in text.split("](").skip(1).filter_map(|l| l.split(')').next()) {
        assert!(root().join("docs").join(link).exists(), "{link}");
    }
    for heading in ["A slot's life, and what recovery does", "Timeline of a crash"] {
        assert!(text.contains(heading) && page("ARCHITECTURE.md").contains(heading), "{heading}");
    }
}

#[test]
fn an_example_that_starts_others_is_built_with_them() {
    // `cargo run --example boss` builds the boss alone, and what it starts is not there.
    for name in ["docs/learn.md", "shared/README.md", "shared/examples/boss.rs"] {
        let text = page(name);
        let run = text.find("--example boss").unwrap_or_else(|| panic!("{name} names the example"));
        let before = text[..run].rfind("cargo build").map(|at| &text[at..run]);
        assert!(before.is_some_and(|b| b.contains("--examples")), "{name}: nothing builds the others");
    }
}

#[test]
fn the_bug_of_the_exercise_can_be_built_in() {
    let text = page("docs/learn.md");
    let bug = text.split("--bug ").nth(1).and_then(|b| b.split_whitespace().next()).expect("a bug");
    let camel: String = bug.split('-').map(|w| w[..1].to_uppercase() + &w[1..]).collect();
    assert!(text.contains(&format!("grep -rn {camel} shared/src")), "{camel}");
    let found = Command::new("grep").args(["-rn", &camel, "shared/src"]).current_dir(root()).output().expect("grep");
    assert!(String::from_utf8_lossy(&found.stdout).lines().count() >= 2, "{camel}");
    assert!(page("docs/proofs.md").contains(bug), "docs/proofs.md has no {bug}");
    assert!(root().join("tests/src/bin/kill-sweep.rs").exists() && root().join("shared/examples/boss.rs").exists());
}
