//! Which proof catches which bug: runs every proof, then on the channel with each seeded bug built in, and prints the table.
//! Ends with 1 if a proof does not hold, if a bug is missed by one that has to catch it, or if that one says nothing of it:
//! also if it did not run.
//!
//! `cargo run --release -p tests --bin seeded-bugs [-- --without sweep,spin]`, from anywhere in the
//! project; takes some minutes. Each proof runs by the command that people run it with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde_json::Value;
use tricine_channel::channel::bug::Bug;

const TARGET: &str = "target/seeded-bugs";

/// For each bug that a proof speaks of: whether it was caught.
type Verdicts = BTreeMap<String, bool>;

/// Runs a proof, and on each bug.
type Proof = fn(&Path) -> Verdicts;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let without = args.iter().position(|a| a == "--without").and_then(|i| args.get(i + 1)).cloned().unwrap_or_default();
    let root = &Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let proofs: [(&str, Proof); 4] = [("tables", tables), ("loom", loom), ("spin", spin), ("sweep", sweep)];
    let wanted = |name: &str| !without.split(',').any(|w| w == name);
    let (beside, one_by_one): (Vec<_>, Vec<_>) =
        proofs.into_iter().filter(|(name, _)| wanted(name)).partition(|(name, _)| *name == "spin");
    let run: Vec<(&str, Verdicts)> = std::thread::scope(|scope| {
        // Spin has one thread and the others seldom more: it takes what they leave of the processors.
        let spinning: Vec<_> =
            beside.into_iter().map(|(name, proof)| scope.spawn(move || (name, proof(root)))).collect();
        let mut run: Vec<_> = one_by_one.into_iter().map(|(name, proof)| (name, proof(root))).collect();
        run.extend(spinning.into_iter().map(|proof| proof.join().expect("Spin's proof ran")));
        run
    });
    print(&run)
}

/// Whether every proof has held so far.
static HOLDS: AtomicBool = AtomicBool::new(true);

/// A command of this project, run to its end: what it printed on standard output. It is to succeed.
fn output(command: &mut Command) -> String {
    eprintln!("{command:?}");
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{said}");
    if !output.status.success() {
        eprintln!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        HOLDS.store(false, Relaxed);
    }
    said
}

fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}

/// Lines such as `loom: no-reset caught (…)`.
fn spoken(proof: &str, said: &str) -> Verdicts {
    let line = |line: &str| {
        // The first line may stand behind the name of the test.
        let (_, line) = line.split_once(&format!("{proof}: "))?;
        let mut words = line.split(' ');
        let (bug, verdict) = (words.next()?, words.next()?);
        ["caught", "missed"].contains(&verdict).then(|| (bug.to_owned(), verdict == "caught"))
    };
    said.lines().filter_map(line).collect()
}

/// The tests of the pure transitions, once for each bug. With --release, as the sweep: they share their dependencies.
fn tables(root: &Path) -> Verdicts {
    let test = |bug: Option<Bug>| {
        let mut cargo = cargo(root);
        cargo.args(["test", "-q", "--release", "-p", "tricine-channel", "--features", "seeded-bugs"]);
        cargo.args(["--test", "ownership", "--target-dir", TARGET]).envs(bug.map(|b| ("TRICINE_SEEDED_BUG", b.name())));
        cargo.output().is_ok_and(|o| o.status.success())
    };
    assert!(test(None), "the tests of the transitions fail without a bug");
    Bug::ALL.iter().map(|&bug| (bug.name().to_owned(), !test(Some(bug)))).filter(|(_, caught)| *caught).collect()
}

fn loom(root: &Path) -> Verdicts {
    let mut cargo = cargo(root);
    cargo.env("RUSTFLAGS", "--cfg loom").args(["test", "-p", "tricine-channel", "--test", "loom", "--release"]);
    cargo.args(["--target-dir", "target/loom", "--", "--nocapture"]);
    spoken("loom", &output(&mut cargo))
}

fn spin(root: &Path) -> Verdicts {
    spoken("spin", &output(&mut Command::new(root.join("proofs/spin/run"))))
}

fn sweep(root: &Path) -> Verdicts {
    let report: PathBuf = std::env::temp_dir().join(format!("tricine-seeded-bugs-{}.json", std::process::id()));
    let mut cargo = cargo(root);
    cargo.args(["run", "--release", "-p", "tests", "--no-default-features", "--features", "seeded-bugs"]);
    cargo
        .args(["--target-dir", TARGET, "--bin", "kill-sweep", "--", "--all-bugs", "--changes", "--fast", "--report"])
        .arg(&report);
    output(&mut cargo);
    let verdicts: Value = std::fs::read(&report).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
    let _ = std::fs::remove_file(&report);
    let ours = verdicts["bugs"].as_array().into_iter().flatten().filter(|v| v["ours"] == true);
    ours.filter_map(|v| Some((v["bug"].as_str()?.to_owned(), !v["failure"].is_null()))).collect()
}

/// Whether a proof has to catch a bug.
fn must_catch(proof: &str, bug: Bug) -> bool {
    match proof {
        "tables" => matches!(bug, Bug::ProducerNextOffByOne | Bug::ConsumerNextOffByOne),
        "loom" => true,
        "sweep" => tests::sweep::bugs::is_ours(bug),
        // Its models have no waits without a look, and no meta of the frame before.
        _ => !bug.of_ordering() && !matches!(bug, Bug::WaitIsBlind | Bug::LastInFront),
    }
}

fn print(proofs: &[(&str, Verdicts)]) -> ExitCode {
    let mut good = true;
    print!("{:28}", "bug");
    proofs.iter().for_each(|(name, _)| print!("{name:8}"));
    println!();
    for bug in Bug::ALL {
        print!("{:28}", bug.name());
        let mut caught = true;
        for (name, verdicts) in proofs {
            let verdict = verdicts.get(bug.name()).copied();
            caught &= verdict.unwrap_or(!must_catch(name, *bug));
            let silent = if must_catch(name, *bug) { "SILENT" } else { "·" };
            print!("{:8}", verdict.map_or(silent, |caught| if caught { "caught" } else { "MISSED" }));
        }
        println!("{}", if caught { "" } else { "  <--" });
        good &= caught;
    }
    if good && HOLDS.load(Relaxed) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
