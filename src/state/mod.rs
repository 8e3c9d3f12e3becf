//! What is true right now: frontends, backends, servers, their live sets and counters.
//!
//! Sessions and checks meet here and nowhere else: a check's verdict becomes a standing, standings
//! become a live set, and sessions pick from the live set they find.
//!
//! **Architecture invariant.** Only [`publish`] stores into an `ArcSwap`. Readers hold what they
//! load for one pick or one session, never a lock across an await. Nothing here reads a clock.

pub mod backend;
pub mod certificates;
pub mod counters;
pub mod desk;
pub mod environment;
pub mod episode;
pub mod frontend;
pub mod gate;
pub mod group;
pub mod http;
pub mod listener;
pub mod occasion;
pub mod pace;
mod panel;
pub mod patterns;
pub mod process;
pub mod process_facts;
pub mod proxies;
pub mod publish;
pub mod pulse;
pub mod remembered;
pub mod request;
pub mod resolvers;
pub mod server;
pub mod sessions;
pub mod tables;
pub mod tls;
pub mod tracking;
pub mod upkeep;
pub mod waking;

pub use backend::{Backend, Live};
pub use certificates::Certificates;
pub use desk::{Assigned, Lease, Ticket, Way};
pub use frontend::Frontend;
pub use gate::{Gate, Permit};
pub use group::Group;
pub use listener::Listener;
pub use occasion::{Before, Occasion};
pub use pace::Pace;
pub use patterns::Registry;
pub use process::{Objects, Process, Told};
pub use remembered::Remembered;
pub use resolvers::Resolvers;
pub use server::{Passes, Server};
pub use sessions::{CutReason, Sessions};
pub use tables::{StickTable, Tables, Tracker};
pub use tls::Tls;
