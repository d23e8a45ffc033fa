//! A peer that is killed in the middle of a message, over TCP on this machine.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tricine_channel::sys::process::memory_file;

use super::{Measured, Task, start};
use crate::stage::gone;
use crate::{Error, Result};

/// Bytes of a message's text; its length goes before it, in four bytes.
const TEXT: usize = 12;
/// So much of the second message is on its way when its sender is killed.
const PART: usize = 5;

#[derive(Serialize, Deserialize)]
pub(crate) struct Part {
    port: u16,
}

fn sys(call: &'static str) -> impl Fn(std::io::Error) -> Error {
    move |e| tricine_session::Error::sys(call, "127.0.0.1", e).into()
}

/// One whole message, a part of another, SIGKILL.
pub(super) fn work(part: &Part) -> Result<()> {
    let mut line = TcpStream::connect((Ipv4Addr::LOCALHOST, part.port)).map_err(sys("connect"))?;
    let length = (TEXT as u32).to_be_bytes();
    let whole = [&length[..], &[1; TEXT]].concat();
    let half = [&length[..], &[2; PART]].concat();
    line.write_all(&whole).and_then(|()| line.write_all(&half)).map_err(sys("write"))?;
    // Cannot fail, and nothing comes after it.
    let _ = raise(Signal::SIGKILL);
    Ok(())
}

pub(super) fn measure() -> Result<Measured> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(sys("bind"))?;
    let port = listener.local_addr().map_err(sys("getsockname"))?.port();
    let file = memory_file("tricine-lab-nothing", &[])?;
    let child = start(&Task::Send(Part { port }), &file, None)?;
    let (mut line, _) = listener.accept().map_err(sys("accept"))?;
    line.set_read_timeout(Some(Duration::from_secs(20))).map_err(sys("setsockopt"))?;
    let mut bytes = vec![];
    // A sender that is killed closes its connection; what it had sent is read before that.
    let end = line.read_to_end(&mut bytes);
    gone(&child)?;
    let whole = bytes.len() / (4 + TEXT);
    let rest = bytes.len() % (4 + TEXT);
    let last = match end {
        Ok(_) => "the end of the connection, without an error",
        Err(_) => "an error of the connection",
    };
    let says = format!(
        "The sender wrote one message of {} bytes and {} bytes of a second one, and was killed by SIGKILL. The receiver read:\n\
         - {whole} whole message\n- {rest} bytes of another one\n- then {last}\n\nThe kernel says that nothing more comes. It does not \
         say that something is missing: only the length before the message does.",
        4 + TEXT,
        4 + PART
    );
    Ok(Measured { says, figures: json!({ "whole": whole, "rest": rest, "end": last }), ..Measured::default() })
}
