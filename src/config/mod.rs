//! Configuration: text -> raw -> model, all mistakes at once.
//!
//! ```text
//! TOML text ----------- toml ------\                                        /-- export --> TOML text
//!                                   raw (what was written) -- validate -- model (what was meant)
//! haproxy.cfg -- tree -- haproxy --/                                        \-- diff --> plan
//! ```
//!
//! **Architecture invariant.** Nothing here does I/O or knows the process: files, the environment
//! and the resolver are arguments ([`Surroundings`], [`world::World`]). Every stage reports what is wrong and goes on,
//! so that one load shows all mistakes; [`diag`] renders them.

pub mod added;
pub mod default_path;
pub mod defaults;
pub mod diag;
pub mod diff;
pub mod export;
pub mod haproxy;
pub mod model;
pub mod raw;
mod statement;
mod suggest;
mod tls;
mod toml;
mod units;
mod validate;
pub mod world;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use haproxy_compat::cond::Facts;
use haproxy_compat::diag::Report;
use haproxy_compat::env::Environment;
use haproxy_compat::source::SourceMap;

use self::default_path::{DefaultPath, Rooted};
use self::world::World;

/// What a configuration is written in. All files of a load are written in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The native one.
    Toml,
    /// `haproxy.cfg`.
    Haproxy,
}

/// What a load asks of the world around it.
pub struct Surroundings<'a> {
    /// Host names, files and accounts.
    pub world: &'a mut dyn World,
    /// Variables of `haproxy.cfg`; `setenv` and its kin change them.
    pub environment: &'a mut Environment,
    /// What conditions in `haproxy.cfg` are answered from.
    pub facts: &'a Facts,
}

/// Loads all files of `sources`. The configuration is `None` exactly where the report refuses it;
/// warnings alone do not.
pub fn load(
    language: Language,
    sources: &SourceMap,
    surroundings: &mut Surroundings<'_>,
) -> (Option<model::Config>, Report) {
    let mut report = Report::default();
    let raw = match language {
        Language::Toml => read_toml(sources, &mut report),
        Language::Haproxy => Some(read_haproxy(sources, surroundings, &mut report)),
    };
    let environment = surroundings.environment.clone();
    let raw = raw.map(|raw| raw::Config { environment, ..raw });
    let config = raw.and_then(|raw| {
        let world = &mut rooted(&raw, sources, &mut *surroundings.world, &mut report);
        validate::validate(&raw, world, &mut report)
    });
    let config = config.map(|mut config| {
        config.locate(sources);
        config
    });
    (config, report)
}

/// `world` as `default-path` wants it seen. A policy that is none is reported by the validation.
fn rooted<'a>(
    raw: &raw::Config,
    sources: &SourceMap,
    world: &'a mut dyn World,
    report: &mut Report,
) -> Rooted<'a> {
    let mut directory = PathBuf::new();
    if let Some(written) = &raw.global.life.default_path
        && let Ok(policy) = DefaultPath::parse(&written.value)
    {
        directory = policy.directory(sources.name(written.span.file));
        if let DefaultPath::Origin(origin) = &policy
            && let Err(error) = world.list(origin)
        {
            let message = format!("default-path origin '{}': {error}", origin.display());
            report.alert(written.span, message);
        }
    }
    Rooted { world, directory }
}

/// `None` where parts are missing: what remains would be complained about without reason.
fn read_toml(sources: &SourceMap, report: &mut Report) -> Option<raw::Config> {
    let mut decoded = toml::Decoded::default();
    for file in sources.files() {
        decoded.add(file, sources.text(file), report);
    }
    (!decoded.has_syntax_errors).then_some(decoded.config)
}

fn read_haproxy(
    sources: &SourceMap,
    surroundings: &mut Surroundings<'_>,
    report: &mut Report,
) -> raw::Config {
    let environment = &mut *surroundings.environment;
    let tree = haproxy_compat::parse::parse(sources, environment, surroundings.facts, report);
    haproxy::lower(&tree, environment, report)
}
