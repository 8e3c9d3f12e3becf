//! Pure: where servers find what they were before.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use haproxy_compat::span::Span;

use super::context::Context;
use crate::config::model::{Global, LoadState, SavedServer};
use crate::config::raw::{self, Dialect};
use crate::pure::id::{Name, ProxyId};
use crate::pure::state_file::{self, Known};

/// What `server-state-file-name` says for a file with the backend's name.
const BACKEND_NAME: &str = "use-backend-name";

/// The words of `load_server_state`.
const PLACES: [(&str, bool); 3] = [("none", false), ("global", true), ("local", true)];

/// What servers were before, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Saved {
    files: HashMap<PathBuf, Known>,
    /// Those of the backends that load their state.
    pub(super) servers: Vec<SavedServer>,
}

impl Saved {
    /// The address that a server got from the host `name`.
    pub(super) fn address(&self, backend: &str, server: &str, name: &str) -> Option<IpAddr> {
        let mut known = self.servers.iter();
        let known = known.find(|known| known.backend == backend && known.server == server)?;
        known.address.filter(|_| known.fqdn.as_deref() == Some(name))
    }
}

fn load_state(raw: &raw::Backend, name: &Name) -> LoadState {
    match raw.load_server_state.as_ref().map(|field| field.value.as_str()) {
        Some("global") => LoadState::Global,
        Some("local") => {
            let file = raw.server_state_file.as_ref().map(|file| file.value.as_str());
            let file = file.filter(|file| *file != BACKEND_NAME).unwrap_or(name.as_str());
            LoadState::Local(file.into())
        }
        _ => LoadState::None,
    }
}

impl Context<'_> {
    pub(super) fn load_state(&mut self, raw: &raw::Backend, name: &Name) -> LoadState {
        self.word("load_server_state", &raw.load_server_state, &PLACES);
        load_state(raw, name)
    }

    /// Learns what the servers of a backend were before. A file that is not there is warned of; the
    /// servers start afresh then. So is a line that cannot be used, and one of another backend in a
    /// file of this one's own.
    pub(super) fn learn_saved(
        &mut self,
        raw: &raw::Backend,
        name: &Name,
        id: ProxyId,
        global: &Global,
    ) {
        let state = load_state(raw, name);
        let own_file = matches!(state, LoadState::Local(_));
        let file = match state {
            LoadState::None => return,
            LoadState::Global => global.server_state_file.clone(),
            LoadState::Local(name) => Some(name),
        };
        let Some(span) = raw.load_server_state.as_ref().map(|field| field.span) else {
            return;
        };
        let Some(file) = file.map(|file| in_base(&file, global)) else {
            self.report.warning(span, "there is no 'server-state-file' to load from");
            return;
        };
        if !self.saved.files.contains_key(&file) {
            let read = self.state_file(&file, span);
            self.saved.files.insert(file.clone(), read);
        }
        let known = &self.saved.files[&file];
        let own = |server: &&SavedServer| server.backend == name.as_str();
        self.saved.servers.extend(known.servers.iter().filter(own).cloned());
        let mut warnings = unused(known, raw, name);
        if own_file {
            warnings.extend(mismatches(&known.servers, name, id));
        }
        for warning in warnings {
            self.report.warning(span, warning);
        }
    }

    /// HAProxy looks into the common file even where no backend does.
    pub(super) fn unasked_state_file(&mut self, raw: &raw::Global, global: &Global) {
        let (Some(file), Some(field)) = (&global.server_state_file, &raw.server_state_file) else {
            return;
        };
        let file = in_base(file, global);
        if self.dialect == Dialect::Haproxy && !self.saved.files.contains_key(&file) {
            self.state_file(&file, field.span);
        }
    }

    fn state_file(&mut self, file: &Path, span: Span) -> Known {
        let shown = file.display();
        let bytes = match self.world.read(file) {
            Ok(bytes) => bytes,
            Err(error) => {
                let message = format!("cannot read the server state file '{shown}': {error}");
                self.report.warning(span, message);
                return Known::default();
            }
        };
        match state_file::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(known) => known,
            Err(why) => {
                let message = format!("the server state file '{shown}' cannot be used: {why}");
                self.report.warning(span, message);
                Known::default()
            }
        }
    }
}

/// What is said of the lines of a backend's servers that cannot be used.
fn unused(known: &Known, raw: &raw::Backend, name: &Name) -> Vec<String> {
    let of_file = |wrong: &&state_file::Wrong| {
        let mut servers = raw.servers.iter();
        wrong.backend == name.as_str() && servers.any(|server| server.name.value == wrong.server)
    };
    let wrong = known.wrong.iter().filter(of_file);
    wrong
        .map(|wrong| {
            let server = &wrong.server;
            format!("server-state application failed for server '{name}/{server}', {}", wrong.why)
        })
        .collect()
}

/// What is said of lines in a backend's own file that are of a backend with another number or name.
fn mismatches(saved: &[SavedServer], name: &Name, id: ProxyId) -> Vec<String> {
    let mismatch = |server: &SavedServer| {
        let (what, written, own) = match (server.backend == name.as_str(), &server.backend_id) {
            (true, written) if written.parse() != Ok(id.0) => ("ID", written, id.0.to_string()),
            (false, number) if number.parse() == Ok(id.0) => {
                ("name", &server.backend, name.to_string())
            }
            _ => return None,
        };
        Some(format!(
            "Proxy '{name}': backend {what} mismatch: from server state file: '{written}', \
             from running config '{own}'"
        ))
    };
    saved.iter().filter_map(mismatch).collect()
}

fn in_base(file: &Path, global: &Global) -> PathBuf {
    match &global.server_state_base {
        Some(base) => base.join(file),
        None => file.to_owned(),
    }
}
