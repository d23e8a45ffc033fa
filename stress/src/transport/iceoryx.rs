//! iceoryx2, the peer that comes closest: publish-subscribe with samples lent from shared memory. Three ways of waiting:
//! its event, with a publisher that retries while the subscriber is full, as its own strategy does; its event on
//! both sides, so that both may sleep; and polling.
//!
//! Its names are its own, not the session's: what a killed measurement leaves, iceoryx2 itself cleans up at its next start.

use std::marker::PhantomData;
use std::time::Duration;

use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use tricine_channel::time::Deadline;
use tricine_session::{Error, Result};

use super::{Ends, Prepared, Receiver, Sender, Transport, Wiring};
use crate::case::Case;
use crate::consumer::Intake;
use crate::producer::Work;
use crate::sys::loan;

type Port = ipc::Service;

/// Frames between the two sides, as in our channel.
const FRAMES: usize = 3;
/// How long a side sleeps at most before it looks at its deadline.
const NAP: Duration = Duration::from_millis(100);

/// How the sides wait.
pub(crate) trait Waiting {
    /// Whether the subscriber sleeps until it is notified.
    const CONSUMER_SLEEPS: bool;
    /// Whether the publisher sleeps until there is room.
    const PRODUCER_SLEEPS: bool;
}

/// The subscriber sleeps, the publisher retries.
pub(crate) struct Event;
/// Both sleep.
pub(crate) struct Both;
/// Nobody sleeps.
pub(crate) struct Busy;

impl Waiting for Event {
    const CONSUMER_SLEEPS: bool = true;
    const PRODUCER_SLEEPS: bool = false;
}

impl Waiting for Both {
    const CONSUMER_SLEEPS: bool = true;
    const PRODUCER_SLEEPS: bool = true;
}

impl Waiting for Busy {
    const CONSUMER_SLEEPS: bool = false;
    const PRODUCER_SLEEPS: bool = false;
}

fn failed(call: &'static str) -> impl Fn(&dyn std::fmt::Debug) -> Error {
    move |error| Error::sys(call, "iceoryx2", std::io::Error::other(format!("{error:?}")))
}

/// What both ends have: the node, which keeps everything alive, and an event in each direction.
struct Common {
    node: Node<Port>,
    ring: Notifier<Port>,
    listen: Listener<Port>,
}

impl Common {
    /// `ours` and `theirs` name the events that this side listens to and rings.
    fn new(name: &str, ours: &str, theirs: &str) -> Result<Self> {
        let node = NodeBuilder::new().create::<Port>().map_err(|e| failed("node")(&e))?;
        let event = |which: &str| {
            let name = ServiceName::new(&format!("{name}/{which}")).map_err(|e| failed("name")(&e))?;
            node.service_builder(&name).event().open_or_create().map_err(|e| failed("event")(&e))
        };
        let listen = event(ours)?.listener_builder().create().map_err(|e| failed("listener")(&e))?;
        let ring = event(theirs)?.notifier_builder().create().map_err(|e| failed("notifier")(&e))?;
        Ok(Self { node, ring, listen })
    }

    fn notify(&self) -> Result<()> {
        self.ring.notify().map(drop).map_err(|e| failed("notify")(&e))
    }

    fn nap(&self) -> Result<()> {
        self.listen.timed_wait(|_| (), NAP).map(drop).map_err(|e| failed("wait")(&e))
    }
}

macro_rules! service {
    ($common:expr, $name:expr) => {{
        let name = ServiceName::new(&format!("{}/frames", $name)).map_err(|e| failed("name")(&e))?;
        $common
            .node
            .service_builder(&name)
            .publish_subscribe::<[u8]>()
            .subscriber_max_buffer_size(FRAMES)
            .enable_safe_overflow(false)
            .max_publishers(1)
            .max_subscribers(1)
            .open_or_create()
            .map_err(|e| failed("publish_subscribe")(&e))?
    }};
}

/// The publishing end.
pub(crate) struct IceSender<W> {
    common: Common,
    publisher: Publisher<Port, [u8], ()>,
    bytes: usize,
    /// Frames sent that the subscriber has not acknowledged, if it does.
    ahead: usize,
    met: bool,
    waiting: PhantomData<W>,
}

/// The subscribing end.
pub(crate) struct IceReceiver<W> {
    common: Common,
    subscriber: Subscriber<Port, [u8], ()>,
    met: bool,
    waiting: PhantomData<W>,
}

impl<W: Waiting> Sender for IceSender<W> {
    fn send(&mut self, work: &mut Work, deadline: Deadline) -> Result<bool> {
        // What is sent before the subscriber has found its publisher goes nowhere.
        while !self.met {
            self.common.listen.timed_wait(|_| self.met = true, NAP).map_err(|e| failed("wait")(&e))?;
            if deadline.passed() {
                return Ok(false);
            }
        }
        while W::PRODUCER_SLEEPS && self.ahead == FRAMES {
            let mut freed = 0;
            self.common
                .listen
                .timed_wait(|event| freed += event.count as usize, NAP)
                .map_err(|e| failed("wait")(&e))?;
            self.ahead -= freed.min(self.ahead);
            if freed == 0 && deadline.passed() {
                return Ok(false);
            }
        }
        let sample = self.publisher.loan_slice_uninit(self.bytes).map_err(|e| failed("loan")(&e))?;
        loan::fill(sample, |frame| work.in_place(frame)).send().map_err(|e| failed("send")(&e))?;
        if W::CONSUMER_SLEEPS {
            self.common.notify()?;
        }
        self.ahead += usize::from(W::PRODUCER_SLEEPS);
        Ok(true)
    }
}

impl<W: Waiting> Receiver for IceReceiver<W> {
    fn receive(&mut self, intake: &mut Intake<'_>, deadline: Deadline) -> Result<bool> {
        if !std::mem::replace(&mut self.met, true) {
            self.subscriber.has_samples().map_err(|e| failed("connect")(&e))?;
            self.common.notify()?;
        }
        loop {
            if let Some(sample) = self.subscriber.receive().map_err(|e| failed("receive")(&e))? {
                intake.arrived(sample.payload());
                drop(sample);
                if W::PRODUCER_SLEEPS {
                    self.common.notify()?;
                }
                return Ok(true);
            }
            if deadline.passed() {
                return Ok(false);
            }
            if W::CONSUMER_SLEEPS {
                self.common.nap()?;
            } else {
                std::hint::spin_loop();
            }
        }
    }
}

impl<W: Waiting> Transport for W {
    type Sender = IceSender<W>;
    type Receiver = IceReceiver<W>;

    fn prepare(_: &Case, session: &str, run: u64) -> Result<Prepared> {
        let wiring = Wiring { name: format!("tricine/{session}/{run}"), number: 0 };
        Ok(Prepared { wiring, ..Prepared::default() })
    }

    fn sender(case: &Case, ends: Ends) -> Result<Self::Sender> {
        let name = ends.wiring.name;
        let common = Common::new(&name, "room", "frame")?;
        let publisher = service!(common, name)
            .publisher_builder()
            .initial_max_slice_len(case.bytes)
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
            .create()
            .map_err(|e| failed("publisher")(&e))?;
        Ok(IceSender { common, publisher, bytes: case.bytes, ahead: 0, met: false, waiting: PhantomData })
    }

    fn receiver(_: &Case, ends: Ends) -> Result<Self::Receiver> {
        let name = ends.wiring.name;
        let common = Common::new(&name, "frame", "room")?;
        let subscriber = service!(common, name).subscriber_builder().create().map_err(|e| failed("subscriber")(&e))?;
        Ok(IceReceiver { common, subscriber, met: false, waiting: PhantomData })
    }
}
