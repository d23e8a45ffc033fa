//! Publishes a stream of numbers: the payload of frame n is n, again and again. `boss.rs` starts it:
//! `producer STREAM FRAMES [ABORT_IN]`. In the middle of frame ABORT_IN it aborts.

use std::error::Error;
use std::time::Duration;

use tricine_channel::channel::{Acquired, Name, Producer, Region};
use tricine_channel::meta::Summed;
use tricine_channel::time::Deadline;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (stream, frames) = (args[0].as_str(), args[1].parse::<u64>()?);
    let abort_in = args.get(2).map(|n| n.parse::<u64>()).transpose()?;
    let region = Region::open(&Name::new(stream, 0))?;
    let mut producer = Producer::attach(&region)?;
    // After a predecessor's death this is not 0: the words in the region say where to go on.
    println!("producer: begins with frame {}", producer.next_seq());
    while producer.next_seq() < frames {
        match producer.acquire(Deadline::after(Duration::from_secs(10)))? {
            Acquired::Slot(mut slot) => {
                let n = slot.seq();
                for (i, number) in slot.payload().chunks_exact_mut(8).enumerate() {
                    if abort_in == Some(n) && i == 256 {
                        std::process::abort();
                    }
                    number.copy_from_slice(&n.to_le_bytes());
                }
                slot.publish(Summed::new(4096))?;
            }
            // Somebody posted, but no slot is free. A producer with other work would look here what is wanted of it.
            Acquired::Woken => {}
            other => return Err(format!("producer: the consumer takes nothing: {other:?}").into()),
        }
    }
    producer.finish();
    Ok(())
}
