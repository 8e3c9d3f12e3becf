//! What a proxy in `mode http` counts.

use std::time::Duration;

use crate::control::snapshot::{self, Load};
use crate::state::counters::Counter;
use crate::state::http::Requests;

pub(super) fn requests(requests: &Requests, uptime: Duration) -> snapshot::Requests {
    snapshot::Requests {
        load: Load {
            total: requests.total.get(),
            rate: requests.rate.at(uptime),
            rate_max: requests.rate.max(),
            ..Load::default()
        },
        statuses: requests.statuses.each_ref().map(Counter::get),
        intercepted: requests.intercepted.get(),
    }
}
