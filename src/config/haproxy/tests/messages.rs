//! Messages: what was written, why it is wrong, what to write instead.
//!
//! A row of a table is `severity | text | part of the message | part of the hint`; `~` in a text
//! begins a new line.

use super::*;

/// Lines of a `listen` section.
const LISTEN: &str = "
alert | blance source | 'blance' is unknown in 'listen' | mean 'balance'
alert | fronted x | 'fronted' is unknown | mean 'frontend'
alert | rise 5 | 'rise' is unknown | 'default-server' line
alert | daemon | 'daemon' is unknown in 'listen' | belongs in 'global'
warning | contimeout 5 | 'contimeout' is an old name | timeout connect
warning | redispatch | 'redispatch' is an old name | option redispatch
warning | grace 5s | 'grace' is ignored |
warning | reqrep a b | 'reqrep' is ignored: 'l' is not in |
alert | appsession x | no longer knows 'appsession' | remove it
warning | bind-process 1 | 'bind-process' is ignored: all workers serve all proxies |
warning | option forwardfor | 'option forwardfor' is ignored: 'l' is not in |
warning | option httplog | lines are those of 'option tcplog' |
warning | cookie a insert | 'cookie' is ignored: 'l' is not in 'mode http' |
warning | stats enable | 'stats' is ignored: 'l' is not in 'mode http' |
notice | option splice-auto | 'option splice-auto' has no effect: the data |
alert | option spop-check | 'option spop-check' is not supported |
warning | option http-tunnel | 'option http-tunnel' is ignored: 'l' is not in |
alert | option dontlognul | 'dontlognul' is unknown after | 'dontlognull'
alert | option | 'option' needs a name |
alert | option tcpka x | unexpected 'x' after 'option tcpka' |
alert | no option tcplog | cannot be taken back |
warning | option redispatch x | it is read as 0 | digits only
alert | option mysql-check usr x | 'usr' is unknown | mean 'user'
alert | option mysql-check user | needs an account |
alert | option pgsql-check | needs an account | user NAME
alert | timeout clent 5s | 'clent' is unknown after 'timeout' | 'client'
alert | timeout client | 'timeout client' needs a time |
alert | timeout client 5x | unexpected character 'x' | us, ms, s, m, h, d
alert | timeout client 25d | the maximum is 2147483647 ms |
alert | timeout client 5s 6s | unexpected '6s' |
warning | timeout client 1m30s | '1m30s' is ignored: it is 1m | a time is
warning | retries x | 'x' after 'retries' is no number: it is read as 0 | digits only
warning | retries -1 | it is read as 0 | digits only
alert | maxconn | 'maxconn' needs a number |
alert | mode htp | 'htp' is unknown after 'mode' | mean 'http'
alert | mode health | no longer knows 'mode health' | monitor-uri
warning | balance uri | needs 'mode http': 'roundrobin' is used |
alert | balance sticky | 'balance sticky' is for | balance source
alert | balance hash | 'balance hash' needs |
warning | balance source x | 'x' after 'balance' is ignored |
warning | option redispatch 1 2 | '2' after 'option redispatch' is ignored |
alert | source 1.1.1.1 usesrc | 'usesrc' needs a value |
alert | log 127.0.0.1 | needs a facility such as 'local0' |
alert | log | 'log' needs a target |
alert | bind | 'bind' needs an address |
alert | bind :1 acept-proxy | 'acept-proxy' is unknown | 'accept-proxy'
warning | bind :1 ssl crt x allow-0rtt | 'allow-0rtt' is ignored: data is taken once |
alert | bind :1 ssl crt x tls-ticket-keys y | 'tls-ticket-keys' is not supported: keys |
alert | bind /x mode 9 | permissions in octal |
warning | bind :1 process 1 | 'process' is ignored |
alert | server a | an address such as |
alert | server | needs a name and an address |
alert | server a :1 chek | 'chek' is unknown in a 'server' line | 'check'
alert | server a :1 inter | 'inter' needs a time |
alert | external-check foo | 'foo' is unknown after 'external-check' | 'command'
alert | external-check path | 'path' needs directories |
warning | external-check command /x | are ignored | option external-check
alert | option external-check | may not be run | in 'global'
warning | server a :1 agent-port x | it is read as none | digits only
alert | server a :1 agent-send | 'agent-send' needs a text |
alert | server a :1 track | 'track' needs |
warning | server a :1 cookie a | 'cookie' is ignored |
alert | server-template a 0 b:1 | '0' is no count | 3-7
alert | default-server 1.1.1.1:1 | '1.1.1.1:1' is unknown | no address
warning | default-server id 4 | 'id' is ignored: all servers would have the same |
warning | default-server | 'default-server' without options changes nothing |
warning | tcp-check connect | rules of 'l' are ignored | option tcp-check
warning | http-check expect status 200 | are ignored | option httpchk
";

/// Lines below `option tcp-check`.
const TCP_CHECKS: &str = "
alert | tcp-check | 'tcp-check' needs a rule |
alert | tcp-check conect | 'conect' is unknown after 'tcp-check' | 'connect'
alert | tcp-check connect foo | 'foo' is unknown |
alert | tcp-check connect proto h2 | 'proto' is not supported |
alert | tcp-check send a~ tcp-check connect | already use a connection | first rule
alert | tcp-check send | 'send' needs what to send |
alert | tcp-check send a b | unexpected 'b' after 'send' |
alert | tcp-check send-binary 0 | hexadecimal digits in pairs | 0d0a
alert | tcp-check send-binary zz | hexadecimal digits in pairs | 0d0a
alert | tcp-check set-var(check.x | ')' is missing |
alert | tcp-check expect | needs a match |
alert | tcp-check expect ! | needs a match |
alert | tcp-check expect sting a | 'sting' is unknown | 'string'
alert | tcp-check expect string | 'string' needs a pattern |
alert | tcp-check expect string a b | unexpected 'b' |
alert | tcp-check expect string a !comment b | unexpected '!comment' |
alert | tcp-check expect string a string b | unexpected 'string' |
warning | tcp-check expect min-recv x string a | it is read as 0 | digits only
alert | tcp-check comment | 'comment' needs a text |
";

/// Lines below `option httpchk`.
const HTTP_CHECKS: &str = "
alert | http-check | 'http-check' needs a rule |
alert | http-check expekt | 'expekt' is unknown | 'expect'
alert | http-check connect~ http-check expect status 200 | asks nothing | 'connect' and 'expect'
alert | http-check send foo | 'foo' is unknown |
alert | http-check send~ http-check send | a second 'http-check send' | 'http-check connect'
alert | http-check expect hdr x | 'x' is unknown | 'name'
alert | http-check expect status | needs codes such as '200' |
";

/// Whole files.
const SECTIONS_AND_PLACES: &str = "
alert | global~ maxcon 5 | 'maxcon' is unknown in 'global' | 'maxconn'
alert | global~ bind :1 | 'bind' is unknown | 'frontend' or 'listen'
warning | global~ nbproc 4 | 'nbproc' is ignored: one process |
notice | global~ tune.maxrewrite 5 | 'tune.maxrewrite' has no effect |
notice | global~ ssl-dh-param-file /x | 'ssl-dh-param-file' has no effect: keys are agreed on |
alert | userlist u~ user a | user 'a' has no password |
alert | userlist u~ what | 'what' is unknown in 'userlist' | group
alert | listen l~ mode http~ bind :1~ stats what | 'what' is unknown after 'stats' | 
alert | listen l~ mode http~ bind :1~ stats uri | 'stats uri' needs |
alert | global~ stats socket /x levl admin | 'levl' is unknown in a 'stats socket' line | 'level'
alert | global~ stats socket | 'stats socket' needs an address |
alert | global~ stats socket /x expose-fd all | 'all' is unknown after 'expose-fd' | 'listeners'
alert | global~ stats timeout | 'stats timeout' needs a time |
notice | global~ stats bind-process 1 | has no effect |
alert | global~ stats sock /x | 'sock' is unknown | 'socket'
alert | global~ daemon x | unexpected 'x' after 'daemon' |
alert | global~ log global | names itself | /dev/log
alert | global~ setenv X | needs a name and a value | quote
alert | global~ unix-bind foo | 'foo' is unknown |
alert | global~ no option x | 'option' is unknown in 'global' |
alert | frontend f~ server a :1 | 'server' is not allowed | 'backend'
alert | defaults~ bind :1 | 'bind' is not allowed in 'defaults' |
warning | backend b~ bind :1 | 'bind' is ignored | 'frontend'
warning | backend b~ maxconn 5 | 'maxconn' is ignored | fullconn
warning | frontend f~ fullconn 5 | 'fullconn' is ignored | maxconn
warning | backend b~ timeout client 5 | 'timeout client' is | clients
warning | frontend f~ option tcp-check | 'option tcp-check' | servers
alert | backend b from x | 'x' is unknown as a 'defaults' |
alert | defaults d~defaults d~backend b from d | two 'defaults' sections are called 'd' | different names
alert | resolvers r~ nameserver a | an address such as | 
alert | resolvers r~ hold what 1s | 'what' is unknown after 'hold' | valid
warning | peers p~ peer a 1:1~ peer b 2:2 | not shared with the other processes of 'p' |
alert | log-forward l | 'log-forward' is not supported |
warning | global~ master-worker~program p~ command /bin/true~ no option start-on-reload~ user u | 'program' is ignored: programs |
warning | cache c~ total-max-size 4 | 'cache' is ignored: it is about HTTP |
alert | http-errors e~http-errors e | two 'http-errors' sections are called 'e' |
alert | http-errors e~ errorloc 503 /x | 'errorloc' is unknown in a 'http-errors' section | errorfile
warning | http-errors e~listen l~ mode http~ bind :1~ stats enable~ errorfiles e 404 | 'l': the 'http-errors' |
warning | fcgi-app x~ docroot /x | 'fcgi-app' is ignored: it is about HTTP |
warning | mailers m~ timeout mail 1s | 'mailers' is ignored: nothing is mailed |
warning | namespace_list | 'namespace_list' is ignored: network namespaces |
warning | traces~ trace x | 'traces' is ignored: nothing is traced |
warning | log-profile x | 'log-profile' is ignored |
warning | acme a | 'acme' is ignored |
alert | frontend f~ mode http~ bind :1 | 'f' is in 'mode http' | tcp
alert | listen l~ mode http~ bind :1~ stats enable~ server a :1 | 'l' is in 'mode http' | byte for byte
";

/// Loads each text of `table` below `before`: exactly one message is given.
fn check(table: &str, before: &str) {
    for row in table.lines().filter(|row| !row.is_empty()) {
        let mut cells = row.split('|').map(str::trim);
        let mut cell = || cells.next().unwrap_or_default();
        let (severity, text, part, hint) = (cell(), cell(), cell(), cell());
        let text = text.replace('~', "\n");
        let (_, report) = load(&format!("{before}{text}\n"));
        let found: Vec<&Diagnostic> = report.iter().collect();
        assert_eq!(found.len(), 1, "{row}: {:?}", messages_of(&report));
        let expected = match severity {
            "alert" => Severity::Alert,
            "warning" => Severity::Warning,
            "notice" => Severity::Notice,
            _ => panic!("{row}: unknown severity"),
        };
        assert_eq!(found[0].severity, expected, "{row}");
        assert!(found[0].message.contains(part), "{row}: {}", found[0].message);
        let help = found[0].help.as_deref().unwrap_or_default();
        assert!(help.contains(hint), "{row}: help {help:?}");
    }
}

#[test]
fn of_lines_in_proxies() {
    check(LISTEN, "listen l\n");
}

#[test]
fn of_checks() {
    check(TCP_CHECKS, "backend b\noption tcp-check\n");
    check(HTTP_CHECKS, "backend b\noption httpchk\n");
}

#[test]
fn of_sections_and_places() {
    check(SECTIONS_AND_PLACES, "");
}

#[test]
fn rules_that_guard_statistics_are_kept() {
    let (config, report) = load(
        "listen l\n mode http\n bind :1\n stats enable\n monitor-uri /up\n acl a src 10.0.0.1\n\
         http-request deny unless a\n stats auth a:b\n stats admin if LOCALHOST\n\
         stats http-request allow\n",
    );
    assert!(report.is_empty(), "{:?}", messages_of(&report));
    let (front, http) = (&config.frontends[0], &config.frontends[0].http);
    let texts = |all: &[Spanned<String>]| all.iter().map(|it| it.value.clone()).collect::<Vec<_>>();
    assert_eq!((string(&http.mode), string(&http.monitor_uri)), (Some("http"), Some("/up")));
    let rules: Vec<_> = front.rules.iter().map(|rule| rule.text()).collect();
    assert_eq!(rules, ["acl a src 10.0.0.1", "http-request deny unless a"]);
    let page = http.page.as_ref().expect("a page");
    assert_eq!(texts(&page.auth), ["a:b"]);
    assert_eq!(texts(&page.admin), ["if LOCALHOST"]);
    assert_eq!(texts(&page.rules), ["allow"]);
}

#[test]
fn a_page_may_stand_in_the_backend_that_a_frontend_sends_to() {
    let (config, report) = load(
        "frontend f\n mode http\n bind :1\n default_backend b\n\
         backend b\n mode http\n stats uri /x\n stats refresh 5\n",
    );
    assert!(report.is_empty(), "{:?}", messages_of(&report));
    let front = &config.frontends[0];
    assert_eq!((front.binds.len(), front.http.page.is_some()), (1, false));
    let page = config.backends[0].http.page.as_ref().expect("a page");
    assert_eq!(string(&page.uri), Some("/x"));
    assert_eq!(value(&page.refresh), Some(Duration::from_secs(5)));
}

/// What the package of Debian puts into every `global` section.
#[test]
fn what_debian_installs_is_no_reason_to_warn() {
    let (config, report) = load(
        "global\n log /dev/log local0\n chroot /var/lib/haproxy\n stats timeout 30s\n daemon\n\
         stats socket /run/haproxy/admin.sock mode 660 level admin\n user haproxy\n\
         group haproxy\n ca-base /etc/ssl/certs\n crt-base /etc/ssl/private\n\
         ssl-default-bind-ciphers ECDHE\n ssl-default-bind-ciphersuites TLS_AES_128\n\
         ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets\n nbthread 4\n\
         tune.ssl.default-dh-param 2048\ndefaults\n log global\n mode http\n\
         option httplog\n option dontlognull\n timeout connect 5000\n timeout client 50000\n\
         timeout server 50000\n errorfile 400 /etc/haproxy/errors/400.http\n",
    );
    assert!(!report.has_warnings(), "{:?}", messages_of(&report));
    assert_eq!(report.iter().count(), 1, "{:?}", messages_of(&report));
    assert_eq!(string(&config.global.user), Some("haproxy"));
}

#[test]
fn http_words_in_defaults_are_silent_under_mode_http_only() {
    let lines = "option forwardfor\n errorfile 503 /x\n timeout http-request 5s\n";
    let (_, report) = load(&format!("defaults\n mode http\n {lines}"));
    assert!(report.is_empty(), "{:?}", messages_of(&report));
    let (_, report) = load(&format!("defaults\n mode tcp\n {lines}"));
    assert_eq!(messages_of(&report).len(), 2);
    assert!(!report.is_refused());
}

#[test]
fn a_wrong_line_leaves_the_rest_as_it_was() {
    let (config, report) = load("defaults\n retries 5\nbackend b\n retries\n timeout server y\n");
    assert!(report.is_refused());
    assert_eq!(value(&config.backends[0].retries), Some(5));
    let spanned: &Field<Duration> = &config.backends[0].timeouts.server;
    assert_eq!(spanned, &None::<Spanned<Duration>>);
}
