//! What happens when a process makes a system call that its sandbox forbids: the kernel does not do it and sends SIGSYS. The process says
//! which call it was, as a line of its log, and dies of that signal. (Where it has that signal blocked, as the standard library has while it starts
//! a program, it dies without a word.)

/// Where the number of the call is in what the kernel says of SIGSYS, in bytes: behind three integers, padding, and an address.
#[cfg(target_pointer_width = "64")]
const CALL: usize = 24;

/// How the line of the log begins that ends with the number of the call.
pub const SAID: &str = "ERROR forbidden system call ";

/// From now on, a call that seccomp traps is named on standard error before it ends this process.
pub fn say_what_was_forbidden() {
    // SAFETY: a zeroed sigaction is valid, the handler has the signature that SA_SIGINFO asks for, and does only what is allowed in a
    // signal handler.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_sigsys as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // Without the handler, SIGSYS ends the process all the same.
        libc::sigaction(libc::SIGSYS, &action, std::ptr::null_mut());
    }
}

extern "C" fn on_sigsys(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo of 128 bytes, in which an integer lies there, aligned.
    let call = unsafe { info.cast::<u8>().add(CALL).cast::<libc::c_int>().read() };
    let (digits, from) = decimal(call.unsigned_abs());
    for part in [SAID.as_bytes(), &digits[from..], b"\n"] {
        // SAFETY: write of valid bytes, allowed in a signal handler. Nobody to tell it to is as good as told.
        unsafe { libc::write(2, part.as_ptr().cast(), part.len()) };
    }
    // SAFETY: allowed in a signal handler. The signal is blocked while this runs; it is delivered, and ends the process, when it returns.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// The digits of `number`, and where they begin.
fn decimal(mut number: u32) -> ([u8; 10], usize) {
    let (mut digits, mut from) = ([b'0'; 10], 10);
    loop {
        from -= 1;
        digits[from] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return (digits, from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn numbers_are_said_as_people_write_them() {
        for number in [0, 7, 59, 435, u32::MAX] {
            let (digits, from) = decimal(number);
            assert_eq!(str::from_utf8(&digits[from..]).unwrap(), number.to_string());
        }
    }
}
