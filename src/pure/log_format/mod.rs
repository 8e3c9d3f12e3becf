//! `log-format`: a text with variables (`%ci`), samples (`%[src]`) and flags (`%{+Q}b`).
//!
//! Parsed once, when the configuration is read. What a variable's value is, and how it is written,
//! is not known here: whoever renders asks for [`Format::parts`]. Spaces in a row are one, and those
//! at the front are none, as in HAProxy 2.6.

mod parse;
mod variable;

/// Whether the rest of the session adds to it.
const fn grows(fact: Fact) -> bool {
    matches!(
        fact,
        Fact::BytesIn
            | Fact::BytesOut
            | Fact::ReqBytesIn
            | Fact::ReqBytesOut
            | Fact::ResBytesIn
            | Fact::ResBytesOut
            | Fact::SessTermState
            | Fact::FcTimerTotal
            | Fact::TxnTimerTotal
            | Fact::TxnTimerUser
    )
}

#[cfg(test)]
mod tests;

pub use variable::Variable;

use crate::pure::sample::{Expr, Fact, Facts, Fetch, Fetched, Kind};

/// What `option tcplog clf` stands for.
pub const TCP_CLF: &str = "%{+Q}o %{-Q}ci - - [%T] \"TCP \" 000 %B \"\" \"\" %cp %ms %ft %b %s %Th \
%Tw %Tc %Tt %U %ts-- %ac %fc %bc %sc %rc %sq %bq \"\" \"\" ";

/// What `option tcplog` stands for.
pub const TCP: &str = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq";

/// What `option httplog` stands for.
pub const HTTP: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc \
%ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";

/// What `option httplog clf` stands for.
pub const HTTP_CLF: &str = "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw \
%Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl";

/// What `option httpslog` stands for.
pub const HTTPS: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc \
%ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/\
%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc";

/// A log format. Formats are equal when they say the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Format {
    parts: Vec<Part>,
    /// As it was written.
    pub text: String,
}

/// A piece of a format.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Written as it is.
    Text(String),
    /// One space, however many were written.
    Space,
    /// A value of the session.
    Variable(Variable, Flags),
    /// A value that is computed.
    Sample(Expr, Flags),
}

/// How a value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `Q`: in double quotes.
    pub quote: bool,
    /// `X`: addresses and some numbers in hexadecimal digits.
    pub hex: bool,
    /// `E`: `"`, `\` and `]` behind a backslash.
    pub escape: bool,
    /// `json`: as a value of JSON of this kind, whatever the others say.
    pub json: Option<Json>,
}

/// Kinds of values of JSON. One that is absent, or not of its kind, is `null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Json {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// A truth, of 0 or 1.
    Bool,
}

impl Format {
    /// Its pieces, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Its samples, in order.
    pub fn samples(&self) -> impl Iterator<Item = &Expr> {
        self.parts.iter().filter_map(|part| match part {
            Part::Sample(expr, _) => Some(expr),
            _ => None,
        })
    }

    /// What it shows where there is no session: text, samples, the machine and the process.
    #[must_use]
    pub fn fill(&self, facts: &dyn Facts) -> String {
        let text = |fetched: Fetched| {
            let value = fetched.value().and_then(|value| value.cast(Kind::Str));
            value.map(|text| text.to_string()).unwrap_or_default()
        };
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Space => " ".to_owned(),
            Part::Sample(expr, _) => text(expr.evaluate(facts)),
            Part::Variable(Variable::Pid, _) => text(facts.fact(Fact::Pid, &[])),
            Part::Variable(Variable::Hostname, _) => text(facts.fact(Fact::Hostname, &[])),
            Part::Variable(..) => String::new(),
        };
        self.parts.iter().map(part).collect()
    }

    /// Whether it shows something that is known only once the session is over. A line that does
    /// not is written when the server is connected, as in HAProxy.
    #[must_use]
    pub fn shows_the_end(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Variable(shown, _) => shown.grows(),
            Part::Sample(Expr { fetch: Fetch::Fact(fact, _), .. }, _) => grows(*fact),
            Part::Sample(..) | Part::Text(_) | Part::Space => false,
        })
    }

    /// Whether it shows `variable`.
    #[must_use]
    pub fn shows(&self, variable: Variable) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Variable(shown, _) if *shown == variable))
    }
}
