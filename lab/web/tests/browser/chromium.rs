//! A page in headless Chromium, by the DevTools protocol over a pipe: keys and clicks go in as a user's would, and what a user would see
//! comes out.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// No test waits longer for anything: far more than any needs on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser with one page. It is killed on drop.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    next: u64,
    page: String,
    /// What the page asked for, and what went wrong in it.
    pub(crate) requests: Vec<String>,
    pub(crate) complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

/// Whether a tool is there; the test may be skipped otherwise, but not where `TRICINE_REQUIRE_ALL` is 1.
pub(crate) fn or_skipped(found: bool, what: &str) -> bool {
    let required = std::env::var_os("TRICINE_REQUIRE_ALL").is_some_and(|v| v == "1");
    assert!(found || !required, "{what} is not installed, and TRICINE_REQUIRE_ALL=1 forbids to skip");
    if !found {
        let _ = writeln!(std::io::stderr(), "skipped: {what} is not installed");
    }
    found
}

impl Browser {
    /// A browser with an empty page; `None` if there is no Chromium.
    pub(crate) fn start() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).any(|folder| folder.join("chromium").is_file());
        if !or_skipped(found, "chromium") {
            return None;
        }
        let profile = tempfile::tempdir().expect("a folder");
        // The protocol's descriptors are 3 and 4. Chromium's own sandbox does not work for root.
        let script = "exec chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
                      --remote-debugging-pipe --user-data-dir=\"$0\" about:blank 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .arg(profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a browser");
        let (to, from) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(from).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("JSON of the protocol");
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut me = Self {
            child,
            to,
            from: receiver,
            next: 0,
            page: String::new(),
            requests: vec![],
            complaints: vec![],
            _profile: profile,
        };
        let targets = me.call("Target.getTargets", json!({}));
        let is_page = |t: &&Value| t["type"] == "page";
        let target = targets["targetInfos"].as_array().and_then(|t| t.iter().find(is_page)).expect("a page").clone();
        let attached = me.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        me.page = attached["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page", "Runtime", "Network", "Log"] {
            me.call(&format!("{domain}.enable"), json!({}));
        }
        Some(me)
    }

    /// One call of the protocol.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": params});
        if !self.page.is_empty() {
            message["sessionId"] = self.page.clone().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).expect("the browser reads");
        loop {
            let answer = self.hear();
            if answer["id"] == self.next {
                assert!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }

    /// The next message, which may be an event.
    fn hear(&mut self) -> Value {
        let message = self.from.recv_timeout(PATIENCE).expect("the browser answers");
        let params = &message["params"];
        match message["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                self.requests.push(params["request"]["url"].as_str().unwrap_or_default().to_owned());
            }
            Some("Runtime.exceptionThrown") => self.complaints.push(params["exceptionDetails"].to_string()),
            Some("Log.entryAdded") => self.complaints.push(params["entry"].to_string()),
            _ => {}
        }
        message
    }

    /// Opens an address, until the page and its scripts are loaded.
    pub(crate) fn open(&mut self, address: &str) {
        // Another fragment alone would load nothing.
        self.call("Page.navigate", json!({"url": "about:blank"}));
        self.call("Page.navigate", json!({"url": address}));
        while self.hear()["method"] != "Page.loadEventFired" || self.evaluate("location.href") == "about:blank" {}
    }

    /// The value of an expression; of what it promises, if it is a promise.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Waits until something is true of the page, which is looked at whenever the page changes.
    pub(crate) fn until(&mut self, condition: &str) {
        let patience = PATIENCE.as_millis() / 2;
        let came = self.evaluate(&format!(
            "new Promise(done => {{ const look = () => {{ if ({condition}) {{ watch.disconnect(); done(true); }} }};
               const watch = new MutationObserver(look);
               watch.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
               setTimeout(() => done(false), {patience}); look(); }})"
        ));
        if came != true {
            let seen = self.evaluate("document.body.innerText");
            panic!("it never came: {condition}\nThe page says:\n{}", seen.as_str().unwrap_or_default());
        }
    }

    /// Waits until the page says this.
    pub(crate) fn until_said(&mut self, text: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(text)));
    }

    /// Presses a key, such as `a` or `ArrowRight`, as at a keyboard.
    pub(crate) fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, Some("\r")),
            "Escape" => (27, None),
            "ArrowLeft" => (37, None),
            "ArrowRight" => (39, None),
            "Home" => (36, None),
            "End" => (35, None),
            one => (0, Some(one)),
        };
        let down = if text.is_some() { "keyDown" } else { "rawKeyDown" };
        let mut event = json!({"type": down, "key": key, "windowsVirtualKeyCode": code});
        if let Some(text) = text {
            event["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", event);
        self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}));
    }

    /// Clicks with a mouse into the middle of the first element that `expression` gives.
    pub(crate) fn click(&mut self, expression: &str) {
        let place = self.evaluate(&format!(
            "(() => {{ const e = {expression}; e.scrollIntoView({{ block: 'center' }}); const r = e.getBoundingClientRect();
               return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ));
        for event in ["mousePressed", "mouseReleased"] {
            let at = json!({"type": event, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", at);
        }
    }

    /// Clicks at the button that says this.
    pub(crate) fn click_button(&mut self, label: &str) {
        self.click(&button(label));
    }

    /// A screen of this width in CSS pixels, light or dark.
    pub(crate) fn screen(&mut self, width: u32, dark: bool) {
        let size = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = if dark { "dark" } else { "light" };
        self.call(
            "Emulation.setEmulatedMedia",
            json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        );
    }

    /// Nothing went wrong in the page, and it asked nobody but its own folder.
    pub(crate) fn assert_at_peace(&self, folder: &str) {
        assert_eq!(self.complaints, Vec::<String>::new());
        let own = |r: &String| r.starts_with(folder) || r.starts_with("blob:") || r == "about:blank";
        let others: Vec<_> = self.requests.iter().filter(|r| !own(r)).collect();
        assert!(others.is_empty() && !self.requests.is_empty(), "{others:?}");
    }
}

/// The button that says this, as an expression.
pub(crate) fn button(label: &str) -> String {
    format!("[...document.querySelectorAll('button')].find(b => b.textContent.includes({}))", json!(label))
}

/// A file's address.
pub(crate) fn address(path: &Path) -> String {
    format!("file://{}", path.display())
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
