//! Filling a sample that iceoryx2 lends, in place, for the measurement that compares with it.

use iceoryx2::sample_mut::SampleMut;
use iceoryx2::sample_mut_uninit::SampleMutUninit;
use iceoryx2::service::Service;

/// A sample of bytes that nobody has filled yet.
pub type Lent<S> = SampleMutUninit<S, [std::mem::MaybeUninit<u8>], ()>;

/// Has `fill` write what it wants of the sample, which then is ready to be sent.
pub fn fill<S: Service>(mut lent: Lent<S>, fill: impl FnOnce(&mut [u8])) -> SampleMut<S, [u8], ()> {
    let payload = lent.payload_mut();
    // SAFETY: the sample lies in shared memory that the kernel gave as zeros, so every byte has a value; any value is a u8;
    // the sample is ours alone until it is sent.
    fill(unsafe { std::slice::from_raw_parts_mut(payload.as_mut_ptr().cast::<u8>(), payload.len()) });
    // SAFETY: as above: every byte has a value.
    unsafe { lent.assume_init() }
}
