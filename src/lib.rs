//! Evenkeel: a TCP load balancer and failover proxy.
#![deny(unsafe_code)]

pub mod check;
pub mod config;
pub mod pure;
