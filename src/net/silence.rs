//! Ending a connection without a word to its peer.

use std::os::fd::AsFd;

use socket2::SockRef;

use super::stream::Stream;
use crate::sys::repair;

/// Makes the kernel forget the connection when it is closed: the peer learns nothing and keeps its
/// own half. Where that is not allowed (it needs `CAP_NET_ADMIN`), a reset is sent with so short a
/// life that no router passes it on, as HAProxy does.
///
/// With `ttl`, such a reset is sent in any case, with this life.
pub fn vanish(stream: &Stream, ttl: Option<u8>) {
    if ttl.is_none() && repair::enter(&stream.as_fd()).is_ok() {
        return;
    }
    let (socket, ttl) = (SockRef::from(stream), ttl.unwrap_or(1));
    // One of them is of the socket's family.
    let _ = socket.set_ttl_v4(ttl.into());
    let _ = socket.set_unicast_hops_v6(ttl.into());
    stream.reset_on_close();
}
