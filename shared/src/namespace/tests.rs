use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::*;
use crate::channel::{Name, Region, Spec};
use crate::meta::Len;

const HERE: Namespace = Namespace::new("channel-test");

#[test]
fn names_are_read_back_and_others_are_left_alone() {
    for (object, session) in [
        ("channel-test.4f2a.control", Some("4f2a")),
        ("sem.channel-test.4f2a.numbers.0.empty", Some("4f2a")),
        ("channel-test.4f2a", None),
        ("channel-test..control", None),
        ("channel-test.a b.control", None),
        ("channel-testd.4f2a.control", None),
        ("channel.4f2a.control", None),
        ("sem.other", None),
    ] {
        assert_eq!(HERE.session_of(object), session, "{object}");
    }
}

#[test]
fn a_session_name_holds_no_path_and_no_separator() {
    for bad in ["", "a/b", "..", "a.b", "a b", &"x".repeat(65)] {
        assert!(check_name(bad).is_err(), "{bad}");
    }
    assert!(check_name("my-map_2").is_ok());
}

#[test]
fn a_prefix_that_could_be_taken_for_another_s_is_refused() {
    for bad in ["", "sem", "a.b", "a/b"] {
        assert!(std::panic::catch_unwind(|| Namespace::new(bad)).is_err(), "{bad}");
    }
}

/// A session with a channel, as a program makes it.
fn session(names: Namespace, session: &str) -> (SessionLock, Name) {
    let lock = names.lock_and_link(shm::create_unnamed(1).unwrap(), session).unwrap();
    let name = Name::new(names.object(session, "numbers"), 0);
    Region::create(&name, &Spec::fifo::<Len>(8)).unwrap();
    (lock, name)
}

fn objects(name: &Name) -> [bool; 3] {
    let there = |object: String| Path::new(shm::DIR).join(object).exists();
    [there(name.to_string()), there(format!("sem.{}", name.empty())), there(format!("sem.{}", name.filled()))]
}

#[test]
fn a_program_sweeps_its_own_dead_sessions_and_no_other_s() {
    // One prefix begins with the other, and all three have a session of the same name.
    let [ours, longer, other] = [HERE, Namespace::new("channel-test-2"), Namespace::new("channel-other")];
    let called = format!("swept-{}", std::process::id());
    let alive = format!("alive-{}", std::process::id());
    let left: Vec<Name> = [ours, longer, other]
        .map(|names| {
            let (lock, name) = session(names, &called);
            drop(lock);
            name
        })
        .into();
    let (lock, living) = session(ours, &alive);
    assert!(matches!(
        ours.lock_and_link(shm::create_unnamed(1).unwrap(), &alive),
        Err(Error::SessionInUse(name)) if name == alive
    ));
    let control = shm::open_named(&ours.control_name(&alive), false).unwrap();
    let shared = Flock::lock(control, FlockArg::LockSharedNonblock);
    assert!(matches!(shared, Err((_, nix::Error::EWOULDBLOCK))), "its lock is its own alone");
    let swept = ours.sweep(false, |_| {}).unwrap();
    assert!(swept.iter().any(|s| s.session == called) && !swept.iter().any(|s| s.session == alive));
    assert_eq!(left.iter().map(objects).collect::<Vec<_>>(), [[false; 3], [true; 3], [true; 3]]);
    assert_eq!(objects(&living), [true; 3]);
    drop(lock);
    for (names, session) in [(ours, &alive), (longer, &called), (other, &called)] {
        assert!(names.sweep_one(session, |_| {}).unwrap());
    }
    assert_eq!(left.iter().chain([&living]).map(objects).collect::<Vec<_>>(), [[false; 3]; 4]);
}

#[test]
fn while_a_session_is_swept_none_of_its_name_can_begin() {
    static LOOKS: AtomicU32 = AtomicU32::new(0);
    fn look(object: &str) {
        let session = HERE.session_of(object).unwrap();
        assert!(matches!(HERE.try_lock(session), Ok(None)), "who sweeps holds the lock");
        let begun = HERE.lock_and_link(shm::create_unnamed(1).unwrap(), session);
        assert!(matches!(begun, Err(Error::SessionInUse(_))), "its control object goes last");
        LOOKS.fetch_add(1, Relaxed);
    }
    let called = format!("sweeping-{}", std::process::id());
    let (lock, name) = session(HERE, &called);
    drop(lock);
    assert!(HERE.sweep_one(&called, look).unwrap());
    assert_eq!((LOOKS.load(Relaxed), objects(&name)), (3, [false; 3]));
}

/// Puts something of another user's that is not a regular file, or none of ours, beside `session`'s objects.
fn planted(names: Namespace, session: &str) -> Vec<String> {
    let at = |rest: &str| format!("{}/{}", shm::DIR, names.object(session, rest));
    nix::unistd::mkfifo(at("a-fifo").as_str(), nix::sys::stat::Mode::from_bits_truncate(0o666)).unwrap();
    fs::create_dir(at("a-folder")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", at("a-link")).unwrap();
    let mut all = vec![at("a-fifo"), at("a-folder"), at("a-link")];
    if geteuid().is_root() {
        fs::write(at("aaa"), "another user's").unwrap();
        nix::unistd::chown(at("aaa").as_str(), Some(65534.into()), None).unwrap();
        all.push(at("aaa"));
    }
    all
}

fn remove(path: &str) {
    if fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()) {
        fs::remove_dir(path)
    } else {
        fs::remove_file(path)
    }
    .unwrap();
}

#[test]
fn what_others_put_beside_a_session_keeps_nothing_of_ours() {
    // Its own, since it sweeps.
    let names = Namespace::new("channel-beside");
    let called = format!("beside-{}", std::process::id());
    let (lock, name) = session(names, &called);
    let beside = planted(names, &called);
    let found = || names.list().unwrap().into_iter().find(|s| s.session == called);
    let living = found().unwrap();
    assert!(living.live && living.ours && living.objects.len() == 4, "{living:?}");
    drop(lock);
    let swept = names.sweep(false, |_| {}).unwrap();
    let ours = swept.iter().find(|s| s.session == called).unwrap();
    assert_eq!((ours.objects.len(), &ours.failure), (4, &None));
    assert_eq!(objects(&name), [false; 3]);
    assert!(beside.iter().all(|path| Path::new(path).symlink_metadata().is_ok()), "what is not ours stays");
    beside.iter().for_each(|path| remove(path));
    assert_eq!(found(), None);
}

#[test]
fn a_control_name_that_is_no_file_of_ours_holds_up_nobody() {
    let names = Namespace::new("channel-planted");
    for kind in ["a-fifo", "a-folder", "a-link", "aaa"] {
        let called = format!("planted-{kind}-{}", std::process::id());
        // By renaming one that was made under another name.
        let from = planted(names, &called);
        let Some(path) = from.iter().find(|path| path.ends_with(kind)) else { continue };
        let control = format!("{}/{}", shm::DIR, names.control_name(&called));
        fs::rename(path, &control).unwrap();
        // A session of that name cannot begin, and says so; what it left of ours goes all the same.
        let name = Name::new(names.object(&called, "numbers"), 0);
        Region::create(&name, &Spec::fifo::<Len>(8)).unwrap();
        let refused = names.lock_and_link(shm::create_unnamed(1).unwrap(), &called);
        assert!(matches!(refused, Err(Error::SessionInUse(_))), "{kind}: {refused:?}");
        let found = names.list().unwrap().into_iter().find(|s| s.session == called).unwrap();
        assert!(!found.live && found.ours, "{kind}: {found:?}");
        assert!(names.sweep_one(&called, |_| {}).unwrap());
        assert_eq!(objects(&name), [false; 3], "{kind}");
        from.iter().filter(|other| *other != path).for_each(|path| remove(path));
        remove(&control);
    }
}
