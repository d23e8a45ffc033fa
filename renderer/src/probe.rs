//! Whether a display server answers, without opening a window. A server may accept a connection and never say a word: then this
//! waits, and whoever asked ends the process.

use std::env;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use x11rb::errors::ConnectError;
use x11rb::rust_connection::RustConnection;

/// Which display server answers, such as `X11 (:0)`; else why none does, in words for the user.
pub(crate) fn display() -> Result<String, String> {
    let named = |variable| env::var(variable).ok().filter(|name| !name.is_empty());
    let mut silent = None;
    if let Some(name) = named("WAYLAND_DISPLAY") {
        match wayland(&name) {
            Ok(()) => return Ok(format!("Wayland ({name})")),
            Err(error) => silent = Some(format!("no Wayland server answers at WAYLAND_DISPLAY={name}: {error}")),
        }
    }
    let Some(name) = named("DISPLAY") else {
        return Err(silent.unwrap_or("no display server: neither DISPLAY nor WAYLAND_DISPLAY is set".into()));
    };
    match RustConnection::connect(Some(&name)) {
        Ok(_) => Ok(format!("X11 ({name})")),
        Err(ConnectError::DisplayParsingError(_)) => {
            Err(format!("DISPLAY is {name:?}, which names no X11 display; it should look like :0"))
        }
        Err(error) => Err(format!("no X11 server answers at DISPLAY={name}: {error}")),
    }
}

/// Asks the server at this socket to say when it has done what it was asked before, which was nothing: the first message
/// of `wl_display.sync` and the first words of whatever is answered.
fn wayland(name: &str) -> io::Result<()> {
    const DISPLAY: u32 = 1;
    const SYNC: u32 = 0;
    const CALLBACK: u32 = 2;
    const LEN: u32 = 12;
    let runtime = env::var_os("XDG_RUNTIME_DIR").unwrap_or_default();
    // join() leaves an absolute name as it is.
    let mut socket = UnixStream::connect(PathBuf::from(runtime).join(name))?;
    for word in [DISPLAY, LEN << 16 | SYNC, CALLBACK] {
        socket.write_all(&word.to_ne_bytes())?;
    }
    socket.read_exact(&mut [0; 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wayland_server_is_one_that_answers_and_not_one_that_listens() {
        use std::os::unix::net::UnixListener;
        let path = env::temp_dir().join(format!("tricine-wayland-{}", std::process::id()));
        let name = path.display().to_string();
        assert!(wayland(&name).is_err());
        let listener = UnixListener::bind(&path).unwrap();
        for answer in [&[][..], &[1; 8]] {
            let asked = std::thread::spawn({
                let name = name.clone();
                move || wayland(&name)
            });
            let (mut client, _) = listener.accept().unwrap();
            let mut question = [0; 12];
            client.read_exact(&mut question).unwrap();
            assert_eq!(
                question.chunks(4).map(|w| u32::from_ne_bytes(w.try_into().unwrap())).collect::<Vec<_>>(),
                [1, 12 << 16, 2]
            );
            client.write_all(answer).unwrap();
            drop(client);
            assert_eq!(asked.join().unwrap().is_ok(), !answer.is_empty());
        }
        std::fs::remove_file(path).unwrap();
    }
}
