//! Pure: a record as a page of its own, with a chart of its times.

use std::fmt::Write as _;

use crate::telemetry::failover::{Exact, Kind, Record, Verdict};

/// The look: dark where the reader's system is, and made for narrow screens, too.
const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b2430;--dim:#566170;--line:#dfe4ea;\
--track:#eceff3;--detect:#c2410c;--cut:#9333ea;--promote:#a16207;--serve:#15803d;--bad:#b42318;\
--mark:#1b2430}\
@media(prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1a2028;--ink:#e4e9ef;--dim:#98a4b3;\
--line:#2d3642;--track:#242c36;--detect:#fb923c;--cut:#c084fc;--promote:#e5b567;--serve:#4cc38a;\
--bad:#ff8a80;--mark:#e4e9ef}}\
*{box-sizing:border-box}body{margin:0 auto;max-width:56rem;padding:1rem;background:var(--bg);\
color:var(--ink);font:15px/1.5 system-ui,sans-serif}section{background:var(--card);\
border:1px solid var(--line);border-radius:.5rem;padding:.9rem 1rem;margin:1rem 0}\
h1{font-size:1.3rem;line-height:1.3;margin:.5rem 0 0;overflow-wrap:anywhere}\
h2{font-size:1rem;margin:0 0 .6rem}p{margin:.25rem 0}.dim{color:var(--dim)}\
.good{color:var(--serve)}.bad{color:var(--bad)}.unknown{color:var(--promote)}\
.verdicts{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:1rem;\
margin:1rem 0}.verdicts section{margin:0}.verdicts b{float:right;margin-left:.5rem}\
ol{list-style:none;margin:0;padding:0}\
li{display:grid;grid-template-columns:8.5rem 1fr 5.5rem;align-items:center;gap:.75rem;padding:.3rem 0}\
li span:last-child{text-align:right;font-variant-numeric:tabular-nums}\
.track{position:relative;height:1.1rem;background:var(--track);border-radius:.25rem}\
.track i{position:absolute;top:0;bottom:0;min-width:3px;border-radius:.25rem}\
.track u{position:absolute;top:-.3rem;bottom:-.3rem;border-left:2px dashed var(--mark)}\
@media(max-width:36rem){li{grid-template-columns:1fr auto;gap:.15rem .75rem}\
.track{grid-row:2;grid-column:1/-1}}\
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));gap:.6rem 1rem;margin:0}\
dt{color:var(--dim);font-size:.8rem}dd{margin:0;overflow-wrap:anywhere}.wide{grid-column:1/-1}";

/// The time that was declared is drawn up to so many times what was measured.
const RTO_SHOWN: f64 = 4.0;

/// The color of who is served.
const SERVE: &str = "--serve";

/// What nobody knows.
const UNKNOWN: &str = "not known";

/// The document.
#[must_use]
pub(super) fn page(record: &Record) -> String {
    let title = title(record);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n",
        title = escape(&title),
    );
    let when = match record.kind {
        Kind::Unseen => format!("Found {}.", record.at),
        Kind::Failover | Kind::Switchover => format!("Begun {}.", record.at),
    };
    let routes = match &record.routes[..] {
        [] => String::new(),
        routes => format!(" Frontend of the writers: {}.", routes.join(", ")),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(html, "<p class=\"dim\">{}{}</p>", escape(&when), escape(&routes));
    if record.kind == Kind::Unseen {
        html.push_str(
            "<p>Nobody saw it: no process of this proxy ran, or it had not heard the former primary \
             yet. How long it took and what it cost is not known.</p>\n",
        );
    }
    verdicts(&mut html, record);
    chart(&mut html, record);
    facts(&mut html, "Clients", &clients(record));
    facts(&mut html, "Data", &data(record));
    html.push_str("</body></html>\n");
    html
}

fn title(record: &Record) -> String {
    let Record { backend, from, routes, .. } = record;
    let to = record.to.as_deref().unwrap_or("nobody");
    match (&record.drill, record.kind) {
        (Some(drill), _) => {
            format!("Drill: {} of {backend}/{from} behind {}", drill.fault, routes.join(", "))
        }
        (None, _) if from == to => format!("Primary {backend}/{from} was away"),
        (None, Kind::Failover) => format!("Failover of {backend} from {from} to {to}"),
        (None, Kind::Switchover) => format!("Switchover of {backend} from {from} to {to}"),
        (None, Kind::Unseen) => {
            format!("Failover of {backend} from {from} to {to} that nobody saw")
        }
    }
}

/// What was declared and what was measured, side by side.
fn verdicts(html: &mut String, record: &Record) {
    let measured = record.seconds.total.map(seconds);
    let never = if record.kind == Kind::Unseen { UNKNOWN } else { "nobody was served in time" };
    let rows = [
        (
            "Time (rto)",
            record.declared.rto.map(seconds),
            measured.unwrap_or_else(|| never.to_owned()),
            record.verdict.rto,
        ),
        (
            "Data (rpo)",
            record.declared.rpo.map(|rpo| format!("{rpo} {}", record.rpo_unit)),
            record.missing(),
            record.verdict.rpo,
        ),
    ];
    html.push_str("<div class=\"verdicts\">\n");
    for (name, declared, measured, verdict) in rows {
        let (class, word) = match verdict {
            Some(Verdict::Met) => ("good", "met"),
            Some(Verdict::Missed) => ("bad", "missed"),
            Some(Verdict::Unknown) => ("unknown", "unknown"),
            None if declared.is_some() => ("dim", "given up"),
            None => ("dim", "not declared"),
        };
        let declared = declared.map_or(String::new(), |declared| format!(" of {declared} allowed"));
        let text = escape(&format!("{measured}{declared}"));
        let _ = writeln!(
            html,
            "<section><h2>{name} <b class=\"{class}\">{word}</b></h2><p>{text}</p></section>"
        );
    }
    html.push_str("</div>\n");
}

/// A part of the time: its name, where it begins and ends in seconds, and its color.
type Bar = (&'static str, Option<(f64, f64)>, &'static str);

fn bars(record: &Record) -> Vec<Bar> {
    let times = &record.seconds;
    let detect = times.detect.unwrap_or_default();
    let promoted = times.promote.map(|promote| {
        // All of it begins with the pause where there is one.
        let end = times.total.unwrap_or(detect + promote) - times.attach.unwrap_or_default();
        (end - promote, end)
    });
    let lost = promoted.map_or(detect, |(lost, _)| lost);
    let served = match &record.drill {
        Some(drill) if drill.writes => "first good write",
        Some(_) => "first good answer",
        None => "first session",
    };
    let attached = times.attach.zip(promoted).map(|(time, (_, end))| (end, end + time));
    let mut bars: Vec<Bar> = Vec::new();
    if let Some(pause) = times.pause {
        bars.push(("clients wait", Some((0.0, pause)), "--cut"));
    }
    bars.push(("noticed", times.detect.map(|time| (lost - time, lost)), "--detect"));
    if times.cut.is_some() || record.sessions_cut.is_some_and(|cut| cut > 0) {
        bars.push(("old sessions gone", times.cut.map(|time| (lost, lost + time)), "--cut"));
    }
    bars.push(("new primary", promoted, "--promote"));
    bars.push((served, attached, SERVE));
    bars
}

/// One bar a part, and where the time that was declared is over.
fn chart(html: &mut String, record: &Record) {
    if record.kind == Kind::Unseen {
        return;
    }
    let bars = bars(record);
    let ends = bars.iter().filter_map(|(_, span, _)| span.map(|(_, end)| end));
    let measured = ends.fold(0.001, f64::max);
    // Far beyond what was measured it would leave nothing of the bars.
    let rto = record.declared.rto.filter(|rto| *rto <= measured * RTO_SHOWN);
    let total = rto.unwrap_or_default().max(measured);
    let percent = |seconds: f64| (seconds.max(0.0) / total * 100.0).min(100.0);
    html.push_str("<section><h2>Timeline</h2><ol>\n");
    let mark =
        rto.map_or(String::new(), |rto| format!("<u style=\"left:{:.2}%\"></u>", percent(rto)));
    for (name, span, color) in bars {
        let (bar, end) = match span {
            Some((begin, end)) => {
                let (left, width) = (percent(begin), percent(end) - percent(begin));
                let bar = format!(
                    "<i style=\"left:{:.2}%;width:{width:.2}%;background:var({color})\"></i>",
                    left.min(99.0)
                );
                (bar, seconds(end))
            }
            None if record.waited_elsewhere && color == SERVE => {
                (String::new(), UNKNOWN.to_owned())
            }
            None if record.nobody_waited && color == SERVE => (String::new(), "–".to_owned()),
            None => (String::new(), "never".to_owned()),
        };
        let _ = writeln!(
            html,
            "<li><span>{name}</span><span class=\"track\">{bar}{mark}</span><span>{end}</span></li>"
        );
    }
    let since = match (&record.drill, record.seconds.pause) {
        (Some(_), _) => "the fault",
        (None, Some(_)) => "new clients were made to wait",
        (None, None) => "the former primary was heard last",
    };
    let mark = match (rto, record.declared.rto) {
        (Some(rto), _) => format!(" Dashed: the rto of {}.", seconds(rto)),
        (None, Some(rto)) => format!(" The rto of {} is far to the right.", seconds(rto)),
        (None, None) => String::new(),
    };
    let unwanted = match (record.nobody_waited, record.waited_elsewhere) {
        (true, _) => {
            " No client waited for the new primary: the time until one came does not count."
        }
        (_, true) => {
            " Clients of the process before this one waited: when they had the new primary is not known."
        }
        _ => "",
    };
    let _ = writeln!(
        html,
        "</ol><p class=\"dim\">Seconds since {since}.{mark}{unwanted}</p></section>"
    );
}

/// A fact: its name, and what is known.
type Fact = (&'static str, String);

fn clients(record: &Record) -> Vec<Fact> {
    let count = |count: Option<u64>| count.map_or(UNKNOWN.to_owned(), |n| n.to_string());
    let mut facts = vec![
        ("sessions that failed", count(record.client_errors)),
        ("sessions cut", count(record.sessions_cut)),
        ("sessions kept on the former primary", count(record.sessions_kept)),
        ("clients held at most", count(record.clients_held.map(u64::from))),
    ];
    if let Some(drill) = &record.drill {
        facts.extend([
            ("clients of the drill served", drill.clients_good.to_string()),
            ("clients of the drill with an error", drill.clients_failed.to_string()),
            ("longest wait of one", seconds(drill.longest_wait)),
        ]);
    }
    facts
}

fn data(record: &Record) -> Vec<Fact> {
    let had = |history: &str, position: &str| match (history, position) {
        ("", _) => UNKNOWN.to_owned(),
        // The names of transactions are both.
        (history, position) if history.contains(position) => history.to_owned(),
        (history, position) => format!("{position}, {history}"),
    };
    let answered = match record.answered {
        Some(true) => "answers, and is no primary",
        Some(false) => "does not answer",
        None => UNKNOWN,
    };
    let why = record.reason.as_ref().map(|why| format!("; its check: {why}")).unwrap_or_default();
    let unheard = record.seconds.detect.filter(|_| record.rpo_at_least);
    let missing = match unheard.filter(|_| record.rpo_at_most.is_none()) {
        Some(unheard) => format!(
            "{}: the former one could write more in the {} after it was heard last",
            record.missing(),
            seconds(unheard)
        ),
        None if record.rpo_synchronous => format!(
            "{}: each commit waited for the new one (synchronous_standby_names)",
            record.missing()
        ),
        None => record.missing(),
    };
    let settled = match (&record.rpo_exact, &record.rpo_never) {
        (Some(Exact { at, server, position }), _) => {
            Some(format!("{server}, heard again {at}, had {position}"))
        }
        (None, Some(why)) => Some(format!("{} was heard again, and {why}", record.from)),
        (None, None) if record.rpo_at_most.is_some() => record.open_question(),
        (None, None) => None,
    };
    let settled = settled.map(|settled| ("what is known since", settled));
    let facts = [
        ("former primary", format!("{} ({answered}{why})", record.from)),
        (
            "new primary",
            match &record.to {
                Some(to) if *to == record.from => format!("{to}, again"),
                Some(to) => to.clone(),
                None => "nobody".to_owned(),
            },
        ),
        ("missing on the new one", missing),
        ("last seen on the former one", had(&record.history_before, &record.position_before)),
        ("the new one had when it took over", had(&record.history_after, &record.position_after)),
    ];
    facts.into_iter().chain(settled).collect()
}

fn facts(html: &mut String, title: &str, facts: &[Fact]) {
    let _ = writeln!(html, "<section><h2>{title}</h2><dl>");
    for (name, value) in facts {
        // A set of transactions is long.
        let class = if value.len() > 40 { " class=\"wide\"" } else { "" };
        let _ = writeln!(html, "<div{class}><dt>{name}</dt><dd>{}</dd></div>", escape(value));
    }
    html.push_str("</dl></section>\n");
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.3} s")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::failover::{Declared, Seconds};

    fn record() -> Record {
        Record {
            backend: "p<g".to_owned(),
            from: "a".to_owned(),
            to: Some("b".to_owned()),
            seconds: Seconds {
                detect: Some(0.5),
                promote: Some(1.0),
                attach: Some(0.1),
                total: Some(1.6),
                ..Seconds::default()
            },
            rpo: Some(0),
            rpo_unit: "bytes".to_owned(),
            ..Record::default()
        }
    }

    #[test]
    fn what_was_declared_is_compared_and_what_is_unknown_is_no_number() {
        let declared = Declared { rto: Some(1.0), rpo: Some(0) };
        let html = page(&record().judged(vec!["w".to_owned()], declared.clone()));
        assert!(html.contains("1.600 s of 1.000 s allowed") && html.contains(">missed<"), "{html}");
        assert!(html.contains("0 bytes of 0 bytes allowed") && html.contains(">met<"), "{html}");
        assert!(html.contains("p&lt;g") && !html.contains("p<g"));
        let unseen =
            Record { kind: Kind::Unseen, seconds: Seconds::default(), rpo: None, ..record() };
        let html = page(&unseen.judged(Vec::new(), declared));
        assert!(html.contains(">unknown<") && !html.contains("Timeline"), "{html}");
        assert!(html.contains("<dt>sessions cut</dt><dd>not known</dd>"), "{html}");
    }

    #[test]
    fn parts_begin_where_the_one_before_ends() {
        let spans = |record: &Record| {
            let millis = |(begin, end): (f64, f64)| {
                [begin, end].map(|seconds| (seconds * 1e3).round() as i64)
            };
            bars(record).into_iter().map(|(_, span, _)| span.map(millis)).collect::<Vec<_>>()
        };
        let mut record = record();
        assert_eq!(spans(&record), [Some([0, 500]), Some([500, 1500]), Some([1500, 1600])]);
        // The pause comes before anything is lost.
        (record.seconds.pause, record.seconds.total) = (Some(3.0), Some(3.0));
        let expected =
            [Some([0, 3000]), Some([1400, 1900]), Some([1900, 2900]), Some([2900, 3000])];
        assert_eq!(spans(&record), expected);
        record.seconds = Seconds { detect: Some(0.2), ..Seconds::default() };
        assert_eq!(spans(&record), [Some([0, 200]), None, None]);
    }
}
