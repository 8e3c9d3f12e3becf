//! Pure: `dispatch` and `option transparent`: a place that clients are sent to without load
//! balancing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use haproxy_compat::addr::{Endpoint, PortSpec};
use haproxy_compat::span::Spanned;

use super::check::BackendCheck;
use super::context::Context;
use crate::config::model::{Server, ServerAddr};
use crate::config::raw;
use crate::pure::id::Name;

/// The address of a server that has none of its own.
const WHERE_CLIENTS_WANT_TO_GO: &str = "0.0.0.0";

impl Context<'_> {
    /// Where clients go who are not balanced. With `balance`, `dispatch` counts for nothing.
    pub(super) fn direct(
        &mut self,
        raw: &raw::Backend,
        backend: &Name,
        check: &BackendCheck<'_>,
    ) -> Option<Box<Server>> {
        let transparent = raw.side.transparent.as_ref().filter(|on| on.value);
        if let (Some(on), Some(balance)) = (transparent, &raw.balance) {
            let message = format!("backend '{backend}' cannot be transparent and balance");
            self.report.alert(on.span, message);
            self.report.related(balance.span, "this balances");
            return None;
        }
        let address = match (&raw.side.dispatch, transparent) {
            (Some(address), _) => address,
            (None, Some(on)) => {
                let address = Spanned::new(WHERE_CLIENTS_WANT_TO_GO.to_owned(), on.span);
                return self.place("transparent", address, backend, check);
            }
            (None, None) => return None,
        };
        let port = match self.endpoint("dispatch", address.span, &address.value)? {
            Endpoint::Inet { port, .. } => Some(port),
            _ => None,
        };
        if !matches!(port, None | Some(PortSpec::Fixed(1..))) {
            let message = format!("dispatch: '{}' needs one port", address.value);
            self.report.alert(address.span, message);
            self.report.help("write an address such as '10.0.0.8:5432'");
            return None;
        }
        let mut server = self.place("dispatch", address.clone(), backend, check)?;
        if let Some(balance) = &raw.balance {
            self.report.warning(address.span, "dispatch: ignored, since the backend balances");
            self.report.related(balance.span, "this balances");
            return None;
        }
        if let ServerAddr::Tcp(address) = &mut server.address
            && address.ip().is_unspecified()
        {
            // What the kernel makes of it.
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        Some(server)
    }

    fn place(
        &mut self,
        name: &str,
        address: Spanned<String>,
        backend: &Name,
        check: &BackendCheck<'_>,
    ) -> Option<Box<Server>> {
        let raw = raw::Server::new(Spanned::new(name.to_owned(), address.span), address);
        let name = self.name("server", &raw.name)?;
        self.server(&raw, name, backend, check).map(Box::new)
    }
}
