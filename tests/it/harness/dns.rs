//! A scripted name server over UDP.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What a name has.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// Addresses.
    A(Vec<Ipv4Addr>),
    /// An address of each family.
    Both(Ipv4Addr, Ipv6Addr),
    /// Services: weight, port, host.
    Srv(Vec<(u16, u16, String)>),
    /// Addresses, and that there are more of them.
    Truncated(Vec<Ipv4Addr>),
    /// No answer at all.
    Silence,
}

type Zone = Arc<Mutex<HashMap<String, Said>>>;

/// A name server; a name it does not know does not exist. Ends at drop.
pub(crate) struct NameServer {
    pub(crate) addr: SocketAddr,
    zone: Zone,
    thread: Option<JoinHandle<()>>,
}

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;

impl NameServer {
    pub(crate) fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = socket.local_addr().unwrap();
        let zone = Zone::default();
        let known = Arc::clone(&zone);
        let thread = std::thread::spawn(move || serve(&socket, &known));
        Self { addr, zone, thread: Some(thread) }
    }

    /// From now on `name` has this.
    pub(crate) fn set(&self, name: &str, said: Said) {
        self.zone.lock().unwrap().insert(name.to_owned(), said);
    }

    /// From now on `name` has these addresses.
    pub(crate) fn addresses(&self, name: &str, last: &[u8]) {
        let addresses = last.iter().map(|&last| Ipv4Addr::new(127, 0, 0, last)).collect();
        self.set(name, Said::A(addresses));
    }

    /// From now on `name` does not exist.
    pub(crate) fn forget(&self, name: &str) {
        self.zone.lock().unwrap().remove(name);
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        // An empty datagram ends the thread.
        let ended =
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|s| s.send_to(&[], self.addr));
        if let (Ok(_), Some(thread)) = (ended, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, zone: &Zone) {
    let mut buffer = [0; 2048];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        if length == 0 {
            return;
        }
        if let Some(answer) = answer(&buffer[..length], zone) {
            let _ = socket.send_to(&answer, from);
        }
    }
}

fn answer(question: &[u8], zone: &Zone) -> Option<Vec<u8>> {
    let (name, end) = name(question)?;
    let kind = u16::from_be_bytes([question[end], question[end + 1]]);
    let said = zone.lock().unwrap().get(&name).cloned();
    let records: Vec<Vec<u8>> = match (kind, said.as_ref()) {
        (_, Some(Said::Silence)) => return None,
        (A, Some(Said::A(addresses) | Said::Truncated(addresses))) => {
            addresses.iter().map(|ip| ip.octets().to_vec()).collect()
        }
        (A, Some(Said::Both(ip, _))) => vec![ip.octets().to_vec()],
        (AAAA, Some(Said::Both(_, ip))) => vec![ip.octets().to_vec()],
        (SRV, Some(Said::Srv(services))) => services.iter().map(service).collect(),
        _ => Vec::new(),
    };
    let mut bytes = question[..2].to_vec();
    let is_cut = matches!(said, Some(Said::Truncated(_)));
    bytes.extend([
        if is_cut { 0x83 } else { 0x81 },
        if said.is_some() { 0x80 } else { 0x83 },
        0,
        1,
    ]);
    bytes.extend(u16::try_from(records.len()).unwrap().to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(&question[12..end + 4]);
    for record in records {
        bytes.extend([0xc0, 12]);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 0, 60]);
        bytes.extend(u16::try_from(record.len()).unwrap().to_be_bytes());
        bytes.extend(record);
    }
    Some(bytes)
}

/// The name that is asked for, in lower case, and where it ends.
fn name(question: &[u8]) -> Option<(String, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*question.get(at)?);
        if length == 0 {
            return Some((labels.join("."), at + 1));
        }
        labels.push(String::from_utf8_lossy(question.get(at + 1..at + 1 + length)?).to_lowercase());
        at += 1 + length;
    }
}

fn service((weight, port, host): &(u16, u16, String)) -> Vec<u8> {
    let mut bytes = vec![0, 1];
    bytes.extend(weight.to_be_bytes());
    bytes.extend(port.to_be_bytes());
    for label in host.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
