//! A fence around third-party codecs: a panic inside one becomes an error, and the process's panic hook stays silent
//! about it, because a damaged film is no bug of the player.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// What the threads of a codec are called that has threads of its own.
const WORKERS: &str = "rav1d-worker";

/// How many codecs are open whose threads have no name.
static CATCHING: AtomicUsize = AtomicUsize::new(0);

/// As long as it lives, threads without a name are those of a codec that catches their panics and returns them as errors. Ours all have
/// names, or their panics go on in one that has.
#[cfg(feature = "h264")]
pub(crate) struct Catching(());

#[cfg(feature = "h264")]
impl Catching {
    pub(crate) fn new() -> Self {
        CATCHING.fetch_add(1, Relaxed);
        Self(())
    }
}

#[cfg(feature = "h264")]
impl Drop for Catching {
    fn drop(&mut self) {
        CATCHING.fetch_sub(1, Relaxed);
    }
}

/// Makes the panic hook silent while a thread is inside [`guarded`], or is one of a codec that catches its panics; every other panic goes
/// to the hook that was installed before. One in a codec's own thread ends the process, since the codec would wait for that thread for ever.
/// Calling it again changes nothing.
pub fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            let thread = std::thread::current();
            let caught = thread.name().is_none() && CATCHING.load(Relaxed) > 0;
            if !inside() && !caught {
                before(info);
                if thread.name().is_some_and(|name| name.starts_with(WORKERS)) {
                    std::process::abort();
                }
            }
        }));
    });
}

/// Whether this thread is inside [`guarded`].
pub fn inside() -> bool {
    INSIDE.get()
}

/// Runs `work`. A panic in it is returned as its message; what it was working on is then to be thrown away.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let outer = INSIDE.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    INSIDE.set(outer);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        text.unwrap_or("it panicked").to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_codecs_own_thread_ends_the_process() {
        use std::os::unix::process::ExitStatusExt;

        const PANICS: &str = "TRICINE_TEST_WORKER_PANICS";
        if std::env::var_os(PANICS).is_some() {
            install_hook();
            let worker = std::thread::Builder::new().name(format!("{WORKERS}-0")).spawn(|| panic!("on purpose"));
            let _ = worker.unwrap().join();
            return;
        }
        let name = "guard::tests::a_panic_in_a_codecs_own_thread_ends_the_process";
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let output = child.args(["--exact", name]).env(PANICS, "1").output().unwrap();
        // SIGABRT.
        assert_eq!(output.status.signal(), Some(6), "{output:?}");
    }

    #[test]
    #[cfg(feature = "h264")]
    fn a_panic_that_a_codec_catches_in_its_own_thread_is_not_told() {
        const PANICS: &str = "TRICINE_TEST_CAUGHT_PANICS";
        if std::env::var_os(PANICS).is_some() {
            install_hook();
            let catching = Catching::new();
            assert!(std::thread::spawn(|| panic!("not to be told")).join().is_err());
            let ours = std::thread::Builder::new().name("ours".into()).spawn(|| panic!("of ours"));
            assert!(ours.expect("a thread").join().is_err());
            drop(catching);
            assert!(std::thread::spawn(|| panic!("of nobody")).join().is_err());
            return;
        }
        let name = "guard::tests::a_panic_that_a_codec_catches_in_its_own_thread_is_not_told";
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let output = child.args(["--exact", name, "--nocapture"]).env(PANICS, "1").output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        assert!(!told.contains("not to be told") && told.contains("of ours") && told.contains("of nobody"), "{told}");
    }

    #[test]
    fn a_panic_inside_becomes_its_message_and_the_flag_is_restored() {
        install_hook();
        assert_eq!(guarded(|| 3), Ok(3));
        let caught: Result<(), String> = guarded(|| {
            assert!(inside());
            panic!("boom {}", 7)
        });
        assert_eq!(caught, Err("boom 7".into()));
        assert!(!inside());
    }
}
