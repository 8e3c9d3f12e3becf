//! Pure: statements -> compiled rules.
//!
//! A condition may name the [ACLs](super::acls) that begin above it.

use std::collections::HashMap;
use std::time::Duration;

use haproxy_compat::diag::{Diagnostic, Severity};
use haproxy_compat::span::Span;
use haproxy_compat::units::{self, TimeUnit};

use super::context::Context;
use super::patterns::Lines;
use super::references::References;
use super::stick::Tables;
use crate::config::model::{BackendRules, FrontendRules, Page, PatternSet};
use crate::config::raw::{self, Statement};
use crate::pure::acl::pattern::PatternsId;
use crate::pure::acl::{Acl, AclError, Condition, Test};
use crate::pure::rules::pages::ErrorPages;
use crate::pure::rules::{Action, Choice, Persistence, Rule, RuleSet};
use crate::pure::sample::{Expr, FileName, Stage};

/// What rules refer to, kept until all of them are read.
#[derive(Default)]
pub(super) struct Rulebook {
    pub(super) patterns: Vec<PatternSet>,
    /// Those of each statement of a proxy, in order: both halves of a `listen` have the same.
    pub(super) shared: HashMap<(String, String, usize), PatternsId>,
    /// The statement that is read now, and how many patterns were met in it.
    pub(super) statement: Option<(String, usize)>,
    /// Predefined ACLs in use, by proxy and name.
    pub(super) predefined: HashMap<(String, String), PatternsId>,
    /// Every file is read once.
    pub(super) files: HashMap<(FileName, bool), Lines>,
    /// Proxies and servers that are asked about.
    pub(super) references: References,
    pub(super) tables: Tables,
}

impl Rulebook {
    /// What stands at `span`, in the section of `owner`, is read now.
    pub(super) fn begin(&mut self, span: Span, owner: &str) {
        self.tables.place = Some((span, owner.to_owned()));
        self.statement = None;
    }

    /// A statement of `owner` is read now.
    pub(super) fn begin_statement(&mut self, statement: &Statement, owner: &str) {
        self.begin(statement.span, owner);
        self.statement = Some((statement.text(), 0));
    }
}

impl Context<'_> {
    /// All patterns, once no rule is left to read.
    pub(super) fn take_patterns(&mut self) -> Vec<PatternSet> {
        std::mem::take(&mut self.rulebook.patterns)
    }

    /// The rules of a frontend, called `what` in messages.
    pub(super) fn frontend_rules(
        &mut self,
        name: &str,
        what: &str,
        raw: &raw::Frontend,
    ) -> (FrontendRules, Option<Page>) {
        let acls = self.acls(name, &raw.rules);
        let mut rules = FrontendRules::default();
        for statement in &raw.rules {
            rules.statements.push(statement.text());
            self.rulebook.begin_statement(statement, name);
            let known = Known { what, acls: &acls, statement };
            match (statement.keyword(), statement.second()) {
                ("acl", _) => {}
                ("stick-table", _) => self.stick_table(name, statement, 1),
                ("tcp-request", "inspect-delay") => rules.inspect_delay = self.delay(statement),
                ("tcp-request", "connection") => {
                    rules.connection.extend(self.rule(RuleSet::Connection, 2, &known));
                }
                ("tcp-request", "session") => {
                    rules.session.extend(self.rule(RuleSet::Session, 2, &known));
                }
                ("tcp-request", "content") => {
                    rules.content.extend(self.rule(RuleSet::Content, 2, &known));
                }
                ("http-request", _) if self.speaks_http => {
                    rules.requests.extend(self.rule(RuleSet::Request, 1, &known));
                }
                (keyword, _) if self.speaks_http && ErrorPages::knows(keyword) => {
                    self.error_page(&mut rules.pages, &known);
                }
                ("monitor", "fail") if self.speaks_http => {
                    rules.monitor_fail.extend(self.condition(2, &known));
                }
                ("use_backend", _) => {
                    let choice = self.choice(Stage::Switching, &known);
                    if let Some(name) = choice.as_ref().and_then(|choice| choice.target.fixed()) {
                        let span = statement.words[1].span;
                        self.rulebook.references.switches.push((span, name.to_owned()));
                    }
                    rules.switching.extend(choice);
                }
                _ => self.stranger(what, statement),
            }
        }
        self.unwaited(what, &raw.rules, &rules.content, rules.inspect_delay);
        let page = raw.http.page.as_ref();
        let page = page.map(|page| self.page(page, &raw.name.value, what, &acls));
        (rules, page)
    }

    /// The rules of a backend.
    pub(super) fn backend_rules(
        &mut self,
        name: &str,
        what: &str,
        raw: &raw::Backend,
    ) -> (BackendRules, Option<Page>) {
        let acls = self.acls(name, &raw.rules);
        let mut rules = BackendRules::default();
        for statement in &raw.rules {
            rules.statements.push(statement.text());
            self.rulebook.begin_statement(statement, name);
            let known = Known { what, acls: &acls, statement };
            match (statement.keyword(), statement.second()) {
                ("acl", _) => {}
                ("stick-table", _) => self.stick_table(name, statement, 1),
                ("tcp-request", "inspect-delay") => rules.inspect_delay = self.delay(statement),
                ("tcp-response", "inspect-delay") => rules.response_delay = self.delay(statement),
                ("tcp-request", "content") => {
                    rules.content.extend(self.rule(RuleSet::BackendContent, 2, &known));
                }
                ("tcp-response", "content") => {
                    rules.response.extend(self.rule(RuleSet::Response, 2, &known));
                }
                ("http-request", _) if self.speaks_http => {
                    rules.requests.extend(self.rule(RuleSet::Request, 1, &known));
                }
                (keyword, _) if self.speaks_http && ErrorPages::knows(keyword) => {
                    self.error_page(&mut rules.pages, &known);
                }
                ("use-server", _) => {
                    rules.servers.extend(self.choice(Stage::ServerChoice, &known));
                }
                ("stick", _) => rules.sticking.extend(self.stick(&known)),
                ("force-persist" | "ignore-persist", _) => {
                    rules.persistence.extend(self.persistence(&known));
                }
                _ => self.stranger(what, statement),
            }
        }
        let page = raw.http.page.as_ref();
        let page = page.map(|page| self.page(page, &raw.name.value, what, &acls));
        (rules, page)
    }

    /// A condition behind the first `skipped` words.
    pub(super) fn condition(&mut self, skipped: usize, known: &Known<'_>) -> Option<Condition> {
        let condition = Condition::parse(&known.words(skipped), &known.acls(), self);
        let condition = self.read(known, skipped, condition)?;
        self.judge(Some(&condition), Stage::HttpRequest, known);
        Some(condition)
    }

    /// What is said of a status.
    fn error_page(&mut self, pages: &mut ErrorPages, known: &Known<'_>) {
        // Both halves of a `listen` section have the statement: what is wrong in it is told once.
        if let Err(error) = pages.read(&known.words(0), self)
            && !known.statement.words.iter().any(|word| self.is_told(word.span))
        {
            self.wrong(known.statement, 0, error);
        }
    }

    /// Whether something is wrong at `span` that was told.
    pub(super) fn is_told(&self, span: Span) -> bool {
        let is_here = |it: &Diagnostic| it.span == Some(span) && it.severity == Severity::Alert;
        self.report.iter().any(is_here)
    }

    fn stranger(&mut self, what: &str, statement: &Statement) {
        let written = format!("{} {}", statement.keyword(), statement.second());
        let message = format!("'{}' is no rule of {what}", written.trim_end());
        self.report.alert(statement.span, message);
        let help = match statement.keyword() {
            "tcp-request" => "it can be connection, session, content or inspect-delay",
            "tcp-response" => "it can be content or inspect-delay, in a backend",
            _ => {
                "rules are acl, tcp-request, tcp-response, use_backend, use-server, stick-table and stick"
            }
        };
        self.report.help(help);
    }

    /// A rule behind the first `skipped` words.
    pub(super) fn rule(&mut self, set: RuleSet, skipped: usize, known: &Known<'_>) -> Option<Rule> {
        let words = known.words(skipped);
        let rule = Rule::parse(set, &words, &known.acls(), self);
        let mut rule = self.read(known, skipped, rule)?;
        let (what, span) = (known.what, known.statement.span);
        match &mut rule.action {
            Action::Track { key, table, .. } => {
                *table = self.keyed_table(table.take(), key, span, false);
            }
            Action::Counter(_) if words.len() == 1 && words[0].starts_with("sc-set-gpt") => {
                let message = format!("{what}: '{}' lacks its value: it is read as 0", words[0]);
                self.report.warning(span, message);
            }
            _ => {}
        }
        if let Action::SetVarFormat(_, format) = &rule.action {
            for expr in format.samples() {
                self.refer(span, expr);
            }
        }
        if let Some(expr) = sample_of(&rule.action) {
            self.refer(span, expr);
            if !expr.tells_at(set.stage()) {
                let message = format!(
                    "{what}: '{}' has nothing to tell in {}",
                    expr.text,
                    set.stage().describe()
                );
                self.report.alert(span, message);
            }
        }
        self.judge(rule.condition.as_ref(), set.stage(), known);
        Some(rule)
    }

    fn choice(&mut self, stage: Stage, known: &Known<'_>) -> Option<Choice> {
        let words = known.words(1);
        let choice = Choice::parse(&words, &known.acls(), self);
        let choice = self.read(known, 1, choice)?;
        let span = known.statement.span;
        for expr in choice.target.samples() {
            if let Err(why) = self.told_at(span, expr.clone(), stage) {
                self.report.alert(span, format!("{}: {}", known.what, why.message));
            }
        }
        self.judge(choice.condition.as_ref(), stage, known);
        Some(choice)
    }

    fn persistence(&mut self, known: &Known<'_>) -> Option<Persistence> {
        let words = known.words(1);
        let force = known.statement.keyword() == "force-persist";
        let rule = Persistence::parse(force, &words, &known.acls(), self);
        let rule = self.read(known, 1, rule)?;
        self.judge(Some(&rule.condition), Stage::ServerChoice, known);
        Some(rule)
    }

    pub(super) fn read<T>(
        &mut self,
        known: &Known<'_>,
        skipped: usize,
        parsed: Result<T, AclError>,
    ) -> Option<T> {
        parsed.map_err(|error| self.wrong(known.statement, skipped, error)).ok()
    }

    /// Reports a mistake at its word; `skipped` words came before those that were read.
    pub(super) fn wrong(&mut self, statement: &Statement, skipped: usize, error: AclError) {
        let word = statement.words.get(skipped + error.word).or(statement.words.last());
        let span = word.map_or(statement.span, |word| word.span);
        self.report.alert(span, error.message);
        if let Some(help) = error.help {
            self.report.help(help);
        }
    }

    /// Warns of a condition that can never hold; remembers whom it asks about.
    pub(super) fn judge(&mut self, condition: Option<&Condition>, stage: Stage, known: &Known<'_>) {
        let Some(condition) = condition else { return };
        let words = &known.statement.words;
        if let Some(or) = words.last().filter(|last| matches!(&*last.value, "or" | "||")) {
            let message = format!("nothing follows '{}': it is ignored", or.value);
            self.report.warning(or.span, message);
        }
        for acl in condition.acls().filter(|acl| acl.name.is_empty()) {
            for test in &acl.tests {
                self.compares(known.statement.span, test);
            }
        }
        if let Some((acl, expr)) = condition.silent_at(stage) {
            let name = match acl.name.as_str() {
                "" => "this condition".to_owned(),
                name => format!("acl '{name}'"),
            };
            let message = format!(
                "{}: {name} will never match: '{}' has nothing to tell in {}",
                known.what,
                expr.text,
                stage.describe()
            );
            self.report.warning(known.statement.span, message);
        }
    }

    /// Warns of a test that compares with nothing: it never holds.
    pub(super) fn compares(&mut self, span: Span, test: &Test) {
        self.refer(span, &test.expr);
        let set = test.patterns.and_then(|id| self.rulebook.patterns.get(id.0));
        if set.is_some_and(PatternSet::is_empty) {
            let message =
                format!("'{}' is compared with nothing: it never matches", test.expr.text);
            self.report.warning(span, message);
            self.report.help("write what it should be, or '-m found' to ask whether it is there");
        }
    }

    fn delay(&mut self, statement: &Statement) -> Option<Duration> {
        let Some(word) = statement.words.get(2) else {
            self.report.alert(statement.span, "'inspect-delay' needs a time such as '5s'");
            return None;
        };
        match units::parse_time(&word.value, TimeUnit::Milliseconds) {
            Ok(time) if time.excess.is_none() => {
                Some(time.duration).filter(|delay| !delay.is_zero())
            }
            _ => {
                self.report
                    .alert(word.span, format!("'{}' is no time for 'inspect-delay'", word.value));
                None
            }
        }
    }
}

/// What a statement is read against.
pub(super) struct Known<'a> {
    /// The section, for messages.
    pub(super) what: &'a str,
    /// Its ACLs, each with the place where its name is first written.
    pub(super) acls: &'a [(Span, Acl)],
    pub(super) statement: &'a Statement,
}

impl<'a> Known<'a> {
    pub(super) fn words(&self, skip: usize) -> Vec<&'a str> {
        self.statement.words.iter().skip(skip).map(|word| word.value.as_str()).collect()
    }

    /// The ACLs that begin above the statement.
    pub(super) fn acls(&self) -> Vec<Acl> {
        let above = |span: &Span| {
            span.file != self.statement.span.file || span.start < self.statement.span.start
        };
        self.acls.iter().filter(|(span, _)| above(span)).map(|(_, acl)| acl.clone()).collect()
    }
}

/// The sample of an action.
fn sample_of(action: &Action) -> Option<&Expr> {
    match action {
        Action::Rewrite(_, expr)
        | Action::SetVar(_, expr)
        | Action::SetPriority(_, expr)
        | Action::Capture { expr, .. }
        | Action::Track { key: expr, .. } => Some(expr),
        Action::Counter(change) => Some(&change.by),
        _ => None,
    }
}
