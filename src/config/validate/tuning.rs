//! Pure: rates, buffers and pipes of the process.

use std::num::NonZeroU32;

use super::context::Context;
use super::frontend::is_on;
use crate::config::defaults::{MAXACCEPT, PIPESIZE_BYTES};
use crate::config::model::{SocketBuffers, Tuning};
use crate::config::raw::{self, Field};

/// A count that fits every integer of the kernel.
const COUNT_MAX: u64 = i32::MAX as u64;

impl Context<'_> {
    pub(super) fn tuning(&mut self, raw: &raw::Tuning) -> Tuning {
        let maxpipes = self.number("maxpipes", &raw.maxpipes, 0..=COUNT_MAX);
        Tuning {
            maxconnrate: self.limit("maxconnrate", &raw.maxconnrate),
            maxsessrate: self.limit("maxsessrate", &raw.maxsessrate),
            maxsslconn: self.limit("maxsslconn", &raw.maxsslconn),
            maxsslrate: self.limit("maxsslrate", &raw.maxsslrate),
            reject_privileged_ports: is_on(&raw.reject_privileged_ports),
            maxaccept: self.maxaccept(&raw.maxaccept),
            multi_queue: raw.multi_queue.as_ref().is_none_or(|shared| shared.value),
            maxpipes: maxpipes.and_then(|pipes| u32::try_from(pipes).ok()),
            pipesize: self.limit("pipesize", &raw.pipesize).unwrap_or(PIPESIZE_BYTES),
            splice: raw.splice.as_ref().is_none_or(|splice| splice.value),
            client: self.socket_buffers(&raw.client, "client"),
            server: self.socket_buffers(&raw.server, "server"),
        }
    }

    fn maxaccept(&mut self, field: &Field<i64>) -> NonZeroU32 {
        let Some(field) = field else { return MAXACCEPT };
        match u32::try_from(field.value).ok().and_then(NonZeroU32::new) {
            Some(count) => count,
            None if field.value == -1 => NonZeroU32::MAX,
            None => {
                let message = format!("maxaccept: {} is out of range", field.value);
                self.report.alert(field.span, message);
                self.report.help("write a number from 1, or -1 for no limit");
                MAXACCEPT
            }
        }
    }

    fn socket_buffers(&mut self, raw: &raw::SocketBuffers, side: &str) -> SocketBuffers {
        SocketBuffers {
            rcvbuf: self.limit(&format!("rcvbuf_{side}"), &raw.rcvbuf),
            sndbuf: self.limit(&format!("sndbuf_{side}"), &raw.sndbuf),
            notsent_lowat: self.limit(&format!("notsent_lowat_{side}"), &raw.notsent_lowat),
        }
    }
}
