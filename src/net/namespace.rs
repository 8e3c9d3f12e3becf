//! Sockets in another network namespace than the process' own.
//!
//! A socket belongs to the namespace that its thread is in when it is made, for good. So a thread
//! enters, makes the socket, and comes back before anything else happens on it. The namespaces are
//! files that `ip netns` made; each is opened once and kept, for a root directory or a user that is
//! taken on later cannot open it any more.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Where `ip netns` keeps its namespaces.
const DIRECTORY: &str = "/var/run/netns";

/// The namespaces that were asked for, by name. Bound: the names of the configurations loaded.
static OPEN: LazyLock<Mutex<HashMap<String, Arc<File>>>> = LazyLock::new(Mutex::default);

/// Opens a namespace, so that [`within`] finds it later.
///
/// # Errors
/// Names the file that cannot be opened.
pub fn open(name: &str) -> io::Result<()> {
    find(name).map(|_| ())
}

fn find(name: &str) -> io::Result<Arc<File>> {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = open.get(name) {
        return Ok(Arc::clone(file));
    }
    let path = Path::new(DIRECTORY).join(name);
    let file = File::open(&path).map_err(|error| {
        io::Error::new(error.kind(), format!("network namespace {}: {error}", path.display()))
    })?;
    let file = Arc::new(file);
    open.insert(name.to_owned(), Arc::clone(&file));
    Ok(file)
}

/// Makes a socket in the namespace called `name`, or in the process' own.
///
/// # Errors
/// What `make` reports; a namespace that is not there; the right to enter it that is missing
/// (`CAP_SYS_ADMIN`).
///
/// # Panics
/// If the thread cannot return to the namespace it came from: whatever it did next would be done in
/// the wrong network.
pub fn within<T>(name: Option<&str>, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let Some(name) = name else { return make() };
    let own = File::open("/proc/thread-self/ns/net")?;
    let other = find(name)?;
    move_into_link_name_space(other.as_fd(), Some(LinkNameSpaceType::Network))?;
    let made = make();
    move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::Network))
        .expect("who could leave a namespace may return to it");
    made
}
