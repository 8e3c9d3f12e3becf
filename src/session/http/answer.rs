//! What a request is answered with.

use std::sync::Arc;
use std::time::Duration;

use super::{FORM_BYTES_MAX, Reply, Source};
use crate::clock;
use crate::config::model::Page;
use crate::net::http::{self, Unread};
use crate::pure::acl::Truth;
use crate::pure::http::Answer;
use crate::pure::rules::http::{Before, Body, Content, Redirect, Respond};
use crate::pure::rules::pages::ErrorPage;
use crate::pure::rules::{Action, Rule, Step, next};
use crate::session::Session;
use crate::session::rules::{Closing, Walked};
use crate::state::http::{Form, comes_from};
use crate::state::{Backend, Registry};

/// Time to make a form's reader believe us: a form without a `timeout client` has this to arrive.
const FORM_TIMEOUT: Duration = Duration::from_secs(30);

impl Session {
    /// Decides what becomes of the request.
    pub(super) async fn reply(&mut self) -> Reply {
        let route = Arc::clone(&self.route);
        let Some(http) = &route.settings.http else { return Reply::End(Closing::Plainly) };
        let own =
            route.backend.as_ref().filter(|backend| *backend.name == *self.running.frontend.name);
        if let Some(own) = own {
            // Both halves of a `listen` section have its bytes.
            self.running.enter_backend(own);
        }
        if http.monitor_uri.as_deref() == Some(self.target()) {
            let fails = &route.settings.rules.monitor_fail;
            let view = self.view(&route.patterns, None, true);
            let failed = fails.iter().any(|condition| condition.holds(&view) == Truth::True);
            let status = if failed { 503 } else { 200 };
            return Reply::Answer(self.answer_of(status), Source::Monitor);
        }
        if self.content_rules().await.is_err() {
            return Reply::End(Closing::Plainly);
        }
        let rules = &route.settings.rules.requests;
        if let Some(reply) = self.ruled_reply(rules, &route.patterns).await {
            return reply;
        }
        if let Some(page) = &http.page
            && let Some(reply) = self.page(page, &route.patterns).await
        {
            return reply;
        }
        let Some(backend) = self.backend() else {
            if let Some(exchange) = &mut self.exchange {
                // HAProxy tells no time of a request that it sends nowhere.
                exchange.head = None;
            }
            return Reply::Answer(self.answer_of(503), Source::Nobody);
        };
        self.backend_reply(&backend).await
    }

    async fn backend_reply(&mut self, backend: &Arc<Backend>) -> Reply {
        let uptime = self.uptime();
        self.presence.enter(backend);
        self.outcome.enter(backend, uptime);
        self.running.enter_backend(backend);
        backend.requests.came(uptime);
        // A `listen` section has one list and one page.
        if *backend.name != *self.running.frontend.name {
            if self.backend_rules(backend).await.is_err() {
                return Reply::End(Closing::Plainly);
            }
            let ruling = Arc::clone(&backend.ruling());
            if let Some(reply) = self.ruled_reply(&ruling.rules.requests, &ruling.patterns).await {
                return reply;
            }
            let settings = Arc::clone(&backend.settings());
            if let Some(page) = settings.http.as_ref().and_then(|http| http.page.as_ref())
                && let Some(reply) = self.page(page, &ruling.patterns).await
            {
                return reply;
            }
        }
        backend.service.connect_errors.add(1);
        Reply::Answer(self.answer_of(503), Source::Nobody)
    }

    /// What is said of `status`: by the backend the request went to, by the frontend, or else by us.
    pub(super) fn answer_of(&mut self, status: u16) -> Answer {
        if let Some(backend) = &self.outcome.backend {
            let ruling = Arc::clone(&backend.ruling());
            if let Some(page) = ruling.rules.pages.of(status) {
                return self.page_of(status, page, &ruling.patterns);
            }
        }
        let route = Arc::clone(&self.route);
        match route.settings.rules.pages.of(status) {
            Some(page) => self.page_of(status, page, &route.patterns),
            None => Answer::plain(status),
        }
    }

    fn page_of(&mut self, status: u16, page: &ErrorPage, patterns: &Registry) -> Answer {
        match page {
            ErrorPage::Answer(content) => self.written(status, content, patterns),
            ErrorPage::Elsewhere(code, place) => {
                // What is logged and counted is why it was sent there.
                Answer::bare(*code, Vec::new()).uncached().with("location", place).because(status)
            }
        }
    }

    /// Path and query of the request.
    fn target(&self) -> &str {
        let request = self.exchange.as_ref().and_then(|exchange| exchange.request.as_ref());
        request.map_or("", |request| request.path_and_query())
    }

    /// What `rules` answer; `None`: nothing.
    async fn ruled_reply(&mut self, rules: &[Rule], patterns: &Registry) -> Option<Reply> {
        if rules.is_empty() {
            return None;
        }
        match self.walk(rules, patterns, None, true) {
            Walked::Through | Walked::Open(_) => None,
            Walked::Ended(closing) => {
                self.count_denial();
                Some(Reply::End(closing))
            }
            Walked::Answered(respond) => Some(self.respond(*respond, patterns).await),
        }
    }

    fn count_denial(&self) {
        self.count_denied(|traffic| &traffic.denied_requests);
        if let Some(backend) = &self.outcome.backend {
            backend.service.traffic.denied_requests.add(1);
        }
    }

    async fn respond(&mut self, respond: Respond, patterns: &Registry) -> Reply {
        match respond {
            Respond::Deny(written) => {
                self.count_denial();
                let answer = self.written(written.status, &written.content, patterns);
                Reply::Answer(answer, Source::Denial)
            }
            Respond::Return(written) => {
                let answer = self.written(written.status, &written.content, patterns);
                Reply::Answer(answer, Source::Rule)
            }
            Respond::Redirect(redirect) => {
                Reply::Answer(self.redirected(&redirect, patterns), Source::Rule)
            }
            Respond::Auth(realm) => {
                let realm = realm.unwrap_or_else(|| self.running.frontend.name.to_string());
                let realm = realm.replace('\\', "\\\\").replace('"', "\\\"");
                let realm = format!("Basic realm=\"{realm}\"");
                let answer = self.answer_of(401).with("www-authenticate", &realm);
                Reply::Answer(answer, Source::Rule)
            }
            Respond::Metrics => {
                let query = self.target().split_once('?').map_or("", |(_, query)| query).to_owned();
                let pages = Arc::clone(&self.door.context.pages);
                let answer = self.make(move || pages.metrics(&query)).await;
                Reply::Answer(answer, Source::Exporter)
            }
        }
    }

    /// The answer as it was written.
    fn written(&mut self, status: u16, content: &Content, patterns: &Registry) -> Answer {
        if let Some(exchange) = &mut self.exchange {
            // What is written may ask for it.
            exchange.status = Some(status);
        }
        let (body, headers) = match content {
            Content::Page => return self.answer_of(status),
            Content::File(file) => return Answer::filed(status, file.clone()),
            Content::Written { body, headers } => (body, headers),
        };
        let view = self.view(patterns, None, true);
        let answer = match body {
            None => Answer::bare(status, Vec::new()),
            Some((kind, Body::Bytes(bytes))) => Answer::new(status, kind, bytes.clone()),
            Some((kind, Body::Format(format))) => {
                Answer::new(status, kind, self.fill(format, &view))
            }
        };
        let headers = headers.iter();
        headers.fold(answer, |answer, (name, format)| answer.with(name, &self.fill(format, &view)))
    }

    fn redirected(&self, redirect: &Redirect, patterns: &Registry) -> Answer {
        let view = self.view(patterns, None, true);
        let mut place = self.fill(&redirect.to, &view);
        let request = self.exchange.as_ref().and_then(|exchange| exchange.request.as_ref());
        let host = request.and_then(|request| request.header("host")).unwrap_or_default();
        match redirect.before {
            Before::Nothing => {}
            Before::Path => place.push_str(self.target()),
            Before::Host => place = format!("{place}://{host}{}", self.target()),
        }
        Answer::bare(redirect.status, Vec::new()).uncached().with("location", &place)
    }

    /// The statistics page, if it is what is asked for.
    async fn page(&mut self, page: &Page, patterns: &Registry) -> Option<Reply> {
        let request = self.exchange.as_ref()?.request.as_ref()?;
        let wanted = request.path_and_query().strip_prefix(&page.uri)?.to_owned();
        let reads = matches!(request.method.as_str(), "GET" | "HEAD");
        if !reads && request.method != "POST" {
            return None;
        }
        if let Some(respond) = self.refusal(page, patterns) {
            return Some(match self.respond(respond, patterns).await {
                Reply::Answer(answer, Source::Rule) => Reply::Answer(answer, Source::Statistics),
                Reply::Answer(answer, Source::Denial) => {
                    Reply::Answer(answer, Source::StatisticsDenial)
                }
                reply => reply,
            });
        }
        let admin = self.may_act(page, patterns);
        let (pages, page) = (Arc::clone(&self.door.context.pages), page.clone());
        if reads {
            let made = self.make(move || pages.statistics(&page, &wanted, admin)).await;
            return Some(Reply::Answer(made, Source::Statistics));
        }
        let may = admin && self.exchange.as_ref()?.request.as_ref()?.is_from_its_host();
        let form = match self.form(may).await {
            Ok(form) => form,
            Err(answer) => return Some(Reply::Answer(answer, Source::Statistics)),
        };
        let made = self.make(move || pages.act(&page, &wanted, form)).await;
        Some(Reply::Answer(made, Source::Statistics))
    }

    /// Whether who asks may change servers.
    fn may_act(&self, page: &Page, patterns: &Registry) -> bool {
        let view = self.view(patterns, None, true);
        let mut conditions = page.admin.iter().map(|written| &written.meaning);
        conditions.any(|condition| condition.holds(&view) == Truth::True)
    }

    /// What who may not see the page is told.
    fn refusal(&self, page: &Page, patterns: &Registry) -> Option<Respond> {
        let request = self.exchange.as_ref()?.request.as_ref()?;
        if page.rules.is_empty() {
            // All of them are looked at, so that the time tells nothing.
            let known = page.auth.iter().fold(false, |known, it| known | comes_from(request, it));
            let refused = !page.auth.is_empty() && !known;
            return refused.then(|| Respond::Auth(Some(page.realm.clone())));
        }
        let rules: Vec<Rule> = page.rules.iter().map(|rule| rule.meaning.clone()).collect();
        let step = next(&rules, 0, &self.view(patterns, None, true));
        let Step::Perform(Action::Respond(respond), _) = step else { return None };
        Some(match (**respond).clone() {
            Respond::Auth(realm) => Respond::Auth(realm.or_else(|| Some(page.realm.clone()))),
            respond => respond,
        })
    }

    /// Reads the form that comes with the request, where who sends it may.
    async fn form(&mut self, may: bool) -> Result<Form, Answer> {
        let broken = || Answer::plain(500);
        let exchange = self.exchange.as_ref().ok_or_else(broken)?;
        let request = exchange.request.as_ref().ok_or_else(broken)?;
        if !may {
            return Ok(Form::Denied);
        }
        let (at, framing) = (exchange.used, request.framing);
        if request.expects_continue() && self.early.len() <= at {
            let told = b"HTTP/1.1 100 Continue\r\n\r\n";
            let limit = self.route.settings.timeouts.client;
            let _ = http::write(&mut self.client, told, limit, |_| {}).await;
        }
        let timeouts = self.route.settings.timeouts;
        let limit = timeouts.http_request.or(timeouts.client).unwrap_or(FORM_TIMEOUT);
        let (client, early) = (&mut self.client, &mut self.early);
        let read = http::read_body(client, early, at, framing, FORM_BYTES_MAX, Some(limit)).await;
        match read {
            Ok((Some(form), used)) => {
                if let Some(exchange) = &mut self.exchange {
                    exchange.used += used;
                    exchange.whole = true;
                }
                Ok(Form::Text(form))
            }
            Ok((None, _)) => Ok(Form::TooLong),
            Err(Unread::Late) => Err(self.answer_of(408)),
            Err(Unread::Bad | Unread::Left) => Err(self.answer_of(400)),
        }
    }

    /// Makes an answer beside the worker, which has others' bytes to relay. A client that has reset
    /// while the answers of others were made gets none.
    async fn make(&mut self, make: impl FnOnce() -> Answer + Send + 'static) -> Answer {
        let turn = Arc::clone(&self.door.context.renders).acquire_owned().await;
        if self.client.has_failed() {
            return Answer::plain(400);
        }
        let made = tokio::task::spawn_blocking(move || {
            let answer = make();
            drop(turn);
            answer
        });
        let answer = made.await.unwrap_or_else(|_| Answer::plain(500));
        if let Some(exchange) = &mut self.exchange {
            exchange.note_made(clock::now());
        }
        answer
    }
}
