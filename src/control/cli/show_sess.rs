//! `show sess`: the sessions that run, a line each, or everything about one.
//!
//! The fields are those of HAProxy 2.6. What they show of its own innards (flags, events, task
//! calls, descriptors) has no counterpart here and reads as nothing.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::table::Running;
use super::{Answer, Call, Command, Mode, Run};
use crate::clock;
use crate::config::model::Level;
use crate::state::sessions::{SessionId, Stage, View};

pub(super) static COMMANDS: &[Command] = &[Command {
    name: "show sess",
    args: "[<id>|all|older <age>]",
    help: "list the sessions that run, or show everything about one",
    level: Level::Operator,
    mode: Mode::Usual,
    run: Run::Later(run),
}];

/// Sessions after which the answer is sent as far as it is written.
const FLUSH_EVERY: usize = 256;

fn run<'a>(call: &'a mut Call<'_>, answer: &'a mut Answer<'_>) -> Running<'a> {
    Box::pin(show(call, answer))
}

async fn show(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let sessions = &call.shared.process.sessions;
    let (now, wall) = (clock::now(), clock::wall());
    let all = call.arg(0) == "all";
    if let Some(id) = named(call.arg(0)) {
        return match id.and_then(|id| sessions.find(id)) {
            Some(found) => whole(answer, &found.view(now), wall),
            None => answer.refuse("Session not found."),
        };
    }
    let least = match older(call) {
        Ok(least) => least,
        Err(message) => return answer.refuse(message),
    };
    let mut views = sessions.views(now);
    views.retain(|view| view.age >= least);
    for some in views.chunks(FLUSH_EVERY) {
        for view in some {
            if all {
                whole(answer, view, wall);
            } else {
                answer.line(line(view));
            }
        }
        if answer.flush().await.is_err() {
            return;
        }
    }
}

/// The session that a word asks for; `None`: the word is no number and asks for none, as HAProxy
/// reads it. A number that can be no id names a session that is not there.
fn named(word: &str) -> Option<Option<SessionId>> {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_id =
        is_number && (word.len() > digits.len() || word.bytes().all(|b| b.is_ascii_digit()));
    (is_id && digits.bytes().any(|byte| byte != b'0')).then(|| word.parse().ok())
}

/// How old a session must be to be shown: `show sess [all] older <age>`, as newer versions know it.
fn older(call: &Call<'_>) -> Result<Duration, &'static str> {
    let mut words = call.args().iter().map(String::as_str).skip_while(|word| *word == "all");
    if words.next() != Some("older") {
        return Ok(Duration::ZERO);
    }
    let age = words.next().ok_or("Expects a minimum age (in seconds by default).")?;
    let digits = age.find(|c: char| !c.is_ascii_digit()).unwrap_or(age.len());
    let unit = match &age[digits..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("Invalid age."),
    };
    let number: u64 = age[..digits].parse().map_err(|_| "Invalid age.")?;
    Ok(Duration::from_secs(number.saturating_mul(unit)))
}

/// The family of the client's side, and its address.
fn source(view: &View) -> (&'static str, String) {
    match view.source {
        Some(address @ SocketAddr::V4(_)) => ("tcpv4", address.to_string()),
        Some(SocketAddr::V6(address)) => ("tcpv6", format!("{}:{}", address.ip(), address.port())),
        None => ("unix_stream", format!("unix:{}", view.listener.id)),
    }
}

/// HAProxy's number and name for how far the server's side has come.
fn server_side(stage: Stage) -> (u8, &'static str) {
    match stage {
        Stage::Inspecting => (0, "INI"),
        Stage::Queued => (2, "QUE"),
        Stage::Connecting => (5, "CON"),
        Stage::Relaying => (8, "EST"),
    }
}

fn line(view: &View) -> String {
    let (proto, src) = source(view);
    let backend = view.backend.as_ref().map_or("<NONE>", |backend| &*backend.name);
    let server = view.server.as_ref().map_or("<none>", |server| &*server.name);
    let (state, _) = server_side(view.stage);
    format!(
        "{}: proto={proto} src={src} fe={} be={backend} srv={server} ts=00 epoch=0 age={} calls=0 \
         rate=0 cpu=0 lat=0 rq[f=0h,i=0,an=00h,rx=,wx=,ax=] rp[f=0h,i=0,an=00h,rx=,wx=,ax=] \
         scf=[8,0h,fd=-1] scb=[{state},0h,fd=-1] exp= rc={} c_exp=",
        view.id,
        view.frontend.name,
        human_age(view.age),
        view.retries,
    )
}

fn whole(answer: &mut Answer<'_>, view: &View, wall: SystemTime) {
    let (proto, src) = source(view);
    let begun = wall.checked_sub(view.age).and_then(|begun| Timestamp::try_from(begun).ok());
    let begun = begun.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(clock::zone());
    let begun = begun.strftime("%d/%b/%Y:%H:%M:%S%.6f");
    let mut text = format!("{}: [{begun}] id={} proto={proto} source={src}\n", view.id, view.id);
    let known = u8::from(view.server.is_some());
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  flags=0x0, conn_retries={}, srv_conn={known}", view.retries);
    let frontend = &view.frontend;
    let _ = write!(
        text,
        "  frontend={} (id={} mode=tcp), listener={} (id={})",
        frontend.name,
        frontend.route().settings.id.0,
        view.listener.name.as_deref().unwrap_or("?"),
        view.listener.id
    );
    match view.destination {
        Some(address) => text.push_str(&format!(" addr={address}\n")),
        None => text.push_str(&format!(" addr={}\n", view.listener.address)),
    }
    let _ = match &view.backend {
        Some(backend) => {
            writeln!(text, "  backend={} (id={} mode=tcp)", backend.name, backend.settings().id.0)
        }
        None => writeln!(text, "  backend=<NONE> (id=-1 mode=-)"),
    };
    let _ = match (&view.server, &view.backend) {
        (Some(server), _) => {
            let settings = server.settings();
            let (id, address) = (settings.id.0, settings.address.text());
            writeln!(text, "  server={} (id={id}) addr={address}", server.name)
        }
        (None, Some(_)) => writeln!(text, "  server=<none> (id=0)"),
        (None, None) => writeln!(text, "  server=<NONE> (id=-1)"),
    };
    let (age, idle) = (human_age(view.age), human_age(view.idle));
    let ordered = view.ordered.map_or(String::new(), |reason| format!(" ending={reason:?}"));
    let _ = writeln!(text, "  task=(age={age} idle={idle}){ordered}");
    let _ = writeln!(text, "  scf=(state=EST)\n  scb=(state={})", server_side(view.stage).1);
    let _ = writeln!(text, "  req=(total={})", view.moved.bytes_in);
    let _ = writeln!(text, "  res=(total={})", view.moved.bytes_out);
    answer.push(&text);
}

/// The two largest units of a time, as HAProxy writes it.
fn human_age(age: Duration) -> String {
    const UNITS: [(u64, char); 4] = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
    let seconds = age.as_secs();
    let Some(at) = UNITS.iter().position(|(unit, _)| seconds >= *unit) else {
        return "0s".to_owned();
    };
    let (unit, name) = UNITS[at];
    let rest = UNITS.get(at + 1).map(|(less, name)| (seconds % unit / less, name));
    let rest = rest.filter(|(count, _)| *count > 0);
    let rest = rest.map_or(String::new(), |(count, name)| format!("{count}{name}"));
    format!("{}{name}{rest}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (seconds, text) in
            [(0, "0s"), (59, "59s"), (60, "1m"), (61, "1m1s"), (3_661, "1h1m"), (90_000, "1d1h")]
        {
            assert_eq!(human_age(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn words_that_name_a_session() {
        for (word, names, known) in [
            ("", false, false),
            ("all", false, false),
            ("abc", false, false),
            ("0", false, false),
            ("0x0", false, false),
            ("0xzz", false, false),
            ("0x12", true, true),
            ("12", true, true),
            ("0x11112222333344445", true, false),
        ] {
            let found = named(word);
            assert_eq!((found.is_some(), found.flatten().is_some()), (names, known), "{word}");
        }
    }
}
