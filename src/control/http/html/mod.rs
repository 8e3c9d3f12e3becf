//! Pure: the statistics page as HTML.
//!
//! It is a document without scripts: tables with captions and headers, which terminal browsers show
//! as they are, and which become cards where the window is narrow. What is text comes from names,
//! checks and peers: all of it is escaped.
//!
//! Scripts that read HAProxy's page find what they look for in it where that is to be had: heading and
//! title, process id and uptime, `<a name="backend/server">`, the classes of rows, and the form's fields.
//! Who wants figures asks for `;csv`, whose columns are HAProxy's.

mod table;

use std::fmt::Write as _;

use self::table::table;
use super::action::ACTIONS;
use super::options::Options;
use crate::config::model::Page;
use crate::control::snapshot::{Process, Snapshot};
use crate::control::stats::rows::{Kind, Row};

/// The look.
const STYLE: &str = include_str!("page.css");

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// How it was configured.
    pub(super) page: &'a Page,
    /// What is asked for.
    pub(super) options: &'a Options,
    /// Who asks may change servers.
    pub(super) is_admin: bool,
    /// What is true now.
    pub(super) snapshot: &'a Snapshot,
    /// Rows that are shown, in order.
    pub(super) rows: &'a [Row],
}

/// The document.
pub(super) fn document(view: &View<'_>) -> String {
    let process = &view.snapshot.process;
    let node = view.page.node.as_deref();
    let node = node.map(|node| if node.is_empty() { process.node.as_str() } else { node });
    let on = node.map(|node| format!(" on {}", escape(node))).unwrap_or_default();
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\">\n\
         {}<title>Statistics Report for Evenkeel{on}</title>\n<style>{STYLE}</style></head><body>\n",
        refresh(view),
    );
    let version = match view.page.hide_version {
        true => String::new(),
        false => format!(" <span class=\"dim\">{}</span>", escape(&process.version)),
    };
    let _ = writeln!(html, "<h1>Evenkeel{version}</h1>");
    let _ = writeln!(html, "<h2>Statistics Report for pid {}{on}</h2>", process.pid);
    let own = view.page.description.as_deref();
    let global = || process.description.as_deref();
    if let Some(text) = own.and_then(|text| Some(text).filter(|it| !it.is_empty()).or_else(global))
    {
        let _ = writeln!(html, "<p>{}</p>", escape(text));
    }
    notice(&mut html, view);
    links(&mut html, view);
    about(&mut html, process, view.page.hide_version);
    for rows in proxies(view.rows) {
        proxy(&mut html, view, rows);
    }
    html.push_str("</body></html>\n");
    html
}

/// Text as it may stand between tags and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A browser that followed an action would repeat what it was told: it asks for the page itself.
fn refresh(view: &View<'_>) -> String {
    match view.page.refresh.filter(|_| !view.options.no_refresh) {
        Some(interval) => {
            let target = format!("{}{}", view.page.uri, view.options.kept());
            let (seconds, target) = (interval.as_secs().max(1), escape(&target));
            format!("<meta http-equiv=\"refresh\" content=\"{seconds};url={target}\">\n")
        }
        None => String::new(),
    }
}

/// What became of an action, by HAProxy's word for it.
fn notice(html: &mut String, view: &View<'_>) {
    let (class, text) = match view.options.state.as_deref() {
        Some("DONE") => ("good", "Done."),
        Some("NONE") => ("bad", "Nothing changed."),
        Some("PART") => ("bad", "Only some of the servers were found."),
        Some("ERRP") => ("bad", "The request was not understood: nothing changed."),
        Some("EXCD") => ("bad", "The request was too long: choose fewer servers."),
        Some("DENY") => ("bad", "You may not change servers here."),
        Some(_) => ("bad", "Something unexpected happened."),
        None => return,
    };
    let _ = writeln!(html, "<p class=\"note {class}\" role=\"status\">{text}</p>");
}

fn links(html: &mut String, view: &View<'_>) {
    let options = view.options;
    let uri = &view.page.uri;
    let link = |options: &Options, form: &str, text: &str| {
        let target = escape(&format!("{uri}{form}{}", options.kept()));
        format!("<a href=\"{target}\">{text}</a>\n")
    };
    html.push_str("<nav>");
    let up = Options { only_up: !options.only_up, ..options.clone() };
    html.push_str(&link(&up, "", if options.only_up { "Show all servers" } else { "Only up" }));
    let maint = Options { no_maint: !options.no_maint, ..options.clone() };
    let text = if options.no_maint { "Show maintenance" } else { "Hide maintenance" };
    html.push_str(&link(&maint, "", text));
    if view.page.refresh.is_some() {
        let still = Options { no_refresh: !options.no_refresh, ..options.clone() };
        let text = if options.no_refresh { "Refresh" } else { "Stop refreshing" };
        html.push_str(&link(&still, "", text));
    }
    for (form, text) in [("", "Now"), (";csv", "CSV"), (";json", "JSON")] {
        html.push_str(&link(options, form, text));
    }
    if options.scope.is_some() {
        html.push_str(&link(&Options { scope: None, ..options.clone() }, "", "All proxies"));
    }
    html.push_str("</nav>\n");
}

fn about(html: &mut String, process: &Process, hide_version: bool) {
    let limit = |limit: u32| if limit == 0 { String::new() } else { format!(" of {limit}") };
    let connections = &process.connections;
    let facts = [
        ("Connections", format!("{}{}", connections.current, limit(process.max_connections))),
        ("Connections in all", connections.total.to_string()),
        ("Rate", format!("{}/s, most {}/s", connections.rate, connections.rate_max)),
        ("Sent", table::bytes(process.bytes_out)),
        ("Descriptors", format!("{} at most", process.max_fds)),
        ("Listeners", process.listeners.to_string()),
        ("Jobs", process.jobs.to_string()),
        ("Log lines lost", process.dropped_logs.to_string()),
        ("State", if process.stopping { "stopping" } else { "running" }.to_owned()),
    ];
    let _ = write!(
        html,
        "<section><p class=\"sys\"><b>pid = </b> {} (process #1, nbproc = 1, nbthread = {})<br>\n\
         <b>uptime = </b> {}<br>\n<b>maxsock = </b> {}; <b>maxconn = </b> {}; \
         current conns = {}; conn rate = {}/sec</p>\n<dl>",
        process.pid,
        process.threads,
        uptime(process.uptime.as_secs()),
        process.max_sockets,
        process.max_connections,
        connections.current,
        connections.rate,
    );
    if !hide_version {
        // Monitors look for this text, up to the comma.
        let (version, date) = (process.claimed_version, process.claimed_date);
        let _ = write!(
            html,
            "<div><dt>Speaks as</dt><dd>HAProxy version {version}, released {date}</dd></div>"
        );
    }
    for (name, value) in facts {
        let _ = write!(html, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    html.push_str("</dl></section>\n");
}

/// `3d 4h05m06s`
fn uptime(seconds: u64) -> String {
    let (days, hours) = (seconds / 86400, seconds / 3600 % 24);
    format!("{days}d {hours}h{:02}m{:02}s", seconds / 60 % 60, seconds % 60)
}

/// Rows of one proxy, proxy after proxy; both halves of a `listen` section are one.
fn proxies(rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    rows.chunk_by(|one, other| one.proxy == other.proxy)
}

fn proxy(html: &mut String, view: &View<'_>, rows: &[Row]) {
    let Some(first) = rows.first() else { return };
    let name = escape(&table::text(first, crate::control::stats::columns::PXNAME));
    let has_servers = rows.iter().any(|row| row.kind == Kind::Server);
    let acts = view.is_admin && has_servers;
    let _ = writeln!(
        html,
        "<section id=\"{name}\"><header><h2 class=\"pxname\"><a name=\"{name}\"></a>\
         <a class=\"px\" href=\"#{name}\">{name}</a></h2></header>"
    );
    if acts {
        let target = escape(&format!("{}{}", view.page.uri, view.options.kept()));
        let _ = writeln!(html, "<form method=\"post\" action=\"{target}\">");
    }
    table(html, view, rows, &name, acts);
    if acts {
        let _ = write!(
            html,
            "<div class=\"act\"><label for=\"a{0}\">Chosen servers:</label>\n\
             <select name=\"action\" id=\"a{0}\"><option value=\"\">choose</option>",
            first.proxy
        );
        for (action, text) in ACTIONS.iter().filter(|(_, text)| !text.is_empty()) {
            let _ = write!(html, "<option value=\"{action}\">{text}</option>");
        }
        let _ = writeln!(
            html,
            "</select>\n<input type=\"hidden\" name=\"b\" value=\"#{}\">\
             <button type=\"submit\">Apply</button></div></form>",
            first.proxy
        );
    }
    html.push_str("</section>\n");
}

#[cfg(test)]
mod tests;
