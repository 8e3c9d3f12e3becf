//! Codecs of what goes over the wire: bytes in, values out, and back.
//!
//! Decoders look at what has arrived so far and have three outcomes. They allocate nothing (a fragmented ClientHello apart), look
//! no further than a bound each of them names, and never panic, whatever the bytes. They know neither
//! who sent the bytes nor what follows from them.

pub mod client_hello;
pub(in crate::pure) mod crc32c;
pub mod netscaler;
pub mod pgsql_startup;
pub mod proxy;
pub mod proxy_v1;
pub mod proxy_v2;
pub mod rdp;
pub mod socks4;
pub mod x509;

/// What a decoder makes of the bytes that arrived so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<T, E> {
    /// A whole value, and how many bytes it took from the front. What follows is not its own.
    Done(T, usize),
    /// So far so good: ask again with these bytes and more.
    More,
    /// No further byte can make this valid.
    Bad(E),
}
