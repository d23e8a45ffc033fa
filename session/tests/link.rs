//! Links lose nothing and cut nothing: what is long comes whole, what is too long is an error on the side that says it, and on the side that
//! hears it.

use std::os::fd::AsFd;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use tricine_channel::sys::fds;
use tricine_session::Error;
use tricine_session::link::{FromRole, InputSpec, LONGEST, LONGEST_SEALED, Link, Spec, ToRole, Work};

fn start(pictures: usize) -> ToRole {
    let input = InputSpec::Images((0..pictures).map(|i| format!("/pictures/{i:08}.png").into()).collect());
    let work = Work { input, ..Work::default() };
    let spec = Spec { session: "s".into(), channels: Vec::new(), unpaced: false, restarts: 0, verbosity: 0, work };
    ToRole::Start(Box::new(spec))
}

#[test]
fn orders_of_any_length_come_whole_with_their_files() {
    let (ours, theirs) = Link::pair().unwrap();
    let file = tempfile::tempfile().unwrap();
    for pictures in [0, 1_000, 100_000] {
        assert!(ours.order(&start(pictures), &[file.as_fd()]).unwrap());
        let (heard, files) = theirs.hear::<ToRole>().unwrap().unwrap();
        assert!(heard == start(pictures) && files.len() == 1, "{pictures} pictures");
    }
    assert!(theirs.hear::<ToRole>().unwrap().is_none());
    drop(ours);
    assert!(matches!(theirs.hear::<ToRole>(), Err(Error::Disconnected)));
}

#[test]
fn what_is_too_long_is_an_error_and_what_comes_after_it_is_heard() {
    let (ours, theirs) = Link::pair().unwrap();
    let long = FromRole::Notice("x".repeat(LONGEST));
    assert!(matches!(ours.send(&long), Err(Error::TooLong { .. })));
    let endless = FromRole::Notice("x".repeat(LONGEST_SEALED as usize));
    assert!(matches!(ours.order(&endless, &[]), Err(Error::TooLong { .. })));
    // A peer that keeps to nothing: too long, no JSON, a sealed message where none is taken, and descriptors that nobody wants.
    let file = tempfile::tempfile().unwrap();
    for bytes in [&vec![b' '; LONGEST + 1][..], b"{", b"#"] {
        assert!(fds::try_send(&ours, bytes, &[file.as_fd()]).unwrap());
        assert!(ours.send(&FromRole::Ready).unwrap());
        assert!(theirs.receive::<FromRole>().is_err());
        assert_eq!(theirs.receive::<FromRole>().unwrap(), Some(FromRole::Ready));
    }
}

#[test]
fn a_file_that_can_still_change_is_no_message() {
    let (ours, theirs) = Link::pair().unwrap();
    let text = serde_json::to_vec(&ToRole::Quit).unwrap();
    let open = tricine_channel::sys::process::memory_file("open", &text).unwrap();
    assert!(fds::try_send(&ours, b"#", &[open.as_fd()]).unwrap());
    assert!(theirs.hear::<ToRole>().is_err());
    let sealed = tricine_channel::sys::sealed::sealed_file("sealed", &text).unwrap();
    assert!(fds::try_send(&ours, b"#", &[sealed.as_fd()]).unwrap());
    assert_eq!(theirs.hear::<ToRole>().unwrap().map(|heard| heard.0), Some(ToRole::Quit));
}

#[test]
fn a_message_that_was_cut_is_an_error() {
    let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
    assert!(fds::try_send(&a, b"twelve bytes", &[]).unwrap());
    assert!(fds::try_receive(&b, 4).is_err());
    assert!(fds::try_receive(&b, 64).unwrap().is_none());
}

#[test]
fn without_room_nothing_is_said_and_nobody_waits() {
    let (ours, theirs) = Link::pair().unwrap();
    let mut said = 0u32;
    while ours.send(&FromRole::Ended { serial: said }).unwrap() {
        said += 1;
    }
    assert!(!ours.order(&FromRole::Ready, &[]).unwrap());
    for serial in 0..said {
        assert_eq!(theirs.receive().unwrap(), Some(FromRole::Ended { serial }));
    }
    assert_eq!(theirs.receive::<FromRole>().unwrap(), None);
}
