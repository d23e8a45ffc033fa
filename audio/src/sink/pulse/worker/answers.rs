//! What the sound server says, and what follows from it.

use std::ffi::CStr;

use pulseaudio::protocol::{Command, CreatePlaybackStreamReply, PlaybackLatency};
use tricine_channel::time::mono_ns;

use super::super::wire::{Legacy, Lost, Message};
use super::{FRAME, MS, Pending, Report, STARTING_NS, Stream, Talk};

impl Talk<'_> {
    /// What the server says.
    pub(super) fn hear(&mut self, message: &Message) -> Result<(), Lost> {
        let ours = |channel: u32| self.stream.as_ref().is_some_and(|s| s.channel == channel);
        match &message.command {
            Command::Reply => return self.answer(message),
            Command::Error(error) => {
                if let Some((_, pending)) = self.answered(message.seq) {
                    return Err(match pending {
                        Pending::Create => format!("the sound server opens no stream: {error}"),
                        _ => format!("the sound server refuses: {error}"),
                    });
                }
            }
            Command::PlaybackStreamKilled(channel) if ours(*channel) => return Err("the sound's sink is gone".into()),
            Command::PlaybackStreamMoved(moved) if ours(moved.stream_index) => {
                self.report(Report::Opened(text(Some(&moved.device_name)), self.legacy(moved.stream_index)));
                self.restarted();
            }
            Command::Started(channel) if ours(*channel) => self.restarted(),
            Command::Underflow(underflow) if ours(underflow.channel) => {
                // Asked at once: all that was there may have been heard.
                (self.ran_dry, self.asked_ns) = (self.sent > 0, 0);
            }
            _ => {}
        }
        Ok(())
    }

    fn restarted(&mut self) {
        self.starting_until_ns = mono_ns() + STARTING_NS;
        self.report(Report::Started);
    }

    /// What the answer `seq` answers, and when that was asked.
    fn answered(&mut self, seq: u32) -> Option<(u64, Pending)> {
        let at = self.pending.iter().position(|&(s, _, _)| s == seq)?;
        let (_, pending, asked_ns) = self.pending.remove(at);
        Some((asked_ns, pending))
    }

    fn answer(&mut self, message: &Message) -> Result<(), Lost> {
        match self.answered(message.seq) {
            Some((_, Pending::Create)) => {
                let reply: CreatePlaybackStreamReply = message.reply()?;
                self.stream = Some(Stream { channel: reply.channel, base: Some(0) });
                self.starting_until_ns = mono_ns() + STARTING_NS;
                self.report(Report::Opened(text(reply.sink_name.as_deref()), self.legacy(reply.channel)));
                // The speaker may have changed its mind since it asked.
                self.cork()?;
            }
            Some((_, Pending::Base)) => {
                let time: PlaybackLatency = message.reply()?;
                // Of several flushes the last one counts.
                if !self.pending.iter().any(|(_, p, _)| matches!(p, Pending::Base))
                    && let Some(stream) = &mut self.stream
                {
                    stream.base = Some(time.write_offset);
                }
            }
            Some((asked_ns, Pending::Inherit)) => {
                let time: PlaybackLatency = message.reply()?;
                self.inherited(asked_ns, &time);
            }
            Some((asked_ns, Pending::Time(epoch))) if epoch == self.epoch => {
                let time: PlaybackLatency = message.reply()?;
                self.timed(asked_ns, &time);
            }
            _ => {}
        }
        Ok(())
    }

    fn legacy(&self, channel: u32) -> Legacy {
        Legacy { channel, version: self.wire.version(), rate: self.format.rate }
    }

    /// A predecessor's stream is here: position 0 is put so far back that what is heard now lies after it.
    fn inherited(&mut self, asked_ns: u64, time: &PlaybackLatency) {
        let latency_ns = time.sink_usec.min(60_000_000) * 1000;
        let bytes = |ns: u64| (self.format.times(ns) as usize * FRAME) as i64;
        let buffered = time.write_offset.saturating_sub(time.read_offset).max(0);
        if let Some(stream) = self.stream.as_mut().filter(|_| self.epoch == 0) {
            let base = time.read_offset.saturating_sub(bytes(latency_ns + 1_000 * MS));
            stream.base = Some(base);
            self.sent = (time.write_offset.saturating_sub(base).max(0) as usize / FRAME) as u64;
            self.dry = false;
        }
        self.starting_until_ns = mono_ns() + STARTING_NS;
        let buffered_ns = self.format.ns(buffered as u64 / FRAME as u64);
        self.report(Report::Inherited {
            epoch: self.epoch,
            written_ns: self.format.ns(self.sent),
            until_ns: asked_ns + latency_ns + buffered_ns,
        });
    }

    fn timed(&mut self, asked_ns: u64, time: &PlaybackLatency) {
        let Some(base) = self.stream.as_ref().and_then(|s| s.base) else { return };
        let ns = |bytes: i64| {
            let times = self.format.ns(bytes.unsigned_abs() / FRAME as u64) as i64;
            if bytes < 0 { -times } else { times }
        };
        let latency_ns = time.sink_usec.min(60_000_000) * 1000;
        // A stream that was never dry says so with all bits set.
        let silent_ns = if time.underrun_for > i64::MAX as u64 { 0 } else { ns(time.underrun_for as i64) as u64 };
        let drained = time.read_offset >= time.write_offset && self.queue.is_empty() && silent_ns >= latency_ns;
        let dry_ns = (drained && self.sent > 0).then(|| self.format.ns(self.sent));
        self.dry |= dry_ns.is_some();
        self.report(Report::Time {
            epoch: self.epoch,
            at_ns: asked_ns / 2 + mono_ns() / 2,
            position_ns: ns(time.read_offset.saturating_sub(base)).saturating_sub(latency_ns as i64),
            playing: time.playing,
            dry_ns,
        });
    }
}

fn text(name: Option<&CStr>) -> String {
    name.map_or_else(|| "default".into(), |name| name.to_string_lossy().into_owned())
}
