//! Certificates while the program runs: those in use, those that commands made, and the one that is
//! being changed.
//!
//! What is in use belongs to listeners and servers and changes through [`publish`]; handshakes that
//! have begun and sessions go on with what they have. Nothing of it outlives the process, and a
//! reload keeps it where the files still say what they said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::process::Objects;
use super::{Backend, Server, publish};
use crate::config::model::BindTls;
use crate::config::model::certificate::{Certificate, Material};
use crate::config::model::contexts::Context;

/// Certificates that commands may make and nobody uses.
const MADE_MAX: usize = 10_000;

/// What commands know of certificates beside those in use. One command at a time looks at it.
#[derive(Debug, Default)]
pub struct Certificates(Mutex<Desk>);

/// See [`Certificates`].
#[derive(Debug, Default)]
pub struct Desk {
    /// Those that commands made; `None`: still empty.
    made: BTreeMap<String, Option<Certificate>>,
    /// The one that is being changed, and what it will be made of.
    pub pending: Option<(String, Material)>,
}

impl Certificates {
    /// What there is.
    pub fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of a file.
#[derive(Debug)]
pub struct Known {
    /// The certificate; `None`: it is empty.
    pub certificate: Option<Certificate>,
    /// Listeners or servers use it.
    pub is_used: bool,
}

impl Desk {
    /// The names of all, sorted.
    #[must_use]
    pub fn files(&self, objects: &Objects) -> BTreeSet<String> {
        let mut files: BTreeSet<String> = self.made.keys().cloned().collect();
        for bind in binds(objects) {
            let contexts = bind.contexts();
            let used = contexts.list().iter().map(|context| &context.certificate.file);
            files.extend(used.map(ToString::to_string));
        }
        files.extend(servers(objects).map(|(.., shown)| shown.file.to_string()));
        files
    }

    /// What is known of `file`; `None`: nothing.
    #[must_use]
    pub fn find(&self, file: &str, objects: &Objects) -> Option<Known> {
        let of_bind = binds(objects).find_map(|bind| {
            let contexts = bind.contexts();
            let mut used = contexts.list().iter().map(|context| &context.certificate);
            used.find(|certificate| *certificate.file == *file).cloned()
        });
        let used = of_bind.or_else(|| {
            let mut shown = servers(objects).map(|(.., shown)| shown);
            shown.find(|certificate| *certificate.file == *file)
        });
        if used.is_some() {
            return Some(Known { certificate: used, is_used: true });
        }
        let certificate = self.made.get(file)?.clone();
        Some(Known { certificate, is_used: false })
    }

    /// Makes an empty one; `false`: there are too many already.
    #[must_use]
    pub fn make(&mut self, file: &str) -> bool {
        let has_room = self.made.len() < MADE_MAX;
        if has_room {
            self.made.insert(file.to_owned(), None);
        }
        has_room
    }

    /// Forgets one that a command made.
    pub fn forget(&mut self, file: &str) {
        self.made.remove(file);
    }

    /// Puts `certificate` in the place of what has its name: everybody's next handshake shows it.
    /// Yields how many places there were.
    pub fn install(&mut self, certificate: &Certificate, objects: &Objects, now: Instant) -> usize {
        let mut places = 0;
        for bind in binds(objects) {
            if let Some(contexts) = bind.contexts().with_certificate(certificate) {
                let is_new = |context: &&Context| context.certificate.file == certificate.file;
                places += contexts.list().iter().filter(is_new).count();
                publish::certificates(bind, contexts);
            }
        }
        let showing: Vec<_> =
            servers(objects).filter(|(.., shown)| shown.file == certificate.file).collect();
        places += showing.len();
        for (backend, server, _) in showing {
            publish::settings(&backend, &server, now, |settings| {
                let check = settings.check.as_mut().and_then(|check| check.tls.as_mut());
                for tls in settings.tls.iter_mut().chain(check) {
                    **tls = tls.showing(certificate);
                }
            });
        }
        if let Some(made) = self.made.get_mut(&*certificate.file) {
            *made = Some(certificate.clone());
        }
        places
    }
}

/// The listening sockets with TLS.
pub fn binds(objects: &Objects) -> impl Iterator<Item = &BindTls> {
    let binds = objects.config.frontends.iter().flat_map(|frontend| &frontend.binds);
    binds.filter_map(|bind| bind.tls.as_deref())
}

/// The servers that are shown a certificate.
fn servers(objects: &Objects) -> impl Iterator<Item = (Arc<Backend>, Arc<Server>, Certificate)> {
    objects.backends.iter().flat_map(|backend| {
        let shown = |server: &Arc<Server>| {
            let settings = server.settings();
            let certificate = settings.tls.as_ref()?.certificate.clone()?;
            Some((Arc::clone(backend), Arc::clone(server), certificate))
        };
        backend.live().servers.iter().filter_map(shown).collect::<Vec<_>>()
    })
}
