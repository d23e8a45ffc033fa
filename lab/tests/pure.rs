//! The library is pure: it has to run in a browser, and it must not be able to do anything to a machine.

use std::path::Path;

fn sources(at: &Path, all: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(at).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|e| e == "rs") {
            all.push((path.display().to_string(), std::fs::read_to_string(&path).expect("a source")));
        }
    }
}

#[test]
fn no_file_no_clock_no_process_no_thread_no_environment() {
    let mut all = vec![];
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    assert!(all.len() > 20, "the sources were found");
    for (path, text) in all {
        for word in [
            "std::fs",
            "std::time",
            "std::process",
            "std::thread",
            "std::net",
            "std::env",
            "std::io",
            "println!",
            "unsafe {",
        ] {
            assert!(!text.contains(word), "{path}: {word}");
        }
        assert!(text.lines().count() <= 400, "{path}: one idea a file");
    }
}
