//! What a work asks of a proxy besides the ordinary, and the configuration files that say so.

use std::net::SocketAddr;
use std::path::Path;

use crate::backend::Role;

/// Connections a proxy is allowed: with two descriptors each and one for each of 1,000 checked
/// servers, haproxy, which insists on having them all, stays under a limit of 20,000.
const MAXCONN: usize = 9200;

/// How a proxy is set up for a work.
pub(crate) struct Plan {
    /// Its servers; the stage's backend alone where there are none.
    pub(crate) servers: Vec<SocketAddr>,
    /// What HAProxy's `balance` is followed by.
    pub(crate) balance: &'static str,
    /// What HAProxy's `default-server` is followed by.
    pub(crate) each_server: String,
    /// Whether there is another way through it, to a backend of this role.
    pub(crate) beside: Option<Role>,
    /// Threads; more than one run on both cores.
    pub(crate) workers: u16,
    /// Whether it spins instead of sleeping.
    pub(crate) is_busy: bool,
    /// Bytes asked for each socket buffer; the kernel's choice without.
    pub(crate) buffer_bytes: Option<u32>,
    /// How long either side may be silent.
    pub(crate) timeout: &'static str,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            balance: "roundrobin",
            each_server: "check inter 1s".to_owned(),
            beside: None,
            workers: 1,
            is_busy: false,
            buffer_bytes: None,
            timeout: "1m",
        }
    }
}

/// A plan and where it is carried out.
pub(crate) struct Config<'a> {
    pub(crate) listen: SocketAddr,
    pub(crate) log: SocketAddr,
    /// The server of a plan without servers.
    pub(crate) backend: SocketAddr,
    /// Where the other way begins, and the server at its end.
    pub(crate) beside: Option<(SocketAddr, SocketAddr)>,
    pub(crate) plan: &'a Plan,
}

impl Config<'_> {
    /// The file for HAProxy and Evenkeel.
    pub(crate) fn haproxy(&self) -> String {
        let Self { listen, log, beside, plan, .. } = self;
        let Plan { balance, each_server, workers, timeout, .. } = plan;
        let mut tuning = String::from(if plan.is_busy { "    busy-polling\n" } else { "" });
        for buffer in ["rcvbuf.client", "rcvbuf.server", "sndbuf.client", "sndbuf.server"] {
            if let Some(bytes) = plan.buffer_bytes {
                tuning.push_str(&format!("    tune.{buffer} {bytes}\n"));
            }
        }
        let mut text = format!(
            "global\n    log {log} local0\n    maxconn {MAXCONN}\n    nbthread {workers}\n{tuning}\
             defaults\n    log global\n    mode tcp\n    option tcplog\n    \
             timeout connect 5s\n    timeout client {timeout}\n    timeout server {timeout}\n\
             frontend front\n    bind {listen}\n    default_backend back\n"
        );
        if let Some((listen, server)) = beside {
            text.push_str(&format!("listen beside\n    bind {listen}\n    server s {server}\n"));
        }
        text.push_str(&format!(
            "backend back\n    balance {balance}\n    default-server {each_server}\n"
        ));
        for (index, server) in self.servers().iter().enumerate() {
            text.push_str(&format!("    server s{index} {server}\n"));
        }
        text
    }

    /// The file for nginx, which keeps its process number in `folder`.
    pub(crate) fn nginx(&self, folder: &Path) -> String {
        let Self { listen, log, .. } = self;
        let servers: String = self
            .servers()
            .iter()
            .map(|server| format!("server {server} max_fails=3 fail_timeout=10s; "))
            .collect();
        let pid = folder.join("nginx.pid");
        format!(
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n\
             daemon off;\nmaster_process off;\npid {};\n\
             events {{ worker_connections {}; }}\n\
             stream {{\n\
             log_format tcp '$remote_addr:$remote_port $upstream_addr $session_time $status '\n    \
             '$bytes_sent $bytes_received $upstream_connect_time';\n\
             access_log syslog:server={log},facility=local0 tcp;\n\
             upstream back {{ {servers}}}\n\
             server {{ listen {listen} backlog=4096; proxy_pass back;\n    \
             proxy_connect_timeout 5s; proxy_timeout 60s; }}\n\
             }}\n",
            pid.display(),
            2 * MAXCONN,
        )
    }

    fn servers(&self) -> &[SocketAddr] {
        match self.plan.servers.as_slice() {
            [] => std::slice::from_ref(&self.backend),
            servers => servers,
        }
    }
}
