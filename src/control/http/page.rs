//! Pure: the statistics page, metrics and readiness. Each is made from what is asked for and a
//! snapshot, and nothing else.

use super::html::{self, View};
use super::options::{Form, Options, form};
use crate::config::model::{Page, Stats};
use crate::control::prometheus::{self, selection::Selection};
use crate::control::snapshot::Snapshot;
use crate::control::stats::rows::{Filter, Row, rows};
use crate::control::stats::{columns, render, schema};
use crate::pure::http::Answer;
use crate::pure::http::answer::{HTML, TEXT};

/// Sends the browser from a form back to the page, which says what became of it.
pub(super) fn after(done: &str, options: &Options, uri: &str) -> Answer {
    let target = format!("{uri};st={done}{}", options.kept());
    Answer::new(303, TEXT, "").uncached().with("location", &target)
}

/// What there is.
pub(super) fn index(stats: &Stats) -> Answer {
    let path = &stats.metrics_path;
    let text = format!(
        "{path}\tmetrics for Prometheus\n/health\t200 while the process is alive\n\
         /ready\t200 while every backend that must serve can, else 503\n"
    );
    Answer::new(200, TEXT, text).uncached()
}

/// The metrics that `query` selects.
pub(super) fn exposition(query: &str, snapshot: &Snapshot) -> Answer {
    let answer = match Selection::read(&form(query)) {
        Ok(wanted) => {
            Answer::new(200, prometheus::CONTENT_TYPE, prometheus::render(snapshot, &wanted))
        }
        Err(error) => Answer::new(400, TEXT, format!("{error}\n")),
    };
    answer.uncached()
}

/// 200 when all backends that must serve can; else 503 and a line for each that cannot.
pub(super) fn ready(snapshot: &Snapshot) -> Answer {
    let mut reasons = String::new();
    if snapshot.process.stopping {
        reasons.push_str("the process is stopping\n");
    }
    for backend in snapshot.backends.iter().filter(|backend| backend.required && !backend.up) {
        reasons.push_str(&format!("backend {} has no server available\n", backend.name));
    }
    let answer = match reasons.is_empty() {
        true => Answer::new(200, TEXT, "ready\n"),
        false => Answer::new(503, TEXT, reasons),
    };
    answer.uncached()
}

/// The statistics in the form that is wanted.
pub(super) fn stats(options: &Options, page: &Page, is_admin: bool, snapshot: &Snapshot) -> Answer {
    let filter = Filter {
        no_maint: options.no_maint,
        only_up: options.only_up,
        secrets: page.legends,
        ..Filter::ALL
    };
    let mut rows = rows(snapshot, &filter);
    rows.retain(|row| {
        let name = name(row);
        options.admits(&name) && (page.scope.is_empty() || page.scope.contains(&name))
    });
    let (kind, text) = match options.form {
        Form::Csv => (TEXT, render::stat(&rows, render::Form::Plain, false)),
        Form::Typed => (TEXT, render::stat(&rows, render::Form::Typed, false)),
        Form::Json => ("application/json", render::stat(&rows, render::Form::Json, false)),
        Form::Schema => ("application/json", schema::SCHEMA.to_owned()),
        Form::Html => {
            let view = View { page, options, is_admin, snapshot, rows: &rows };
            (HTML, html::document(&view))
        }
    };
    let mut answer = Answer::new(200, kind, text).uncached();
    if let Some(refresh) = page.refresh.filter(|_| !options.no_refresh) {
        let seconds = refresh.as_secs().max(1).to_string();
        // A page says itself where it is to be had again.
        if options.form != Form::Html {
            answer = answer.with("refresh", &seconds);
        }
    }
    // Other pages can neither frame this one and its forms nor run anything in it.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                  form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    answer.with("content-security-policy", policy).with("x-frame-options", "DENY")
}

fn name(row: &Row) -> String {
    let cell = row.cells()[columns::PXNAME].as_ref();
    cell.map(|cell| cell.value.to_string()).unwrap_or_default()
}
