//! Evenkeel: a TCP load balancer and failover proxy.
#![deny(unsafe_code)]

pub mod clock;
pub mod config;
pub mod net;
pub mod pure;
pub mod sys;
