//! Named semaphores beside other programs, and under their hands.

use std::time::Duration;

use tricine_channel::sys::semaphore::Semaphore;
use tricine_channel::time::Deadline;

/// Posts and waits are ours, the semaphore is everybody's.
#[test]
fn semaphores_mix_with_those_of_any_other_program() {
    let name = format!("tricine.test-mix-{}", std::process::id());
    Semaphore::create(&name, 0).unwrap();
    let ours = Semaphore::open(&name).unwrap();
    // Python's multiprocessing speaks sem_open, sem_wait and sem_post of its libc.
    let theirs = format!(
        "import ctypes as c\nl=c.CDLL(None,use_errno=True)\nl.sem_open.restype=c.c_void_p\n\
         s=c.c_void_p(l.sem_open(b'/{name}',0))\n\
         for _ in range(2000): assert l.sem_wait(s)==0 and l.sem_post(s)==0\n"
    );
    let Ok(mut python) = std::process::Command::new("python3").args(["-c", &theirs]).spawn() else {
        assert!(std::env::var_os("TRICINE_REQUIRE_ALL").is_none(), "python3 is not installed");
        Semaphore::unlink(&name).unwrap();
        return;
    };
    let begun = std::time::Instant::now();
    let ended = loop {
        // Ring and listen at once, so that each side sleeps now and then, and is woken by the other.
        ours.post();
        ours.wait(Deadline::after(Duration::from_micros(50))).unwrap();
        match python.try_wait().unwrap() {
            Some(status) => break status,
            None => assert!(begun.elapsed() < Duration::from_secs(60), "somebody slept through a ring"),
        }
    };
    Semaphore::unlink(&name).unwrap();
    assert!(ended.success());
    while ours.try_wait() {}
    assert!(!ours.wait(Deadline::after(Duration::from_millis(1))).unwrap());
    assert_eq!(ours.value(), 0);
}

/// Whoever scribbles over a semaphore costs one wait its wake-up, and no later one.
#[test]
fn a_semaphore_that_was_overwritten_wakes_again() {
    use std::os::unix::fs::FileExt;
    let name = format!("tricine.test-scribble-{}", std::process::id());
    Semaphore::create(&name, 0).unwrap();
    let bell = Semaphore::open(&name).unwrap();
    let file = std::fs::OpenOptions::new().read(true).write(true).open(format!("/dev/shm/sem.{name}")).unwrap();
    let overwrite = |word: u64| file.write_all_at(&word.to_le_bytes(), 0).unwrap();
    // How many sleep there: the upper half of the word.
    let sleepers = || {
        let mut upper = [0; 4];
        file.read_exact_at(&mut upper, 4).unwrap();
        u32::from_le_bytes(upper)
    };
    // The sleeper is forgotten while it sleeps. On a machine so slow that its wait is over before that is seen, it sleeps longer.
    let forgotten = (0..10).map(|n| Duration::from_millis(100 << n)).any(|patience| {
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| bell.wait(Deadline::after(patience)));
            while sleepers() == 0 && !sleeper.is_finished() {
                std::thread::yield_now();
            }
            let asleep = sleepers() > 0;
            overwrite(0);
            assert!(!sleeper.join().unwrap().unwrap());
            asleep
        })
    });
    assert!(forgotten);
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| bell.wait(Deadline::after(Duration::from_secs(20))));
        while sleepers() == 0 && !sleeper.is_finished() {
            std::thread::yield_now();
        }
        bell.post();
        assert!(sleeper.join().unwrap().unwrap(), "nobody woke it");
    });
    // Tokens without end are soon worked off.
    overwrite(u64::from(u32::MAX));
    let taken = (0..100_000).take_while(|_| bell.try_wait()).count();
    assert!((3..=2000).contains(&taken), "{taken}");
    Semaphore::unlink(&name).unwrap();
}
