//! `show resolvers`, and the figures of name servers as a table.

use std::fmt::Write as _;

use super::table::{Command, Mode, Run};
use super::{Answer, Call, show_stat};
use crate::config::model::Level;
use crate::control::snapshot::{Nameserver, QUESTIONS};
use crate::control::stats::render::{self, Form};
use crate::control::stats::value::Value;

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[Command {
    name: "show resolvers",
    args: "[id]",
    help: "show what became of questions to name servers",
    level: Level::User,
    mode: Mode::Usual,
    run: Run::Now(show),
}];

fn show(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let wanted = call.arg(0);
    let servers = show_stat::snapshot(call).nameservers;
    let is_wanted = |it: &&Nameserver| wanted.is_empty() || it.section == wanted;
    let servers: Vec<&Nameserver> = servers.iter().filter(is_wanted).collect();
    if servers.is_empty() && !wanted.is_empty() {
        return answer.refuse(format_args!("Can't find that resolvers section"));
    }
    answer.push(&sections(&servers));
}

/// One block a section.
fn sections(servers: &[&Nameserver]) -> String {
    let mut text = String::new();
    for servers in servers.chunk_by(|one, other| one.section == other.section) {
        let _ = writeln!(text, "Resolvers section {}", servers[0].section);
        for server in servers {
            let _ = writeln!(text, " nameserver {}:", server.name);
            for (name, count) in QUESTIONS.iter().zip(server.questions) {
                // HAProxy's table has another name for this one.
                let name = if *name == "send_error" { "snd_error" } else { name };
                let _ = writeln!(text, "  {:<13}{count}", format!("{name}:"));
            }
        }
    }
    text
}

/// `show stat domain resolvers`
pub(super) fn table(servers: &[Nameserver], form: Form) -> String {
    let columns: Vec<(&str, &str)> = [("id", "CGP"), ("pid", "CGP")]
        .into_iter()
        .chain(QUESTIONS.iter().map(|name| (*name, "MGP")))
        .collect();
    let row = |server: &Nameserver| -> Vec<Value> {
        let names = [&server.name, &server.section].map(|name| name.as_str().into());
        names.into_iter().chain(server.questions.map(Value::from)).collect()
    };
    render::nameservers(&columns, &servers.iter().map(row).collect::<Vec<_>>(), form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_as_in_haproxy() {
        let mut questions = [0; QUESTIONS.len()];
        questions[1] = 7;
        let server = Nameserver { section: "dns".to_owned(), name: "one".to_owned(), questions };
        let text = sections(&[&server]);
        let start = "Resolvers section dns\n nameserver one:\n  sent:        0\n  snd_error:   7\n";
        assert!(text.starts_with(start), "{text}");
        assert!(text.ends_with("\n  outdated:    0\n"), "{text}");
        let json = table(std::slice::from_ref(&server), Form::Json);
        let start = "[[{\"field\":{\"pos\":0,\"name\":\"id\"},\"tags\":{\"origin\":\"Config\",";
        assert!(json.starts_with(start) && json.ends_with("\"value\":0}}]]\n"), "{json}");
        let typed = table(std::slice::from_ref(&server), Form::Typed);
        assert!(typed.contains("\nN.3.send_error:MGPV:u64:7\n"), "{typed}");
        let table = table(&[server], Form::Plain);
        assert!(table.starts_with("# id,pid,sent,send_error,valid,update,cname,"), "{table}");
        assert!(table.ends_with("\none,dns,0,7,0,0,0,0,0,0,0,0,0,0,0,0,0,\n"), "{table}");
    }
}
