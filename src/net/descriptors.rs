//! Open descriptors over a Unix socket (`SCM_RIGHTS`, unix(7)), with calls that block but for one.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// Descriptors in one message: the kernel takes 253, HAProxy sends 252.
pub const BATCH_MAX: usize = 252;

/// Sends all of `bytes`, and `descriptors` (at most [`BATCH_MAX`]) with the first of them.
///
/// # Errors
/// What the socket says; `InvalidInput` for bytes or descriptors that no message can carry.
pub fn send(socket: &UnixStream, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let carried = descriptors.is_empty()
        || descriptors.len() <= BATCH_MAX
            && control.push(SendAncillaryMessage::ScmRights(descriptors));
    if bytes.is_empty() || !carried {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let sent = loop {
        match sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL) {
            Ok(sent) => break sent,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    io::Write::write_all(&mut &*socket, &bytes[sent..])
}

/// Sends one descriptor, and two bytes that mean nothing; never waits.
///
/// # Errors
/// What the socket says: `WouldBlock` where its other end does not read.
pub fn hand_over(channel: BorrowedFd<'_>, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let descriptors = [descriptor];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fits = control.push(SendAncillaryMessage::ScmRights(&descriptors));
    debug_assert!(fits, "there is space for one");
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    sendmsg(channel, &[IoSlice::new(&[0; 2])], &mut control, flags)?;
    Ok(())
}

/// Receives what is there, at most `bytes`, and the descriptors that came with it; 0 bytes are the
/// end.
///
/// # Errors
/// What the socket says, and `InvalidData` where the process had no room for all descriptors.
pub fn receive(socket: &impl AsFd, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = loop {
        let into = &mut [IoSliceMut::new(bytes)];
        match recvmsg(socket, into, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(got) => break got,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    if got.flags.contains(rustix::net::ReturnFlags::CTRUNC) {
        let lost = "descriptors were lost: the process may open no more";
        return Err(io::Error::new(io::ErrorKind::InvalidData, lost));
    }
    Ok((got.bytes, descriptors))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_descriptor_arrives_and_works() {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut one, other) = UnixStream::pair().unwrap();
        send(&here, b"take this", &[other.as_fd()]).unwrap();
        drop(other);
        let mut bytes = [0; 32];
        let (count, mut descriptors) = receive(&there, &mut bytes).unwrap();
        assert_eq!((&bytes[..count], descriptors.len()), (&b"take this"[..], 1));
        let mut other = UnixStream::from(descriptors.remove(0));
        other.write_all(b"x").unwrap();
        let mut byte = [0];
        one.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
        drop(here);
        assert_eq!(receive(&there, &mut bytes).unwrap().0, 0);
    }

    #[test]
    fn what_no_message_can_carry_is_refused() {
        let (here, _there) = UnixStream::pair().unwrap();
        let many = vec![here.as_fd(); BATCH_MAX + 1];
        let kind = |result: io::Result<()>| result.map_err(|error| error.kind());
        assert_eq!(kind(send(&here, b"x", &many)), Err(io::ErrorKind::InvalidInput));
        assert_eq!(kind(send(&here, b"", &many[..1])), Err(io::ErrorKind::InvalidInput));
    }
}
