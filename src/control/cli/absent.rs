//! Commands about what is not here: some are answered as HAProxy answers where there is none of it,
//! the others are refused with the reason.

use std::sync::Arc;

use super::table::{Command, Mode, Run};
use super::{Answer, Call, object};
use crate::config::model::Level;
use crate::state::Backend;

/// One that takes nothing, or arguments that are all the same to it.
const fn command(
    level: Level,
    name: &'static str,
    args: &'static str,
    help: &'static str,
    run: fn(&mut Call<'_>, &mut Answer<'_>),
) -> Command {
    Command { name, args, help, level, mode: Mode::Usual, run: Run::Now(run) }
}

const USER: Level = Level::User;
const OPERATOR: Level = Level::Operator;
const ADMIN: Level = Level::Admin;

/// The commands that are answered.
#[rustfmt::skip]
pub(super) static COMMANDS: &[Command] = &[
    command(USER, "show peers", "[dict|-] [<section>]", "show who shares tables: nobody", peers),
    command(USER, "show cache", "", "show what is cached: nothing", |_, _| {}),
    command(USER, "show tls-keys", "[<id>|*]", "list the files with keys of tickets: there are none", |call, answer| {
        if call.arg(0).is_empty() || call.arg(0) == "*" {
            return answer.line("# id (file)");
        }
        answer.refuse("'show tls-keys' unable to locate referenced filename");
    }),
    command(USER, "show ssl ocsp-response", "[<id>]", "list answers about revocation by their keys: they have none", |call, answer| {
        if !call.arg(0).is_empty() {
            answer.refuse("Certificate ID does not match any certificate.");
        }
    }),
    command(USER, "show ssl providers", "", "show who does the cryptography", |_, answer| {
        answer.line("Loaded providers : \n\t- aws-lc-rs");
    }),
    command(OPERATOR, "show profiling", "[<what>|<lines>|byaddr]*", "show what is measured of the program itself: nothing", profiling),
    command(USER, "show trace", "[<source>]", "list what can be traced: nothing", |call, answer| {
        trace(call, answer, "Supported trace sources and states (.=stopped, w=waiting, R=running) :");
    }),
    command(OPERATOR, "trace", "[<source>|0]", "stop traces, or list what can be traced: nothing", |call, answer| {
        trace(call, answer, "Supported trace sources and states (.=stopped, w=waiting, R=running) :\n \
                             [.] 0          : not a source, will immediately stop all traces");
    }),
    command(ADMIN, "enable dynamic-cookie backend", "<bk>", "accepted; cookies are of HTTP", |call, answer| {
        backend(call, answer);
    }),
    command(ADMIN, "disable dynamic-cookie backend", "<bk>", "accepted; cookies are of HTTP", |call, answer| {
        backend(call, answer);
    }),
    command(ADMIN, "set dynamic-cookie-key backend", "<bk> <key>", "accepted; cookies are of HTTP", |call, answer| {
        if backend(call, answer).is_some() && call.arg(1).is_empty() {
            answer.refuse("String value expected.");
        }
    }),
];

fn peers(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let mut words = call.args().iter().filter(|word| !["dict", "-"].contains(&word.as_str()));
    if words.next().is_some_and(|section| !section.is_empty()) {
        answer.refuse("No such peers");
    }
}

fn profiling(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let only = |what: &str| ["tasks", "memory"].contains(&what);
    if only(call.arg(0)) {
        return;
    }
    answer.line("Per-task CPU profiling              : off           # not measured");
    answer.line("Memory usage profiling              : off           # not measured");
}

/// Nothing is traced: there is no source to name.
fn trace(call: &Call<'_>, answer: &mut Answer<'_>, sources: &str) {
    match call.arg(0) {
        "" => answer.line(sources),
        "0" if call.named == 1 => answer.refuse_bare("All traces now stopped"),
        _ => answer.refuse_bare("No such trace source"),
    }
}

/// The backend that the first argument names; `None` was refused.
fn backend(call: &Call<'_>, answer: &mut Answer<'_>) -> Option<Arc<Backend>> {
    let name = call.arg(0);
    if name.is_empty() {
        answer.refuse("A backend name is expected.");
        return None;
    }
    let found = object::backend_named(&call.shared.process, name);
    if found.is_none() {
        answer.refuse("No such backend.");
    }
    found
}

const INSIDES: &str = "it is about the insides of HAProxy";
const RELOAD: &str = "authorities and lists of revocations are read again with a reload";
const KEYS: &str = "keys of tickets are made and renewed by the program itself";
const BACKENDS: &str = "backends come and go with a reload";
const OPEN: &str = "nothing here is hidden from whoever may ask";
const HTTP: &str = "it is of HTTP only";

/// Those that are refused, with the reason. The longest name counts.
const REFUSED: &[(&str, &str)] = &[
    ("abort ssl ca-file", RELOAD),
    ("abort ssl crl-file", RELOAD),
    ("acme", "certificates come from files"),
    ("add backend", BACKENDS),
    ("add ssl ca-file", RELOAD),
    ("add ssl ech", "client hellos are not encrypted here"),
    ("commit ssl ca-file", RELOAD),
    ("commit ssl crl-file", RELOAD),
    ("debug", INSIDES),
    ("del backend", BACKENDS),
    ("del ssl ca-file", RELOAD),
    ("del ssl crl-file", RELOAD),
    ("dump stats-file", "counters begin at 0 with each process"),
    ("httpclient", HTTP),
    ("mcli-debug-mode", INSIDES),
    ("new ssl ca-file", RELOAD),
    ("new ssl crl-file", RELOAD),
    ("publish backend", BACKENDS),
    ("set anon", OPEN),
    ("set profiling", INSIDES),
    ("set ssl ca-file", RELOAD),
    ("set ssl crl-file", RELOAD),
    ("set ssl ocsp-response", "answers about revocation are read with their certificates"),
    ("set ssl tls-key", KEYS),
    ("show anon", OPEN),
    ("show default-server", BACKENDS),
    ("show defaults", BACKENDS),
    ("show dev", INSIDES),
    ("show quic", HTTP),
    ("show ssl ca-file", RELOAD),
    ("show ssl crl-file", RELOAD),
    ("show ssl ech", "client hellos are not encrypted here"),
    ("show ssl sni", "'show ssl cert' and 'show ssl crt-list' tell it"),
    ("unpublish backend", BACKENDS),
];

/// The name and the reason of a command that HAProxy has and that is refused here.
pub(super) fn refused(words: &[String]) -> Option<(&'static str, &'static str)> {
    let begins = |name: &str| {
        let mut words = words.iter();
        name.split(' ').all(|part| words.next().is_some_and(|word| word == part))
    };
    REFUSED.iter().copied().find(|(name, _)| begins(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_to_the_reason() {
        let reason = |text: &str| {
            let words: Vec<_> = text.split(' ').map(str::to_owned).collect();
            refused(&words).map(|(name, _)| name)
        };
        for (text, name) in [
            ("set anon on", Some("set anon")),
            ("show ssl ca-file /a/b.pem", Some("show ssl ca-file")),
            ("debug dev panic", Some("debug")),
            ("show ssl", None),
            ("showanon", None),
        ] {
            assert_eq!(reason(text), name, "{text}");
        }
    }
}
