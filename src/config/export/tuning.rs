//! Pure: rates, buffers and pipes of the process as TOML.

use std::num::NonZeroU32;

use super::text::Pairs;
use crate::config::defaults::{MAXACCEPT, PIPESIZE_BYTES};
use crate::config::model::{SocketBuffers, Tuning};

pub(super) fn tuning(pairs: &mut Pairs, tuning: &Tuning) {
    pairs.maybe("maxconnrate", tuning.maxconnrate);
    pairs.maybe("maxsessrate", tuning.maxsessrate);
    pairs.maybe("maxsslconn", tuning.maxsslconn);
    pairs.maybe("maxsslrate", tuning.maxsslrate);
    pairs.flag("reject_privileged_ports", tuning.reject_privileged_ports);
    if tuning.maxaccept != MAXACCEPT {
        let unlimited = tuning.maxaccept == NonZeroU32::MAX;
        let count = tuning.maxaccept.to_string();
        pairs.add("maxaccept", if unlimited { "-1".to_owned() } else { count });
    }
    pairs.maybe("multi_queue", (!tuning.multi_queue).then_some(false));
    pairs.maybe("maxpipes", tuning.maxpipes);
    pairs.maybe("pipesize", (tuning.pipesize != PIPESIZE_BYTES).then_some(tuning.pipesize));
    pairs.maybe("splice", (!tuning.splice).then_some(false));
    for (side, buffers) in [("client", tuning.client), ("server", tuning.server)] {
        let SocketBuffers { rcvbuf, sndbuf, notsent_lowat } = buffers;
        pairs.maybe(&format!("rcvbuf_{side}"), rcvbuf);
        pairs.maybe(&format!("sndbuf_{side}"), sndbuf);
        pairs.maybe(&format!("notsent_lowat_{side}"), notsent_lowat);
    }
}
