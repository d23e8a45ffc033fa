//! For trying things: `lab check FILE`, `lab replay FILE SCHEDULE`.

use tricine_lab::model::search::Limits;
use tricine_lab::{lang, run, schedule, verdict};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let text = std::fs::read_to_string(&args[1]).expect("the file");
    if args[0] == "check" {
        let t = std::time::Instant::now();
        let v = verdict::mark(&text, Limits::default());
        print!("{v}");
        println!("({:.1} ms)", t.elapsed().as_secs_f64() * 1e3);
        std::process::exit(v.exit_code());
    }
    let all = lang::parse(&text).expect("a program");
    let p = all.last().expect("an instance");
    for told in run::tell(p, &schedule::parse(&args[2], p.processes.len()).expect("a schedule")) {
        println!("{told}");
    }
}
