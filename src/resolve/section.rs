//! One `resolvers` section at work.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::clock;
use crate::config::model::{self, Resolve, ServerAddr};
use crate::net::dns::{self, Event, QUESTIONS_MAX};
use crate::pure::resolve::assign::{assign, preferred, weight};
use crate::pure::resolve::message::{self, ANSWER_BYTES_MAX, Answer, canonical};
use crate::pure::resolve::{Ask, Item, Kind, Knowledge, Resolution, Service, Status};
use crate::pure::weight::Weight;
use crate::state::{Backend, Occasion, Process, Resolvers, Server};
use crate::telemetry::bus::Bus;

/// Events of name servers that may wait to be looked at.
const EVENTS_MAX: usize = 1024;

/// A server whose name is followed.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    pub(super) backend: Arc<Backend>,
    pub(super) server: Arc<Server>,
    pub(super) resolve: Resolve,
    /// What the configuration says of the server: its place may be another once that changed.
    configured: Arc<model::Server>,
    /// The service it got, of a name that has services.
    service: Option<Service>,
    /// The address it got. It keeps that while it is said, and a command that moves the server
    /// changes nothing here: what an operator says counts until the name says something else.
    given: Option<IpAddr>,
}

impl Follower {
    /// A server that has what its settings say, be it from a name server or from elsewhere.
    pub(super) fn new(backend: Arc<Backend>, server: Arc<Server>, resolve: Resolve) -> Self {
        let (configured, settings) = (Arc::clone(&server.configured()), server.settings());
        let given = settings.address.ip();
        let host = settings.hostname.as_deref().filter(|_| resolve.kind == Kind::Srv);
        let host = host.filter(|host| !host.eq_ignore_ascii_case(&resolve.fqdn));
        let port = match &settings.address {
            ServerAddr::Tcp(address) => Some(address.port()),
            ServerAddr::Unresolved { port, .. } => *port,
            _ => None,
        };
        let service =
            host.zip(port).map(|(host, port)| Service { target: canonical(host), port, weight: 0 });
        Self { backend, server, resolve, configured, service, given }
    }

    fn afresh(&self) -> Self {
        Self::new(Arc::clone(&self.backend), Arc::clone(&self.server), self.resolve.clone())
    }

    /// Whether it is the same server, which asks for the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.server, &other.server)
            && Arc::ptr_eq(&self.configured, &other.configured)
            && self.resolve == other.resolve
    }

    /// The name whose addresses it may get.
    fn host(&self) -> Option<&str> {
        match self.resolve.kind {
            Kind::Srv => self.service.as_ref().map(|service| service.target.as_str()),
            Kind::A | Kind::Aaaa => Some(&self.resolve.fqdn),
        }
    }
}

/// A name and what is asked about it first.
type Asked = (String, Kind);

/// The task of one section.
pub(super) struct Section {
    section: Arc<Resolvers>,
    followers: Vec<Follower>,
    /// The servers that are to be followed.
    wanted: watch::Receiver<Vec<Follower>>,
    process: Arc<Process>,
    bus: Bus,
    names: BTreeMap<Asked, Resolution>,
    questions: Vec<mpsc::Sender<Vec<u8>>>,
}

impl Section {
    pub(super) fn new(
        section: Arc<Resolvers>,
        mut wanted: watch::Receiver<Vec<Follower>>,
        process: Arc<Process>,
        bus: Bus,
    ) -> Self {
        let (names, questions) = (BTreeMap::new(), Vec::new());
        // What they have may be newer than the list: the task may have begun anew.
        let followers: Vec<Follower> =
            wanted.borrow_and_update().iter().map(Follower::afresh).collect();
        Self { section, followers, wanted, process, bus, names, questions }
    }

    /// Follows its names until it is dropped.
    pub(super) async fn run(mut self) -> Infallible {
        let (tell, mut events) = mpsc::channel(EVENTS_MAX);
        // Ends with this function.
        let mut ways = JoinSet::new();
        for (number, server) in self.section.settings.nameservers.iter().enumerate() {
            let (ask, questions) = mpsc::channel(QUESTIONS_MAX);
            self.questions.push(ask);
            let tell = tell.clone();
            // What does not fit is lost, as a datagram may be: the question is asked again.
            let handle = move |event| drop(tell.try_send((number, event)));
            ways.spawn(dns::carry(server.address, server.tcp, ANSWER_BYTES_MAX, questions, handle));
        }
        self.watch_names();
        loop {
            let due = self.names.values().map(Resolution::next_deadline).min();
            tokio::select! {
                Some((from, event)) = events.recv() => self.handle(from, event),
                Ok(()) = self.wanted.changed() => self.follow(),
                () = sleep_until(due.unwrap_or_else(clock::now).into()), if due.is_some() => {
                    self.ask_what_is_due();
                }
            }
        }
    }

    /// Follows the servers that are wanted now. Those it followed before keep what they have.
    fn follow(&mut self) {
        let had = std::mem::take(&mut self.followers);
        for wanted in self.wanted.borrow_and_update().iter() {
            let known = had.iter().find(|known| known.is_same(wanted));
            self.followers.push(known.unwrap_or(wanted).clone());
        }
        self.watch_names();
        let (now, known) = (clock::now(), self.names.keys().cloned().collect::<Vec<_>>());
        for name in known {
            self.settle(&name, now, None);
        }
    }

    /// Has a machine for every name that some server needs, and for no other.
    fn watch_names(&mut self) {
        let now = clock::now();
        let mut wanted: Vec<Asked> = Vec::new();
        for follower in &self.followers {
            let Resolve { fqdn, kind, prefer, .. } = &follower.resolve;
            if *kind == Kind::Srv {
                wanted.push((fqdn.clone(), Kind::Srv));
            }
            wanted.extend(follower.host().map(|host| (host.to_owned(), *prefer)));
        }
        self.names.retain(|name, _| wanted.contains(name));
        let settings = &self.section.settings;
        for name in wanted {
            let kind = name.1;
            self.names.entry(name).or_insert_with(|| {
                Resolution::new(now, settings.schedule, kind, settings.nameservers.len())
            });
        }
    }

    fn ask_what_is_due(&mut self) {
        let now = clock::now();
        let mut over = Vec::new();
        for (name, resolution) in &mut self.names {
            let waited = resolution.awaited().is_some();
            if now < resolution.next_deadline() {
                continue;
            }
            if waited {
                self.section.nameservers.iter().for_each(|n| n.timeouts.add(1));
            }
            match resolution.handle_deadline(now, fastrand::u16(..)) {
                Some(ask) => send(&self.section, &self.questions, &name.0, ask),
                None => over.push(name.clone()),
            }
        }
        for name in over {
            self.settle(&name, now, None);
        }
    }

    fn handle(&mut self, from: usize, event: Event) {
        let section = Arc::clone(&self.section);
        let counters = &section.nameservers[from];
        match event {
            Event::Sent => counters.sent.add(1),
            Event::Lost(error) => {
                let name = &section.settings.nameservers[from].name;
                tracing::debug!("name server {name}: {error}");
                counters.send_errors.add(1);
            }
            Event::Answer(bytes) => match message::answer(&bytes) {
                Some(answer) => self.handle_answer(from, answer),
                None => counters.invalid.add(1),
            },
        }
    }

    fn handle_answer(&mut self, from: usize, answer: Answer) {
        let now = clock::now();
        let section = Arc::clone(&self.section);
        let counters = &section.nameservers[from];
        let awaited = self.names.iter_mut().find(|((name, _), resolution)| {
            resolution.awaited() == Some(answer.id) && *name == answer.question.1
        });
        let Some((name, resolution)) = awaited else {
            counters.outdated.add(1);
            return;
        };
        match answer.status {
            Status::Valid => counters.valid.add(1),
            Status::Nx => counters.nx.add(1),
            Status::Refused => counters.refused.add(1),
            Status::Timeout => {}
            Status::Other if answer.truncated => {}
            Status::Other if answer.items.is_empty() => counters.empty.add(1),
            Status::Other => counters.other.add(1),
        }
        if answer.truncated {
            counters.truncated.add(1);
        }
        let name = name.clone();
        match resolution.handle_answer(now, from, answer, fastrand::u16(..)) {
            Some(ask) => send(&section, &self.questions, &name.0, ask),
            None => self.settle(&name, now, Some(from)),
        }
    }

    /// Gives servers what is known of `name` now; name server `from` said it last.
    fn settle(&mut self, name: &Asked, now: Instant, from: Option<usize>) {
        let Some(resolution) = self.names.get(name) else { return };
        let (items, why) = match resolution.knowledge(now) {
            Knowledge::Pending => return,
            Knowledge::Known(items) => (items, None),
            Knowledge::Lost(status) => (Vec::new(), Some(reason(status))),
        };
        if name.1 == Kind::Srv {
            let services = items.into_iter().filter_map(|item| match item {
                Item::Service(service) => Some(service),
                Item::Address(_) => None,
            });
            self.settle_services(&name.0, &services.collect::<Vec<_>>());
            self.watch_names();
        } else {
            let addresses = items.into_iter().filter_map(|item| match item {
                Item::Address(ip) => Some(ip),
                Item::Service(_) => None,
            });
            self.settle_addresses(name, addresses.collect(), why, from);
        }
    }

    fn settle_services(&mut self, name: &str, found: &[Service]) {
        for group in self
            .groups(|follower| follower.resolve.kind == Kind::Srv && follower.resolve.fqdn == name)
        {
            let held: Vec<_> = group.iter().map(|&at| self.followers[at].service.clone()).collect();
            let held: Vec<_> = held
                .into_iter()
                .map(|held| found.iter().find(|f| held.as_ref().is_some_and(|h| f.is_same(h))))
                .map(Option::<&Service>::cloned)
                .collect();
            for (at, service) in group.into_iter().zip(assign(&held, found, false)) {
                self.serve(at, service);
            }
        }
    }

    /// The server gets this service, or none any more.
    fn serve(&mut self, at: usize, service: Option<Service>) {
        let occasion = occasion(&self.process, &self.bus);
        let follower = &mut self.followers[at];
        let had = std::mem::replace(&mut follower.service, service);
        let Follower { backend, server, resolve, service, .. } = follower;
        let moved =
            had.as_ref().is_some_and(|had| !service.as_ref().is_some_and(|s| s.is_same(had)));
        if moved {
            // Nothing of the old place may be left beside the new one.
            follower.given = None;
            occasion.unserve(backend, server);
        }
        if let Some(service) = service {
            let weight = Weight::new(weight(service.weight)).filter(|_| !resolve.ignore_weight);
            let is_new = had.as_ref().map(|had| &had.target) != Some(&service.target);
            occasion.serve(backend, server, (&service.target, service.port), weight, is_new);
        }
    }

    fn settle_addresses(
        &mut self,
        (name, prefer): &Asked,
        found: Vec<IpAddr>,
        why: Option<&'static str>,
        from: Option<usize>,
    ) {
        let occasion = occasion(&self.process, &self.bus);
        let section = &self.section.settings;
        let by = from.map(|from| format!("{}/{}", section.name, section.nameservers[from].name));
        let mut first = true;
        let ask = |follower: &Follower| {
            follower.host() == Some(name) && follower.resolve.prefer == *prefer
        };
        for group in self.groups(ask) {
            let held: Vec<Option<IpAddr>> =
                group.iter().map(|&at| self.followers[at].given).collect();
            let resolve = &self.followers[group[0]].resolve;
            let found = preferred(found.clone(), &resolve.nets);
            for (&at, ip) in group.iter().zip(assign(&held, &found, resolve.allow_dup_ip)) {
                let Follower { backend, server, given, .. } = &mut self.followers[at];
                let kept = std::mem::replace(given, ip) == ip;
                let changed = match ip {
                    Some(_) if kept && server.settings().address.ip().is_some() => {
                        occasion.readmit(backend, server);
                        false
                    }
                    Some(ip) => {
                        let by = by.as_deref().filter(|_| first).unwrap_or("DNS cache");
                        occasion.resolved(backend, server, ip, by)
                    }
                    None => {
                        occasion.unresolved(backend, server, why.unwrap_or("No IP for server "))
                    }
                };
                if let Some(from) = from.filter(|_| changed) {
                    self.section.nameservers[from].updates.add(1);
                }
                first &= !changed;
            }
        }
    }

    /// The followers that `pick` picks, by backend.
    fn groups(&self, pick: impl Fn(&Follower) -> bool) -> Vec<Vec<usize>> {
        let mut groups: Vec<(*const Backend, Vec<usize>)> = Vec::new();
        for (at, follower) in self.followers.iter().enumerate().filter(|(_, f)| pick(f)) {
            let backend = Arc::as_ptr(&follower.backend);
            match groups.iter_mut().find(|(known, _)| *known == backend) {
                Some((_, group)) => group.push(at),
                None => groups.push((backend, vec![at])),
            }
        }
        groups.into_iter().map(|(_, group)| group).collect()
    }
}

fn occasion<'a>(process: &'a Process, bus: &'a Bus) -> Occasion<'a> {
    Occasion { process, bus, now: clock::now(), wall: clock::wall() }
}

/// Puts a question to every name server.
fn send(section: &Resolvers, ways: &[mpsc::Sender<Vec<u8>>], name: &str, ask: Ask) {
    let question = message::question(ask.id, ask.kind, name, section.settings.payload_bytes);
    let Some(question) = question else { return };
    for (way, counters) in ways.iter().zip(&section.nameservers) {
        if way.try_send(question.clone()).is_err() {
            counters.send_errors.add(1);
        }
    }
}

/// Why a server has no address any more, in HAProxy's words.
const fn reason(status: Status) -> &'static str {
    match status {
        Status::Nx => "DNS NX status",
        Status::Refused => "DNS refused status",
        Status::Timeout => "DNS timeout status",
        Status::Valid | Status::Other => "unspecified DNS error",
    }
}
