//! Whole loads: the twin of the well-known MySQL file, and many mistakes at once.

use super::*;
use crate::config::model::{Balance, CheckKind, MysqlDialect, ServerAddr};

/// Loads TOML; every name that ends in `.test` has the address 192.0.2.7.
pub(in crate::config) fn load_toml(texts: &[&str]) -> (Option<model::Config>, Report, SourceMap) {
    let mut sources = SourceMap::default();
    for (number, text) in texts.iter().enumerate() {
        sources.add(format!("{number}.toml"), *text);
    }
    let mut resolve = |name: &str| match name.ends_with(".test") {
        true => Ok(vec!["192.0.2.7".parse().expect("an address")]),
        false => Err("no such host".to_owned()),
    };
    let mut surroundings = Surroundings {
        resolve: &mut resolve,
        environment: &mut Environment::new(),
        facts: &no_facts(),
    };
    let (config, report) = load(Language::Toml, &sources, &mut surroundings);
    (config, report, sources)
}

fn no_facts() -> Facts {
    Facts {
        version: haproxy_compat::cond::Version::parse("2.6.12"),
        features: std::collections::BTreeSet::new(),
        enabled: std::collections::BTreeSet::new(),
        ssl_library: None,
    }
}

/// Loads TOML that has nothing to complain about.
pub(in crate::config) fn load_clean(text: &str) -> model::Config {
    let (config, report, sources) = load_toml(&[text]);
    let shown = diag::render(&report, &sources, diag::Look::Plain);
    assert_eq!(shown, "", "{text}");
    config.expect("nothing was refused")
}

/// The lines of a report, as `line: message`.
pub(in crate::config) fn messages(texts: &[&str]) -> Vec<String> {
    let (config, report, sources) = load_toml(texts);
    assert_eq!(config.is_none(), report.is_refused());
    report
        .iter()
        .map(|found| match found.span {
            Some(span) => format!("{}: {}", sources.line(span), found.message),
            None => found.message.clone(),
        })
        .collect()
}

pub(in crate::config) const MYSQL: &str = r#"
[frontend.mysql]
bind = "0.0.0.0:3306"
backend = "mysql"

[backend.mysql]
balance = "roundrobin"
check = { type = "mysql", user = "haproxy_check", inter = "2s", rise = 2, fall = 3 }
server.master = "192.168.1.100:3306"
server.slave1 = { address = "192.168.1.101:3306", backup = true }
"#;

#[test]
fn the_example_loads_as_it_is_written() {
    let config = load_clean(MYSQL);
    let frontend = &config.frontends[0];
    assert_eq!(
        frontend.backend.as_ref().map(|name| name.as_str()),
        Some("mysql")
    );
    assert_eq!(frontend.binds.len(), 1);
    let backend = &config.backends[0];
    assert_eq!(backend.balance, Balance::RoundRobin);
    let names: Vec<_> = backend
        .servers
        .iter()
        .map(|server| server.name.as_str())
        .collect();
    assert_eq!(names, ["master", "slave1"]);
    assert!(backend.servers[1].backup && !backend.servers[0].backup);
    let address = "192.168.1.101:3306".parse().unwrap();
    assert_eq!(backend.servers[1].address, ServerAddr::Tcp(address));
    for server in &backend.servers {
        let check = server
            .check
            .as_ref()
            .expect("a backend's check is all its servers'");
        let user = Some(("haproxy_check".to_owned(), MysqlDialect::Post41));
        assert_eq!(check.kind, CheckKind::Mysql { user });
        assert_eq!(
            (check.rise.get(), check.fall.get(), check.inter.as_secs()),
            (2, 3, 2)
        );
    }
}
