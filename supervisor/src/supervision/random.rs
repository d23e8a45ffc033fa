//! The machine in random worlds: [`Audit`](super::audit::Audit) says what must hold of it. And the same with defects built
//! in, each of which must be found.

use super::bug::Bug;
use super::world::World;

/// What chance and the user do to a session, in turns; then they leave it alone.
const WILD: usize = 400;
/// In so many further turns every input must have come to its end.
const FAIR: usize = 30_000;

/// One session from its start to its end: how many events it took, or what went wrong.
fn live(seed: u64, bug: Option<Bug>, told: bool) -> Result<u64, String> {
    let mut world = World::new(seed, bug, told);
    for turn in 0..WILD + FAIR {
        if world.is_over() {
            break;
        }
        if turn == WILD {
            match seed % 4 {
                0 => world.quit(),
                _ => world.clear_up(),
            }
        }
        world.turn();
    }
    let wrong = match world.audit.wrong.take() {
        Some(wrong) => wrong,
        None if !world.audit.done => "some input neither ends nor fails".into(),
        None => return Ok(world.events),
    };
    let story = world.story.split_off(world.story.len().saturating_sub(100)).join("\n");
    Err(format!("seed {seed}, event {}, {} ms: {wrong}\n{story}", world.events, world.now_ns / 1_000_000))
}

#[test]
fn in_every_world_every_input_ends_and_every_rule_holds() {
    const EVENTS: u64 = 5_000_000;
    let (mut events, mut sessions) = (0, 0);
    while events < EVENTS {
        match live(sessions, None, false) {
            Ok(many) => events += many,
            Err(_) => panic!("{}", live(sessions, None, true).unwrap_err()),
        }
        sessions += 1;
    }
    println!("{events} events in {sessions} sessions");
}

#[test]
fn every_defect_that_is_built_in_is_found() {
    for bug in Bug::ALL {
        let found = (0..3_000).find_map(|seed| live(seed, Some(bug), false).err());
        println!("{bug:?}: {found:?}");
        assert!(found.is_some(), "{bug:?} is not found");
    }
}
