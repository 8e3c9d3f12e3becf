//! Pure: where servers find what they were before.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use haproxy_compat::span::Span;

use super::context::Context;
use crate::config::model::{Backend, Global, LoadState, SavedServer};
use crate::config::raw::{self, Dialect};
use crate::pure::id::Name;
use crate::pure::state_file;

/// What `server-state-file-name` says for a file with the backend's name.
const BACKEND_NAME: &str = "use-backend-name";

/// The words of `load_server_state`.
const PLACES: [(&str, bool); 3] = [("none", false), ("global", true), ("local", true)];

impl Context<'_> {
    pub(super) fn load_state(&mut self, raw: &raw::Backend, name: &Name) -> LoadState {
        let field = &raw.load_server_state;
        self.word("load_server_state", field, &PLACES);
        match field.as_ref().map(|field| field.value.as_str()) {
            Some("global") => LoadState::Global,
            Some("local") => {
                let file = raw.server_state_file.as_ref().map(|file| file.value.as_str());
                let file = file.filter(|file| *file != BACKEND_NAME).unwrap_or(name.as_str());
                LoadState::Local(file.into())
            }
            _ => LoadState::None,
        }
    }

    /// What the servers of `backends` were before. A file that is not there is warned of; the
    /// servers start afresh then.
    pub(super) fn saved_servers(
        &mut self,
        raw: &raw::Config,
        global: &Global,
        backends: &[Backend],
    ) -> Vec<SavedServer> {
        let mut files: HashMap<PathBuf, Vec<SavedServer>> = HashMap::new();
        let mut saved = Vec::new();
        for backend in backends {
            let file = match &backend.load_state {
                LoadState::None => continue,
                LoadState::Global => global.server_state_file.as_deref(),
                LoadState::Local(name) => Some(name.as_path()),
            };
            let written = raw.backends.iter().find(|raw| raw.name.value == backend.name.as_str());
            let Some(span) = written.and_then(|raw| Some(raw.load_server_state.as_ref()?.span))
            else {
                continue;
            };
            let Some(file) = file.map(|file| in_base(file, global)) else {
                let message = "there is no 'server-state-file' to load from";
                self.report.warning(span, message);
                continue;
            };
            if !files.contains_key(&file) {
                let read = self.state_file(&file, span);
                files.insert(file.clone(), read);
            }
            let own = |server: &&SavedServer| server.backend == backend.name.as_str();
            saved.extend(files[&file].iter().filter(own).cloned());
        }
        // HAProxy looks into the common file even where no backend does.
        if let (Some(file), Some(field)) =
            (&global.server_state_file, &raw.global.server_state_file)
            && raw.dialect == Dialect::Haproxy
            && !files.contains_key(&in_base(file, global))
        {
            self.state_file(&in_base(file, global), field.span);
        }
        saved
    }

    fn state_file(&mut self, file: &Path, span: Span) -> Vec<SavedServer> {
        let shown = file.display();
        let bytes = match self.world.read(file) {
            Ok(bytes) => bytes,
            Err(error) => {
                let message = format!("cannot read the server state file '{shown}': {error}");
                self.report.warning(span, message);
                return Vec::new();
            }
        };
        match state_file::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(servers) => servers,
            Err(why) => {
                let message = format!("the server state file '{shown}' cannot be used: {why}");
                self.report.warning(span, message);
                Vec::new()
            }
        }
    }
}

fn in_base(file: &Path, global: &Global) -> PathBuf {
    match &global.server_state_base {
        Some(base) => base.join(file),
        None => file.to_owned(),
    }
}
