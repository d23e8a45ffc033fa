//! Sessions, inputs and disasters by chance.

use fastrand::Rng;

use super::{Kinds, Limit, MS, Plan};

/// An input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Film {
    /// Whether opening it is answered, and how.
    pub(super) opens: Option<bool>,
    /// Whether its source finds anything in it.
    pub(super) plays: bool,
    pub(super) tracks: Kinds,
    /// Tracks whose end is not waited for.
    pub(super) aside: Kinds,
    /// Frames of each track.
    pub(super) len: u64,
    pub(super) seekable: bool,
    /// Who dies of which frame.
    pub(super) kills: Option<(usize, u64)>,
    /// Who hangs at which frame.
    pub(super) stalls: Option<(usize, u64)>,
    /// Who goes on beating and does nothing else from which frame on.
    pub(super) idles: Option<(usize, u64)>,
    /// Each time it is opened, it may hold something else.
    pub(super) changes: bool,
}

/// How likely each disaster is, in thousandths.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weather {
    pub(super) kill: u32,
    pub(super) stick: u32,
    pub(super) spoil: u32,
    pub(super) forge: u32,
    pub(super) user: u32,
    pub(super) janitor: u32,
    pub(super) immortal: u32,
    pub(super) no_place: u32,
    pub(super) not_started: u32,
    /// That something else has the name of a region.
    pub(super) taken: u32,
}

impl Weather {
    pub(super) fn any(rng: &mut Rng) -> Self {
        let rate = |rng: &mut Rng, most: u32| if rng.bool() { 0 } else { rng.u32(0..most) };
        Self {
            kill: rate(rng, 60),
            stick: rate(rng, 60),
            spoil: rate(rng, 60),
            forge: rate(rng, 40),
            user: rate(rng, 60),
            janitor: rate(rng, 30),
            immortal: rate(rng, 20),
            no_place: rate(rng, 400),
            not_started: rate(rng, 100),
            taken: rate(rng, 500),
        }
    }
}

/// A session of two to five roles and up to four streams.
pub(super) fn plan(rng: &mut Rng) -> Plan {
    let kinds = rng.usize(1..=4);
    let source = rng.usize(0..=1);
    let mut takes: Vec<Kinds> = (0..kinds).map(Kinds::of).collect();
    if kinds > 2 && rng.bool() {
        // A role that takes two.
        takes[0] = takes[0].or(Kinds::of(kinds - 1));
        takes.pop();
    }
    takes.insert(source.min(takes.len()), Kinds::default());
    let source = source.min(takes.len() - 1);
    Plan {
        wanted: Kinds(if rng.u8(0..4) == 0 { rng.u8(1..1 << kinds) } else { (1 << kinds) - 1 }),
        kinds,
        patience_ns: vec![[10_000 * MS, 2_000 * MS]; takes.len()],
        source,
        limit: Limit { intensity: rng.usize(1..6), period: std::time::Duration::from_secs(10) },
        rounds: rng.u64(1..3),
        takes,
    }
}

pub(super) fn film(rng: &mut Rng, plan: &Plan) -> Film {
    let (kinds, roles, source) = (plan.kinds, plan.takes.len(), plan.source);
    let at = |rng: &mut Rng, often: u8| (rng.u8(0..10) < often).then(|| (rng.usize(0..roles), rng.u64(0..6)));
    Film {
        opens: match rng.u8(0..10) {
            0 => None,
            1 => Some(false),
            _ => Some(true),
        },
        plays: rng.u8(0..8) > 0,
        tracks: Kinds(rng.u8(1..1 << kinds)),
        aside: if rng.u8(0..4) == 0 { Kinds(rng.u8(..)) } else { Kinds::default() },
        // Short ones above all.
        len: rng.u64(0..8),
        seekable: rng.bool(),
        kills: at(rng, 2),
        stalls: at(rng, 2),
        idles: at(rng, 1).filter(|(role, _)| *role != source),
        changes: rng.u8(0..6) == 0,
    }
}
