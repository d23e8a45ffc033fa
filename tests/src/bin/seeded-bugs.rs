//! Which proof catches which bug: runs every proof, then on the channel with each seeded bug built in, and the player's tests on each
//! wrong use of recovery, and prints the table. Ends with 1 if a proof does not hold, if a bug is missed by one that has to
//! catch it, or if that one says nothing of it: also if it did not run.
//!
//! `cargo run --release -p tests --bin seeded-bugs [-- --without sweep,spin]`, from anywhere in the project; takes some minutes. Each
//! proof runs by the command that people run it with. `--said loom=FILE,spin=FILE`: what these have said already, somewhere else.
//! `--features LIST`: what else the program is built with, which may be there already.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde_json::Value;
use tricine_channel::channel::bug::Bug;
use tricine_session::misuse::{self, Misuse};

/// How the program is built with the bugs: beside its dependencies as they ship, which are compiled already.
fn seeded() -> Vec<String> {
    let features = format!("tests/seeded-bugs,{}", option("features"));
    let build = [["--config", ".ci/checked.toml"], ["--release", "--workspace"], ["--features", &features]];
    build.as_flattened().iter().map(|&word| word.to_owned()).collect()
}

/// What follows an option on the command line; nothing, if it is not given.
fn option(name: &str) -> String {
    let mut args = std::env::args().skip_while(|arg| arg.strip_prefix("--") != Some(name));
    args.nth(1).unwrap_or_default()
}

/// For each bug that a proof speaks of: whether it was caught.
type Verdicts = BTreeMap<String, bool>;

/// Runs a proof, and on each bug.
type Proof = fn(&Path) -> Verdicts;

fn main() -> ExitCode {
    let (without, said) = (option("without"), option("said"));
    let root = &Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let proofs: [(&str, Proof); 5] =
        [("tables", tables), ("loom", loom), ("spin", spin), ("sweep", sweep), ("player", player)];
    let wanted = proofs.into_iter().filter(|(name, _)| !without.split(',').any(|w| w == *name));
    // Side by side: the sweep waits for the kernel, the tests for their clocks.
    let run: Vec<(&str, Verdicts)> = std::thread::scope(|scope| {
        let begun: Vec<_> = wanted
            .map(|(name, proof)| {
                let file = said.split(',').find_map(|said| said.strip_prefix(name)?.strip_prefix('='));
                let read = |file| std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{file}: {e}"));
                let run = move || file.map_or_else(|| proof(root), |file| spoken(name, &read(file)));
                (name, scope.spawn(run))
            })
            .collect();
        begun.into_iter().map(|(name, proof)| (name, proof.join().unwrap_or_default())).collect()
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
    tests::say!("{said}");
    if !output.status.success() {
        eprintln!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        HOLDS.store(false, Relaxed);
    }
    said
}

fn cargo(root: &Path, command: &str) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).arg(command);
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

/// The tests of one target, with what is seeded in the environment: which of them failed. `None` if they did not run.
fn failed(root: &Path, target: &str, bug: Option<(&str, &str)>) -> Option<Vec<String>> {
    let mut cargo = cargo(root, "test");
    let output =
        cargo.args(seeded()).args(["--test", target]).envs(bug).output().unwrap_or_else(|e| panic!("{cargo:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stdout);
    let test = |line: &str| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned());
    let failed: Vec<String> = said.lines().filter_map(test).collect();
    let ran = said.contains("test result:") && output.status.success() == failed.is_empty();
    if !ran {
        eprintln!("{cargo:?}: {}\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    ran.then_some(failed)
}

/// The tests of one target, which hold without a bug, on each of these.
fn each(root: &Path, proof: &str, target: &str, env: &str, bugs: impl Iterator<Item = &'static str>) -> Verdicts {
    if failed(root, target, None).is_none_or(|tests| !tests.is_empty()) {
        eprintln!("{proof}: fails without a bug");
        HOLDS.store(false, Relaxed);
    }
    let verdict = |bug| {
        let tests = failed(root, target, Some((env, bug)))?;
        tests::say!(
            "{proof}: {bug} {} ({})",
            if tests.is_empty() { "seen by no test" } else { "caught" },
            tests.join(", ")
        );
        Some((bug.to_owned(), !tests.is_empty()))
    };
    bugs.filter_map(verdict).collect()
}

/// The tests of the pure transitions. Those that see a bug are to be named, and no other bug is theirs to see.
fn tables(root: &Path) -> Verdicts {
    let bugs = Bug::ALL.iter().filter(|bug| !bug.of_ordering()).map(|bug| bug.name());
    let mut verdicts = each(root, "tables", "ownership", "TRICINE_SEEDED_BUG", bugs);
    verdicts.retain(|_, caught| *caught);
    verdicts
}

fn loom(root: &Path) -> Verdicts {
    let test =
        ["-p", "tricine-channel", "--test", "loom", "--release", "--target-dir", "target/loom", "--", "--nocapture"];
    spoken("loom", &output(cargo(root, "test").args(test).env("RUSTFLAGS", "--cfg loom")))
}

fn spin(root: &Path) -> Verdicts {
    spoken("spin", &output(&mut Command::new(root.join("proofs/spin/run"))))
}

fn sweep(root: &Path) -> Verdicts {
    output(cargo(root, "build").args(seeded()).args(["--bin", "kill-sweep"]));
    // It was put beside this program.
    let program = std::env::current_exe().expect("this program has a path").with_file_name("kill-sweep");
    // Two share the bugs: of each, tracer and victim take turns on one processor.
    let half = |i: u32| {
        let report = std::env::temp_dir().join(format!("tricine-seeded-bugs-{}-{i}.json", std::process::id()));
        let options = ["--all-bugs", "--changes", "--fast", "--shard", &format!("{i}/2"), "--report"];
        output(Command::new(&program).args(options).arg(&report));
        let verdicts: Value =
            std::fs::read(&report).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
        let _ = std::fs::remove_file(&report);
        let each = verdicts["bugs"].as_array().into_iter().flatten();
        each.filter_map(|v| Some((v["bug"].as_str()?.to_owned(), !v["failure"].is_null()))).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        half(0).into_iter().chain(other.join().unwrap_or_default()).collect()
    })
}

/// The player's tests of recovery, on each wrong use of it.
fn player(root: &Path) -> Verdicts {
    each(root, "player", "recovery", misuse::ENV, Misuse::ALL.iter().map(|misuse| misuse.name()))
}

/// Whether a proof has to catch a bug of the channel's.
fn must_catch(proof: &str, bug: Bug) -> bool {
    match proof {
        "tables" => matches!(bug, Bug::ProducerNextOffByOne | Bug::ConsumerNextOffByOne),
        "loom" => true,
        "sweep" => tests::sweep::bugs::is_ours(bug),
        // Its models have no waits without a look, and no meta of the frame before.
        "spin" => !bug.of_ordering() && !matches!(bug, Bug::WaitIsBlind | Bug::LastInFront),
        _ => false,
    }
}

fn print(proofs: &[(&str, Verdicts)]) -> ExitCode {
    let mut good = true;
    tests::say_part!("{:28}", "bug");
    proofs.iter().for_each(|(name, _)| tests::say_part!("{name:8}"));
    tests::say!();
    let mut row = |name: &str, must: &dyn Fn(&str) -> bool| {
        tests::say_part!("{name:28}");
        let mut caught = true;
        for (proof, verdicts) in proofs {
            let verdict = verdicts.get(name).copied();
            caught &= verdict.unwrap_or(!must(proof));
            let silent = if must(proof) { "SILENT" } else { "·" };
            tests::say_part!("{:8}", verdict.map_or(silent, |caught| if caught { "caught" } else { "MISSED" }));
        }
        tests::say!("{}", if caught { "" } else { "  <--" });
        good &= caught;
    };
    for &bug in Bug::ALL {
        row(bug.name(), &|proof| must_catch(proof, bug));
    }
    for misuse in Misuse::ALL {
        row(misuse.name(), &|proof| proof == "player");
    }
    if good && HOLDS.load(Relaxed) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
