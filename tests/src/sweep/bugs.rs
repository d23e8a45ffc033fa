//! Which seeded bugs the sweep catches. Only in a build with the feature `seeded-bugs`; what ships cannot have them.

use serde::Serialize;
use tricine_channel::channel::bug::Bug;
use tricine_session::Result;

use super::case::Case;
use super::driver::{Failure, Plan, sweep};
use super::stage::Stage;

/// Whether this build can have bugs.
pub const AVAILABLE: bool = cfg!(feature = "seeded-bugs");

/// Builds a bug into the channel, for this process and what it forks, or none.
pub(super) fn seed(_bug: Option<Bug>) {
    #[cfg(feature = "seeded-bugs")]
    tricine_channel::channel::bug::seed(_bug);
}

/// The bug of this name.
pub fn by_name(name: &str) -> Option<Bug> {
    Bug::ALL.iter().copied().find(|b| b.name() == name)
}

/// Whether it is for the sweep to catch. What is of orderings is loom's.
pub fn is_ours(bug: Bug) -> bool {
    !bug.of_ordering()
}

/// What the sweep says of a bug.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// Its name.
    pub bug: &'static str,
    /// Kills up to the first failure, or in all.
    pub kills: u64,
    /// The case that failed first.
    pub case: Option<String>,
    /// The failure.
    pub failure: Option<Failure>,
}

/// Sweeps with `bug` until a run fails.
pub fn hunt(stage: &mut Stage<'_>, bug: Bug, cases: &[Case], plan: &Plan) -> Result<Verdict> {
    let mut verdict = Verdict { bug: bug.name(), kills: 0, case: None, failure: None };
    stage.bug = Some(bug);
    let plan = Plan { most_failures: 1, ..*plan };
    for case in cases {
        let row = sweep(stage, case, &plan)?;
        verdict.kills += row.kill_points;
        if let Some(failure) = row.first_failure {
            verdict.case = Some(case.to_string());
            verdict.failure = Some(failure);
            break;
        }
    }
    stage.bug = None;
    Ok(verdict)
}
