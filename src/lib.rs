//! Evenkeel: a TCP load balancer and failover proxy.
#![deny(unsafe_code)]

pub mod config;
pub mod control;
pub mod notify;
pub mod pure;
pub mod telemetry;
