//! A headless Chromium, driven over its DevTools pipe: JSON texts with NUL behind each, which the
//! browser reads from descriptor 3 and writes to descriptor 4.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::dir::TempDir;
use super::process::launcher;
use super::{PATIENCE, eventually};

/// One tab of a browser of its own. Dropping it ends the browser.
pub(crate) struct Browser {
    process: Child,
    input: ChildStdin,
    answers: Receiver<Value>,
    session: String,
    next: u64,
    dir: TempDir,
}

impl Browser {
    #[track_caller]
    pub(crate) fn start() -> Self {
        let dir = TempDir::new();
        let script = "exec chromium --headless --no-sandbox --disable-gpu --no-first-run \
                      --disable-extensions --disable-background-networking --disable-dev-shm-usage \
                      --remote-debugging-pipe --user-data-dir=\"$0\" about:blank \
                      3<&0 4>&1 0</dev/null 1>/dev/null 2>\"$0/output\"";
        let words = [launcher(None), ["sh", "-c", script].map(str::to_owned).to_vec()].concat();
        let mut process = Command::new(&words[0])
            .args(&words[1..])
            .arg(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for text in BufReader::new(output).split(0).map_while(Result::ok) {
                let Ok(value) = serde_json::from_slice(&text) else { break };
                if sender.send(value).is_err() {
                    break;
                }
            }
        });
        let session = String::new();
        let mut browser = Self { process, input, answers, session, next: 0, dir };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        browser
    }

    /// Gives a command and waits for its result.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let mut command = json!({"id": self.next, "method": method, "params": params});
        if !self.session.is_empty() {
            command["sessionId"] = self.session.clone().into();
        }
        let mut text = command.to_string().into_bytes();
        text.push(0);
        self.input.write_all(&text).unwrap_or_else(|error| panic!("{error}: {}", self.output()));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(answer) = self.answers.recv_timeout(left) else {
                panic!("no answer to {method}: {}", self.output());
            };
            if answer["id"] == self.next {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    fn output(&self) -> String {
        std::fs::read_to_string(self.dir.join("output")).unwrap_or_default()
    }

    /// The value of a JavaScript expression in the page.
    #[track_caller]
    pub(crate) fn ask(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true});
        let result = self.call("Runtime.evaluate", params);
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Opens `url` and waits until the page is complete.
    #[track_caller]
    pub(crate) fn open(&mut self, url: &str) {
        let result = self.call("Page.navigate", json!({"url": url}));
        assert!(result.get("errorText").is_none(), "{url}: {result}");
        eventually("the page is there", || {
            let state = self.ask("location.href != 'about:blank' && document.readyState");
            (state == "complete").then_some(())
        });
    }

    /// Makes the window `width` by `height` pixels.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let params =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": true});
        self.call("Emulation.setDeviceMetricsOverride", params);
    }

    /// Clicks in the middle of what `selector` finds first, where a person would.
    #[track_caller]
    pub(crate) fn click(&mut self, selector: &str) {
        let place = self.ask(&format!(
            "(() => {{ const it = document.querySelector({selector:?}); \
             it.scrollIntoView({{block: 'center'}}); const r = it.getBoundingClientRect(); \
             return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({
                "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1
            });
            self.call("Input.dispatchMouseEvent", params);
        }
    }

    /// A PNG of what is seen.
    pub(crate) fn picture(&mut self) -> Vec<u8> {
        let picture = self.call("Page.captureScreenshot", json!({"format": "png"}));
        STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its helpers end with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
