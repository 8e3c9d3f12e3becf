//! Pure: checks that hold a session with a database.

use std::path::Path;

use haproxy_compat::span::{Span, Spanned};

use super::context::Context;
use crate::config::model::{DatabaseCheck, DatabaseKind};
use crate::config::raw;

impl Context<'_> {
    /// An account that logs in to find out what a database is.
    pub(super) fn database(&mut self, raw: &raw::DatabaseCheck, span: Span) -> DatabaseCheck {
        if raw.user.is_none() {
            let kind = match raw.kind {
                DatabaseKind::Postgres => "postgres",
                DatabaseKind::Mysql => "mysql",
            };
            self.report.alert(span, format!("a {kind} check needs a user who can log in"));
            self.report.help("any account will do: it reads what everybody may");
        }
        let user = raw.user.as_ref().map(|user| self.user(user)).unwrap_or_default();
        let database = match (&raw.database, raw.kind) {
            (Some(name), _) => name.value.clone(),
            (None, DatabaseKind::Postgres) => user.clone(),
            (None, DatabaseKind::Mysql) => String::new(),
        };
        DatabaseCheck {
            kind: raw.kind,
            database,
            user,
            password: raw
                .password_file
                .as_ref()
                .map(|file| self.password(file))
                .unwrap_or_default(),
            password_file: raw.password_file.as_ref().map(|file| file.value.clone()),
        }
    }

    /// The first and only line of a file.
    fn password(&mut self, file: &Spanned<String>) -> String {
        match self.world.read(Path::new(&file.value)).map(String::from_utf8) {
            Ok(Ok(text)) => return text.trim_end_matches(['\r', '\n']).to_owned(),
            Ok(Err(_)) => {
                self.report.alert(file.span, "the password is not UTF-8 text");
            }
            Err(error) => {
                let message = format!("cannot read '{}': {error}", file.value);
                self.report.alert(file.span, message);
            }
        }
        String::new()
    }
}
