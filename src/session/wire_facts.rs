//! What samples learn of a session's two connections: TLS, addresses of the server's, and what the
//! kernel measures. Nothing of it is asked for before a rule does.

use std::net::SocketAddr;

use socket2::SockRef;

use super::facts::View;
use crate::net::stream::{Stream, TcpInfo};
use crate::pure::sample::{Arg, Fact, Value};
use crate::pure::tls::facts::Ends;

impl View<'_> {
    /// Of either connection.
    pub(super) fn connections(&self, fact: Fact, args: &[Arg]) -> Option<Value> {
        let client = &self.session.client;
        let server = self.response.and_then(|response| response.server);
        let measured = |stream: Option<&Stream>, of: fn(&TcpInfo) -> u32| {
            Some(Value::Int(i64::from(of(&stream?.tcp_info()?))))
        };
        let time = |stream, of| in_unit(measured(stream, of)?, args);
        // A log line is written when the connection is gone.
        let noted = &self.session.outcome.noted;
        let remote = || match server {
            Some(server) => SockRef::from(server).peer_addr().ok()?.as_socket(),
            None => noted.server(),
        };
        let local = || server.map_or(noted.source(), Stream::local_addr);
        match fact {
            Fact::FcRtt => time(Some(client), |info| info.rtt_us),
            Fact::FcRttvar => time(Some(client), |info| info.rttvar_us),
            Fact::BcRtt => time(server, |info| info.rtt_us),
            Fact::BcRttvar => time(server, |info| info.rttvar_us),
            Fact::FcUnacked => measured(Some(client), |info| info.unacked),
            Fact::FcSacked => measured(Some(client), |info| info.sacked),
            Fact::FcLost => measured(Some(client), |info| info.lost),
            Fact::FcRetrans => measured(Some(client), |info| info.retrans),
            Fact::FcFackets => measured(Some(client), |info| info.fackets),
            Fact::FcReordering => measured(Some(client), |info| info.reordering),
            Fact::BcSrc => ip(local()),
            Fact::BcSrcPort => port(local()),
            Fact::BcDst => ip(remote()),
            Fact::BcDstPort => port(remote()),
            _ => {
                let shown = client.shown_certificate();
                // When its line is written, the connection is gone.
                let noted = || self.session.outcome.noted.server_tls();
                let server = server.and_then(Stream::tls).or_else(noted);
                let ends = Ends { client: client.tls(), shown, server };
                ends.sample(fact, args)
            }
        }
    }
}

fn ip(address: Option<SocketAddr>) -> Option<Value> {
    Some(Value::from(address?.ip()))
}

fn port(address: Option<SocketAddr>) -> Option<Value> {
    Some(Value::Int(i64::from(address?.port())))
}

/// Microseconds where the argument asks for them; otherwise milliseconds, rounded.
fn in_unit(us: Value, args: &[Arg]) -> Option<Value> {
    match args.first().and_then(Arg::text) {
        Some("us") => Some(us),
        _ => Some(Value::Int((us.as_int()? + 500) / 1000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        let us = [Arg::Text("us".to_owned())];
        assert_eq!(in_unit(Value::Int(1_499), &us), Some(Value::Int(1_499)));
        assert_eq!(in_unit(Value::Int(1_499), &[]), Some(Value::Int(1)));
        assert_eq!(in_unit(Value::Int(1_500), &[Arg::Text("ms".to_owned())]), Some(Value::Int(2)));
    }
}
