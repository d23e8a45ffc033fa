//! What is left to do when one of a channel's sides has died: give its claim back, and post for both. No word of a frame
//! changes, since a half-written frame is not published and a half-read one is not released.

use super::bug::{Bug, order, seeded};
use super::doorbell::Doorbell;
use super::ownership::Side;
use super::probe::{Step, hit};
use super::region::{Mode, Region};
use crate::error::{Error, Result};
use crate::sync::Ordering::{Relaxed, Release};
use crate::sync::load_to_change;
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
    if has(region, dead, reaped)? {
        // Release: pairs with the Acquire of the successor's claim. Only the dead process's claim is taken back: since has() looked,
        // somebody else may have recovered this side, and a successor may have claimed it.
        let release = order(Bug::RelaxedRecover, Release);
        match region.claim(dead).compare_exchange(u64::from(reaped.pid()), 0, release, Relaxed) {
            Ok(_) | Err(0) => {}
            Err(pid) => return Err(claimed(region, dead, pid)),
        }
    }
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
/// [`recover`], under the same conditions; does nothing if the consumer did not hold it, or has given its side back.
pub fn discard<D>(region: &Region<D>, n: u64, reaped: &Reaped) -> Result<()> {
    // While the claim is the dead one's, no successor writes this word.
    if has(region, Side::Consumer, reaped)? && (held_by_consumer(region) == Some(n) || seeded(Bug::DiscardsAnyFrame)) {
        // In the dead consumer's place. Release: the slot goes to the producer, which may be running, after everything that the
        // dead consumer read from it; recover() posts.
        let released = if seeded(Bug::DiscardsTooMuch) { n + 2 } else { n + 1 };
        region.words().consumer.released.0.store(released, order(Bug::RelaxedDiscard, Release));
    }
    Ok(())
}

/// Whether the dead process has that side; it has not where it never attached, ended in order, or was recovered already.
fn has<D>(region: &Region<D>, side: Side, reaped: &Reaped) -> Result<bool> {
    // Relaxed: either it is the dead one's, and final, or somebody else's, and we leave it alone.
    match load_to_change(region.claim(side), Relaxed) {
        0 => Ok(false),
        // Its id may be another's by now, which could have attached as well.
        pid if pid == u64::from(reaped.pid()) && reaped.is_gone() => Ok(true),
        pid => Err(claimed(region, side, pid)),
    }
}

fn claimed<D>(region: &Region<D>, side: Side, pid: u64) -> Error {
    Error::Claimed { object: region.name().to_string(), side, pid }
}
