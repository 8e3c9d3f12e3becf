//! Files of the kinds that people run: all load, and what has no effect is named.

use super::*;

/// Loads a file that is not refused; yields what it became and the words that were ignored.
fn accepted(text: &str) -> (Config, Vec<String>) {
    let (config, report) = load(text);
    assert!(!report.is_refused(), "{:?}", messages_of(&report));
    let quoted = |d: &Diagnostic| d.message.split('\'').nth(1).unwrap_or("page").to_owned();
    (config, report.iter().map(quoted).collect())
}

#[test]
fn postgres_behind_patroni() {
    let (config, ignored) = accepted(
        "global\n    maxconn 100\ndefaults\n    log global\n    mode tcp\n    retries 2\n\
         timeout client 30m\n    timeout connect 4s\n    timeout server 30m\n    timeout check 5s\n\
         listen stats\n    mode http\n    bind *:7000\n    stats enable\n    stats uri /\n\
         listen postgres\n    bind *:5000\n    option httpchk\n    http-check expect status 200\n\
         default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions\n\
         server pg1 10.0.0.1:5432 maxconn 100 check port 8008\n\
         server pg2 10.0.0.2:5432 maxconn 100 check port 8008\n",
    );
    assert!(ignored.is_empty(), "{ignored:?}");
    assert_eq!(config.frontends.len(), 2);
    let server = &config.backends[1].servers[1];
    assert_eq!(value(&server.check_settings.fall), Some(3));
    assert_eq!(value(&server.check_settings.port), Some(8008));
    assert_eq!(string(&server.on_marked_down), Some("shutdown-sessions"));
}

#[test]
fn galera_with_http_defaults() {
    let (config, ignored) = accepted(
        "global\nlog 127.0.0.1 local2\nmaxconn 1024\nuser haproxy\ngroup haproxy\ndaemon\n\
         stats socket /var/run/haproxy.sock mode 600 level admin\nnode here\nstats timeout 2m\n\
         defaults\nlog global\nmode http\noption tcplog\noption dontlognull\nretries 3\n\
         option redispatch\nmaxconn 1024\ntimeout connect 5000ms\ntimeout client 50000ms\n\
         timeout server 50000ms\nlisten writes\nbind 0.0.0.0:3306\nmode tcp\nbalance leastconn\n\
         option tcpka\noption httpchk\n\
         default-server port 9200 inter 2s downinter 5s rise 3 fall 2 slowstart 60s maxconn 64 \
         maxqueue 128 weight 100\nserver db1 10.0.0.1:3306 check\n\
         server db2 10.0.0.2:3306 check backup weight 1\n\
         listen stats\nbind 0.0.0.0:8080\nstats enable\nstats realm Haproxy\\ Statistics\n\
         stats uri /stats\nstats refresh 30s\n",
    );
    assert!(ignored.is_empty(), "{ignored:?}");
    assert_eq!(ignored, [""; 0]);
    let backend = &config.backends[0];
    assert!(matches!(value(&backend.check), Some(CheckKind::Http(_))));
    let weights: Vec<_> = backend.servers.iter().map(|s| value(&s.weight)).collect();
    assert_eq!(weights, [Some(100), Some(1)]);
}

#[test]
fn redis_behind_sentinel() {
    let (config, ignored) = accepted(
        "global\n daemon\n nbproc 1\n ulimit-n 65536\ndefaults REDIS\n mode tcp\n\
         timeout connect 4s\n timeout server 15s\n timeout client 15s\n\
         frontend ft_redis\n bind *:6379 name redis\n default_backend bk_redis\n\
         backend bk_redis\n option tcp-check\n tcp-check connect\n tcp-check send PING\\r\\n\n\
         tcp-check expect string +PONG\n tcp-check send info\\ replication\\r\\n\n\
         tcp-check expect string role:master\n tcp-check send QUIT\\r\\n\n\
         tcp-check expect string +OK\n server R1 10.0.0.1:6379 check inter 1s\n\
         server R2 redis2:6379 check inter 1s resolvers docker init-addr libc,none\n\
         resolvers docker\n nameserver dns 127.0.0.11:53\n hold valid 10s\n",
    );
    assert_eq!(ignored, ["nbproc"]);
    assert_eq!(config.resolvers[0].nameservers[0].1.value, "127.0.0.11:53");
    match value(&config.backends[0].check) {
        Some(CheckKind::Script(steps)) => assert_eq!(steps.len(), 7),
        other => panic!("{other:?}"),
    }
    assert_eq!(config.backends[0].servers[1].address.value, "redis2:6379");
}

#[test]
fn the_file_that_debian_installs() {
    let (config, ignored) = accepted(
        "global\n\tlog /dev/log\tlocal0\n\tlog /dev/log\tlocal1 notice\n\
         \tchroot /var/lib/haproxy\n\
         \tstats socket /run/haproxy/admin.sock mode 660 level admin\n\tstats timeout 30s\n\
         \tuser haproxy\n\tgroup haproxy\n\tdaemon\n\n\tca-base /etc/ssl/certs\n\
         defaults\n\tlog\tglobal\n\tmode\thttp\n\toption\thttplog\n\toption\tdontlognull\n\
         \ttimeout connect 5000\n\ttimeout client  50000\n\ttimeout server  50000\n\
         \terrorfile 400 /etc/haproxy/errors/400.http\n",
    );
    assert_eq!(ignored, [""; 0]);
    assert_eq!(config.global.log.len(), 2);
    assert_eq!(string(&config.global.log[1].level), Some("notice"));
}
