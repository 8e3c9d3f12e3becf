//! A connection that says nothing and hears that it was taken.
//!
//! Its sending side is closed at once: who serves it reads the end where a first message is due, says
//! nothing either, and closes. Postgres does so without a line in its log, while who asks for TLS and
//! does not go on leaves one (measured with 15, by TLS and without). That it hears the end took a process
//! that was begun for it; the kernel, which accepts for one that stands still, does not send any.

use std::net::Shutdown;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::time::{Instant, timeout_at};

use super::held::{Trouble, verdict};
use super::{Conn, Polled, Problem, connect, polled};
use crate::check::target::Target;
use crate::pure::health::verdict::Verdict;
use crate::pure::probe::{Close, Connect, Opening};

/// Whether anybody takes a connection to the target, within its time.
///
/// # Errors
/// The verdict on a server where nobody does.
///
/// # Cancel safety
/// Dropping the future closes the connection.
pub(in crate::check) async fn hush(target: &Target) -> Result<(), Verdict> {
    let begun = Instant::now();
    let bound = begun + target.timing.connect;
    let ask = Connect::plain(Close::Polite, Opening::Ours);
    let conn = match timeout_at(bound, connect(target, &ask)).await {
        Ok(Ok(conn)) => conn,
        Ok(Err(problem)) => return Err(verdict(Trouble::System(problem), true, begun)),
        Err(_) => return Err(verdict(Trouble::TimedOut, true, begun)),
    };
    let bound = Instant::now() + target.timing.answer.unwrap_or(target.timing.inter);
    match timeout_at(bound, end(conn)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(problem)) => Err(verdict(Trouble::System(problem), false, begun)),
        Err(_) => Err(verdict(Trouble::TimedOut, false, begun)),
    }
}

/// Ends what is sent and waits for what comes back, which may be the end.
async fn end(conn: Conn) -> Result<(), Problem> {
    let mut conn = Some(conn);
    let polled: &Polled = polled(&mut conn)?;
    let ended = match polled {
        Polled::Tcp(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
        Polled::Unix(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
    };
    ended.map_err(|error| Problem::of(&error))?;
    let read = |mut socket: &socket2::Socket| std::io::Read::read(&mut socket, &mut [0; 1]);
    let heard = polled.io(Interest::READABLE, read).await;
    heard.map(drop).map_err(|error| Problem::of(&error))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;
    use crate::check::target::Timing;
    use crate::pure::health::verdict::CheckStatus;

    fn target(addr: std::net::SocketAddr, answer: Duration) -> Target {
        let timing = Timing { inter: answer, connect: answer, answer: Some(answer) };
        Target::plain(addr, timing)
    }

    #[tokio::test]
    async fn who_is_served_hears_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read(&mut [0; 8]).await.unwrap()
        });
        assert_eq!(hush(&target(addr, Duration::from_secs(60))).await, Ok(()));
        assert_eq!(serving.await.unwrap(), 0, "nothing was said");
    }

    #[tokio::test]
    async fn who_is_only_accepted_by_the_kernel_hears_nothing() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let found = hush(&target(addr, Duration::from_millis(50))).await.unwrap_err();
        assert_eq!(found.status, CheckStatus::L7Timeout);
        drop(listener);
        let found = hush(&target(addr, Duration::from_secs(60))).await.unwrap_err();
        assert_eq!((found.status, found.heard), (CheckStatus::L4Con, true));
    }
}
