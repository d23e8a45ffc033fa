//! Where cues come from: a file that was read whole, or a track of the film, which is read as the film goes on.

use std::sync::Arc;

use super::cue::Cue;
use super::placed::placed;
use super::screen::Seen;
use super::{ass, dvb, line21, srt, teletext, ttml, tx3g, vobsub, vtt};
use crate::caps;
use crate::container::{Before, Packet, Packets};
use crate::{MediaError, NS, VideoFormat};

/// How long before a moment a track is looked through for what is still on then, and for what that made room for.
const PREROLL_NS: i64 = 60 * NS;
/// The same for captions within pictures, all of whose packets are read for that.
const CAPTIONS_PREROLL_NS: i64 = 16 * NS;
/// What is sent in parts is whole after this time.
const SENDING_NS: i64 = 2 * NS;

/// What reading has found.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are a few of them at a time, most of them cues")]
pub(super) enum Read {
    Cue(Cue),
    /// What began before this time ends then at the latest.
    Clear(i64),
    /// The same, of that alone of which nothing said how long it lasts.
    Next(i64),
    /// Every cue that begins before this time was found.
    Until(i64),
    /// There are no more.
    End,
}

/// Cues in order of time.
pub(super) trait Source: Send {
    /// Goes to where every cue is found that is not over at `target_ns`, and those that began shortly before it.
    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError>;
    /// Reads on, as far as `until_ns`.
    fn read(&mut self, until_ns: i64) -> Result<Read, MediaError>;
}

/// The cues of a file.
#[derive(Debug)]
pub(super) struct Listed {
    cues: Vec<Cue>,
    at: usize,
    target_ns: i64,
}

impl Listed {
    /// `cues`, in order of time.
    pub(super) fn new(cues: Vec<Cue>) -> Self {
        Self { cues, at: 0, target_ns: i64::MIN }
    }
}

impl Source for Listed {
    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        (self.at, self.target_ns) = (0, target_ns);
        Ok(())
    }

    fn read(&mut self, until_ns: i64) -> Result<Read, MediaError> {
        while let Some(cue) = self.cues.get(self.at) {
            if cue.start_ns >= until_ns {
                return Ok(Read::Until(until_ns));
            }
            self.at += 1;
            if cue.end_ns > self.target_ns || cue.start_ns > self.target_ns.saturating_sub(PREROLL_NS) {
                return Ok(Read::Cue(cue.clone()));
            }
        }
        Ok(Read::End)
    }
}

/// What a track's packets are.
#[derive(Debug, Clone)]
pub(crate) enum Codec {
    /// Text with SubRip's tags.
    Srt,
    /// Text with WebVTT's tags; `named` if a name and settings stand before it.
    Vtt { named: bool },
    /// Boxes with WebVTT, as MP4 has it.
    VttBoxes,
    /// Events of ASS or SSA.
    Ass,
    /// `mov_text`.
    Tx3g,
    /// Pictures of Blu-ray discs.
    Pgs,
    /// Pictures of DVDs.
    VobSub,
    /// Pictures of European television.
    Dvb,
    /// Pages of its letters.
    Teletext,
    /// Captions of American television; `boxed` as QuickTime has them.
    Line21 { boxed: bool },
    /// Documents of TTML.
    Ttml,
}

impl Codec {
    /// The codec of Matroska's name.
    pub(crate) fn matroska(id: &str) -> Option<Self> {
        Some(match id {
            "S_TEXT/UTF8" | "S_TEXT/ASCII" => Self::Srt,
            "S_TEXT/WEBVTT" => Self::Vtt { named: false },
            "D_WEBVTT/SUBTITLES" | "D_WEBVTT/CAPTIONS" => Self::Vtt { named: true },
            "S_TEXT/ASS" | "S_ASS" | "S_TEXT/SSA" | "S_SSA" => Self::Ass,
            "S_HDMV/PGS" => Self::Pgs,
            "S_VOBSUB" => Self::VobSub,
            "S_DVBSUB" => Self::Dvb,
            _ => return None,
        })
    }

    /// The codec of a code of MP4.
    pub(crate) fn mp4(code: [u8; 4]) -> Option<Self> {
        match &code {
            b"tx3g" | b"text" => Some(Self::Tx3g),
            b"wvtt" => Some(Self::VttBoxes),
            b"stpp" => Some(Self::Ttml),
            b"c608" => Some(Self::Line21 { boxed: true }),
            _ => None,
        }
    }
}

/// What makes cues of packets.
enum Decoder {
    Srt,
    Vtt {
        named: bool,
        sheet: vtt::Sheet,
    },
    VttBoxes(vtt::Sheet),
    Ass(Arc<ass::Sheet>),
    Tx3g(tx3g::Usual),
    Pgs(super::pgs::Decoder),
    VobSub(vobsub::Decoder),
    Dvb(dvb::Decoder),
    Teletext(Box<teletext::Decoder>),
    Line21 {
        boxed: bool,
        decoder: Box<line21::Decoder>,
    },
    /// Where the film begins on the track's timeline, in ns.
    Ttml(i64),
}

/// The cues of a track.
pub(super) struct Tracked {
    packets: Box<dyn Packets>,
    decoder: Decoder,
    /// What its pictures are laid over.
    film: Option<VideoFormat>,
    /// Found and not given out, last first.
    found: Vec<Read>,
}

impl Tracked {
    /// Of packets that `codec` made, for a film with such pictures; `config` is what the container says of the codec.
    pub(super) fn new(packets: Box<dyn Packets>, codec: &Codec, config: &[u8], film: Option<VideoFormat>) -> Self {
        let decoder = match codec {
            Codec::Srt => Decoder::Srt,
            Codec::Vtt { named } => {
                Decoder::Vtt { named: *named, sheet: vtt::Sheet::read(&String::from_utf8_lossy(config)) }
            }
            Codec::VttBoxes => Decoder::VttBoxes(vtt::Sheet::read(&String::from_utf8_lossy(config))),
            Codec::Ass => {
                let high = film.as_ref().map(|film| film.height);
                Decoder::Ass(Arc::new(ass::Sheet::read(&String::from_utf8_lossy(config), high)))
            }
            Codec::Tx3g => Decoder::Tx3g(tx3g::Usual::read(config)),
            Codec::Pgs => Decoder::Pgs(super::pgs::Decoder::default()),
            Codec::VobSub => Decoder::VobSub(vobsub::Decoder::read(config)),
            Codec::Dvb => Decoder::Dvb(dvb::Decoder::read(config)),
            Codec::Teletext => Decoder::Teletext(Box::new(teletext::Decoder::read(config))),
            Codec::Ttml => Decoder::Ttml(config.first_chunk().map_or(0, |zero| i64::from_be_bytes(*zero))),
            Codec::Line21 { boxed } => {
                // Of a track of its own, the first captions.
                let config = if *boxed { &[] } else { config };
                Decoder::Line21 { boxed: *boxed, decoder: Box::new(line21::Decoder::read(config)) }
            }
        };
        Self { packets, decoder, film, found: Vec::new() }
    }

    fn decode(&mut self, packet: &Packet) {
        let start_ns = packet.pts_ns;
        // Without an end, until the next one comes.
        let end_ns = if packet.duration_ns > 0 { start_ns.saturating_add(packet.duration_ns) } else { i64::MAX };
        let text = || String::from_utf8_lossy(&packet.data);
        let next = |cues: Vec<Cue>| [Read::Next(start_ns)].into_iter().chain(cues.into_iter().map(Read::Cue)).collect();
        let one = |cue: Option<Cue>| next(cue.into_iter().collect());
        let mut found: Vec<Read> = match &mut self.decoder {
            Decoder::Srt => one(srt::cue(start_ns, end_ns, &text())),
            Decoder::Vtt { named: false, sheet } => one(sheet.cue(start_ns, end_ns, "", &text())),
            Decoder::Vtt { named: true, sheet } => {
                let text = text();
                let mut lines = text.splitn(3, '\n').skip(1);
                let settings = lines.next().unwrap_or_default();
                one(sheet.cue(start_ns, end_ns, settings, lines.next().unwrap_or_default()))
            }
            Decoder::VttBoxes(sheet) => next(vtt::boxes(sheet, start_ns, end_ns, &packet.data)),
            Decoder::Ass(sheet) => one(sheet.packet(start_ns, end_ns, &text())),
            Decoder::Tx3g(usual) => one(usual.packet(start_ns, end_ns, &packet.data)),
            Decoder::Pgs(decoder) => match decoder.packet(&packet.data) {
                None => Vec::new(),
                Some(pictures) => {
                    let cue = |body| Read::Cue(Cue { start_ns, end_ns, body });
                    [Read::Clear(start_ns)].into_iter().chain(pictures.into_iter().map(cue)).collect()
                }
            },
            Decoder::Dvb(decoder) => match decoder.packet(&packet.data) {
                None => Vec::new(),
                Some(seen) => {
                    let end_ns = start_ns.saturating_add(seen.lasts_ns.max(1));
                    let cue = |body| Read::Cue(Cue { start_ns, end_ns, body });
                    [Read::Clear(start_ns)].into_iter().chain(seen.pictures.into_iter().map(cue)).collect()
                }
            },
            Decoder::Teletext(decoder) => {
                decoder.packet(start_ns, &packet.data).into_iter().flat_map(screens).collect()
            }
            Decoder::Ttml(zero_ns) => next(ttml::packet(start_ns, end_ns, *zero_ns, &text())),
            Decoder::Line21 { boxed, decoder } => {
                let pairs = if *boxed { line21::unboxed(&packet.data) } else { Vec::new() };
                let seen = decoder.packet(start_ns, if *boxed { &pairs } else { &packet.data });
                seen.into_iter().flat_map(screens).collect()
            }
            Decoder::VobSub(decoder) => {
                // Its own end counts, else the container's; else it stays until the next one comes.
                let cues = decoder.packet(&packet.data).unwrap_or_default().into_iter().map(|seen| {
                    let end_ns = seen.until_ns.map_or(end_ns, |until_ns| start_ns.saturating_add(until_ns));
                    Cue { start_ns: start_ns.saturating_add(seen.from_ns), end_ns, body: seen.body }
                });
                let cues = cues.filter(|cue| cue.start_ns < cue.end_ns).map(Read::Cue);
                [Read::Clear(start_ns)].into_iter().chain(cues).collect()
            }
        };
        found.truncate(caps::CUES_ON + 1);
        if let Some(film) = &self.film {
            let place = |cue: Cue| Cue { body: placed(cue.body, film), ..cue };
            found = found
                .into_iter()
                .map(|read| if let Read::Cue(cue) = read { Read::Cue(place(cue)) } else { read })
                .collect();
        }
        found.reverse();
        self.found = found;
    }

    /// Takes what was sent of something whose end has not come. Whether that is anything.
    fn flush(&mut self) -> bool {
        let seen = match &mut self.decoder {
            Decoder::Teletext(decoder) => decoder.flush(),
            Decoder::Line21 { decoder, .. } => decoder.flush(),
            _ => None,
        };
        let before = self.found.len();
        let mut found: Vec<Read> = seen.into_iter().flat_map(screens).collect();
        found.reverse();
        self.found.splice(0..0, found);
        self.found.len() > before
    }
}

/// What takes the place of all that was there before.
fn screens(seen: Seen) -> impl Iterator<Item = Read> {
    [Read::Clear(seen.at_ns)].into_iter().chain(seen.cues.into_iter().map(Read::Cue))
}

impl Decoder {
    /// Since when something is being sent whose end has not come.
    fn pending_ns(&self) -> Option<i64> {
        match self {
            Self::Teletext(decoder) => decoder.pending_ns(),
            Self::Line21 { decoder, .. } => decoder.pending_ns(),
            _ => None,
        }
    }
}

impl Source for Tracked {
    fn seek(&mut self, target_ns: i64) -> Result<(), MediaError> {
        self.found.clear();
        match &mut self.decoder {
            Decoder::Pgs(decoder) => *decoder = super::pgs::Decoder::default(),
            Decoder::Dvb(decoder) => decoder.forget(),
            Decoder::Teletext(decoder) => decoder.forget(),
            Decoder::Line21 { decoder, .. } => decoder.forget(),
            _ => {}
        }
        let within = matches!(self.decoder, Decoder::Line21 { boxed: false, .. });
        self.packets.approach(target_ns.saturating_sub(if within { CAPTIONS_PREROLL_NS } else { PREROLL_NS }))
    }

    fn read(&mut self, until_ns: i64) -> Result<Read, MediaError> {
        loop {
            if let Some(read) = self.found.pop() {
                return Ok(read);
            }
            match self.packets.next_before(until_ns)? {
                Before::Packet(packet) if packet.hidden => {}
                Before::Packet(packet) => {
                    self.decode(&packet);
                    // So far it is known what begins.
                    let begun = self.decoder.pending_ns().is_some_and(|at_ns| packet.pts_ns - at_ns < SENDING_NS);
                    if packet.pts_ns >= until_ns && !begun {
                        self.flush();
                        self.found.insert(0, Read::Until(packet.pts_ns));
                    }
                }
                Before::NotYet if !self.flush() => return Ok(Read::Until(until_ns)),
                Before::End if !self.flush() => return Ok(Read::End),
                Before::NotYet | Before::End => {}
            }
        }
    }
}
