//! Pure: `switchover` of a backend as TOML.

use super::text::{Pairs, duration, list, quote};
use crate::config::defaults::SWITCHOVER_TIMEOUT;
use crate::config::model::{Promote, Switchover};

pub(super) fn switchover(switchover: &Switchover) -> Pairs {
    let mut pairs = Pairs::default();
    let words = |words: &[String]| list(&words.iter().map(|word| quote(word)).collect::<Vec<_>>());
    match &switchover.step {
        Promote::BuiltIn(account) => {
            pairs.add("user", quote(&account.user));
            pairs.maybe("password_file", account.password_file.as_deref().map(quote));
        }
        Promote::Program { promote, rollback } => {
            pairs.maybe("promote", words(promote));
            pairs.maybe("rollback", words(rollback));
        }
    }
    let timeout = switchover.timeout;
    pairs.maybe("timeout", (timeout != SWITCHOVER_TIMEOUT).then(|| duration(timeout)));
    pairs
}
