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
            Balance::Source(hash) => self.source.map(|source| hash.of_source(source.ip())),
            Balance::Hash(hash) => {
                self.learn_destination();
                let expr = &settings.balance_key.as_ref()?.expr;
                let value = expr.evaluate(&self.held()).value()?.cast(Kind::Bin)?;
                let key = value.into_bytes();
                (!key.is_empty()).then(|| hash.of(&key))
            }
            _ => None,
        }
    }

    /// What samples learn of it while a server is asked for and dialled.
    pub(super) fn held(&self) -> impl Facts {
        Held(self.view(&self.route.patterns, None, true))
    }
}

/// What is known of a session when it asks for a server: what rules see, and its TLS.
struct Held<'s>(View<'s>);

impl Facts for Held<'_> {
    fn fact(&self, fact: Fact, args: &[Arg]) -> Fetched {
        match self.0.fact(fact, args) {
            Fetched::Absent => {
                let client = &self.0.session.client;
                let shown = client.shown_certificate();
                Ends { client: client.tls(), shown, server: None }.sample(fact, args).into()
            }
            fetched => fetched,
        }
    }

    fn tracked(&self, tracked: &Tracked) -> Option<Value> {
        self.0.tracked(tracked)
    }

    fn in_table(&self, table: &str, data: Option<Data>, index: u32, key: &Value) -> Option<Value> {
        self.0.in_table(table, data, index, key)
    }

    fn lookup(&self, patterns: PatternsId, value: &Value) -> Option<Found> {
        self.0.lookup(patterns, value)
    }

    fn fill(&self, patterns: PatternsId, value: &Value, template: &str) -> Option<Vec<u8>> {
        self.0.fill(patterns, value, template)
    }

    fn set_variable(&self, name: &Variable, value: Option<Value>) {
        self.0.set_variable(name, value);
    }

    fn knows_variable(&self, name: &Variable) -> bool {
        self.0.knows_variable(name)
    }

    fn buffer(&self, side: Side) -> Option<Buffer<'_>> {
        self.0.buffer(side)
    }

    fn variable(&self, name: &Variable) -> Option<Value> {
        self.0.variable(name)
    }
}
