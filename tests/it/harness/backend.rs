//! Scripted servers: each does one thing to every connection, well or badly.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::mysql_wire::{greeting, ok_packet, skip_packet};
use super::port::{free_addr, is_listening};
use super::{eventually, spawn};

type Script = Arc<dyn Fn(TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A server inside the test; its listener and connections close at drop.
pub(crate) struct Backend {
    pub(crate) addr: SocketAddr,
    accepted: Arc<AtomicU64>,
    script: Script,
    task: Option<JoinHandle<()>>,
}

impl Backend {
    /// Runs `script` for each connection.
    pub(crate) fn new<F>(script: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut backend = Self {
            addr: free_addr(),
            accepted: Arc::default(),
            script: Arc::new(move |stream| Box::pin(script(stream))),
            task: None,
        };
        // Somebody may have taken the port since it was found free.
        let socket = eventually("a free port", || {
            let socket = listen(backend.addr);
            if socket.is_err() {
                backend.addr = free_addr();
            }
            socket.ok()
        });
        backend.serve(socket);
        backend
    }

    /// Listens again after [`Backend::die`].
    pub(crate) fn revive(&mut self) {
        let socket = eventually("the old port", || listen(self.addr).ok());
        self.serve(socket);
    }

    fn serve(&mut self, socket: Socket) {
        let (script, accepted) = (Arc::clone(&self.script), Arc::clone(&self.accepted));
        self.task = Some(spawn(async move {
            let listener = TcpListener::from_std(socket.into()).unwrap();
            // Dropping the set with this task closes every connection.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::Relaxed);
                connections.spawn(script(stream));
            }
        }));
    }

    /// Closes the listener and every connection; returns when connects are refused.
    pub(crate) fn die(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            eventually("the listener is closed", || {
                (!is_listening(self.addr.port())).then_some(())
            });
        }
    }

    /// Connections accepted so far, checks included.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Returns every byte; its FIN follows the client's.
    pub(crate) fn echo() -> Self {
        Self::new(|mut stream| async move {
            let (mut from, mut to) = stream.split();
            let _ = tokio::io::copy(&mut from, &mut to).await;
            let _ = to.shutdown().await;
        })
    }

    /// Sends `name` and a newline, then echoes.
    pub(crate) fn greet(name: &'static str) -> Self {
        Self::new(move |mut stream| async move {
            let (mut from, mut to) = stream.split();
            if to.write_all(format!("{name}\n").as_bytes()).await.is_ok() {
                let _ = tokio::io::copy(&mut from, &mut to).await;
                let _ = to.shutdown().await;
            }
        })
    }

    /// Accepts and closes.
    pub(crate) fn close() -> Self {
        Self::new(|_| async {})
    }

    /// Accepts and says nothing for as long as the client stays.
    pub(crate) fn silent() -> Self {
        Self::new(|mut stream| async move {
            let mut sink = [0; 4096];
            while stream.read(&mut sink).await.is_ok_and(|len| len > 0) {}
        })
    }

    /// Sends `len` bytes, then resets.
    pub(crate) fn reset_after(len: usize) -> Self {
        Self::new(move |mut stream| async move {
            if len > 0 {
                // Waits for a request, so that the bytes are not part of the connect.
                let _ = stream.read(&mut [0; 64]).await;
                let _ = stream.write_all(&vec![b'x'; len]).await;
                // The reset must not overtake the data inside this host's own send queue.
                let _ = stream.read(&mut [0; 64]).await;
            }
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        })
    }

    /// Waits for the client's FIN and only then answers what it got, so it needs half-close.
    pub(crate) fn answer_after_fin() -> Self {
        Self::new(|mut stream| async move {
            let mut all = Vec::new();
            let _ = stream.read_to_end(&mut all).await;
            let _ = stream.write_all(&all).await;
        })
    }

    /// Sends `answer` at once, waits for the client to close.
    pub(crate) fn say(answer: &'static [u8]) -> Self {
        Self::new(move |mut stream| async move {
            let _ = stream.write_all(answer).await;
            let mut sink = [0; 4096];
            while stream.read(&mut sink).await.is_ok_and(|len| len > 0) {}
        })
    }

    /// Reads a first request, sends `answer` and closes.
    pub(crate) fn reply(answer: &'static [u8]) -> Self {
        Self::new(move |mut stream| async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer).await;
        })
    }

    /// Sends without end.
    pub(crate) fn endless() -> Self {
        Self::new(|mut stream| async move {
            let block = vec![b'e'; 65_536];
            while stream.write_all(&block).await.is_ok() {}
        })
    }

    /// Greets as a MySQL server whose version is `name`, accepts any user.
    pub(crate) fn mysql(name: &'static str) -> Self {
        Self::new(move |stream| mysql_script(stream, name.to_owned()))
    }

    /// Answers every HTTP request with the status in `status`, as Patroni's API does.
    pub(crate) fn http(status: Arc<AtomicU16>) -> Self {
        Self::new(move |mut stream| {
            let status = Arc::clone(&status);
            async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let status = status.load(Ordering::Relaxed);
                let answer = format!("HTTP/1.0 {status} Word\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        })
    }
}

/// One MySQL connection: greeting, OK for whatever logs in, then until the client goes.
pub(crate) async fn mysql_script(mut stream: TcpStream, name: String) {
    if stream.write_all(&greeting(&name)).await.is_err() {
        return;
    }
    if skip_packet(&mut stream).await.is_err() {
        return;
    }
    let _ = stream.write_all(&ok_packet()).await;
    let mut sink = [0; 4096];
    while stream.read(&mut sink).await.is_ok_and(|len| len > 0) {}
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// An address whose connects are neither accepted nor refused: its accept queue is full.
pub(crate) struct Hanging {
    pub(crate) addr: SocketAddr,
    _listener: Socket,
    _fillers: Vec<Socket>,
}

impl Hanging {
    pub(crate) fn new() -> Self {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, super::port::free_port()));
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.set_reuse_address(true).unwrap();
        listener.bind(&addr.into()).unwrap();
        listener.listen(0).unwrap();
        // A backlog of n holds n + 1 connections; more SYNs are dropped.
        let fillers = (0..4)
            .map(|_| {
                let filler = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
                filler.set_nonblocking(true).unwrap();
                let _ = filler.connect(&addr.into());
                filler
            })
            .collect();
        Self { addr, _listener: listener, _fillers: fillers }
    }
}

fn listen(addr: SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
