//! Pure: what `[global]` says of rates, buffers and pipes.

use super::table::Table;
use super::values::Decoder;
use crate::config::raw::{Field, SocketBuffers, Tuning};

impl Decoder<'_> {
    pub(super) fn tuning(&mut self, t: &mut Table<'_>) -> Tuning {
        Tuning {
            maxconnrate: self.number(t, "maxconnrate"),
            maxsessrate: self.number(t, "maxsessrate"),
            maxsslconn: self.number(t, "maxsslconn"),
            maxsslrate: self.number(t, "maxsslrate"),
            reject_privileged_ports: self.boolean(t, "reject_privileged_ports"),
            maxaccept: self.maxaccept(t),
            multi_queue: self.boolean(t, "multi_queue"),
            maxpipes: self.number(t, "maxpipes"),
            pipesize: self.number(t, "pipesize"),
            splice: self.boolean(t, "splice"),
            client: SocketBuffers {
                rcvbuf: self.number(t, "rcvbuf_client"),
                sndbuf: self.number(t, "sndbuf_client"),
                notsent_lowat: self.number(t, "notsent_lowat_client"),
            },
            server: SocketBuffers {
                rcvbuf: self.number(t, "rcvbuf_server"),
                sndbuf: self.number(t, "sndbuf_server"),
                notsent_lowat: self.number(t, "notsent_lowat_server"),
            },
        }
    }

    fn maxaccept(&mut self, table: &mut Table<'_>) -> Field<i64> {
        let value = table.take("maxaccept")?;
        self.integer_of("maxaccept", value)
    }
}
