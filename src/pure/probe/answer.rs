//! The bytes a server answered so far, bounded.

/// An answer that grows until it is closed or full.
#[derive(Debug)]
pub(super) struct Answer {
    bytes: Vec<u8>,
    bytes_max: usize,
    closed: bool,
}

impl Answer {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), bytes_max, closed: false }
    }

    /// Appends what fits; the rest is dropped, and the answer is full.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = self.bytes_max - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// No more will come.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Forgets the bytes before the next question on the same connection.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Forgets everything: a new connection.
    pub(super) fn reopen(&mut self) {
        self.bytes.clear();
        self.closed = false;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Nothing can be added: what is there must be judged.
    pub(super) fn is_final(&self) -> bool {
        self.closed || self.bytes.len() == self.bytes_max
    }

    /// The server closed without a byte.
    pub(super) fn is_silence(&self) -> bool {
        self.closed && self.bytes.is_empty()
    }
}
