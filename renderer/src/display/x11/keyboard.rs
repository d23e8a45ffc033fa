//! The keyboard of an X server: which key means what, by the table that the server has of it.

use x11rb::protocol::xkb::{ConnectionExt as _, ID, PerClientFlag};
use x11rb::protocol::xproto::{ConnectionExt as _, KeyButMask, Keycode, Keysym};
use x11rb::rust_connection::RustConnection;

use tricine_session::link::Key;

use super::Fallible;
use crate::display::keys::of_character;

/// What the keys mean.
#[derive(Debug, Default)]
pub(super) struct Keyboard {
    first: Keycode,
    /// So many meanings has each key, one after another.
    columns: usize,
    meanings: Vec<Keysym>,
}

impl Keyboard {
    /// As the server has it now; a key that is held down is not to be told as released again and again.
    pub(super) fn read(connection: &RustConnection) -> Fallible<Self> {
        use x11rb::connection::Connection;
        let (first, last) = (connection.setup().min_keycode, connection.setup().max_keycode);
        let table = connection.get_keyboard_mapping(first, (last - first).saturating_add(1))?;
        let xkb = connection.xkb_use_extension(1, 0);
        let table = table.reply()?;
        // A server without that extension repeats all keys alike.
        if xkb.is_ok_and(|asked| asked.reply().is_ok_and(|answer| answer.supported)) {
            let (keyboard, repeats) = (u16::from(ID::USE_CORE_KBD), PerClientFlag::DETECTABLE_AUTO_REPEAT);
            let none = Default::default();
            connection.xkb_per_client_flags(keyboard, repeats, repeats, none, none, none)?.reply()?;
        }
        Ok(Self { first, columns: table.keysyms_per_keycode.into(), meanings: table.keysyms })
    }

    /// What the user wants who presses this key while those of `held` are down.
    pub(super) fn key(&self, code: Keycode, held: KeyButMask) -> Option<Key> {
        let meaning = self.meaning(code, u16::from(held));
        named(meaning).or_else(|| {
            // With these, keys are commands to the window manager, or to nobody.
            let command = KeyButMask::CONTROL | KeyButMask::MOD1 | KeyButMask::MOD4;
            let plain = u16::from(held) & u16::from(command) == 0;
            character(meaning).filter(|_| plain).and_then(of_character)
        })
    }

    /// The table has four meanings of a key in its first columns: of two alphabets, each plain and with shift. Two more of the first one follow,
    /// those of the third level (AltGr). Which alphabet is in use is in the bits 13 and 14 of the state.
    fn meaning(&self, code: Keycode, held: u16) -> Keysym {
        let row = usize::from(code.saturating_sub(self.first)) * self.columns;
        let at = |column: usize| match self.meanings.get(row + column) {
            Some(&meaning) if column < self.columns => meaning,
            _ => 0,
        };
        let is = |mask: KeyButMask| held & u16::from(mask) != 0;
        let alphabet = if held >> 13 & 3 == 1 { 2 } else { 0 };
        let pad = |meaning| (0xff80..=0xffbd).contains(&meaning);
        // NumLock (the second modifier) is shift, for the keys of the number pad.
        let shift = is(KeyButMask::SHIFT) != (is(KeyButMask::MOD2) && pad(at(1)));
        let level = usize::from(shift);
        let third = if is(KeyButMask::MOD5) { at(4 + alphabet + level) } else { 0 };
        [third, at(alphabet + level), at(level), at(0)].into_iter().find(|&meaning| meaning != 0).unwrap_or(0)
    }
}

/// Keys without a character, those of the number pad among them.
fn named(meaning: Keysym) -> Option<Key> {
    Some(match meaning {
        0xff51 | 0xff96 => Key::Seek(-5),
        0xff53 | 0xff98 => Key::Seek(5),
        0xff52 | 0xff97 => Key::Seek(60),
        0xff54 | 0xff99 => Key::Seek(-60),
        0xff55 | 0xff9a => Key::Chapter(1),
        0xff56 | 0xff9b => Key::Chapter(-1),
        0xffbe => Key::Help,
        0xff1b => Key::Escape,
        _ => return None,
    })
}

fn character(meaning: Keysym) -> Option<char> {
    match meaning {
        0x20..=0x7e | 0xa0..=0xff => char::from_u32(meaning),
        0xffae => Some('.'),
        0xffb0..=0xffb9 => char::from_u32(meaning - 0xffb0 + u32::from('0')),
        0x0100_0000..=0x0110_ffff => char::from_u32(meaning - 0x0100_0000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A German keyboard's 8, q and ß, a number pad's 9, and a Russian key beside its Latin one.
    fn keyboard() -> Keyboard {
        let meanings = [
            [0x38, 0x28, 0x38, 0x28, 0x5b, 0],
            [0x71, 0x51, 0x71, 0x51, 0x40, 0],
            [0xdf, 0x3f, 0xdf, 0x3f, 0x5c, 0],
            [0xff9a, 0xffb9, 0xff9a, 0xffb9, 0, 0],
            [0x6d, 0x4d, 0x06d8, 0x06f8, 0, 0],
            [0xff53, 0, 0, 0, 0, 0],
        ];
        Keyboard { first: 8, columns: 6, meanings: meanings.concat() }
    }

    #[test]
    fn keys_mean_what_the_layout_says_with_shift_the_third_level_and_the_number_pad() {
        let keyboard = keyboard();
        let (shift, ctrl, alt_gr, num) = (0x01_u16, 0x04, 0x80, 0x10);
        for (code, held, wanted) in [
            (8, 0, None),
            (8, alt_gr, Some(Key::Slower)),
            (9, 0, Some(Key::Quit)),
            (9, ctrl, None),
            (9, alt_gr, Some(Key::Chapter(1))),
            (10, shift, Some(Key::Help)),
            (11, 0, Some(Key::Chapter(1))),
            (11, num, Some(Key::VolumeDown)),
            (11, num | shift, Some(Key::Chapter(1))),
            (12, 0, Some(Key::Mute)),
            (12, 1 << 13, None),
            (13, num | 0x02, Some(Key::Seek(5))),
            (13, shift, Some(Key::Seek(5))),
            (14, 0, None),
            (255, 0, None),
            (0, 0, None),
        ] {
            assert_eq!(keyboard.key(code, held.into()), wanted, "key {code} with {held:#x}");
        }
    }
}
