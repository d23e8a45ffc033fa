//! The kill sweep: the real producer or consumer, killed after each instruction of an operation, and the real recovery.
//!
//! A *run* (`stage`, `scene`) makes a channel, brings it to a fill level, and forks a victim and a survivor which attach and start
//! by the ordinary path (`actor`). The victim is stepped by ptrace to a chosen instruction and killed; once it is reaped,
//! `recover` sets the channel right, a successor starts by the ordinary path, and both sides go on to the film's end.
//! What they saw is in the `ledger`, which no death touches. Beside a survivor that sleeps the victim is
//! only held there (`Scene::hold`): what it does next has to wake it. A *case* is one row of the table: what is killed, where it
//! stands, and what the other side does; `driver` does a case instruction by instruction.

pub mod actor;
pub mod bugs;
pub mod case;
pub mod driver;
pub mod ledger;
mod look;
pub mod place;
pub mod route;
mod scene;
pub mod stage;
pub mod theatre;
