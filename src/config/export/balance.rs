//! Pure: `balance` and what belongs to it as TOML.

use super::text::{Pairs, quote};
use super::word;
use crate::config::model::{Affinity, Backend, Balance, Function, HashType, Method};
use crate::config::validate::{AFFINITIES, BALANCES, FUNCTIONS};

pub(super) fn balance_pairs(pairs: &mut Pairs, backend: &Backend) {
    match backend.balance {
        _ if backend.direct.is_some() => {}
        Balance::Source(hash) => {
            pairs.add("balance", quote("source"));
            hash_pairs(pairs, hash);
        }
        Balance::Hash(hash) => {
            pairs.maybe("balance", backend.balance_key.as_ref().map(|key| quote(&key.text)));
            hash_pairs(pairs, hash);
        }
        Balance::Random { draws, factor } => {
            pairs.add("balance", format!("\"random({draws})\""));
            pairs.maybe("hash_balance_factor", factor);
        }
        balance => pairs.maybe("balance", word(&BALANCES, &balance)),
    }
}

fn hash_pairs(pairs: &mut Pairs, hash: HashType) {
    if hash.method != Method::MapBased || hash.function != Function::Sdbm || hash.avalanche {
        let method = match hash.method {
            Method::MapBased => "map-based",
            Method::Consistent { .. } => "consistent",
        };
        let function = FUNCTIONS.iter().find(|(_, function)| *function == hash.function);
        let function = function.map_or("sdbm", |(word, _)| *word);
        let avalanche = if hash.avalanche { " avalanche" } else { "" };
        pairs.add("hash_type", quote(&format!("{method} {function}{avalanche}")));
    }
    if let Method::Consistent { factor } = hash.method {
        pairs.maybe("hash_balance_factor", factor);
    }
    if hash.affinity != Affinity::Always {
        pairs.maybe("hash_preserve_affinity", word(&AFFINITIES, &hash.affinity));
    }
}
