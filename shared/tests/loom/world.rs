//! What every model is made of: two kinds of doorbell, processes that die and are recovered, and what they saw.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as StdMutex};

use loom::sync::{Condvar, Mutex};
use loom::thread;
use tricine_session::Result;
use tricine_channel::channel::probe::{self, Step};
use tricine_channel::channel::{
    Acquired, Barriers, Channel, ChannelName, Consumer, Doorbell, Kind, Mode, Producer, Region, Side, Spec, recover,
};
use tricine_session::frame::FrameMeta;
use tricine_channel::sync::Ordering::Relaxed;
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

/// One channel and what its consumers did.
pub(crate) struct World<B> {
    region: Region,
    empty: Arc<B>,
    filled: Arc<B>,
    /// Effects of frames, in order: each frame not recorded as done has one.
    pub(crate) effects: StdMutex<Vec<u64>>,
}

impl<B: Bell> World<B> {
    pub(crate) fn new(mode: Mode) -> Arc<Self> {
        let name = ChannelName { session: "model".into(), kind: Kind::Video, generation: 0 };
        let spec = Spec { mode, capacity: 8, base: 0, resume_pts_ns: 0, resume_serial: 1, barriers: Barriers::Both };
        let region = Region::unnamed(&name, &spec).unwrap();
        let (empty, filled) = (Arc::new(B::new()), Arc::new(B::new()));
        let world = Self { region, empty, filled, effects: StdMutex::new(Vec::new()) };
        if !B::SLEEPS {
            // As where `membarrier` takes the place of fences, which would order more than it does: nobody executes any.
            world.attach(None).words().barriers.store(1, Relaxed);
        }
        Arc::new(world)
    }

    pub(crate) fn attach(&self, side: Option<Side>) -> Channel<Arc<B>> {
        self.region.attach(side, self.empty.clone(), self.filled.clone()).unwrap()
    }

    /// One side's process, all its incarnations: it runs, dies where the plan says, is recovered by the supervisor, and
    /// starts again. `before` is what the supervisor does before recovery.
    pub(crate) fn process(
        &self,
        side: Side,
        before: impl Fn(&Channel<Arc<B>>),
        run: impl Fn(Channel<Arc<B>>) -> Result<()>,
    ) {
        loop {
            let channel = self.attach(Some(side));
            match probe::catch_death(|| run(channel)) {
                Some(ended) => return ended.unwrap(),
                None => {
                    let onlooker = self.attach(None);
                    before(&onlooker);
                    recover(&onlooker, side);
                }
            }
        }
    }

    pub(crate) fn effect(&self, seq: u64) {
        self.effects.lock().unwrap().push(seq);
    }

    pub(crate) fn assert_each_once(&self, total: u64) {
        let effects = self.effects.lock().unwrap();
        assert_eq!(*effects, (0..total).collect::<Vec<_>>(), "each frame has its effect once, in order");
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

/// Publishes until `total` frames have been.
pub(crate) fn produce<B: Doorbell>(channel: Channel<B>, total: u64) -> Result<()> {
    let mut producer = Producer::new(channel)?;
    while producer.next_seq() < total {
        publish(&mut producer)?;
    }
    Ok(())
}

/// Publishes the next frame, if its slot can be had.
pub(crate) fn publish<B: Doorbell>(producer: &mut Producer<B>) -> Result<()> {
    let Acquired::Slot(mut slot) = producer.acquire(NEVER)? else {
        saw("the producer woke for nothing");
        return Ok(());
    };
    let seq = slot.seq();
    slot.payload().fill(mark(seq));
    slot.publish(&FrameMeta::i420(2, 2))?;
    Ok(())
}

/// Takes the next frame, if there is one, checks every byte of it, and has its effect unless it is done already.
pub(crate) fn take<B: Doorbell>(consumer: &mut Consumer<B>, effect: impl FnOnce(u64)) -> Result<Taken> {
    Ok(match consumer.acquire(NEVER)? {
        Acquired::Slot(slot) => {
            let (seq, fresh) = (slot.meta().seq, !slot.already_done());
            assert!(slot.payload().iter().all(|&b| b == mark(seq)), "frame {seq} is torn");
            assert!(slot.intact(), "frame {seq} has another's checksum");
            // The effect commits with the record that it is done. Between the two it would be repeated, as it must be.
            if fresh {
                effect(seq);
            }
            slot.release();
            saw(if fresh { "a frame was taken" } else { "a frame that was done came again" });
            Taken::Frame(seq)
        }
        Acquired::Woken => {
            saw("the consumer woke for nothing");
            Taken::Nothing
        }
        Acquired::TimedOut => Taken::Nothing,
        Acquired::End => Taken::End,
        Acquired::Successor(generation) => Taken::Successor(generation),
    })
}

fn mark(seq: u64) -> u8 {
    0x40 + seq as u8
}

thread_local! {
    // loom runs all threads of a model on one thread of ours, so this is one for each test.
    static PLAN: RefCell<Vec<(Step, u32)>> = const { RefCell::new(Vec::new()) };
    static SEEN: RefCell<BTreeMap<&'static str, u64>> = const { RefCell::new(BTreeMap::new()) };
}

/// Notes that something happened which a model must be able to reach.
pub(crate) fn saw(what: &'static str) {
    SEEN.with_borrow_mut(|seen| *seen.entry(what).or_default() += 1);
}

fn on_step(step: Step) {
    let dies = PLAN.with_borrow_mut(|plan| {
        let Some(i) = plan.iter().position(|(s, _)| *s == step) else { return false };
        if plan[i].1 > 0 {
            plan[i].1 -= 1;
            return false;
        }
        plan.remove(i);
        true
    });
    if dies {
        saw("a process died");
        probe::die();
    }
}

/// Explores a model with a death wherever `deaths` says: at the n-th time that a step is reached, counted from 0, for
/// each of them once. How often each thing was seen.
pub(crate) fn explore(preemptions: usize, deaths: &[(Step, u32)], model: impl Fn() + Send + Sync + 'static) -> Seen {
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
    pub(crate) fn add(&mut self, step: impl std::fmt::Debug, nth: impl std::fmt::Display, other: &Self) {
        println!("  {step:?} {nth}: {} executions", other.0["executions"]);
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
