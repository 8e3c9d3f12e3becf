//! The accept loop of one listening socket on one worker.
//!
//! A connection is accepted only when there is room for it: at a limit it waits in the kernel's
//! backlog, as in HAProxy. When the process is out of descriptors or memory the loop pauses and
//! tries again, instead of spinning on a socket that stays readable.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{SocketAddrAny, SocketFlags};
use socket2::Socket;
use tokio::io::unix::AsyncFd;
use tokio_util::sync::CancellationToken;

use super::relay::note_descriptor;
use super::{busy_poll, descriptors};
use crate::sys;

/// Pause after the process ran out of descriptors or memory. HAProxy's is the same 100 ms.
pub const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// An accepted, non-blocking connection.
#[derive(Debug)]
pub struct Accepted {
    /// The connection.
    pub socket: Socket,
    /// Its other end; `None` for a Unix socket.
    pub peer: Option<std::net::SocketAddr>,
}

/// How connections come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// At a listening socket.
    Accepted,
    /// As descriptors over one end of a socket pair (`sockpair@`).
    Handed,
}

/// What the loop asks and tells its owner.
pub trait Doorkeeper {
    /// A place for one connection; held by the session, released by dropping it.
    type Permit;

    /// Connections to accept per wake-up before other tasks get their turn.
    fn batch(&self) -> u32;

    /// A place now, or `None` at a limit.
    fn try_admit(&self) -> Option<Self::Permit>;

    /// Waits until a place may have become free.
    ///
    /// # Cancel safety
    /// Must be cancel-safe: listeners are closed by dropping the loop.
    fn room(&self) -> impl Future<Output = ()> + Send;

    /// Takes over a connection.
    fn welcome(&self, accepted: Accepted, permit: Self::Permit);

    /// The process is out of descriptors or memory (`EMFILE ENFILE ENOBUFS ENOMEM`), or the system
    /// refuses for a reason that is not known to pass by itself.
    fn exhausted(&self, error: &io::Error);
}

/// Accepts until it is told to `stop`, and then what waits already: closing a socket resets the
/// clients in its queue.
///
/// # Errors
/// What registering the socket with the runtime reports, at the start; later only that the socket
/// is no listening socket (any more), which an inherited one can become at any time.
///
/// # Cancel safety
/// Dropping it closes the listening socket; no accepted connection is lost, since each is handed
/// over in the step that accepted it.
pub async fn run<D: Doorkeeper + Sync>(
    socket: Socket,
    arrival: Arrival,
    door: &D,
    stop: &CancellationToken,
) -> io::Result<()> {
    let socket = sys::readiness::watch_readable(socket)?;
    let ended = stop.run_until_cancelled(accept_all(&socket, arrival, door)).await;
    // Nothing is left to do between the last look and the end of the socket.
    let socket = socket.into_inner();
    // What waits in a socket pair does not end with this socket: a successor takes it.
    if ended.is_none() && arrival == Arrival::Accepted {
        empty(socket.as_fd(), door);
    }
    ended.unwrap_or(Ok(()))
}

/// Accepts what waits in the socket's queue, as far as there is room.
fn empty<D: Doorkeeper>(socket: BorrowedFd<'_>, door: &D) {
    while let Some(permit) = door.try_admit() {
        match accept(socket) {
            Ok(accepted) => door.welcome(accepted, permit),
            Err(error) if Refusal::of(&error) == Refusal::PeerGone => {}
            Err(_) => return,
        }
    }
}

async fn accept_all<D: Doorkeeper + Sync>(
    socket: &AsyncFd<Socket>,
    arrival: Arrival,
    door: &D,
) -> io::Result<()> {
    loop {
        let mut ready = socket.readable().await?;
        for _ in 0..door.batch() {
            let Some(permit) = door.try_admit() else {
                door.room().await;
                continue;
            };
            let accepted = match arrival {
                Arrival::Accepted => accept(socket.get_ref().as_fd()),
                Arrival::Handed => take(socket.get_ref()),
            };
            match accepted {
                Ok(accepted) => {
                    busy_poll::note();
                    door.welcome(accepted, permit);
                }
                Err(error) => match Refusal::of(&error) {
                    Refusal::Empty => {
                        ready.clear_ready();
                        break;
                    }
                    Refusal::PeerGone => {}
                    Refusal::Broken => return Err(error),
                    Refusal::Exhausted | Refusal::Unknown => {
                        drop(permit);
                        door.exhausted(&error);
                        tokio::time::sleep(EXHAUSTED_PAUSE).await;
                    }
                },
            }
        }
        drop(ready);
        tokio::task::yield_now().await;
    }
}

fn accept(socket: BorrowedFd<'_>) -> io::Result<Accepted> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (connection, address): (OwnedFd, Option<SocketAddrAny>) =
        rustix::net::acceptfrom_with(socket, flags)?;
    note_descriptor(connection.as_raw_fd());
    let peer = address.and_then(|address| std::net::SocketAddr::try_from(address).ok());
    Ok(Accepted { socket: Socket::from(connection), peer })
}

/// The next connection that was handed over; what is none counts as gone.
fn take(channel: &Socket) -> io::Result<Accepted> {
    use rustix::io::Errno;
    let (bytes, descriptors) = descriptors::receive(channel, &mut [0; 2])?;
    if bytes == 0 {
        return Err(Errno::INVAL.into());
    }
    let connection = descriptors.into_iter().next().ok_or(Errno::CONNABORTED)?;
    let socket = Socket::from(connection);
    // A descriptor of something else has no peer.
    let peer = socket.peer_addr().map_err(|_| Errno::CONNABORTED)?;
    socket.set_nonblocking(true)?;
    Ok(Accepted { socket, peer: peer.as_socket() })
}

/// Why `accept` returned no connection (accept(2), section ERRORS).
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// No connection is waiting.
    Empty,
    /// The connection that waited is gone, or was refused by a filter: take the next.
    PeerGone,
    /// No descriptor or memory for it.
    Exhausted,
    /// The socket cannot be accepted from, and never will.
    Broken,
    /// Something else, which may come again at once.
    Unknown,
}

impl Refusal {
    fn of(error: &io::Error) -> Self {
        use rustix::io::Errno;
        match Errno::from_io_error(error) {
            Some(Errno::AGAIN) => Self::Empty,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Self::Exhausted,
            Some(Errno::BADF | Errno::INVAL | Errno::NOTSOCK | Errno::OPNOTSUPP) => Self::Broken,
            // What accept(2) passes on of the connection, or of a filter that forbids it.
            Some(
                Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::INTR
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::NONET
                | Errno::NOPROTOOPT
                | Errno::PERM
                | Errno::PROTO
                | Errno::TIMEDOUT,
            ) => Self::PeerGone,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Shutdown, SocketAddr};

    use rustix::io::Errno;
    use socket2::{Domain, Type};

    use super::*;

    #[test]
    fn errors_of_accept_have_their_meaning() {
        let of = |errno: Errno| Refusal::of(&errno.into());
        assert_eq!(of(Errno::AGAIN), Refusal::Empty);
        assert_eq!(of(Errno::MFILE), Refusal::Exhausted);
        assert_eq!(of(Errno::NFILE), Refusal::Exhausted);
        assert_eq!(of(Errno::NOMEM), Refusal::Exhausted);
        assert_eq!(of(Errno::CONNABORTED), Refusal::PeerGone);
        assert_eq!(of(Errno::PERM), Refusal::PeerGone);
        assert_eq!(of(Errno::BADF), Refusal::Broken);
        assert_eq!(of(Errno::IO), Refusal::Unknown);
    }

    /// A door that nobody comes through.
    struct Shut;

    impl Doorkeeper for Shut {
        type Permit = ();

        fn batch(&self) -> u32 {
            1
        }

        fn try_admit(&self) -> Option<()> {
            Some(())
        }

        async fn room(&self) {}

        fn welcome(&self, accepted: Accepted, (): ()) {
            panic!("somebody came: {accepted:?}");
        }

        fn exhausted(&self, error: &io::Error) {
            panic!("refused: {error}");
        }
    }

    /// Lets everybody in, and counts.
    #[derive(Default)]
    struct Open(std::sync::atomic::AtomicU32);

    impl Doorkeeper for Open {
        type Permit = ();

        fn batch(&self) -> u32 {
            1
        }

        fn try_admit(&self) -> Option<()> {
            Some(())
        }

        async fn room(&self) {}

        fn welcome(&self, _: Accepted, (): ()) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }

        fn exhausted(&self, error: &io::Error) {
            panic!("{error}");
        }
    }

    #[tokio::test]
    async fn who_waits_already_is_let_in_before_the_socket_closes() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.listen(8).unwrap();
        let addr = socket.local_addr().unwrap().as_socket().unwrap();
        let clients: Vec<_> = (0..3).map(|_| std::net::TcpStream::connect(addr).unwrap()).collect();
        let (open, stop) = (Open::default(), CancellationToken::new());
        stop.cancel();
        run(socket, Arrival::Accepted, &open, &stop).await.unwrap();
        assert_eq!(open.0.into_inner(), 3);
        assert!(std::net::TcpStream::connect(addr).is_err());
        drop(clients);
    }

    #[tokio::test]
    async fn a_listener_that_was_shut_down_by_its_owner_ends_the_loop() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.listen(1).unwrap();
        // Who gave us the descriptor has it, too.
        let owner = socket.try_clone().unwrap();
        let end = async {
            tokio::task::yield_now().await;
            owner.shutdown(Shutdown::Read).unwrap();
            std::future::pending::<()>().await;
        };
        let never = CancellationToken::new();
        let ended = async {
            tokio::select! {
                ended = run(socket, Arrival::Accepted, &Shut, &never) => ended,
                () = end => unreachable!("it waits for ever"),
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(20), ended).await.expect("an end");
        assert_eq!(ended.unwrap_err().raw_os_error(), Some(Errno::INVAL.raw_os_error()));
    }
}
