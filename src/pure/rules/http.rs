//! What rules answer a request of HTTP with, and how that is written.

use super::RuleSet;
use super::parse::Reader;
use crate::pure::acl::AclError;
use crate::pure::http::ErrorFile;
use crate::pure::http::answer::{TEXT, has_page};
use crate::pure::log_format::Format;

/// What answers a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Respond {
    /// `deny`: it is refused.
    Deny(Reply),
    /// `auth`: who asks must say who he is, for this realm.
    Auth(Option<String>),
    /// `return`: it is answered.
    Return(Reply),
    /// `redirect`: it is to be had elsewhere.
    Redirect(Redirect),
    /// `use-service prometheus-exporter`: it gets the metrics.
    Metrics,
}

/// An answer as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// What it says.
    pub content: Content,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// What the proxy says of its status.
    Page,
    /// What a file holds; `None`: it is empty, and nothing is said.
    File(Option<Box<ErrorFile>>),
    /// What is written here.
    Written {
        /// Its body and what kind of text that is.
        body: Option<(String, Body)>,
        /// Headers beside.
        headers: Vec<(String, Format)>,
    },
}

impl Content {
    /// Neither a body nor a header.
    pub const NOTHING: Self = Self::Written { body: None, headers: Vec::new() };
}

/// A body as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What a log format shows.
    Format(Format),
}

/// A reply that is being read.
#[derive(Default)]
struct Draft {
    status: u16,
    /// It stands elsewhere.
    elsewhere: Option<Content>,
    /// `content-type`.
    kind: Option<String>,
    body: Option<Body>,
    headers: Vec<(String, Format)>,
}

/// `redirect`: where to, and with which status.
#[derive(Clone, Debug, PartialEq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// What is put before the path and the query of the request.
    pub before: Before,
    /// Where to.
    pub to: Format,
}

/// How a new place is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It is written whole.
    Nothing,
    /// The request's path follows it.
    Path,
    /// It is a scheme: the request's host and path follow it.
    Host,
}

impl Reader<'_> {
    pub(super) fn respond(&mut self, set: RuleSet, name: &str) -> Result<Respond, AclError> {
        Ok(match name {
            "deny" => Respond::Deny(self.reply(set, 403, Content::Page)?),
            "return" => Respond::Return(self.reply(set, 200, Content::NOTHING)?),
            "redirect" => Respond::Redirect(self.redirect(set)?),
            "auth" if self.words.get(self.at) == Some(&"realm") => {
                self.at += 1;
                let realm = self.take("a realm")?;
                if realm.chars().any(char::is_control) {
                    return Err(self.error("a realm has no control characters".to_owned()));
                }
                Respond::Auth(Some(realm.to_owned()))
            }
            "auth" => Respond::Auth(None),
            _ => match self.take("a service")? {
                "prometheus-exporter" => Respond::Metrics,
                other => return Err(self.error(format!("there is no service '{other}'"))),
            },
        })
    }

    /// `[status N] [content-type T] [string|lf-string|file|lf-file X] [hdr NAME FORMAT]…`, or an
    /// answer that stands elsewhere: `errorfile F`, `default-errorfiles`. `status` and `blank` are what
    /// it says where none of these is written.
    pub(super) fn reply(
        &mut self,
        set: RuleSet,
        status: u16,
        blank: Content,
    ) -> Result<Reply, AclError> {
        let mut reply = Draft { status, ..Draft::default() };
        while let Some(&word) = self.words.get(self.at) {
            if matches!(word, "if" | "unless") {
                break;
            }
            self.at += 1;
            self.word(set, word, &mut reply)?;
        }
        let Draft { status, elsewhere, kind, body, headers } = reply;
        if elsewhere.is_none() && body.is_some() && kind.is_none() {
            return Err(self.error("a body needs its 'content-type'".to_owned()));
        }
        let content = match elsewhere {
            Some(content) => content,
            None if body.is_none() && headers.is_empty() => blank,
            None => {
                let body = body.map(|body| (kind.unwrap_or_else(|| TEXT.to_owned()), body));
                Content::Written { body, headers }
            }
        };
        Ok(Reply { status, content })
    }

    /// One word of a reply, with what belongs to it.
    fn word(&mut self, set: RuleSet, word: &str, reply: &mut Draft) -> Result<(), AclError> {
        match word {
            "status" | "deny_status" => {
                let status = u16::try_from(self.number("a status", 200, 599)?).unwrap_or(200);
                if word == "deny_status" && !has_page(status) {
                    return Err(self.error(format!("status {status} has no page")));
                }
                reply.status = status;
            }
            "content-type" => reply.kind = Some(self.take("a type")?.to_owned()),
            "string" => reply.body = Some(Body::Bytes(self.take("a text")?.as_bytes().to_vec())),
            "lf-string" => reply.body = Some(Body::Format(self.format(set)?)),
            "file" => reply.body = Some(Body::Bytes(self.content()?)),
            "lf-file" => reply.body = Some(Body::Format(self.format_of_file(set)?)),
            "hdr" => {
                let name = self.take("the name of a header")?.to_ascii_lowercase();
                let format = self.format(set)?;
                // The body says what they would.
                let is_own = ["content-type", "content-length", "transfer-encoding"];
                if !is_own.contains(&name.as_str()) {
                    reply.headers.push((name, format));
                }
            }
            "default-errorfiles" => {
                if !has_page(reply.status) {
                    return Err(self.error(format!("status {} has no page", reply.status)));
                }
                reply.elsewhere = Some(Content::Page);
            }
            "errorfile" => reply.elsewhere = Some(Content::File(self.error_file()?)),
            other => {
                let help = "it can be status, content-type, string, lf-string, file, lf-file, hdr, \
                            errorfile, default-errorfiles";
                return Err(AclError {
                    help: Some(help.to_owned()),
                    ..self.error(format!("unexpected '{other}'"))
                });
            }
        }
        Ok(())
    }

    /// The answer that a file holds; `None`: it is empty.
    pub(super) fn error_file(&mut self) -> Result<Option<Box<ErrorFile>>, AclError> {
        let name = self.take("the name of a file")?;
        let bytes = self.definitions.content(name).map_err(|why| self.error(why))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let read = ErrorFile::read(&bytes);
        let file = read.map_err(|why| self.error(format!("'{name}' is no answer: {why}")))?;
        Ok(Some(Box::new(file)))
    }

    fn content(&mut self) -> Result<Vec<u8>, AclError> {
        let name = self.take("the name of a file")?;
        let read = self.definitions.content(name);
        read.map_err(|why| self.error(why))
    }

    fn format_of_file(&mut self, set: RuleSet) -> Result<Format, AclError> {
        let text = String::from_utf8_lossy(&self.content()?).into_owned();
        Format::parse_at(&text, set.stage(), self.definitions).map_err(|why| self.wrong(why))
    }

    /// `location|prefix|scheme TO [code N]`
    fn redirect(&mut self, set: RuleSet) -> Result<Redirect, AclError> {
        let before = match self.take("'location', 'prefix' or 'scheme'")? {
            "location" => Before::Nothing,
            "prefix" => Before::Path,
            "scheme" => Before::Host,
            other => {
                let why = format!("'location', 'prefix' or 'scheme' is meant, not '{other}'");
                return Err(self.error(why));
            }
        };
        let to = self.format(set)?;
        let mut status = 302;
        if self.words.get(self.at) == Some(&"code") {
            self.at += 1;
            let word = self.take("a status")?;
            status = match word {
                "301" | "302" | "303" | "307" | "308" => word.parse().unwrap_or(status),
                _ => return Err(self.error(format!("'{word}' is no status of a redirect"))),
            };
        }
        Ok(Redirect { status, before, to })
    }
}
