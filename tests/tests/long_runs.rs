//! `long-runs` sums up what its shards say, and counts what was done when the time is up.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::arg;

/// Runs a small part of the sweep and of the hostile peer in shards: the exit code and the sums.
fn run(out: &Path, args: &[&str]) -> (Option<i32>, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_long-runs"));
    command.args(["--out", arg(out), "--only", "sweep,hostile", "--cores", "4", "--scale", "0.001"]).args(args);
    let output = command.output().unwrap();
    let sums = std::fs::read(out.join("sums.json")).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    (output.status.code(), serde_json::from_slice(&sums).unwrap())
}

#[test]
fn the_sums_are_those_of_the_shards() {
    let out = tempfile::tempdir().unwrap();
    let (code, report) = run(out.path(), &["--seconds", "300"]);
    assert_eq!((code, &report["good"]), (Some(0), &Value::Bool(true)), "{report:#}");
    let shard = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(out.path().join(format!("{name}.json"))).unwrap()).unwrap()
    };
    let shards: Vec<Value> = (0..4).map(|i| shard(&format!("sweep-{i}"))).collect();
    let sum = |field: &str| shards.iter().map(|shard| shard[field].as_u64().unwrap()).sum::<u64>();
    let sweep = &report["sums"]["sweep"];
    assert_eq!(
        (sweep["shards"].as_u64(), sweep["finished"].as_u64(), sweep["wrong"].as_u64()),
        (Some(4), Some(4), Some(0))
    );
    assert_eq!((sweep["kills"].as_u64(), sweep["steps"].as_u64()), (Some(sum("kills")), Some(sum("steps"))));
    let cases: usize = shards.iter().map(|shard| shard["cases"].as_array().map_or(0, Vec::len)).sum();
    assert_eq!(cases, tests::sweep::case::Case::all(1).len(), "each case is one shard's");
    assert!(report["sums"]["hostile"]["corruptions"].as_u64() >= Some(10_000), "{report:#}");
}

#[test]
fn what_is_not_done_in_time_is_told() {
    let out = tempfile::tempdir().unwrap();
    let (code, report) = run(out.path(), &["--seconds", "0"]);
    assert_eq!((code, &report["good"]), (Some(1), &Value::Bool(false)), "{report:#}");
    assert_eq!(report["sums"]["sweep"]["finished"], 0);
}
