//! Pure: proxies and servers that rules and samples name.

use haproxy_compat::diag::Diagnostic;
use haproxy_compat::span::Span;

use super::context::Context;
use crate::config::model::{Backend, Frontend};
use crate::config::suggest::did_you_mean;
use crate::pure::sample::{Arg, Class, Converter, Expr, Fact, Fetch, ParseError, Stage};

/// Who is named, until all proxies are known.
#[derive(Default)]
pub(super) struct References {
    asked: Vec<Reference>,
    /// Names that `use_backend` takes.
    pub(super) switches: Vec<(Span, String)>,
}

/// A sample asks about somebody.
struct Reference {
    span: Span,
    fact: Fact,
    about: About,
}

/// Whom a sample asks about.
enum About {
    Frontend(String),
    Backend(String),
    Server(String, String),
}

impl About {
    fn is_known(&self, backends: &[Backend], frontends: &[Frontend]) -> bool {
        let backend = |name: &str| backends.iter().find(|known| known.name.as_str() == name);
        match self {
            Self::Frontend(name) => frontends.iter().any(|known| known.name.as_str() == name),
            Self::Backend(name) => backend(name).is_some(),
            Self::Server(owner, name) => backend(owner)
                .is_some_and(|known| known.servers.iter().any(|it| it.name.as_str() == name)),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Frontend(name) => format!("frontend '{name}'"),
            Self::Backend(name) => format!("backend '{name}'"),
            Self::Server(backend, server) => format!("server '{backend}/{server}'"),
        }
    }
}

impl Context<'_> {
    /// Remembers whom a sample asks about: the proxy of the statement that is read where it names
    /// none. Warns of samples that are never told.
    pub(super) fn refer(&mut self, span: Span, expr: &Expr) {
        let is_untold = |converter: &Converter| matches!(converter, Converter::Untold(..));
        if matches!(expr.fetch, Fetch::Untold(..)) || expr.converters.iter().any(is_untold) {
            let message = format!("'{}' never has a value: nothing here tells it", expr.text);
            // Both halves of a 'listen' have its ACLs.
            let is_it = |said: &Diagnostic| said.span == Some(span) && said.message == message;
            if !self.report.iter().any(is_it) {
                self.report.warning(span, message);
                if matches!(expr.fetch.class(), Class::Request | Class::Response | Class::Either) {
                    self.report.help("look at the bytes with 'req.payload' or 'res.payload'");
                }
            }
        }
        let Fetch::Fact(fact, args) = &expr.fetch else { return };
        let place = self.rulebook.tables.place.as_ref().filter(|(at, _)| *at == span);
        let own = place.map(|(_, proxy)| proxy.clone());
        let named = args.iter().find_map(|arg| match arg {
            Arg::Text(name) if !name.is_empty() => Some(name.clone()),
            _ => None,
        });
        let about = match fact {
            Fact::HttpAuth | Fact::HttpAuthGroup => return self.accounts_exist(span, args),
            Fact::FeConn | Fact::FeSessRate => named.or(own).map(About::Frontend),
            Fact::NbSrv
            | Fact::BeConn
            | Fact::BeConnFree
            | Fact::BeSessRate
            | Fact::ConnSlots
            | Fact::Queue
            | Fact::AvgQueue => named.or(own).map(About::Backend),
            _ => args.iter().find_map(|arg| match arg {
                Arg::Server(backend, server) => {
                    let backend = backend.clone().or_else(|| own.clone())?;
                    Some(About::Server(backend, server.clone()))
                }
                _ => None,
            }),
        };
        let asked = about.map(|about| Reference { span, fact: *fact, about });
        self.rulebook.references.asked.extend(asked);
    }

    /// A sample that is to be told at `stage`.
    ///
    /// # Errors
    /// Says that it has nothing to tell there.
    pub(super) fn told_at(
        &mut self,
        span: Span,
        expr: Expr,
        stage: Stage,
    ) -> Result<Expr, ParseError> {
        self.refer(span, &expr);
        if expr.tells_at(stage) {
            return Ok(expr);
        }
        Err(format!("'{}' has nothing to tell in {}", expr.text, stage.describe()).into())
    }

    fn accounts_exist(&mut self, span: Span, args: &[Arg]) {
        let name = args.first().and_then(Arg::text).unwrap_or_default();
        if !self.userlists.iter().any(|list| list.name.as_str() == name) {
            let names = self.userlists.iter().map(|list| list.name.as_str());
            let guess = did_you_mean(name, names);
            self.report.alert(span, format!("there is no userlist '{name}'{guess}"));
        }
    }

    /// Finds names of proxies and servers that nobody has.
    pub(super) fn references_exist(&mut self, backends: &[Backend], frontends: &[Frontend]) {
        let References { asked, switches } = std::mem::take(&mut self.rulebook.references);
        let names: Vec<&str> = backends.iter().map(|backend| backend.name.as_str()).collect();
        for (span, name) in switches {
            if !names.contains(&name.as_str()) {
                let guess = did_you_mean(&name, names.iter().copied());
                let message = format!("use_backend: there is no backend '{name}'{guess}");
                self.report.alert(span, message);
            }
        }
        for Reference { span, fact, about } in asked {
            if !about.is_known(backends, frontends) {
                let message = format!("'{}': there is no {}", fact.name(), about.describe());
                self.report.alert(span, message);
            }
        }
    }
}
