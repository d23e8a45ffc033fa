//! Files of FLAC that were joined end to end, as `cat` joins them: one stream after another.

use std::ops::Range;

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::probed::{Probed, Reader};
use super::{Container, Contents, Extent, Packet, Packets};
use crate::{MediaError, MediaFile};

/// One of the streams.
#[derive(Clone)]
struct Part {
    file: MediaFile,
    start_ns: i64,
    params: AudioCodecParameters,
}

/// A file of several streams.
pub(super) struct Joined {
    contents: Contents,
    parts: Vec<Part>,
    end_ns: Option<i64>,
}

impl Joined {
    /// Opens the streams that lie at `places`, up to one that cannot be read. Errors: the first one cannot.
    pub(super) fn open(file: &MediaFile, places: Vec<Range<u64>>) -> Result<Self, MediaError> {
        let (mut contents, mut parts, mut end_ns) = (None, Vec::new(), Some(0));
        for place in places {
            // Only where all streams before it say how long they are is it known where one begins.
            let Some(start_ns) = end_ns else { break };
            let part = file.part(place);
            let probed = match Probed::open(&part) {
                Ok(probed) => probed,
                Err(_) if !parts.is_empty() => break,
                Err(error) => return Err(error),
            };
            let params = probed.contents().tracks.first().and_then(|track| track.audio.clone()?.ok());
            let Some(params) = params else { break };
            end_ns = probed.extent(0).and_then(|extent| extent.end_ns).map(|ns| start_ns + ns);
            contents.get_or_insert_with(|| probed.contents().clone());
            parts.push(Part { file: part, start_ns, params });
        }
        let contents = contents.ok_or_else(|| MediaError::Broken("it has no sound that can be played".into()))?;
        Ok(Self { contents, parts, end_ns })
    }
}

impl Container for Joined {
    fn contents(&self) -> &Contents {
        &self.contents
    }

    fn extent(&self, _track: usize) -> Option<Extent> {
        Some(Extent { start_ns: 0, end_ns: self.end_ns, packets: None })
    }

    fn packets(&self, _track: usize) -> Result<Box<dyn Packets>, MediaError> {
        let (reader, _) = Reader::open(&self.parts[0].file)?;
        Ok(Box::new(Parts { parts: self.parts.clone(), at: 0, reader, changed: None }))
    }
}

struct Parts {
    parts: Vec<Part>,
    /// The one that is read.
    at: usize,
    reader: Reader,
    /// What the next packet's decoder needs to know.
    changed: Option<AudioCodecParameters>,
}

impl Parts {
    fn go(&mut self, at: usize) -> Result<(), MediaError> {
        if at != self.at {
            (self.reader, self.at) = (Reader::open(&self.parts[at].file)?.0, at);
            self.changed = Some(self.parts[at].params.clone());
        }
        Ok(())
    }
}

impl Packets for Parts {
    fn next(&mut self) -> Result<Option<Packet>, MediaError> {
        loop {
            if let Some(packet) = self.reader.next()? {
                let pts_ns = packet.pts_ns.saturating_add(self.parts[self.at].start_ns);
                return Ok(Some(Packet { pts_ns, ..packet }));
            }
            if self.at + 1 == self.parts.len() {
                return Ok(None);
            }
            self.go(self.at + 1)?;
        }
    }

    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        let at = self.parts.partition_point(|part| part.start_ns <= target_ns).saturating_sub(1);
        self.go(at)?;
        self.reader.seek(target_ns.saturating_sub(self.parts[at].start_ns))
    }

    fn changed(&mut self) -> Option<AudioCodecParameters> {
        self.changed.take()
    }
}
