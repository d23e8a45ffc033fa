//! Colours and words that every display uses for what it draws over the picture.

use tricine_channel::channel::ownership::State;

pub(crate) const WHITE: u32 = 0xf4f6f8;
pub(crate) const SOFT: u32 = 0xaab4be;
pub(crate) const ACCENT: u32 = 0x3ddc97;
pub(crate) const PANEL: u32 = 0x0b0f14;

/// What a slot is doing, in a word, and its colour.
pub(crate) fn slot(state: State) -> (&'static str, u32) {
    match state {
        State::Free => ("free", 0x4a5058),
        State::Writing => ("writing", 0xc88a1c),
        State::Ready => ("ready", 0x3c8ce7),
        State::Reading => ("reading", 0x24a871),
    }
}
