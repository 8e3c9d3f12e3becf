//! Pure: what each path shows. A page is made from the request and a snapshot, and nothing else.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    REFRESH, WWW_AUTHENTICATE, X_FRAME_OPTIONS,
};
use hyper::{Method, Response, StatusCode};

use super::asked::Asked;
use super::html::{self, View};
use super::options::{Form, Options};
use crate::config::model::{Action, Page, Stats};
use crate::control::prometheus::{self, selection::Selection};
use crate::control::snapshot::Snapshot;
use crate::control::stats::rows::{Filter, Row, rows};
use crate::control::stats::{columns, render, schema};

/// A whole page.
pub(super) type Body = Full<Bytes>;

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Index,
    Metrics,
    Health,
    Ready,
    /// `monitor-uri`
    Monitor,
    /// The statistics.
    Stats(Options),
    /// A form of the statistics page.
    Act(Options),
    Denied,
    /// Whoever asks must say who he is, for this realm.
    Unknown(String),
    NotFound,
    /// These would be allowed.
    MethodNotAllowed(&'static str),
}

impl Route {
    /// Whether the page shows the state of the process.
    pub(super) const fn needs_snapshot(&self) -> bool {
        matches!(self, Self::Metrics | Self::Ready | Self::Stats(_))
    }
}

/// Decides what is answered.
pub(super) fn route(asked: &Asked, site: &Stats) -> Route {
    let reads = asked.method == Method::GET || asked.method == Method::HEAD;
    if reads && site.monitor_uri.as_ref() == Some(&asked.target) {
        return Route::Monitor;
    }
    let mut is_metrics = site.metrics_path.as_deref() == Some(asked.path());
    match asked.action(&site.rules) {
        Some(Action::Deny) => return Route::Denied,
        Some(Action::Auth { realm }) => {
            return Route::Unknown(realm_of(realm.as_ref(), site.name.as_str()));
        }
        Some(Action::Metrics) => is_metrics = true,
        Some(Action::Allow) | None => {}
    }
    let path = asked.path();
    let page = site.page.as_ref().filter(|page| asked.target.starts_with(&page.uri));
    match page {
        _ if is_metrics && reads => Route::Metrics,
        _ if path == "/health" && reads => Route::Health,
        _ if path == "/ready" && reads => Route::Ready,
        Some(page) if !is_metrics => statistics(asked, page, reads),
        _ if !reads => Route::MethodNotAllowed("GET, HEAD"),
        _ if path == "/" => Route::Index,
        _ => Route::NotFound,
    }
}

fn statistics(asked: &Asked, page: &Page, reads: bool) -> Route {
    match asked.refusal(page) {
        Some(Action::Auth { realm }) => {
            return Route::Unknown(realm_of(realm.as_ref(), &page.realm));
        }
        Some(Action::Deny) => return Route::Denied,
        Some(Action::Allow | Action::Metrics) | None => {}
    }
    let options = Options::read(&asked.target[page.uri.len()..]);
    match &asked.method {
        _ if reads => Route::Stats(options),
        &Method::POST => Route::Act(options),
        _ => Route::MethodNotAllowed("GET, HEAD, POST"),
    }
}

fn realm_of(realm: Option<&String>, default: &str) -> String {
    realm.map_or(default, String::as_str).to_owned()
}

/// Whether who asks may change servers: an administrator's browser, with a form of our own.
pub(super) fn is_admin(asked: &Asked, page: &Page) -> bool {
    asked.is_own && page.admin.iter().any(|condition| asked.meets(condition))
}

/// Makes the page. hyper leaves the body out where the method was HEAD.
pub(super) fn render(
    route: Route,
    asked: &Asked,
    site: &Stats,
    snapshot: Option<&Snapshot>,
) -> Response<Body> {
    match (route, snapshot) {
        (Route::Index, _) => page(StatusCode::OK, TEXT, index(site)),
        (Route::Health, _) => page(StatusCode::OK, TEXT, "alive\n".to_owned()),
        (Route::Monitor, _) => {
            let text = "<!DOCTYPE html><title>200 OK</title><h1>200 OK</h1><p>Service ready.\n";
            page(StatusCode::OK, HTML, text.to_owned())
        }
        (Route::Metrics, Some(snapshot)) => {
            let query = asked.target.split_once('?').map_or("", |(_, query)| query);
            match Selection::read(query) {
                Ok(wanted) => {
                    let text = prometheus::render(snapshot, &wanted);
                    page(StatusCode::OK, prometheus::CONTENT_TYPE, text)
                }
                Err(error) => page(StatusCode::BAD_REQUEST, TEXT, format!("{error}\n")),
            }
        }
        (Route::Ready, Some(snapshot)) => ready(snapshot),
        (Route::Stats(options), Some(snapshot)) => match &site.page {
            Some(page) => stats(&options, page, is_admin(asked, page), snapshot),
            None => broken(),
        },
        (Route::Metrics | Route::Ready | Route::Stats(_) | Route::Act(_), _) => broken(),
        (Route::Denied, _) => page(StatusCode::FORBIDDEN, TEXT, "forbidden\n".to_owned()),
        (Route::Unknown(realm), _) => unknown(&realm),
        (Route::NotFound, _) => page(StatusCode::NOT_FOUND, TEXT, "not found\n".to_owned()),
        (Route::MethodNotAllowed(allowed), _) => {
            let text = format!("only {allowed}\n");
            let mut response = page(StatusCode::METHOD_NOT_ALLOWED, TEXT, text);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            response
        }
    }
}

/// The page could not be made.
pub(super) fn broken() -> Response<Body> {
    page(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "internal error\n".to_owned())
}

/// Sends the browser from a form back to the page, which says what became of it.
pub(super) fn after(done: &str, options: &Options, uri: &str) -> Response<Body> {
    let mut response = page(StatusCode::SEE_OTHER, TEXT, String::new());
    let target = format!("{uri};st={done}{}", options.kept());
    set(&mut response, LOCATION, &target);
    response
}

fn index(site: &Stats) -> String {
    let mut text = String::new();
    if let Some(page) = &site.page {
        text.push_str(&format!("{}\tstatistics\n", page.uri));
    }
    if let Some(path) = &site.metrics_path {
        text.push_str(&format!("{path}\tmetrics for Prometheus\n"));
    }
    text.push_str("/health\t200 while the process is alive\n");
    text.push_str("/ready\t200 while every backend that must serve can, else 503\n");
    text
}

/// 200 when all backends that must serve can; else 503 and a line for each that cannot.
fn ready(snapshot: &Snapshot) -> Response<Body> {
    let mut reasons = String::new();
    if snapshot.process.stopping {
        reasons.push_str("the process is stopping\n");
    }
    for backend in snapshot.backends.iter().filter(|backend| backend.required && !backend.up) {
        reasons.push_str(&format!("backend {} has no server available\n", backend.name));
    }
    if reasons.is_empty() {
        page(StatusCode::OK, TEXT, "ready\n".to_owned())
    } else {
        page(StatusCode::SERVICE_UNAVAILABLE, TEXT, reasons)
    }
}

fn unknown(realm: &str) -> Response<Body> {
    let mut response = page(StatusCode::UNAUTHORIZED, TEXT, "who are you?\n".to_owned());
    let realm = realm.replace('\\', "\\\\").replace('"', "\\\"");
    set(&mut response, WWW_AUTHENTICATE, &format!("Basic realm=\"{realm}\""));
    response
}

/// The statistics in the form that is wanted.
fn stats(options: &Options, page: &Page, is_admin: bool, snapshot: &Snapshot) -> Response<Body> {
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
    let mut response = self::page(StatusCode::OK, kind, text);
    if let Some(refresh) = page.refresh.filter(|_| !options.no_refresh) {
        let seconds = refresh.as_secs().max(1).to_string();
        // A page says itself where it is to be had again.
        if options.form != Form::Html {
            set(&mut response, REFRESH, &seconds);
        }
    }
    // Other pages can neither frame this one and its forms nor run anything in it.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                  form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    set(&mut response, CONTENT_SECURITY_POLICY, policy);
    set(&mut response, X_FRAME_OPTIONS, "DENY");
    response
}

fn name(row: &Row) -> String {
    let cell = row.cells()[columns::PXNAME].as_ref();
    cell.map(|cell| cell.value.to_string()).unwrap_or_default()
}

/// Sets a header; what cannot stand in one is left out.
fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
