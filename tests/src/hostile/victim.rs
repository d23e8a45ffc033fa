//! The life of a victim's process.

use tricine_channel::Error as ChannelError;
use tricine_channel::sys::sigbus;
use tricine_session::channel::{ChannelName, Consumer, Kind, Producer, Side};
use tricine_session::error::EXIT_CORRUPT;
use tricine_session::{Error, Result};

use super::{VICTIM, begin, publish, take};

/// The victim itself, if this process is one: works on its channel, answers questions, and never returns. To be called
/// first in every program that attacks.
pub fn be_victim_if_told() {
    let Ok(what) = std::env::var(VICTIM) else { return };
    let mut words = what.split(' ');
    let side = if words.next() == Some("Producer") { Side::Producer } else { Side::Consumer };
    let session = words.next().unwrap_or_default().to_owned();
    let generation = words.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let name = ChannelName { session, kind: Kind::Video, generation };
    sigbus::exit_on_loss(EXIT_CORRUPT).expect("a handler");
    // The questions come on a thread, so that the channel is never left alone.
    let (to, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        use std::io::Read;
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(1)) && to.send(()).is_ok() {}
    });
    let (mut frames, mut errors) = (0u64, 0u64);
    loop {
        // Like a role: attach, work until there is an error, end; here the next incarnation is a turn of this loop.
        let ended = live(&name, side, &mut frames, &mut |frames| match asked.try_recv() {
            Ok(()) => crate::say!("{frames} {errors}"),
            Err(std::sync::mpsc::TryRecvError::Empty) => {}
            Err(std::sync::mpsc::TryRecvError::Disconnected) => std::process::exit(0),
        });
        match ended {
            Ok(()) => {}
            Err(Error::Channel(
                ChannelError::Corrupt { .. } | ChannelError::Layout { .. } | ChannelError::Kind { .. },
            )) => errors += 1,
            // A semaphore's page is gone, or the names are: the next region is on its way.
            Err(Error::Channel(ChannelError::Sys { .. } | ChannelError::Claimed { .. })) => errors += 1,
            Err(other) => panic!("not an error that a peer may cause: {other}"),
        }
    }
}

fn live(name: &ChannelName, side: Side, frames: &mut u64, tick: &mut dyn FnMut(u64)) -> Result<()> {
    tick(*frames);
    // What the supervisor does between two incarnations.
    let region = begin(name, side)?;
    match side {
        Side::Producer => {
            let mut producer = Producer::attach(&region)?;
            let _ = producer.last_published();
            for _ in 0..64 {
                *frames += u64::from(publish(&mut producer)?);
                tick(*frames);
            }
        }
        Side::Consumer => {
            let mut consumer = Consumer::attach(&region)?;
            for _ in 0..64 {
                *frames += u64::from(take(&mut consumer)?);
                tick(*frames);
            }
        }
    }
    Ok(())
}
