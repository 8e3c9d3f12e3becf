//! The same files given to the real `haproxy`: what one accepts, the other accepts too.
//!
//! Where no `haproxy` is installed, only our half is checked.

use std::process::{Command, Stdio};

use super::*;

/// What all files begin with, so that no warning about timeouts is given.
const BEFORE: &str = "defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n";

/// Sections and whether they are accepted.
const FILES: &[(&str, bool)] = &[
    ("listen l\n bind :1\n server a 1.1.1.1:1 check inter 1s rise 1 fall 2 backup weight 5", true),
    ("listen l\n bind :1\n server a 1.1.1.1:1 foo", false),
    ("listen l\n bind :1 foo", false),
    ("listen l\n bind :1 name x maxconn 5 backlog 5 accept-proxy tcp-ut 5s v4v6", true),
    ("listen l\n bind", false),
    ("listen l\n bind :1 id 5 mss 1400 tfo defer-accept transparent interface lo", true),
    ("frontend f\n bind :1\n rate-limit sessions 5\n option socket-stats\n option contstats", true),
    ("frontend f\n bind :1\n rate-limit foo 5", false),
    ("frontend f\n bind :1\n rate-limit sessions x", false),
    ("frontend f\n bind :1\n option tcp-smart-accept\n option independent-streams", true),
    (
        "backend b\n option abortonclose\n option independent-streams\n option tcp-smart-connect",
        true,
    ),
    ("backend b\n dispatch 10.0.0.8:5432", true),
    ("backend b\n dispatch /x.sock", true),
    ("backend b\n option transparent\n server a 1.1.1.1:1", true),
    ("backend b\n source * interface lo\n source 1.1.1.1:10 usesrc clientip interface lo", true),
    ("backend b\n source 1.1.1.1 usesrc", false),
    ("backend b\n source 1.1.1.1 via 2", false),
    ("backend b\n server a 1.1.1.1:1 source 1.1.1.1:10-20 usesrc client tcp-ut 5s weight 5", true),
    ("backend b\n server a 1.1.1.1:1 send-proxy-v2 proxy-v2-options crc32c,unique-id,ssl", true),
    (
        "backend b\n server a 1.1.1.1:1 send-proxy-v2 proxy-v2-options cert-cn,cert-sig,authority",
        true,
    ),
    ("backend b\n server a 1.1.1.1:1 send-proxy-v2-ssl no-send-proxy-v2-ssl", true),
    ("backend b\n server a 1.1.1.1:1 tfo no-tfo", true),
    (
        "backend b\n server a 1.1.1.1:1 track c\n server c 1.1.1.1:2 track d/e\nbackend d\n server e 1.1.1.1:1 check",
        true,
    ),
    (
        "backend b\n server a 1.1.1.1:1 track b/c\n server c 1.1.1.1:2 agent-check agent-port 1",
        true,
    ),
    (
        "global\n maxconnrate 5\n maxsessrate 5\n maxsslconn 6\n maxsslrate 7\n maxpipes 5\n nosplice",
        true,
    ),
    ("global\n tune.maxaccept -1\n tune.pipesize 65536\n tune.rcvbuf.client 65536", true),
    (
        "global\n tune.sndbuf.client 65536\n tune.rcvbuf.server 65536\n tune.sndbuf.server 65536",
        true,
    ),
    ("listen l\n foo", false),
    ("frontend f\n bind :1\n server a 1.1.1.1:1", false),
    ("frontend f\n bind :1\n default-server inter 5", false),
    ("frontend f\n bind :1\n balance roundrobin\n retries 5\n fullconn 5", true),
    ("frontend f\n bind :1\n option mysql-check", true),
    ("backend b\n bind :1", true),
    ("backend b\n timeout client 5s\n option tcplog\n maxconn 5\n backlog 5", true),
    ("defaults\n bind :1", false),
    ("defaults\n server a 1.1.1.1:1", false),
    ("defaults\n id 5", false),
    ("defaults\n tcp-check connect", true),
    ("defaults a from nowhere", false),
    ("defaults d\ndefaults d\nbackend b from d", false),
    ("defaults d\nbackend b from d", true),
    ("backend b\n timeout server 5x", false),
    ("backend b\n timeout server 1.5s", false),
    ("backend b\n timeout server 25d", false),
    ("backend b\n timeout server 24d", true),
    ("backend b\n timeout server 1m30s", true),
    ("backend b\n timeout server", false),
    ("backend b\n timeout foo 5", false),
    ("backend b\n option foo", false),
    ("backend b\n option", false),
    ("backend b\n option tcpka x", false),
    ("backend b\n no option tcp-check", false),
    ("backend b\n no option tcpka", false),
    ("backend b\n no option clitcpka\n no option allbackups", true),
    ("backend b\n option mysql-check user", false),
    ("backend b\n option mysql-check foo", false),
    ("backend b\n option pgsql-check", false),
    ("backend b\n option pgsql-check user x", true),
    ("backend b\n option redis-check x", false),
    ("backend b\n option httpchk\n option httpchk /x\n option httpchk GET /x HTTP/1.0", true),
    ("backend b\n option httpchk GET /x HTTP/1.0 y", false),
    ("backend b\n option httpchk \"GET /x HTTP/1.0\"", true),
    ("backend b\n option httpchk GET \"/x y\" \"HTTP/1.0 z\"", true),
    ("global\n uid haproxy\n gid haproxy", true),
    ("backend c\nbackend b\n default_backend c\n use_backend c if TRUE", true),
    ("backend b\n default_backend nobody", false),
    ("backend b\n use_backend nobody if TRUE", false),
    ("backend b\n use_backend %[src] if TRUE", true),
    ("frontend f\n use-server s if TRUE", false),
    ("defaults d\n tcp-request content accept\nfrontend f from d\nbackend b from d", false),
    ("defaults d\n tcp-request content accept\nbackend a from d\nbackend b from d", true),
    ("defaults d\n tcp-request inspect-delay 1s\nfrontend f from d\nbackend b from d", true),
    ("defaults d\n tcp-request content accept\nfrontend f from d\nbackend b", false),
    ("defaults d\n tcp-request content accept\nfrontend f from d\ndefaults\nbackend b", true),
    ("frontend f\n mode http\n bind :1\n stats uri /\n http-request set-header if b", true),
    ("frontend f\n mode http\n bind :1\n stats uri /\n http-request set-header x if TRUE", false),
    ("frontend f\n mode http\n bind :1\n stats uri /\n http-request replace-path a", false),
    ("frontend f\n mode http\n bind :1\n stats uri /\n http-request set-header x", false),
    ("backend b\n option tcp-check\n tcp-check connect foo", false),
    ("backend b\n option tcp-check\n tcp-check send a\n tcp-check connect", false),
    ("backend b\n option tcp-check\n tcp-check send-binary 0g", false),
    (
        "backend b\n option tcp-check\n tcp-check expect !string a\n tcp-check expect ! binary 00",
        true,
    ),
    ("backend b\n option tcp-check\n tcp-check expect string a b", false),
    ("backend b\n option httpchk\n http-check send foo", false),
    (
        "backend b\n option httpchk\n http-check disable-on-404\n http-check send meth GET uri / hdr a b",
        true,
    ),
    (
        "backend b\n option httpchk\n http-check connect ssl sni a\n http-check comment c\n \
         http-check set-var(check.x) srv_name,lower\n \
         http-check send meth GET uri-lf /%[var(check.x)] ver HTTP/1.1 hdr A %[date] body x comment d\n \
         http-check expect status-code int(5) hdr name-lf %[str(a)] value -m sub b\n \
         http-check unset-var(check.x)\n http-check connect port 80\n http-check send\n \
         http-check expect string-lf %[be_name]\n http-check send-state\n server a 1.1.1.1:1 check verify none",
        true,
    ),
    ("backend b\n option httpchk\n http-check send uri /a\n http-check send uri /b", false),
    ("backend b\n option httpchk\n http-check connect\n http-check expect status 200", false),
    (
        "backend b\n option tcp-check\n tcp-check set-var-fmt(check.x) %[srv_name]\n \
         tcp-check connect port int(80)\n tcp-check send-lf %[var(check.x)]%%\n \
         tcp-check expect on-error %[date] status-code res.payload(0,1) binary-lf %[str(00)]\n \
         tcp-check send-binary-lf %[int(10)]\n server a 1.1.1.1:1 check",
        true,
    ),
    ("backend b\n option tcp-check\n tcp-check expect string x comment y min-recv 3", true),
    ("backend b\n option tcp-check\n tcp-check expect rstring ^x on-error z ok-status L7OK", true),
    ("backend b\n option tcp-check\n tcp-check expect string x ! comment y", false),
    ("backend b\n option tcp-check\n tcp-check expect string x linger", false),
    ("backend b\n option httpchk\n http-check expect status 200 comment y", true),
    ("backend b\n option httpchk\n http-check expect hdr name a comment y", true),
    ("backend b\n option httpchk\n http-check expect hdr name a value b min-recv 3", true),
    ("backend b\n option httpchk\n http-check expect status 200 status 300", false),
    ("backend b\n option tcp-check\n tcp-check expect ! min-recv 1 string x", false),
    ("backend b\n option tcp-check\n tcp-check expect min-recv 1 ! string x", true),
    ("backend b\n mode health", false),
    ("backend b\n balance uri\n option forwardfor\n cookie a\n http-request deny", true),
    ("backend b\n log 127.0.0.1", false),
    ("backend b\n log 127.0.0.1 local0 info err\n log global\n no log", true),
    ("global\n set-var proc.x int(5)\n set-var-fmt proc.y \"%H %[int(3)]\"", true),
    ("global\n daemon x", false),
    ("global\n foo", false),
    ("global\n log global", false),
    ("global\n stats foo", false),
    ("global\n stats socket /tmp/x.sock level admin mode 600 severity-output number", true),
    ("global\n stats socket /tmp/x.sock expose-fd listeners name api user root gid 0", true),
    ("global\n stats socket /tmp/x.sock foo", false),
    ("global\n stats socket", false),
    ("global\n stats timeout 2s\n stats maxconn 3", true),
];

pub(super) fn accepted_by_haproxy(path: &std::path::Path) -> Option<bool> {
    let status = Command::new("haproxy")
        .args(["-c", "-q", "-f"])
        .arg(path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    // 2 means that there is nothing to listen on, which is no refusal.
    Some(matches!(status.code(), Some(0 | 2)))
}

#[test]
fn the_real_one_accepts_and_refuses_the_same() {
    let path = std::env::temp_dir().join(format!("agreement-{}.cfg", std::process::id()));
    for &(sections, accepted) in FILES {
        let text = format!("{BEFORE}{sections}\n");
        let (_, report) = load(&text);
        assert_eq!(!report.is_refused(), accepted, "{sections:?}: {:?}", messages_of(&report));
        std::fs::write(&path, text).expect("a writable temporary directory");
        if let Some(theirs) = accepted_by_haproxy(&path) {
            assert_eq!(theirs, accepted, "haproxy on {sections:?}");
        }
    }
    std::fs::remove_file(&path).expect("it was written");
}

/// What only older versions than 2.6 loaded, and words that only newer ones know.
const OTHER_VERSIONS: [&str; 14] = [
    "backend b\n clitimeout 5\n contimeout 5\n srvtimeout 5",
    "listen l :1 name x\n redispatch\n redisp",
    "frontend f 127.0.0.1:1,127.0.0.1:2\n monitor-net 10.0.0.0/8\n grace 5s",
    "listen l\n bind :1\n option forceclose\n option http-tunnel\n option http-use-htx",
    "listen l\n bind :1\n block if { src 10.0.0.1 }\n reqrep a b\n reqadd x\n rspdel y",
    "global\n thread-groups 1\n cpu-policy performance\n warn-blocked-traffic-after 50ms",
    "global\n stats-file /run/stats\n ssl-security-level 2\n key-base /etc/keys",
    "global\n tune.listener.default-shards by-group\n tune.bufsize.small 1k\n tune.glitches.kill.cpu-usage 5",
    "global\n dns-accept-family auto\n no-quic\n shm-stats-file /dev/shm/x\n jwt.decrypt_alg_list x",
    "backend b\n guid x\n hash-preserve-affinity always\n server a 1.1.1.1:1 guid y strict-maxconn",
    "backend b\n server a 1.1.1.1:1 init-state up hash-key id idle-ping 5s",
    "traces\n trace h1 sink stderr\nacme x\n directory https://a\ncrt-store s\n crt-base /x",
    "global\n master-worker\nprogram p\n command /bin/true\nlog-profile p\n log-tag x\nnamespace_list\n namespace a",
    "frontend f\n bind :1 guid-prefix x default-crt y\n log-steps accept,close\n option use-small-buffers",
];

#[test]
fn what_other_versions_load_is_loaded() {
    for sections in OTHER_VERSIONS {
        let (_, report) = load(&format!("{BEFORE}{sections}\n"));
        assert!(!report.is_refused(), "{sections:?}: {:?}", messages_of(&report));
    }
}

/// Lines of a `listen` section and whether they are accepted, rules compiled.
const RULES: [(&str, bool); 38] = [
    ("acl a src 10.0.0.0/8", true),
    ("acl a src 10.0.0.300", false),
    ("acl a src", true),
    ("acl a src -m found", true),
    ("acl a req.payload(0,1) x", false),
    ("acl a req.payload(0,1) -m bin 41", true),
    ("acl a req.payload(0,1) -m bin 4", false),
    ("acl a dst_port gt 1 lt 5", true),
    ("acl a dst_port gt x", false),
    ("acl a dst_port 5:1", false),
    ("acl a src -f /nonexistent", false),
    ("acl a req.ssl_sni -m foo x", false),
    ("acl a req.ssl_sni -m reg (", false),
    ("acl a nosuch x", false),
    ("acl a src,nosuch x", false),
    ("acl a src,map(/nonexistent) x", false),
    ("acl a! src 1.1.1.1", false),
    ("acl a req.ssl_ver 3.1:3.3", true),
    ("acl a var(txn.x) -m str y", true),
    ("acl a var(txn.x) y", false),
    ("acl a var(x) -m str y", false),
    ("acl a nbsrv(nobody) 1", false),
    ("acl a srv_is_up(l/none)", false),
    ("tcp-request connection reject if nothing", false),
    ("tcp-request connection reject if { src 1.1.1.1", false),
    ("tcp-request connection reject if", true),
    ("tcp-request connection foo", false),
    ("tcp-request content close", false),
    ("tcp-request content set-var(txn.x) src if TRUE", true),
    ("tcp-request content set-var(txn.x)", false),
    ("tcp-request content set-var(txn.x) res.len", false),
    ("tcp-request session accept unless FALSE or LOCALHOST", true),
    ("tcp-request content reject if { res.len 5 }", true),
    ("tcp-request inspect-delay 5s", true),
    ("tcp-request inspect-delay x", false),
    ("tcp-response content close if { res.payload(0,2) -m str ab }", true),
    ("use_backend nobody if TRUE", false),
    ("use_backend %[src] if TRUE", true),
];

#[test]
fn both_accept_the_same_rules() {
    let path = std::env::temp_dir().join(format!("evenkeel-rules-{}.cfg", std::process::id()));
    let mut wrong = Vec::new();
    for (line, accepted) in RULES {
        let text = format!("{BEFORE}listen l\n bind :1\n {line}\n server a 1.1.1.1:1\n");
        let mut sources = haproxy_compat::source::SourceMap::default();
        sources.add("rules.cfg", text.clone());
        let mut surroundings = crate::config::Surroundings {
            world: &mut |_: &str| Err("no names here".to_owned()),
            environment: &mut Environment::new(),
            facts: &crate::config::tests::no_facts(),
        };
        let language = crate::config::Language::Haproxy;
        let (_, report) = crate::config::load(language, &sources, &mut surroundings);
        if report.is_refused() == accepted {
            wrong.push(format!("{line:?}: {:?}", messages_of(&report)));
        }
        std::fs::write(&path, text).expect("a writable temporary directory");
        if accepted_by_haproxy(&path).is_some_and(|theirs| theirs != accepted) {
            wrong.push(format!("haproxy on {line:?}"));
        }
    }
    std::fs::remove_file(&path).expect("it was written");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
