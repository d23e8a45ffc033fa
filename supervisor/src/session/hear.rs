//! What roles say, and what is found when they die.

use nix::sys::signal::Signal;
use tricine_channel::time::mono_ns;
use tricine_session::Result;
use tricine_session::channel::Side;
use tricine_session::control::Role;
use tricine_session::frame::MAX_SIDE;
use tricine_session::link::{DisplaySpec, FromRole, InputSpec, Opened, ToRole, VideoSummary};

use super::inputs::hint;
use super::{Session, contents, index, kind_index};
use crate::admission::admit;
use crate::supervision::{Ask, Death, Event, Kinds};

/// What pictures of a folder declare: the first says nothing of the others.
fn any_picture() -> Opened {
    let (codec, light, rate, frames) = Default::default();
    let video = VideoSummary { codec, light, width: MAX_SIDE, height: MAX_SIDE, rate, frames };
    Opened { video: Some(video), ..Opened::default() }
}

impl Session {
    /// Hears what a role has said. Whether it has said anything.
    pub(super) fn listen(&mut self, role: Role) -> Result<bool> {
        let Some(running) = &mut self.posts[role].running else { return Ok(false) };
        let heard = running.messages();
        if heard.flood && !std::mem::replace(&mut running.silenced, true) {
            self.status.error(&format!("{role} talks without end, and is ended"));
            self.signal(role, Signal::SIGKILL)?;
        }
        let any = heard.any;
        for message in heard.messages {
            let folder = self.current.as_ref().is_some_and(|input| matches!(input.spec, InputSpec::Images(_)));
            let pictures = folder.then(any_picture);
            let declared = pictures.as_ref().or(self.heard.as_ref()).or(self.opened.as_ref());
            let name = message.name();
            let unanswered = match message {
                FromRole::NeedChannel { kind, capacity, .. } if role.side(kind) == Some(Side::Producer) => {
                    Some(capacity)
                }
                _ => None,
            };
            match admit(role, message, declared, &self.display) {
                Some(message) => self.heard(role, message)?,
                None => {
                    self.posts[role].running.iter_mut().for_each(|running| running.complain(name));
                    if let Some(capacity) = unanswered {
                        self.refuse_region(role, capacity)?;
                    }
                }
            }
        }
        Ok(any)
    }

    /// Who cannot be told anything cannot be told to end, either.
    pub(super) fn end_who_hung_up(&mut self, role: Role) -> Result<()> {
        let now_ns = mono_ns();
        let Some(running) = self.posts[role].running.as_mut().filter(|running| running.has_hung_up(now_ns)) else {
            return Ok(());
        };
        if !std::mem::replace(&mut running.silenced, true) {
            self.status.error(&format!("{role} has hung up and lives on, and is ended"));
            self.signal(role, Signal::SIGKILL)?;
        }
        Ok(())
    }

    /// Who asks for a region that it cannot have would wait for it for ever.
    fn refuse_region(&mut self, role: Role, capacity: u64) -> Result<()> {
        if let Some(running) = self.posts[role].running.as_mut().filter(|running| !running.silenced) {
            running.silenced = true;
            self.status.error(&format!(
                "{role} wants room for a picture or a block of sound of {capacity} bytes, which no film like this has, and is ended"
            ));
            self.signal(role, Signal::SIGKILL)?;
        }
        Ok(())
    }

    pub(super) fn log(&mut self, role: Role) {
        let Some(running) = &mut self.posts[role].running else { return };
        for line in running.log_lines() {
            self.status.log(role, &line, self.options.quiet, self.options.verbose);
        }
    }

    fn heard(&mut self, who: Role, message: FromRole) -> Result<()> {
        let role = index(who);
        match message {
            FromRole::Ready => {
                if who.entry().draws {
                    // Its predecessor may have died over it.
                    self.ask_for_picture();
                    if self.posts[who].starts > 1 && self.control.decoder().fonts.get() > 0 {
                        // The fonts of the film went with it. They come again with the next page.
                        self.turn_page();
                        self.broadcast();
                    }
                }
                self.tell(Event::Ready { role })
            }
            FromRole::Opened(opened) => {
                let track = |there, kind| if there { Kinds::of(kind_index(kind)) } else { Kinds::default() };
                let video = track(opened.video.is_some(), tricine_session::channel::Kind::Video);
                let tracks = video.or(track(opened.audio.is_some(), tricine_session::channel::Kind::Audio));
                let seekable = opened.seekable;
                let aside = track(opened.cover, tricine_session::channel::Kind::Video);
                for why in &opened.missing {
                    // Said also to who wants quiet, and to who looks at the film alone: it is half of what was asked for.
                    self.status.error(&hint(why, &self.playing()));
                    // What can be done is too long for a picture.
                    let what = why.split_once("; ").map_or(why.as_str(), |(what, _)| what);
                    self.say(Role::Renderer, &ToRole::Osd(what.to_owned()));
                    self.incomplete = true;
                }
                self.heard = Some(*opened);
                self.tell(Event::Opened { role, tracks, aside, seekable })
            }
            FromRole::Listed(part) => {
                contents::add(&mut self.listing_heard, part);
                Ok(())
            }
            FromRole::NeedChannel { kind, capacity, base, resume_pts_ns, resume_serial } => {
                let ask = Ask { capacity, base, resume_pts_ns, resume_serial };
                self.tell(Event::Asked { role, kind: kind_index(kind), ask })
            }
            FromRole::Switched { kind, generation } => {
                // It says so twice for each region.
                if self.posts[who].reads.replace((kind, generation)) != Some((kind, generation)) {
                    self.tell_more(|| format!("{who} reads {kind}.{generation}"));
                }
                self.tell(Event::Switched { role, kind: kind_index(kind), generation })
            }
            FromRole::Output(output) => {
                self.tell_some(|| format!("{who}: {output}"));
                self.posts[who].output = Some(output);
                if who.entry().draws && self.display == DisplaySpec::Terminal {
                    self.drawn = true;
                    if self.keyboard.is_some() {
                        self.say(Role::Renderer, &ToRole::Answer);
                    }
                }
                Ok(())
            }
            FromRole::Key(key) => self.key(key),
            FromRole::Pictured(done) => {
                self.pictured(done);
                Ok(())
            }
            FromRole::NeedLine { patient } => {
                self.need_line(who, patient);
                Ok(())
            }
            FromRole::Ending { serial } => self.tell(Event::Ending { role, serial }),
            FromRole::Ended { serial } => self.tell(Event::Ended { role, serial }),
            FromRole::Confined(walls) => {
                tracing::info!("{who}: confined by {walls}");
                // Once: it is this machine's, and so all roles'.
                if let Some(lack) = walls.lack().filter(|_| !std::mem::replace(&mut self.lack_told, true)) {
                    self.status.notice(lack);
                }
                self.posts[who].walls = Some(walls);
                Ok(())
            }
            FromRole::Notice(text) => {
                self.status.notice(&hint(&text, &self.playing()));
                Ok(())
            }
            FromRole::Failed(why) => {
                self.posts[who].why = Some(why);
                self.tell(Event::Failed { role })
            }
        }
    }

    /// Reaps a role if it has died, and tells what was found.
    pub(super) fn bury(&mut self, role: Role) -> Result<()> {
        let Some(running) = self.running(role) else { return Ok(()) };
        let Some(reaped) = running.child.try_reap()? else { return Ok(()) };
        // What it said last counts.
        while self.listen(role)? {}
        self.log(role);
        self.hang_up(role);
        let post = &mut self.posts[role];
        let Some(running) = post.running.take() else { return Ok(()) };
        post.usage.add(reaped.usage());
        post.lines = Vec::from(running.lines);
        let death = Death {
            reaped,
            exit: reaped.exit(),
            achieved: self.achieved(role),
            held: self.held(role),
            spoilt: self.spoilt(role),
        };
        let exit = death.exit;
        self.tell_more(|| format!("{role} is gone ({exit})"));
        if role.entry().draws && self.drawn_on() && self.opened.as_ref().is_some_and(|o| o.video.is_none()) {
            // There is nothing to be seen any more: the line with the time takes its place.
            self.leave_terminal();
            self.status.release();
        }
        self.tell(Event::Exited { role: index(role), death })
    }

    /// Whether pictures are shown on the terminal.
    fn drawn_on(&self) -> bool {
        self.display == DisplaySpec::Terminal
    }

    /// Frames and blocks that a role has handed over, over all its incarnations.
    fn achieved(&self, role: Role) -> u64 {
        (role.entry().achieved)(&self.control)
    }
}
