//! Evenkeel: a TCP load balancer and failover proxy.
//!
//! It fronts database pairs and anything else that speaks TCP, reads an existing `haproxy.cfg`, and
//! turns a primary's death into a pause that no client sees as an error. This page is the map of
//! the code; how to use the program stands in `README.md`. What it must do, in order: fail over
//! correctly; stay predictable under overload and lies; be fast; be compatible with HAProxy; be
//! small.
//!
//! # Layers
//!
//! ```text
//!  5  app        wiring, start order, reload, signals, shutdown          <- main, cli; demo
//!  4  control    operators ask: metrics, health (http)         notify    log lines go out
//!  3  session    one connection's life           check         one server's health
//!  2  state      what is true now: live sets, counters, slots and queues; the one publisher
//!  1  config     text -> raw -> model            telemetry     the bus       net   bytes, sockets
//!  0  pure       decisions: balance, health, probes, retries, timeouts, wire codecs
//!     sys        the only unsafe code            clock         the only reader of clocks
//!     haproxy-compat (a crate of its own)        haproxy.cfg -> tree and diagnostics
//! ```
//!
//! An import points down, never sideways and never up; of [`config`], the engines see only
//! [`config::model`]. [`session`] and [`check`] do not know each other: they meet in [`state`].
//! What a lower layer has to tell goes into a channel or a bus whose other end [`app`] holds.
//!
//! Threads: N workers, each a current-thread runtime with listeners of its own (sessions never
//! migrate), and the main thread, which runs checks, logs, the HTTP service, signals and reloads. A
//! busy data path never delays a check.
//!
//! # Words
//!
//! HAProxy's, wherever it has one: frontend, backend, server, listener, check, rise, fall, inter,
//! drain, maint, weight, backup, redispatch, queue, session. Ours beside them:
//!
//! - *verdict*: what one check found ([`Verdict`](pure::health::verdict::Verdict): `L4OK`, `L4CON`,
//!   `L7STS`, …);
//! - *standing*: what a server is worth now, from checks and the operator's word
//!   ([`Standing`](pure::health::Standing));
//! - *live set*: the immutable list of servers that may be picked
//!   ([`LiveSet`](pure::balance::LiveSet)), with its servers in [`Live`](state::Live);
//! - *hint*: a session's word that its server failed it ([`Server::hint`](state::Server::hint)). It
//!   wakes the check and decides nothing;
//! - *lease*: a session's slot on a server ([`Lease`](state::Lease)), given back when dropped;
//! - *cut*: ending sessions before their time, from outside
//!   ([`Sessions`](state::Sessions) holds those that run);
//! - *desk*: where a backend's policy picks and its clients queue;
//! - *hold*: a client kept waiting, connected, while its route leads to no server
//!   ([`Hold`](pure::role::hold::Hold)); they go on by the [`Meter`](pure::role::hold::Meter).
//!
//! # Three journeys
//!
//! **A connection.** [`net::accept::run`] accepts what the [`Door`](session::listener::Door) admits
//! (a place in the listener, the frontend and the process) and starts `session::run`.
//! `Session::serve` is the sentence: `read_proxy_header` where the bind asks for it; `assign` takes
//! a lease from [`Backend::assign`](state::Backend::assign), or waits in the queue; `dial`
//! connects, and on a failure hints the check and lets
//! [`retry::after`](pure::session::retry::after) say who is next; `relay` moves bytes with
//! [`Relay::poll`](net::relay::Relay::poll) until both sides are done. A server that ends before its
//! first byte is asked about (`is_dead`) and the session may begin anew elsewhere. Each step ends
//! early with a [`Termination`](pure::session::termination::Termination), HAProxy's two letters,
//! and `finish` counts and puts a [`Record`](telemetry::record::Record) on the bus, which
//! [`Shipper::run`](notify::shipper::Shipper::run) turns into a line.
//!
//! **A verdict.** [`Engine::follow`](check::Engine::follow) keeps one task for each checked server.
//! It waits until [`Health::next_check`](pure::health::Health::next_check) is due or a hint wakes
//! it ([`handle_hint`](pure::health::Health::handle_hint)), lets [`check::driver::run`] drive a
//! [`Probe`](pure::probe::Probe) over a socket, and gives the verdict to
//! [`handle_verdict`](pure::health::Health::handle_verdict) inside [`state::publish::health`]. If
//! that changed who may be picked, the new live set is stored, and waiting sessions are told,
//! before the call returns: there is no timer, no poll and no lock held across an await between a
//! verdict and the swap. Then the event goes out, and sessions are cut where `on-marked-down` or
//! `on-marked-up` ask for it: both in [`state::Occasion`], which operators' commands use as well.
//! A check of a database holds a session (`check::held`) and gives its *reading* to the backend's
//! [`Group`](state::Group): the fence there says who is primary, routes by role get live sets of their
//! own, and [`state::Remembered`] keeps it for the next process. A switchover (`app::switchover`) is the
//! same on purpose: it pauses the route, freezes the one and promotes the other; `app::drill` makes the
//! fault. Both leave the record that a real failover leaves
//! ([`Incident`](pure::role::incident::Incident)), of which `app::failovers` makes pages.
//!
//! **A request.** A section in `mode http` is a frontend whose sessions answer requests themselves
//! (`session::http`): the same rules, gates and counters, and no server.
//!
//! **A configuration.** [`Sources::load`](app::load::Sources::load) reads files and calls
//! [`config::load`]: TOML (`config::toml`) and `haproxy.cfg` ([`haproxy_compat`], then
//! [`config::haproxy`]) each become [`config::raw`], and validation makes the [`config::model`] of
//! it or reports all mistakes at once. [`app::run`] opens every socket before anything
//! irreversible. A reload (`app::reload`) loads again, opens what is new, and applies the model to
//! what runs: an object whose settings are equal is not touched, sessions keep the route they were
//! accepted under, and a refusal anywhere leaves all as it was.
//!
//! # Invariants, and what holds them
//!
//! | invariant | held by |
//! |---|---|
//! | imports point down | `tests/tidy`: `imports_point_down` |
//! | [`pure`] and files that open with `Pure:` name no I/O, clock, lock or log | `tests/tidy`: `pure_is_pure` |
//! | `unsafe` only in [`sys`] | the compiler (`deny`), `tests/tidy`: `unsafe_stays_in_sys` |
//! | only [`state::publish`] stores into an `ArcSwap` | `tests/tidy`: `only_publish_stores` |
//! | hints alone never take a server down | `tests/sim`; `tests/it/failover`: `failed_connects_alone_mark_nothing_down` |
//! | a primary's death costs no client an error | `tests/it/failover`: `killed_primary_costs_no_client_an_error` |
//! | no byte is lost, doubled or reordered | `tests/it/relay`: `every_byte_of_200_concurrent_sessions_arrives_once_and_in_order` |
//! | commands that change servers fail no client | `tests/it/api_servers`: `servers_come_and_go_under_load` |
//! | no path leaks a slot | `tests/it/queue`: `slots_come_back_after_every_kind_of_end` |
//! | a slow reader costs no memory | `tests/it/relay`: `slow_reader_costs_no_memory` |
//! | `maxconn` and too few descriptors make clients wait, not fail | `tests/it/limits` |
//! | a full bus loses log lines, counts them, and never waits | `telemetry::bus`: `a_full_bus_loses_and_counts_and_keeps_what_it_has` |
//! | no text or packet makes a parser panic | the properties of [`config`], [`haproxy_compat`] and [`pure::wire`] |
//! | a bad reload changes nothing | `tests/it/life`: `bad_file_changes_nothing_and_says_why` |
//! | a reload drops and refuses nobody | `tests/it/life`: `reload_keeps_sessions_and_never_refuses` |
//! | a new program file refuses and drops nobody, and a bad one changes nothing | `tests/it/master_program` |
//! | one primary at most, and none of old, through restarts | `tests/sim`: `role`; `tests/it/roles`, `tests/it/roles_mysql` |
//! | the same file means the same to HAProxy | every scenario of `tests/it` that runs both programs |
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
pub mod resolve;
pub mod session;
pub mod state;
pub mod sys;
pub mod telemetry;
