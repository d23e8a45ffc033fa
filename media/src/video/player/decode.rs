//! Taking packets in: reading ahead, feeding the codec inside the fence, beginning anew after damage.

use super::{AHEAD, Due, Player};
use crate::container::Packet;
use crate::guard::guarded;
use crate::video::codec::{self, CONVERT, Codec, CodecError, Decoded, Delivery};
use crate::{MediaError, caps};

impl Player {
    /// Decodes one packet; `false` when there is none left. Errors say what was skipped.
    pub(super) fn step(&mut self) -> Result<bool, MediaError> {
        self.fill();
        let mut packet = match self.ahead.pop_front() {
            Some(Ok(packet)) => packet,
            Some(Err(error)) => {
                // What came before it is whole. What follows may refer to what is missing, also behind a key frame: a codec goes on that
                // knows nothing of what was before.
                let _ = self.run(|codec, out| codec.flush(out));
                self.restart()?;
                return Err(error);
            }
            None if self.inside.is_empty() => return Ok(false),
            None => {
                let result = self.run(|codec, out| codec.flush(out));
                self.inside.clear();
                return result.map(|()| true);
            }
        };
        if packet.config != self.config {
            return self.reconfigure(packet);
        }
        if self.await_sync {
            if !packet.sync {
                return Ok(true);
            }
            self.await_sync = false;
            if self.target_ns.is_some() {
                self.not_before_ns = packet.pts_ns;
            }
        }
        let unwanted = self.passes_by(&packet) || packet.pts_ns < self.hurry_ns;
        if unwanted && guarded(|| self.codec.disposable(&packet.data)).unwrap_or(false) {
            return Ok(true);
        }
        let tag = self.next_tag;
        self.next_tag += 1;
        let Packet { pts_ns, duration_ns, hidden, .. } = packet;
        let delivery = self.codec.delivery();
        let kept = (delivery == Delivery::DecodedLate).then(|| packet.clone());
        let data = std::mem::take(&mut packet.data);
        self.inside.insert(tag, Due { pts_ns, duration_ns, hidden, packet: kept });
        // What a late codec swallows never comes back.
        while self.inside.len() > 2 * caps::WAITING_PICTURES {
            self.inside.pop_first();
        }
        // Of a late codec, damage may be that of a picture before: with a key frame that brought it to light decoding goes on.
        let again =
            (delivery == Delivery::Late && packet.sync && !std::mem::take(&mut self.fed_again)).then(|| data.clone());
        let result = self.run(|codec, out| codec.decode(data, tag, out));
        if !matches!(self.codec.delivery(), Delivery::Late | Delivery::DecodedLate) {
            self.inside.remove(&tag);
        }
        if let (Err(MediaError::Damaged(_)), Some(data)) = (&result, again) {
            self.ahead.push_front(Ok(Packet { data, ..packet }));
            self.fed_again = true;
        }
        result.map(|()| true)
    }

    /// Goes over to the configuration of `packet`, which comes next; what the codec still holds is taken out before.
    pub(super) fn reconfigure(&mut self, packet: Packet) -> Result<bool, MediaError> {
        let config = packet.config;
        if config >= self.track.configs.len() {
            return Err(MediaError::Damaged("a sample of another codec".into()));
        }
        self.ahead.push_front(Ok(packet));
        // After damage, packets may be to be decoded anew before it.
        self.run(|codec, out| codec.flush(out))?;
        self.config = config;
        self.restart()?;
        Ok(true)
    }

    /// Whether a seek is on its way to a later packet, which has been read already.
    pub(super) fn passes_by(&self, packet: &Packet) -> bool {
        let Some(target_ns) = self.target_ns else { return false };
        let nearer = |other: &Packet| !other.hidden && other.pts_ns > packet.pts_ns && other.pts_ns <= target_ns;
        self.ahead.iter().flatten().any(nearer)
    }

    /// Reads packets ahead.
    pub(super) fn fill(&mut self) {
        let sorted = matches!(self.codec.delivery(), Delivery::Decoded | Delivery::DecodedLate);
        let depth = if sorted { AHEAD } else { 2 };
        while !self.ended && self.ahead.len() < depth {
            self.read_on();
        }
    }

    fn read_on(&mut self) {
        match self.packets.next() {
            Ok(Some(packet)) => self.ahead.push_back(Ok(packet)),
            Ok(None) => self.ended = true,
            Err(error) => {
                self.ended = !matches!(error, MediaError::Damaged(_));
                self.ahead.push_back(Err(error));
            }
        }
    }

    /// Leaves out everything up to the first key frame after `film_ns`, or up to the last one that is near enough to be read ahead; nothing
    /// if there is none. Errors: no codec can be had.
    pub(super) fn leap(&mut self, film_ns: i64) -> Result<(), MediaError> {
        let mut bytes = self.ahead.iter().flatten().map(|packet| packet.data.len()).sum::<usize>();
        while !self.ended && self.ahead.len() < caps::LEAP_PACKETS && bytes < caps::LEAP_BYTES {
            self.read_on();
            bytes += self.ahead.back().and_then(|packet| packet.as_ref().ok()).map_or(0, |packet| packet.data.len());
        }
        let begins = |packet: &Packet| {
            let key = packet.sync && !packet.hidden && packet.config == self.config;
            key && guarded(|| self.codec.begins(&packet.data)).unwrap_or(false)
        };
        let key = |entry: &Result<Packet, MediaError>| {
            entry.as_ref().ok().filter(|packet| begins(packet)).map(|packet| packet.pts_ns)
        };
        let keys = || self.ahead.iter().map(key).enumerate().skip(1).filter_map(|(at, pts_ns)| Some((at, pts_ns?)));
        let Some((at, pts_ns)) = keys().find(|&(_, pts_ns)| pts_ns > film_ns).or_else(|| keys().next_back()) else {
            return Ok(());
        };
        self.ahead.drain(..at);
        self.restart()?;
        self.waiting.clear();
        self.weave.jump();
        self.candidate = None;
        self.not_before_ns = pts_ns;
        Ok(())
    }

    /// Calls the codec inside the fence and puts what it gives among the waiting.
    pub(super) fn run(
        &mut self,
        work: impl FnOnce(&mut dyn Codec, &mut Vec<Decoded>) -> Result<(), CodecError>,
    ) -> Result<(), MediaError> {
        let mut out = std::mem::take(&mut self.scratch);
        let result = guarded(|| work(&mut *self.codec, &mut out));
        for decoded in out.drain(..) {
            self.accept(decoded);
        }
        self.scratch = out;
        let damaged = match result {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(CodecError::Unsupported(what))) if !self.opened => {
                self.restart()?;
                return Err(MediaError::unsupported(what, CONVERT));
            }
            Ok(Err(CodecError::Unsupported(why) | CodecError::Damaged(why))) => why,
            Err(panic) => format!("{}: {panic}", self.info.codec),
        };
        let again = self.behind_damage();
        self.restart()?;
        again.into_iter().rev().for_each(|packet| self.ahead.push_front(Ok(packet)));
        Err(MediaError::Damaged(format!("{damaged}; going on at the next key frame")))
    }

    /// The packets from the next key frame on that the codec has taken since the first one whose picture did not come out, which is the
    /// damaged one or stands before it: so however often this happens, they become fewer.
    fn behind_damage(&mut self) -> Vec<Packet> {
        let taken = std::mem::take(&mut self.inside).into_values().skip(1).filter_map(|due| due.packet);
        taken.skip_while(|packet| !packet.sync).collect()
    }

    /// A fresh codec, which starts at the next sync packet.
    pub(super) fn restart(&mut self) -> Result<(), MediaError> {
        self.codec = guarded(|| codec::open(&self.track, self.config, self.from_x264, self.at_once))
            .map_err(MediaError::Broken)??;
        self.inside.clear();
        self.await_sync = true;
        Ok(())
    }

    /// Forgets all that belongs to the place in the film, before a seek.
    pub(super) fn leave(&mut self) -> Result<(), MediaError> {
        self.opened_at_ns = None;
        self.restart()?;
        self.ahead.clear();
        self.waiting.clear();
        self.weave.jump();
        self.errors.clear();
        self.ended = false;
        self.not_before_ns = i64::MIN;
        self.last_pts_ns = i64::MIN;
        self.candidate = None;
        self.target_ns = None;
        self.hurry_ns = i64::MIN;
        Ok(())
    }
}
