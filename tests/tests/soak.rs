//! Each counter of the soak can fail: what is done wrong on purpose is counted, as what it is.

use std::process::Command;

use serde_json::Value;

#[test]
fn whatever_goes_wrong_is_counted_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    // Side by side: they mostly wait.
    std::thread::scope(|scope| {
        for (fault, counter) in [
            ("torn", "torn"),
            ("lost", "lost"),
            ("duplicated", "duplicated"),
            ("mute", "missed doorbells"),
            ("disturbed", "not as undisturbed"),
            ("hang", "hangs"),
            ("unclean-end", "unclean ends"),
            ("crash", "unprovoked deaths"),
            ("leaked-name", "leaked names"),
            ("leaked-process", "leaked processes"),
            ("leaked-descriptors", "leaked descriptors"),
            ("memory-growth", "memory growth"),
        ] {
            let report = folder.path().join(fault);
            scope.spawn(move || {
                let mut soak = Command::new(env!("CARGO_BIN_EXE_soak"));
                soak.args(["--fault", fault, "--film", "4", "--report"]).arg(&report);
                if fault == "hang" {
                    soak.args(["--patience", "3"]);
                }
                let output = soak.output().unwrap();
                assert_eq!(output.status.code(), Some(1), "{fault}: {output:?}");
                let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
                assert!(report["wrong"][counter].as_u64() >= Some(1), "{fault}: {report:#}");
            });
        }
    });
}
