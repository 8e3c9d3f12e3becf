//! A server that a command adds while the program runs.
//!
//! It is read by the code that reads `server` lines, in the backend of the configuration in force:
//! what its check asks and how long it may take are said there. `default-server` does not count, as
//! in HAProxy.

use haproxy_compat::diag::{Report, Severity};
use haproxy_compat::keywords::SERVER;
use haproxy_compat::source::SourceMap;
use haproxy_compat::span::Span;
use haproxy_compat::suggest;
use haproxy_compat::tree::{Line, Prefix, Word};

use super::{Language, Surroundings, haproxy, model, raw, read_haproxy, read_toml, validate};

/// Words of `server` lines that servers of a file can have and added ones cannot, as in HAProxy.
const FILE_ONLY: [&str; 5] =
    ["init-addr", "resolve-net", "resolve-opts", "resolve-prefer", "resolvers"];

/// A server to add, and whether its number was written.
#[derive(Debug)]
pub struct Added {
    /// The server. Where its number was not written, it is any.
    pub server: model::Server,
    /// `id` was written.
    pub has_id: bool,
}

/// Reads `words` (name, address, options) as a server of `backend`, which `sources` define.
///
/// # Errors
/// The first thing that is wrong, in a sentence.
pub fn server(
    language: Language,
    sources: &SourceMap,
    surroundings: &mut Surroundings<'_>,
    backend: &str,
    words: &[String],
) -> Result<Added, String> {
    check_words(words)?;
    // What the sources say was reported when they were loaded.
    let mut known = Report::default();
    let raw = match language {
        Language::Toml => read_toml(sources, &mut known),
        Language::Haproxy => Some(read_haproxy(sources, surroundings, &mut known)),
    };
    let owner = raw.and_then(|raw| {
        let named = |owner: &raw::Backend| owner.name.value == backend;
        let owner = raw.backends.into_iter().find(named)?;
        Some((raw.dialect, owner, raw.certificates))
    });
    let Some((dialect, mut owner, certificates)) = owner else {
        return Err("No such backend.".to_owned());
    };
    let mut report = Report::default();
    let line = line(words);
    let server = haproxy::added_server(&line, surroundings.environment, &mut report);
    let has_id = server.as_ref().is_some_and(|server| server.id.is_some());
    // What it tracks may have been added as well: that is for those who know what runs.
    let mut server = server;
    let track = server.as_mut().and_then(|server| server.track.take());
    owner.servers = server.into_iter().collect();
    // They name servers, tables and rings that are not here, and say nothing about the new server.
    owner.rules.clear();
    owner.log.clear();
    let raw =
        raw::Config { dialect, backends: vec![owner], certificates, ..raw::Config::default() };
    let config = validate::validate(&raw, surroundings.world, &mut report);
    let mut alerts = report.iter().filter(|diagnostic| diagnostic.severity == Severity::Alert);
    if let Some(alert) = alerts.next() {
        return Err(alert.message.clone());
    }
    let server = config.and_then(|mut config| {
        let mut owner = config.backends.pop()?;
        let mut server = owner.servers.pop()?;
        server.track = track.and_then(|track| validate::track(&track.value, &owner.name));
        Some(server)
    });
    server.map(|server| Added { server, has_id }).ok_or("The server was refused.".to_owned())
}

/// Says in HAProxy's words what added servers cannot have.
fn check_words(words: &[String]) -> Result<(), String> {
    let [_, _, options @ ..] = words else {
        return Err("'server' expects <name> and <addr>[:<port>] as arguments.".to_owned());
    };
    let mut options = options.iter();
    while let Some(word) = options.next() {
        if FILE_ONLY.contains(&word.as_str()) {
            return Err(format!("'{word}' option is not accepted for dynamic server"));
        }
        let Some((_, count)) = SERVER.find(word) else {
            let near = suggest::nearest(word, SERVER.names());
            let near = near.map(|near| format!("; did you mean '{near}' maybe ?"));
            return Err(format!("unknown keyword '{word}'{}", near.as_deref().unwrap_or(".")));
        };
        options.by_ref().take(usize::from(count)).for_each(drop);
    }
    Ok(())
}

/// The words as a line of a file that has no place.
fn line(words: &[String]) -> Line {
    let word = |text: &str| Word { bytes: text.as_bytes().to_vec(), span: Span::default() };
    let words = std::iter::once("server").chain(words.iter().map(String::as_str));
    Line { prefix: Prefix::Plain, words: words.map(word).collect(), span: Span::default() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use haproxy_compat::cond::{Facts, Version};
    use haproxy_compat::env::Environment;

    use super::*;
    use crate::config::model::{CheckKind, ServerAddr};

    fn add(language: Language, file: &str, words: &str) -> Result<Added, String> {
        let mut sources = SourceMap::default();
        sources.add("t.cfg", file);
        let facts = Facts {
            version: Version::parse("2.6"),
            features: BTreeSet::new(),
            enabled: BTreeSet::new(),
            ssl_library: None,
        };
        let surroundings = &mut Surroundings {
            world: &mut |_: &str| Err("no such host".to_owned()),
            environment: &mut Environment::new(),
            facts: &facts,
        };
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        server(language, &sources, surroundings, "be", &words)
    }

    const FILE: &str = "defaults\n mode tcp\n timeout connect 1s\n timeout check 7s\n \
        default-server weight 9\nbackend be\n option redis-check\n \
        server a nowhere.invalid:1\n";

    #[test]
    fn it_is_checked_like_the_servers_of_its_backend() {
        let words = "new 127.0.0.1:6379 check inter 50 maxconn 3 backup id 7";
        let Added { server, has_id } = add(Language::Haproxy, FILE, words).expect("a server");
        assert!(has_id && server.backup);
        assert_eq!(server.address, ServerAddr::Tcp("127.0.0.1:6379".parse().expect("an address")));
        assert_eq!((server.weight.value(), server.id.0), (1, 7));
        let check = server.check.expect("a check");
        assert!(matches!(check.kind, CheckKind::Redis));
        assert_eq!((check.inter.as_millis(), check.timeout.map(|t| t.as_secs())), (50, Some(7)));
    }

    #[test]
    fn what_its_backend_says_of_others_is_not_held_against_it() {
        let file = format!(
            "{FILE} use-server a if {{ src 127.0.0.1 }}\n stick on src table t\n \
             log ring@r local0\nbackend t\n stick-table type ip size 1k expire 1m\n\
             ring r\n size 1024\n"
        );
        let added = add(Language::Haproxy, &file, "new 127.0.0.1:80");
        assert!(added.is_ok_and(|added| added.server.name.as_str() == "new"));
    }

    #[test]
    fn a_native_file_has_its_backends_too() {
        let file = "[listener.fe]\nbind = [\"127.0.0.1:1\"]\nbackend = \"be\"\n\
            [backend.be]\nserver.a = \"127.0.0.1:2\"\n";
        let added = add(Language::Toml, file, "new 127.0.0.1:80 weight 5");
        let weight = added.map(|added| added.server.weight.value());
        assert_eq!(weight, Ok(5));
    }

    #[test]
    fn what_is_wrong_is_said_first() {
        for (words, want) in [
            ("new", "'server' expects <name> and <addr>[:<port>] as arguments."),
            (
                "new 127.0.0.1:80 wieght 3",
                "unknown keyword 'wieght'; did you mean 'weight' maybe ?",
            ),
            (
                "new 127.0.0.1:80 inter 1s resolvers x",
                "'resolvers' option is not accepted for dynamic server",
            ),
            ("new 127.0.0.1:80 weight 500", "weight of server 'be/new': 500 is out of range"),
        ] {
            let refused = add(Language::Haproxy, FILE, words).map(|added| added.server.name);
            assert_eq!(refused, Err(want.to_owned()), "{words}");
        }
        for words in ["new/1 127.0.0.1:80", "new nope.invalid:80", "new 127.0.0.1 check"] {
            assert!(add(Language::Haproxy, FILE, words).is_err(), "{words}");
        }
    }
}
