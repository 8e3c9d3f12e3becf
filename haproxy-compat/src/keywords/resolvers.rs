//! Keywords of `resolvers` sections.

use super::Effect::Applies;
use super::Table;

/// Keywords of `resolvers` sections.
pub static RESOLVERS: Table = Table {
    groups: &[(
        Applies,
        &[
            ("accepted_payload_size", 0),
            ("hold", 0),
            ("nameserver", 0),
            ("parse-resolv-conf", 0),
            ("resolve_retries", 0),
            ("timeout", 0),
        ],
    )],
};
