//! One zero of time for all tracks of a film.

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::{Before, Packet, Packets};
use crate::MediaError;

/// A track's packets on a timeline that begins later than the container's own.
pub(crate) struct Shifted {
    pub(crate) packets: Box<dyn Packets>,
    /// Where the film begins on the container's timeline.
    pub(crate) zero_ns: i64,
}

impl Packets for Shifted {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        let packet = self.packets.next()?;
        Ok(packet.map(|packet| Packet { pts_ns: packet.pts_ns.saturating_sub(self.zero_ns), ..packet }))
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.packets.seek(target_ns.saturating_add(self.zero_ns))
    }

    fn next_before(&mut self, until_ns: i64) -> Result<Before, MediaError> {
        Ok(match self.packets.next_before(until_ns.saturating_add(self.zero_ns))? {
            Before::Packet(packet) => {
                Before::Packet(Packet { pts_ns: packet.pts_ns.saturating_sub(self.zero_ns), ..packet })
            }
            other => other,
        })
    }

    fn approach(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.packets.approach(target_ns.saturating_add(self.zero_ns))
    }

    fn changed(&mut self) -> Option<AudioCodecParameters> {
        self.packets.changed()
    }

    fn coarse(&self) -> bool {
        self.packets.coarse()
    }
}
