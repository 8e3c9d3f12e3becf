//! One rule as it is written: an action with its arguments, then `if` or `unless`.

use super::template::Template;
use super::{
    Action, Choice, CounterArray, CounterChange, Endpoint, Level, Peer, Persistence, Precedence,
    Rule, RuleSet, Stick, StickVerb,
};
use crate::pure::acl::{Acl, AclError, Condition};
use crate::pure::log_format::Format;
use crate::pure::sample::tracked::COUNTERS_MAX;
use crate::pure::sample::{Assignment, Definitions, Expr, Kind, Variable};

/// Names of severities, at their numbers.
const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

use RuleSet::{
    BackendContent as B, Connection as C, Content as X, Page as P, Request as H, Response as R,
    Session as S,
};

/// Every action, and the lists it may stand in.
const ACTIONS: [(&str, &[RuleSet]); 35] = [
    ("accept", &[C, S, X, B, R]),
    ("reject", &[C, S, X, B, R, H]),
    ("close", &[R]),
    ("silent-drop", &[C, S, X, B, R, H]),
    ("expect-proxy", &[C]),
    ("expect-netscaler-cip", &[C]),
    ("set-src", &[C, S, X, B, H]),
    ("set-src-port", &[C, S, X, B, H]),
    ("set-dst", &[C, S, X, B, H]),
    ("set-dst-port", &[C, S, X, B, H]),
    ("set-var", &[C, S, X, B, R, H]),
    ("set-var-fmt", &[C, S, X, B, R, H]),
    ("set-priority-class", &[X, B, H]),
    ("set-priority-offset", &[X, B, H]),
    ("set-nice", &[X, B, R, H]),
    ("unset-var", &[C, S, X, B, R, H]),
    ("set-mark", &[C, S, X, B, R, H]),
    ("set-fc-mark", &[C, S, X, B, R, H]),
    ("set-bc-mark", &[X, B]),
    ("set-tos", &[C, S, X, B, R, H]),
    ("set-fc-tos", &[C, S, X, B, R, H]),
    ("set-bc-tos", &[X, B]),
    ("set-log-level", &[X, B, R, H]),
    ("capture", &[X, B, H]),
    (TRACK, &[C, S, X, B, H]),
    ("sc-inc-gpc", &[C, S, X, B, R, H]),
    ("sc-add-gpc", &[C, S, X, B, R, H]),
    ("sc-set-gpt", &[C, S, X, B, R, H]),
    ("sc-inc-gpc0", &[C, S, X, B, R, H]),
    ("allow", &[H, P]),
    ("deny", &[H, P]),
    ("auth", &[H, P]),
    ("return", &[H]),
    ("redirect", &[H]),
    ("use-service", &[H]),
];

/// Tracks an entry; a number follows.
const TRACK: &str = "track-sc";

/// The number of the counter that an action of this name tracks. They are all there, whatever
/// `tune.stick-counters` says.
fn tracking(name: &str) -> Option<u8> {
    let number = name.strip_prefix(TRACK)?;
    // HAProxy reads the first one out of no number.
    let number = if number.is_empty() { 0 } else { number.parse().ok()? };
    (i64::from(number) < COUNTERS_MAX).then_some(number)
}

/// Actions that HAProxy has and that are not here, with the reason.
const MISSING: [(&str, &str); 7] = [
    ("do-log", "a session has one line, at its end"),
    ("do-resolve", "names are resolved while the configuration is read"),
    ("set-bandwidth-limit", "sessions would not be shaped"),
    ("use-service", "there are no services"),
    ("switch-mode", "there is no HTTP"),
    ("send-spoe-group", "there are no filters"),
    ("attach-srv", "servers do not connect to here"),
];

pub(super) struct Reader<'a> {
    pub(super) words: &'a [&'a str],
    pub(super) at: usize,
    pub(super) definitions: &'a mut dyn Definitions,
}

impl Rule {
    /// Reads an action and its condition.
    ///
    /// # Errors
    /// The number of the word that is wrong, and why.
    pub fn parse(
        set: RuleSet,
        words: &[&str],
        acls: &[Acl],
        definitions: &mut dyn Definitions,
    ) -> Result<Self, AclError> {
        let mut reader = Reader { words, at: 0, definitions };
        let action = reader.action(set)?;
        let condition = reader.condition(acls)?;
        Ok(Self { action, condition })
    }
}

impl Choice {
    /// Reads a name and its condition.
    ///
    /// # Errors
    /// The number of the word that is wrong, and why.
    pub fn parse(
        words: &[&str],
        acls: &[Acl],
        definitions: &mut dyn Definitions,
    ) -> Result<Self, AclError> {
        let mut reader = Reader { words, at: 0, definitions };
        let name = reader.take("a name")?;
        let target = Template::parse(name, reader.definitions).map_err(|why| reader.wrong(why))?;
        let condition = reader.condition(acls)?;
        Ok(Self { target, condition })
    }
}

impl Stick {
    /// Reads what stands behind `stick`.
    ///
    /// # Errors
    /// The number of the word that is wrong, and why.
    pub fn parse(
        words: &[&str],
        acls: &[Acl],
        definitions: &mut dyn Definitions,
    ) -> Result<Self, AclError> {
        let mut reader = Reader { words, at: 0, definitions };
        let verb = match reader.take("'match', 'on', 'store-request' or 'store-response'")? {
            "match" => StickVerb::Match,
            "on" => StickVerb::On,
            "store-request" => StickVerb::StoreRequest,
            "store-response" => StickVerb::StoreResponse,
            other => {
                return Err(AclError {
                    help: Some("it can be match, on, store-request, store-response".to_owned()),
                    ..reader.error(format!("unknown 'stick {other}'"))
                });
            }
        };
        let key = reader.sample(Kind::Any)?;
        let table = reader.table()?;
        let condition = reader.condition(acls)?;
        Ok(Self { verb, key, table, condition })
    }
}

impl Persistence {
    /// Reads the condition of `force-persist` or `ignore-persist`.
    ///
    /// # Errors
    /// The number of the word that is wrong, and why.
    pub fn parse(
        force: bool,
        words: &[&str],
        acls: &[Acl],
        definitions: &mut dyn Definitions,
    ) -> Result<Self, AclError> {
        Ok(Self { force, condition: Condition::parse(words, acls, definitions)? })
    }
}

impl<'a> Reader<'a> {
    pub(super) fn error(&self, message: String) -> AclError {
        let word = self.at.saturating_sub(1);
        AclError { word, message, help: None }
    }

    pub(super) fn wrong(&self, why: impl Into<AclError>) -> AclError {
        let why = why.into();
        AclError { word: self.at.saturating_sub(1) + why.word, ..why }
    }

    pub(super) fn take(&mut self, what: &str) -> Result<&'a str, AclError> {
        let word = self.words.get(self.at).copied().filter(|word| !is_condition(word));
        match word {
            Some(word) => {
                self.at += 1;
                Ok(word)
            }
            None => Err(self.error(format!("{what} is missing"))),
        }
    }

    fn condition(&mut self, acls: &[Acl]) -> Result<Option<Condition>, AclError> {
        let rest = &self.words[self.at..];
        match rest.first() {
            None => Ok(None),
            Some(word) if is_condition(word) => {
                let condition = Condition::parse(rest, acls, self.definitions);
                let shift = |error: AclError| AclError { word: self.at + error.word, ..error };
                condition.map(Some).map_err(shift)
            }
            Some(word) => {
                self.at += 1;
                Err(self.error(format!("unexpected '{word}': 'if' or 'unless' may follow")))
            }
        }
    }

    fn action(&mut self, set: RuleSet) -> Result<Action, AclError> {
        let word = self.take("an action")?;
        let (name, args) = match word.split_once('(') {
            Some((name, args)) => (name, args.strip_suffix(')')),
            None => (word, Some("")),
        };
        let Some(args) = args else {
            return Err(self.error(format!("')' is missing in '{word}'")));
        };
        let missing = MISSING.iter().find(|(missing, _)| *missing == name);
        if let Some((name, why)) = missing.filter(|row| set != H || row.0 != "use-service") {
            return Err(self.error(format!("'{name}' is not supported: {why}")));
        }
        let canonical = match name {
            "sc-inc-gpc1" => "sc-inc-gpc0",
            "sc-set-gpt0" => "sc-set-gpt",
            name if tracking(name).is_some() => TRACK,
            name => name,
        };
        let Some((_, sets)) = ACTIONS.iter().find(|(known, _)| *known == canonical) else {
            let known: Vec<&str> =
                ACTIONS.iter().filter(|row| row.1.contains(&set)).map(|row| row.0).collect();
            return Err(AclError {
                help: Some(format!("it can be {}", known.join(", "))),
                ..self.error(format!("unknown action '{name}' in '{}'", set.keyword()))
            });
        };
        if !sets.contains(&set) {
            return Err(self.error(format!("'{name}' cannot stand in '{}'", set.keyword())));
        }
        self.arguments(set, name, args)
    }

    fn arguments(&mut self, set: RuleSet, name: &str, args: &str) -> Result<Action, AclError> {
        Ok(match name {
            "accept" | "allow" => Action::Accept,
            "deny" | "auth" | "return" | "redirect" | "use-service" => {
                Action::Respond(Box::new(self.respond(set, name)?))
            }
            "reject" => Action::Reject,
            "close" => Action::Close,
            "silent-drop" => {
                let mut ttl = None;
                if self.words.get(self.at) == Some(&"rst-ttl") {
                    self.at += 1;
                    ttl = u8::try_from(self.number("a time to live", 1, 255)?).ok();
                }
                Action::SilentDrop(ttl)
            }
            "expect-proxy" => match self.take("'layer4'")? {
                "layer4" => Action::ExpectProxy,
                other => return Err(self.error(format!("'layer4' is meant, not '{other}'"))),
            },
            "expect-netscaler-cip" => match self.take("'layer4'")? {
                "layer4" => Action::ExpectNetscaler,
                other => return Err(self.error(format!("'layer4' is meant, not '{other}'"))),
            },
            "set-src" => Action::Rewrite(Endpoint::Src, self.sample(Kind::Addr)?),
            "set-dst" => Action::Rewrite(Endpoint::Dst, self.sample(Kind::Addr)?),
            "set-src-port" => Action::Rewrite(Endpoint::SrcPort, self.sample(Kind::Int)?),
            "set-dst-port" => Action::Rewrite(Endpoint::DstPort, self.sample(Kind::Int)?),
            "set-var" => {
                let variable = self.assignment(args)?;
                Action::SetVar(variable, self.sample(Kind::Any)?)
            }
            "set-var-fmt" => {
                let variable = self.assignment(args)?;
                let format = match self.at < self.words.len() {
                    true => self.format(set)?,
                    // An empty word at the end is none.
                    false => Format::default(),
                };
                Action::SetVarFormat(variable, format)
            }
            "set-priority-class" => Action::SetPriority(Precedence::Class, self.sample(Kind::Int)?),
            "set-priority-offset" => {
                Action::SetPriority(Precedence::Offset, self.sample(Kind::Int)?)
            }
            "set-nice" => {
                // HAProxy makes a number in its bounds out of everything, and here it has no effect.
                self.words
                    .get(self.at)
                    .ok_or_else(|| self.error("a niceness is missing".into()))?;
                self.at += 1;
                Action::SetNice
            }
            "unset-var" => Action::UnsetVar(self.variable(args)?),
            "set-mark" | "set-fc-mark" => Action::SetMark(Peer::Client, self.mark()?),
            "set-bc-mark" => Action::SetMark(Peer::Server, self.mark()?),
            "set-tos" | "set-fc-tos" => Action::SetTos(Peer::Client, self.tos()?),
            "set-bc-tos" => Action::SetTos(Peer::Server, self.tos()?),
            "set-log-level" => Action::SetLogLevel(self.level()?),
            "capture" => self.capture()?,
            _ if let Some(counter) = tracking(name) => self.track(counter)?,
            _ => Action::Counter(self.counter(name, args)?),
        })
    }

    fn sample(&mut self, kind: Kind) -> Result<Expr, AclError> {
        self.take("a sample")?;
        let words = &self.words[self.at - 1..];
        let (expr, used) =
            Expr::parse_words(words, self.definitions).map_err(|why| self.wrong(why))?;
        if !expr.kind().casts_to(kind) {
            let (from, to) = (expr.kind().word(), kind.word());
            return Err(self.error(format!("'{}' is {from}, and {to} is needed", expr.text)));
        }
        self.at += used - 1;
        Ok(expr)
    }

    fn variable(&self, args: &str) -> Result<Variable, AclError> {
        Variable::parse(args).map_err(|why| self.error(why))
    }

    fn assignment(&self, args: &str) -> Result<Assignment, AclError> {
        Assignment::parse(args.split(',')).map_err(|why| self.error(why))
    }

    pub(super) fn format(&mut self, set: RuleSet) -> Result<Format, AclError> {
        let word = self.take("a format")?;
        Format::parse_at(word, set.stage(), self.definitions).map_err(|why| self.wrong(why))
    }

    fn level(&mut self) -> Result<Level, AclError> {
        let word = self.take("a level")?;
        if word == "silent" {
            return Ok(Level::Silent);
        }
        let number = LEVELS.iter().position(|level| *level == word);
        let number = number.and_then(|number| u8::try_from(number).ok());
        number.map(Level::Severity).ok_or_else(|| AclError {
            help: Some(format!("it can be silent, {}", LEVELS.join(", "))),
            ..self.error(format!("'{word}' is no level"))
        })
    }

    fn capture(&mut self) -> Result<Action, AclError> {
        let expr = self.sample(Kind::Str)?;
        match self.take("'len'")? {
            "len" => {}
            other => {
                return Err(self.error(format!("'len' and a length are meant, not '{other}'")));
            }
        }
        let len = self.number("a length", 1, 65_536)?;
        Ok(Action::Capture { expr, len: usize::try_from(len).unwrap_or(usize::MAX) })
    }

    fn track(&mut self, counter: u8) -> Result<Action, AclError> {
        let key = self.sample(Kind::Any)?;
        let table = self.table()?;
        Ok(Action::Track { counter, key, table })
    }

    fn table(&mut self) -> Result<Option<String>, AclError> {
        if self.words.get(self.at) != Some(&"table") {
            return Ok(None);
        }
        self.at += 1;
        self.take("the name of a table").map(|name| Some(name.to_owned()))
    }

    /// `sc-inc-gpc(i,n)`, `sc-inc-gpc0(n)`, `sc-add-gpc(i,n) v`, `sc-set-gpt(i,n) v`, `sc-set-gpt0(n) v`.
    fn counter(&mut self, name: &str, args: &str) -> Result<CounterChange, AclError> {
        let bad = |reader: &Self| reader.error(format!("'{args}' is no number of a counter"));
        let (index, counter) = match (name, args.split_once(',')) {
            ("sc-inc-gpc0" | "sc-set-gpt0", None) => (Some(0), args),
            ("sc-inc-gpc1", None) => (Some(1), args),
            ("sc-inc-gpc" | "sc-add-gpc" | "sc-set-gpt", Some((index, counter))) => {
                (index.trim().parse().ok(), counter)
            }
            _ => (None, args),
        };
        let index: u32 = index.ok_or_else(|| bad(self))?;
        // HAProxy reads the first counter out of no number.
        let counter = if counter.is_empty() { "0" } else { counter.trim() };
        let counter: u8 = counter.parse().map_err(|_| bad(self))?;
        if counter > 2 {
            return Err(bad(self));
        }
        let array = if name.starts_with("sc-set") { CounterArray::Gpt } else { CounterArray::Gpc };
        let by = if name.starts_with("sc-inc") {
            Expr::parse("int(1)", self.definitions).map_err(|why| self.wrong(why))?
        } else {
            self.amount()?
        };
        Ok(CounterChange { counter, array, index, by })
    }

    /// A number, or a sample that yields one.
    fn amount(&mut self) -> Result<Expr, AclError> {
        let word = self.words.get(self.at).copied().unwrap_or_default();
        let number = match (self.below_zero(), word.parse::<u64>()) {
            (Some(number), _) => u64::from(number),
            (None, Ok(number)) => {
                self.at += 1;
                number
            }
            // HAProxy reads 0 out of nothing.
            (None, Err(_)) if word.is_empty() => 0,
            (None, Err(_)) => return self.sample(Kind::Int),
        };
        let constant =
            Expr::parse(&format!("int({})", number & u64::from(u32::MAX)), self.definitions);
        constant.map_err(|why| self.wrong(why))
    }
}

fn is_condition(word: &str) -> bool {
    matches!(word, "if" | "unless")
}
