//! Bytes that were read and wait for their receiver.

/// What is not yet written, oldest first. An idle session has none, and keeps a pointer for it.
#[derive(Debug, Default)]
pub(super) struct Rest(Option<Box<Waiting>>);

#[derive(Debug)]
struct Waiting {
    bytes: Vec<u8>,
    /// Of `bytes`, never all.
    written: usize,
}

impl Rest {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |waiting| &waiting.bytes[waiting.written..])
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Some(waiting) => waiting.bytes.extend_from_slice(bytes),
            None => self.put(bytes.to_vec()),
        }
    }

    /// `bytes` take the place of those that wait.
    pub(super) fn put(&mut self, bytes: Vec<u8>) {
        let waiting = Waiting { bytes, written: 0 };
        self.0 = (!waiting.bytes.is_empty()).then(|| Box::new(waiting));
    }

    /// Takes all of them.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let Some(mut waiting) = self.0.take() else { return Vec::new() };
        waiting.bytes.split_off(waiting.written)
    }

    /// `count` bytes were written. The memory goes with the last of them.
    pub(super) fn advance(&mut self, count: usize) {
        let Some(waiting) = &mut self.0 else { return };
        waiting.written += count;
        if waiting.written >= waiting.bytes.len() {
            self.0 = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_written_in_order_and_leaves_nothing() {
        let mut rest = Rest::default();
        rest.put(Vec::new());
        assert!(rest.is_empty() && rest.bytes().is_empty());
        rest.push(b"abc");
        rest.advance(2);
        rest.push(b"de");
        assert_eq!(rest.bytes(), b"cde");
        rest.advance(3);
        assert!(rest.is_empty() && rest.bytes().is_empty());
        rest.advance(1);
        rest.push(b"x");
        rest.put(b"yz".to_vec());
        rest.advance(1);
        assert_eq!((rest.take(), rest.is_empty()), (b"z".to_vec(), true));
    }
}
