//! Tricine's channel as a transport: the very code that the player runs, over a doorbell of choice.

use std::fs::File;
use std::os::fd::OwnedFd;

use crate::sys::bells::{self, Bell, Which};
use crate::sys::view;
use tricine_channel::channel::{
    Acquired, Barriers, Consumer, Doorbell, Name, Producer, Region, Side, Spec, Spin, recover,
};
use tricine_channel::meta::Len;
use tricine_channel::sys::process::Reaped;
use tricine_channel::sys::semaphore::Semaphore;
use tricine_channel::time::{Deadline, mono_ns};
use tricine_session::{Error, Result};

use crate::case::{Case, Guard};
use crate::consumer::{EARLY_NS, Intake, LATE_NS};
use crate::producer::Work;
use crate::transport::{Ends, Prepared, Receiver, Sender, Transport, Wiring};

/// A pair of doorbells: the producer's and the consumer's.
pub(crate) type Bells<D> = [D; 2];

/// A kind of doorbell.
pub(crate) trait Bellfoundry {
    /// The doorbell.
    type Bell: Doorbell;

    /// Makes a pair's shared memory and descriptors.
    fn cast(name: &Name) -> Result<Vec<OwnedFd>>;
    /// Takes up both bells.
    fn hang(name: &Name, fds: Vec<OwnedFd>) -> Result<Bells<Self::Bell>>;
}

/// Named semaphores, as the player has them.
pub(crate) struct Semaphores;
/// Futexes.
pub(crate) struct Futexes;
/// An eventfd each.
pub(crate) struct EventFds;
/// Nobody sleeps.
pub(crate) struct Spinners;
/// raw_sync's Event.
pub(crate) struct RawSyncs;
/// Semaphores that nobody rings, for a test: frames are found by looking up now and then.
pub(crate) struct Mutes;

impl Bellfoundry for Semaphores {
    type Bell = Semaphore;

    fn cast(name: &Name) -> Result<Vec<OwnedFd>> {
        Semaphore::create(&format!("{name}.empty"), 0)?;
        Semaphore::create(&format!("{name}.filled"), 0)?;
        Ok(Vec::new())
    }

    fn hang(name: &Name, _: Vec<OwnedFd>) -> Result<Bells<Semaphore>> {
        Ok([Semaphore::open(&format!("{name}.empty"))?, Semaphore::open(&format!("{name}.filled"))?])
    }
}

fn memory(fds: &mut Vec<OwnedFd>) -> Result<File> {
    if fds.is_empty() { Err(Error::Disconnected) } else { Ok(fds.remove(0).into()) }
}

impl Bellfoundry for Futexes {
    type Bell = Bell<bells::Futex>;

    fn cast(_: &Name) -> Result<Vec<OwnedFd>> {
        let memory = bells::memory()?;
        Ok(vec![memory.into()])
    }

    fn hang(_: &Name, mut fds: Vec<OwnedFd>) -> Result<Bells<Self::Bell>> {
        let memory = memory(&mut fds)?;
        Ok([bells::futex_bell(&memory, Which::Empty)?, bells::futex_bell(&memory, Which::Filled)?])
    }
}

impl Bellfoundry for EventFds {
    type Bell = Bell<bells::EventFd>;

    fn cast(_: &Name) -> Result<Vec<OwnedFd>> {
        let memory = bells::memory()?;
        Ok(vec![memory.into(), bells::event_fd()?, bells::event_fd()?])
    }

    fn hang(_: &Name, mut fds: Vec<OwnedFd>) -> Result<Bells<Self::Bell>> {
        let (filled, empty) = (fds.pop().ok_or(Error::Disconnected)?, fds.pop().ok_or(Error::Disconnected)?);
        let memory = memory(&mut fds)?;
        Ok([bells::eventfd_bell(&memory, Which::Empty, empty)?, bells::eventfd_bell(&memory, Which::Filled, filled)?])
    }
}

impl Bellfoundry for Spinners {
    type Bell = Bell<bells::Spinning>;

    fn cast(name: &Name) -> Result<Vec<OwnedFd>> {
        Futexes::cast(name)
    }

    fn hang(_: &Name, mut fds: Vec<OwnedFd>) -> Result<Bells<Self::Bell>> {
        let memory = memory(&mut fds)?;
        Ok([bells::spinning_bell(&memory, Which::Empty)?, bells::spinning_bell(&memory, Which::Filled)?])
    }
}

impl Bellfoundry for RawSyncs {
    type Bell = Bell<bells::RawSync>;

    fn cast(_: &Name) -> Result<Vec<OwnedFd>> {
        let memory = bells::memory()?;
        bells::raw_sync_bell(&memory, Which::Empty, true)?;
        bells::raw_sync_bell(&memory, Which::Filled, true)?;
        Ok(vec![memory.into()])
    }

    fn hang(_: &Name, mut fds: Vec<OwnedFd>) -> Result<Bells<Self::Bell>> {
        let memory = memory(&mut fds)?;
        let bell = |which| bells::raw_sync_bell(&memory, which, false);
        Ok([bell(Which::Empty)?, bell(Which::Filled)?])
    }
}

/// A semaphore that is never rung.
pub(crate) struct Mute(Semaphore);

/// How often somebody who hears nothing looks up.
const LOOK_UP_NS: u64 = 1_000_000;

impl Doorbell for Mute {
    fn post(&self) {}

    fn try_wait(&self) -> bool {
        self.0.try_wait()
    }

    fn wait(&self, deadline: Deadline) -> tricine_channel::Result<bool> {
        self.0.wait(deadline.min(Deadline::at_ns(mono_ns() + LOOK_UP_NS)))
    }
}

impl Bellfoundry for Mutes {
    type Bell = Mute;

    fn cast(name: &Name) -> Result<Vec<OwnedFd>> {
        Semaphores::cast(name)
    }

    fn hang(name: &Name, fds: Vec<OwnedFd>) -> Result<Bells<Mute>> {
        Ok(Semaphores::hang(name, fds)?.map(Mute))
    }
}

/// Says `$body` with `$T` standing for the channel over the guard's doorbell.
macro_rules! with_guard {
    ($case:expr, $T:ident => $body:expr) => {{
        use $crate::case::{Fault, Guard};
        match ($case.guard, $case.fault) {
            (_, Some(Fault::Mute)) => {
                type $T = $crate::shm::Shm<$crate::shm::Mutes>;
                $body
            }
            (Guard::Semaphore, _) => {
                type $T = $crate::shm::Shm<$crate::shm::Semaphores>;
                $body
            }
            (Guard::Futex, _) => {
                type $T = $crate::shm::Shm<$crate::shm::Futexes>;
                $body
            }
            (Guard::Eventfd, _) => {
                type $T = $crate::shm::Shm<$crate::shm::EventFds>;
                $body
            }
            (Guard::Spin, _) => {
                type $T = $crate::shm::Shm<$crate::shm::Spinners>;
                $body
            }
            (Guard::RawSync, _) => {
                type $T = $crate::shm::Shm<$crate::shm::RawSyncs>;
                $body
            }
        }
    }};
}
pub(crate) use with_guard;

/// Tricine's channel.
pub(crate) struct Shm<F>(F);

/// Removes the channel's names.
struct Names(Name);

impl Drop for Names {
    fn drop(&mut self) {
        // What cannot be removed now is swept with the session.
        let _ = self.0.unlink();
    }
}

fn name_of(wiring: &Wiring) -> Name {
    Name::new(tricine_session::NAMESPACE.object(&wiring.name, "video"), wiring.number)
}

fn spin_of(case: &Case) -> Spin {
    match case.spin_us {
        Some(us) => Spin::for_ns(us * 1000),
        None => Spin::default(),
    }
}

impl<F: Bellfoundry> Shm<F> {
    fn open(wiring: &Wiring, fds: Vec<OwnedFd>) -> Result<Region<F::Bell>> {
        let name = name_of(wiring);
        let [empty, filled] = F::hang(&name, fds)?;
        Ok(Region::open_with(&name, empty, filled)?)
    }
}

/// The writing end.
pub(crate) struct ShmSender<D: Doorbell> {
    producer: Producer<Len, D>,
    bytes: usize,
}

/// The reading end.
pub(crate) struct ShmReceiver<D: Doorbell> {
    consumer: Consumer<Len, D>,
    /// How it asks, unless that follows from when a frame is due.
    spin: Option<Spin>,
    /// How long after a frame was due it still asks.
    late_ns: u64,
}

impl<D: Doorbell> Sender for ShmSender<D> {
    #[inline]
    fn send(&mut self, work: &mut Work, deadline: Deadline) -> Result<bool> {
        loop {
            match self.producer.acquire(deadline)? {
                Acquired::Slot(mut slot) => {
                    work.in_place(&mut slot.payload()[..self.bytes]);
                    slot.publish(Len(self.bytes as u64))?;
                    return Ok(true);
                }
                _ if deadline.passed() => return Ok(false),
                _ => {}
            }
        }
    }

    fn overwrote(&self) -> u64 {
        self.producer.overwrote()
    }

    fn resumes_at(&self) -> Option<u64> {
        Some(self.producer.next_seq())
    }

    fn doorbell(&self) -> [u64; 2] {
        let stats = self.producer.stats();
        [stats.spurious, stats.late]
    }
}

impl<D: Doorbell> Receiver for ShmReceiver<D> {
    #[inline]
    fn receive(&mut self, intake: &mut Intake<'_>, deadline: Deadline) -> Result<bool> {
        loop {
            match self.consumer.acquire(deadline)? {
                Acquired::Slot(slot) => {
                    intake.arrived(view::bytes(&slot));
                    slot.release();
                    return Ok(true);
                }
                _ if deadline.passed() => return Ok(false),
                _ => {}
            }
        }
    }

    fn doorbell(&self) -> [u64; 2] {
        let stats = self.consumer.stats();
        [stats.spurious, stats.late]
    }

    fn doze(&mut self, due_ns: u64) -> Result<()> {
        // At the doorbell: should the timer be late, the frame itself wakes us.
        self.consumer.set_spin(Spin::for_ns(0));
        self.consumer.wait(Deadline::at_ns(due_ns.saturating_sub(EARLY_NS)))?;
        let ask_ns = (due_ns + self.late_ns).saturating_sub(mono_ns());
        self.consumer.set_spin(self.spin.clone().unwrap_or_else(|| Spin::for_ns(ask_ns)));
        Ok(())
    }
}

impl<F: Bellfoundry> Transport for Shm<F> {
    type Sender = ShmSender<F::Bell>;
    type Receiver = ShmReceiver<F::Bell>;

    fn prepare(case: &Case, session: &str, run: u64) -> Result<Prepared> {
        let wiring = Wiring { name: session.to_owned(), number: run };
        let name = name_of(&wiring);
        let barriers = if case.sleeps() { Barriers::Both } else { Barriers::Sleeper };
        let spec = Spec { mode: case.mode, barriers, ..Spec::fifo::<Len>(case.bytes as u64) };
        let names = Names(name.clone());
        let producer = F::cast(&name)?;
        // Without doorbells, since some of these can be taken up only once by each process.
        Region::unnamed(&name, &spec, (), ())?.link()?;
        let copies: std::io::Result<Vec<OwnedFd>> = producer.iter().map(OwnedFd::try_clone).collect();
        let consumer = copies.map_err(|e| Error::sys("dup", "doorbell", e))?;
        Ok(Prepared { wiring, producer, consumer, _keep: Some(Box::new(names)) })
    }

    fn sender(case: &Case, ends: Ends) -> Result<ShmSender<F::Bell>> {
        let mut producer = Producer::attach(&Self::open(&ends.wiring, ends.fds)?)?;
        producer.set_spin(spin_of(case));
        Ok(ShmSender { producer, bytes: case.bytes })
    }

    fn receiver(case: &Case, ends: Ends) -> Result<ShmReceiver<F::Bell>> {
        let mut consumer = Consumer::attach(&Self::open(&ends.wiring, ends.fds)?)?;
        let spin = spin_of(case);
        consumer.set_spin(spin.clone());
        let spin = (!case.expect || case.spin_us.is_some()).then_some(spin);
        let apart = case.pin.is_some_and(|[producer, consumer]| producer != consumer);
        Ok(ShmReceiver { consumer, spin, late_ns: if apart { EARLY_NS } else { LATE_NS } })
    }
}

/// Somebody who attaches to the words alone, to recover for the dead.
pub(crate) struct Onlooker(Box<Recovery>);

type Recovery = dyn Fn(Side, &Reaped) -> Result<()>;

impl Onlooker {
    /// Attaches to a prepared channel.
    pub(crate) fn new(case: &Case, prepared: &Prepared) -> Result<Self> {
        fn of<F: Bellfoundry + 'static>(prepared: &Prepared) -> Result<Onlooker> {
            let copies: std::io::Result<Vec<OwnedFd>> = prepared.producer.iter().map(OwnedFd::try_clone).collect();
            let region = Shm::<F>::open(&prepared.wiring, copies.map_err(|e| Error::sys("dup", "doorbell", e))?)?;
            Ok(Onlooker(Box::new(move |dead, reaped| Ok(recover(&region, dead, reaped)?))))
        }
        match case.guard {
            Guard::Semaphore => of::<Semaphores>(prepared),
            Guard::Futex => of::<Futexes>(prepared),
            Guard::Eventfd => of::<EventFds>(prepared),
            Guard::Spin => of::<Spinners>(prepared),
            Guard::RawSync => of::<RawSyncs>(prepared),
        }
    }

    /// Makes room for the dead side's successor, and posts.
    pub(crate) fn recover(&self, dead: Side, reaped: &Reaped) -> Result<()> {
        (self.0)(dead, reaped)
    }
}
