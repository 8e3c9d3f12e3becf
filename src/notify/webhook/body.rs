//! Pure: an event as what its receiver expects: facts in JSON, a message for Slack, or an event for
//! PagerDuty.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::config::model::{HookFormat, LogLevel, Webhook};
use crate::telemetry::event::{Event, News, Turn, What};
use crate::telemetry::failover::Record;
use crate::telemetry::outbox::Letter;

/// The request that tells `hook` of a letter: head and body. `source`: the name of this machine.
/// `None`: it has nothing for it.
#[must_use]
pub fn request(hook: &Webhook, letter: &Letter, source: &str) -> Option<Vec<u8>> {
    let body = body(hook, letter, source)?.to_string();
    let url = &hook.url;
    let token = hook.key.as_ref().filter(|_| hook.format != HookFormat::PagerDuty);
    let authorization =
        token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    Some(
        format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\nuser-agent: evenkeel/{}\r\n\
             content-type: application/json\r\n{authorization}content-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            url.path,
            url.authority(),
            env!("CARGO_PKG_VERSION"),
            body.len(),
        )
        .into_bytes(),
    )
}

fn body(hook: &Webhook, letter: &Letter, source: &str) -> Option<Value> {
    let news = letter.event.news()?;
    Some(match hook.format {
        HookFormat::Json => json(letter, &news, source),
        HookFormat::Slack => slack(letter, &news, source),
        HookFormat::PagerDuty => {
            pager_duty(letter, &news, source, hook.key.as_deref().unwrap_or_default())
        }
    })
}

fn time(event: &Event) -> String {
    Timestamp::try_from(event.at).map_or_else(|_| String::new(), |time| time.to_string())
}

/// Facts by their names; what does not belong to an event is `null`.
fn json(letter: &Letter, news: &News<'_>, source: &str) -> Value {
    let event = &letter.event;
    json!({
        "event": news.kind,
        "time": time(event),
        "source": source,
        "level": event.level().name(),
        "message": event.line(),
        "backend": news.backend.map(|name| &**name),
        "server": news.server,
        "trouble": match news.turn {
            Turn::Begins => Some("begins"),
            Turn::Ends => Some("ends"),
            Turn::Told => None,
        },
        "failover": news.failover,
        "dropped": letter.dropped,
    })
}

/// What the operator should do about it, in PagerDuty's words.
fn severity(event: &Event, turn: Turn) -> &'static str {
    match (&event.what, turn) {
        (What::Server(change), Turn::Begins) if change.active + change.backups == 0 => "critical",
        (_, Turn::Begins) if event.level() <= LogLevel::Alert => "critical",
        (_, Turn::Begins) => "error",
        _ => "info",
    }
}

/// <https://api.slack.com/reference/messaging/attachments>
fn slack(letter: &Letter, news: &News<'_>, source: &str) -> Value {
    let event = &letter.event;
    let is_missed = news.failover.is_some_and(Record::is_missed);
    let (mark, color) = match news.turn {
        Turn::Told if is_missed => (":warning:", "#ef6c00"),
        Turn::Begins => (":red_circle:", "#c62828"),
        Turn::Ends => (":large_green_circle:", "#2e7d32"),
        Turn::Told => (":information_source:", "#607d8b"),
    };
    let lost = match letter.dropped {
        0 => String::new(),
        count => format!("\n{count} earlier events were not sent."),
    };
    let verdict = news.failover.map(verdicts).unwrap_or_default();
    let text = escaped(&format!("{}{verdict}{lost}", event.line()));
    json!({
        "text": format!("{mark} {text}"),
        "attachments": [{
            "color": color,
            "fallback": text,
            "footer": escaped(&format!("{} on {source}", news.kind)),
            "ts": Timestamp::try_from(event.at).map_or(0, Timestamp::as_second),
        }],
    })
}

/// A line that compares a record with what is declared; empty where nothing is.
fn verdicts(record: &Record) -> String {
    let Record { declared, verdict, rpo_unit, .. } = record;
    let time = declared.rto.zip(verdict.rto).map(|(rto, is)| format!("rto {rto} s: {}", is.word()));
    let data = declared.rpo.zip(verdict.rpo);
    let data = data.map(|(rpo, is)| format!("rpo {rpo} {rpo_unit}: {}", is.word()));
    let parts: Vec<String> = time.into_iter().chain(data).collect();
    if parts.is_empty() { String::new() } else { format!("\n{}", parts.join(", ")) }
}

/// Slack's control characters (<https://api.slack.com/reference/surfaces/formatting>).
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/>: one incident for each trouble
/// of a server, and of a backend's primary.
fn pager_duty(letter: &Letter, news: &News<'_>, source: &str, key: &str) -> Value {
    let event = &letter.event;
    let backend = news.backend.map(|name| &**name).unwrap_or_default();
    let about = match (&event.what, news.server) {
        (What::Server(_), Some(server)) => format!("server/{backend}/{server}"),
        (What::Role(_, change), Some(server)) if let Some(trouble) = change.trouble() => {
            format!("{trouble}/{backend}/{server}")
        }
        _ => format!("primary/{backend}"),
    };
    json!({
        "routing_key": key,
        "event_action": if news.turn == Turn::Ends { "resolve" } else { "trigger" },
        "dedup_key": format!("evenkeel/{about}"),
        "payload": {
            "summary": event.line(),
            "source": source,
            "severity": severity(event, news.turn),
            "timestamp": time(event),
            "component": backend,
            "class": news.kind,
            "custom_details": { "server": news.server, "dropped": letter.dropped },
        },
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::config::model::Url;
    use crate::pure::id::Name;
    use crate::pure::role::fence::Refusal;
    use crate::pure::role::stall::Stall;
    use crate::pure::role::stray::Stray;
    use crate::telemetry::event::RoleChange;

    fn sent(format: HookFormat, change: RoleChange) -> (String, Value) {
        let hook = Webhook {
            name: Name::new("ops").unwrap(),
            url: Url::parse("https://h:8443/a?b").unwrap(),
            url_file: None,
            format,
            key: Some("k".to_owned()),
            key_file: None,
            events: Vec::new(),
            backends: Vec::new(),
            timeout: Duration::from_secs(1),
            keep: Duration::from_secs(1),
            queue: 1,
            tls: None,
        };
        let event = Event {
            at: SystemTime::UNIX_EPOCH,
            log: Default::default(),
            what: What::Role("pg".into(), change),
        };
        let letter = Letter { event, dropped: 2 };
        let request = String::from_utf8(request(&hook, &letter, "lb<1>").unwrap()).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
        (head.to_owned(), serde_json::from_str(body).unwrap())
    }

    fn lost() -> RoleChange {
        RoleChange::NoPrimary { was: "a".to_owned() }
    }

    #[test]
    fn facts() {
        let (head, body) = sent(HookFormat::Json, lost());
        assert!(head.starts_with("POST /a?b HTTP/1.1\r\nhost: h:8443\r\n"), "{head}");
        assert!(head.contains("authorization: Bearer k\r\n"), "{head}");
        let expected = json!({
            "event": "failover_begun", "time": "1970-01-01T00:00:00Z", "source": "lb<1>",
            "level": "alert", "message": "Backend pg has no primary; a was it last.",
            "backend": "pg", "server": "a", "trouble": "begins", "failover": null, "dropped": 2,
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn messages_of_slack_are_escaped() {
        let (_, body) = sent(HookFormat::Slack, lost());
        let text = body["text"].as_str().unwrap();
        assert!(text.starts_with(":red_circle: Backend pg has no primary"), "{text}");
        assert!(text.ends_with("\n2 earlier events were not sent."), "{text}");
        assert_eq!(body["attachments"][0]["footer"], "failover_begun on lb&lt;1&gt;");
    }

    #[test]
    fn slack_reads_whether_what_was_declared_is_kept() {
        let declared = crate::telemetry::failover::Declared { rto: Some(2.0), rpo: Some(0) };
        let mut record = Record { rpo: Some(0), rpo_unit: "bytes".to_owned(), ..Record::default() };
        for (total, mark, said) in [
            (1.0, ":information_source:", "\nrto 2 s: met, rpo 0 bytes: met\n"),
            (3.0, ":warning:", "\nrto 2 s: missed, rpo 0 bytes: met\n"),
        ] {
            record.seconds.total = Some(total);
            let judged = record.clone().judged(Vec::new(), declared.clone());
            let (_, body) = sent(HookFormat::Slack, RoleChange::Over(Box::new(judged)));
            let text = body["text"].as_str().unwrap();
            assert!(text.starts_with(mark) && text.contains(said), "{text}");
        }
    }

    #[test]
    fn a_trouble_of_pager_duty_ends_with_the_key_it_began_with() {
        let (head, begun) = sent(HookFormat::PagerDuty, lost());
        assert!(!head.contains("authorization"), "{head}");
        let next = RoleChange::Primary { server: "b".to_owned(), history: String::new() };
        let (_, ended) = sent(HookFormat::PagerDuty, next);
        assert_eq!(
            (&begun["event_action"], &ended["event_action"]),
            (&json!("trigger"), &json!("resolve"))
        );
        assert_eq!(
            (&begun["dedup_key"], &ended["dedup_key"]),
            (&json!("evenkeel/primary/pg"), &json!("evenkeel/primary/pg"))
        );
        assert_eq!(
            (&begun["routing_key"], &begun["payload"]["severity"]),
            (&json!("k"), &json!("critical"))
        );
    }
    #[test]
    fn what_ends_for_one_server_ends_nothing_of_the_primary() {
        let server = || "c".to_owned();
        let (elsewhere, errant) = (Stray::Timeline { own: 1, newest: 2 }, Stray::Errant(3));
        let (why, is_tls) = (String::new(), false);
        let disputed = RoleChange::Disputed { server: server(), why: why.clone() };
        let rows = [
            (RoleChange::Astray { server: server(), why: elsewhere }, "replica_astray", "stray"),
            (RoleChange::Astray { server: server(), why: errant }, "replica_errant", "stray"),
            (RoleChange::Follows { server: server() }, "replica_follows", "stray"),
            (RoleChange::Refused { server: server(), why: Refusal::Older }, "fenced", "fence"),
            (RoleChange::Unfenced { server: server() }, "unfenced", "fence"),
            (RoleChange::LetOut { server: server(), why, is_tls }, "login_refused", "login"),
            (RoleChange::LetIn { server: server() }, "login_accepted", "login"),
            (
                RoleChange::Hangs { server: server(), why: Stall::ReadOnly },
                "commits_wait",
                "commits",
            ),
            (RoleChange::GoesOn { server: server() }, "commits_go_on", "commits"),
            (disputed, "primary_disputed", "dispute"),
            (RoleChange::Undisputed { server: server() }, "primary_undisputed", "dispute"),
        ];
        for (change, kind, trouble) in rows {
            let ends = matches!(
                change,
                RoleChange::Follows { .. }
                    | RoleChange::LetIn { .. }
                    | RoleChange::Unfenced { .. }
                    | RoleChange::GoesOn { .. }
                    | RoleChange::Undisputed { .. }
            );
            let (_, body) = sent(HookFormat::PagerDuty, change);
            let action = if ends { "resolve" } else { "trigger" };
            assert_eq!(
                (&body["payload"]["class"], &body["event_action"], &body["dedup_key"]),
                (&json!(kind), &json!(action), &json!(format!("evenkeel/{trouble}/pg/c")))
            );
        }
    }
}
