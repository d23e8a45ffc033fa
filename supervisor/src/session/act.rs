//! What the supervision says is done here, without a second thought.

use std::os::fd::AsFd;

use nix::sys::signal::Signal;
use tricine_channel::sys::process::Reaped;
use tricine_session::Result;
use tricine_session::channel::StreamRegion;
use tricine_session::control::Role;
use tricine_session::link::{DisplaySpec, SinkSpec, Spec, ToRole, Work};

use super::{KINDS, Session, choose_display, index, side_of};
use crate::child;
use crate::cli::Display;
use crate::janitor::Janitor;
use crate::supervision::{Action, Event};

impl Session {
    pub(super) fn act(&mut self, action: Action<Reaped>) -> Result<()> {
        match action {
            Action::Place { role, again } => {
                let found = !again || self.place_again(Role::ALL[role]);
                return self.tell(Event::Placed { role, found });
            }
            Action::Start { role, skip } => {
                if let Err(error) = self.start(Role::ALL[role], skip) {
                    self.posts[role].why = Some(error.to_string());
                    return self.tell(Event::NotStarted { role });
                }
            }
            Action::Quit { role } => {
                // A stopped process cannot quit.
                self.signal(Role::ALL[role], Signal::SIGCONT)?;
                self.say(Role::ALL[role], &ToRole::Quit);
            }
            Action::Abort { role } => self.signal(Role::ALL[role], Signal::SIGABRT)?,
            Action::Kill { role } => self.signal(Role::ALL[role], Signal::SIGKILL)?,
            Action::Discard { kind, frame, reaped } => self.discard(KINDS[kind], frame, &reaped),
            Action::Recover { role, but, reaped } => self.recover(Role::ALL[role], but, &reaped)?,
            Action::Make { kind, generation, ask, first } => self.make_channel(KINDS[kind], generation, &ask, first)?,
            Action::Unlink { kind, below } => self.unlink(KINDS[kind], below)?,
            Action::Replace { kind, generation } => self.replace(KINDS[kind], generation)?,
            Action::Open => self.open_next()?,
            Action::Begin { serial, again } => self.begin(serial, again),
            Action::Holds { first } => self.holds(first),
            Action::Rewind { serial } => self.go_to(serial, self.options.start.unwrap_or(0)),
            Action::Janitor => self.start_janitor()?,
            Action::Say(say) => self.word(&say),
            Action::Done(how) => self.done = Some(how),
        }
        Ok(())
    }

    fn signal(&self, role: Role, signal: Signal) -> Result<()> {
        self.running(role).map_or(Ok(()), |running| Ok(running.child.signal(signal)?))
    }

    /// Another place for a role whose own was of no use.
    fn place_again(&mut self, role: Role) -> bool {
        let auto = role == Role::Renderer && self.options.display == Display::Auto;
        if !auto || self.display != DisplaySpec::Window {
            return false;
        }
        self.display = choose_display(&Display::Auto);
        let found = self.display == DisplaySpec::Terminal;
        if found {
            let why = self.posts[index(role)].why.take().unwrap_or_default();
            self.status.notice(&format!("{why}; going on in the terminal"));
        }
        found
    }

    fn start(&mut self, role: Role, skip: bool) -> Result<()> {
        let Some(current) = &self.current else { return Ok(()) };
        let mine = |c: &&StreamRegion| side_of(role, c.name().kind).is_some();
        if role == Role::Decoder {
            let here = self.skip_past_ns.unwrap_or(i64::MIN).max(self.position_ns());
            self.skip_past_ns = skip.then_some(here);
        }
        let work = match role {
            Role::Decoder => Work::Decoder {
                input: current.spec.clone(),
                mode: self.options.mode,
                want_video: true,
                want_audio: self.sink.is_some(),
                skip_past_ns: self.skip_past_ns,
                stream_header: self.opened.as_ref().and_then(|o| o.stream_header.clone()),
            },
            Role::Audio => Work::Audio { sink: self.sink.clone().unwrap_or(SinkSpec::Null) },
            Role::Renderer => Work::Renderer {
                display: self.display.clone(),
                title: format!("{} — Tricine", current.title),
                fullscreen: self.options.fullscreen,
                frames: self.opened.as_ref().and_then(|o| o.video.as_ref()).and_then(|v| v.frames),
            },
        };
        let spec = Spec {
            session: self.name.clone(),
            channels: self.channels.iter().filter(mine).map(|c| c.name().clone()).collect(),
            unpaced: self.options.unpaced,
            work,
            restarts: self.posts[index(role)].starts,
            verbosity: self.options.verbose,
        };
        let input = match role {
            Role::Decoder => current.file.as_ref().map(|f| f.as_fd()),
            Role::Audio if matches!(self.sink, Some(SinkSpec::Auto | SinkSpec::Pulse)) => self.sound_socket.lend(),
            _ => None,
        };
        let stdout = role == Role::Renderer && self.display == DisplaySpec::Terminal;
        if stdout {
            self.status.hold();
            self.drawable = true;
            self.janitor.iter_mut().for_each(Janitor::terminal_is_drawn_on);
        }
        let running = child::start(role, &current.title, &spec, input, stdout)?;
        let post = &mut self.posts[index(role)];
        post.starts += 1;
        post.last_pid = Some(running.child.pid);
        post.running = Some(running);
        Ok(())
    }

    fn start_janitor(&mut self) -> Result<()> {
        match Janitor::start(&self.name, self.terminal.as_ref()) {
            Ok(mut janitor) => {
                if self.drawable {
                    janitor.terminal_is_drawn_on();
                }
                self.janitor = Some(janitor);
                Ok(())
            }
            Err(error) => {
                tracing::warn!("the janitor could not be started: {error}");
                self.tell(Event::NoJanitor)
            }
        }
    }
}
