//! Ending a connection without a word to its peer.

use std::os::fd::AsFd;

use socket2::SockRef;

use super::stream::Stream;
use crate::sys::repair;

/// Makes the kernel forget the connection when it is closed: the peer learns nothing and keeps its
/// own half. Where that is not allowed (it needs `CAP_NET_ADMIN`), a reset is sent with so short a
/// life that no router passes it on, as HAProxy does.
pub fn vanish(stream: &Stream) {
    if repair::enter(&stream.as_fd()).is_ok() {
        return;
    }
    let socket = SockRef::from(stream);
    // One of them is of the socket's family.
    let _ = socket.set_ttl_v4(1);
    let _ = socket.set_unicast_hops_v6(1);
    stream.reset_on_close();
}
