//! `set server … fqdn`: another name to follow while the server keeps its own.

use std::sync::Arc;

use super::table::Running;
use super::{Answer, Call, object};
use crate::clock;
use crate::config::model::LogLevel;
use crate::pure::resolve::Kind;
use crate::pure::resolve::message::{canonical, is_name};
use crate::state::publish;
use crate::state::request::Wish;

/// Who asked, in HAProxy's answers.
const BY: &str = "by 'stats socket command'";

/// `set server b/s fqdn NAME`. The address it has stays until name servers say another.
pub(super) fn set_name<'a>(call: &'a mut Call<'_>, answer: &'a mut Answer<'_>) -> Running<'a> {
    Box::pin(async move {
        let Some((backend, server)) = object::server(call, 0, answer) else { return };
        let name = call.arg(2);
        if name.is_empty() {
            return answer.refuse("set server <b>/<s> fqdn requires a FQDN.");
        }
        let settings = Arc::clone(&server.settings());
        let Some(mut resolve) = settings.resolve.clone() else {
            return answer
                .refuse("set server <b>/<s> fqdn failed because no resolution is configured.");
        };
        let path = format!("{}/{}", backend.name, server.name);
        if !is_name(name) {
            let text = format!("could not update {path} FQDN {BY}");
            return answer.say(LogLevel::Warning, text);
        }
        if settings.hostname.as_deref() == Some(name) {
            return answer.say(LogLevel::Warning, format!("no need to change the FDQN {BY}"));
        }
        let had = settings.hostname.clone().unwrap_or_default();
        resolve.fqdn = canonical(name);
        resolve.kind = if name.starts_with('_') { Kind::Srv } else { resolve.prefer };
        publish::settings(&backend, &server, clock::now(), |settings| {
            settings.resolve = Some(resolve);
            settings.hostname = Some(name.to_owned());
        });
        if let Err(stopping) = call.shared.process.requests.ask(Wish::Checks).await {
            return answer.refuse(stopping);
        }
        let text = format!("{path} changed its FQDN from {had} to {name} {BY}");
        answer.say(LogLevel::Warning, text);
    })
}
