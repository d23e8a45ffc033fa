//! What these models are worth: each seeded bug makes the model fail that is to catch it. A run of this very program with
//! the bug in its environment shows it, so that one bug cannot meet another.

use std::process::Command;

use tricine_channel::channel::bug::{Bug, ENV};

/// The models that are to catch a bug, each of them.
fn models(bug: Bug) -> &'static [&'static str] {
    match bug {
        Bug::NoPostAfterDeath => &[
            "fifo::a_producer_dies_at_each_step",
            "fifo::a_consumer_that_dies_over_the_end_leaves_a_ring_for_its_successor",
        ],
        Bug::ProducerNextOffByOne => &["fifo::a_producer_dies_at_each_step"],
        Bug::ConsumerNextOffByOne | Bug::TakenIsReleased | Bug::TakenBeforeThere => {
            &["fifo::a_consumer_dies_at_each_step"]
        }
        Bug::BellBeforeReady
        | Bug::NoSecondLook
        | Bug::TakesBackAfterRing
        | Bug::NoBarrierBeforeSleep
        | Bug::NoBarrierBeforeRing => &["fifo::frames_pass_at_every_fill_level"],
        Bug::BellBeforeFree => &["fifo::a_single_release_lets_a_frame_in"],
        Bug::ReleaseBeforeRead
        | Bug::OneSlotTooMany
        | Bug::ReadyBeforeMeta
        | Bug::ReadyBeforePayload
        | Bug::RelaxedPublish
        | Bug::RelaxedPublished
        | Bug::RelaxedRelease
        | Bug::RelaxedReleased => &["fifo::the_words_alone_carry_the_payload_where_tokens_abound"],
        Bug::RelaxedDiscard | Bug::DiscardsTooMuch | Bug::DiscardsAnyFrame => {
            &["fifo::a_poisoned_frame_s_slot_goes_to_the_producer_after_its_last_reader"]
        }
        Bug::WaitIsBlind => &["fifo::who_waits_first_sees_what_is_there"],
        Bug::LastInFront => &["claim::a_successor_sees_what_one_that_ended_has_stored"],
        Bug::RelaxedRetire | Bug::RelaxedSuccessor => &["fifo::who_sees_the_successor_has_seen_every_frame_before_it"],
        Bug::RelaxedClaim | Bug::RelaxedUnclaim => &["claim::a_successor_sees_what_one_that_ended_has_stored"],
        Bug::RelaxedRecover => &["claim::a_successor_sees_what_one_that_died_has_stored"],
        Bug::RelaxedCheck | Bug::RelaxedWords => &["claim::words_are_sound_whoever_is_at_work"],
        Bug::BellWhenDirty => &["mailbox::the_latest_frame_wins"],
        Bug::SkipsFront | Bug::DoneOffByOne => &["mailbox::a_consumer_dies_at_each_step"],
        Bug::RelaxedMailLoad | Bug::RelaxedMailPublish | Bug::RelaxedMailTake => {
            &["mailbox::the_word_alone_carries_the_payload_where_tokens_abound"]
        }
        Bug::RelaxedBegun | Bug::RelaxedTap => {
            &["tap::a_fifo_s_frame_that_is_kept_is_whole", "tap::a_mailbox_s_frame_that_is_kept_is_whole"]
        }
        Bug::RelaxedTapSeq => &["tap::a_fifo_s_frame_that_is_kept_is_whole"],
        Bug::RelaxedTapMail => &["tap::a_mailbox_s_frame_that_is_kept_is_whole"],
        Bug::RelaxedRegisterStore
        | Bug::RelaxedRegisterLoad
        | Bug::RelaxedRegisterWriteFence
        | Bug::RelaxedRegisterReadFence => &["register::a_reader_sees_whole_values_in_order"],
    }
}

#[test]
fn every_seeded_bug_is_caught() {
    let mut missed = Vec::new();
    for &bug in Bug::ALL {
        let caught = models(bug).iter().all(|model| {
            let mut run = Command::new(std::env::current_exe().unwrap());
            let output = run.args(["--exact", model]).env(ENV, bug.name()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains("running 1 test"), "{bug:?}: no such model: {model}");
            !output.status.success()
        });
        // For the table of all proofs: see tests/src/bin/seeded-bugs.rs.
        println!("loom: {} {} ({})", bug.name(), if caught { "caught" } else { "missed" }, models(bug).join(", "));
        if !caught {
            missed.push(bug);
        }
    }
    assert!(missed.is_empty(), "missed: {missed:?}");
}
