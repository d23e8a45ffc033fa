//! A session in the test's own process: a real control region, real channels, and the role in a thread.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tricine_channel::namespace::SessionLock;
use tricine_channel::time::Deadline;
use tricine_session::channel::{
    Acquired, Barriers, ChannelName, Kind, Mode, Producer, Side, Spec as ChannelSpec, StreamRegion,
};
use tricine_session::clock::PlayState;
use tricine_session::context::{Orders, Task};
use tricine_session::control::{Attached, ControlRegion, SessionPage, Writable};
use tricine_session::frame::{FrameMeta, i420_len};
use tricine_session::link::{DisplaySpec, FromRole, Link, Spec, ToRole, Work};

/// Length of a frame in these films, in ns.
pub const FRAME_NS: i64 = 20_000_000;

/// What the user wants at first: silent, running.
pub const STATE: PlayState = PlayState { volume: 80, ..PlayState::IDLE };

/// A supervisor and a decoder by hand.
pub struct Session {
    pub name: String,
    pub control: Attached<SessionPage<Writable>>,
    pub channel: ChannelName,
    pub producer: Producer,
    pub state: PlayState,
    pub size: (u32, u32),
    lock: Option<SessionLock>,
}

/// A running renderer.
pub struct Running {
    pub link: Link,
    thread: JoinHandle<i32>,
}

impl Session {
    pub fn new(size: (u32, u32), mode: Mode) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("rtest-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let (control, lock) = ControlRegion::create(&name, &STATE).unwrap();
        let channel = ChannelName { session: name.clone(), kind: Kind::Video, generation: 0 };
        let capacity = i420_len(size.0, size.1) as u64;
        StreamRegion::create(
            &channel,
            &ChannelSpec { mode, capacity, base: 0, resume_pts_ns: 0, resume_serial: 1, barriers: Barriers::Both },
        )
        .unwrap();
        let producer = StreamRegion::producer(&channel).unwrap();
        Self { name, control, channel, producer, state: STATE, size, lock: Some(lock) }
    }

    pub fn set(&mut self, running: &Running, change: impl FnOnce(&mut PlayState)) {
        change(&mut self.state);
        self.control.own().set_state(&self.state);
        self.say(running, &ToRole::State);
    }

    pub fn say(&self, running: &Running, message: &ToRole) {
        running.link.send(message).unwrap();
        self.producer.channel().ring(Side::Consumer);
    }

    /// Starts the role, as a supervisor would; `restarts` counts the times before.
    pub fn start(&self, display: DisplaySpec, unpaced: bool, restarts: u32) -> Running {
        let (ours, theirs) = Link::pair().unwrap();
        let spec = Spec {
            session: self.name.clone(),
            channels: vec![self.channel.clone()],
            unpaced,
            work: Work { display, title: "tricine test".into(), ..Work::default() },
            restarts,
            verbosity: 0,
        };
        let orders = Orders {
            link: theirs,
            task: Task::Play(Box::new(spec)),
            input: None,
            files: Vec::new(),
            confined: |_, _, _| {},
        };
        let thread = std::thread::spawn(move || tricine_renderer::run(orders));
        let running = Running { link: ours, thread };
        running.expect("ready", |m| matches!(m, FromRole::Ready));
        running
    }

    /// Publishes frame `n` of a film, grey and different from the others. Whether there was room within `wait`.
    pub fn publish(&mut self, n: i64, wait: Duration) -> bool {
        let serial = self.state.serial;
        self.publish_as(n, serial, wait, |payload, _| payload.fill((16 + n.rem_euclid(200)) as u8))
    }

    pub fn publish_as(&mut self, n: i64, serial: u32, wait: Duration, fill: impl Fn(&mut [u8], u32)) -> bool {
        let (width, height) = self.size;
        let deadline = Deadline::after(wait);
        loop {
            match self.producer.acquire(deadline).unwrap() {
                Acquired::Slot(mut slot) => {
                    let meta = FrameMeta {
                        pts_ns: n * FRAME_NS,
                        duration_ns: FRAME_NS,
                        serial,
                        ..FrameMeta::i420(width, height)
                    };
                    fill(&mut slot.payload()[..meta.len as usize], width);
                    slot.publish(meta).unwrap();
                    return true;
                }
                Acquired::TimedOut => return false,
                _ => {}
            }
        }
    }

    /// Goes on in a region of its own for pictures of another size.
    pub fn grow(&mut self, size: (u32, u32)) {
        let name = ChannelName { generation: self.channel.generation + 1, ..self.channel.clone() };
        let capacity = i420_len(size.0, size.1) as u64;
        let base = self.producer.next_seq();
        StreamRegion::create(
            &name,
            &ChannelSpec {
                mode: Mode::Fifo,
                capacity,
                base,
                resume_pts_ns: 0,
                resume_serial: 1,
                barriers: Barriers::Both,
            },
        )
        .unwrap();
        let next = StreamRegion::producer(&name).unwrap();
        std::mem::replace(&mut self.producer, next).retire(name.generation).unwrap();
        (self.channel, self.size) = (name, size);
    }

    /// Presented, dropped, received, repeated, torn, lost and skipped.
    pub fn counts(&self) -> [u64; 7] {
        let page = self.control.renderer();
        [&page.presented, &page.dropped, &page.received, &page.repeated, &page.torn, &page.lost, &page.skipped]
            .map(|c| c.get())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        tricine_session::NAMESPACE.unlink_all(&self.name, |_| {}).unwrap();
        drop(self.lock.take());
    }
}

impl Running {
    /// The next message that is meant, others are passed over. Fails after ten seconds.
    pub fn expect(&self, what: &str, meant: impl Fn(&FromRole) -> bool) -> FromRole {
        self.within(Duration::from_secs(10), meant).unwrap_or_else(|| panic!("no message: {what}"))
    }

    pub fn within(&self, wait: Duration, meant: impl Fn(&FromRole) -> bool) -> Option<FromRole> {
        let end = Instant::now() + wait;
        while Instant::now() < end {
            self.link.wait(Deadline::after(end - Instant::now())).unwrap();
            if let Some(message) = self.link.receive::<FromRole>().ok().flatten()
                && meant(&message)
            {
                return Some(message);
            }
        }
        None
    }

    /// Says Quit; the exit code.
    pub fn quit(self, session: &Session) -> i32 {
        session.say(&self, &ToRole::Quit);
        self.thread.join().unwrap()
    }

    /// The exit code, once it ends by itself.
    pub fn join(self) -> i32 {
        self.thread.join().unwrap()
    }
}

/// Waits until something holds; fails after a minute.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
