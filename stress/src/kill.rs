//! `--kill`: SIGKILL at random moments, the recovery that the player uses, and how long it takes.

use std::time::Duration;

use crate::board::Scores;
use nix::sys::signal::Signal;
use tricine_channel::channel::Side;
use tricine_channel::sys::process::{Child, Reaped};
use tricine_channel::time::{NS_PER_S, mono_ns};
use tricine_session::Result;

use crate::case::{Case, Kill, Role};
use crate::shm::Onlooker;
use crate::transport::Prepared;

/// Kills the processes of one session, one at a time.
pub(crate) struct Killer {
    kill: Kill,
    onlooker: Onlooker,
    /// State of a xorshift generator.
    random: u64,
    next_ns: u64,
    /// Who was killed and when; and, once it was reaped, how far that side had got.
    pending: Option<(Role, u64, Option<u64>)>,
    kills: u64,
    recovery_ns: Vec<u64>,
}

impl Killer {
    /// Kills as often as `kill` says, beginning as soon as frames are measured.
    pub(crate) fn new(kill: Kill, case: &Case, prepared: &Prepared) -> Result<Self> {
        let onlooker = Onlooker::new(case, prepared)?;
        let (random, recovery_ns) = (case.seed ^ mono_ns() | 1, Vec::new());
        Ok(Self { kill, onlooker, random, next_ns: 0, pending: None, kills: 0, recovery_ns })
    }

    fn random(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }

    /// How long the coordinator may sleep: until the next kill, and not long while a recovery is being timed.
    pub(crate) fn wait(&self) -> Duration {
        // Nor does it spin where the next kill is not known yet, or has to wait.
        let shortest = Duration::from_millis(1);
        if self.pending.is_some() {
            return shortest;
        }
        Duration::from_nanos(self.next_ns.saturating_sub(mono_ns())).max(shortest)
    }

    /// Counts a death by SIGKILL that is not our doing: somebody kills beside us, and is welcome.
    pub(crate) fn note(&mut self, role: Role) {
        if self.pending.is_none_or(|(killed, ..)| killed != role) {
            self.kills += 1;
        }
    }

    /// Recovers for the dead: exactly what the player's supervisor does.
    pub(crate) fn recover(&mut self, role: Role, reaped: &Reaped, board: &Scores) -> Result<()> {
        let side = match role {
            Role::Producer => Side::Producer,
            Role::Consumer => Side::Consumer,
        };
        self.onlooker.recover(side, reaped)?;
        if let Some((_, _, reached)) = self.pending.as_mut().filter(|(killed, ..)| *killed == role) {
            *reached = Some(progress(role, board));
        }
        Ok(())
    }

    /// Kills one of `victims` (producer, consumer; `None` where one is not at work) if it is time, or notes that the last
    /// one's successor is at work.
    pub(crate) fn act(&mut self, victims: [Option<&Child>; 2], board: &Scores) -> Result<()> {
        let now = mono_ns();
        let period_ns = NS_PER_S as f64 / self.kill.per_second;
        if let Some((role, killed_ns, reached)) = self.pending {
            if reached.is_some_and(|reached| progress(role, board) > reached) {
                self.recovery_ns.push(now - killed_ns);
                self.pending = None;
                // Kills are PER_SECOND on average; one that comes due during a recovery waits for its end.
                self.next_ns = killed_ns + (period_ns * (0.5 + self.random())) as u64;
            }
            return Ok(());
        }
        // Not before frames are measured, and not after the last was sent.
        if board.received.get() == 0 || board.ended.get() != 0 {
            return Ok(());
        }
        if self.next_ns == 0 {
            self.next_ns = now + (period_ns * self.random()) as u64;
        }
        if now < self.next_ns {
            return Ok(());
        }
        let by_chance = if self.random() < 0.5 { Role::Producer } else { Role::Consumer };
        let role = self.kill.role.unwrap_or(by_chance);
        if let Some(victim) = victims[role as usize] {
            victim.signal(Signal::SIGKILL)?;
            self.pending = Some((role, now, None));
            self.kills += 1;
        }
        Ok(())
    }

    /// How many kills, and how long each recovery took.
    pub(crate) fn result(self) -> (u64, Vec<u64>) {
        (self.kills, self.recovery_ns)
    }
}

/// How far a side has got.
fn progress(role: Role, board: &Scores) -> u64 {
    if role == Role::Producer { board.sent.get() } else { board.next.get() }
}

/// `PER_SECOND[:ROLE]`.
pub(crate) fn parse(text: &str) -> std::result::Result<Kill, String> {
    let (rate, role) = text.split_once(':').map_or((text, None), |(rate, role)| (rate, Some(role)));
    let per_second = rate.parse().ok().filter(|r| (0.01..=1000.0).contains(r));
    let per_second =
        per_second.ok_or("use PER_SECOND[:ROLE], with 0.01 to 1000 kills a second, such as 10:consumer")?;
    let role = match role {
        None => None,
        Some("producer") => Some(Role::Producer),
        Some("consumer") => Some(Role::Consumer),
        Some(other) => return Err(format!("{other:?} is no role here: use producer or consumer")),
    };
    Ok(Kill { per_second, role })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_read_with_and_without_a_role() {
        assert_eq!(parse("10"), Ok(Kill { per_second: 10.0, role: None }));
        assert_eq!(parse("0.5:producer"), Ok(Kill { per_second: 0.5, role: Some(Role::Producer) }));
        for wrong in ["", "0", "-1", "x", "10:", "10:decoder", "inf"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
