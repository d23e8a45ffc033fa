//! What the supervision says is done here, without a second thought.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use nix::sys::signal::Signal;
use tricine_channel::sys::process::Reaped;
use tricine_session::Result;
use tricine_session::channel::StreamRegion;
use tricine_session::control::Role;
use tricine_session::link::{DisplaySpec, Listing, SinkSpec, Spec, ToRole, TracksSpec, Work};
use tricine_session::role::Inherits;
use tricine_session::sandbox::Confine;

use super::{KINDS, Session, index};
use crate::child;
use crate::cli::Display;
use crate::janitor::Janitor;
use crate::probe::choose_display;
use crate::supervision::{Action, Event};

impl Session {
    pub(super) fn act(&mut self, action: Action<Reaped>) -> Result<()> {
        match action {
            Action::Place { role, again } => {
                if Role::ALL[role].entry().draws && self.probe.is_some() {
                    // Told once there is an answer.
                    return Ok(());
                }
                let found = !again || self.place_again(Role::ALL[role]);
                return self.tell(Event::Placed { role, found });
            }
            Action::Start { role, skip } => {
                if let Err(error) = self.start(Role::ALL[role], skip) {
                    self.posts[Role::ALL[role]].why = Some(error.to_string());
                    return self.tell(Event::NotStarted { role });
                }
            }
            Action::Quit { role } => {
                // A stopped process cannot quit.
                self.signal(Role::ALL[role], Signal::SIGCONT)?;
                self.say(Role::ALL[role], &ToRole::Quit);
                if Role::ALL[role].entry().draws {
                    // Nobody is to take up its window, which goes with it.
                    self.posts[Role::ALL[role]].socket.release();
                }
            }
            Action::Abort { role } => self.signal(Role::ALL[role], Signal::SIGABRT)?,
            Action::Kill { role } => self.signal(Role::ALL[role], Signal::SIGKILL)?,
            Action::Discard { kind, frame, reaped } => self.discard(KINDS[kind], frame, &reaped),
            Action::Recover { role, but, reaped } => self.recover(Role::ALL[role], but, &reaped)?,
            Action::Make { kind, generation, ask } => self.make_channel(KINDS[kind], generation, &ask)?,
            Action::Unlink { kind, below } => self.unlink(KINDS[kind], below)?,
            Action::Replace { kind, generation } => self.replace(KINDS[kind], generation)?,
            Action::Open => self.open_next()?,
            Action::Begin { serial, again, follows } => self.begin(serial, again, follows),
            Action::Holds { first } => self.holds(first),
            Action::Rewind { serial, follows } => {
                self.state.follows = follows;
                self.go_to(serial, self.options.start.unwrap_or(0));
            }
            Action::Janitor => self.start_janitor()?,
            Action::Say(say) => self.word(&say),
            Action::Done(how) => self.done = Some(how),
        }
        Ok(())
    }

    pub(super) fn signal(&self, role: Role, signal: Signal) -> Result<()> {
        self.running(role).map_or(Ok(()), |running| Ok(running.child.signal(signal)?))
    }

    /// Another place for a role whose own was of no use.
    fn place_again(&mut self, role: Role) -> bool {
        let auto = role.entry().draws && self.options.display == Display::Auto;
        if !auto || self.display != DisplaySpec::Window {
            return false;
        }
        // It has just said that there is no window to be had: nobody is asked again.
        self.display = choose_display(&Display::Auto, false, std::io::stdout().is_terminal());
        let found = self.display == DisplaySpec::Terminal;
        if found {
            let why = self.posts[role].why.take().unwrap_or_default();
            self.status.notice(&format!("{why}; going on in the terminal"));
        }
        found
    }

    /// The process that looks for a display has answered, or has had its time.
    pub(super) fn display_found(&mut self) -> Result<()> {
        let Some(mut probe) = self.probe.take() else { return Ok(()) };
        let server = probe.has_found_outlet();
        self.leaving.extend(probe.end());
        self.display = choose_display(&self.options.display, server, std::io::stdout().is_terminal());
        self.tell_unseen();
        for role in Role::ALL.into_iter().filter(|role| role.entry().draws) {
            self.tell(Event::Placed { role: index(role), found: true })?;
        }
        Ok(())
    }

    /// Where pictures are shown, as far as a role has to know: one that prepares subtitles cannot wait until a display has answered.
    fn display_for(&self, role: Role) -> DisplaySpec {
        match self.display {
            // (The terminal is where pictures go if there is no answer. It takes no fonts.)
            DisplaySpec::None | DisplaySpec::Terminal if !role.entry().draws && self.may_have_window() => {
                DisplaySpec::Window
            }
            _ => self.display.clone(),
        }
    }

    fn start(&mut self, role: Role, skip: bool) -> Result<()> {
        let Some(current) = &self.current else { return Ok(()) };
        let mine = |c: &&StreamRegion| role.side(c.name().kind).is_some();
        if role == Role::Decoder {
            let here = self.skip_past_ns.unwrap_or(i64::MIN).max(self.position_ns());
            self.skip_past_ns = skip.then_some(here);
            self.listing_heard = Listing::default();
        }
        let spec = Spec {
            session: self.name.clone(),
            channels: self.channels.iter().filter(mine).map(|c| c.name().clone()).collect(),
            unpaced: self.options.unpaced,
            restarts: self.posts[role].starts,
            verbosity: self.options.verbose,
            work: Work {
                input: current.spec.clone(),
                mode: self.options.mode,
                skip_past_ns: self.skip_past_ns,
                stream_header: self.opened.as_ref().and_then(|o| o.stream_header.clone()),
                sink: self.sink.clone(),
                display: self.display_for(role),
                title: current.window_title(),
                picture_ns: self.options.picture_ns(),
                confine: (!self.options.no_sandbox).then_some(Confine { memory: self.options.memory_limit }),
                caption: self.caption(),
                tracks: TracksSpec {
                    subtitle_languages: self.options.slang.clone(),
                    subtitle_files: self.subtitles.iter().map(|(about, _)| about.clone()).collect(),
                    ..self.tracks.clone()
                },
                chapters: if role.entry().draws { self.marks() } else { Vec::new() },
            },
        };
        let input = match role.entry().inherits {
            Inherits::Input => current.file.as_ref().map(|f| f.as_fd()),
            Inherits::Sink => match self.sink {
                Some(SinkSpec::Auto | SinkSpec::Pulse) => self.posts[role].socket.connection(),
                _ => self.outputs.sound.as_ref().map(|writer| writer.file().as_fd()),
            },
            Inherits::Display if self.display == DisplaySpec::Window => self.posts[role].socket.lend(),
            Inherits::Display => self.outputs.pictures.as_ref().map(|writer| writer.file().as_fd()),
        };
        let stdout = role.entry().draws && self.display == DisplaySpec::Terminal;
        if stdout {
            self.status.hold();
            self.drawable = true;
            self.janitor.iter_mut().for_each(Janitor::terminal_is_drawn_on);
        }
        let reads = role.entry().inherits == Inherits::Input;
        let files: Vec<_> = self.subtitles.iter().filter(|_| reads).map(|(_, file)| file.as_fd()).collect();
        let running = child::start(role, &current.title, &spec, input, &files, stdout)?;
        let post = &mut self.posts[role];
        post.starts += 1;
        post.reads = None;
        post.last_pid = Some(running.child.pid);
        post.running = Some(running);
        self.tell_started(role);
        Ok(())
    }

    fn start_janitor(&mut self) -> Result<()> {
        match Janitor::start(&self.name, self.terminal.as_ref(), self.outputs.unfinished()) {
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
