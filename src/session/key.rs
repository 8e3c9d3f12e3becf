//! What `balance` hashes of a session.

use super::Session;
use crate::config::model::{self, Balance};
use crate::pure::sample::content::Side;
use crate::pure::sample::{Arg, Buffer, Fact, Facts, Fetched, Kind, Value};
use crate::pure::tls::facts::Ends;

impl Session {
    /// The hash by which the backend's policy picks; `None` where it needs none, or where the
    /// session has nothing to hash: then it takes turns.
    pub(super) fn balance_hash(&mut self, settings: &model::Backend) -> Option<u32> {
        match settings.balance {
            Balance::Source(hash) => self.source.map(|source| hash.of_source(source.ip())),
            Balance::Hash(hash) => {
                self.learn_destination();
                let expr = &settings.balance_key.as_ref()?.expr;
                let value = expr.evaluate(&Held(self)).value()?.cast(Kind::Bin)?;
                let key = value.into_bytes();
                (!key.is_empty()).then(|| hash.of(&key))
            }
            _ => None,
        }
    }
}

/// What is known of a session when it asks for a server.
struct Held<'s>(&'s Session);

impl Facts for Held<'_> {
    fn fact(&self, fact: Fact, args: &[Arg]) -> Fetched {
        let session = self.0;
        let port = |port: u16| Value::Int(i64::from(port));
        let value = match fact {
            Fact::Src => session.source.map(|source| Value::from(source.ip())),
            Fact::SrcPort => session.source.map(|source| port(source.port())),
            Fact::Dst => session.destination.map(|destination| Value::from(destination.ip())),
            Fact::DstPort => session.destination.map(|destination| port(destination.port())),
            _ => {
                let client = &session.client;
                let shown = client.shown_certificate();
                Ends { client: client.tls(), shown, server: None }.sample(fact, args)
            }
        };
        value.into()
    }

    fn buffer(&self, side: Side) -> Option<Buffer<'_>> {
        let bytes = self.0.early.as_slice();
        let buffer = Buffer { bytes, capacity: bytes.len(), may_grow: false };
        (side != Side::Response).then_some(buffer)
    }
}
