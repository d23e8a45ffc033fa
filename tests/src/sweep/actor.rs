//! What the processes of a sweep do: the ordinary start path and the ordinary operations of the channel, nothing else.

use std::time::Duration;

use tricine_channel::channel::ownership::MailWord;
use tricine_channel::sync::Ordering::SeqCst;
use tricine_channel::time::Deadline;
use tricine_session::channel::{Acquired, Channel, ChannelName, Consumer, Mode, Producer, Region, Side};
use tricine_session::{Error, Result};
use tricine_stress::sys::trace::pause;

use super::case::{Operation, Past, Survivor};
use super::ledger::{Film, Ledger};

/// What every process of a run is given when it is forked.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// The channel to attach to.
    pub channel: &'a ChannelName,
    /// Where it writes down what it sees.
    pub ledger: &'a Ledger,
    /// What the frames hold.
    pub film: &'a Film,
    /// Frames in all.
    pub total: u64,
    /// How long a wait may take; longer means that a bell was missed.
    pub patience: Duration,
}

/// From where on a victim is swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// From its first look at the words.
    Fresh,
    /// From its first operation.
    First,
    /// A mailbox's consumer that has been at work: from an operation after it has looked at its front once.
    Settled,
}

impl Start {
    fn pause_if_fresh(self) {
        if self == Self::Fresh {
            pause();
        }
    }

    fn pause_unless_fresh(self) {
        if self != Self::Fresh {
            pause();
        }
    }
}

impl Actor<'_> {
    fn open(&self) -> Result<Region> {
        Ok(Region::open(&self.channel.region())?)
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.patience)
    }

    fn timed_out(&self, side: &str) -> Error {
        self.ledger.late(1);
        Error::sys("sem_clockwait", format!("the {side}'s doorbell"), std::io::ErrorKind::TimedOut)
    }

    /// Enters missed bells that a side has counted, once each: a victim may not live to tell them in the end.
    fn tell_late(&self, counted: u64, told: &mut u64) {
        self.ledger.late(counted - std::mem::replace(told, counted));
    }

    /// Runs `body` as a process: its exit code. An error is written into the ledger.
    pub fn process(&self, who: &str, body: impl FnOnce(&Self) -> Result<()>) -> i32 {
        match body(self) {
            Ok(()) => 0,
            Err(e) => {
                self.ledger.complain(&format!("{who}: {e}"));
                1
            }
        }
    }

    /// What happened before the victim came, by this process and the channel's own code.
    pub fn live_through(&self, past: &[Past]) -> Result<()> {
        let mut producer = Producer::attach(&self.open()?)?;
        let mut consumer = Consumer::attach(&self.open()?)?;
        for event in past {
            match event {
                Past::Published => self.publish(&mut producer, false)?,
                Past::Released => drop(self.release(&mut consumer, false)?),
                // In a mailbox nothing is written when the slot is dropped: to the words this is a death.
                Past::Held => {
                    let _ = consumer.acquire(Deadline::NOW)?;
                }
            }
        }
        Ok(())
    }

    /// The side `side` from here to the end of the film, with one slot given back unused on the way. What it is as a
    /// survivor says where it stands still once; one that is to sleep also does after each of its first two frames, and one that
    /// serves after its first.
    pub fn to_the_end(&self, side: Side, stance: Survivor) -> Result<()> {
        let region = self.open()?;
        let mut holding = stance == Survivor::Holding;
        let parked = !holding && stance != Survivor::Running;
        let served = match stance {
            Survivor::Asleep => 2,
            Survivor::Serving => 1,
            _ => 0,
        };
        match side {
            Side::Producer => {
                let mut producer = self.producer(&region)?;
                if parked {
                    pause();
                }
                for _ in 0..served {
                    self.publish(&mut producer, false)?;
                    pause();
                }
                if !holding && producer.next_seq() < self.total {
                    self.abandon(&mut producer)?;
                }
                while producer.next_seq() < self.total {
                    self.publish(&mut producer, std::mem::take(&mut holding))?;
                    self.until_taken(producer.channel())?;
                }
                producer.finish();
                self.ledger.late(producer.stats().late);
            }
            Side::Consumer => {
                let mut consumer = Consumer::attach(&region)?;
                if parked {
                    pause();
                }
                for _ in 0..served {
                    self.release(&mut consumer, false)?;
                    pause();
                }
                if !holding {
                    self.give_back(&mut consumer)?;
                }
                while self.release(&mut consumer, std::mem::take(&mut holding))? {}
                self.ledger.late(consumer.stats().late);
            }
        }
        Ok(())
    }

    /// In a mailbox, every other frame is only followed when it was taken, so that its own bell has to wake the consumer.
    fn until_taken(&self, channel: &Channel) -> Result<()> {
        let deadline = self.deadline();
        while let Some(word) = MailWord::decode(channel.words().both.mail.0.load(SeqCst))
            && channel.mode() == Mode::Mailbox
            && word.seq % 2 == 1
            && word.dirty
        {
            if deadline.passed() {
                return Err(self.timed_out("consumer"));
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    /// One operation between two pauses: what is swept. Another comes after it, for who holds a victim and lets it go on.
    pub fn victim(&self, operation: Operation, start: Start) -> Result<()> {
        match operation {
            Operation::Publish | Operation::Abandon => {
                let region = self.open()?;
                start.pause_if_fresh();
                let mut producer = self.producer(&region)?;
                start.pause_unless_fresh();
                let mut told = 0;
                for _ in 0..2 {
                    if operation == Operation::Publish {
                        self.publish(&mut producer, false)?;
                    } else {
                        self.abandon(&mut producer)?;
                    }
                    self.tell_late(producer.stats().late, &mut told);
                    pause();
                }
            }
            Operation::Release | Operation::GiveBack | Operation::Wait | Operation::Poison => {
                let region = self.open()?;
                start.pause_if_fresh();
                let mut consumer = Consumer::attach(&region)?;
                if start == Start::Settled {
                    self.release(&mut consumer, false)?;
                }
                start.pause_unless_fresh();
                let mut told = 0;
                for _ in 0..2 {
                    match operation {
                        Operation::GiveBack => self.give_back(&mut consumer)?,
                        Operation::Wait => self.wait_and_release(&mut consumer)?,
                        _ => drop(self.release(&mut consumer, false)?),
                    }
                    self.tell_late(consumer.stats().late, &mut told);
                    pause();
                }
            }
        }
        Ok(())
    }

    /// A producer that knows, as a decoder has to, which frame was published last.
    fn producer(&self, region: &Region) -> Result<Producer> {
        let producer = Producer::attach(region)?;
        let last = producer.last_published()?.map(|meta| meta.pts_ns);
        let wanted = producer.next_seq().checked_sub(1).map(|n| self.film.meta(n).pts_ns);
        if last != wanted {
            self.ledger
                .complain(&format!("the last frame published is said to be that of {last:?} ns, not {wanted:?}"));
        }
        Ok(producer)
    }

    #[inline]
    fn publish(&self, producer: &mut Producer, holding: bool) -> Result<()> {
        loop {
            match producer.acquire(self.deadline())? {
                Acquired::Slot(mut slot) => {
                    if holding {
                        pause();
                    }
                    let n = slot.seq();
                    slot.payload()[..self.film.len()].copy_from_slice(self.film.bytes(n));
                    slot.publish(self.film.meta(n))?;
                    return Ok(());
                }
                Acquired::TimedOut => return Err(self.timed_out("producer")),
                _ => {}
            }
        }
    }

    #[inline]
    fn abandon(&self, producer: &mut Producer) -> Result<()> {
        loop {
            match producer.acquire(self.deadline())? {
                Acquired::Slot(mut slot) => {
                    let half = self.film.len() / 2;
                    let n = slot.seq();
                    slot.payload()[..half].copy_from_slice(&self.film.bytes(n)[..half]);
                    return Ok(());
                }
                Acquired::TimedOut => return Err(self.timed_out("producer")),
                _ => {}
            }
        }
    }

    /// Whether there was a frame, rather than the end.
    #[inline]
    fn release(&self, consumer: &mut Consumer, holding: bool) -> Result<bool> {
        let mode = consumer.channel().mode();
        loop {
            let deadline = self.deadline();
            match consumer.acquire(deadline)? {
                Acquired::Slot(slot) => {
                    if holding {
                        pause();
                    }
                    self.ledger.deliver(self.film, &slot, mode);
                    self.ledger.finish(slot);
                    return Ok(true);
                }
                Acquired::End => {
                    // Seen on looking up, but the bell that announced it had not rung.
                    self.ledger.late(deadline.passed().into());
                    return Ok(false);
                }
                Acquired::TimedOut => return Err(self.timed_out("consumer")),
                Acquired::Woken | Acquired::Successor(_) => {}
            }
        }
    }

    /// A frame after a wait that does not look at it, as a role waits that has other things to look at.
    #[inline]
    fn wait_and_release(&self, consumer: &mut Consumer) -> Result<()> {
        let mode = consumer.channel().mode();
        loop {
            if !consumer.wait(self.deadline())? {
                return Err(self.timed_out("consumer"));
            }
            match consumer.acquire(Deadline::NOW)? {
                Acquired::Slot(slot) => {
                    self.ledger.deliver(self.film, &slot, mode);
                    self.ledger.finish(slot);
                    return Ok(());
                }
                Acquired::End => return Ok(()),
                Acquired::TimedOut | Acquired::Woken | Acquired::Successor(_) => {}
            }
        }
    }

    #[inline]
    fn give_back(&self, consumer: &mut Consumer) -> Result<()> {
        let mode = consumer.channel().mode();
        loop {
            match consumer.acquire(self.deadline())? {
                Acquired::Slot(slot) => {
                    self.ledger.deliver(self.film, &slot, mode);
                    return Ok(());
                }
                Acquired::End => return Ok(()),
                Acquired::TimedOut => return Err(self.timed_out("consumer")),
                Acquired::Woken | Acquired::Successor(_) => {}
            }
        }
    }
}
