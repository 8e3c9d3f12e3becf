//! Pure: the record of a drill as a page of its own, with a chart of its times.

use std::fmt::Write as _;

use super::record::Record;

/// The look: dark where the reader's system is.
const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b2430;--dim:#5c6877;--line:#dfe4ea;\
--a:#b42318;--b:#8a5a00;--c:#157347}\
@media(prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1a2028;--ink:#e4e9ef;--dim:#98a4b3;\
--line:#2d3642;--a:#ff8a80;--b:#e5b567;--c:#4cc38a}}\
body{margin:0 auto;max-width:52rem;padding:1rem;background:var(--bg);color:var(--ink);\
font:15px/1.5 system-ui,sans-serif}section{background:var(--card);border:1px solid var(--line);\
border-radius:.5rem;padding:.75rem 1rem;margin:1rem 0}h1{font-size:1.3rem}svg{width:100%;height:auto}\
text{fill:var(--ink);font-size:13px}.dim{color:var(--dim);fill:var(--dim)}.good{color:var(--c)}\
.bad{color:var(--a)}dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));\
gap:.5rem 1rem;margin:0}dt{color:var(--dim);font-size:.8rem}dd{margin:0;overflow-wrap:anywhere}";

/// Width of the bars in the chart, in its own units.
const WIDTH: f64 = 480.0;

/// The time that was declared is drawn up to so many times what was measured.
const RTO_SHOWN: f64 = 4.0;

/// The document.
#[must_use]
pub(in crate::app) fn page(record: &Record) -> String {
    let Record { route, backend, fault, started_at, from, .. } = record;
    let title = format!("Drill: {fault} of {backend}/{from} behind {route}");
    let broken = record.broken();
    let verdict = match &broken[..] {
        [] => "<p class=\"good\">What was declared is kept.</p>".to_owned(),
        broken => format!("<p class=\"bad\">Not kept: {}.</p>", escape(&broken.join("; "))),
    };
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style></head><body>\n\
         <h1>{title}</h1>\n<p class=\"dim\">{started_at}</p>\n{verdict}\n",
        title = escape(&title),
        started_at = escape(started_at),
    );
    chart(&mut html, record);
    facts(&mut html, record);
    html.push_str("</body></html>\n");
    html
}

/// One bar a part, from the end of the one before.
fn chart(html: &mut String, record: &Record) {
    let ends = [
        ("noticed", record.detected, "--a"),
        ("new primary", record.promoted, "--b"),
        ("served again", record.served, "--c"),
    ];
    let total = ends.iter().filter_map(|(_, end, _)| *end).fold(0.001, f64::max);
    // Far beyond what was measured it would leave nothing of the bars.
    let shown = record.rto.filter(|rto| *rto <= total * RTO_SHOWN);
    let total = shown.unwrap_or(total).max(total);
    let x = |seconds: f64| 110.0 + seconds / total * WIDTH;
    // Writing to a string cannot fail.
    let _ = writeln!(
        html,
        "<section><svg viewBox=\"0 0 680 150\" role=\"img\" aria-label=\"Times since the fault\">"
    );
    let mut begun = 0.0;
    for (row, (name, end, color)) in ends.into_iter().enumerate() {
        let y = 14 + row * 34;
        let _ = writeln!(html, "<text x=\"0\" y=\"{}\">{name}</text>", y + 15);
        let Some(end) = end else {
            let _ = writeln!(html, "<text class=\"dim\" x=\"110\" y=\"{}\">never</text>", y + 15);
            continue;
        };
        let (left, width) = (x(begun), (x(end) - x(begun)).max(2.0));
        let _ = writeln!(
            html,
            "<rect x=\"{left:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"20\" rx=\"3\" \
             fill=\"var({color})\"/><text x=\"{:.1}\" y=\"{}\">{end:.3} s</text>",
            left + width + 6.0,
            y + 15
        );
        begun = end;
    }
    if let (Some(rto), None) = (record.rto, shown) {
        let _ = writeln!(
            html,
            "<text class=\"dim\" text-anchor=\"end\" x=\"675\" y=\"136\">rto {rto} s</text>"
        );
    }
    if let Some(rto) = shown {
        let at = x(rto);
        let _ = writeln!(
            html,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"6\" y2=\"118\" stroke=\"var(--dim)\" \
             stroke-dasharray=\"4 3\"/><text class=\"dim\" text-anchor=\"middle\" x=\"{at:.1}\" \
             y=\"136\">rto {rto} s</text>"
        );
    }
    html.push_str("</svg></section>\n");
}

fn facts(html: &mut String, record: &Record) {
    let mut facts = vec![
        ("new primary", record.to.clone().unwrap_or_else(|| "nobody".to_owned())),
        ("clients of the drill served", record.probes_good.to_string()),
        ("of them with an error", record.probes_failed.to_string()),
        ("longest wait", format!("{:.3} s", record.longest_wait)),
    ];
    if let Some(failover) = &record.failover {
        facts.extend([
            ("sessions cut", failover.sessions_cut.to_string()),
            ("clients held", failover.clients_held.to_string()),
            ("missing on the new primary", format!("{} {}", failover.rpo, failover.rpo_unit)),
            ("the old one had", had(&failover.history_before, &failover.position_before)),
            ("the new one had then", had(&failover.history_after, &failover.position_after)),
        ]);
    }
    facts.extend(record.rpo.map(|rpo| ("rpo declared", rpo.to_string())));
    html.push_str("<section><dl>\n");
    for (name, value) in facts {
        let _ = writeln!(html, "<div><dt>{name}</dt><dd>{}</dd></div>", escape(&value));
    }
    html.push_str("</dl></section>\n");
}

fn had(history: &str, position: &str) -> String {
    match position {
        "" => history.to_owned(),
        position => format!("{position}, {history}"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_declared_and_not_kept_is_said() {
        let mut record = Record {
            route: "w<".to_owned(),
            backend: "pg".to_owned(),
            fault: "kill".to_owned(),
            started_at: String::new(),
            from: "a".to_owned(),
            to: Some("b".to_owned()),
            detected: Some(0.01),
            promoted: Some(1.5),
            served: Some(1.6),
            probes_good: 10,
            probes_failed: 0,
            longest_wait: 1.6,
            rto: Some(2.0),
            rpo: Some(0),
            failover: None,
        };
        let html = page(&record);
        assert!(html.contains("is kept") && html.contains("1.600 s") && html.contains("w&lt;"));
        record.rto = Some(1.0);
        assert_eq!(record.broken(), ["it took 1.600 s, more than the rto"]);
        record.served = None;
        assert!(page(&record).contains("Not kept: nobody was served again in time."));
        assert!(page(&record).contains(">never<"));
    }
}
