//! A stream of numbers that survives its producer. This program makes the channel and starts the two others; the producer aborts in
//! the middle of a frame, and the consumer still gets every number, once and in order.
//!
//! ```sh
//! cargo build -p tricine-channel --examples && cargo run -p tricine-channel --example boss
//! ```

use std::error::Error;
use std::process::{Child, Command};

use tricine_channel::channel::{Name, Region, Side, Spec, recover};
use tricine_channel::meta::Summed;
use tricine_channel::sys::process::{Exit, Reaped};

/// How many frames the stream has, and in which one the first producer aborts.
const FRAMES: &str = "1000";
const ABORT_IN: &str = "500";

fn start(program: &str, args: &[&str]) -> Result<Child, Box<dyn Error>> {
    let path = std::env::current_exe()?.with_file_name(program);
    Command::new(&path).args(args).spawn().map_err(|e| {
        format!("{path:?}: {e}; `cargo build --examples` builds it (with `--release`, if this is a release build)")
            .into()
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let name = Name::new(format!("numbers.{}", std::process::id()), 0);
    let region = Region::create(&name, &Spec::fifo::<Summed>(4096))?;
    let done = run(&region);
    // Nothing else removes the names. Whoever has mapped the region keeps it.
    name.unlink()?;
    done
}

fn run(region: &Region) -> Result<(), Box<dyn Error>> {
    let stream = region.name().stream.as_str();
    let consumer = start("consumer", &[stream])?;
    let mut producer = start("producer", &[stream, FRAMES, ABORT_IN])?;
    loop {
        // Reaping proves that the dead process writes nothing any more.
        let reaped = Reaped::wait(producer)?;
        match reaped.exit() {
            Exit::Code(0) => break,
            // It said why itself, and the next one would say the same.
            Exit::Code(code) => return Err(format!("the producer gave up (exit code {code})").into()),
            Exit::Signal(_) => {}
        }
        println!("boss: the producer died ({}); the next one goes on", reaped.exit());
        // This gives the dead producer's claim back and posts for both sides. There is nothing to repair: the frame that it
        // had not finished was never published.
        recover(region, Side::Producer, &reaped)?;
        producer = start("producer", &[stream, FRAMES])?;
    }
    match Reaped::wait(consumer)?.exit() {
        Exit::Code(0) => Ok(()),
        exit => Err(format!("the consumer ended with {exit}").into()),
    }
}
