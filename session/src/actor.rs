//! The event loop of every role, written once: the control socket, the heartbeat, what the user wants, the channel and its
//! successors, waking up, and the end. What a role exists for is its [`Actor`].
//!
//! One thread runs the loop. It sleeps in one of two places: in `Consumer::acquire`, whose semaphore the supervisor posts with
//! each message, and in [`Rounds::sleep`], at the control socket and at what the actor itself listens to.

use std::convert::Infallible;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use tricine_channel::time::{Deadline, mono_ns};

use crate::channel::{Acquired, ChannelName, Consumer, ReadSlot, StreamRegion};
use crate::clock::PlayState;
use crate::context::{Orders, RoleContext, Task};
use crate::control::ControlRegion;
use crate::control::pages::Page;
use crate::error::Error;
use crate::link::{Finding, FromRole, Link, Spec, ToRole};
use crate::sandbox;

/// How often a role that has nothing to do shows that it lives. Well within the supervisor's patience, and slow enough
/// that a paused film costs next to nothing.
pub const BEAT: Duration = Duration::from_millis(250);
/// How often it is looked whether there is a server.
const LOOK: Duration = Duration::from_secs(2);
/// How long the control socket is not asked while nothing says that there is a message: for a loop that never has to sleep.
const UNHEARD_NS: u64 = 20_000_000;

/// Why a role ends.
#[derive(Debug)]
pub enum Stop {
    /// It was told to, or its supervisor is gone.
    Quit,
    /// It cannot go on: why, in words for the user.
    Failed(String),
    /// Shared memory or a system call is not as it must be.
    Broken(Error),
    /// As [`Stop::Broken`], and logged by the thread that met it: the process's exit code.
    Exit(i32),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        if matches!(error, Error::Disconnected) { Self::Quit } else { Self::Broken(error) }
    }
}

impl From<tricine_channel::Error> for Stop {
    fn from(error: tricine_channel::Error) -> Self {
        Error::from(error).into()
    }
}

/// What an actor waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A frame, until this time in ns on CLOCK_MONOTONIC.
    Frame(u64),
    /// No frame, whether there is one or not, before this time.
    Rest(u64),
}

/// What plays a role: what the role exists for, and nothing that every role does.
pub trait Actor: Sized {
    /// Its page of the control region, which says which role it plays.
    type Page: Page;

    /// What it finds on this machine. Called in a process that does nothing else, and may take as long as it likes: the
    /// supervisor waits for [`answers_within`](crate::role::Entry::answers_within).
    fn probe() -> Finding;

    /// A connection to the server that it plays on, and the version of the protocol that is spoken there; or why there is none, in words
    /// for the user. Called as [`Actor::probe`] is.
    fn connect() -> Result<(OwnedFd, u16), String> {
        Err("there is no server for this role".into())
    }

    /// Begins. `input` is what the process inherits. The loop says that the role is ready once this returns.
    fn begin(context: &Arc<RoleContext<Self::Page>>, input: Option<OwnedFd>, state: PlayState) -> Result<Self, Stop>;

    /// Whether the role's threads live, so that its heart may beat.
    fn lives(&self) -> bool {
        true
    }

    /// A message that the loop does not answer by itself.
    fn hear(&mut self, _message: ToRole) -> Result<(), Stop> {
        Ok(())
    }

    /// The user wants this now.
    fn follow(&mut self, state: PlayState);

    /// Everything but frames, in each round.
    fn tend(&mut self) -> Result<(), Stop>;

    /// What it waits for next.
    fn next(&mut self) -> Next;

    /// Frames come from this channel now.
    fn attached(&mut self, _region: StreamRegion) {}

    /// A frame. Where it waits, it goes on with the rounds ([`Rounds::turn`], [`Rounds::sleep`]).
    fn frame(&mut self, _rounds: &mut Rounds<Self::Page>, slot: ReadSlot<'_>) -> Result<(), Stop> {
        slot.release();
        Ok(())
    }

    /// There is no frame, and none will come unless the stream is taken up again: so it is since `_since_ns`. Whether the actor
    /// has slept; else the loop does.
    fn at_end(&mut self, _rounds: &mut Rounds<Self::Page>, _since_ns: u64) -> Result<bool, Stop> {
        Ok(false)
    }

    /// What wakes the loop besides the control socket, by becoming readable.
    fn events(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// The last thing before the process ends because it was told to.
    fn leave(&mut self) {}
}

/// The loop, as an actor sees it.
#[derive(Debug)]
pub struct Rounds<P> {
    context: Arc<RoleContext<P>>,
    /// Of what the user wants, as the actor knows it.
    version: u64,
    /// Something says that there is a message.
    called: bool,
    /// When the control socket was asked last.
    heard_ns: u64,
    /// The channel to attach to.
    channel: Option<ChannelName>,
    /// Whether it is attached to one.
    attached: bool,
}

/// Plays a role until the supervisor says [`ToRole::Quit`] or is gone, or answers a probe, or connects. The process's exit code: 0 after that, 1
/// where it cannot go on (said as [`FromRole::Failed`]), 70 or 71 where shared memory is broken (see [`crate::error`]), which the
/// supervisor treats as a crash.
pub fn run<A: Actor>(orders: Orders) -> i32 {
    let Orders { link, task, input, files, confined } = orders;
    let spec = match task {
        Task::Play(spec) => spec,
        Task::Probe => {
            // Whoever asked and is gone has no use for the answer.
            let _ = link.send(&A::probe());
            return 0;
        }
        Task::Connect { patient } => {
            connect::<A>(&link, patient);
            return 0;
        }
    };
    let control = match ControlRegion::attach::<A::Page>(&spec.session) {
        Ok(control) => control,
        Err(error) => return broken(&error),
    };
    let Spec { channels, .. } = &*spec;
    let consumed = A::Page::ROLE.consumes();
    let channel = channels.iter().find(|name| Some(name.kind) == consumed).cloned();
    let context =
        Arc::new(RoleContext { link, control, spec: *spec, files: Mutex::new(files), doors: Mutex::default() });
    context.beat();
    // From here on the role opens nothing by its name.
    if let Err(error) = context.open_doors() {
        return broken(&error);
    }
    if sandbox::begins_confined(A::Page::ROLE, &context.spec) {
        if let Err(error) = sandbox::enter(A::Page::ROLE, &context.link, &context.spec) {
            return broken(&error);
        }
        confined(A::Page::ROLE, &context.link, &context.spec);
    }
    let rounds = Rounds { context: context.clone(), version: 0, called: true, heard_ns: 0, channel, attached: false };
    match rounds.play::<A>(input) {
        Stop::Quit => 0,
        // Said in words, this would end the session, and the words would be wrong: a library that cannot be mapped looks like a display
        // that is not there. It ends as every other want of memory does, and the next process may have more.
        Stop::Failed(text) if memory_is_short() => {
            tracing::error!("{text}; there is no memory left");
            std::process::abort()
        }
        Stop::Failed(text) => {
            // Nobody to tell it to is as good as told.
            let _ = context.tell(&FromRole::Failed(text));
            1
        }
        Stop::Broken(error) => broken(&error),
        Stop::Exit(code) => code,
    }
}

/// Hands a connection over; where it is to be patient, once there is one.
fn connect<A: Actor>(link: &Link, patient: bool) {
    let line = loop {
        let line = A::connect();
        // Nobody says anything here: whoever asked has gone.
        if line.is_ok() || !patient || link.wait(Deadline::after(LOOK)).unwrap_or(true) {
            break line;
        }
    };
    let files: Vec<BorrowedFd<'_>> = line.iter().map(|(socket, _)| socket.as_fd()).collect();
    let found = line.as_ref().map(|&(_, version)| version).map_err(Clone::clone);
    let _ = link.order(&Finding::Line(found), &files);
}

/// Whether this process gets no more memory, not even what a library takes.
fn memory_is_short() -> bool {
    let mut asked = Vec::<u8>::new();
    // More than the 64 MiB of addresses that glibc's allocator holds in reserve for a thread.
    let refused = asked.try_reserve_exact(65 << 20).is_err();
    // Without this, a compiler may leave out an allocation of which nothing is read.
    std::hint::black_box(&asked);
    refused
}

fn broken(error: &Error) -> i32 {
    tracing::error!("{error}");
    error.exit_code()
}

impl<P: Page> Rounds<P> {
    fn play<A: Actor<Page = P>>(mut self, input: Option<OwnedFd>) -> Stop {
        let Some((_, state)) = self.context.control.state() else { return Stop::Quit };
        let mut actor = match A::begin(&self.context, input, state) {
            Ok(actor) => actor,
            Err(stop) => return stop,
        };
        let Err(stop) = self.go_round(&mut actor);
        if matches!(stop, Stop::Quit) {
            actor.leave();
        }
        stop
    }

    fn go_round<A: Actor<Page = P>>(&mut self, actor: &mut A) -> Result<Infallible, Stop> {
        let mut consumer: Option<Consumer> = None;
        // Nothing was there at the last look: the next one may sleep.
        let mut looked = false;
        let mut end_since_ns = None;
        self.context.tell(&FromRole::Ready)?;
        loop {
            self.turn(actor)?;
            if let Some(name) = self.channel.take() {
                // Before it is opened: whether there is such a region is for the supervisor to judge, which replaces one whose words
                // lead nowhere.
                self.context.tell(&FromRole::Switched { kind: name.kind, generation: name.generation })?;
                let region = self.context.region(&name)?;
                consumer = Some(region.attach_consumer()?);
                actor.attached(region);
                (self.attached, looked) = (true, false);
            }
            let (until_ns, consumer) = match (actor.next(), &mut consumer) {
                (Next::Frame(until_ns), Some(consumer)) => (until_ns, consumer),
                (Next::Frame(until_ns) | Next::Rest(until_ns), _) => {
                    self.sleep(actor, until_ns)?;
                    continue;
                }
            };
            let deadline = if looked { Deadline::at_ns(until_ns) } else { Deadline::NOW };
            let slept = std::mem::replace(&mut looked, true);
            let acquired = consumer.acquire(deadline)?;
            let end = end_since_ns.take();
            match acquired {
                Acquired::Slot(slot) => {
                    // The frame may be the first of what the user wants since the last look.
                    self.look(actor);
                    actor.frame(self, slot)?;
                    looked = false;
                }
                Acquired::Woken => self.called = true,
                Acquired::TimedOut => self.called |= slept,
                Acquired::End => {
                    self.called |= slept;
                    let since_ns = end.unwrap_or_else(mono_ns);
                    end_since_ns = Some(since_ns);
                    looked = !actor.at_end(self, since_ns)?;
                }
                Acquired::Successor(generation) => {
                    // Its files are here: they were sent before the producer got theirs.
                    self.listen(actor)?;
                    let session = self.context.spec.session.clone();
                    self.channel = P::ROLE.consumes().map(|kind| ChannelName { session, kind, generation });
                }
            }
        }
    }

    /// Everything but frames: shows that the role lives, hears the supervisor, lets the actor follow what the user wants and
    /// tend to what it has.
    pub fn turn<A: Actor<Page = P>>(&mut self, actor: &mut A) -> Result<(), Stop> {
        if actor.lives() {
            self.context.beat();
        }
        // A message wakes the loop wherever it sleeps. A loop that never has to sleep asks now and then.
        if std::mem::take(&mut self.called) || mono_ns() - self.heard_ns >= UNHEARD_NS {
            self.heard_ns = mono_ns();
            self.listen(actor)?;
        }
        self.look(actor);
        actor.tend()
    }

    fn listen<A: Actor<Page = P>>(&mut self, actor: &mut A) -> Result<(), Stop> {
        loop {
            match self.context.link.hear() {
                Ok(None) => return Ok(()),
                Ok(Some((ToRole::Quit, _))) => return Err(Stop::Quit),
                // That there is something to look at; what it is, is in the control region.
                Ok(Some((ToRole::State, _))) => {}
                Ok(Some((ToRole::Channel(name), files))) => {
                    self.context.take_files(&name, files);
                    if P::ROLE.consumes() != Some(name.kind) {
                        actor.hear(ToRole::Channel(name))?;
                    } else if !self.attached && self.channel.is_none() {
                        // The first one. To later ones their predecessors lead.
                        self.channel = Some(name);
                    }
                }
                Ok(Some((message, files))) => {
                    self.context.files.lock().map_err(|_| Error::Disconnected)?.extend(files);
                    actor.hear(message)?;
                }
                Err(error @ Error::Message(_)) => tracing::warn!("{error}"),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn look<A: Actor<Page = P>>(&mut self, actor: &mut A) {
        if let Some((version, state)) = self.context.control.state()
            && version != self.version
        {
            self.version = version;
            actor.follow(state);
        }
    }

    /// Sleeps until `until_ns` on CLOCK_MONOTONIC, a message, or what the actor listens to.
    pub fn sleep<A: Actor<Page = P>>(&mut self, actor: &A, until_ns: u64) -> Result<(), Stop> {
        let mut fds = vec![PollFd::new(self.context.link.as_fd(), PollFlags::POLLIN)];
        fds.extend(actor.events().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        let left = Deadline::at_ns(until_ns).remaining();
        match ppoll(&mut fds, Some(TimeSpec::from_duration(left)), None) {
            Ok(_) => {
                match fds.first().and_then(PollFd::any) {
                    // That is as good as having asked.
                    Some(false) => self.heard_ns = mono_ns(),
                    _ => self.called = true,
                }
                Ok(())
            }
            Err(Errno::EINTR) => Ok(()),
            Err(e) => Err(Stop::Broken(Error::sys("ppoll", "control", e))),
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::resource::{Resource, setrlimit};

    #[test]
    fn a_process_knows_when_it_gets_no_more_memory() {
        const LIMITED: &str = "TRICINE_TEST_LIMITED";
        if std::env::var_os(LIMITED).is_some() {
            setrlimit(Resource::RLIMIT_AS, 1, 1).unwrap();
            std::process::exit(if super::memory_is_short() { 42 } else { 43 });
        }
        assert!(!super::memory_is_short());
        // The limit is a process's, so it is another one's.
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "actor::tests::a_process_knows_when_it_gets_no_more_memory"]).env(LIMITED, "1");
        assert_eq!(child.output().unwrap().status.code(), Some(42));
    }
}
