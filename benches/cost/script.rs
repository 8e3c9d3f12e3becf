//! The fixed script: a client and a server around the proxy, one thing at a time, so that two runs
//! ask the same of it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Bytes of a message.
const MESSAGE_BYTES: usize = 64;
/// Bytes that the server sends for each byte of a bulk reader: as much as sockets take at once.
const BLOCK_BYTES: usize = 64 * 1024;
/// Blocks of a mebibyte.
const BLOCKS: u32 = (1024 * 1024 / BLOCK_BYTES) as u32;

/// What the proxy is made to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// Messages of 64 bytes that are echoed, on one connection.
    RoundTrips,
    /// Connections, each with one such exchange, closed by the client.
    Connections,
    /// A stream from the server to the client, block by block: one that flows freely is cut into
    /// other pieces each time.
    Bulk,
}

impl Work {
    pub(crate) const ALL: [Self; 3] = [Self::RoundTrips, Self::Connections, Self::Bulk];

    /// How often it is done.
    pub(crate) const fn units(self) -> u32 {
        match self {
            Self::RoundTrips => 2_000,
            Self::Connections => 500,
            Self::Bulk => 256,
        }
    }

    /// Its name in the file of figures.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RoundTrips => "round_trip",
            Self::Connections => "connection",
            Self::Bulk => "mebibyte",
        }
    }

    /// What the table calls one unit.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::RoundTrips => "round trip of 64 B",
            Self::Connections => "connection with one",
            Self::Bulk => "MiB in 16 blocks",
        }
    }

    /// Does it `units` times through the proxy at `proxy`.
    pub(crate) fn run(self, units: u32, proxy: SocketAddr) -> io::Result<()> {
        let mut message = [b'x'; MESSAGE_BYTES];
        let mut exchange = |client: &mut TcpStream| {
            client.write_all(&message)?;
            client.read_exact(&mut message)
        };
        match self {
            Self::RoundTrips => {
                let mut client = connect(proxy)?;
                (0..units).try_for_each(|_| exchange(&mut client))
            }
            Self::Connections => (0..units).try_for_each(|_| {
                let mut client = connect(proxy)?;
                exchange(&mut client)?;
                client.shutdown(std::net::Shutdown::Write)?;
                // Its end is the proxy's: one connection is over before the next begins.
                client.read_exact(&mut [0]).err().map_or(Ok(()), |_| Ok(()))
            }),
            Self::Bulk => {
                let mut client = connect(proxy)?;
                let mut block = vec![0; BLOCK_BYTES];
                (0..units * BLOCKS).try_for_each(|_| {
                    client.write_all(b"x")?;
                    client.read_exact(&mut block)
                })
            }
        }
    }
}

fn connect(proxy: SocketAddr) -> io::Result<TcpStream> {
    let client = TcpStream::connect(proxy)?;
    client.set_nodelay(true)?;
    Ok(client)
}

/// A server on a free port that echoes, and answers a single byte with a block. It lives as long
/// as this process.
pub(crate) fn serve() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    thread::spawn(move || {
        for conn in listener.incoming().flatten() {
            // A connection that breaks shows at the client's end.
            thread::spawn(move || drop(answer(conn)));
        }
    });
    Ok(addr)
}

fn answer(mut conn: TcpStream) -> io::Result<()> {
    conn.set_nodelay(true)?;
    let mut message = [0; MESSAGE_BYTES];
    let block = vec![b'x'; BLOCK_BYTES];
    loop {
        match conn.read(&mut message)? {
            0 => return Ok(()),
            1 => conn.write_all(&block)?,
            read => conn.write_all(&message[..read])?,
        }
    }
}
