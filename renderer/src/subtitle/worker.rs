//! The thread that makes pictures of pages. It is asked for one page after another and answers the last one.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Once};

use tricine_session::cues::Page;

use super::letters::Letters;
use super::{Key, Sprite};

/// What came of a page.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) key: Key,
    pub(super) sprites: Vec<Sprite>,
    /// What the user should know: once.
    pub(super) complaint: Option<String>,
}

/// The thread, as the role has it. It ends with it.
#[derive(Debug)]
pub(super) struct Worker {
    asks: Sender<(Key, Arc<Page>)>,
    answers: Receiver<Answer>,
}

impl Worker {
    /// Starts it; it begins to load fonts. Errors: no thread is to be had.
    pub(super) fn start() -> std::io::Result<Self> {
        install_hook();
        let (asks, asked) = channel();
        let (answer, answers) = channel();
        std::thread::Builder::new().name("letters".into()).spawn(move || work(&asked, &answer))?;
        Ok(Self { asks, answers })
    }

    /// Asks for a page.
    pub(super) fn ask(&self, key: Key, page: Arc<Page>) {
        // A thread that is gone draws nothing, and was complained of.
        let _ = self.asks.send((key, page));
    }

    /// The latest answer, if there is one.
    pub(super) fn answer(&self) -> Option<Answer> {
        self.answers.try_iter().last()
    }
}

fn work(asked: &Receiver<(Key, Arc<Page>)>, answer: &Sender<Answer>) {
    let mut letters = guarded(Letters::load);
    while let Ok(first) = asked.recv() {
        // What nobody waits for any more is left out.
        let (key, page) = asked.try_iter().last().unwrap_or(first);
        let drawn = letters.as_mut().and_then(|letters| guarded(|| letters.draw(&page, key.2)));
        if drawn.is_none() {
            // Whatever it stumbled over, it starts anew.
            letters = guarded(Letters::load);
        }
        let (sprites, complaint) = drawn.unwrap_or_else(|| {
            (Vec::new(), Some("these subtitles cannot be drawn: the library that sets letters failed at them".into()))
        });
        if answer.send(Answer { key, sprites, complaint }).is_err() {
            return;
        }
    }
}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// A panic of a library for letters is no end of the role.
fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if !INSIDE.get() {
                before(info);
            }
        }));
    });
}

fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    INSIDE.set(true);
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    INSIDE.set(false);
    done
}
