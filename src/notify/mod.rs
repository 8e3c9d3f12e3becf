//! Tells the outside: consumers of the telemetry bus.
//!
//! Sessions and checks never format or send a line; [`shipper::Shipper`], on the control thread,
//! renders ([`tcplog`], [`crate::telemetry::event`]), frames ([`framing`]) and sends ([`sink`]).
//!
//! **Architecture invariant.** Nothing here knows the state, a session or a check: all that a line
//! needs is in the record or the event. A target that blocks or fails costs its own lines, which
//! are counted, and nobody else's time.

pub mod backing;
pub mod forward;
pub mod framing;
mod readers;
pub mod shipper;
pub mod sink;
pub mod tcplog;
pub mod webhook;
