//! What is said to the supervision, and what it says.

use tricine_channel::sys::process::Exit;

use super::Limit;
use crate::report::Ended;

/// A set of streams, by their places in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Kinds(pub(crate) u8);

impl Kinds {
    /// The set of one.
    pub(crate) const fn of(kind: usize) -> Self {
        Self(1 << kind)
    }

    pub(crate) const fn has(self, kind: usize) -> bool {
        self.0 & 1 << kind != 0
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What a session is made of. Roles and streams are known by their places in these lists.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The streams that each role takes; none for the source.
    pub(crate) takes: Vec<Kinds>,
    /// How long each role may be without a heartbeat, in ns: before it is ready, and after that.
    pub(crate) patience_ns: Vec<[u64; 2]>,
    /// The role that reads the input.
    pub(crate) source: usize,
    /// How many streams there may be.
    pub(crate) kinds: usize,
    /// The streams that anybody wants.
    pub(crate) wanted: Kinds,
    /// How many crashes are borne.
    pub(crate) limit: Limit,
    /// How often each input is played.
    pub(crate) rounds: u64,
}

/// What the source asks a new region for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ask {
    /// Bytes of payload that a slot must take.
    pub(crate) capacity: u64,
    /// Frames published in the generations before.
    pub(crate) base: u64,
    /// Where production goes on, in ns.
    pub(crate) resume_pts_ns: i64,
    /// The serial that this belongs to.
    pub(crate) resume_serial: u32,
}

/// How a process ended, and what was found then. `R` is what shows that it was reaped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death<R> {
    pub(crate) reaped: R,
    pub(crate) exit: Exit,
    /// Frames and blocks that the role has handed over, over all its incarnations.
    pub(crate) achieved: u64,
    /// The stream and the number of the frame that it had taken and not given back.
    pub(crate) held: Option<(usize, u64)>,
    /// Those of its streams whose regions are damaged.
    pub(crate) spoilt: Kinds,
}

/// What has happened.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event<R> {
    /// Time has passed.
    Tick,
    /// The whole session stood still until now, so heartbeats from before do not count.
    Rebased,
    /// A role's last heartbeat, in ns.
    Beat { role: usize, at_ns: u64 },
    /// A role says that it is able to work.
    Ready { role: usize },
    /// A role says what the input holds. The end of what is only `aside`, such as a cover, is not waited for.
    Opened { role: usize, tracks: Kinds, aside: Kinds, seekable: bool },
    /// A role asks for a region.
    Asked { role: usize, kind: usize, ask: Ask },
    /// A stream's consumer has a reason not to follow to the region that was asked for: the film is paused, or is not there yet.
    Waits { kind: usize },
    /// A role says that it reads from this generation now.
    Switched { role: usize, kind: usize, generation: u64 },
    /// A region was made under a later number than the machine had in mind: something else had the names of those before.
    Made { kind: usize, generation: u64 },
    /// A role says that it needs nothing more of a serial: it shows or plays the rest by itself.
    Ending { role: usize, serial: u32 },
    /// A role says that it has shown or played all of a serial.
    Ended { role: usize, serial: u32 },
    /// A role says that it cannot go on, and why; it is about to end itself.
    Failed { role: usize },
    /// A role's process is dead and reaped.
    Exited { role: usize, death: Death<R> },
    /// A role's process could not be made.
    NotStarted { role: usize },
    /// The answer to [`Action::Place`]: whether there is a place where the role can show or play.
    Placed { role: usize, found: bool },
    /// A stream's region is not what it was, or cannot be recovered.
    Spoilt { kind: usize },
    /// What is to be opened is not open yet, and the process that opens it is at work: a stream is being read.
    Opening,
    /// The answer to [`Action::Open`]: the input is open.
    Open,
    /// The answer to [`Action::Open`]: it stands for others, which are the next ones now.
    Unfolded,
    /// The answer to [`Action::Open`]: that input cannot be opened.
    NotOpen,
    /// The answer to [`Action::Open`]: there is none left.
    NoneLeft,
    /// The user has gone to another place of the film.
    Sought,
    /// The user wants the current input to be read anew, for other tracks of it.
    Reopened,
    /// The user wants the input for ever, or once.
    Looping(bool),
    /// The user wants the next input.
    Next,
    /// The session is to end: by the user, a signal, or for want of something that it cannot go on without.
    Stop(Ended),
    /// The janitor is dead, or could not be started.
    NoJanitor,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Action<R> {
    /// Find out where a role is to show or play. `again` if the place that it had was of no use.
    Place { role: usize, again: bool },
    /// Start a role. `skip`: what lies ahead has killed it twice, so it goes on at the next keyframe.
    Start { role: usize, skip: bool },
    /// Tell a role to finish.
    Quit { role: usize },
    /// Make a role end with a core.
    Abort { role: usize },
    /// End a role.
    Kill { role: usize },
    /// Take a frame out of circulation, in the place of a dead consumer that it has killed twice.
    Discard { kind: usize, frame: u64, reaped: R },
    /// Recover the regions of a dead role, but for those of these kinds. One that is claimed by another process is
    /// [`Event::Spoilt`].
    Recover { role: usize, but: Kinds, reaped: R },
    /// Make a region that the source has asked for, and tell its consumer and then itself.
    Make { kind: usize, generation: u64, ask: Ask },
    /// Remove the names of a stream's older generations.
    Unlink { kind: usize, below: u64 },
    /// Make a new region in the place of all that there are. Nobody is attached to any.
    Replace { kind: usize, generation: u64 },
    /// Open the next input, while the last of the current one is heard or after that; what is being opened is of no interest any more.
    Open,
    /// A new serial, of the input that was opened last, or `again` of the current one. `follows`: what is left of the serial before is
    /// heard first.
    Begin { serial: u32, again: bool, follows: bool },
    /// The source's word on what the input holds counts. `first` if it changes who is needed.
    Holds { first: bool },
    /// A new serial, of the current input from its beginning. `follows` as above.
    Rewind { serial: u32, follows: bool },
    /// Start another janitor.
    Janitor,
    /// Tell the user.
    Say(Say),
    /// All processes are gone: that is the end.
    Done(Ended),
}

/// What the user is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Say {
    /// A role has crashed and is started again. `poisoned`: the frame that it died of twice is left out.
    Crashed { role: usize, how: How, poisoned: bool },
    /// A role was started again since its region was replaced.
    Moved { role: usize },
    /// The source says, or has shown, that it cannot play the current input.
    Unplayable,
    /// The file has other tracks than before, and is played anew.
    OtherTracks,
    /// An input could not be opened in time.
    NoAnswer,
    /// A role cannot go on, and there is no other place for it.
    Failed { role: usize },
    /// A role could not be started at all.
    NotStarted { role: usize },
    /// A role that was killed does not go. It is left behind.
    LeftBehind { role: usize },
    /// Nobody will clean up if the supervisor is killed.
    NoJanitor,
    /// The session gives up.
    GaveUp(GaveUp),
}

/// How a role crashed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum How {
    /// By itself, or by somebody else's signal.
    Exit(Exit),
    /// It did not beat any more, `ready` or not yet, and was killed.
    Hung { ready: bool, exit: Exit },
    /// It beat, but did not follow to the region that the source waited for, and was killed.
    Stalled { exit: Exit },
    /// Its process could not be made.
    NotStarted,
}

/// Why the session gives up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum GaveUp {
    /// A role has crashed more often than the limit.
    Crashes { role: usize, how: How },
    /// A role has hung so often in a row, and handed nothing over in between.
    Hangs { role: usize },
    /// A stream's region was damaged more often than the limit.
    Regions { kind: usize },
    /// The input has become another one more often than the limit.
    Inputs,
    /// A process does not end, though it was killed.
    Unkillable { role: usize },
}
