//! The network namespaces that binds and servers are in.

use crate::config::model::Config;
use crate::net::namespace;

/// Opens the network namespaces that `config` names, while the process may still do so.
///
/// # Errors
/// One sentence for each that is not there.
pub(super) fn open(config: &Config) -> Result<(), Vec<String>> {
    let binds = config.frontends.iter().flat_map(|frontend| &frontend.binds);
    let servers = config.backends.iter().flat_map(|backend| &backend.servers);
    let names = binds
        .filter_map(|bind| bind.socket.namespace.as_deref())
        .chain(servers.filter_map(|server| server.socket.namespace.as_deref()));
    let opened = names.map(|name| namespace::open(name).map_err(|error| error.to_string()));
    let missing: Vec<String> = opened.filter_map(Result::err).collect();
    if missing.is_empty() { Ok(()) } else { Err(missing) }
}
