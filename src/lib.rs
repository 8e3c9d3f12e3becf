//! Evenkeel: a TCP load balancer and failover proxy.
#![deny(unsafe_code)]

pub mod app;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod demo;
pub mod net;
pub mod notify;
pub mod pure;
pub mod session;
pub mod state;
pub mod sys;
pub mod telemetry;
