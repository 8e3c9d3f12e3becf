//! The way to one name server and back: datagrams, or a connection that is opened when needed.
//!
//! It understands nothing of what it carries. Questions that cannot be sent are lost, as datagrams
//! are: whoever asked asks again. Bound: [`QUESTIONS_MAX`] questions wait, one answer is read at a
//! time, up to the length the caller says.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Questions to one name server that may wait to be sent.
pub const QUESTIONS_MAX: usize = 1024;
/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// From a failure to the next attempt to reach the name server.
const PAUSE: Duration = Duration::from_millis(200);

/// What happened on the way.
#[derive(Debug)]
pub enum Event {
    /// A question went out.
    Sent,
    /// A question was lost.
    Lost(io::Error),
    /// Bytes came, without a length in front.
    Answer(Vec<u8>),
}

/// Carries questions to the name server at `address` and tells `handle` what happens, until nobody
/// asks any more. Answers longer than `answer_max` bytes are cut.
///
/// # Cancel safety
/// Dropping it closes the way; questions under way are lost.
pub async fn carry(
    address: SocketAddr,
    tcp: bool,
    answer_max: usize,
    mut questions: mpsc::Receiver<Vec<u8>>,
    handle: impl Fn(Event) + Send,
) {
    while let Some(question) = questions.recv().await {
        let end = match tcp {
            true => by_tcp(address, answer_max, question, &mut questions, &handle).await,
            false => by_udp(address, answer_max, question, &mut questions, &handle).await,
        };
        match end {
            Ok(()) => return,
            Err(error) => handle(Event::Lost(error)),
        }
        sleep(PAUSE).await;
    }
}

/// Ends well when nobody asks any more.
async fn by_udp(
    address: SocketAddr,
    answer_max: usize,
    first: Vec<u8>,
    questions: &mut mpsc::Receiver<Vec<u8>>,
    handle: &impl Fn(Event),
) -> io::Result<()> {
    let own: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(own).await?;
    socket.connect(address).await?;
    socket.send(&first).await?;
    handle(Event::Sent);
    let mut buffer = vec![0; answer_max];
    loop {
        tokio::select! {
            question = questions.recv() => match question {
                Some(question) => {
                    socket.send(&question).await?;
                    handle(Event::Sent);
                }
                None => return Ok(()),
            },
            received = socket.recv(&mut buffer) => {
                handle(Event::Answer(buffer[..received?].to_vec()));
            }
        }
    }
}

async fn by_tcp(
    address: SocketAddr,
    answer_max: usize,
    first: Vec<u8>,
    questions: &mut mpsc::Receiver<Vec<u8>>,
    handle: &impl Fn(Event),
) -> io::Result<()> {
    let connected = timeout(CONNECT_MAX, TcpStream::connect(address)).await;
    let stream = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let (mut reader, mut writer) = stream.into_split();
    let mut next = Some(first);
    let mut buffer = Vec::new();
    loop {
        if let Some(question) = next.take() {
            let length = u16::try_from(question.len()).unwrap_or(u16::MAX);
            writer.write_all(&[&length.to_be_bytes()[..], &question].concat()).await?;
            handle(Event::Sent);
        }
        tokio::select! {
            question = questions.recv() => match question {
                Some(question) => next = Some(question),
                None => return Ok(()),
            },
            read = reader.read_buf(&mut buffer) => {
                if read? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                while let Some(answer) = whole(&mut buffer) {
                    handle(Event::Answer(answer));
                }
                if buffer.len() > answer_max + 2 {
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
        }
    }
}

/// Takes a message with its length in front off `buffer`, once it is whole.
fn whole(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = usize::from(u16::from_be_bytes([*buffer.first()?, *buffer.get(1)?]));
    if buffer.len() < length + 2 {
        return None;
    }
    let answer = buffer[2..length + 2].to_vec();
    buffer.drain(..length + 2);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_when_they_are_whole() {
        let mut buffer = vec![0, 2, b'a'];
        assert_eq!(whole(&mut buffer), None);
        buffer.extend([b'b', 0, 1, b'c', 0]);
        assert_eq!(whole(&mut buffer).as_deref(), Some(&b"ab"[..]));
        assert_eq!(whole(&mut buffer).as_deref(), Some(&b"c"[..]));
        assert_eq!((whole(&mut buffer), buffer.len()), (None, 1));
    }
}
