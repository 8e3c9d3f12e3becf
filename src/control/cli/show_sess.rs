//! `show sess`: the sessions that run, a line each, or everything about one.
//!
//! The fields are those of HAProxy 2.6. What they show of its own innards (flags, events, task
//! calls) has no counterpart here and reads as nothing.

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
    if call.arg(0) == OWN_ID {
        return answer.push(&own_whole(call, wall));
    }
    if let Some(id) = named(call.arg(0)) {
        return match id.and_then(|id| sessions.find(id)) {
            Some(found) => answer.push(&whole(&found.view(now), wall)),
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
                answer.push(&whole(view, wall));
            } else {
                answer.line(line(view));
            }
        }
        if answer.flush().await.is_err() {
            return;
        }
    }
    if least.is_zero() {
        answer.push(&if all { own_whole(call, wall) } else { own_line(call) + "\n" });
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

/// The id of the session that asks: none that is served has it.
const OWN_ID: &str = "0xffffffffffffffff";

/// The limits of a session that are known, as it stands.
struct Left {
    client: Option<Duration>,
    server: Option<Duration>,
}

impl Left {
    fn of(view: &View) -> Self {
        let settings = view.backend.as_ref().map(|backend| backend.settings());
        let server = settings.as_ref().map(|settings| settings.timeouts);
        let relays = view.stage == Stage::Relaying;
        let tunnel = server.filter(|_| relays).and_then(|timeouts| timeouts.tunnel);
        let left = |limit: Option<Duration>| Some(limit?.saturating_sub(view.idle));
        Self {
            client: left(tunnel.or(view.frontend.route().settings.timeouts.client)),
            server: left(tunnel.or(server.filter(|_| relays).and_then(|it| it.server))),
        }
    }

    fn first(&self) -> Option<Duration> {
        self.client.into_iter().chain(self.server).min()
    }
}

/// A time that is left; nothing where nothing ends then.
fn left(left: Option<Duration>) -> String {
    left.map_or_else(String::new, human_age)
}

/// A descriptor, as HAProxy shows that there is none.
fn fd(descriptor: Option<i32>) -> i32 {
    descriptor.unwrap_or(-1)
}

fn line(view: &View) -> String {
    let (proto, src) = source(view);
    let backend = view.backend.as_ref().map_or("<NONE>", |backend| &*backend.name);
    let server = view.server.as_ref().map_or("<none>", |server| &*server.name);
    let (state, _) = server_side(view.stage);
    let [client, served] = view.descriptors.map(fd);
    let until = Left::of(view);
    format!(
        "{}: proto={proto} src={src} fe={} be={backend} srv={server} ts=00 epoch=0 age={} calls=0 \
         rate=0 cpu=0 lat=0 rq[f=0h,i=0,an=00h,rx={},wx=,ax=] rp[f=0h,i=0,an=00h,rx={},wx=,ax=] \
         scf=[8,0h,fd={client}] scb=[{state},1h,fd={served}] exp={} rc={} c_exp=",
        view.id,
        view.frontend.name,
        human_age(view.age),
        left(until.client),
        left(until.server),
        left(until.first()),
        view.retries,
    )
}

/// The line of the connection that asks.
fn own_line(call: &Call<'_>) -> String {
    let limit = left(call.client.timeout);
    format!(
        "{OWN_ID}: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 \
         age=0s calls=1 rate=0 cpu=0 lat=0 rq[f=0h,i=0,an=00h,rx={limit},wx=,ax=] \
         rp[f=0h,i=0,an=00h,rx=,wx=,ax=] scf=[8,0h,fd=-1] scb=[8,1h,fd=-1] exp={limit} rc=0 c_exp="
    )
}

/// Everything about the connection that asks.
fn own_whole(call: &Call<'_>, wall: SystemTime) -> String {
    let limit = call.client.timeout.map_or_else(|| "<NEVER>".to_owned(), human_age);
    format!(
        "{OWN_ID}: [{}] id={OWN_ID} proto=unix_stream source=unix:1\n  \
         flags=0x0, conn_retries=0, conn_exp=<NEVER> conn_et=0x000 srv_conn=(nil), pend_pos=(nil) \
         waiting=0 epoch=0\n  \
         frontend=GLOBAL (id=0 mode=tcp), listener=? (id=1) addr=unix:1\n  \
         backend=<NONE> (id=-1 mode=-)\n  server=<NONE> (id=-1)\n  \
         task=(state=0x00 nice=0 calls=1 rate=0 exp={limit} age=0s)\n",
        begun(Some(wall)),
    )
}

/// A date as HAProxy writes that of a session.
fn begun(at: Option<SystemTime>) -> String {
    let at = at.and_then(|at| Timestamp::try_from(at).ok()).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(clock::zone()).strftime("%d/%b/%Y:%H:%M:%S%.6f").to_string()
}

fn whole(view: &View, wall: SystemTime) -> String {
    let (proto, src) = source(view);
    let (id, begun) = (view.id, begun(wall.checked_sub(view.age)));
    let server = view.server.as_ref().map_or_else(|| "(nil)".to_owned(), |_| id.to_string());
    let waiting = if view.stage == Stage::Queued { id.to_string() } else { "(nil)".to_owned() };
    let frontend = &view.frontend;
    let address = match view.destination {
        Some(address) => address.to_string(),
        None => view.listener.address.to_string(),
    };
    let mut text = format!(
        "{id}: [{begun}] id={id} proto={proto} source={src}\n  \
         flags=0x0, conn_retries={}, conn_exp=<NEVER> conn_et=0x000 srv_conn={server}, \
         pend_pos={waiting} waiting=0 epoch=0\n  \
         frontend={} (id={} mode=tcp), listener={} (id={}) addr={address}\n",
        view.retries,
        frontend.name,
        frontend.route().settings.id.0,
        view.listener.name.as_deref().unwrap_or("?"),
        view.listener.id,
    );
    text.push_str(&way(view));
    text.push_str(&sides(view));
    text
}

/// Where it goes.
fn way(view: &View) -> String {
    let backend = match &view.backend {
        Some(backend) => format!("{} (id={} mode=tcp)", backend.name, backend.settings().id.0),
        None => "<NONE> (id=-1 mode=-)".to_owned(),
    };
    let server = match (&view.server, &view.backend) {
        (Some(server), _) => {
            let settings = server.settings();
            format!("{} (id={}) addr={}", server.name, settings.id.0, settings.address.text())
        }
        (None, Some(_)) => "<none> (id=0)".to_owned(),
        (None, None) => "<NONE> (id=-1)".to_owned(),
    };
    format!("  backend={backend}\n  server={server}\n")
}

/// Its task, its two connections and what went through them.
fn sides(view: &View) -> String {
    let until = Left::of(view);
    let never = |until: Option<Duration>| until.map_or_else(|| "<NEVER>".to_owned(), human_age);
    let (age, idle, exp) = (human_age(view.age), human_age(view.idle), never(until.first()));
    let ordered = view.ordered.map_or(String::new(), |reason| format!(" ending={reason:?}"));
    let [client, server] = view.descriptors.map(fd);
    let thread = view.id.worker();
    let channel = |name: &str, total: u64, rex: Option<Duration>| {
        format!(
            "  {name}=(f=0x0 an=0x0 pipe=0 tofwd=-1 total={total})\n      an_exp=<NEVER> rex={} \
             wex=<NEVER>\n",
            never(rex)
        )
    };
    let mut text = format!(
        "  task=(state=0x00 nice=0 calls=0 rate=0 exp={exp} tid={thread} age={age} idle={idle})\
         {ordered}\n  \
         scf=(flags=0x0 state=EST)\n      co0=(target=LISTENER fd={client})\n  \
         scb=(flags=0x0 state={})\n",
        server_side(view.stage).1,
    );
    if server >= 0 {
        text.push_str(&format!("      co1=(target=SERVER fd={server})\n"));
    }
    text.push_str(&channel("req", view.moved.bytes_in, until.client));
    text.push_str(&channel("res", view.moved.bytes_out, until.server));
    text
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
