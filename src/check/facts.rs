//! What the samples of a check learn of its server, its backend and the process.

use std::sync::Arc;

use super::Task;
use crate::clock;
use crate::config::model::ServerAddr;
use crate::pure::acl::pattern::{Found, PatternsId};
use crate::pure::probe::Surroundings;
use crate::pure::sample::{Arg, Fact, Facts, Fetched, Value, Variable};
use crate::state::process_facts::ProcessFacts;
use crate::state::{Backend, Registry, Server};

/// A check's server, as it is while the check runs.
pub(super) struct Around {
    backend: Arc<Backend>,
    server: Arc<Server>,
    process: Arc<crate::state::Process>,
    patterns: Arc<Registry>,
}

impl Around {
    pub(super) fn of(task: &Task) -> Self {
        Self {
            backend: Arc::clone(&task.backend),
            server: Arc::clone(&task.server),
            process: Arc::clone(&task.process),
            patterns: Arc::clone(&task.process.objects().patterns),
        }
    }
}

impl Facts for Around {
    fn fact(&self, fact: Fact, args: &[Arg]) -> Fetched {
        let int = |number: u64| Some(Value::Int(i64::try_from(number).unwrap_or(i64::MAX)));
        let value = match fact {
            Fact::BeName => Some(Value::text(&self.backend.name)),
            Fact::BeId => int(u64::from(self.backend.settings().id.0)),
            Fact::SrvName => Some(Value::text(&self.server.name)),
            Fact::SrvId => int(u64::from(self.server.settings().id.0)),
            Fact::NbSrv => {
                let objects = self.process.objects();
                let named = args.first().and_then(Arg::text);
                let backend = match named {
                    Some(name) => objects.backends.iter().find(|known| *known.name == *name),
                    None => Some(&self.backend),
                };
                backend.and_then(|backend| {
                    let live = backend.live();
                    int(if live.active > 0 { live.active } else { live.backup } as u64)
                })
            }
            _ => {
                let uptime = self.process.uptime(clock::now());
                ProcessFacts { process: &self.process, wall: clock::wall(), uptime }
                    .value(fact, args)
            }
        };
        value.into()
    }

    fn variable(&self, name: &Variable) -> Option<Value> {
        self.process.variable(name)
    }

    fn set_variable(&self, name: &Variable, value: Option<Value>) {
        self.process.set_variable(name, value);
    }

    fn lookup(&self, patterns: PatternsId, value: &Value) -> Option<Found> {
        self.patterns.find(patterns, value)
    }

    fn fill(&self, patterns: PatternsId, value: &Value, template: &str) -> Option<Vec<u8>> {
        self.patterns.fill(patterns, value, template)
    }
}

impl Surroundings for Around {
    fn state(&self) -> String {
        let now = clock::now();
        let (settings, live) = (self.server.settings(), self.backend.live());
        let dynamic = self.backend.settings().balance.is_dynamic();
        let (address, port) = match &settings.address {
            ServerAddr::Tcp(address) => (address.ip().to_string(), address.port()),
            ServerAddr::Unix(_) | ServerAddr::Abstract(_) | ServerAddr::Sockpair(_) => {
                ("unix".to_owned(), 0)
            }
            ServerAddr::TcpClientPort { ip, .. } => (ip.to_string(), 0),
            ServerAddr::Unresolved { .. } => ("-".to_owned(), 0),
        };
        let usable = live.servers.iter().filter(|server| live.contains(server.index));
        let total: u32 = usable.map(|server| server.shown_weight(dynamic, now)).sum();
        let throttle = self.server.throttle_percent(dynamic, now);
        format!(
            "{}; address={address}; port={port}; name={}/{}; node={}; weight={}/{total}; \
             scur={}/{}; qcur={}{}",
            self.server.health().status(),
            self.backend.name,
            self.server.name,
            rustix::system::uname().nodename().to_string_lossy(),
            self.server.shown_weight(dynamic, now),
            self.server.service.traffic.sessions.current(),
            self.backend.service.traffic.sessions.current(),
            self.server.service.queued.current(),
            throttle.map_or(String::new(), |percent| format!("; throttle={percent}%")),
        )
    }
}
