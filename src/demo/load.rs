//! The clients: a thread that opens new connections at a fixed rate and says what each one saw.
//!
//! A client sends nothing and reads to the end of its connection. It must get the greeting of one of
//! the servers and then a clean end; so every failure means something, and whether the server had
//! spoken before it is known.

use std::io;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::tally::{Outcome, Visit, Who};
use crate::clock;

/// New connections a second.
pub(super) const RATE: u32 = 500;

/// Clients at once; above it a tick opens none. A second of a listener that answers nobody.
const CLIENTS_MAX: usize = 500;

/// Longest a client waits for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest answer a client reads; a name and the end of its line are far shorter.
const ANSWER_BYTES_MAX: u64 = 64;

/// The running thread. Dropping it stops it and waits for the clients that are still connected.
pub(super) struct Load {
    visits: mpsc::Receiver<Visit>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Starts to connect to `addr`.
    pub(super) fn start(addr: SocketAddr) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::to("start the clients' runtime"))?;
        let (tx, visits) = mpsc::channel(CLIENTS_MAX);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("clients".to_owned())
            .spawn(move || runtime.block_on(connect_on_and_on(addr, tx, stopped)))
            .map_err(Failure::to("start the clients' thread"))?;
        Ok(Self { visits, stop, thread: Some(thread) })
    }

    /// The next connection that ended; `None` when the last one has been told. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Visit> {
        self.visits.recv().await
    }

    /// Opens no further connection. Those that are open still end, and are told.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.cancel();
        self.visits.close();
        if let Some(thread) = self.thread.take() {
            // A panic there was printed by the thread itself.
            let _ = thread.join();
        }
    }
}

async fn connect_on_and_on(addr: SocketAddr, tx: mpsc::Sender<Visit>, stop: CancellationToken) {
    let mut clients = JoinSet::new();
    let mut tick = interval(Duration::from_secs(1) / RATE);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = tick.tick() => {}
        }
        while clients.try_join_next().is_some() {}
        if clients.len() < CLIENTS_MAX {
            let tx = tx.clone();
            // Nobody listens any more only when the demo is over.
            clients.spawn(async move { drop(tx.send(visit(addr).await).await) });
        }
    }
    // Each ends within its own patience.
    while clients.join_next().await.is_some() {}
}

/// One client, from its connect to the end of its connection.
pub(super) async fn visit(addr: SocketAddr) -> Visit {
    let begun = clock::now();
    let outcome = match timeout(PATIENCE, read_answer(addr)).await {
        Ok((bytes, end)) => judge(&bytes, end),
        Err(_) => Outcome::Failed(format!("no answer within {PATIENCE:?}")),
    };
    Visit { begun, ended: clock::now(), outcome }
}

/// All that came, and how the connection ended.
async fn read_answer(addr: SocketAddr) -> (Vec<u8>, io::Result<()>) {
    let mut bytes = Vec::new();
    let end = async {
        let stream = TcpStream::connect(addr).await?;
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes).await.map(drop)
    };
    let end = end.await;
    (bytes, end)
}

/// | bytes | end | outcome |
/// |---|---|---|
/// | a greeting | clean | answered |
/// | a greeting | error | cut: the server had spoken |
/// | none | any | failed: what the proxy must never let happen |
/// | others | any | failed: a broken answer |
fn judge(bytes: &[u8], end: io::Result<()>) -> Outcome {
    match (Who::said(bytes), end) {
        (Some(who), Ok(())) => Outcome::Answered(who),
        (Some(_), Err(_)) => Outcome::Cut,
        (None, Err(error)) if bytes.is_empty() => Outcome::Failed(error.to_string()),
        (None, Ok(())) if bytes.is_empty() => {
            Outcome::Failed("closed before the server had spoken".to_owned())
        }
        (None, _) => Outcome::Failed(format!("broken answer {:?}", bytes.escape_ascii())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let reset = || Err(io::ErrorKind::ConnectionReset.into());
        let failed = |outcome| matches!(outcome, Outcome::Failed(_));
        assert_eq!(judge(b"hello from primary\n", Ok(())), Outcome::Answered(Who::Primary));
        assert_eq!(judge(b"hello from backup\n", Ok(())), Outcome::Answered(Who::Backup));
        assert_eq!(judge(b"hello from backup\n", reset()), Outcome::Cut);
        assert!(failed(judge(b"", reset())));
        assert!(failed(judge(b"", Ok(()))));
        assert!(failed(judge(b"hello from prim", Ok(()))));
        assert!(failed(judge(b"hello from primary\nhello from backup\n", Ok(()))));
        assert!(failed(judge(b"hello from prim", reset())));
    }
}
