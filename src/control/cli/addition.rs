//! `add server`.

use super::table::{Command, Mode, Run, Running};
use super::{Answer, Call, object, weight};
use crate::config::model::{Level, LogLevel};
use crate::state::request::Wish;

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[Command {
    name: "add server",
    args: "<bk>/<srv> <addr> [opts]",
    help: "add a server, in maintenance and with its checks off",
    level: Level::Admin,
    mode: Mode::Usual,
    run: Run::Later(add),
}];

fn add<'a>(call: &'a mut Call<'_>, answer: &'a mut Answer<'_>) -> Running<'a> {
    Box::pin(async move {
        let process = &call.shared.process;
        let Some((backend, server)) = call.arg(0).split_once('/') else {
            return answer.refuse_bare("Require 'backend/server'.");
        };
        let Some(backend) = object::backend_named(process, backend) else {
            return answer.refuse_bare("No such backend.");
        };
        if !weight::is_dynamic(&backend) {
            let why = "Backend must use a dynamic load balancing to support dynamic servers.";
            return answer.refuse_bare(why);
        }
        let options = call.args().iter().skip(1).cloned();
        let words = std::iter::once(server.to_owned()).chain(options).collect();
        match process.requests.ask(Wish::AddServer(backend.clone(), words)).await {
            Ok(()) => {
                tracing::info!("CLI : 'server {}/{server}' : New server registered.", backend.name);
                answer.say(LogLevel::Info, "New server registered.");
            }
            Err(why) => answer.refuse(why),
        }
    })
}
