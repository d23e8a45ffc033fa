//! What describes a frame: every value that a peer may write is refused or harmless, and what we write is accepted.

use proptest::prelude::*;
use tricine_channel::meta::{META_WORDS, Meta};
use tricine_session::frame::{FrameMeta, MAX_SIDE};

/// Meta of each format.
fn good() -> impl Strategy<Value = FrameMeta> {
    prop_oneof![
        Just(FrameMeta::i420(64, 48)),
        Just(FrameMeta::i420(1, 3)),
        Just(FrameMeta::f32(2, 512, 48_000)),
        Just(FrameMeta::bytes(1000)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_meta_that_is_accepted_fits_its_slot(words in prop::array::uniform12(any::<u64>()), capacity in 1u64..1 << 29) {
        if let Ok(meta) = FrameMeta::decode(&words, capacity) {
            prop_assert!(meta.payload_len() <= capacity);
        }
    }

    #[test]
    fn one_wrong_word_in_a_meta_is_refused_or_harmless(
        good in good(), at in 0..META_WORDS, value in any::<u64>(), small in 0u64..0x1_0000, low in any::<bool>(),
    ) {
        let mut words = good.encode();
        words[at] = match low {
            true => (words[at] & !0xffff_ffff) | small,
            false => value,
        };
        let capacity = good.len + 100;
        let decoded = FrameMeta::decode(&words, capacity);
        if let Ok(meta) = decoded {
            prop_assert!(meta.payload_len() <= capacity);
            prop_assert_eq!(meta.encode(), words, "what is accepted is what was written");
            prop_assert!(meta.width <= MAX_SIDE && meta.height <= 1 << 29);
        }
        // From the frame before, which differs in its first words alone, the same is read and the same refused.
        if at < 5 {
            let mut updated = good;
            let update = updated.update(&words, capacity);
            prop_assert_eq!(update.map(|()| updated), decoded);
        }
    }

    #[test]
    fn every_meta_of_ours_is_accepted(width in 1..=MAX_SIDE, height in 1..=MAX_SIDE, pts in -(1i64 << 53)..1 << 53) {
        let meta = FrameMeta { pts_ns: pts, ..FrameMeta::i420(width, height) };
        prop_assert_eq!(FrameMeta::decode(&meta.encode(), meta.len), Ok(meta));
        prop_assert_eq!(FrameMeta::decode(&meta.encode(), meta.len - 1), Err(5));
    }
}

#[test]
fn a_meta_that_was_sealed_fits_its_own_payload_alone() {
    let payload = [7; 12];
    let mut meta = FrameMeta::i420(4, 2);
    meta.seal(41, &payload);
    assert_eq!((meta.seq, meta.payload_len()), (41, 12));
    assert!(meta.published_ns > 0);
    assert!(meta.fits((&payload[..]).into()));
    let mut other = payload;
    other[2] = 8;
    assert!(!meta.fits((&other[..]).into()) && !meta.fits((&payload[..11]).into()));
    assert_eq!(FrameMeta::decode(&meta.encode(), 12), Ok(meta));
    // What stands in a consumer's hands before the first frame.
    assert_eq!(FrameMeta::decode(&FrameMeta::NONE.encode(), 0), Ok(FrameMeta::NONE));
}
