//! The page of `--html`, by keys and clicks in headless Chromium.

use crate::chromium::{Browser, address};
use tricine_lab::{html, lang, run, schedule};

const TEXT: &str = "frame slot[2]\nshared head = 1\nsem s = 0\ndeaths 1\nprocess ann:\n    fill slot[0] with 1\n    post s\n\
                    process bob:\n    wait s\n    head = 2\nafter death of bob:\n    post s\n";

#[test]
fn a_run_is_looked_at_by_keys_by_the_slider_and_by_buttons() {
    let Some(mut browser) = Browser::start() else { return };
    let program = &lang::parse(TEXT).expect("a program")[0];
    let acts = schedule::parse("aabXbr2", 2).expect("a schedule");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.html");
    std::fs::write(&file, html::page(program, &run::replay(program, &acts), "8", "A run")).expect("a page");
    browser.screen(1280, false);
    browser.open(&address(&file));
    browser.until_said("step 0 of 6");
    browser.press("ArrowRight");
    browser.until_said("step 1 of 6");
    browser.press(" ");
    browser.until_said("step 2 of 6");
    browser.press("ArrowLeft");
    browser.until_said("halves of two frames");
    browser.press("End");
    browser.until_said("step 6 of 6");
    browser.until_said("starts bob again");
    assert_eq!(browser.evaluate("location.hash"), "#6");
    browser.press("Home");
    browser.until_said("Predict first");
    browser.click("document.getElementById('on')");
    browser.until_said("step 1 of 6");
    browser.click("document.getElementById('back')");
    browser.until_said("step 0 of 6");
    // A click in the middle of the slider is the middle of the run.
    browser.click("document.getElementById('pos')");
    browser.until_said("step 3 of 6");
    browser.press("ArrowRight");
    browser.until_said("step 4 of 6");
    browser.until_said("✝ dead");
    // A link leads to its step.
    browser.open(&format!("{}#5", address(&file)));
    browser.until_said("step 5 of 6");
    browser.until_said("about to start bob again");
    browser.assert_at_peace(&address(&file));
}

#[test]
fn it_is_readable_on_a_phone_in_light_and_in_dark() {
    let Some(mut browser) = Browser::start() else { return };
    let program = &lang::parse(TEXT).expect("a program")[0];
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("run.html");
    std::fs::write(&file, html::page(program, &run::replay(program, &[]), "8", "A run")).expect("a page");
    browser.open(&address(&file));
    let mut colours = vec![];
    for dark in [false, true] {
        browser.screen(400, dark);
        assert_eq!(browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), true);
        colours.push(
            browser
                .evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"),
        );
    }
    assert_eq!(colours[0], serde_json::json!(["rgb(255, 255, 255)", "rgb(27, 29, 33)"]));
    assert_eq!(colours[1], serde_json::json!(["rgb(22, 24, 28)", "rgb(230, 230, 230)"]));
}
