//! A region's bytes. The only place that turns an address in shared memory into Rust.

#![allow(unsafe_code)]

#[cfg(not(loom))]
pub(super) use mapped::{Memory, Source, View};
#[cfg(loom)]
pub(super) use modelled::{Memory, Source};
pub use payload::Payload;

mod payload;

/// Bytes of a payload as 32-bit floats. Payloads start on a page, so nothing is cut off in front.
pub(super) fn as_floats_mut(bytes: &mut [u8]) -> &mut [f32] {
    // SAFETY: every bit pattern is an f32, and every f32 is four bytes.
    unsafe { bytes.align_to_mut::<f32>().1 }
}

/// Shared memory, mapped.
#[cfg(not(loom))]
mod mapped {
    use std::fs::File;
    use std::mem::offset_of;
    use std::ptr::NonNull;

    use super::Payload;
    use crate::channel::layout::{PAGE, PAYLOAD_OFFSET, Words, region_len, stride};
    use crate::channel::ownership::{SLOTS, Side};
    use crate::error::{Error, Result};
    use crate::sys::shm::{self, Mapping};

    /// A region that is not mapped yet.
    #[derive(Debug)]
    pub(in crate::channel) struct Source(File);

    /// Its first page, mapped.
    #[derive(Debug)]
    pub(in crate::channel) struct Page(Mapping);

    /// All of it, only to be read, whatever others write meanwhile.
    #[derive(Debug)]
    pub(in crate::channel) struct View {
        all: Mapping,
        object: String,
        stride: usize,
        capacity: usize,
    }

    // SAFETY: made of atomics alone, see layout.rs.
    unsafe impl shm::SharedWords for Words {}

    impl View {
        /// The shared words.
        pub(in crate::channel) fn words(&self) -> &Words {
            shm::page_ref(&self.all, 0)
        }

        /// What it is a view of.
        pub(in crate::channel) fn object(&self) -> &str {
            &self.object
        }

        /// The first `len` bytes of a slot's payload, as far as it has so many. A producer may be writing them.
        pub(in crate::channel) fn payload(&self, slot: usize, len: usize) -> Payload<'_> {
            // SAFETY: `view` maps region_len(capacity) bytes, which is that, and a stride is at least a capacity.
            unsafe { part(&self.all, PAYLOAD_OFFSET, slot, self.stride, len.min(self.capacity)) }
        }
    }

    /// The first `len` bytes of slot `slot`, whose neighbours lie `stride` bytes apart in `map` from `offset` on.
    ///
    /// # Safety
    ///
    /// `map` has [`SLOTS`] times `stride` bytes from `offset` on, and `len` is at most `stride`.
    #[inline]
    unsafe fn part(map: &Mapping, offset: usize, slot: usize, stride: usize, len: usize) -> Payload<'_> {
        assert!(slot < SLOTS, "slots are validated where they are read");
        let start = NonNull::new(map.as_mut_ptr().wrapping_add(offset + slot * stride)).unwrap_or(NonNull::dangling());
        // SAFETY: within the mapping, which is readable and is borrowed; an address in it is not null.
        unsafe { Payload::new(start, len) }
    }

    /// All of it that one side maps.
    #[derive(Debug)]
    pub(in crate::channel) struct Memory {
        page: Page,
        payload: Option<Mapping>,
        stride: usize,
        capacity: usize,
        /// How much of a slot this side may write: its capacity, or nothing.
        writable: usize,
    }

    impl Source {
        /// A new one, all zero, without a name.
        pub(in crate::channel) fn create(capacity: u64) -> Result<Self> {
            shm::create_unnamed(region_len(capacity)).map(Self)
        }

        /// The one of this name.
        pub(in crate::channel) fn open(object: &str) -> Result<Self> {
            shm::open_named(object, true).map(Self)
        }

        /// One that somebody has opened.
        pub(in crate::channel) fn on(file: File) -> Self {
            Self(file)
        }

        /// Gives it its name.
        pub(in crate::channel) fn link(&self, object: &str) -> Result<()> {
            shm::link(&self.0, object)
        }

        /// Its length in bytes.
        pub(in crate::channel) fn len(&self, object: &str) -> Result<u64> {
            Ok(self.0.metadata().map_err(|e| Error::sys("fstat", object, e))?.len())
        }

        /// Maps the words, all of them to be written: for whoever makes or recovers the region. The caller has checked that
        /// they are there.
        pub(in crate::channel) fn page(&self, object: &str) -> Result<Page> {
            shm::map(&self.0, 0, PAYLOAD_OFFSET, true, object).map(Page)
        }

        /// Maps all of it, only to be read. The caller has checked that the region is long enough for `capacity`.
        pub(in crate::channel) fn view(&self, capacity: u64, object: String) -> Result<View> {
            let all = shm::map(&self.0, 0, region_len(capacity) as usize, false, &object)?;
            Ok(View { all, object, stride: stride(capacity) as usize, capacity: capacity as usize })
        }

        /// Maps what one side needs: the words, of which it may write its own page and the one of both; and the payload, a
        /// consumer's only to read. The caller has checked that the region is long enough for `capacity`.
        pub(in crate::channel) fn memory(&self, side: Side, capacity: u64, object: &str) -> Result<Memory> {
            let page = self.page(object)?;
            let theirs = match side {
                Side::Producer => offset_of!(Words, consumer),
                Side::Consumer => offset_of!(Words, producer),
            };
            shm::protect(&page.0, offset_of!(Words, header), PAGE, object)?;
            shm::protect(&page.0, theirs, PAGE, object)?;
            let (stride, writable) = (stride(capacity) as usize, side == Side::Producer);
            let payload = shm::map(&self.0, PAYLOAD_OFFSET as u64, SLOTS * stride, writable, object)?;
            shm::prefault(&payload, writable);
            // What a fork of this process had of us would be a second process on our side.
            shm::keep_from_forks(&page.0, object)?;
            shm::keep_from_forks(&payload, object)?;
            let capacity = capacity as usize;
            let writable = if writable { capacity } else { 0 };
            Ok(Memory { page, payload: Some(payload), stride, capacity, writable })
        }
    }

    impl Page {
        /// The shared words. They are atomics, so a reference to them claims nothing about their content.
        #[inline]
        pub(in crate::channel) fn words(&self) -> &Words {
            debug_assert!(self.0.len() >= size_of::<Words>());
            // SAFETY: the one constructor maps PAYLOAD_OFFSET = size_of::<Words>() bytes, page-aligned;
            // Words is made of atomics alone, so any content is valid and concurrent change is allowed; the borrow keeps
            // the map alive.
            unsafe { &*self.0.as_mut_ptr().cast::<Words>() }
        }
    }

    impl Memory {
        /// The words alone.
        pub(in crate::channel) fn of_words(page: Page) -> Self {
            Self { page, payload: None, stride: 0, capacity: 0, writable: 0 }
        }

        /// The shared words.
        #[inline]
        pub(in crate::channel) fn words(&self) -> &Words {
            self.page.words()
        }

        /// Whether the region was truncated, in a process that survives that.
        pub(in crate::channel) fn lost(&self) -> bool {
            self.page.0.lost() || self.payload.as_ref().is_some_and(Mapping::lost)
        }

        /// The first `len` bytes of a slot's payload, as far as it has so many.
        #[inline]
        pub(in crate::channel) fn bytes(&self, slot: usize, len: usize) -> Payload<'_> {
            match &self.payload {
                // SAFETY: `memory` maps so many bytes, and a stride is at least a capacity.
                Some(map) => unsafe { part(map, 0, slot, self.stride, len.min(self.capacity)) },
                None => Payload::from(&[][..]),
            }
        }

        /// A slot's payload, to be written, for the producer that may (I1).
        #[inline]
        pub(in crate::channel) fn bytes_mut(&mut self, slot: usize) -> &mut [u8] {
            let payload = self.bytes(slot, self.writable);
            // SAFETY: readable as every Payload is, and writable. Region::attach keeps a writable Memory only if
            // it got the producer's claim, which nobody else gets until this one is dropped or its process reaped: so there is no
            // other one, and `&mut self` keeps a second view of this one away. Whoever reads the same bytes by another mapping
            // does so as `changing` does. To write them past this crate is to change a file that another program has mapped.
            unsafe { std::slice::from_raw_parts_mut(payload.as_ptr().cast_mut(), payload.len()) }
        }
    }
}

/// The same on the heap of a model, with each slot's payload in a cell in which loom sees every race.
#[cfg(loom)]
mod modelled {
    use std::sync::Arc;

    use loom::cell::UnsafeCell;

    use super::Payload;
    use crate::channel::layout::{Words, region_len};
    use crate::channel::ownership::{SLOTS, Side};
    use crate::error::Result;

    #[derive(Debug)]
    struct Region {
        words: Words,
        payload: [UnsafeCell<Box<[u8]>>; SLOTS],
        capacity: u64,
    }

    // SAFETY: the atomics are shared by nature; the payload cells are reached by the owner of the slot alone, and loom
    // fails the model where that does not hold.
    unsafe impl Sync for Region {}
    // SAFETY: as above.
    unsafe impl Send for Region {}

    /// A region.
    #[derive(Debug)]
    pub(in crate::channel) struct Source(Arc<Region>);

    /// Its words.
    #[derive(Debug)]
    pub(in crate::channel) struct Page(Arc<Region>);

    /// All of it.
    #[derive(Debug)]
    pub(in crate::channel) struct Memory(Arc<Region>, Option<Side>);

    impl Source {
        pub(in crate::channel) fn create(capacity: u64) -> Result<Self> {
            let payload = std::array::from_fn(|_| UnsafeCell::new(vec![0; capacity as usize].into_boxed_slice()));
            Ok(Self(Arc::new(Region { words: Words::default(), payload, capacity })))
        }

        pub(in crate::channel) fn len(&self, _: &str) -> Result<u64> {
            Ok(region_len(self.0.capacity))
        }

        pub(in crate::channel) fn page(&self, _: &str) -> Result<Page> {
            Ok(Page(self.0.clone()))
        }

        pub(in crate::channel) fn memory(&self, side: Side, _: u64, _: &str) -> Result<Memory> {
            Ok(Memory(self.0.clone(), Some(side)))
        }
    }

    impl Page {
        pub(in crate::channel) fn words(&self) -> &Words {
            &self.0.words
        }
    }

    impl Memory {
        pub(in crate::channel) fn of_words(page: Page) -> Self {
            Self(page.0, None)
        }

        pub(in crate::channel) fn words(&self) -> &Words {
            &self.0.words
        }

        pub(in crate::channel) fn bytes(&self, slot: usize, len: usize) -> Payload<'_> {
            assert!(self.1.is_some(), "an onlooker maps no payload");
            // SAFETY: the box stays where it is; loom checks here that no write of it races with us, and whoever writes
            // later without having synchronised with our release is seen there.
            self.0.payload[slot]
                .with(|cell| unsafe { Payload::from(std::slice::from_raw_parts((*cell).as_ptr(), len)) })
        }

        pub(in crate::channel) fn bytes_mut(&mut self, slot: usize) -> &mut [u8] {
            assert!(self.1 == Some(Side::Producer), "only a producer maps the payload writable");
            // SAFETY: as above.
            self.0.payload[slot].with_mut(|cell| unsafe {
                let bytes = &mut **cell;
                std::slice::from_raw_parts_mut(bytes.as_mut_ptr(), bytes.len())
            })
        }
    }
}
