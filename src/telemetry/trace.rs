//! The process' own messages on standard error, in HAProxy's look.
//!
//! ```text
//! [NOTICE]   (4242) : haproxy version is …
//! [WARNING]  (4242) : Server be/s1 is DOWN, …
//! [ALERT]    (4242) : backend 'be' has no server available!
//! ```
//! `error!` is an alert, `warn!` a warning, `info!` a notice; `debug!` and `trace!` are HAProxy's
//! `[DEBUG]`. A line is written with one `write`, so that lines of threads do not mix, and dropped where
//! nobody reads standard error.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use super::stdio::PatientStderr;

/// Formats one message as HAProxy does.
#[derive(Clone, Copy, Debug)]
pub struct HaproxyLook {
    /// The process id shown.
    pub pid: u32,
}

impl<S, N> FormatEvent<S, N> for HaproxyLook
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let label = match *event.metadata().level() {
            Level::ERROR => "[ALERT]",
            Level::WARN => "[WARNING]",
            Level::INFO => "[NOTICE]",
            Level::DEBUG | Level::TRACE => "[DEBUG]",
        };
        write!(writer, "{label:<10} ({}) : ", self.pid)?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// A subscriber that writes messages of `level` and above to `writer`.
pub fn subscriber<W>(pid: u32, level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_ansi(false)
        .event_format(HaproxyLook { pid })
        .with_max_level(level)
        .with_writer(writer)
        .finish()
}

/// Sends the process' messages to standard error from now on; `-q` asks for [`LevelFilter::OFF`].
///
/// # Errors
/// A subscriber was set before.
pub fn install(level: LevelFilter) -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
    let subscriber = subscriber(std::process::id(), level, || PatientStderr);
    tracing::subscriber::set_global_default(subscriber)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic while held").extend_from_slice(buf);
            Ok(buf.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_look_like_haproxys() {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = subscriber(9606, LevelFilter::INFO, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("haproxy version is {}", "2.6.12");
            tracing::warn!("Server be/s1 is DOWN.");
            tracing::error!("backend 'be' has no server available!");
            tracing::debug!("not shown");
        });
        let text = String::from_utf8(sink.0.lock().expect("no panic").clone()).expect("UTF-8");
        assert_eq!(
            text,
            "[NOTICE]   (9606) : haproxy version is 2.6.12\n\
             [WARNING]  (9606) : Server be/s1 is DOWN.\n\
             [ALERT]    (9606) : backend 'be' has no server available!\n"
        );
    }
}
