//! From a window's keyboard to what the user wants. Characters come as the keyboard's layout has them; keys without a
//! character by their name.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use minifb::InputCallback;
use tricine_session::link::Key;

/// A keyboard that repeats a key does so within this time; the first takes longest.
const REPEATS_WITHIN: Duration = Duration::from_secs(1);

/// What was pressed and not taken up yet, each press once.
#[derive(Debug, Clone, Default)]
pub(super) struct Pressed(Rc<RefCell<Vec<Key>>>);

impl Pressed {
    /// Takes all that was pressed, in order.
    pub(super) fn take(&self) -> Vec<Key> {
        self.0.take()
    }

    /// Adds what came otherwise, such as from the mouse.
    pub(super) fn push(&self, key: Key) {
        self.0.borrow_mut().push(key);
    }
}

/// Hears every press, however short: polling the keys once a frame loses taps.
#[derive(Debug, Default)]
pub(super) struct Listener {
    pressed: Pressed,
    /// When a key that is down was last heard. A release may go to another window.
    down: BTreeMap<u8, Instant>,
    /// The key that the next character belongs to was down already: the keyboard repeats it.
    repeated: bool,
}

impl Listener {
    pub(super) fn new(pressed: Pressed) -> Self {
        Self { pressed, ..Self::default() }
    }

    /// The key of this number went down, or up.
    pub(super) fn moved(&mut self, key: u8, down: bool) {
        if !down {
            self.down.remove(&key);
            self.repeated = false;
            return;
        }
        let last = self.down.insert(key, Instant::now());
        self.repeated = last.is_some_and(|at| at.elapsed() < REPEATS_WITHIN);
    }

    /// What the key that moved last means.
    pub(super) fn press(&self, key: Option<Key>) {
        if let Some(key) = key.filter(|key| !self.repeated || repeats(*key)) {
            self.pressed.push(key);
        }
    }
}

impl InputCallback for Listener {
    fn add_char(&mut self, character: u32) {
        self.press(char::from_u32(character).and_then(of_character));
    }

    fn set_key_state(&mut self, key: minifb::Key, down: bool) {
        self.moved(key as u8, down);
        if down {
            self.press(of_key(key));
        }
    }
}

/// What a key held down does again and again; the others change something to and fro.
fn repeats(key: Key) -> bool {
    use Key::{Faster, Seek, Slower, Step, SubtitlesEarlier, SubtitlesLater, VolumeDown, VolumeUp};
    matches!(key, Seek(_) | Step | Slower | Faster | VolumeDown | VolumeUp | SubtitlesEarlier | SubtitlesLater)
}

pub(super) fn of_character(character: char) -> Option<Key> {
    Some(match character {
        ' ' | 'p' => Key::Pause,
        '.' => Key::Step,
        '!' => Key::Chapter(-1),
        '@' => Key::Chapter(1),
        '#' => Key::Sound,
        '_' => Key::Pictures,
        '[' => Key::Slower,
        ']' => Key::Faster,
        '9' => Key::VolumeDown,
        '0' => Key::VolumeUp,
        'm' => Key::Mute,
        'f' => Key::Fullscreen,
        'l' => Key::Loop,
        's' => Key::Screenshot,
        'o' => Key::Osd,
        '?' | 'h' => Key::Help,
        'j' => Key::Subtitles,
        'J' => Key::SubtitlesBack,
        'v' => Key::SubtitlesHide,
        'z' => Key::SubtitlesEarlier,
        'Z' | 'x' => Key::SubtitlesLater,
        'n' | '>' => Key::Next,
        'q' => Key::Quit,
        _ => return None,
    })
}

fn of_key(key: minifb::Key) -> Option<Key> {
    Some(match key {
        minifb::Key::Left => Key::Seek(-5),
        minifb::Key::Right => Key::Seek(5),
        minifb::Key::Up => Key::Seek(60),
        minifb::Key::Down => Key::Seek(-60),
        minifb::Key::PageUp => Key::Chapter(1),
        minifb::Key::PageDown => Key::Chapter(-1),
        minifb::Key::F1 => Key::Help,
        minifb::Key::Escape => Key::Escape,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_held_down_seeks_on_but_pauses_once() {
        let pressed = Pressed::default();
        let mut listener = Listener::new(pressed.clone());
        for _ in 0..3 {
            listener.set_key_state(minifb::Key::Right, true);
        }
        for _ in 0..3 {
            listener.set_key_state(minifb::Key::P, true);
            listener.add_char('p'.into());
        }
        listener.set_key_state(minifb::Key::P, false);
        listener.set_key_state(minifb::Key::P, true);
        listener.add_char('p'.into());
        assert_eq!(pressed.take(), [Key::Seek(5), Key::Seek(5), Key::Seek(5), Key::Pause, Key::Pause]);
        assert_eq!(pressed.take(), []);
    }

    #[test]
    fn a_key_without_a_name_is_no_repetition_of_the_one_before() {
        let pressed = Pressed::default();
        let mut listener = Listener::new(pressed.clone());
        listener.set_key_state(minifb::Key::Right, true);
        listener.set_key_state(minifb::Key::Right, true);
        listener.set_key_state(minifb::Key::Right, false);
        // As the key of ß and ? on a German keyboard: only its character comes.
        listener.add_char('?'.into());
        assert_eq!(pressed.take(), [Key::Seek(5), Key::Seek(5), Key::Help]);
    }
}
