//! What is left to do when one of a channel's sides has died: give its claim back, and post for both. No word of a frame
//! changes, since a half-written frame is not published and a half-read one is not released.

use super::bug::{Bug, order, seeded};
use super::doorbell::Doorbell;
use super::ownership::Side;
use super::probe::{Step, hit};
use super::region::{Mode, Region};
use crate::error::{Error, Result};
use crate::sync::Ordering::{Relaxed, Release};
use crate::sys::process::Reaped;

/// Makes room for a successor of the dead process on side `dead`, and posts for both sides.
///
/// `reaped` says that the process writes nothing any more (invariant I3). The survivor may be running. May be repeated.
///
/// The dead side may have changed a word and not posted, or taken a token that somebody posted for it, say for the end of the
/// stream; nobody can tell. So each doorbell is posted once: a token too many is harmless.
///
/// Errors: [`Error::Claimed`] if another process has that side, which lives as far as is known.
///
/// ```
/// # use tricine_channel::channel::{Name, Producer, Region, Side, Spec, recover};
/// # use tricine_channel::{meta::Len, sys::process::Reaped};
/// # fn main() -> tricine_channel::Result<()> {
/// # let name = Name::new(format!("doc.{}.recover", std::process::id()), 0);
/// # let region = Region::create(&name, &Spec::fifo::<Len>(4096))?;
/// // A program that attaches as the producer, and dies.
/// let child = std::process::Command::new("true").spawn().expect("it starts");
/// let reaped = Reaped::wait(child)?;
/// recover(&region, Side::Producer, &reaped)?;
/// // Its successor can attach, in this process or another, and goes on where it left off.
/// let producer = Producer::<Len>::attach(&region)?;
/// # name.unlink()
/// # }
/// ```
pub fn recover<D: Doorbell>(region: &Region<D>, dead: Side, reaped: &Reaped) -> Result<()> {
    of_the_dead(region, dead, reaped)?;
    // Release: pairs with the Acquire of the successor's claim. Nobody else writes this word now: the dead process is reaped,
    // and another one cannot claim it while it is not 0.
    region.claim(dead).store(0, order(Bug::RelaxedRecover, Release));
    if !seeded(Bug::NoPostAfterDeath) {
        region.bell(dead).post();
        hit(Step::OwnRung);
        region.bell(dead.other()).post();
    }
    hit(Step::RecoveryRung);
    Ok(())
}

/// The frame that a dead consumer had begun to read and not released, counted within the region; `None` in a mailbox, or if
/// there is none.
pub fn held_by_consumer<D>(region: &Region<D>) -> Option<u64> {
    // Relaxed: the dead side's words are final.
    let words = &region.words().consumer;
    let (taken, released) = (words.taken.0.load(Relaxed), words.released.0.load(Relaxed));
    (region.mode() == Mode::Fifo && taken > released).then(|| taken - 1)
}

/// Takes frame `n` away from a dead consumer for good, instead of delivering it again: it has killed two. To be called before
/// [`recover`], under the same conditions; does nothing if the consumer did not hold it.
pub fn discard<D>(region: &Region<D>, n: u64, reaped: &Reaped) -> Result<()> {
    of_the_dead(region, Side::Consumer, reaped)?;
    if held_by_consumer(region) == Some(n) || seeded(Bug::DiscardsAnyFrame) {
        // In the dead consumer's place. Release: the slot goes to the producer, which may be running, after everything that the
        // dead consumer read from it; recover() posts.
        let released = if seeded(Bug::DiscardsTooMuch) { n + 2 } else { n + 1 };
        region.words().consumer.released.0.store(released, order(Bug::RelaxedDiscard, Release));
    }
    Ok(())
}

fn of_the_dead<D>(region: &Region<D>, side: Side, reaped: &Reaped) -> Result<()> {
    // Relaxed: either it is the dead one's, and final, or somebody else's, and we leave it alone.
    match region.claim(side).load(Relaxed) {
        0 => Ok(()),
        // Its id may be another's by now, which could have attached as well.
        pid if pid == u64::from(reaped.pid()) && reaped.is_gone() => Ok(()),
        pid => Err(Error::Claimed { object: region.name().to_string(), side, pid }),
    }
}
