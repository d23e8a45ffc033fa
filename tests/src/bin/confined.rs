//! A process behind the decoder's walls that tries something: `confined ATTEMPT [PATH]`. For tests of the sandbox: whether this ends by
//! SIGSYS, with an error (exit code 1), or well (0).

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};

use nix::sys::signal::{Signal, kill};
use nix::unistd::getppid;
use tricine_session::link::InputSpec;
use tricine_session::sandbox::confine;

/// The limit on memory, in bytes.
const MEMORY: u64 = 256 << 20;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let attempt = args.next().unwrap_or_default();
    let path = args.next().unwrap_or_default();
    let input = if attempt == "picture" { InputSpec::Images(vec![path.clone().into()]) } else { InputSpec::Pipe };
    let parent = getppid();
    let mut open = tempfile::tempfile().ok();
    match confine(&input, MEMORY) {
        Ok(walls) => println!("{walls}"),
        Err(error) => {
            println!("{error}");
            return ExitCode::from(3);
        }
    }
    let done: io::Result<()> = match attempt.as_str() {
        "nothing" => Ok(()),
        "open" | "picture" => File::open(path).map(drop),
        "create" => File::create_new(path).map(drop),
        "shm" => File::open("/dev/shm/".to_owned() + &path).map(drop),
        "grow" => open.as_mut().map_or(Ok(()), |file| file.write_all(b"more")),
        "execute" => Command::new("true").status().map(drop),
        "tcp" => TcpStream::connect("127.0.0.1:9").map(drop),
        "unix" => UnixStream::connect(path).map(drop),
        "kill" => kill(parent, Signal::SIGUSR2).map_err(Into::into),
        "threads" => {
            let threads: Vec<_> = (0..8).map(|i| std::thread::spawn(move || i)).collect();
            assert_eq!(threads.into_iter().filter_map(|t| t.join().ok()).sum::<i32>(), 28);
            Ok(())
        }
        "memory" => {
            let mut all: Vec<u8> = Vec::new();
            let got = all.try_reserve_exact(2 * MEMORY as usize);
            got.map_err(|e| io::Error::other(e.to_string()))
        }
        "abort" => std::process::abort(),
        _ => Err(io::Error::other("no such attempt")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
