//! A session's entries in stick tables: those it is counted in, and those that say which server it
//! had.
//!
//! Sessions whose proxies have no such rules pay for empty lists.

use std::sync::Arc;
use std::time::Instant;

use super::Session;
use super::facts::Response;
use crate::clock;
use crate::config::model::{self, ServerAddr};
use crate::pure::acl::{Condition, Truth};
use crate::pure::balance::ServerIndex;
use crate::pure::rules::{CounterArray, CounterChange, StickVerb};
use crate::pure::sample::tracked::{Data, Subject, Tracked};
use crate::pure::sample::{Facts, Value};
use crate::pure::stick::{DataType, Key, ServerKey, ask};
use crate::pure::wire::{Parsed, rdp};
use crate::state::backend::Ruling;
use crate::state::{Backend, Lease, Server, StickTable, Tracker};

/// Entries that are noted of one session: HAProxy's bound.
const STORES_MAX: usize = 8;

/// What a session has to do with stick tables.
#[derive(Default)]
pub(super) struct Stuck {
    /// Entries that count the session, by the numbers of `track-sc`.
    trackers: Vec<(u8, Arc<Tracker>)>,
    /// Entries that will say which server it has.
    stores: Vec<(Arc<StickTable>, Key)>,
}

impl Session {
    fn table(&self, name: &str) -> Option<Arc<StickTable>> {
        self.door.context.process.objects().tables.find(name).cloned()
    }

    fn stores(&self) -> &[(Arc<StickTable>, Key)] {
        self.ruled.stuck().map_or(&[], |stuck| &stuck.stores)
    }

    fn tracker(&self, counter: u8) -> Option<&Arc<Tracker>> {
        let trackers = &self.ruled.stuck()?.trackers;
        trackers.iter().find(|(number, _)| *number == counter).map(|(_, tracker)| tracker)
    }

    /// Counts the session from now on; the first rule for a counter holds.
    pub(super) fn track(&mut self, counter: u8, table: Option<&str>, key: Option<Value>) {
        let (None, Some(table), Some(key)) = (self.tracker(counter), table, key) else { return };
        let Some(table) = self.table(table) else { return };
        let kind = table.lock().spec().kind;
        let Some(key) = kind.key(key) else { return };
        let Some(tracker) = Tracker::begin(&table, key, clock::now()) else { return };
        let tracker = Arc::new(tracker);
        self.running.track(Arc::clone(&tracker));
        self.ruled.kept.change().stuck.trackers.push((counter, tracker));
    }

    /// What connection rules and session rules track is a session now.
    pub(super) fn count_tracked_session(&self) {
        for (_, tracker) in self.ruled.stuck().iter().flat_map(|stuck| &stuck.trackers) {
            tracker.begin_session(clock::now());
        }
    }

    /// The session is over: what it moved is counted to the last byte.
    pub(super) fn let_go_of_tracked(&self, now: Instant) {
        let moved = self.running.moved();
        for (_, tracker) in self.ruled.stuck().iter().flat_map(|stuck| &stuck.trackers) {
            tracker.note_moved(moved.bytes_in, moved.bytes_out, now);
        }
    }

    pub(super) fn change_counter(&self, change: &CounterChange, by: Option<Value>) {
        let (Some(tracker), Some(by)) = (self.tracker(change.counter), by) else { return };
        let Some(by) = by.as_int().and_then(|by| u64::try_from(by).ok()) else { return };
        let (mut table, now) = (tracker.table.lock(), clock::now());
        match change.array {
            CounterArray::Gpc => {
                ask::add(&mut table, &tracker.key, change.index, by, now);
            }
            CounterArray::Gpt => ask::tag(&mut table, &tracker.key, change.index, by, now),
        }
    }

    /// `sc0_conn_cur`, `src_conn_rate(t)`, `table_cnt(t)`.
    pub(super) fn tracked_value(&self, asked: &Tracked) -> Option<Value> {
        let named = asked.table.as_deref().and_then(|name| self.table(name));
        let (table, key) = match asked.subject {
            Subject::Table => return size_of(named?.as_ref(), asked.data),
            Subject::Source => {
                let table = named?;
                let kind = table.lock().spec().kind;
                let key = kind.key(self.running.source()?.ip().into())?;
                (table, key)
            }
            Subject::Counter(number) => {
                let tracker = self.tracker(number);
                if asked.data == Data::Tracked {
                    return Some(Value::Bool(tracker.is_some()));
                }
                let tracker = tracker?;
                if asked.data == Data::Key {
                    return Some(tracker.key.value());
                }
                let table = named.unwrap_or_else(|| Arc::clone(&tracker.table));
                (table, tracker.key.clone())
            }
        };
        ask::ask(&mut table.lock(), &key, asked.data, asked.index, clock::now())
    }

    /// `src,in_table(t)`, `src,table_conn_cur(t)`.
    pub(super) fn value_in_table(
        &self,
        table: &str,
        data: Option<Data>,
        index: u32,
        key: &Value,
    ) -> Option<Value> {
        let table = self.table(table)?;
        let mut table = table.lock();
        let key = table.spec().kind.key(key.clone())?;
        match data {
            None => Some(Value::Bool(table.find(&key, clock::now()).is_some())),
            Some(data) => ask::ask(&mut table, &key, data, index, clock::now()),
        }
    }

    /// The server that the client's RDP cookie names, if it runs or `option persist` says that this
    /// does not matter. Bytes that are not there yet are not waited for; HAProxy asks neither
    /// `force-persist` nor `ignore-persist` here.
    pub(super) fn routed_server(
        &self,
        backend: &Backend,
        settings: &model::Backend,
    ) -> Option<ServerIndex> {
        let name = settings.rdp_cookie.as_deref()?;
        let Parsed::Done(token, _) = rdp::cookie(&self.early, name) else { return None };
        let address = ServerAddr::Tcp(rdp::token_address(token)?.into());
        let live = backend.live();
        let mut named = live.servers.iter().filter(|server| server.settings().address == address);
        let usable = |server: &&Arc<Server>| settings.persist || server.standing().is_running();
        named.find(usable).map(|server| server.index)
    }

    /// Walks the `stick` rules of `backend`: the server that an entry names, where `chosen` is not
    /// set already and the server may be used. What is to be stored is kept until there is a server.
    pub(super) fn stuck_server(
        &mut self,
        backend: &Backend,
        settings: &model::Backend,
        chosen: Option<ServerIndex>,
    ) -> Option<ServerIndex> {
        let ruling = Arc::clone(&backend.ruling());
        if ruling.rules.sticking.is_empty() {
            return chosen;
        }
        self.ruled.kept.change().stuck.stores.clear();
        let forced = settings.persist || self.is_forced(&ruling);
        let mut chosen = chosen;
        for rule in &ruling.rules.sticking {
            if rule.verb == StickVerb::StoreResponse {
                continue;
            }
            let Some((table, key)) = self.stick_key(rule, &ruling, None) else { continue };
            if matches!(rule.verb, StickVerb::Match | StickVerb::On) {
                let found = noted_server(&table, &key, backend, forced);
                chosen = chosen.or(found);
            }
            if rule.verb != StickVerb::Match {
                self.ruled.kept.change().stuck.stores.push((table, key));
            }
        }
        chosen
    }

    /// Whether `force-persist` holds. `ignore-persist` is about cookies: HAProxy looks at tables all
    /// the same.
    pub(super) fn is_forced(&self, ruling: &Ruling) -> bool {
        let mut rules = ruling.rules.persistence.iter().filter(|rule| rule.force).peekable();
        if rules.peek().is_none() {
            return false;
        }
        let view = self.view(&ruling.patterns, None, true);
        rules.any(|rule| rule.condition.holds(&view) == Truth::True)
    }

    /// The entry that a rule is about, if its condition holds and it can be stored.
    fn stick_key(
        &self,
        rule: &crate::pure::rules::Stick,
        ruling: &Ruling,
        response: Option<&[u8]>,
    ) -> Option<(Arc<StickTable>, Key)> {
        let table = self.table(rule.table.as_deref()?)?;
        let stores = self.stores();
        // The first entry of a table is the one that counts.
        if stores.iter().any(|(stored, _)| Arc::ptr_eq(stored, &table)) {
            return None;
        }
        if rule.verb != StickVerb::Match && stores.len() >= STORES_MAX {
            return None;
        }
        let response = response.map(|bytes| Response { bytes, passed_on: 0, server: None });
        let view = self.view(&ruling.patterns, response, true);
        let holds = |condition: &Condition| condition.holds(&view as &dyn Facts) == Truth::True;
        if !rule.condition.as_ref().is_none_or(holds) {
            return None;
        }
        let value = rule.key.evaluate(&view).value()?;
        let kind = table.lock().spec().kind;
        kind.key(value).map(|key| (table, key))
    }

    /// What the server said may be a key, too: `stick store-response`.
    pub(super) fn stick_to_response(&mut self, backend: &Backend, lease: &Lease, bytes: &[u8]) {
        let ruling = Arc::clone(&backend.ruling());
        if ruling.rules.sticking.is_empty() {
            return;
        }
        for rule in &ruling.rules.sticking {
            if rule.verb == StickVerb::StoreResponse
                && let Some(store) = self.stick_key(rule, &ruling, Some(bytes))
            {
                self.ruled.kept.change().stuck.stores.push(store);
            }
        }
        self.note_sticking(lease);
    }

    /// The session has this server: its entries say so from now on.
    pub(super) fn note_sticking(&self, lease: &Lease) {
        if self.stores().is_empty() || lease.is_direct() {
            return;
        }
        let server = &lease.server;
        let settings = server.settings();
        if settings.non_stick {
            return;
        }
        let (id, now) = (u64::from(settings.id.0), clock::now());
        for (table, key) in self.stores() {
            let mut table = table.lock();
            let name = match table.spec().server_key {
                ServerKey::Name => server.name.to_string(),
                ServerKey::Addr => settings.address.text(),
            };
            if let Some((entry, layout)) = table.obtain(key, now) {
                entry.set(layout, (DataType::ServerId, 0), id, now);
                entry.server_key = Some(name.into());
            }
        }
    }
}

/// `table_cnt`, `table_avl`.
fn size_of(table: &StickTable, data: Data) -> Option<Value> {
    let mut table = table.lock();
    let used = table.len(clock::now());
    let number = match data {
        Data::Cnt => used,
        _ => table.spec().size.saturating_sub(used),
    };
    Some(Value::Int(i64::try_from(number).unwrap_or(i64::MAX)))
}

/// The server that the entry of `key` names, if it runs or `forced` says that this does not matter.
/// The entry is used by being found.
fn noted_server(
    table: &StickTable,
    key: &Key,
    backend: &Backend,
    forced: bool,
) -> Option<ServerIndex> {
    let (name, id) = {
        let (mut table, now) = (table.lock(), clock::now());
        let by = table.spec().server_key;
        let (entry, layout) = table.use_entry(key, now)?;
        let id = entry.number(layout, (DataType::ServerId, 0), now);
        (entry.server_key.clone().map(|name| (by, name)), id)
    };
    let live = backend.live();
    let is_named = |server: &&Arc<Server>| match &name {
        Some((ServerKey::Name, name)) => *server.name == **name,
        Some((ServerKey::Addr, name)) => server.settings().address.text() == **name,
        None => id == Some(u64::from(server.settings().id.0)),
    };
    let server = live.servers.iter().find(is_named)?;
    (forced || server.standing().is_running()).then_some(server.index)
}
