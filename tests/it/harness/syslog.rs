//! A syslog receiver over UDP and over a Unix datagram socket.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{PATIENCE, within};

/// Longest datagram read.
const LINE_BYTES_MAX: usize = 65_535;

/// Collects what is logged to it until dropped; prints it when the test fails.
#[derive(Debug)]
pub(crate) struct Syslog {
    port: u16,
    lines: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Syslog {
    /// Receives on a UDP port of 127.0.0.1.
    pub(crate) fn udp() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let port = socket.local_addr().unwrap().port();
        Self::collect(port, move |buf| socket.recv(buf))
    }

    /// Receives on a Unix datagram socket at `path`.
    pub(crate) fn unix(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        Self::collect(0, move |buf| socket.recv(buf))
    }

    fn collect(
        port: u16,
        receive: impl Fn(&mut [u8]) -> std::io::Result<usize> + Send + 'static,
    ) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let (sink, stop) = (Arc::clone(&lines), Arc::clone(&over));
        let reader = std::thread::spawn(move || {
            let mut buf = vec![0; LINE_BYTES_MAX];
            while !stop.load(Ordering::Relaxed) {
                if let Ok(len) = receive(&mut buf) {
                    let text = String::from_utf8_lossy(&buf[..len]).trim_end().to_owned();
                    sink.lock().unwrap().push(text);
                }
            }
        });
        Self { port, lines, over, reader: Some(reader) }
    }

    /// The UDP port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// All datagrams so far, as they came.
    pub(crate) fn raw(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// All messages so far, without priority, time and tag.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.raw().iter().map(|line| message(line).to_owned()).collect()
    }

    /// The first message that contains all of `parts`, once it is there.
    #[track_caller]
    pub(crate) fn expect(&self, parts: &[&str]) -> String {
        let found = within(PATIENCE, || {
            self.messages().into_iter().find(|line| parts.iter().all(|part| line.contains(part)))
        });
        found.unwrap_or_else(|| panic!("no log line with {parts:?} in {:#?}", self.messages()))
    }

    /// How many messages so far contain `part`.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.messages().iter().filter(|line| line.contains(part)).count()
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        if std::thread::panicking() {
            eprintln!("--- logged:");
            for line in self.raw().iter().rev().take(60).rev() {
                eprintln!("    {line}");
            }
        }
    }
}

/// The message of `<PRI>Mmm dd hh:mm:ss tag[pid]: message`.
fn message(line: &str) -> &str {
    line.split_once("]: ").map_or(line, |(_, message)| message)
}
