//! Pure: `switchover` and `drill` of a backend as TOML.

use super::text::{Pairs, duration, list, quote};
use crate::config::defaults::{DRILL_TIMEOUT, SWITCHOVER_TIMEOUT};
use crate::config::model::{Drill, Promote, Switchover};

pub(super) fn switchover(switchover: &Switchover) -> Pairs {
    let mut pairs = Pairs::default();
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

pub(super) fn drill(drill: &Drill) -> Pairs {
    let mut pairs = Pairs::default();
    pairs.maybe("kill", drill.kill.as_deref().and_then(words));
    pairs.maybe("hang", drill.hang.as_deref().and_then(words));
    pairs.maybe("partition", drill.partition.as_deref().and_then(words));
    pairs.maybe("heal", drill.heal.as_deref().and_then(words));
    pairs.maybe("write", drill.write.as_deref().map(quote));
    pairs.maybe("timeout", (drill.timeout != DRILL_TIMEOUT).then(|| duration(drill.timeout)));
    pairs
}

fn words(words: &[String]) -> Option<String> {
    list(&words.iter().map(|word| quote(word)).collect::<Vec<_>>())
}
