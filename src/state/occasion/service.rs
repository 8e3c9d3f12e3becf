//! What follows when a server gets a service of its record, or has none any more.

use std::sync::Arc;

use super::Occasion;
use crate::config::model::{self, ServerAddr};
use crate::pure::weight::Weight;
use crate::state::{Backend, Server, publish};

impl Occasion<'_> {
    /// A server got the service of `host` at `port`, and `weight` with it. Its address follows once
    /// the host's name is resolved, which `is_new` says it was not before.
    pub fn serve(
        &self,
        backend: &Arc<Backend>,
        server: &Arc<Server>,
        (host, port): (&str, u16),
        weight: Option<Weight>,
        is_new: bool,
    ) {
        let had = Arc::clone(&server.settings());
        let mut wanted = model::Server::clone(&had);
        wanted.hostname = Some(host.to_owned());
        let ip = wanted.address.ip();
        wanted.address = ServerAddr::Unresolved { port: Some(port), offset: 0 }.at(ip);
        wanted.weight = weight.unwrap_or(wanted.weight);
        if is_new {
            let path = format!("{}/{}", backend.name, server.name);
            let from = had.hostname.as_deref().filter(|_| had.address.ip().is_some());
            let from = from.unwrap_or("(null)");
            let text = format!("{path} changed its FQDN from {from} to {host} by 'SRV record'");
            self.notice(backend, text);
        }
        if *had != wanted {
            publish::settings(backend, server, self.now, |settings| *settings = wanted);
        }
    }

    /// A server has no service any more: it is known by its record alone, as at the start.
    pub fn unserve(&self, backend: &Arc<Backend>, server: &Arc<Server>) {
        self.unresolved(backend, server, "entry removed from SRV record");
        publish::settings(backend, server, self.now, |settings| {
            settings.hostname = settings.resolve.as_ref().map(|resolve| resolve.fqdn.clone());
            settings.address = ServerAddr::Unresolved { port: None, offset: 0 };
        });
    }
}
