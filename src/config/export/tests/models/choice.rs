//! How a server is chosen, and chosen again.

use super::*;

pub(super) fn balance() -> impl Strategy<Value = Balance> {
    prop_oneof![
        Just(Balance::RoundRobin),
        Just(Balance::StaticRr),
        Just(Balance::LeastConn),
        Just(Balance::First),
        hash_type().boxed().prop_map(Balance::Source),
        (limit(), of(101u32..1000)).prop_map(|(draws, factor)| Balance::Random {
            draws,
            factor: factor.and_then(NonZeroU32::new),
        }),
    ]
}

pub(super) fn redispatch() -> impl Strategy<Value = Redispatch> {
    prop_oneof![
        Just(Redispatch::Never),
        Just(Redispatch::Untied),
        limit().prop_map(Redispatch::Every),
        limit().prop_map(Redispatch::FromLast),
        Just(Redispatch::FromLast(NonZeroU32::MIN)),
    ]
}
