//! What samples learn of the course of a session: what it moved, how long it took, what went wrong.

use std::time::{Duration, SystemTime};

use super::facts::View;
use crate::clock;
use crate::pure::sample::{Arg, Fact, Value};
use crate::pure::tls;
use crate::pure::wire::{netscaler, proxy};
use crate::telemetry::record::Why;

/// An error of a connection: HAProxy's number and name, which are those of its reports.
type Failure = (i64, &'static str, String);

impl View<'_> {
    /// Of the session until now.
    pub(super) fn course(&self, fact: Fact, args: &[Arg]) -> Option<Value> {
        let (session, outcome) = (self.session, &self.session.outcome);
        let total = || clock::now().saturating_duration_since(session.running.started);
        match fact {
            Fact::AcceptDate => in_unit(session.accepted, args),
            Fact::BytesIn | Fact::ReqBytesIn => int(self.received_bytes()),
            Fact::ReqBytesOut => match &self.response {
                Some(response) => int(response.passed_on),
                None => int(session.running.moved().bytes_in),
            },
            Fact::BytesOut | Fact::ResBytesOut => int(session.running.moved().bytes_out),
            Fact::ResBytesIn => {
                let held = self.response.map_or(0, |response| response.bytes.len() as u64);
                int(session.running.moved().bytes_out.max(held))
            }
            Fact::TxnId32 => int(outcome.noted.number & u64::from(u32::MAX)),
            Fact::SessTermState => {
                let state = outcome.termination.map(|termination| termination.to_string());
                Some(Value::text(state.as_deref().unwrap_or("--")))
            }
            Fact::FcTimerHandshake => millis(outcome.noted.handshake()),
            Fact::FcTimerTotal | Fact::TxnTimerTotal | Fact::TxnTimerUser => millis(total()),
            Fact::ConnRetries => int(outcome.retries),
            Fact::Redispatched => Some(Value::Bool(outcome.redispatched)),
            Fact::BcBeQueue => int(outcome.backend_queue),
            Fact::BcSrvQueue => int(outcome.server_queue),
            Fact::BcTimerConnect => millis(outcome.connect.unwrap_or_default()),
            Fact::Thread => int(session.running.handle().id.worker()),
            // Tasks are not profiled, as in HAProxy where nothing asks for it.
            Fact::CpuNsAvg | Fact::CpuNsTot | Fact::LatNsAvg | Fact::LatNsTot => {
                Some(Value::Int(0))
            }
            _ => self.failure(fact),
        }
    }

    /// `fc_err` and `bc_err`: a session that reached a server has a connection without an error.
    fn failure(&self, fact: Fact) -> Option<Value> {
        let none = || (0, "NONE", "Success".to_owned());
        let (code, name, text) = match fact {
            Fact::FcErr | Fact::FcErrName | Fact::FcErrStr => {
                let refusal = self.session.outcome.noted.refusal();
                refusal.map_or_else(none, |refused| failure(refused.why))
            }
            Fact::BcErr | Fact::BcErrName | Fact::BcErrStr => {
                self.session.outcome.connect.map(|_| none())?
            }
            _ => return None,
        };
        Some(match fact {
            Fact::FcErr | Fact::BcErr => Value::Int(code),
            Fact::FcErrName | Fact::BcErrName => Value::text(name),
            _ => Value::text(&text),
        })
    }

    /// Of the client: what waits here, or what was passed on.
    fn received_bytes(&self) -> u64 {
        let passed_on = self.response.map_or(0, |response| response.passed_on);
        let waiting = self.session.early.len() as u64;
        self.session.running.moved().bytes_in.max(passed_on + waiting)
    }
}

fn failure(why: Why) -> Failure {
    use netscaler::Refusal as Netscaler;
    use proxy::Refusal as Proxy;
    use tls::refusal::Refusal as Tls;
    let (code, name) = match why {
        Why::Proxy(Proxy::Closed) => (11, "PRX_EMPTY"),
        Why::Proxy(Proxy::ConnectionError) => (12, "PRX_ABORT"),
        Why::Proxy(Proxy::Timeout) => (13, "PRX_TIMEOUT"),
        Why::Proxy(Proxy::Truncated) => (14, "PRX_TRUNCATED"),
        Why::Proxy(Proxy::NotProxy) => (15, "PRX_NOT_HDR"),
        Why::Proxy(Proxy::Invalid) => (16, "PRX_BAD_HDR"),
        Why::Proxy(Proxy::Unhandled) => (17, "PRX_BAD_PROTO"),
        Why::Netscaler(Netscaler::Closed) => (18, "CIP_EMPTY"),
        Why::Netscaler(Netscaler::ConnectionError) => (19, "CIP_ABORT"),
        Why::Netscaler(Netscaler::Timeout) => (20, "CIP_TIMEOUT"),
        Why::Netscaler(Netscaler::Truncated) => (21, "CIP_TRUNCATED"),
        Why::Netscaler(Netscaler::Magic) => (22, "CIP_BAD_MAGIC"),
        Why::Netscaler(Netscaler::Protocol) => (23, "CIP_BAD_PROTO"),
        Why::Tls(Tls::Closed) => (24, "SSL_EMPTY"),
        Why::Tls(Tls::Timeout) => (26, "SSL_TIMEOUT"),
        Why::Tls(Tls::AuthorityUntrusted) => (30, "SSL_CA_FAIL"),
        Why::Tls(Tls::CertificateUntrusted) => (31, "SSL_CRT_FAIL"),
        Why::Tls(Tls::Failed) => (34, "SSL_HANDSHAKE"),
    };
    (code, name, why.to_string())
}

fn int(number: impl TryInto<i64>) -> Option<Value> {
    Some(Value::Int(number.try_into().unwrap_or(i64::MAX)))
}

fn millis(duration: Duration) -> Option<Value> {
    int(duration.as_millis())
}

/// Seconds since 1970; milliseconds or microseconds where the argument says so.
fn in_unit(time: SystemTime, args: &[Arg]) -> Option<Value> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    match args.first().and_then(Arg::text) {
        Some("ms") => int(since.as_millis()),
        Some("us") => int(since.as_micros()),
        _ => int(since.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_a_unit() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
        let unit = |unit: &str| in_unit(time, &[Arg::Text(unit.to_owned())]);
        assert_eq!(in_unit(time, &[]), Some(Value::Int(1)));
        assert_eq!(unit("ms"), Some(Value::Int(1_500)));
        assert_eq!(unit("us"), Some(Value::Int(1_500_000)));
    }
}
