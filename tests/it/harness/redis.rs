//! A real Redis server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use super::dir::TempDir;
use super::eventually;
use super::port::{free_port, is_listening};
use super::process::{Process, Spec};

/// A server without persistence, killed at drop.
pub(crate) struct Redis {
    pub(crate) addr: SocketAddr,
    pub(crate) process: Process,
    _dir: TempDir,
}

impl Redis {
    /// Starts one; `password` makes it refuse commands without AUTH.
    pub(crate) fn start(password: Option<&str>) -> Self {
        let (dir, port) = (TempDir::new(), free_port());
        let mut args = vec![
            "--port".to_owned(),
            port.to_string(),
            "--bind".to_owned(),
            "127.0.0.1".to_owned(),
            "--save".to_owned(),
            String::new(),
            "--dir".to_owned(),
            dir.path().display().to_string(),
        ];
        if let Some(password) = password {
            args.extend(["--requirepass".to_owned(), password.to_owned()]);
        }
        let process = Process::start(Spec {
            name: "redis-server",
            program: Path::new("redis-server"),
            args,
            user: None,
            env: Vec::new(),
            log: dir.join("redis.log"),
        });
        eventually("redis listens", || is_listening(port).then_some(()));
        Self { addr: (Ipv4Addr::LOCALHOST, port).into(), process, _dir: dir }
    }
}
