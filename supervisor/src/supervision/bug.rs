//! Defects that the tests build in, to show that they would be found. A build that ships has none: [`Supervision::seeded`] is
//! a constant there.

use super::Supervision;

/// A defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    /// A role that is still quitting counts as there, also where a new input needs it.
    QuittingIsManned,
    /// The next serial begins while the old source lives.
    SerialBeforeReaped,
    /// Hangs have no limit.
    HangsAreFree,
    /// A hang is the data's fault.
    HangPoisons,
    /// Every death but by SIGKILL is the data's fault.
    TermPoisons,
    /// Other tracks of the same file are taken for the same.
    TracksIgnored,
    /// A dead janitor is not replaced.
    JanitorForgotten,
    /// The regions of a role that was told to quit are not recovered.
    QuitterNotRecovered,
    /// A region is replaced while somebody is attached.
    ReplacedUnderTheLiving,
    /// Crashes before some progress do not count.
    ProgressForgives,
    /// A role that was told to quit has all the time in the world.
    GraceWithoutEnd,
    /// So has the opening of an input.
    OpeningWithoutEnd,
    /// Replacing a region costs nothing.
    RegionsAreFree,
    /// Trying another place costs nothing.
    PlacesAreFree,
    /// A process that cannot be killed is waited for.
    UnkillableAwaited,
    /// The source may have as many regions as it asks for.
    RegionsWithoutEnd,
    /// That a region has a later number than was meant is not heard.
    NumberForgotten,
    /// A source waits for its answer as long as it takes.
    AnswerWithoutEnd,
    /// Where no input is left, the last of what plays is not heard.
    LastSoundCutOff,
    /// The next input begins when one of two consumers has come to the end.
    OneEndIsEnough,
}

impl<R: Copy> Supervision<R> {
    /// Whether this defect is built in.
    #[cfg(test)]
    pub(super) fn seeded(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// No defect is built in.
    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "a test asks for one of its own")]
    pub(super) const fn seeded(&self, _: Bug) -> bool {
        false
    }
}

#[cfg(test)]
impl Bug {
    /// All of them.
    pub(super) const ALL: [Self; 20] = [
        Self::QuittingIsManned,
        Self::SerialBeforeReaped,
        Self::HangsAreFree,
        Self::HangPoisons,
        Self::TermPoisons,
        Self::TracksIgnored,
        Self::JanitorForgotten,
        Self::QuitterNotRecovered,
        Self::ReplacedUnderTheLiving,
        Self::ProgressForgives,
        Self::GraceWithoutEnd,
        Self::OpeningWithoutEnd,
        Self::RegionsAreFree,
        Self::PlacesAreFree,
        Self::UnkillableAwaited,
        Self::RegionsWithoutEnd,
        Self::NumberForgotten,
        Self::AnswerWithoutEnd,
        Self::LastSoundCutOff,
        Self::OneEndIsEnough,
    ];
}
