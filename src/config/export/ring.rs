//! Pure: rings of log lines as TOML.

use super::backend::servers;
use super::text::{Pairs, quote};
use super::{timeout, word};
use crate::config::defaults::RING_SIZE_BYTES;
use crate::config::model::{LogFraming, Ring};
use crate::config::validate::FRAMINGS;

pub(super) fn ring_pairs(ring: &Ring) -> Pairs {
    let mut pairs = Pairs::default();
    pairs.maybe("description", ring.description.as_deref().map(quote));
    if ring.framing != LogFraming::Raw {
        pairs.maybe("format", word(&FRAMINGS, &ring.framing));
    }
    pairs.maybe("maxlen", (ring.maxlen != ring.size).then_some(ring.maxlen));
    pairs.maybe("size", (ring.size as u64 != RING_SIZE_BYTES).then_some(ring.size));
    let path = ring.backing_file.as_ref();
    pairs.maybe("backing_file", path.map(|path| quote(&path.to_string_lossy())));
    let mut timeouts = Pairs::default();
    timeout(&mut timeouts, "connect", ring.connect, None);
    timeout(&mut timeouts, "server", ring.stall, None);
    pairs.table("timeout", &timeouts);
    servers(&mut pairs, &ring.servers, &Pairs::default());
    pairs
}
