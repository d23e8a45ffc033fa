//! Whether a display server answers, without opening a window: a connection to the socket that the environment names.

use std::env;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

/// Which display server answers, such as `X11 (:0)`; else why none does, in words for the user.
pub fn probe_display() -> Result<String, String> {
    let wayland = env::var_os("WAYLAND_DISPLAY").filter(|name| !name.is_empty());
    if let Some(name) = wayland {
        let runtime = env::var_os("XDG_RUNTIME_DIR").unwrap_or_default();
        // join() leaves an absolute name as it is.
        if UnixStream::connect(PathBuf::from(runtime).join(&name)).is_ok() {
            return Ok(format!("Wayland ({})", name.to_string_lossy()));
        }
    }
    let Some(name) = env::var("DISPLAY").ok().filter(|name| !name.is_empty()) else {
        return Err("no display server: neither DISPLAY nor WAYLAND_DISPLAY is set".into());
    };
    let Some((host, number)) = parse(&name) else {
        return Err(format!("DISPLAY is {name:?}, which names no X11 display; it should look like :0"));
    };
    let answers = match host {
        "" | "unix" => {
            let path = format!("/tmp/.X11-unix/X{number}");
            let hidden = SocketAddr::from_abstract_name(&path).and_then(|at| UnixStream::connect_addr(&at));
            UnixStream::connect(path).is_ok() || hidden.is_ok()
        }
        _ => (host, 6000u16.saturating_add(number))
            .to_socket_addrs()
            .ok()
            .and_then(|mut at| at.next())
            .is_some_and(|at| TcpStream::connect_timeout(&at, Duration::from_secs(1)).is_ok()),
    };
    if answers { Ok(format!("X11 ({name})")) } else { Err(format!("no X11 server answers at DISPLAY={name}")) }
}

/// `host:number` or `host:number.screen`.
fn parse(name: &str) -> Option<(&str, u16)> {
    let (host, rest) = name.rsplit_once(':')?;
    Some((host, rest.split('.').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn display_names_are_read_as_xlib_reads_them() {
        for (name, read) in [
            (":0", Some(("", 0))),
            (":99.1", Some(("", 99))),
            ("host.example:10.0", Some(("host.example", 10))),
            ("unix:1", Some(("unix", 1))),
            ("0", None),
            (":x", None),
        ] {
            assert_eq!(parse(name), read, "{name}");
        }
    }
}
