//! The thread that makes pictures of pages. It is asked for one page after another and answers the last one.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Once};

use tricine_session::cues::{FontSet, Page};

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

/// What it is asked for.
enum Ask {
    Draw(Key, Arc<Page>),
    /// From now on, by these fonts as well.
    Adopt(FontSet),
}

/// The thread, as the role has it. It ends with it.
#[derive(Debug)]
pub(super) struct Worker {
    asks: Sender<Ask>,
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
        let _ = self.asks.send(Ask::Draw(key, page));
    }

    /// Has it draw by these fonts from now on, in the place of those that came before.
    pub(super) fn adopt(&self, set: FontSet) {
        let _ = self.asks.send(Ask::Adopt(set));
    }

    /// The latest answer, if there is one.
    pub(super) fn answer(&self) -> Option<Answer> {
        self.answers.try_iter().last()
    }
}

fn work(asked: &Receiver<Ask>, answer: &Sender<Answer>) {
    let mut letters = load();
    let mut fonts: Option<FontSet> = None;
    while let Ok(first) = asked.recv() {
        let mut draw = None;
        for ask in std::iter::once(first).chain(asked.try_iter()) {
            match ask {
                // What nobody waits for any more is left out.
                Ask::Draw(key, page) => draw = Some((key, page)),
                Ask::Adopt(set) => {
                    fonts = Some(set).filter(|set| set.fonts().next().is_some());
                    letters = letters.and_then(|letters| guarded(|| letters.with(fonts.as_ref()))).or_else(load);
                }
            }
        }
        let Some((key, page)) = draw else { continue };
        let mut complaint = None;
        let mut drawn = letters.as_mut().and_then(|letters| guarded(|| letters.draw(&page, key.2)));
        if drawn.is_none() {
            // Whatever it stumbled over, it starts anew: without the fonts of others, which may be it.
            letters = load();
            if fonts.take().is_some() {
                complaint = Some(
                    "the fonts that come with these subtitles are broken; they are drawn by those that are installed",
                );
                drawn = letters.as_mut().and_then(|letters| guarded(|| letters.draw(&page, key.2)));
            }
        }
        let (sprites, said) = drawn.unwrap_or_else(|| {
            letters = load();
            (Vec::new(), Some("these subtitles cannot be drawn: the library that sets letters failed at them".into()))
        });
        if answer.send(Answer { key, sprites, complaint: complaint.map(str::to_owned).or(said) }).is_err() {
            return;
        }
    }
}

fn load() -> Option<Letters> {
    guarded(Letters::load)
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

/// What a library for letters makes; `None` where it panics. Within another such call, as well.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    let outside = INSIDE.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    INSIDE.set(outside);
    done
}
