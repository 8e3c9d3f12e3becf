//! What `balance` hashes of a session.

use super::Session;
use super::facts::View;
use crate::config::model::{self, Balance};
use crate::pure::sample::content::Side;
use crate::pure::sample::{Arg, Buffer, Fact, Facts, Fetched, Kind, Value, Variable};
use crate::pure::tls::facts::Ends;
use crate::state::Registry;

impl Session {
    /// The hash by which the backend's policy picks; `None` where it needs none, or where the
    /// session has nothing to hash: then it takes turns.
    pub(super) fn balance_hash(&mut self, settings: &model::Backend) -> Option<u32> {
        match settings.balance {
            Balance::Source(hash) => self.source.map(|source| hash.of_source(source.ip())),
            Balance::Hash(hash) => {
                self.learn_destination();
                // The expression looks nothing up: validation refuses those that do.
                let patterns = Registry::default();
                let expr = &settings.balance_key.as_ref()?.expr;
                let is_rewound = settings.balance_key.as_ref()?.is_rdp_cookie();
                let held = Held { view: self.view(&patterns, None, true), is_rewound };
                let value = expr.evaluate(&held).value()?.cast(Kind::Bin)?;
                let key = value.into_bytes();
                (!key.is_empty()).then(|| hash.of(&key))
            }
            _ => None,
        }
    }
}

/// What is known of a session when it asks for a server: what rules see, and its TLS. Bytes are on
/// their way to the server by then: in HAProxy only `balance rdp-cookie` goes back to them, and whoever
/// reads a request of HTTP; who hashes other bytes keeps them in a variable.
struct Held<'s> {
    view: View<'s>,
    is_rewound: bool,
}

impl Facts for Held<'_> {
    fn fact(&self, fact: Fact, args: &[Arg]) -> Fetched {
        match self.view.fact(fact, args) {
            Fetched::Absent => {
                let client = &self.view.session.client;
                let shown = client.shown_certificate();
                Ends { client: client.tls(), shown, server: None }.sample(fact, args).into()
            }
            fetched => fetched,
        }
    }

    fn buffer(&self, side: Side) -> Option<Buffer<'_>> {
        let buffer = self.view.buffer(side)?;
        let bytes = if self.is_rewound { buffer.bytes } else { &[] };
        Some(Buffer { bytes, ..buffer })
    }

    fn variable(&self, name: &Variable) -> Option<Value> {
        self.view.variable(name)
    }
}
