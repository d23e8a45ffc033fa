//! Random playlists, as many as a test may take; `tests/src/bin/playlists.rs` plays as many as are wanted.

use clap::Parser;
use tests::have;
use tests::playlists::{Options, play};

#[test]
fn every_picture_of_every_playlist_is_shown_once_and_in_its_place() {
    if !have("ffmpeg") {
        return;
    }
    let tally = play(env!("CARGO_BIN_EXE_tricine-under-test"), &Options::parse_from([""]));
    let wrong = tally.wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tally.pictures.into_inner() > 0 && tally.kills.into_inner() > 0);
}
