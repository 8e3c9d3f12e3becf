//! Configuration: text -> raw -> model, all mistakes at once.

pub mod defaults;
pub mod model;
pub mod raw;
mod suggest;
mod toml;
mod units;
mod validate;

use std::net::IpAddr;

/// Turns a host name into its addresses, best first; the error says why there is none.
pub type Resolve<'a> = dyn FnMut(&str) -> Result<Vec<IpAddr>, String> + 'a;
