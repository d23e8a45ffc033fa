//! What the rows are, in a few words each: for whoever reads a table and has not read a manual.

use tricine_channel::channel::Mode;

use crate::case::{Guard, Transport};
use crate::report::Row;

/// A short phrase for a row's mechanism.
pub(crate) fn of_row(row: &Row) -> String {
    let mut words = mechanism(row.transport).to_owned();
    if let Some(guard) = row.guard {
        words += &format!("; {}", waking(guard));
    }
    if row.mode == Mode::Mailbox {
        words += "; a newer frame overwrites one that was not taken";
    }
    if row.sessions > 1 {
        words += &format!("; {} pairs of processes side by side", row.sessions);
    }
    words
}

/// Names as a list in a sentence; of many, a few.
pub(crate) fn a_few(names: &[&str]) -> String {
    const FEW: usize = 4;
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, some)) if some.len() <= FEW => format!("{} and {last}", some.join(", ")),
        Some(_) => format!("{} and {} more", names[..FEW].join(", "), names.len() - FEW),
        None => String::new(),
    }
}

fn mechanism(transport: Transport) -> &'static str {
    match transport {
        Transport::Shm => "Tricine's channel: three slots in shared memory, outlives a killed side",
        Transport::Floor => "the limit, not a mechanism: two bare counters, both sides spin",
        Transport::Textbook => "three slots in shared memory, two counting semaphores",
        Transport::Pipe => "an anonymous pipe: each frame is copied in and out by the kernel",
        Transport::Vmsplice => "an anonymous pipe that lends its pages: copied once, on reading",
        Transport::Fifo => "a pipe with a name in the file system",
        Transport::PosixMq => "a POSIX message queue: frames in pieces, copied in and out",
        Transport::SysvMq => "a System V message queue: frames in pieces, copied in and out",
        Transport::Unix => "a Unix stream socket: copied in and out by the kernel",
        Transport::Seqpacket => "a Unix socket that keeps messages apart: frames in packets",
        Transport::Tcp => "TCP over loopback: the same bytes could cross a network",
        Transport::Mmap => "three slots in a mapped file, woken by futexes",
        Transport::SysvShm => "three slots in System V shared memory, woken by futexes",
        Transport::Iceoryx2 => "iceoryx2: its event wakes the consumer, the producer retries",
        Transport::Iceoryx2Both => "iceoryx2: its event wakes both sides",
        Transport::Iceoryx2Busy => "iceoryx2: both sides poll",
    }
}

fn waking(guard: Guard) -> &'static str {
    match guard {
        Guard::Semaphore => "named semaphores wake, as in the player",
        Guard::Futex => "futexes wake",
        Guard::Eventfd => "eventfds wake",
        Guard::Spin => "nothing wakes, both sides spin",
        Guard::RawSync => "raw_sync's events wake, which do not outlive a killed waiter",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::row;
    use clap::ValueEnum;

    #[test]
    fn of_many_names_a_few_are_said() {
        let all = ["a", "b", "c", "d", "e", "f"];
        let said = [0, 1, 2, 5, 6].map(|n| a_few(&all[..n]));
        assert_eq!(said, ["", "a", "a and b", "a, b, c, d and e", "a, b, c, d and 2 more"]);
    }

    #[test]
    fn every_mechanism_has_words_of_its_own_on_one_line() {
        let mut all: Vec<String> = Transport::value_variants().iter().map(|&t| of_row(&row(t, &[1.0]))).collect();
        let guards = Guard::value_variants();
        all.extend(guards[1..].iter().map(|&g| of_row(&Row { guard: Some(g), ..row(Transport::Shm, &[1.0]) })));
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "{all:#?}");
        assert!(of_row(&Row { mode: Mode::Mailbox, ..row(Transport::Shm, &[1.0]) }).contains("overwrites"));
    }
}
