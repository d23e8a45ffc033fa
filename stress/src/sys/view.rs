//! A frame of the channel as a slice, for the measurement that reads it in place.

use tricine_channel::channel::{Doorbell, ReadSlot};
use tricine_channel::meta::Len;

/// The bytes of a frame whose both sides are processes of one measurement.
#[inline]
pub fn bytes<'a, D: Doorbell>(slot: &'a ReadSlot<'_, Len, D>) -> &'a [u8] {
    // SAFETY: the region has a name that nobody guesses, and what attaches to it are this program's own two roles: the one
    // producer keeps to the protocol, and a killed one writes nothing after it was reaped, before which none follows it.
    unsafe { slot.payload().as_slice() }
}
