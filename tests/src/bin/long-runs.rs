//! The long runs of docs/proofs.md, in shards side by side, on a machine that has many processors and nothing of this project but
//! these programs in one folder: long-runs, kill-sweep, hostile, soak, gaps.
//!
//! `./long-runs --out OUT --seconds 470`: the sweep of every instruction, also with large payloads and of two deaths; 10⁷ corruptions;
//! 10,000 kills and 10⁹ hand-overs; 1,000 deaths of each role. Sixteen processors take less than eight minutes. Each shard writes its
//! report and what it says to a file of its own in OUT, and again after each session, so that what was done until the time is up
//! counts; the sums are OUT/sums.json. Exit code 1 if anything was wrong or did not come to its end.

#![forbid(unsafe_code)]

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Map, Value, json};
use tricine_session::control::Role;

/// Run all long proofs in shards, and sum up what they say.
#[derive(Debug, Parser)]
struct Options {
    /// Folder for the reports of the shards and their sums
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// What is not done after so many seconds is stopped, and what it did counts
    #[arg(long, value_name = "S", default_value_t = 470)]
    seconds: u64,
    /// Processors to use [default: all]
    #[arg(long, value_name = "N")]
    cores: Option<u64>,
    /// This part of everything only, to try it
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    scale: f64,
    /// Only these: sweep, payload, two-deaths, hostile, soak, gaps [default: all]
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Of the random choices; shard i has this + i
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// A shard: what it is part of, how it is run, and how many processors it keeps busy.
struct Job {
    kind: &'static str,
    name: String,
    program: &'static str,
    args: Vec<String>,
    cores: u64,
}

/// A shard at work.
struct Running {
    job: Job,
    child: Child,
    begun: Instant,
}

fn main() -> ExitCode {
    let options = Options::parse();
    std::fs::create_dir_all(&options.out).unwrap_or_else(|e| panic!("{}: {e}", options.out.display()));
    let cores = options.cores.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get() as u64));
    let (begun, limit) = (Instant::now(), Duration::from_secs(options.seconds));
    let mut left: Vec<Job> = jobs(&options, cores);
    let (planned, mut running, mut states) = (left.len(), Vec::<Running>::new(), Map::new());
    while !(left.is_empty() && running.is_empty()) && begun.elapsed() < limit {
        let busy: u64 = running.iter().map(|r| r.job.cores).sum();
        // One at least, however few processors there are.
        let next = left.iter().position(|job| busy + job.cores <= cores || running.is_empty());
        if let Some(next) = next {
            running.push(start(left.remove(next), &options));
            continue;
        }
        for mut ended in running.extract_if(.., |r| r.child.try_wait().is_ok_and(|status| status.is_some())) {
            let status = ended.child.wait().map_or_else(|e| e.to_string(), |status| status.to_string());
            let seconds = ended.begun.elapsed().as_secs();
            tests::say!("{:4} s: {} ended after {seconds} s, {status}", begun.elapsed().as_secs(), ended.job.name);
            states.insert(ended.job.name, json!({ "status": status, "seconds": seconds }));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // Its whole group, so that the sessions that it has started end with it.
    let groups = |signal| {
        for shard in &running {
            // It may have ended by now.
            let _ = killpg(Pid::from_raw(shard.child.id() as i32), signal);
        }
    };
    groups(Signal::SIGTERM);
    if !running.is_empty() {
        std::thread::sleep(Duration::from_secs(3));
    }
    groups(Signal::SIGKILL);
    for mut stopped in running {
        let _ = stopped.child.wait();
        tests::say!("{:4} s: {} was stopped", begun.elapsed().as_secs(), stopped.job.name);
        states.insert(stopped.job.name, json!({ "status": "stopped", "seconds": stopped.begun.elapsed().as_secs() }));
    }
    for job in &left {
        tests::say!("{} did not begin", job.name);
    }
    let mut sums = sums(&options.out, &jobs(&options, cores));
    let ended_well = states.values().filter(|shard| shard["status"] == "exit status: 0").count() == planned;
    let good = ended_well && sums.values().all(|kind| kind["wrong"] == 0 && kind["finished"] == kind["shards"]);
    sums.insert("shards".into(), json!({ "planned": planned, "each": states }));
    let report = json!({ "schema": "tricine.long-runs/1", "cores": cores, "scale": options.scale, "seed": options.seed,
        "seconds": begun.elapsed().as_secs_f64(), "good": good, "sums": sums });
    tests::save(&options.out.join("sums.json"), &report).expect("the sums can be written");
    tests::say!("{report:#}");
    ExitCode::from(u8::from(!good))
}

/// Every shard, what takes longest first.
fn jobs(options: &Options, cores: u64) -> Vec<Job> {
    let part = |n: u64| ((n as f64 * options.scale).ceil() as u64).max(1);
    let mut jobs = Vec::new();
    let mut add = |kind: &'static str, program, shards: u64, cores, args: &dyn Fn(u64) -> Vec<String>| {
        let wanted = options.only.is_empty() || options.only.iter().any(|only| only == kind);
        for i in (0..shards).filter(|_| wanted) {
            jobs.push(Job { kind, name: format!("{kind}-{i}"), program, args: args(i), cores });
        }
    };
    let words = |text: String| text.split(' ').map(str::to_owned).collect();
    let (few, seed) = ((cores / 4).clamp(1, 4), options.seed);
    // A film has a death in 1.8 s: 24 films, so that this takes four minutes.
    add("gaps", "gaps", few, 2, &|_| words(format!("--kills {} --sessions {}", part(1_000 / few), 8 / few)));
    let soaks = (cores / 2).clamp(1, 8);
    add("soak", "soak", soaks, 3, &|i| {
        let (kills, frames) = (part(10_000u64.div_ceil(soaks)), part(1_000_000_000u64.div_ceil(soaks)));
        words(format!("--kills {kills} --sessions 4 --hand-overs {frames} --seed {}", seed + i))
    });
    add("hostile", "hostile", few, 1, &|i| {
        words(format!("--corruptions {} --seed {}", part(10_000_000 / few), seed + 4 * i))
    });
    let coarse = (1.0 / options.scale).round().max(1.0) as u64;
    for (kind, more, stride) in [("sweep", "", 1), ("payload", " --payload", 3), ("two-deaths", " --deaths 2", 997)] {
        let stride = stride * coarse;
        add(kind, "kill-sweep", cores, 1, &|i| {
            words(format!("--fast --stride {stride} --seed {} --shard {i}/{cores}{more}", seed + i))
        });
    }
    jobs
}

fn report(out: &Path, job: &Job) -> PathBuf {
    out.join(format!("{}.json", job.name))
}

fn start(job: Job, options: &Options) -> Running {
    let own = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(own.with_file_name(job.program));
    command.args(&job.args).arg("--report").arg(report(&options.out, &job));
    let said = File::create(options.out.join(format!("{}.log", job.name))).expect("a file in the folder");
    let errors = said.try_clone().expect("a descriptor");
    command.stdin(Stdio::null()).stdout(said).stderr(errors).process_group(0);
    let child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    Running { job, child, begun: Instant::now() }
}

/// The sums over the shards of each kind, from what their reports say so far.
fn sums(out: &Path, jobs: &[Job]) -> Map<String, Value> {
    let mut kinds: Vec<&str> = jobs.iter().map(|job| job.kind).collect();
    kinds.dedup();
    let sum = |kind: &str| {
        let of_kind: Vec<&Job> = jobs.iter().filter(|job| job.kind == kind).collect();
        let read = |job: &&Job| serde_json::from_slice(&std::fs::read(report(out, job)).ok()?).ok();
        let reports: Vec<Value> = of_kind.iter().filter_map(read).collect();
        let mut all = match kind {
            "soak" => soak(&reports),
            "gaps" => gaps(&reports),
            "hostile" => hostile(&reports),
            _ => swept(&reports),
        };
        all["shards"] = of_kind.len().into();
        all["finished"] = reports.iter().filter(|r| r["finished"] == true).count().into();
        (kind.to_owned(), all)
    };
    kinds.into_iter().map(sum).collect()
}

/// The sum of a number that each report has at `pointer`.
fn total(reports: &[Value], pointer: &str) -> u64 {
    reports.iter().filter_map(|r| r.pointer(pointer)?.as_u64()).sum()
}

fn swept(reports: &[Value]) -> Value {
    let failure = |case: &Value| (!case["first_failure"].is_null()).then(|| case.clone());
    let rows = || reports.iter().flat_map(|r| r["cases"].as_array().into_iter().flatten());
    let of = |field: &str| total(reports, &format!("/{field}"));
    json!({ "cases": rows().count(), "kills": of("kills"), "steps": of("steps"), "redelivered": of("redelivered"),
        "repeated_effects": of("repeated_effects"), "wrong": of("failures"),
        "failed": rows().filter_map(failure).collect::<Vec<_>>() })
}

fn hostile(reports: &[Value]) -> Value {
    let mut cases = Map::new();
    for row in reports.iter().flat_map(|r| r["cases"].as_array().into_iter().flatten()) {
        let name = format!("{} {}", row["victim"].as_str().unwrap_or("?"), row["mode"].as_str().unwrap_or("?"));
        let sum = cases.entry(name).or_insert_with(|| json!({}));
        for field in ["corruptions", "truncations", "frames", "errors", "ends"] {
            sum[field] = (sum[field].as_u64().unwrap_or(0) + row[field].as_u64().unwrap_or(0)).into();
        }
    }
    let failures: Vec<&Value> = reports.iter().flat_map(|r| r["failures"].as_array().into_iter().flatten()).collect();
    let corruptions: u64 = cases.values().filter_map(|c| c["corruptions"].as_u64()).sum();
    json!({ "corruptions": corruptions, "cases": cases, "wrong": failures.len(), "failed": failures })
}

fn soak(reports: &[Value]) -> Value {
    let counts = |of: &str, most: bool| {
        let fields: &[&str] =
            if most { &["grown_kib", "grown_descriptors"] } else { &["sessions", "frames", "deaths"] };
        let value = |field: &&str| {
            let each = reports.iter().filter_map(|r| r[of][*field].as_u64());
            ((*field).to_owned(), Value::from(if most { each.max().unwrap_or(0) } else { each.sum() }))
        };
        fields.iter().map(value).collect::<Map<_, _>>()
    };
    let both = |of: &str| counts(of, false).into_iter().chain(counts(of, true)).collect::<Map<_, _>>();
    let mut sums = [Map::new(), Map::new()];
    for (sum, of) in sums.iter_mut().zip(["acts", "wrong"]) {
        for (name, n) in reports.iter().flat_map(|r| r[of].as_object().into_iter().flatten()) {
            let before = sum.get(name).and_then(Value::as_u64).unwrap_or(0);
            sum.insert(name.clone(), (before + n.as_u64().unwrap_or(0)).into());
        }
    }
    let [acts, wrong] = sums;
    let seeds: Vec<&Value> = reports.iter().map(|r| &r["seed"]).collect();
    let cases: Vec<&Value> = reports.iter().map(|r| &r["cases"]).filter(|c| **c != json!({})).collect();
    json!({ "films": both("films"), "stress": both("stress"), "acts": acts, "seeds": seeds, "failed": cases,
        "wrong": wrong.values().filter_map(Value::as_u64).sum::<u64>(), "counts": wrong })
}

fn gaps(reports: &[Value]) -> Value {
    let mut roles = Map::new();
    for role in Role::ALL.map(Role::name) {
        let quantiles = |field: &str| {
            let each = reports.iter().flat_map(|r| r["roles"][role][field].as_array().into_iter().flatten());
            let mut values: Vec<f64> = each.filter_map(Value::as_f64).collect();
            values.sort_by(f64::total_cmp);
            let at = |q: f64| values.get(((values.len() as f64 * q).ceil() as usize).max(1) - 1);
            json!({ "count": values.len(), "p50": at(0.5), "p99": at(0.99), "max": values.last() })
        };
        let deaths = total(reports, &format!("/roles/{role}/deaths"));
        let [visible, audible, av] = ["visible_gap_ms", "audible_gap_ms", "av_offset_ms"].map(quantiles);
        let all = json!({ "deaths": deaths, "visible_gap_ms": visible, "audible_gap_ms": audible, "av_offset_ms": av });
        roles.insert(role.into(), all);
    }
    json!({ "roles": roles, "wrong": 0 })
}
