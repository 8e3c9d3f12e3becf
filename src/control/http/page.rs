//! What each path shows. A page is made from the path and a snapshot, and nothing else.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};

use crate::control::prometheus;
use crate::control::snapshot::Snapshot;

/// A whole page.
pub(super) type Body = Full<Bytes>;

const TEXT: &str = "text/plain; charset=utf-8";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Index,
    Metrics,
    Health,
    Ready,
    NotFound,
    MethodNotAllowed,
}

impl Route {
    /// Whether the page shows the state of the process.
    pub(super) const fn needs_snapshot(self) -> bool {
        matches!(self, Self::Metrics | Self::Ready)
    }
}

/// Decides by method and path; the query does not matter.
pub(super) fn route(method: &Method, path: &str, metrics_path: &str) -> Route {
    if method != Method::GET && method != Method::HEAD {
        return Route::MethodNotAllowed;
    }
    match path {
        path if path == metrics_path => Route::Metrics,
        "/" => Route::Index,
        "/health" => Route::Health,
        "/ready" => Route::Ready,
        _ => Route::NotFound,
    }
}

/// Makes the page. hyper leaves the body out where the method was HEAD.
pub(super) fn render(
    route: Route,
    metrics_path: &str,
    snapshot: Option<&Snapshot>,
) -> Response<Body> {
    match (route, snapshot) {
        (Route::Index, _) => page(StatusCode::OK, TEXT, index(metrics_path)),
        (Route::Health, _) => page(StatusCode::OK, TEXT, "alive\n".to_owned()),
        (Route::Metrics, Some(snapshot)) => {
            page(StatusCode::OK, prometheus::CONTENT_TYPE, prometheus::render(snapshot))
        }
        (Route::Ready, Some(snapshot)) => ready(snapshot),
        (Route::Metrics | Route::Ready, None) => broken(),
        (Route::NotFound, _) => page(StatusCode::NOT_FOUND, TEXT, "not found\n".to_owned()),
        (Route::MethodNotAllowed, _) => {
            let text = "only GET and HEAD\n".to_owned();
            let mut response = page(StatusCode::METHOD_NOT_ALLOWED, TEXT, text);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
    }
}

/// The page could not be made.
pub(super) fn broken() -> Response<Body> {
    page(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "internal error\n".to_owned())
}

fn index(metrics_path: &str) -> String {
    format!(
        "{metrics_path}\tmetrics for Prometheus\n\
         /health\t200 while the process is alive\n\
         /ready\t200 while every backend that must serve can, else 503\n"
    )
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

fn page(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
