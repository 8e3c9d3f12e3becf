//! Pure: options of sockets.

use super::table::Table;
use super::values::Decoder;
use crate::config::raw::{BindSocket, ClientSide, Field, ServerSide, ServerSocket};

impl Decoder<'_> {
    pub(super) fn bind_socket(&mut self, t: &mut Table<'_>) -> BindSocket {
        BindSocket {
            id: self.number(t, "id"),
            mss: self.signed(t, "mss"),
            tfo: self.boolean(t, "tfo"),
            defer_accept: self.boolean(t, "defer_accept"),
            cc: self.string(t, "cc"),
            namespace: self.string(t, "namespace"),
            transparent: self.boolean(t, "transparent"),
            netscaler_cip: self.signed(t, "netscaler_cip"),
        }
    }

    pub(super) fn client_side(&mut self, t: &mut Table<'_>) -> ClientSide {
        ClientSide {
            rate_limit_sessions: self.number(t, "rate_limit_sessions"),
            socket_stats: self.boolean(t, "socket_stats"),
            independent_streams: self.boolean(t, "independent_streams"),
            tcp_smart_accept: self.boolean(t, "tcp_smart_accept"),
        }
    }

    pub(super) fn server_side(&mut self, t: &mut Table<'_>) -> ServerSide {
        ServerSide {
            persist: self.boolean(t, "persist"),
            abortonclose: self.boolean(t, "abortonclose"),
            independent_streams: self.boolean(t, "independent_streams"),
            tcp_smart_connect: self.boolean(t, "tcp_smart_connect"),
            persist_rdp_cookie: self.string(t, "persist_rdp_cookie"),
            dispatch: self.string(t, "dispatch"),
            transparent: self.boolean(t, "transparent"),
        }
    }

    pub(super) fn server_socket(&mut self, t: &mut Table<'_>) -> ServerSocket {
        let options = self.list(t, "proxy_v2_options");
        let tlvs = self.list(t, "proxy_v2_tlvs");
        ServerSocket {
            source: self.string(t, "source"),
            cc: self.string(t, "cc"),
            namespace: self.string(t, "namespace"),
            proxy_v2_options: options
                .into_iter()
                .filter_map(|value| self.string_of("proxy_v2_options", value))
                .collect(),
            proxy_v2_tlvs: tlvs
                .into_iter()
                .filter_map(|value| self.string_of("proxy_v2_tlvs", value))
                .collect(),
            socks4: self.string(t, "socks4"),
            check_via_socks4: self.boolean(t, "check_via_socks4"),
            pp2_never_send_local: self.boolean(t, "pp2_never_send_local"),
        }
    }

    fn signed(&mut self, table: &mut Table<'_>, key: &'static str) -> Field<i64> {
        let value = table.take(key)?;
        self.integer_of(key, value)
    }
}
