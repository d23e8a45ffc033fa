//! Sound that goes on from one packet to the next, as transport and program streams carry it, cut into frames.

use symphonia::core::codecs::audio::AudioCodecParameters;

use super::header::{Header, params};
use super::latm::Latm;
use super::units::{Dvd, Opus, bluray};

/// Bytes by which a frame is recognised.
const HEAD: usize = 8;

/// A frame of sound as its decoder takes it.
pub(in crate::container) struct Frame {
    pub(in crate::container) data: Vec<u8>,
    pub(in crate::container) params: AudioCodecParameters,
    /// Where in the packet it begins; less than 0 of one that began in an earlier packet.
    pub(in crate::container) offset: i64,
}

/// How a stream's sound lies in its packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::container) enum Form {
    /// Frames that tell by their headers what they are.
    #[default]
    Frames,
    /// AAC in LATM.
    Latm,
    /// Samples, as a DVD has them.
    Dvd,
    /// Samples, as a Blu-ray disc has them.
    Bluray,
    /// Opus, and what the programme's map says of its channels.
    Opus(u8),
}

enum How {
    Frames,
    Latm(Latm),
    Dvd(Dvd),
    Bluray,
    Opus(Opus),
}

/// Cuts one stream.
pub(in crate::container) struct Cutter {
    /// What the frame that is not whole yet has so far.
    left: Vec<u8>,
    /// The last frame ended where the next one is to begin.
    following: bool,
    how: How,
    /// What the first frame said of the channels of those whose headers do not.
    described: Option<AudioCodecParameters>,
}

impl Default for Cutter {
    fn default() -> Self {
        Self::new(Form::Frames)
    }
}

impl Cutter {
    pub(in crate::container) fn new(form: Form) -> Self {
        let how = match form {
            Form::Frames => How::Frames,
            Form::Latm => How::Latm(Latm::default()),
            Form::Dvd => How::Dvd(Dvd::default()),
            Form::Bluray => How::Bluray,
            Form::Opus(code) => How::Opus(Opus::new(code)),
        };
        Self { left: Vec::new(), following: false, how, described: None }
    }

    /// Forgets what came before: the next packet is another place's.
    pub(in crate::container) fn jump(&mut self) {
        self.left.clear();
        self.following = false;
        if let How::Dvd(dvd) = &mut self.how {
            *dvd = Dvd::default();
        }
    }

    /// The frames that are whole once `body` is there.
    pub(in crate::container) fn cut(&mut self, body: &[u8]) -> Vec<Frame> {
        let whole = |(data, params)| Frame { data, params, offset: 0 };
        match &mut self.how {
            How::Dvd(dvd) => return dvd.take(body).map(whole).into_iter().collect(),
            How::Bluray => return bluray(body).map(whole).into_iter().collect(),
            How::Opus(opus) => return opus.take(body).into_iter().map(whole).collect(),
            How::Frames | How::Latm(_) => {}
        }
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
            let described = &mut self.described;
            let found = match &mut self.how {
                How::Latm(latm) => latm.take(frame),
                _ => Header::parse(frame).filter(|header| !header.dependent).and_then(|header| {
                    if let Some(said) = params(&header, frame) {
                        *described = Some(said);
                    }
                    Some((frame[header.skip as usize..].to_vec(), described.clone()?))
                }),
            };
            frames.extend(found.map(|(data, params)| Frame { data, params, offset: at as i64 - before as i64 }));
            at += len;
        }
        self.left = data.split_off(at.min(data.len()));
        frames
    }

    /// Bytes of the frame that begins here, if one does.
    fn len(&self, rest: &[u8]) -> Option<usize> {
        match self.how {
            How::Latm(_) => Latm::len(rest),
            _ => Header::parse(rest).filter(|header| header.len > header.skip).map(|header| header.len as usize),
        }
    }
}
