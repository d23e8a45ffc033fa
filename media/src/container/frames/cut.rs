//! Sound that goes on from one packet to the next, as transport and program streams carry it, cut into frames.

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::header::{Header, params};
use super::latm::Latm;

/// Bytes by which a frame is recognised.
const HEAD: usize = 8;

/// A frame of sound as its decoder takes it.
pub(in crate::container) struct Frame {
    pub(in crate::container) data: Vec<u8>,
    pub(in crate::container) params: AudioCodecParameters,
    /// Where in the packet it begins; less than 0 of one that began in an earlier packet.
    pub(in crate::container) offset: i64,
}

/// Cuts one stream.
#[derive(Default)]
pub(in crate::container) struct Cutter {
    /// What the frame that is not whole yet has so far.
    left: Vec<u8>,
    /// The last frame ended where the next one is to begin.
    following: bool,
    latm: Option<Latm>,
}

impl Cutter {
    /// For frames of LATM.
    pub(in crate::container) fn latm() -> Self {
        Self { latm: Some(Latm::default()), ..Self::default() }
    }

    /// Forgets what came before: the next packet is another place's.
    pub(in crate::container) fn jump(&mut self) {
        self.left.clear();
        self.following = false;
    }

    /// The frames that are whole once `body` is there.
    pub(in crate::container) fn cut(&mut self, body: &[u8]) -> Vec<Frame> {
        let mut data = std::mem::take(&mut self.left);
        let (before, mut at, mut frames) = (data.len(), 0, Vec::new());
        data.extend_from_slice(body);
        while let Some(rest) = data.get(at..).filter(|rest| rest.len() >= HEAD) {
            let Some(len) = self.len(rest) else {
                self.following = false;
                at += 1;
                continue;
            };
            let Some(frame) = rest.get(..len) else { break };
            // The first bytes of a frame may be found within another one; those of two in a row are not.
            if !self.following && rest.len() >= len + HEAD && self.len(&rest[len..]).is_none() {
                at += 1;
                continue;
            }
            self.following = true;
            let found = match &mut self.latm {
                Some(latm) => latm.take(frame),
                None => Header::parse(frame)
                    .filter(|header| !header.dependent)
                    .and_then(|header| Some((frame[header.skip as usize..].to_vec(), params(&header, frame)?))),
            };
            frames.extend(found.map(|(data, params)| Frame { data, params, offset: at as i64 - before as i64 }));
            at += len;
        }
        self.left = data.split_off(at.min(data.len()));
        frames
    }

    /// Bytes of the frame that begins here, if one does.
    fn len(&self, rest: &[u8]) -> Option<usize> {
        match self.latm {
            Some(_) => Latm::len(rest),
            None => Header::parse(rest).filter(|header| header.len > header.skip).map(|header| header.len as usize),
        }
    }
}
