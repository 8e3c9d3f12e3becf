//! One test as it is written: `fetch,converter [flags] [operator] patterns…`.

use super::Test;
use super::pattern::{Method, Origin, PatternUse, Source};
use crate::pure::sample::content::{Part, Tls};
use crate::pure::sample::parse::http::is_text;
use crate::pure::sample::{Definitions, Expr, Fetch, FileName, Kind, ParseError};

/// What is wrong with a test or condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclError {
    /// The word it is about, counted from 0.
    pub word: usize,
    /// A sentence without its period.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl AclError {
    pub(super) const fn at(word: usize, message: String) -> Self {
        Self { word, message, help: None }
    }
}

impl From<ParseError> for AclError {
    fn from(error: ParseError) -> Self {
        Self { word: 0, message: error.message, help: error.help }
    }
}

/// The tests behind HAProxy's predefined names.
pub(super) fn predefined(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "TRUE" => &["always_true"],
        "FALSE" => &["always_false"],
        "LOCALHOST" => &["src", "127.0.0.1/8", "::1"],
        "REQ_CONTENT" => &["req.len", "gt", "0"],
        "RDP_COOKIE" => &["req.rdp_cookie_cnt", "gt", "0"],
        "WAIT_END" => &["wait_end"],
        "HTTP" => &["req.proto_http"],
        "HTTP_1.0" => &["req.ver", "1.0"],
        "HTTP_1.1" => &["req.ver", "1.1"],
        "HTTP_2.0" => &["req.ver", "2.0"],
        "HTTP_3.0" => &["req.ver", "3.0"],
        "HTTP_CONTENT" => &["req.hdr_val(content-length)", "gt", "0"],
        "HTTP_URL_ABS" => &["url", "-m", "reg", "^[^/:]*://"],
        "HTTP_URL_SLASH" => &["url", "-m", "beg", "/"],
        "HTTP_URL_STAR" => &["url", "*"],
        "METH_CONNECT" => &["method", "CONNECT"],
        "METH_DELETE" => &["method", "DELETE"],
        "METH_GET" => &["method", "GET", "HEAD"],
        "METH_HEAD" => &["method", "HEAD"],
        "METH_OPTIONS" => &["method", "OPTIONS"],
        "METH_POST" => &["method", "POST"],
        "METH_PUT" => &["method", "PUT"],
        "METH_TRACE" => &["method", "TRACE"],
        _ => return None,
    })
}

/// Names that bring a method of their own.
const DERIVED: [(&str, &str, Method); 11] = [
    ("payload", "req.payload", Method::Bin),
    ("payload_lv", "req.payload_lv", Method::Bin),
    ("req.ssl_ver", "req.ssl_ver", Method::Version),
    ("req_ssl_ver", "req.ssl_ver", Method::Version),
    ("ssl_fc_sni_end", "ssl_fc_sni", Method::End),
    ("ssl_fc_sni_reg", "ssl_fc_sni", Method::Reg),
    ("req_rdp_cookie", "req.rdp_cookie", Method::Str),
    ("req_rdp_cookie_cnt", "req.rdp_cookie_cnt", Method::Int),
    ("req_ssl_sni", "req.ssl_sni", Method::Str),
    ("req_len", "req.len", Method::Int),
    ("req_ssl_hello_type", "req.ssl_hello_type", Method::Int),
];

impl Test {
    /// Reads the words of a test.
    ///
    /// # Errors
    /// The word that is wrong, and why.
    pub fn parse(words: &[&str], definitions: &mut dyn Definitions) -> Result<Self, AclError> {
        Self::parse_named(words, None, definitions)
    }

    /// Reads the words behind a predefined name.
    pub(super) fn parse_named(
        words: &[&str],
        predefined: Option<&str>,
        definitions: &mut dyn Definitions,
    ) -> Result<Self, AclError> {
        let Some(first) = words.first() else {
            return Err(AclError::at(0, "a test is missing".to_owned()));
        };
        let (expr, implied) = expression(first, definitions)?;
        let mut reader = Reader::new(words);
        reader.flags()?;
        let method = reader.method.or(implied).or_else(|| Method::default_for(expr.kind()));
        let Some(method) = method else {
            let kind = if expr.kind() == Kind::Any { "a value of any kind" } else { "bytes" };
            return Err(AclError {
                word: 0,
                message: format!("'{}' yields {kind}: how to compare it?", expr.text),
                help: Some("write '-m bin', '-m str', '-m sub' or the like".to_owned()),
            });
        };
        if !can_compare(expr.kind(), method) || expr.is_verb() && !compares_verbs(method) {
            let (kind, name) = (expr.kind().word(), method.name());
            let message = format!("'{}' is {kind}, which '-m {name}' cannot compare", expr.text);
            return Err(AclError::at(0, message));
        }
        reader.values(method)?;
        let name = expr.name();
        let written = PatternUse {
            method,
            sources: reader.sources,
            output: None,
            unique_id: reader.unique_id,
            sample: Some(name.to_owned()),
            predefined: predefined.map(str::to_owned),
        };
        // A test without patterns has its number among the others too.
        let patterns = definitions.patterns(written).map_err(|why| AclError::at(0, why))?;
        Ok(Self { expr, method, patterns: method.has_patterns().then_some(patterns) })
    }
}

/// HAProxy's table: what a value can be compared by.
fn can_compare(kind: Kind, method: Method) -> bool {
    match method {
        Method::Found => true,
        Method::Bool | Method::Int | Method::Version => kind != Kind::Bin && kind != Kind::Ipv6,
        Method::Ip => !matches!(kind, Kind::Bool | Kind::Bin),
        Method::Bin => kind.casts_to(Kind::Bin),
        _ => true,
    }
}

const fn compares_verbs(method: Method) -> bool {
    !matches!(method, Method::Bool | Method::Int | Method::Version | Method::Ip)
}

/// The sample, and the method its name brings; converters make it forget that.
fn expression(
    text: &str,
    definitions: &mut dyn Definitions,
) -> Result<(Expr, Option<Method>), ParseError> {
    let end = text.find(['(', ',']).unwrap_or(text.len());
    let name = &text[..end];
    let derived = DERIVED.iter().find(|row| row.0 == name).map(|row| (row.1, row.2));
    let derived =
        derived.or_else(|| part_of_request(name).filter(|_| definitions.reads_requests()));
    let Some((fetch, method)) = derived else {
        return Expr::parse(text, definitions).map(|expr| (expr, None));
    };
    let mut expr = Expr::parse(&format!("{fetch}{}", &text[end..]), definitions)?;
    text.clone_into(&mut expr.text);
    let method = if expr.converters.is_empty() { Some(method) } else { None };
    debug_assert!(
        method != Some(Method::Version)
            || matches!(&expr.fetch, Fetch::Content(c) if c.part == Part::Tls(Tls::Version))
    );
    Ok((expr, method))
}

/// `path_beg` and the like.
fn part_of_request(name: &str) -> Option<(&str, Method)> {
    let (text, method) = name.rsplit_once('_')?;
    let method = Method::from_name(method)?;
    is_text(text).then_some((text, method))
}

/// Words that make ranges of the numbers behind them.
const OPERATORS: [&str; 5] = ["eq", "ge", "gt", "le", "lt"];

struct Reader<'a> {
    words: &'a [&'a str],
    at: usize,
    method: Option<Method>,
    ignores_case: bool,
    resolves: bool,
    is_map: bool,
    unique_id: Option<u32>,
    sources: Vec<Source>,
}

impl<'a> Reader<'a> {
    const fn new(words: &'a [&'a str]) -> Self {
        Self {
            words,
            at: 1,
            method: None,
            ignores_case: false,
            resolves: true,
            is_map: false,
            unique_id: None,
            sources: Vec::new(),
        }
    }

    fn error(&self, message: String) -> AclError {
        AclError::at(self.at.min(self.words.len() - 1), message)
    }

    fn argument(&mut self, flag: &str, what: &str) -> Result<&'a str, AclError> {
        self.at += 1;
        let word = self.words.get(self.at).copied();
        word.ok_or_else(|| self.error(format!("'{flag}' needs {what}")))
    }

    fn flags(&mut self) -> Result<(), AclError> {
        while let Some(flag) = self.words.get(self.at).filter(|word| word.starts_with('-')) {
            match *flag {
                "-i" => self.ignores_case = true,
                "-n" => self.resolves = false,
                "-M" => self.is_map = true,
                "-f" => {
                    let file = FileName::parse(self.argument("-f", "the name of a file")?);
                    let origin = Origin::File { file, is_map: self.is_map };
                    let Self { ignores_case, resolves, .. } = *self;
                    self.sources.push(Source { origin, ignores_case, resolves });
                }
                "-m" if !self.sources.is_empty() => {
                    return Err(self.error("'-m' must stand before '-f'".to_owned()));
                }
                "-m" => {
                    let name = self.argument("-m", "the name of a method")?;
                    self.method = Some(Method::from_name(name).ok_or_else(|| AclError {
                        help: Some(format!(
                            "it can be {}",
                            Method::names().collect::<Vec<_>>().join(", ")
                        )),
                        ..self.error(format!("unknown method '{name}'"))
                    })?);
                }
                "-u" => {
                    let text = self.argument("-u", "a number")?;
                    let id = text.parse().map_err(|_| self.error(format!("'{text}' is no number")));
                    self.unique_id = Some(id?);
                }
                "--" => {
                    self.at += 1;
                    return Ok(());
                }
                flag => {
                    let help = "write '--' before a value that begins with '-'".to_owned();
                    let error = self.error(format!("unknown flag '{flag}'"));
                    return Err(AclError { help: Some(help), ..error });
                }
            }
            self.at += 1;
        }
        Ok(())
    }

    fn values(&mut self, method: Method) -> Result<(), AclError> {
        let mut operator = "eq";
        let mut written = Vec::new();
        while let Some(&word) = self.words.get(self.at) {
            if method.is_numeric() && OPERATORS.contains(&word) {
                operator = word;
            } else if method.is_numeric() {
                written.push(self.ranged(operator, word, method)?);
            } else {
                written.push(word.to_owned());
            }
            self.at += 1;
        }
        // None at all are a source as well: commands add to it.
        let origin = Origin::Written(written);
        let Self { ignores_case, resolves, .. } = *self;
        self.sources.push(Source { origin, ignores_case, resolves });
        Ok(())
    }

    /// The range of what compares so with `word`, in the form that patterns have.
    fn ranged(&self, operator: &str, word: &str, method: Method) -> Result<String, AclError> {
        if operator == "eq" {
            return Ok(word.to_owned());
        }
        if word.contains(':') {
            return Err(self.error(format!("'{operator}' compares with a number, not '{word}'")));
        }
        let (major, last) = match word.rsplit_once('.').filter(|_| method == Method::Version) {
            Some((major, minor)) => (format!("{major}."), minor),
            None => (String::new(), word),
        };
        let number: i64 = last.parse().map_err(|_| self.error(format!("'{word}' is no number")))?;
        Ok(match operator {
            "gt" => format!("{major}{}:", number.saturating_add(1)),
            "ge" => format!("{major}{number}:"),
            "lt" => format!(":{major}{}", number.saturating_sub(1)),
            _ => format!(":{major}{number}"),
        })
    }
}
