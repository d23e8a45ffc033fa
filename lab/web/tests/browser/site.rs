//! The site of `tricine lab --web`: a class's way through it by keys and clicks in headless Chromium, from a disk and from a server, and
//! its engine beside the one of this build.

use std::path::Path;
use std::process::Command;

use crate::chromium::{Browser, address, or_skipped};
use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;
use tricine_lab::lesson::{self, Lesson};

/// Bytes that the compiled engine may have.
const LARGEST: usize = 400 * 1024;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: tricine_lab_desk::Options,
}

/// The site, in a folder that is removed.
fn site(course: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("UTF-8");
    let options = Cli::parse_from([&["lab"], course, &["--web", path]].concat()).options;
    let code = tricine_lab_desk::run(&options, &mut || panic!("no session is needed"));
    assert_eq!(code, 0);
    folder
}

fn lessons() -> Vec<Lesson> {
    lesson::all().expect("the lessons")
}

fn lesson_8() -> Lesson {
    lessons().into_iter().find(|l| l.id == "8").expect("lesson 8")
}

/// Puts these lines into the editor, as a paste would.
fn paste(browser: &mut Browser, lines: &str) {
    browser.press("e");
    browser.until("document.activeElement.id === 'lines'");
    browser.evaluate("document.activeElement.select()");
    browser.call("Input.insertText", json!({ "text": lines }));
    browser.press("Escape");
}

/// A learner's way through lesson 8: wrong first.
fn a_class_goes_through_lesson_8(browser: &mut Browser, index: &str) {
    let lesson = lesson_8();
    let wrong = lesson.repairs.iter().find(|r| r.name == "give one token back").expect("it is there");
    browser.screen(1280, false);
    browser.open(index);
    browser.until_said("1. Walls");
    // The list of lessons, by key and by click.
    browser.press("l");
    browser.click("[...document.querySelectorAll('#lessons a')].find(a => a.textContent.startsWith('8. '))");
    browser.until_said("The textbook ring of lesson 4");
    // Nothing is told before the prediction.
    browser.press("Enter");
    browser.until_said("question 1 of 2");
    browser.press("Enter");
    browser.until_said("First say what you think");
    browser.click("document.querySelectorAll('label')[0]");
    browser.press("Enter");
    browser.until_said("✗ not so");
    browser.until_said("Nothing in it says who took what");
    browser.until_said("question 2 of 2");
    browser.press("a");
    browser.click_button("that is what I think");
    browser.until_said("✓ right, and you said so");
    browser.press("5");
    browser.until_said("This part opens once your repair is right");
    // Stepping: by keys, by buttons, back, and at the slider. Keys come faster than answers.
    browser.press("3");
    browser.until_said("You say who runs");
    for key in ["a", "a", "a", "a", "b", "B"] {
        browser.press(key);
    }
    browser.until_said("step 6 of 6");
    browser.until_said("SIGKILL, in its sleep");
    browser.until_said("1 counted, nobody there");
    browser.press("u");
    browser.press("u");
    browser.until_said("step 4 of 4");
    browser.click_button("kill consumer");
    browser.until_said("step 5 of 5");
    browser.press("ArrowLeft");
    browser.until_said("step 4 of 5");
    browser.press("[");
    browser.until_said("step 0 of 0");
    browser.press("R");
    browser.press("g");
    browser.until_said("takes a token of `empty`");
    // A wrong repair, marked by the keyboard alone, and its counterexample.
    paste(browser, &wrong.region);
    browser.press("m");
    browser.until_said("Wrong: ");
    browser.until_said("Schedule `Xarb4`, 6 steps");
    browser.press("n");
    browser.until_said("The counterexample: n is its next step");
    for _ in 0..6 {
        browser.press("n");
    }
    browser.until_said("✗ It went wrong: consumer: ");
    browser.until_said("schedule 0:Xarb4");
    browser.press("n");
    browser.until_said("There is no counterexample");
    // What cannot be read says where.
    paste(browser, "process producer:\n    wiat empty\n");
    browser.press("m");
    browser.until_said("Cannot be read: line 2");
    // Hints, one after another.
    browser.press("h");
    browser.until_said(&lesson.hints[0].replace('`', ""));
    assert_eq!(browser.evaluate("document.querySelectorAll('#hints li').length"), 1);
    // The right one, and why.
    paste(browser, &lesson.repairs[0].region);
    browser.click_button("mark");
    browser.until_said("✓ Right: every schedule, frames up to 4, one death at any step");
    browser.press("Enter");
    browser.until_said("In Tricine, shared/src/channel/");
    browser.until_said("What others wrote");
    browser.until("document.getElementById('title').textContent.endsWith('✓')");
}

#[test]
fn a_lesson_from_a_disk() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = site(&[]);
    a_class_goes_through_lesson_8(&mut browser, &address(&folder.path().join("index.html")));
    // What a learner did is kept, here under this page's name.
    browser.open(&format!("{}#8", address(&folder.path().join("index.html"))));
    browser.until("document.getElementById('title').textContent.endsWith('✓')");
    browser.press("4");
    browser.until("document.getElementById('lines').value.includes('while head - tail == 3')");
    browser.assert_at_peace(&address(folder.path()));
}

#[test]
fn a_lesson_from_a_server() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = site(&[]);
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = format!("http://{}/course/", server.local_addr().expect("an address"));
    let files = folder.path().to_owned();
    std::thread::spawn(move || server.incoming().flatten().for_each(|s| serve(s, &files)));
    a_class_goes_through_lesson_8(&mut browser, &at);
    browser.assert_at_peace(&at);
}

/// The least that a server of files does.
fn serve(mut stream: std::net::TcpStream, folder: &Path) {
    use std::io::{BufRead, BufReader, Write};
    let mut line = String::new();
    let mut lines = BufReader::new(&stream);
    let _ = lines.read_line(&mut line);
    // All of the request is read: closing before that would reset the connection.
    let _ = lines.lines().map_while(Result::ok).find(String::is_empty);
    let name = line.split_whitespace().nth(1).and_then(|p| p.strip_prefix("/course/")).unwrap_or("?");
    let name = if name.is_empty() { "index.html" } else { name };
    let kind = match name.rsplit_once('.').map_or("", |n| n.1) {
        "html" => "text/html",
        "css" => "text/css",
        _ => "text/javascript",
    };
    let (status, body) = std::fs::read(folder.join(name)).map_or(("404 Not Found", vec![]), |b| ("200 OK", b));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(&[head.as_bytes(), &body].concat());
}

#[test]
fn a_link_holds_the_schedule_and_the_lines_and_leaves_ones_own() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = site(&[]);
    let index = address(&folder.path().join("index.html"));
    // As it is pasted in a terminal.
    browser.open(&format!("{index}#8@4:a4Xa"));
    browser.until_said("the consumer rests, frames = 1 · schedule 4:a4Xa");
    browser.until_said("tricine lab 8@4:a4Xa");
    // One's own lines, and a link to them; the clipboard is not this page's to write, and it says so.
    let own = lesson_8().repairs[0].region.replace("post filled", "post  filled");
    paste(&mut browser, &own);
    browser.evaluate("navigator.clipboard.writeText = () => Promise.reject()");
    browser.click_button("copy a link to my lines");
    browser.until_said("The link stands in the address bar now");
    let link = browser.evaluate("location.href").as_str().expect("an address").to_owned();
    // Somebody else opens it, who has lines of his own.
    paste(&mut browser, "process mine:\n    nothing\n");
    browser.open(&link);
    browser.until_said("These are the lines of the link");
    browser.press("4");
    browser.until("document.getElementById('lines').value.includes('post  filled')");
    browser.press("m");
    browser.until_said("✓ Right: ");
    browser.open(&format!("{index}#8"));
    browser.press("4");
    browser.until("document.getElementById('lines').value.startsWith('process mine:')");
    // A link that was cut off on its way.
    browser.open(&format!("{index}#8@a4&lines=%%%"));
    browser.until_said("cut off or changed on their way");
    browser.open(&format!("{index}#77"));
    browser.until_said("There is no lesson 77");
    // A schedule that means nothing is said.
    browser.open(&format!("{index}#2@9:a4"));
    browser.until_said("there is no instance 9");
    browser.assert_at_peace(&address(folder.path()));
}

#[test]
fn marking_does_not_freeze_the_page_and_can_be_stopped() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = site(&[]);
    browser.open(&format!("{}#8", address(&folder.path().join("index.html"))));
    // A search that does not end soon: nobody else has so many states.
    let counter = |name: &str| format!("    while {name} < 9000:\n        {name} = {name} + 1\n");
    let lines = format!(
        "shared x = 0, y = 0\nsem empty = 0, filled = 0\nprocess producer:\n{}process consumer:\n{}",
        counter("x"),
        counter("y")
    );
    paste(&mut browser, &lines);
    browser.press("m");
    browser.until_said("Every schedule is being tried");
    browser.press("3");
    browser.until_said("You say who runs");
    browser.press("a");
    browser.press("b");
    browser.until_said("step 2 of 2");
    browser.press("4");
    browser.until_said("Every schedule is being tried");
    browser.click_button("stop");
    browser.until_said("Stopped before there was an answer");
    // And the next one is answered.
    paste(&mut browser, &lesson_8().repairs[0].region);
    browser.press("m");
    browser.until_said("✓ Right: ");
}

#[test]
fn every_part_of_every_lesson_is_readable_on_a_phone_in_light_and_in_dark() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = site(&[]);
    browser.open(&address(&folder.path().join("index.html")));
    let colours: Vec<Value> = [false, true]
        .into_iter()
        .map(|dark| {
            browser.screen(400, dark);
            browser.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
        })
        .collect();
    assert_eq!(colours[0], json!(["rgb(255, 255, 255)", "rgb(27, 29, 33)"]));
    assert_eq!(colours[1], json!(["rgb(22, 24, 28)", "rgb(230, 230, 230)"]));
    browser.evaluate("$('list').open = $('help').open = true");
    for l in lessons() {
        // The last part with everything that it has once it is open.
        browser.evaluate(&format!("open({{ id: {} }}); mine.right = true", json!(l.id)));
        for part in ["text", "predict", "run", "repair", "why"] {
            browser.evaluate(&format!("go({})", json!(part)));
            let drawn = if part == "run" && !l.program.is_empty() {
                "$('row') && $('row').children.length > 2"
            } else {
                "$('main').children.length"
            };
            browser.until(drawn);
            let wide = browser.evaluate("document.documentElement.scrollWidth");
            assert!(wide.as_u64().is_some_and(|w| w <= 400), "lesson {}, {part}: {wide} pixels", l.id);
        }
    }
    browser.assert_at_peace(&address(folder.path()));
}

/// The engine in the page answers as the one of this build does: each repair of each lesson, each schedule, and what is wrong.
fn answers_as_this_build_does(browser: &mut Browser) {
    let mut asked = 0;
    for l in lessons().iter().filter(|l| !l.program.is_empty()) {
        let goals = json!(l.goals);
        let texts = l.repairs.iter().map(|r| (r.region.clone(), r.schedule.clone()));
        let more = l.goals.iter().map(|g| (l.start(), g.schedule.clone()));
        for (text, schedule) in texts.chain(more).chain([("wiat".into(), "a2q".into())]) {
            let check = json!({"want": "check", "program": l.program, "goals": goals, "text": text});
            let replay = json!({"want": "replay", "program": l.program, "goals": goals, "text": text,
                                "schedule": schedule, "instance": null, "from": 0});
            for question in [check, replay] {
                let there = browser.evaluate(&format!("marker.ask({question})"));
                let here: Value = serde_json::from_str(&tricine_lab_web::answer(&question.to_string())).expect("JSON");
                assert_eq!(there, here, "lesson {}:\n{text}", l.id);
                asked += 1;
            }
        }
    }
    assert!(asked > 200, "{asked} questions");
}

#[test]
fn the_shipped_engine_answers_as_this_build_does() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = site(&[]);
    browser.open(&address(&folder.path().join("index.html")));
    answers_as_this_build_does(&mut browser);
    let broken = browser.evaluate("marker.ask({ want: 'tea' })");
    assert!(broken["error"].as_str().is_some_and(|e| e.contains("does not understand")), "{broken}");
}

#[test]
fn the_engine_is_made_of_these_sources_and_small() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shipped = std::fs::read(root.join("assets/lab.wasm")).expect("the engine");
    assert!(shipped.len() <= LARGEST, "{} bytes", shipped.len());
    let rustc = Command::new("rustc").args(["--print", "target-libdir", "--target", "wasm32-unknown-unknown"]).output();
    let folder =
        rustc.ok().filter(|o| o.status.success()).map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    if !or_skipped(folder.is_some_and(|f| Path::new(&f).is_dir()), "the target wasm32-unknown-unknown") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let anew = folder.path().join("lab.wasm");
    let built = Command::new(root.join("lab/web/build")).arg(&anew).output().expect("it starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let anew = std::fs::read(&anew).expect("the engine");
    assert!(anew.len() <= LARGEST, "{} bytes", anew.len());
    // The same compiler makes the same bytes, wherever the repository lies.
    if compiler(&anew) == compiler(&shipped) {
        assert!(
            anew == shipped,
            "assets/lab.wasm is not what these sources make: run lab/web/build and commit the file"
        );
        return;
    }
    // Another compiler makes other bytes, which answer alike.
    let Some(mut browser) = Browser::start() else { return };
    let site = site(&[]);
    let bytes: Vec<String> = anew.iter().map(u8::to_string).collect();
    let script = format!("const ENGINE = btoa([{}].map(c => String.fromCharCode(c)).join(''));", bytes.join(","));
    std::fs::write(site.path().join("engine.js"), script).expect("a file");
    browser.open(&address(&site.path().join("index.html")));
    answers_as_this_build_does(&mut browser);
}

/// The compiler's commit, which stands in the paths of its library.
fn compiler(wasm: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(wasm);
    let at = text.find("/rustc/")? + "/rustc/".len();
    text.get(at..at + 40).map(str::to_owned)
}

#[test]
fn a_course_of_ones_own_is_written_with_its_name() {
    let Some(mut browser) = Browser::start() else { return };
    let course = tempfile::tempdir().expect("a folder");
    let file = course.path().join("1.md");
    let text = lesson::FILES[1].1.replace("# 2. A sum", "# 1. Your </script> sum");
    std::fs::write(&file, text).expect("a file");
    let place = course.path().to_str().expect("UTF-8");
    let folder = site(&[place]);
    browser.open(&address(&folder.path().join("index.html")));
    browser.until_said("1. Your </script> sum");
    browser.press("3");
    browser.until_said(&format!("tricine lab {place} 1@"));
    // Not what repairs are: those who read the page's source would find them.
    let lessons = std::fs::read_to_string(folder.path().join("lessons.js")).expect("the lessons");
    assert!(!lessons.contains("\"region\""));
    let alone = site(&[file.to_str().expect("UTF-8")]);
    browser.open(&address(&alone.path().join("index.html")));
    browser.press("3");
    browser.until_said(&format!("tricine lab {}@", file.display()));
    browser.assert_at_peace("file:///");
}

#[test]
fn the_page_asks_nobody_for_anything() {
    let folder = site(&[]);
    for name in ["index.html", "lab.js", "lab.css"] {
        let text = std::fs::read_to_string(folder.path().join(name)).expect("a file");
        for word in ["http:", "https:", "url(", "import", "fetch(", "XMLHttp", "innerHTML", "eval(", "insertAdjacent"] {
            assert!(!text.contains(word), "{name}: {word}");
        }
    }
    let refused = Cli::parse_from(["lab", "--web", "/proc/nowhere"]).options;
    assert_eq!(tricine_lab_desk::run(&refused, &mut || panic!("no session")), 2);
}
