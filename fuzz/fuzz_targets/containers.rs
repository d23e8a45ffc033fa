//! Bytes of somebody else's, read as each container: its tracks, their packets, and the packets behind a seek.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tricine_media::{MediaError, MediaFile, container};

fuzz_target!(|bytes: &[u8]| {
    let file = MediaFile::from_bytes(bytes, "fuzzed");
    let Ok(Some(container)) = container::open(&file) else { return };
    for track in 0..container.contents().tracks.len().min(8) {
        std::hint::black_box(container.extent(track));
        let Ok(mut packets) = container.packets(track) else { continue };
        for target_ns in [i64::MIN, 0, 500_000_000, i64::MAX] {
            // Each call makes progress, so that what is left of the file bounds the calls.
            for _ in 0..bytes.len() + 100 {
                match packets.next() {
                    Ok(Some(packet)) => assert!(packet.data.len() <= 1 << 28),
                    Err(MediaError::Damaged(_)) => {}
                    Ok(None) | Err(_) => break,
                }
            }
            if packets.seek(target_ns).is_err() {
                break;
            }
        }
    }
});
