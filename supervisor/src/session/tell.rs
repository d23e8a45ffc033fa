//! What is said of a session that goes well: with `-v` what plays and what happens, with `-vv` what each process does. One line each.

use tricine_session::channel::{ChannelName, Spec};
use tricine_session::control::Role;
use tricine_session::link::Opened;
use tricine_session::name::shown;

use super::Session;
use super::inputs::called;
use crate::status::clock_text;

/// What an input holds, in a line.
pub(super) fn described(opened: &Opened) -> String {
    let mut words = Vec::new();
    words.extend((!opened.container.is_empty()).then(|| shown(&opened.container)));
    words.extend(opened.duration_ns.map(clock_text));
    words.extend(called(opened).map(|title| format!("\u{201c}{title}\u{201d}")));
    words.push(match &opened.video {
        None => "no pictures".into(),
        Some(video) => {
            let rate = video.rate.map(|rate| format!(", {} a second", (rate * 1000.0).round() / 1000.0));
            let light = video.light.as_ref().map(|light| format!(", {}", shown(light)));
            format!(
                "pictures {}, {}\u{d7}{}{}{}",
                shown(&video.codec),
                video.width,
                video.height,
                rate.unwrap_or_default(),
                light.unwrap_or_default()
            )
        }
    });
    words.push(match &opened.audio {
        None => "no sound".into(),
        Some(audio) => {
            let channels =
                if audio.channels == 1 { "1 channel".into() } else { format!("{} channels", audio.channels) };
            format!("sound {}, {} Hz, {channels}", shown(&audio.codec), audio.sample_rate)
        }
    });
    words.join("; ")
}

impl Session {
    /// Says something with `-v`.
    pub(super) fn tell_some(&self, text: impl FnOnce() -> String) {
        if self.options.verbose > 0 {
            self.status.notice(&text());
        }
    }

    /// Says something with `-vv`.
    pub(super) fn tell_more(&self, text: impl FnOnce() -> String) {
        if self.options.verbose > 1 {
            self.status.notice(&text());
        }
    }

    pub(super) fn tell_playing(&self) {
        if let Some(opened) = &self.opened {
            self.tell_some(|| format!("plays {}: {}", self.playing(), described(opened)));
        }
    }

    pub(super) fn tell_started(&self, role: Role) {
        let post = &self.posts[role];
        let pid = post.last_pid.unwrap_or(0);
        if post.starts > 1 {
            self.tell_some(|| format!("{role} is started again, as process {pid}"));
        } else {
            self.tell_more(|| format!("{role} is process {pid}"));
        }
    }

    pub(super) fn tell_made(&self, name: &ChannelName, spec: &Spec) {
        self.tell_more(|| format!("made {name}: three slots of {} bytes", spec.capacity));
    }
}

#[cfg(test)]
mod tests {
    use tricine_session::link::{AudioSummary, VideoSummary};

    use super::*;

    #[test]
    fn an_input_is_described_in_one_line_that_a_terminal_does_not_obey() {
        let opened = Opened {
            container: "Matroska".into(),
            title: Some("A\u{1b}[2J".into()),
            artist: Some("B".into()),
            duration_ns: Some(75_000_000_000),
            video: Some(VideoSummary {
                codec: "H.264 High".into(),
                light: Some("HDR (PQ), shown as SDR".into()),
                width: 640,
                height: 360,
                rate: Some(30_000.0 / 1001.0),
                frames: None,
            }),
            audio: Some(AudioSummary { codec: "AAC LC".into(), sample_rate: 48_000, channels: 2 }),
            ..Opened::default()
        };
        assert_eq!(
            described(&opened),
            "Matroska; 1:15; \u{201c}B \u{2014} A\\u{1b}[2J\u{201d}; pictures H.264 High, 640\u{d7}360, 29.97 a second, HDR (PQ), shown as SDR; \
             sound AAC LC, 48000 Hz, 2 channels"
        );
        assert_eq!(described(&Opened::default()), "no pictures; no sound");
    }
}
