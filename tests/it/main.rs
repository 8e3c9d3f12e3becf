//! Scenarios: the same haproxy.cfg run by Debian's haproxy and by Evenkeel, against scripted and
//! real servers, judged by what a client, a log and a metrics page show.
//!
//! `cargo test --test it haproxy` runs the reference alone, which checks the scenarios themselves.
#![allow(
    clippy::unwrap_used,
    reason = "a test's helper that fails must end the test with its place"
)]

mod harness;
mod hashing;

mod addresses;
mod agent;
mod alerts;
mod api;
mod api_answers;
mod api_effects;
mod api_servers;
mod api_sessions;
mod api_set;
mod api_show;
mod balance;
mod check_comments;
mod check_scripts;
mod checks;
mod choices;
mod cli;
mod clients;
mod conditions;
mod conf;
mod daemon;
mod database_checks;
mod demo;
mod direct;
mod drill;
mod endings;
mod external_check;
mod failover;
mod faults;
mod habits;
mod handover;
mod holds;
mod http_checks;
mod intake;
mod language;
mod life;
mod limits;
mod limits_of_servers;
mod listeners;
mod log;
mod log_format;
mod log_hostname;
mod log_options;
mod master;
mod master_cli;
mod master_program;
mod metrics;
mod mysql;
mod mysql_checks;
mod native;
mod netscaler;
mod observe;
mod pages;
mod patterns;
mod pgsql;
mod process;
mod protocol_checks;
mod proxies;
mod proxy_protocol;
mod proxy_tlvs;
mod queue;
mod rdp;
mod relay;
mod resolvers;
mod responses;
mod ring;
mod roles;
mod roles_mysql;
mod roles_tls;
mod rules;
mod samples;
mod sessions;
mod silence;
mod socket_options;
mod socks;
mod state_file;
mod statistics;
mod stats_page;
mod stick;
mod stick_commands;
mod strays;
mod switchover;
mod timeouts;
mod tls;
mod tls_certificates;
mod tls_counters;
mod tls_files;
mod tls_flood;
mod tls_samples;
mod tls_servers;
mod tls_verify;
mod tracking;
mod transparent;
mod vtest;
mod webhooks;
mod witnesses;
mod words;
