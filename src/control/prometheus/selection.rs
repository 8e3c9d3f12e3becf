//! Pure: which metrics a scrape asks for in its query, as HAProxy's exporter reads it:
//! `?scope=server&scope=backend&no-maint`, `?metrics=haproxy_server_status,-haproxy_process_jobs`.

/// Kinds of rows, as `scope` names them.
const SCOPES: [(&str, &str); 7] = [
    ("global", "process"),
    ("frontend", "frontend"),
    ("listener", "listener"),
    ("backend", "backend"),
    ("server", "server"),
    ("sticktable", "sticktable"),
    ("resolver", "resolver"),
];

/// Names that a query may have at most: more are no dashboard's.
const NAMES_MAX: usize = 1024;

/// What is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Scopes that are shown; `None`: all.
    scopes: Option<Vec<&'static str>>,
    /// Only these metrics; empty: all.
    wanted: Vec<String>,
    /// Not these.
    unwanted: Vec<String>,
    /// No servers in maintenance.
    pub(super) no_maint: bool,
}

impl Selection {
    /// Reads the names and values of a query, decoded.
    ///
    /// # Errors
    /// It names a scope that there is none of.
    pub fn read(form: &[(String, String)]) -> Result<Self, UnknownScope> {
        let mut selection = Self::default();
        for (name, value) in form {
            match (name.as_str(), value.as_str()) {
                // Nothing is shown but what later words name.
                ("scope", "") => selection.scopes = Some(Vec::new()),
                ("scope", "*") => selection.scopes = None,
                ("scope", word) => {
                    let known = SCOPES.iter().find(|(name, _)| *name == word);
                    let (_, scope) = known.ok_or(UnknownScope)?;
                    selection.scopes.get_or_insert_default().push(scope);
                }
                ("metrics", names) => {
                    for name in names.split([',', ' ']).filter(|name| !name.is_empty()) {
                        selection.name(name);
                    }
                }
                ("no-maint", _) => selection.no_maint = true,
                // There are no descriptions of proxies and no counters of protocol modules, and
                // HAProxy ignores what it does not know.
                _ => {}
            }
        }
        Ok(selection)
    }

    fn name(&mut self, name: &str) {
        let (names, name) = match name.strip_prefix('-') {
            Some(name) => (&mut self.unwanted, name),
            None => (&mut self.wanted, name),
        };
        if names.len() < NAMES_MAX {
            names.push(name.to_owned());
        }
    }

    /// Whether rows of `scope` are shown.
    pub(super) fn has_scope(&self, scope: &str) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.contains(&scope))
    }

    /// Whether the metric is shown.
    pub(super) fn has_metric(&self, name: &str) -> bool {
        let is = |known: &String| known == name;
        (self.wanted.is_empty() || self.wanted.iter().any(is)) && !self.unwanted.iter().any(is)
    }
}

/// A query names a scope that there is none of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope")]
pub struct UnknownScope;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::http::options::form;

    #[test]
    fn scopes_and_names_choose() {
        let read = |query| Selection::read(&form(query)).expect("a query");
        let all = read("");
        assert!(all.has_scope("process") && all.has_metric("haproxy_x") && !all.no_maint);
        let some = read("scope=global&scope=server&no-maint&what=1");
        assert!(some.has_scope("process") && some.has_scope("server") && some.no_maint);
        assert!(!some.has_scope("backend"));
        assert!(!read("scope=").has_scope("process"));
        assert!(read("scope=&scope=backend").has_scope("backend"));
        assert!(read("scope=backend&scope=*").has_scope("process"));
        let names = read("metrics=a,b,-b,-c");
        assert!(names.has_metric("a") && !names.has_metric("b") && !names.has_metric("d"));
        let encoded = read("scope=%73erver&metrics=a%2Cb+c");
        assert!(encoded.has_scope("server") && !encoded.has_scope("backend"));
        assert!(["a", "b", "c"].into_iter().all(|name| encoded.has_metric(name)));
        assert!(read("scope=%2A").has_scope("process"));
        assert!(read("metrics=-c").has_metric("a") && !read("metrics=-c").has_metric("c"));
        assert_eq!(Selection::read(&form("scope=backends")), Err(UnknownScope));
    }
}
