//! Keeps a task running for as long as its owner wants it to.
//!
//! A check that ended by a fault of ours would leave its server's last state for ever: its end is
//! seen, said and mended.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};

/// From the end of a task that must not end to its next start: a fault that comes again costs
/// little and is said once a second.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// A task that ends when this is dropped.
#[derive(Debug)]
pub struct Owned<T>(JoinHandle<T>);

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> Future for Owned<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

/// Runs `task` until it ends or this is dropped.
#[must_use]
pub fn own<F>(task: F) -> Owned<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    Owned(tokio::spawn(task))
}

/// Runs what `start` makes, and again after it panicked, until this is dropped. `what` is its name
/// in the log.
///
/// # Cancel safety
/// What `start` makes is dropped with the task.
pub fn keep_running<F>(what: String, start: impl Fn() -> F + Send + 'static) -> Owned<()>
where
    F: Future<Output = Infallible> + Send + 'static,
{
    Owned(tokio::spawn(async move {
        loop {
            let Err(end) = Owned(tokio::spawn(start())).await;
            if end.is_cancelled() {
                // The runtime ends.
                return;
            }
            tracing::error!("{what} ended by a fault of this program and starts again: {end}");
            tokio::time::sleep(RESTART_PAUSE).await;
        }
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Semaphore;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_started_again_and_one_without_owner_ends() {
        let (starts, ended) = (Arc::new(AtomicU32::new(0)), Arc::new(Semaphore::new(0)));
        let second = Arc::new(Semaphore::new(0));
        let start = {
            let (starts, ended, second) = (starts.clone(), ended.clone(), second.clone());
            move || {
                let (starts, ended, second) = (starts.clone(), ended.clone(), second.clone());
                async move {
                    assert_ne!(starts.fetch_add(1, Ordering::Relaxed), 0, "the fault of the test");
                    let _gone = Gone(ended);
                    second.add_permits(1);
                    std::future::pending().await
                }
            }
        };
        let task = keep_running("The test".to_owned(), start);
        let patience = Duration::from_secs(20);
        drop(timeout(patience, second.acquire()).await.expect("a second start"));
        drop(task);
        drop(timeout(patience, ended.acquire()).await.expect("its end"));
        assert_eq!(starts.load(Ordering::Relaxed), 2);
    }

    /// Tells that it was dropped.
    struct Gone(Arc<Semaphore>);

    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.add_permits(1);
        }
    }
}
