//! Reads a stream of numbers and fails if a number is missing, comes twice, or is not whole. `boss.rs` starts it: `consumer STREAM`.

use std::error::Error;
use std::time::Duration;

use tricine_channel::channel::{Acquired, Consumer, Name, Region};
use tricine_channel::meta::Summed;
use tricine_channel::time::Deadline;

fn main() -> Result<(), Box<dyn Error>> {
    let stream = std::env::args().nth(1).ok_or("usage: consumer STREAM")?;
    let region = Region::open(&Name::new(stream, 0))?;
    let mut consumer = Consumer::<Summed>::attach(&region)?;
    let mut next = 0u64;
    loop {
        match consumer.acquire(Deadline::after(Duration::from_secs(10)))? {
            Acquired::Slot(frame) => {
                let whole = frame.payload().chunks(8).all(|number| number.word(0) == Some(next));
                if frame.seq() != next || !whole {
                    return Err(format!("consumer: frame {next} is missing or not whole").into());
                }
                next += 1;
                frame.release();
            }
            Acquired::Woken => {}
            Acquired::End => break,
            other => return Err(format!("consumer: no frame {next}: {other:?}").into()),
        }
    }
    println!("consumer: {next} frames, none missing, each whole");
    Ok(())
}
