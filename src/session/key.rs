//! What `balance` hashes of a session.

use super::Session;
use super::facts::View;
use crate::config::model::{self, Balance};
use crate::pure::acl::pattern::{Found, PatternsId};
use crate::pure::sample::content::Side;
use crate::pure::sample::tracked::{Data, Tracked};
use crate::pure::sample::{Arg, Buffer, Fact, Facts, Fetched, Kind, Value, Variable};
use crate::pure::tls::facts::Ends;

impl Session {
    /// The hash by which the backend's policy picks; `None` where it needs none, or where the
    /// session has nothing to hash: then it takes turns.
    pub(super) fn balance_hash(&mut self, settings: &model::Backend) -> Option<u32> {
        match settings.balance {
            Balance::Source(hash) => {
                self.running.source().map(|source| hash.of_source(source.ip()))
            }
            Balance::Hash(hash) => {
                self.learn_destination();
                let expr = &settings.balance_key.as_ref()?.expr;
                let is_rewound = settings.balance_key.as_ref()?.is_rdp_cookie();
                let value = expr.evaluate(&self.held(is_rewound)).value()?.cast(Kind::Bin)?;
                let key = value.into_bytes();
                (!key.is_empty()).then(|| hash.of(&key))
            }
            _ => None,
        }
    }

    /// What samples learn of it while a server is asked for and dialled; of bytes where it is rewound.
    pub(super) fn held(&self, is_rewound: bool) -> impl Facts {
        Held { view: self.view(&self.route.patterns, None, true), is_rewound }
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

    fn tracked(&self, tracked: &Tracked) -> Option<Value> {
        self.view.tracked(tracked)
    }

    fn in_table(&self, table: &str, data: Option<Data>, index: u32, key: &Value) -> Option<Value> {
        self.view.in_table(table, data, index, key)
    }

    fn lookup(&self, patterns: PatternsId, value: &Value) -> Option<Found> {
        self.view.lookup(patterns, value)
    }

    fn fill(&self, patterns: PatternsId, value: &Value, template: &str) -> Option<Vec<u8>> {
        self.view.fill(patterns, value, template)
    }

    fn set_variable(&self, name: &Variable, value: Option<Value>) {
        self.view.set_variable(name, value);
    }

    fn knows_variable(&self, name: &Variable) -> bool {
        self.view.knows_variable(name)
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
