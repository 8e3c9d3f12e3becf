//! The vocabulary of the scenarios: real processes, scripted backends, clients, logs and metrics.
//!
//! Scenarios are plain synchronous tests. What needs many connections at once runs on one shared
//! runtime ([`block_on`], [`spawn`]); processes are started by the test's own thread, because a
//! child started with a parent-death signal dies with the *thread* that made it.
//! Nothing here waits for a fixed time: [`eventually`] polls until a deadline.

pub(crate) mod api;
pub(crate) mod backend;
pub(crate) mod browser;
pub(crate) mod bulk;
pub(crate) mod child;
pub(crate) mod client;
pub(crate) mod dir;
pub(crate) mod dns;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod mariadb;
pub(crate) mod metrics;
pub(crate) mod mysql_wire;
pub(crate) mod native;
pub(crate) mod network;
pub(crate) mod pgsql_wire;
pub(crate) mod port;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod redis;
pub(crate) mod relay;
pub(crate) mod syslog;
pub(crate) mod tls;

use std::future::Future;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// How long a scenario waits for what must happen: generous, for a loaded machine of two cores.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime needs only memory and descriptors")
});

/// Runs `work` to its end on the shared runtime.
pub(crate) fn block_on<F: Future>(work: F) -> F::Output {
    RUNTIME.block_on(work)
}

/// Starts `work` on the shared runtime.
pub(crate) fn spawn<F>(work: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    RUNTIME.spawn(work)
}

/// Polls `probe` until it yields a value; panics with `what` after [`PATIENCE`].
#[track_caller]
pub(crate) fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, probe).unwrap_or_else(|| panic!("not within {PATIENCE:?}: {what}"))
}

/// Polls `probe` until it yields a value or `limit` is over.
pub(crate) fn within<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Asks of haproxy what a scenario expects of Evenkeel, up to three times.
///
/// This half judges the expectation and not our program, and haproxy has races of its own: 2.6's
/// master hangs in 2 of 75 second reloads beside six busy processes. What it fails thrice is wrong.
pub(crate) fn confirm(scenario: fn(proxy::Kind)) {
    let fails = || std::panic::catch_unwind(|| scenario(proxy::Kind::Haproxy)).is_err();
    if fails() && fails() {
        scenario(proxy::Kind::Haproxy);
    }
}

/// Declares one scenario as two tests, `name::haproxy` and `name::evenkeel`.
macro_rules! both {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        mod $name {
            #[test]
            fn haproxy() {
                crate::harness::confirm(super::$name);
            }

            #[test]
            fn evenkeel() {
                super::$name(crate::harness::proxy::Kind::Evenkeel);
            }
        }
    )+};
}
pub(crate) use both;
