//! Tells the outside: consumers of the telemetry bus.
//!
//! Sessions and checks never format or send a line; [`shipper::Shipper`], on the control thread,
//! renders ([`tcplog`], [`crate::telemetry::event`]), frames ([`framing`]) and sends ([`sink`]).

pub mod framing;
pub mod shipper;
pub mod sink;
pub mod tcplog;
pub mod time;
