//! The socket between the master and its worker: whole messages with descriptors, blocking.
//!
//! ```text
//! 8 bytes  length of the body       4 bytes  number of descriptors
//! 1 byte   with up to 252 descriptors, as often as needed
//! the body
//! ```
//! Numbers are little-endian. Both ends are the same program.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use crate::net::descriptors;

/// Longest body: all files of a configuration, of which each may have 64 MiB.
const BODY_BYTES_MAX: u64 = 1 << 30;

/// Sends a message.
///
/// # Errors
/// What the socket says: the other end is gone, mostly.
pub(super) fn send(link: &UnixStream, body: &[u8], sockets: &[impl AsFd]) -> io::Result<()> {
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let count = u32::try_from(sockets.len()).unwrap_or(u32::MAX);
    let mut writer = link;
    writer.write_all(&length.to_le_bytes())?;
    writer.write_all(&count.to_le_bytes())?;
    for batch in sockets.chunks(descriptors::BATCH_MAX) {
        let batch: Vec<_> = batch.iter().map(AsFd::as_fd).collect();
        descriptors::send(link, b"+", &batch)?;
    }
    writer.write_all(body)
}

/// The next message; `None` where the other end is gone.
///
/// # Errors
/// What the socket says, a message that ends early, or one that is none.
pub(in crate::app) fn receive(link: &UnixStream) -> io::Result<Option<(Vec<u8>, Vec<OwnedFd>)>> {
    let (mut length, mut count) = ([0; 8], [0; 4]);
    let mut reader = link;
    match reader.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    reader.read_exact(&mut count)?;
    let (length, count) = (u64::from_le_bytes(length), u32::from_le_bytes(count) as usize);
    if length > BODY_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut sockets = Vec::new();
    while sockets.len() < count {
        let (bytes, batch) = descriptors::receive(link, &mut [0])?;
        if bytes == 0 || batch.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        sockets.extend(batch);
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    if body.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some((body, sockets)))
}

/// Writes texts one behind the other, each after its length.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn number(&mut self, number: usize) {
        self.0.extend_from_slice(&(number as u64).to_le_bytes());
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.number(text.len());
        self.0.extend_from_slice(text);
    }
}

/// Reads what a [`Writer`] wrote; `None` at an end that comes too early.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn number(&mut self) -> Option<usize> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        usize::try_from(u64::from_le_bytes(*number)).ok()
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    /// A number of things, and these.
    pub(super) fn list<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let count = self.number()?;
        (0..count).map(|_| one(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_many_descriptors_arrives_whole() {
        let (here, there) = UnixStream::pair().unwrap();
        let sockets: Vec<_> = (0..600).map(|_| here.try_clone().unwrap()).collect();
        let body = vec![7; 300_000];
        std::thread::scope(|scope| {
            scope.spawn(|| send(&here, &body, &sockets).unwrap());
            let (received, descriptors) = receive(&there).unwrap().unwrap();
            assert_eq!((received.len(), descriptors.len()), (body.len(), 600));
        });
        drop((here, sockets));
        assert!(receive(&there).unwrap().is_none());
    }

    #[test]
    fn texts_come_back_and_what_is_cut_does_not() {
        let mut writer = Writer::default();
        writer.number(2);
        writer.text(b"one");
        writer.text(b"");
        assert_eq!(
            Reader(&writer.0).list(Reader::text),
            Some(vec!["one".to_owned(), String::new()])
        );
        let cut = &writer.0[..writer.0.len() - 1];
        assert_eq!(Reader(cut).list(Reader::text), None);
    }
}
