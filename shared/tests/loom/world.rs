//! What every model is made of: two kinds of doorbell, processes that die and are recovered, and what they saw.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as StdMutex};

use loom::sync::{Condvar, Mutex};
use loom::thread;
use tricine_channel::Result;
use tricine_channel::channel::probe::{self, Step};
use tricine_channel::channel::{
    Acquired, Barriers, Consumer, Doorbell, Mode, Name, Producer, Region, Side, Spec, held_by_consumer, recover,
};
use tricine_channel::meta::Summed;
use tricine_channel::sys::process::{Exit, Reaped};
use tricine_channel::time::Deadline;

/// A deadline that no model reaches: a wait that nothing ends is a deadlock, which loom reports.
pub(crate) const NEVER: Deadline = Deadline::at_ns(u64::MAX);

/// A counting semaphore. It hides weak orderings, since taking a token synchronises with whoever rang.
#[derive(Debug)]
pub(crate) struct Counting {
    tokens: Mutex<u32>,
    rung: Condvar,
}

impl Doorbell for Counting {
    fn post(&self) {
        *self.tokens.lock().unwrap() += 1;
        self.rung.notify_one();
    }

    fn try_wait(&self) -> bool {
        let mut tokens = self.tokens.lock().unwrap();
        let some = *tokens > 0;
        *tokens -= u32::from(some);
        some
    }

    fn wait(&self, _: Deadline) -> Result<bool> {
        let mut tokens = self.tokens.lock().unwrap();
        while *tokens == 0 {
            saw("slept at a doorbell");
            tokens = self.rung.wait(tokens).unwrap();
        }
        *tokens -= 1;
        Ok(true)
    }
}

/// Tokens abound: every wait ends at once and synchronises with nobody, so that the words' own orderings have to do.
#[derive(Debug)]
pub(crate) struct Flood;

impl Doorbell for Flood {
    fn post(&self) {}

    fn try_wait(&self) -> bool {
        // Lets the other side go on: it may be the one who has to.
        thread::yield_now();
        true
    }

    fn wait(&self, _: Deadline) -> Result<bool> {
        Ok(self.try_wait())
    }
}

/// Nobody rings, and who waits until [`Deadline::NOW`] looks and goes on. Not a yield, unlike [`Flood`]: after one, loom shows a
/// thread no value again that it has seen already, where there is a newer one.
#[derive(Debug)]
pub(crate) struct Silent;

impl Doorbell for Silent {
    fn post(&self) {}

    fn try_wait(&self) -> bool {
        false
    }

    fn wait(&self, _: Deadline) -> Result<bool> {
        unreachable!("nobody waits here");
    }
}

/// A kind of doorbell that a model can run on.
pub(crate) trait Bell: Doorbell + Sized + std::fmt::Debug + 'static {
    /// Whether anybody ever sleeps at it.
    const SLEEPS: bool;

    fn new() -> Self;
}

impl Bell for Counting {
    const SLEEPS: bool = true;

    fn new() -> Self {
        Self { tokens: Mutex::new(0), rung: Condvar::new() }
    }
}

impl Bell for Flood {
    const SLEEPS: bool = false;

    fn new() -> Self {
        Self
    }
}

impl Bell for Silent {
    const SLEEPS: bool = false;

    fn new() -> Self {
        Self
    }
}

/// A region as models have it: both sides share its bells.
pub(crate) type Shared<B> = Region<Arc<B>>;

/// What a consumer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Did {
    /// A frame had its effect.
    Effect(u64),
    /// It died between a frame's effect and its release: the one moment for which the effect has to be repeated.
    DiedUnreleased,
    /// The supervisor took a frame away from it.
    Discarded(u64),
}

/// One channel and what its consumers did.
pub(crate) struct World<B> {
    pub(crate) region: Shared<B>,
    /// In order.
    pub(crate) did: StdMutex<Vec<Did>>,
}

/// A region without a name.
pub(crate) fn region<B: Bell>(mode: Mode) -> Shared<B> {
    // Where tokens abound nobody sleeps, so there is nothing for a barrier to do: nobody executes any, as where `membarrier`
    // takes the place of fences, which would order more than it does.
    let barriers = if B::SLEEPS { Barriers::Both } else { Barriers::Sleeper };
    let spec = Spec { mode, barriers, ..Spec::fifo::<Summed>(8) };
    Region::unnamed(&Name::new("model", 0), &spec, Arc::new(B::new()), Arc::new(B::new())).unwrap()
}

/// What the supervisor has in its hands when a process of ours has died.
pub(crate) fn reaped() -> Reaped {
    // SAFETY: who died is a thread of the model that does nothing in that process's name any more; from here on it plays the
    // supervisor and then the successor. The pid is the one that stands in the claim, and nobody is signalled by it.
    #[allow(unsafe_code)]
    unsafe {
        Reaped::assume(std::process::id(), Exit::Signal(9))
    }
}

impl<B: Bell> World<B> {
    pub(crate) fn new(mode: Mode) -> Arc<Self> {
        Arc::new(Self { region: region(mode), did: StdMutex::default() })
    }

    /// One side's process, all its incarnations: it attaches, runs, dies where the plan says, is recovered by the supervisor, and
    /// starts again. `before` is what the supervisor does before recovery.
    pub(crate) fn process(
        &self,
        side: Side,
        before: impl Fn(&Shared<B>, &Reaped),
        run: impl Fn(&Shared<B>) -> Result<()>,
    ) {
        loop {
            match probe::catch_death(|| run(&self.region)) {
                Some(ended) => return ended.unwrap(),
                None => {
                    if DIED.take() == Some(At::Effect) {
                        self.did(Did::DiedUnreleased);
                    }
                    if side == Side::Consumer
                        && let Some(held) = held_by_consumer(&self.region)
                    {
                        let seq = self.region.look().seq[held as usize % 3];
                        assert_eq!(seq, held + 1, "the dead held a frame that was there");
                    }
                    let reaped = reaped();
                    before(&self.region, &reaped);
                    recover(&self.region, side, &reaped).unwrap();
                }
            }
        }
    }

    pub(crate) fn did(&self, did: Did) {
        self.did.lock().unwrap().push(did);
    }

    /// FIFO: each frame had its effect, in order, and once more only for a consumer that died between the effect and the
    /// release. That window no protocol closes; every other repetition or gap is a fault.
    pub(crate) fn assert_each_once(&self, total: u64) {
        let did = self.did.lock().unwrap();
        let mut next = 0;
        for &what in &*did {
            match what {
                Did::Effect(seq) => {
                    assert_eq!(seq, next, "each frame has its effect once, in order: {did:?}");
                    next += 1;
                }
                Did::DiedUnreleased => next -= 1,
                Did::Discarded(seq) => {
                    assert_eq!(seq, next, "it is the frame in hand that is discarded: {did:?}");
                    next += 1;
                }
            }
        }
        assert_eq!(next, total, "every frame has its effect: {did:?}");
    }
}

/// What came of taking a frame.
pub(crate) enum Taken {
    /// The frame of this number.
    Frame(u64),
    /// None this time.
    Nothing,
    /// None any more.
    End,
    /// None any more here.
    Successor(u64),
}

/// Attaches, and publishes until `total` frames have been.
pub(crate) fn produce<D: Doorbell>(region: &Region<D>, total: u64) -> Result<()> {
    let mut producer = Producer::attach(region)?;
    while producer.next_seq() < total {
        publish(&mut producer)?;
    }
    Ok(())
}

/// Publishes the next frame, if its slot can be had.
pub(crate) fn publish<D: Doorbell>(producer: &mut Producer<Summed, D>) -> Result<()> {
    let Acquired::Slot(mut slot) = producer.acquire(NEVER)? else {
        saw("the producer woke for nothing");
        return Ok(());
    };
    let seq = slot.seq();
    slot.payload().fill(mark(seq));
    slot.publish(Summed::new(8))?;
    Ok(())
}

/// Takes the next frame, however long it takes to come.
pub(crate) fn take<D: Doorbell>(consumer: &mut Consumer<Summed, D>, did: impl FnOnce(Did)) -> Result<Taken> {
    take_until(consumer, NEVER, did)
}

/// Takes the next frame, if there is one, checks every byte of it, and has its effect unless it is done already.
pub(crate) fn take_until<D: Doorbell>(
    consumer: &mut Consumer<Summed, D>,
    deadline: Deadline,
    did: impl FnOnce(Did),
) -> Result<Taken> {
    Ok(match consumer.acquire(deadline)? {
        Acquired::Slot(slot) => {
            let (seq, fresh) = (slot.seq(), !slot.already_done());
            assert_eq!(slot.meta().seq, seq, "frame {seq} has another's meta");
            assert!(slot.payload().to_vec().iter().all(|&b| b == mark(seq)), "frame {seq} is torn");
            assert!(slot.intact(), "frame {seq} has another's checksum");
            if fresh {
                did(Did::Effect(seq));
                passes(At::Effect);
            }
            slot.release();
            saw(if fresh { "a frame was taken" } else { "a frame that was done came again" });
            Taken::Frame(seq)
        }
        Acquired::Woken => {
            saw("the consumer woke for nothing");
            Taken::Nothing
        }
        Acquired::TimedOut => {
            saw("the consumer looked in vain");
            Taken::Nothing
        }
        Acquired::End => Taken::End,
        Acquired::Successor(generation) => Taken::Successor(generation),
    })
}

fn mark(seq: u64) -> u8 {
    0x40 + seq as u8
}

/// Where a process can die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Just after a step of the channel's.
    Step(Step),
    /// A consumer, between a frame's effect and its release.
    Effect,
}

thread_local! {
    // loom runs all threads of a model on one thread of ours, so this is one for each test.
    static PLAN: RefCell<Vec<(At, u32)>> = const { RefCell::new(Vec::new()) };
    static SEEN: RefCell<BTreeMap<&'static str, u64>> = const { RefCell::new(BTreeMap::new()) };
    // Where the process died that process() is just going to recover: between the two no other thread runs.
    static DIED: Cell<Option<At>> = const { Cell::new(None) };
}

/// Notes that something happened which a model must be able to reach.
pub(crate) fn saw(what: &'static str) {
    SEEN.with_borrow_mut(|seen| *seen.entry(what).or_default() += 1);
}

fn on_step(step: Step) {
    passes(At::Step(step));
}

/// Dies here, if the plan says so.
fn passes(at: At) {
    let dies = PLAN.with_borrow_mut(|plan| {
        let Some(i) = plan.iter().position(|(a, _)| *a == at) else { return false };
        if plan[i].1 > 0 {
            plan[i].1 -= 1;
            return false;
        }
        plan.remove(i);
        true
    });
    if dies {
        saw("a process died");
        DIED.set(Some(at));
        probe::die();
    }
}

/// Explores a model with a death wherever `deaths` says: at the n-th time that a place is reached, counted from 0, for
/// each of them once. How often each thing was seen.
pub(crate) fn explore(preemptions: usize, deaths: &[(At, u32)], model: impl Fn() + Send + Sync + 'static) -> Seen {
    probe::install(on_step);
    SEEN.take();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    let plan = deaths.to_vec();
    builder.check(move || {
        saw("executions");
        PLAN.with_borrow_mut(|p| p.clone_from(&plan));
        model();
    });
    Seen(SEEN.take())
}

/// How often each thing was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen(BTreeMap<&'static str, u64>);

impl Seen {
    /// Adds what another model has seen.
    pub(crate) fn add(&mut self, place: impl std::fmt::Debug, nth: impl std::fmt::Display, other: &Self) {
        println!("  {place:?} {nth}: {} executions", other.0["executions"]);
        for (what, n) in &other.0 {
            *self.0.entry(what).or_default() += n;
        }
    }

    /// For docs/proofs.md.
    pub(crate) fn print(&self, model: &str) {
        println!("{model}: {:?}", self.0);
    }
}

/// Sets a scene before the threads start, in which nobody dies.
pub(crate) fn undisturbed<T>(scene: impl FnOnce() -> T) -> T {
    let plan = PLAN.take();
    let made = scene();
    PLAN.set(plan);
    made
}

/// Asserts that a model has reached what makes it worth something.
pub(crate) fn assert_seen(seen: &Seen, wanted: &[&'static str]) {
    for what in wanted {
        assert!(seen.0.contains_key(what), "never seen: {what}; only {seen:?}");
    }
}
