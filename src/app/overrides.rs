//! What commands changed of a server, across a reload.
//!
//! HAProxy forgets it, since a reload is a new process there. Here a reload is for what the file
//! changed: a setting the file still gives the same value keeps what a command made of it, and one
//! that the file gives another value now takes that. (Maintenance and drain go by the same rule,
//! with `disabled` as the setting: [`Admin::reconfigured`](crate::pure::health::admin::Admin).)

use crate::config::model::{Check, Server};

/// The settings in force after a reload from the settings `old` to `new` of a file, where `running`
/// were in force before.
pub(super) fn carried(old: &Server, running: &Server, new: &Server) -> Server {
    let mut in_force = new.clone();
    carry(&old.weight, &running.weight, &mut in_force.weight);
    carry(&old.maxconn, &running.maxconn, &mut in_force.maxconn);
    carry(&old.address, &running.address, &mut in_force.address);
    carry(&old.agent, &running.agent, &mut in_force.agent);
    carry_tls(old, running, &mut in_force);
    if let (Some(old), Some(running), Some(new)) =
        (&old.resolve, &running.resolve, &mut in_force.resolve)
    {
        carry(&old.fqdn, &running.fqdn, &mut new.fqdn);
        carry(&old.kind, &running.kind, &mut new.kind);
    }
    if new.resolve.is_some() && old.is_same_place(new) {
        // What name servers said last is newer than what the load found.
        in_force.address.clone_from(&running.address);
        in_force.hostname.clone_from(&running.hostname);
    }
    if let (Some(old), Some(running), Some(new)) = (&old.check, &running.check, &mut in_force.check)
    {
        carry_check(old, running, new);
    }
    in_force
}

/// Plain text that a command asked for, where the file still wants TLS.
fn carry_tls(old: &Server, running: &Server, new: &mut Server) {
    if old.tls.is_some() && running.tls.is_none() {
        new.tls = None;
    }
}

fn carry_check(old: &Check, running: &Check, new: &mut Check) {
    carry(&old.addr, &running.addr, &mut new.addr);
    carry(&old.port, &running.port, &mut new.port);
}

fn carry<T: PartialEq + Clone>(old: &T, running: &T, new: &mut T) {
    if old == new {
        new.clone_from(running);
    }
}
