//! A frame's bytes as a consumer has them: in memory that a peer can still write if it does not keep to the protocol. So they are
//! no `&[u8]`, which the compiler takes for constant, but a value that is read by copying (after vm-memory's volatile slices).

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;

use crate::channel::changing::{changing, changing_word};

/// The payload of a frame that is ours to read, until it is released.
///
/// By the protocol nobody writes it meanwhile (invariant I2). A broken or hostile peer may do so all the same. What is read then
/// is some mixture of old and new bytes, and nothing worse.
///
/// ```
/// # use tricine_channel::channel::Payload;
/// # fn of(payload: Payload<'_>) {
/// let mut header = [0; 4];
/// if let Some(first) = payload.get(0..4) {
///     first.copy_to(&mut header);
/// }
/// // A large frame goes through a small buffer, which stays in the cache.
/// let mut buffer = [0; 16384];
/// for chunk in payload.chunks(buffer.len()) {
///     let part = &mut buffer[..chunk.len()];
///     chunk.copy_to(part);
///     println!("{} zeros", part.iter().filter(|&&byte| byte == 0).count());
/// }
/// # }
/// # of((&[0; 20][..]).into());
/// ```
#[derive(Clone, Copy)]
pub struct Payload<'a> {
    start: NonNull<u8>,
    len: usize,
    _frame: PhantomData<&'a [u8]>,
}

// SAFETY: it only reads, and reads bytes that may change at any time: it makes no difference on which thread.
unsafe impl Send for Payload<'_> {}
// SAFETY: as above.
unsafe impl Sync for Payload<'_> {}

impl<'a> Payload<'a> {
    /// # Safety
    ///
    /// `len` bytes from `start` are readable for as long as `'a` lasts.
    pub(super) const unsafe fn new(start: NonNull<u8>, len: usize) -> Self {
        Self { start, len, _frame: PhantomData }
    }

    /// Its bytes.
    #[inline]
    pub const fn len(self) -> usize {
        self.len
    }

    /// Whether it has none.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The bytes from `range.start` to before `range.end`; `None` if it has not so many.
    #[inline]
    pub const fn get(self, range: Range<usize>) -> Option<Self> {
        if range.start > range.end || range.end > self.len {
            return None;
        }
        // SAFETY: within it, just checked.
        Some(unsafe { Self::new(self.start.add(range.start), range.end - range.start) })
    }

    /// Parts of `size` bytes, in order; the last one may be shorter. Panics if `size` is 0.
    pub fn chunks(self, size: usize) -> impl ExactSizeIterator<Item = Self> {
        assert!(size > 0, "a chunk has at least one byte");
        (0..self.len.div_ceil(size)).map(move |i| {
            let from = i * size;
            // SAFETY: within it, since i × size < len.
            unsafe { Self::new(self.start.add(from), size.min(self.len - from)) }
        })
    }

    /// Copies it to `to`, which has to be as long; panics if it is not.
    #[inline]
    pub fn copy_to(self, to: &mut [u8]) {
        assert_eq!(self.len, to.len(), "source and target of a copy differ in length");
        // SAFETY: the source is readable (see `new`), the target borrowed and as long.
        unsafe { changing(self.start.as_ptr(), to.as_mut_ptr(), self.len) }
    }

    /// Copies it to `to`, as 32-bit floats of this machine. It has to have four bytes for each; panics if it has not.
    #[inline]
    pub fn copy_to_floats(self, to: &mut [f32]) {
        assert_eq!(self.len, size_of_val(to), "source and target of a copy differ in length");
        // SAFETY: as above; every bit pattern is an f32.
        unsafe { changing(self.start.as_ptr(), to.as_mut_ptr().cast(), self.len) }
    }

    /// A copy of it.
    pub fn to_vec(self) -> Vec<u8> {
        let mut copy = Vec::new();
        self.copy_to_vec(&mut copy);
        copy
    }

    /// Copies it to `to`, which becomes as long and keeps none of what it held.
    pub fn copy_to_vec(self, to: &mut Vec<u8>) {
        to.clear();
        to.reserve_exact(self.len);
        // SAFETY: the source is readable (see `new`); the target has room for so many bytes, and has them afterwards.
        unsafe {
            changing(self.start.as_ptr(), to.as_mut_ptr(), self.len);
            to.set_len(self.len);
        }
    }

    /// The eight bytes from `at` on, as a little-endian number; `None` if it has not so many.
    #[inline]
    pub fn word(self, at: usize) -> Option<u64> {
        if self.len < 8 || at > self.len - 8 {
            return None;
        }
        // SAFETY: eight bytes from `at` are within it, just checked.
        Some(unsafe { changing_word(self.start.add(at).as_ptr()) })
    }

    /// Where its first byte lies. To read through this pointer is to care for everything that this type cares for.
    pub const fn as_ptr(self) -> *const u8 {
        self.start.as_ptr()
    }

    /// It as a slice: for those who trust every process that can write it.
    ///
    /// # Safety
    ///
    /// For as long as `'a` lasts, no process writes these bytes. That holds if
    ///
    /// - each process that has attached as the channel's producer keeps to the protocol, as every user of [`super::super::Producer`]
    ///   does that is not broken by unsafe code of its own;
    /// - no process opens the region's object in another way and writes to it. Any process of the same user can.
    pub const unsafe fn as_slice(self) -> &'a [u8] {
        // SAFETY: readable (see `new`), and constant, as the caller says.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

/// Bytes that nobody writes are the simple case.
impl<'a> From<&'a [u8]> for Payload<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        // SAFETY: readable for as long as they are borrowed.
        unsafe { Self::new(NonNull::from(bytes).cast(), bytes.len()) }
    }
}

/// As it reads while it is being compared.
impl PartialEq<[u8]> for Payload<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        let mut buffer = [0; 512];
        self.len == other.len()
            && self.chunks(buffer.len()).zip(other.chunks(buffer.len())).all(|(part, other)| {
                let copy = &mut buffer[..part.len()];
                part.copy_to(copy);
                copy == other
            })
    }
}

impl PartialEq<&[u8]> for Payload<'_> {
    fn eq(&self, other: &&[u8]) -> bool {
        *self == **other
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for Payload<'_> {
    fn eq(&self, other: &&[u8; N]) -> bool {
        *self == other[..]
    }
}

impl<const N: usize> PartialEq<[u8; N]> for Payload<'_> {
    fn eq(&self, other: &[u8; N]) -> bool {
        *self == other[..]
    }
}

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.len)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn parts_are_within_it_and_nothing_else_is_to_be_had() {
        let bytes: Vec<u8> = (0..100).collect();
        let payload = Payload::from(&bytes[..]);
        assert_eq!((payload.len(), payload.is_empty()), (100, false));
        assert_eq!(payload.get(3..7).unwrap(), [3, 4, 5, 6]);
        assert_eq!(payload.get(100..100).unwrap().len(), 0);
        for (from, to) in [(0, 101), (101, 101), (7, 3), (usize::MAX, 3), (3, usize::MAX)] {
            assert!(payload.get(from..to).is_none(), "{from}..{to}");
        }
        let sizes: Vec<usize> = payload.chunks(30).map(Payload::len).collect();
        assert_eq!(sizes, [30, 30, 30, 10]);
        assert_eq!(payload.chunks(30).last().unwrap(), &bytes[90..]);
        assert_eq!(payload.word(92), Some(u64::from_le_bytes([92, 93, 94, 95, 96, 97, 98, 99])));
        assert_eq!(
            (payload.word(93), payload.word(usize::MAX), payload.get(0..7).unwrap().word(0)),
            (None, None, None)
        );
    }

    #[test]
    fn a_copy_is_all_of_it_and_a_comparison_sees_each_byte() {
        let mut bytes: Vec<u8> = (0..2000u32).map(|i| (i * 7) as u8).collect();
        let kept = bytes.clone();
        assert_eq!(Payload::from(&bytes[..]).to_vec(), kept);
        let mut floats = [0.0; 500];
        Payload::from(&bytes[..]).copy_to_floats(&mut floats);
        assert_eq!(floats.map(f32::to_ne_bytes).concat(), kept);
        for i in [0, 511, 512, 1999] {
            bytes[i] ^= 1;
            assert!(Payload::from(&bytes[..]) != kept[..], "{i}");
            bytes[i] ^= 1;
        }
        assert!(Payload::from(&bytes[..]) == kept[..] && Payload::from(&bytes[..1999]) != kept[..]);
    }

    #[test]
    #[should_panic(expected = "differ in length")]
    fn a_target_of_another_length_is_refused() {
        Payload::from(&[1, 2, 3][..]).copy_to(&mut [0; 2]);
    }
}
