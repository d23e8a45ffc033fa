//! Interlaced pictures: each is shown as one moment, made with the help of the ones before and after it.

use std::sync::Arc;

use super::Player;
use crate::video::codec::Fields;
use crate::video::deinterlace::deinterlace;
use crate::{MediaError, Picture, VideoFormat, VideoFrame};

/// A frame in its turn, and which of its lines come first if they are those of two moments.
pub(super) type Turn = (VideoFrame, Option<Fields>);

/// What is kept of the frames around the one that is given out.
#[derive(Default)]
pub(super) struct Weave {
    /// Interlaced pictures are shown as they are.
    untouched: bool,
    /// The stream has interlaced pictures.
    seen: bool,
    before: Option<Arc<Vec<u8>>>,
    held: Option<(Turn, Arc<Vec<u8>>)>,
    failed: Option<MediaError>,
}

impl Weave {
    pub(super) fn new(untouched: bool) -> Self {
        Self { untouched, ..Self::default() }
    }

    /// The next frame follows none.
    pub(super) fn jump(&mut self) {
        (self.before, self.held, self.failed) = (None, None, None);
    }
}

/// The samples of three pictures, of which the middle one is to be shown.
struct Three {
    samples: [Arc<Vec<u8>>; 3],
    format: VideoFormat,
    fields: Option<Fields>,
}

impl Picture for Three {
    fn write_i420(&mut self, out: &mut [u8]) {
        let [before, now, after] = &self.samples;
        match self.fields {
            Some(fields) => deinterlace([before, now, after], (self.format.width, self.format.height), fields, out),
            None => out.copy_from_slice(now),
        }
    }
}

fn written(frame: &mut VideoFrame) -> Arc<Vec<u8>> {
    let mut samples = vec![0; frame.format.i420_len()];
    frame.picture.write_i420(&mut samples);
    Arc::new(samples)
}

impl Player {
    /// The next frame in order, whatever a seek may want.
    pub(super) fn next_in_order(&mut self) -> Result<Option<VideoFrame>, MediaError> {
        let ((frame, fields), now) = match self.weave.held.take() {
            Some((turn, samples)) => (turn, samples),
            None => {
                if let Some(error) = self.weave.failed.take() {
                    return Err(error);
                }
                let Some((mut frame, fields)) = self.next_turn()? else { return Ok(None) };
                if self.weave.untouched || fields.is_none() && !self.weave.seen {
                    return Ok(Some(frame));
                }
                self.weave.seen = true;
                let samples = written(&mut frame);
                ((frame, fields), samples)
            }
        };
        match self.next_turn() {
            Ok(Some((mut next, fields))) => {
                let samples = written(&mut next);
                self.weave.held = Some(((next, fields), samples));
            }
            Ok(None) => {}
            Err(error) => self.weave.failed = Some(error),
        }
        let alike = |samples: &Arc<Vec<u8>>| samples.len() == now.len();
        let after = self.weave.held.as_ref().map(|(_, samples)| samples.clone()).filter(alike);
        let before = self.weave.before.take().filter(alike);
        self.weave.before = Some(now.clone());
        let samples = [before.unwrap_or_else(|| now.clone()), now.clone(), after.unwrap_or(now)];
        let picture = Box::new(Three { samples, format: frame.format, fields });
        Ok(Some(VideoFrame { picture, ..frame }))
    }
}
