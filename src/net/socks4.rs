//! A connection through a SOCKS4 proxy.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::pure::wire::Parsed;
use crate::pure::wire::socks4::{self, ANSWER_BYTES, Denied};

/// Asks the proxy at the other end of `stream` for a connection to `server`.
///
/// # Errors
/// The connection's, and a denial as a refused connection.
pub(super) async fn ask(stream: &mut TcpStream, server: SocketAddr) -> io::Result<()> {
    let SocketAddr::V4(server) = server else {
        let message = "SOCKS4 knows no IPv6 addresses";
        return Err(io::Error::new(ErrorKind::Unsupported, message));
    };
    stream.write_all(&socks4::request(server)).await?;
    let mut answer = [0; ANSWER_BYTES];
    let mut read = 0;
    loop {
        match socks4::answer(&answer[..read]) {
            Parsed::Done((), _) => return Ok(()),
            Parsed::Bad(Denied) => {
                return Err(io::Error::new(ErrorKind::ConnectionRefused, Denied));
            }
            // Not a byte more than the answer: what follows is the server's.
            Parsed::More => match stream.read(&mut answer[read..]).await? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => read += count,
            },
        }
    }
}
