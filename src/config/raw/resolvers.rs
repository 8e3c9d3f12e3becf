//! Name servers, as written.

use std::ops::RangeInclusive;
use std::time::Duration;

use haproxy_compat::span::Spanned;

use super::{Field, Server};

/// A `resolvers` section.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolvers {
    /// Its name.
    pub name: Spanned<String>,
    /// Name servers: a name and an address such as `10.0.0.2:53` or `tcp@10.0.0.2:53`.
    pub nameservers: Vec<(Spanned<String>, Spanned<String>)>,
    /// `parse-resolv-conf`: those of the system too.
    pub resolv_conf: Field<bool>,
    /// `accepted_payload_size`.
    pub accepted_payload_size: Field<u64>,
    /// `resolve_retries`.
    pub resolve_retries: Field<u64>,
    /// `timeout resolve`.
    pub timeout_resolve: Field<Duration>,
    /// `timeout retry`.
    pub timeout_retry: Field<Duration>,
    /// `hold`.
    pub hold: Hold,
}

/// `hold`, by the reason why what was known is not known any more.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the names are HAProxy's")]
pub struct Hold {
    pub valid: Field<Duration>,
    pub obsolete: Field<Duration>,
    pub nx: Field<Duration>,
    pub refused: Field<Duration>,
    pub timeout: Field<Duration>,
    pub other: Field<Duration>,
}

impl Resolvers {
    /// A section of which only the name was written.
    #[must_use]
    pub fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            nameservers: Vec::new(),
            resolv_conf: None,
            accepted_payload_size: None,
            resolve_retries: None,
            timeout_resolve: None,
            timeout_retry: None,
            hold: Hold::default(),
        }
    }
}

/// How a server's name is followed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Naming {
    /// `resolvers`, the name of a section.
    pub resolvers: Field<String>,
    /// `resolve-prefer`: `ipv4` or `ipv6`.
    pub prefer: Field<String>,
    /// `resolve-net`, separated by commas.
    pub nets: Field<String>,
    /// `resolve-opts`, separated by commas.
    pub opts: Field<String>,
    /// `init-addr`, separated by commas.
    pub init_addr: Field<String>,
}

/// Most servers that one template makes.
pub const TEMPLATE_MAX: u32 = 10_000;

/// The numbers of the servers that a template makes: `5` is one to five, `3-7` is as it says. `None`
/// for anything else, and for more than [`TEMPLATE_MAX`].
#[must_use]
pub fn template_numbers(text: &str) -> Option<RangeInclusive<u32>> {
    let (low, high) = match text.split_once('-') {
        Some((low, high)) => (low.parse().ok()?, high.parse().ok()?),
        None => (1, text.parse().ok()?),
    };
    (low >= 1 && low <= high && high - low < TEMPLATE_MAX).then_some(low..=high)
}

/// The servers that `template` makes, whose name is the beginning of theirs.
pub fn made_from(template: &Server, numbers: RangeInclusive<u32>) -> Vec<Server> {
    let named = |number| {
        let name = format!("{}{number}", template.name.value);
        Server { name: Spanned::new(name, template.name.span), ..template.clone() }
    };
    numbers.map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_ranges() {
        assert_eq!(template_numbers("3"), Some(1..=3));
        assert_eq!(template_numbers("3-7"), Some(3..=7));
        for wrong in ["", "0", "x", "7-3", "0-3", "1-10001", "-3", "4294967296"] {
            assert_eq!(template_numbers(wrong), None, "{wrong}");
        }
    }
}
