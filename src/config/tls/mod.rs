//! From the words of TLS to what a handshake needs.
//!
//! Files are read through [`World`], so that nothing here does I/O. Everything that can be wrong
//! with a certificate, a key or a list is found here, when a configuration is loaded, and said in
//! one sentence; the handshake itself only carries it out.

mod clients;
mod crt_list;
mod handshake;
mod material;
mod provider;
mod trust;
mod version_1;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

pub(super) use clients::examine;
pub(super) use crt_list::{Line, parse as parse_list};
pub(super) use handshake::{Resumption, client_config, server_config};
pub(super) use material::{authorities, identities, revocations, stored_identity};
pub(super) use provider::{Offer, offer};
pub(super) use trust::Trust;

use super::model::certificate::StoredCertificate;
use super::world::World;

/// What stands under a path.
pub(super) enum FileContent {
    /// A file.
    Bytes(Vec<u8>),
    /// A directory: what is in it, sorted.
    Directory(Vec<String>),
}

/// Reads what one `bind` or `server` refers to, and remembers what it read.
pub(super) struct Reader<'w> {
    world: &'w mut dyn World,
    stored: &'w [StoredCertificate],
    seen: DefaultHasher,
}

impl<'w> Reader<'w> {
    pub(super) fn new(world: &'w mut dyn World, stored: &'w [StoredCertificate]) -> Self {
        Self { world, stored, seen: DefaultHasher::new() }
    }

    /// The certificate that is called `name`: one of the store without a name goes by its path, too.
    fn stored(&self, name: &str) -> Option<&'w StoredCertificate> {
        let is_meant = |one: &&StoredCertificate| {
            one.name == name || one.name.starts_with("@/") && one.crt == name
        };
        self.stored.iter().find(is_meant)
    }

    /// What stands under `path`; the error does not name it.
    pub(super) fn open(&mut self, path: &str) -> Result<FileContent, String> {
        path.hash(&mut self.seen);
        match self.world.read(Path::new(path)) {
            Ok(bytes) => {
                bytes.hash(&mut self.seen);
                Ok(FileContent::Bytes(bytes))
            }
            // A directory cannot be read; what can be listed is one.
            Err(error) => match self.world.list(Path::new(path)) {
                Ok(paths) => {
                    let paths = paths
                        .into_iter()
                        .filter_map(|path| path.into_os_string().into_string().ok());
                    Ok(FileContent::Directory(paths.collect()))
                }
                Err(_) => Err(error),
            },
        }
    }

    /// The file under `path`.
    pub(super) fn file(&mut self, path: &str) -> Result<Vec<u8>, String> {
        match self.open(path) {
            Ok(FileContent::Bytes(bytes)) => Ok(bytes),
            Ok(FileContent::Directory(_)) => Err(format!("'{path}' is a directory")),
            Err(error) => Err(format!("cannot read '{path}': {error}")),
        }
    }

    /// A hash of everything that was read.
    pub(super) fn fingerprint(&self) -> u64 {
        self.seen.finish()
    }
}
