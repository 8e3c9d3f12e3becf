//! Checks through a SOCKS4 proxy (`check-via-socks4`).

use std::net::SocketAddr;

use socket2::Socket;
use tokio::io::Interest;

use super::{Conn, Problem, polled, send};
use crate::pure::wire::Parsed;
use crate::pure::wire::socks4::{self, ANSWER_BYTES, Denied};

/// Asks the proxy at the other end of `conn` for a connection to `server`.
pub(super) async fn ask(
    conn: &mut Option<Conn>,
    server: Option<SocketAddr>,
) -> Result<(), Problem> {
    let Some(SocketAddr::V4(server)) = server else { return Err(denied()) };
    send(conn, &socks4::request(server)).await?;
    let mut answer = [0; ANSWER_BYTES];
    let mut read = 0;
    loop {
        match socks4::answer(&answer[..read]) {
            Parsed::Done((), _) => return Ok(()),
            Parsed::Bad(Denied) => return Err(denied()),
            Parsed::More => {}
        }
        let room = &mut answer[read..];
        let into = |mut socket: &Socket| std::io::Read::read(&mut socket, room);
        let count = polled(conn)?.io(Interest::READABLE, into).await;
        match count.map_err(|error| Problem::of(&error))? {
            0 => return Err(denied()),
            count => read += count,
        }
    }
}

fn denied() -> Problem {
    Problem { text: Denied.to_string(), heard: false, denied: true, ours: false }
}
