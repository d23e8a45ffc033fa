//! What is decoded ahead, between the decoding thread and the publishing one, and where the decoding thread is to go next.
//!
//! A bounded queue that wakes seldom: a decoding thread that has filled it sleeps until it is nearly empty, and then fills
//! it in one go. So most frames change hands without a system call. (A thread that is woken for each of them costs two, and
//! two more where it meets its waker still holding the lock.)

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Makes a queue for `capacity` items, which a full one's sender waits at until no more than `low` are left.
pub(crate) fn bounded<G, T>(capacity: usize, low: usize) -> (Goals<G, T>, Sender<G, T>, Receiver<G, T>) {
    let state = State { items: VecDeque::with_capacity(capacity), goal: None, sleeping: [false; 2], gone: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), wake: [Condvar::new(), Condvar::new()], capacity, low });
    (Goals(shared.clone()), Sender(shared.clone()), Receiver(shared))
}

/// The two who may sleep.
const SENDER: usize = 0;
const RECEIVER: usize = 1;

struct State<G, T> {
    items: VecDeque<T>,
    goal: Option<G>,
    sleeping: [bool; 2],
    /// One of the two sides is.
    gone: bool,
}

struct Shared<G, T> {
    state: Mutex<State<G, T>>,
    wake: [Condvar; 2],
    capacity: usize,
    low: usize,
}

impl<G, T> Shared<G, T> {
    fn lock(&self) -> MutexGuard<'_, State<G, T>> {
        // Nobody panics while holding it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep<'a>(&'a self, who: usize, mut state: MutexGuard<'a, State<G, T>>) -> MutexGuard<'a, State<G, T>> {
        state.sleeping[who] = true;
        let mut state = self.wake[who].wait(state).unwrap_or_else(PoisonError::into_inner);
        state.sleeping[who] = false;
        state
    }

    /// Wakes `who`, if it sleeps, once the lock is given back: it would run into it.
    fn wake(&self, who: usize, mut state: MutexGuard<'_, State<G, T>>) {
        let sleeps = std::mem::take(&mut state.sleeping[who]);
        drop(state);
        if sleeps {
            // Only then: it is a system call in any case.
            self.wake[who].notify_one();
        }
    }

    fn leave(&self, other: usize) {
        let mut state = self.lock();
        state.gone = true;
        self.wake(other, state);
    }
}

/// Says where the decoding thread is to go.
pub(crate) struct Goals<G, T>(Arc<Shared<G, T>>);

impl<G, T> Goals<G, T> {
    /// In place of any goal that was not taken up yet.
    pub(crate) fn set(&self, goal: G) {
        let mut state = self.0.lock();
        state.goal = Some(goal);
        self.0.wake(SENDER, state);
    }
}

impl<G, T> std::fmt::Debug for Goals<G, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Goals")
    }
}

/// What the decoding thread has of it.
pub(crate) struct Sender<G, T>(Arc<Shared<G, T>>);

/// Why nothing was sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Unsent<G> {
    /// There is a new goal.
    Goal(G),
    /// Nobody receives any more.
    Gone,
}

impl<G, T> Sender<G, T> {
    /// Sends `item` as soon as there is room, unless there is a new goal before.
    pub(crate) fn send(&self, item: T) -> Result<(), Unsent<G>> {
        let mut state = self.0.lock();
        let mut room = self.0.capacity - 1;
        loop {
            if let Some(goal) = state.goal.take() {
                return Err(Unsent::Goal(goal));
            }
            if state.gone {
                return Err(Unsent::Gone);
            }
            if state.items.len() <= room {
                state.items.push_back(item);
                self.0.wake(RECEIVER, state);
                return Ok(());
            }
            room = self.0.low;
            state = self.0.sleep(SENDER, state);
        }
    }

    /// Waits for a goal. `None`: nobody receives any more.
    pub(crate) fn goal(&self) -> Option<G> {
        let mut state = self.0.lock();
        loop {
            if let Some(goal) = state.goal.take() {
                return Some(goal);
            }
            if state.gone {
                return None;
            }
            state = self.0.sleep(SENDER, state);
        }
    }

    /// The new goal, if there is one.
    pub(crate) fn new_goal(&self) -> Option<G> {
        self.0.lock().goal.take()
    }
}

impl<G, T> Drop for Sender<G, T> {
    fn drop(&mut self) {
        self.0.leave(RECEIVER);
    }
}

/// What the publishing thread has of it.
pub(crate) struct Receiver<G, T>(Arc<Shared<G, T>>);

impl<G, T> Receiver<G, T> {
    /// Waits for the next item. `None`: there is none, and nobody sends any more.
    pub(crate) fn receive(&self) -> Option<T> {
        let mut state = self.0.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                if state.items.len() <= self.0.low {
                    self.0.wake(SENDER, state);
                }
                return Some(item);
            }
            if state.gone {
                return None;
            }
            state = self.0.sleep(RECEIVER, state);
        }
    }
}

impl<G, T> Drop for Receiver<G, T> {
    fn drop(&mut self) {
        self.0.leave(SENDER);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn everything_arrives_once_and_in_order_whoever_is_faster() {
        for (capacity, low) in [(1, 0), (4, 1), (8, 7)] {
            let (_goals, sender, receiver) = bounded::<(), u32>(capacity, low);
            let sending = thread::spawn(move || (0..10_000).try_for_each(|n| sender.send(n)));
            let mut next = 0;
            while let Some(n) = receiver.receive() {
                assert_eq!(n, next);
                next += 1;
            }
            assert_eq!((next, sending.join().unwrap()), (10_000, Ok(())));
        }
    }

    #[test]
    fn a_sender_that_waits_for_room_or_for_a_goal_is_woken_by_a_goal() {
        let (goals, sender, receiver) = bounded(1, 0);
        sender.send('a').unwrap();
        let sending = thread::spawn(move || {
            let full = sender.send('b');
            (full, sender.goal(), sender.new_goal())
        });
        for goal in 1..=2 {
            goals.set(goal);
            while receiver.0.lock().goal.is_some() {
                thread::yield_now();
            }
        }
        assert_eq!(sending.join().unwrap(), (Err(Unsent::Goal(1)), Some(2), None));
        assert_eq!((receiver.receive(), receiver.receive()), (Some('a'), None));
    }

    #[test]
    fn a_full_queue_is_filled_again_only_once_it_is_nearly_empty() {
        let (_goals, sender, receiver) = bounded::<(), u32>(4, 1);
        let sending = thread::spawn(move || (0..8).try_for_each(|n| sender.send(n)));
        let asleep = || {
            while !receiver.0.lock().sleeping[SENDER] {
                thread::yield_now();
            }
        };
        asleep();
        assert_eq!([receiver.receive(), receiver.receive()], [Some(0), Some(1)]);
        assert!(receiver.0.lock().sleeping[SENDER], "two are left, which is enough");
        assert_eq!(receiver.receive(), Some(2));
        asleep();
        assert_eq!(receiver.0.lock().items, [3, 4, 5, 6]);
        drop(receiver);
        assert_eq!(sending.join().unwrap(), Err(Unsent::Gone));
    }
}
