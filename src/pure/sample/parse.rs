//! The grammar: `fetch(args),converter(args),…`.

pub(in crate::pure) mod http;
mod payload;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::content::{Content, Part, Side, Tls};
use super::fetch::{Arg, ArgKind, FACTS, Fact, Fetch, Row};
use super::{Converter, Definitions, Expr, Value, Variable, args, convert, tracked};
use crate::pure::wire::proxy_v2::kind as tlv;

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// A sentence without its period.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<String> for ParseError {
    fn from(message: String) -> Self {
        Self { message, help: None }
    }
}

impl Expr {
    /// Reads a whole text.
    ///
    /// # Errors
    /// Says what is wrong, also with what follows the expression.
    pub fn parse(text: &str, definitions: &mut dyn Definitions) -> Result<Self, ParseError> {
        let (expr, used) = Self::parse_prefix(text, definitions)?;
        match &text[used..] {
            "" => Ok(expr),
            rest => Err(format!("unexpected '{rest}' after '{}'", expr.text).into()),
        }
    }

    /// Reads the expression at the front of `text`, and says how many bytes it takes.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn parse_prefix(
        text: &str,
        definitions: &mut dyn Definitions,
    ) -> Result<(Self, usize), ParseError> {
        let (name, mut at) = word(text);
        if name.is_empty() {
            return Err("the name of a fetch is missing".to_owned().into());
        }
        let (args, used) = arguments("fetch", name, &text[at..])?;
        at += used;
        let fetch = fetch(name, &args, definitions)?;
        let mut expr = Self { fetch, converters: Vec::new(), text: String::new() };
        while let Some(rest) = text[at..].strip_prefix(',') {
            at += 1 + expr.add_converter(rest, definitions)?;
        }
        text[..at].clone_into(&mut expr.text);
        Ok((expr, at))
    }

    /// Reads an expression from words, where converters may also stand in words of their own, and
    /// says how many words it takes.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn parse_words(
        words: &[&str],
        definitions: &mut dyn Definitions,
    ) -> Result<(Self, usize), ParseError> {
        let first = words.first().copied().unwrap_or_default();
        let mut expr = Self::parse(first, definitions)?;
        let mut used = 1;
        while let Some(word) = words.get(used).filter(|next| is_converter(next, definitions)) {
            let mut text: &str = word;
            loop {
                text = &text[expr.add_converter(text, definitions)?..];
                let Some(rest) = text.strip_prefix(',') else { break };
                text = rest;
            }
            if !text.is_empty() {
                return Err(format!("unexpected '{text}' in '{word}'").into());
            }
            expr.text.push(',');
            expr.text.push_str(word);
            used += 1;
        }
        Ok((expr, used.min(words.len())))
    }

    fn add_converter(
        &mut self,
        text: &str,
        definitions: &mut dyn Definitions,
    ) -> Result<usize, ParseError> {
        let (name, at) = word(text);
        if name.is_empty() && (text.is_empty() || text.starts_with(',')) {
            // HAProxy steps over a comma with nothing behind it.
            return Ok(0);
        }
        if name.is_empty() {
            return Err("the name of a converter is missing behind a comma".to_owned().into());
        }
        let (args, used) = arguments("converter", name, &text[at..])?;
        let converter = match Converter::parse(name, &args, definitions) {
            Some(Ok(converter)) => converter,
            Some(Err(why)) => return Err(format!("converter '{name}': {why}").into()),
            None => return Err(unknown("converter", name, convert::names().map(str::to_owned))),
        };
        let kind = self.kind();
        if !kind.casts_to(converter.input()) {
            let (from, to) = (kind.word(), converter.input().word());
            return Err(format!(
                "converter '{name}' takes {to}, and what comes before it is {from}"
            )
            .into());
        }
        self.converters.push(converter);
        Ok(at + used)
    }
}

/// The name at the front, and its length.
fn word(text: &str) -> (&str, usize) {
    let part = |c: char| c.is_ascii_alphanumeric() || "_.-+".contains(c);
    let end = text.find(|c| !part(c)).unwrap_or(text.len());
    (&text[..end], end)
}

fn arguments(what: &str, name: &str, text: &str) -> Result<(Vec<String>, usize), ParseError> {
    args::split(text).map_err(|why| format!("{what} '{name}': {why}").into())
}

fn is_converter(text: &str, definitions: &mut dyn Definitions) -> bool {
    let (name, _) = word(text);
    // Arguments do not matter for whether the name is one, but a map without a file is refused
    // before any file is read.
    Converter::parse(name, &[], definitions).is_some()
}

fn unknown(what: &str, name: &str, known: impl Iterator<Item = String>) -> ParseError {
    let near = known
        .map(|known| (distance(name, &known), known))
        .filter(|(distance, _)| *distance <= 1 + name.len() / 4)
        .min();
    ParseError {
        message: format!("unknown {what} '{name}'"),
        help: near.map(|(_, known)| format!("did you mean '{known}'?")),
    }
}

/// Edits between two names.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<u8> = b.bytes().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = corner + usize::from(from != *to);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

fn fetch(
    name: &str,
    args: &[String],
    definitions: &mut dyn Definitions,
) -> Result<Fetch, ParseError> {
    let wrong = |why: String| ParseError::from(format!("fetch '{name}': {why}"));
    let plain = || FACTS.iter().find(|row| !row.fact.is_of_request() && row.name == name);
    let of_request = || http::row(name).filter(|_| definitions.reads_requests());
    if let Some(row) = plain().or_else(of_request) {
        return fact(row, args).map_err(wrong);
    }
    if let Some(made) = constant(name, args, definitions) {
        return made.map_err(wrong);
    }
    if let Some(content) = content(name, args) {
        return content.map(Fetch::Content).map_err(wrong);
    }
    if let Some(tracked) = tracked::Tracked::parse(name, args) {
        let mut tracked = tracked.map_err(wrong)?;
        // What is tracked has a table already.
        if tracked.table.is_some() || tracked.subject == tracked::Subject::Source {
            tracked.table = definitions.table(tracked.table.as_deref());
        }
        return Ok(Fetch::Tracked(tracked));
    }
    if let Some((kind, class)) = http::untold(name) {
        return match args {
            [] | [_] | [_, _] => Ok(Fetch::Untold(kind, class)),
            _ => Err(wrong("it takes at most 2 arguments".to_owned())),
        };
    }
    if http::is_http(name) {
        return Err(ParseError {
            message: format!("fetch '{name}' needs HTTP"),
            help: Some("a TCP proxy sees bytes: look at them with 'req.payload'".to_owned()),
        });
    }
    Err(unknown("fetch", name, names()))
}

/// Every name of a fetch.
fn names() -> impl Iterator<Item = String> {
    let plain = CONTENTS.iter().map(|row| row.0).chain(CONSTANTS);
    let facts = FACTS.iter().filter(|row| !row.fact.is_of_request()).map(|row| row.name);
    plain.chain(facts).map(str::to_owned).chain(tracked::names())
}

fn fact(row: &Row, args: &[String]) -> Result<Fetch, String> {
    if args.len() > row.args.len() {
        return Err(match row.args.len() {
            0 => "it takes no argument".to_owned(),
            most => format!("it takes at most {most} arguments"),
        });
    }
    if args.iter().filter(|arg| !arg.is_empty()).count() < row.required {
        return Err("its argument is missing".to_owned());
    }
    if let Some((at, known)) = words_of(row.fact)
        && let Some(word) = args.get(at).filter(|word| !word.is_empty())
        && !known.contains(&word.as_str())
    {
        return Err(format!("it takes {}, not '{word}'", known.join(" or ")));
    }
    let args = args.iter().zip(row.args).map(|(text, kind)| argument(text, *kind));
    Ok(Fetch::Fact(row.fact, args.collect::<Result<_, _>>()?))
}

/// The place and the words of an argument that has to be one of a few.
const fn words_of(fact: Fact) -> Option<(usize, &'static [&'static str])> {
    match fact {
        Fact::Date => Some((1, &["s", "ms", "us"])),
        Fact::FcRtt | Fact::FcRttvar | Fact::BcRtt | Fact::BcRttvar => Some((0, &["ms", "us"])),
        // Version 7 came after 2.6.
        Fact::Uuid => Some((0, &["4", "7"])),
        Fact::SslCSDn
        | Fact::SslCIDn
        | Fact::SslSSDn
        | Fact::SslSIDn
        | Fact::SslFSDn
        | Fact::SslFIDn => Some((2, &["rfc2253"])),
        _ => None,
    }
}

fn argument(text: &str, kind: ArgKind) -> Result<Arg, String> {
    Ok(match kind {
        ArgKind::Int if text.is_empty() => Arg::Text(String::new()),
        ArgKind::Int => Arg::Int(text.parse().map_err(|_| format!("'{text}' is no number"))?),
        ArgKind::Text | ArgKind::Proxy => Arg::Text(text.to_owned()),
        ArgKind::Tlv if tlv::parse(text).is_none() => {
            return Err(format!(
                "'{text}' is no type: write a number to 255, or such as AUTHORITY"
            ));
        }
        ArgKind::Tlv => Arg::Text(text.to_owned()),
        ArgKind::Server => match text.split_once('/') {
            Some((backend, server)) => Arg::Server(Some(backend.to_owned()), server.to_owned()),
            None => Arg::Server(None, text.to_owned()),
        },
    })
}

/// Names of [`constant`].
const CONSTANTS: [&str; 11] = [
    "always_true",
    "always_false",
    "int",
    "bool",
    "str",
    "bin",
    "ipv4",
    "ipv6",
    "env",
    "var",
    "wait_end",
];

fn constant(
    name: &str,
    args: &[String],
    definitions: &dyn Definitions,
) -> Option<Result<Fetch, String>> {
    let value = |value| Ok(Fetch::Constant(value));
    let text = args.first().map_or("", String::as_str);
    let only = |made: Option<Value>, what: &str| match made {
        Some(made) if args.len() == 1 => Ok(Fetch::Constant(made)),
        Some(_) => Err("it takes one argument".to_owned()),
        None => Err(format!("'{text}' is no {what}")),
    };
    Some(match name {
        "always_true" | "always_false" | "wait_end" if !args.is_empty() => {
            Err("it takes no argument".to_owned())
        }
        // Clients speak TCP, or the first version of HTTP.
        "fc_http_major" if args.is_empty() => value(Value::Int(1)),
        "internal.strm.is_htx" if args.is_empty() => value(Value::Bool(false)),
        "meth" => only(Some(Value::text(text)), "text"),
        "always_true" => value(Value::Bool(true)),
        "always_false" => value(Value::Bool(false)),
        "wait_end" => Ok(Fetch::WaitEnd),
        "int" => only(text.parse().ok().map(Value::Int), "number"),
        "bool" => only(truth(text).map(Value::Bool), "truth: write 1 or 0"),
        "str" if args.is_empty() => value(Value::text("")),
        "str" => only(Some(Value::text(text)), "text"),
        "bin" => only(unhex(text).map(Value::Bin), "row of hexadecimal digits"),
        "ipv4" => only(text.parse::<Ipv4Addr>().ok().map(Value::Ipv4), "IPv4 address"),
        "ipv6" => only(text.parse::<Ipv6Addr>().ok().map(Value::Ipv6), "IPv6 address"),
        "env" if args.len() == 1 => match definitions.environment(text) {
            Some(set) => value(Value::text(&set)),
            None => Ok(Fetch::Unset),
        },
        "env" if args.is_empty() => Ok(Fetch::Unset),
        "env" => Err("it takes the name of a variable".to_owned()),
        "var" => match args {
            [name] => Variable::parse(name).map(|name| Fetch::Variable(name, None)),
            [name, default] => {
                Variable::parse(name).map(|name| Fetch::Variable(name, Some(Value::text(default))))
            }
            _ => Err("it takes the name of a variable".to_owned()),
        },
        _ => return None,
    })
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| u8::try_from(high << 4 | low).ok()).collect()
}

use Side::{Current, Request, Response};

/// What a row of [`CONTENTS`] stands for.
#[derive(Clone, Copy)]
enum Named {
    Len,
    Payload,
    PayloadLv,
    Tls(Tls),
    Rdp,
    RdpCount,
    Http,
}

/// Names of what is in held bytes; the old ones are HAProxy's, too.
const CONTENTS: [(&str, Side, Named); 32] = [
    ("req.len", Request, Named::Len),
    ("req_len", Request, Named::Len),
    ("res.len", Response, Named::Len),
    ("req.payload", Request, Named::Payload),
    ("res.payload", Response, Named::Payload),
    ("payload", Current, Named::Payload),
    ("req.payload_lv", Request, Named::PayloadLv),
    ("res.payload_lv", Response, Named::PayloadLv),
    ("payload_lv", Current, Named::PayloadLv),
    ("req.ssl_hello_type", Request, Named::Tls(Tls::HelloType)),
    ("req_ssl_hello_type", Request, Named::Tls(Tls::HelloType)),
    ("res.ssl_hello_type", Response, Named::Tls(Tls::HelloType)),
    ("rep_ssl_hello_type", Response, Named::Tls(Tls::HelloType)),
    ("req.ssl_sni", Request, Named::Tls(Tls::Sni)),
    ("req_ssl_sni", Request, Named::Tls(Tls::Sni)),
    ("req.ssl_ver", Request, Named::Tls(Tls::Version)),
    ("req_ssl_ver", Request, Named::Tls(Tls::Version)),
    ("req.ssl_alpn", Request, Named::Tls(Tls::Alpn)),
    ("req.ssl_ec_ext", Request, Named::Tls(Tls::EcExt)),
    ("req.ssl_st_ext", Request, Named::Tls(Tls::TicketExt)),
    ("req.ssl_sigalgs", Request, Named::Tls(Tls::SigAlgs)),
    ("req.ssl_cipherlist", Request, Named::Tls(Tls::CipherList)),
    ("req.ssl_supported_groups", Request, Named::Tls(Tls::SupportedGroups)),
    ("req.ssl_keyshare_groups", Request, Named::Tls(Tls::KeyShareGroups)),
    ("req.rdp_cookie", Request, Named::Rdp),
    ("req_rdp_cookie", Request, Named::Rdp),
    ("rdp_cookie", Request, Named::Rdp),
    ("req.rdp_cookie_cnt", Request, Named::RdpCount),
    ("req_rdp_cookie_cnt", Request, Named::RdpCount),
    ("rdp_cookie_cnt", Request, Named::RdpCount),
    ("req.proto_http", Request, Named::Http),
    ("req_proto_http", Request, Named::Http),
];

fn content(name: &str, args: &[String]) -> Option<Result<Content, String>> {
    let &(_, side, named) = CONTENTS.iter().find(|row| row.0 == name)?;
    let part = match named {
        Named::Payload => payload::payload(args),
        Named::PayloadLv => payload::payload_lv(args),
        Named::Rdp | Named::RdpCount if args.len() <= 1 => {
            let cookie = args.first().cloned().unwrap_or_default();
            Ok(if matches!(named, Named::Rdp) {
                Part::RdpCookie(cookie)
            } else {
                Part::RdpCookieCount(cookie)
            })
        }
        _ if !args.is_empty() => Err("it takes no argument".to_owned()),
        Named::Tls(tls) => Ok(Part::Tls(tls)),
        Named::Http => Ok(Part::Http),
        Named::Len | Named::Rdp | Named::RdpCount => Ok(Part::Len),
    };
    Some(part.map(|part| Content { side, part }))
}
