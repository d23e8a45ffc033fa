//! What is swept: one case is one row of the table.

use std::fmt;

use clap::ValueEnum;

use tricine_channel::channel::ownership::SLOTS;
use tricine_channel::channel::{Mode, Side};

/// What the victim does, from before its wait to after its last post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Operation {
    /// Acquire, fill, publish.
    Publish,
    /// Acquire, fill half, drop: nobody ever sees it.
    Abandon,
    /// Acquire, check every byte, take the effect, release.
    Release,
    /// Acquire, check every byte, drop: it is delivered again.
    GiveBack,
    /// As release, after a wait of its own that looks at nothing.
    Wait,
    /// As release; a frame that the consumer dies with is discarded.
    Poison,
}

/// What the channel has seen before the victim comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// A frame was published.
    Published,
    /// A frame was acquired and released.
    Released,
    /// A frame was acquired by a consumer that died with it (mailbox: it stays in `front`).
    Held,
}

/// A fill level: how it came about, and how it is called.
#[derive(Debug, PartialEq, Eq)]
pub struct Fill {
    /// Its name in the table and on the command line.
    pub name: &'static str,
    /// What happened.
    pub past: &'static [Past],
}

impl Fill {
    /// Frames published so far.
    pub fn published(&self) -> usize {
        self.past.iter().filter(|p| **p == Past::Published).count()
    }
}

use Past::{Held, Published, Released};

/// From no frame ready to no slot free.
pub const FIFO_FILLS: [Fill; 4] = [
    Fill { name: "0", past: &[] },
    Fill { name: "1", past: &[Published] },
    Fill { name: "2", past: &[Published, Published] },
    Fill { name: "3", past: &[Published, Published, Published] },
];

/// A mailbox is empty, or its middle is new, and its front has been used or not. In the last two a new consumer presents
/// the front first, which its predecessor took and never finished.
pub const MAILBOX_FILLS: [Fill; 6] = [
    Fill { name: "empty", past: &[] },
    Fill { name: "new", past: &[Published] },
    Fill { name: "taken", past: &[Published, Released] },
    Fill { name: "taken+new", past: &[Published, Released, Published] },
    Fill { name: "held", past: &[Published, Held] },
    Fill { name: "held+new", past: &[Published, Held, Published] },
];

/// What the other side does meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Survivor {
    /// It stands still until the victim is dead, or sleeps and must be woken.
    Parked,
    /// It stands still in the midst of its own operation, with a slot of its own.
    Holding,
    /// It runs, on another processor if there is one.
    Running,
    /// It sleeps at its doorbell. The victim is not killed there but held until the sleeper, served or not, sleeps again;
    /// it then ends its operation, and has one more: each alone has to wake the sleeper.
    Asleep,
    /// It stands still while the victim is held on its way to sleep, and then hands over once. The victim, which is not killed
    /// there, has to find that without waiting for its deadline.
    Serving,
}

/// Who dies second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Second {
    /// The victim's successor, from its first look at the words to the end of its first operation.
    Successor,
    /// The other side, in an operation of its own, while nobody has recovered the first death.
    OtherSide,
    /// Whoever recovers the first death, in the midst of it; recovery is then begun again.
    Recovery,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// Which side the victim is.
    pub role: Side,
    /// FIFO or mailbox.
    pub mode: Mode,
    /// What it does.
    pub operation: Operation,
    /// What it finds.
    pub fill: &'static Fill,
    /// What the other side does meanwhile.
    pub survivor: Survivor,
    /// Who dies second, with two deaths.
    pub second: Option<Second>,
}

/// Lower-case names, as in the table and on the command line.
pub fn name(value: impl clap::ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
}

/// A side of a channel, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Writes frames.
    Producer,
    /// Reads frames.
    Consumer,
}

/// A channel's mode, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ModeName {
    /// Every frame, in order.
    Fifo,
    /// The latest wins.
    Mailbox,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (role, mode, operation) = (self.role_name(), self.mode_name(), name(self.operation));
        write!(f, "{role} {mode} {operation}, fill {}, survivor {}", self.fill.name, name(self.survivor))?;
        self.second.map_or(Ok(()), |second| write!(f, ", then {}", name(second)))
    }
}

impl Case {
    /// The victim's side, as a name.
    pub fn role_name(&self) -> &'static str {
        match self.role {
            Side::Producer => "producer",
            Side::Consumer => "consumer",
        }
    }

    /// The mode, as a name.
    pub fn mode_name(&self) -> &'static str {
        match self.mode {
            Mode::Fifo => "fifo",
            Mode::Mailbox => "mailbox",
        }
    }

    /// Every case there is, with `deaths` deaths.
    pub fn all(deaths: u32) -> Vec<Self> {
        use Operation::{Abandon, GiveBack, Poison, Publish, Release, Wait};
        let seconds: &[Option<Second>] = match deaths {
            1 => &[None],
            _ => &[Some(Second::Successor), Some(Second::OtherSide), Some(Second::Recovery)],
        };
        let mut cases = Vec::new();
        for mode in [Mode::Fifo, Mode::Mailbox] {
            let fills: &'static [Fill] = if mode == Mode::Fifo { &FIFO_FILLS } else { &MAILBOX_FILLS };
            let of_consumer: &[_] = &[Release, GiveBack, Wait, Poison];
            for (role, operations) in [(Side::Producer, &[Publish, Abandon][..]), (Side::Consumer, of_consumer)] {
                for &operation in operations {
                    for fill in fills {
                        for survivor in Survivor::value_variants().iter().copied() {
                            for &second in seconds {
                                cases.push(Self { role, mode, operation, fill, survivor, second });
                            }
                        }
                    }
                }
            }
        }
        cases.retain(Self::says_something);
        cases
    }

    fn says_something(&self) -> bool {
        let published = self.fill.published();
        // To a producer a held front is a taken one.
        let another_s = self.fill.past.contains(&Held) && self.role == Side::Producer;
        // Where the other side dies, too, it stands still until then.
        let dies = self.second == Some(Second::OtherSide) && self.survivor != Survivor::Parked;
        let nothing_to_hold = match (self.role, self.mode) {
            (Side::Producer, _) => published == 0,
            (Side::Consumer, Mode::Fifo) => published == SLOTS,
            (Side::Consumer, Mode::Mailbox) => false,
        };
        // Where the other side can sleep, and where the victim has to.
        let sleeps = match (self.operation, self.mode) {
            (Operation::Publish, _) => self.fill.past.is_empty(),
            (Operation::Release, Mode::Fifo) => published == SLOTS,
            _ => false,
        };
        let has_to_sleep = match (self.operation, self.mode) {
            (Operation::Publish, Mode::Fifo) => published == SLOTS,
            (Operation::Release | Operation::Wait, _) => self.fill.past.is_empty(),
            _ => false,
        };
        let wakes_nobody = match self.survivor {
            Survivor::Asleep => self.second.is_some() || !sleeps,
            Survivor::Serving => self.second.is_some() || !has_to_sleep,
            _ => false,
        };
        let no_such_operation = match self.operation {
            // Where there is none, one or as many frames as can be; and where none is to be presented first.
            Operation::Wait => !["0", "1", "3", "empty", "new", "taken"].contains(&self.fill.name),
            // A mailbox discards nothing: its next frame is one that nobody has died of.
            Operation::Poison => self.mode == Mode::Mailbox,
            _ => false,
        };
        let nothing_to_hold = self.survivor == Survivor::Holding && nothing_to_hold;
        !(another_s || dies || wakes_nobody || nothing_to_hold || no_such_operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_death_covers_both_roles_and_modes_at_every_fill_with_both_survivors() {
        let cases = Case::all(1);
        // FIFO: 4 operations × 4 fills × 3, but 4 times there is nothing to hold; mailbox: (2 × 4 + 2 × 6) × 3, but 2;
        // three hand-overs for which somebody can sleep, and five operations that have to; waits at 3 fills of each mode × 3, but 1;
        // and poison as any release.
        assert_eq!(cases.len(), 44 + 58 + 3 + 5 + 17 + 11);
        for fill in FIFO_FILLS.iter().chain(&MAILBOX_FILLS) {
            for survivor in [Survivor::Parked, Survivor::Holding, Survivor::Running] {
                assert!(cases.iter().any(|c| c.fill == fill && c.survivor == survivor), "{fill:?} {survivor:?}");
            }
        }
    }

    #[test]
    fn two_deaths_name_who_dies_second() {
        assert!(Case::all(2).iter().all(|c| c.second.is_some()));
    }
}
