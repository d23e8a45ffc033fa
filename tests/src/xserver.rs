//! An X server without a screen, of a test's own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{AtomEnum, ClientMessageEvent, ConnectionExt, EventMask, ImageFormat};
use x11rb::rust_connection::RustConnection;

use crate::pictures::Picture;
use crate::{Run, have, start_by, wait_for};

const WIDTH: usize = 1600;
const HEIGHT: usize = 900;

/// A running Xvfb; killed on drop.
#[derive(Debug)]
pub struct XServer {
    process: Child,
    /// What DISPLAY has to be.
    pub display: String,
}

impl XServer {
    /// Starts one at a free number; `None` where the tools for it are not installed.
    pub fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// As [`XServer::start`], with more arguments.
    pub fn start_with(more: &[&str]) -> Option<Self> {
        if !["Xvfb", "xdotool", "import", "ffmpeg"].into_iter().all(have) {
            return None;
        }
        let screen = format!("{WIDTH}x{HEIGHT}x24");
        let mut process = Command::new("Xvfb")
            // Not to begin anew when its last client leaves: whoever comes at that moment is turned away.
            .args(["-displayfd", "1", "-noreset", "-nolisten", "tcp", "-screen", "0", &screen])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts");
        let mut number = String::new();
        BufReader::new(process.stdout.as_mut().expect("a pipe")).read_line(&mut number).expect("a display number");
        Some(Self { process, display: format!(":{}", number.trim()) })
    }

    /// Plays on it, without sound, in the folder of the report: screenshots go there.
    pub fn play(&self, program: &str, args: &[&str]) -> Run {
        let all = [&["--audio", "null"][..], args].concat();
        start_by(&[program], &all, |command, folder| {
            command.env("DISPLAY", &self.display).current_dir(folder);
        })
    }

    /// Runs xdotool with these arguments; what it said.
    pub fn xdotool(&self, args: &[&str]) -> String {
        let output = Command::new("xdotool").args(args).env("DISPLAY", &self.display).output().expect("xdotool starts");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Presses and releases keys, one right after the other. Without a window manager they go to the window under the
    /// pointer.
    pub fn keys(&self, keys: &[&str]) {
        self.xdotool(&[&["mousemove", "600", "500", "key", "--delay", "0"][..], keys].concat());
    }

    /// The window of Tricine, once there is one.
    pub fn window(&self) -> String {
        wait_for("the window", || {
            let found = self.xdotool(&["search", "--onlyvisible", "--class", "tricine"]);
            found.lines().next().map(str::to_owned)
        })
    }

    /// Says something to the server by a connection of its own, or asks it.
    fn talk<T>(&self, what: impl FnOnce(&RustConnection, u32) -> Result<T, Box<dyn std::error::Error>>) -> Option<T> {
        let (server, number) = x11rb::connect(Some(&self.display)).ok()?;
        let root = server.setup().roots[number].root;
        let told = what(&server, root).ok()?;
        server.flush().ok()?;
        Some(told)
    }

    /// Where a window's content is on the screen, and how large: x, y, width, height. `None` if it is gone.
    pub fn geometry(&self, window: &str) -> Option<[i32; 4]> {
        self.talk(|server, root| {
            let window = window.parse()?;
            let at = server.translate_coordinates(window, root, 0, 0)?.reply()?;
            let size = server.get_geometry(window)?.reply()?;
            Ok([at.dst_x.into(), at.dst_y.into(), size.width.into(), size.height.into()])
        })
    }

    /// Whether a window manager has taken up a window.
    pub fn is_managed(&self, window: &str) -> bool {
        self.words(window, "_NET_FRAME_EXTENTS").is_some_and(|words| !words.is_empty())
    }

    /// Whether a window is in this state, such as `_NET_WM_STATE_ABOVE`.
    pub fn is_in_state(&self, window: &str, state: &str) -> bool {
        let atom = self.talk(|server, _| Ok(server.intern_atom(false, state.as_bytes())?.reply()?.atom));
        let states = self.words(window, "_NET_WM_STATE").unwrap_or_default();
        atom.is_some_and(|atom| states.contains(&atom))
    }

    /// Asks the window manager for a state of a window, as its own menu would.
    pub fn set_state(&self, window: &str, state: &str) {
        let asked = self.talk(|server, root| {
            let atom = |name: &str| -> Result<u32, Box<dyn std::error::Error>> {
                Ok(server.intern_atom(false, name.as_bytes())?.reply()?.atom)
            };
            let words = [1, atom(state)?, 0, 2, 0];
            let message = ClientMessageEvent::new(32, window.parse()?, atom("_NET_WM_STATE")?, words);
            let mask = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
            Ok(server.send_event(false, root, mask, message)?.check()?)
        });
        asked.expect("the X server takes messages");
    }

    /// A property of a window.
    fn words(&self, window: &str, property: &str) -> Option<Vec<u32>> {
        self.talk(|server, _| {
            let atom = server.intern_atom(false, property.as_bytes())?.reply()?.atom;
            let value = server.get_property(false, window.parse()?, atom, AtomEnum::ANY, 0, 64)?.reply()?;
            Ok(value.value32().map(Iterator::collect).unwrap_or_default())
        })
    }

    /// Waits until Tricine has a window just there.
    pub fn stands_at(&self, what: &str, wanted: [i32; 4]) {
        wait_for(what, || {
            let windows = self.xdotool(&["search", "--onlyvisible", "--class", "tricine"]);
            windows.lines().any(|window| self.geometry(window) == Some(wanted)).then_some(())
        });
    }

    /// What a window shows, as bytes of its pixels; `None` where it is gone or not there yet.
    pub fn content(&self, window: u32) -> Option<Vec<u8>> {
        self.talk(|server, _| {
            let size = server.get_geometry(window)?.reply()?;
            Ok(server.get_image(ImageFormat::Z_PIXMAP, window, 0, 0, size.width, size.height, u32::MAX)?.reply()?.data)
        })
    }

    /// All windows that lie on the screen itself, or in a window manager's frames.
    pub fn windows(&self) -> Vec<u32> {
        let below = |of: Option<u32>| {
            self.talk(|server, root| Ok(server.query_tree(of.unwrap_or(root))?.reply()?.children)).unwrap_or_default()
        };
        below(None).into_iter().flat_map(|window| [vec![window], below(Some(window))].concat()).collect()
    }

    /// What the screen shows.
    pub fn screen(&self) -> Picture {
        let args = ["-display", &self.display, "-window", "root", "-depth", "8", "rgb:-"];
        let output = Command::new("import").args(args).output().expect("import starts");
        assert_eq!(output.stdout.len(), WIDTH * HEIGHT * 3, "{}", String::from_utf8_lossy(&output.stderr));
        Picture { width: WIDTH, bytes: output.stdout }
    }

    /// Waits until the screen's part at `x`, `y` looks like `wanted`.
    pub fn shows(&self, what: &str, wanted: &Picture, x: usize, y: usize) {
        let height = wanted.bytes.len() / 3 / wanted.width;
        wait_for(what, || (self.screen().part(x, y, wanted.width, height).distance(wanted) < 2.5).then_some(()));
    }

    /// Asks a window to close, as a window manager's button does.
    pub fn close(&self, window: &str) {
        let asked = self.talk(|server, _| {
            let atom = |name: &[u8]| -> Result<u32, Box<dyn std::error::Error>> {
                Ok(server.intern_atom(false, name)?.reply()?.atom)
            };
            let (protocols, close) = (atom(b"WM_PROTOCOLS")?, atom(b"WM_DELETE_WINDOW")?);
            let window = window.parse()?;
            let message = ClientMessageEvent::new(32, window, protocols, [close, 0, 0, 0, 0]);
            Ok(server.send_event(false, window, EventMask::NO_EVENT, message)?.check()?)
        });
        asked.expect("the X server takes messages");
    }

    /// Stops it, so that it answers nobody, or lets it go on.
    pub fn halt(&self, halted: bool) {
        let signal = if halted { Signal::SIGSTOP } else { Signal::SIGCONT };
        kill(Pid::from_raw(self.process.id() as i32), signal).expect("it runs");
    }

    /// Kills it, as it may happen to an X server.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for XServer {
    fn drop(&mut self) {
        self.kill();
        // A killed server leaves these.
        let number = &self.display[1..];
        let _ = std::fs::remove_file(format!("/tmp/.X{number}-lock"));
        let _ = std::fs::remove_file(format!("/tmp/.X11-unix/X{number}"));
    }
}
