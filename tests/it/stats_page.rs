//! The statistics page: what scripts that were written for haproxy's get from it, and what a person
//! with a browser can do.

use crate::harness::backend::Backend;
use crate::harness::both;
use crate::harness::browser::Browser;
use crate::harness::eventually;
use crate::harness::http::{Answer, Request};
use crate::harness::port::{free_addr, free_port};
use crate::harness::proxy::{Kind, Proxy, Scene};

both! {
    accounts_guard_the_page,
    the_table_comes_as_csv_and_json,
    forms_change_servers,
    scripts_find_what_they_look_for,
    a_page_without_admin_changes_nothing,
    rules_and_lists_of_users_decide,
    encrypted_passwords_are_understood,
    the_page_may_stand_in_a_backend,
    a_description_without_text_is_that_of_the_process,
    monitor_uri_answers,
}

/// A proxy with `stats` lines on a port of their own, and two servers that live.
struct Site {
    proxy: Proxy,
    addr: std::net::SocketAddr,
    _servers: [Backend; 2],
}

impl Site {
    /// `global` stands at the beginning, `lines` in a section in `mode http`.
    fn start(kind: Kind, global: &str, lines: &str) -> Self {
        let servers = [Backend::echo(), Backend::echo()];
        let port = free_port();
        let [one, two] = servers.each_ref().map(|server| server.addr);
        let text = format!(
            "{global}\nglobal\n log {{log}} local0\ndefaults\n log global\n timeout client 9s\n \
             timeout server 9s\n timeout connect 9s\nfrontend fe\n bind {{front}}\n \
             default_backend be\nbackend be\n server s1 {one} check inter 200ms weight 7\n \
             server s2 {two}\n server b.3 {} backup\nlisten page\n mode http\n no log\n \
             bind 127.0.0.1:{port}\n{lines}\n",
            free_addr()
        );
        let proxy = Scene::new(kind).whole(&text).start();
        let addr = ([127, 0, 0, 1], port).into();
        Self { proxy, addr, _servers: servers }
    }

    #[track_caller]
    fn get(&self, target: &str) -> Answer {
        Request::new().send(self.addr, target)
    }

    /// The column `column` of `server`'s row of the table at `target`.
    #[track_caller]
    fn cell(&self, request: &Request, target: &str, server: &str, column: &str) -> String {
        let table = request.send(self.addr, target).body;
        let mut lines = table.lines();
        let header = lines.next().unwrap().trim_start_matches("# ");
        let at = header.split(',').position(|name| name == column).unwrap();
        let line = lines.find(|line| line.split(',').nth(1) == Some(server));
        line.unwrap_or_else(|| panic!("{server} is not in {table}"))
            .split(',')
            .nth(at)
            .unwrap()
            .to_owned()
    }
}

fn a_description_without_text_is_that_of_the_process(kind: Kind) {
    let global = "global\n description of the whole";
    for (lines, shown) in
        [("", false), (" stats show-desc\n", true), (" stats show-desc of one\n", false)]
    {
        let site = Site::start(kind, global, &format!(" stats uri /s\n{lines}"));
        let page = site.get("/s").body;
        assert_eq!(page.contains("of the whole"), shown, "{lines}: {page}");
        assert_eq!(page.contains("of one"), lines.contains("of one"), "{page}");
    }
}

fn accounts_guard_the_page(kind: Kind) {
    let site = Site::start(kind, "", " stats enable\n stats auth a:b\n stats auth c:d:e\n");
    let refused = site.get("/haproxy?stats");
    assert_eq!(refused.status, 401);
    let realm = Some("Basic realm=\"HAProxy Statistics\"");
    assert_eq!(refused.header("www-authenticate"), realm);
    let status = |account: &str| {
        Request::new().account(account).send(site.addr, "/haproxy?stats;csv").status
    };
    assert_eq!((status("a:b"), status("c:d:e")), (200, 200));
    for wrong in ["a:", "a:bb", "A:b", "c:d", ":", ""] {
        assert_eq!(status(wrong), 401, "{wrong:?}");
    }
}

fn the_table_comes_as_csv_and_json(kind: Kind) {
    let site = Site::start(kind, "", " stats uri /s\n stats refresh 7s\n stats scope be\n");
    let csv = site.get("/s;csv");
    assert!(csv.header("content-type").unwrap().starts_with("text/plain"));
    assert_eq!((csv.header("refresh"), csv.header("cache-control")), (Some("7"), Some("no-cache")));
    assert!(csv.body.starts_with("# pxname,svname,qcur,"), "{}", csv.body);
    let names = |target: &str| -> Vec<String> {
        let body = site.get(target).body;
        body.lines()
            .skip(1)
            .filter(|l| !l.is_empty())
            .map(|l| l.split(',').nth(1).unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("/s;csv"), ["s1", "s2", "b.3", "BACKEND"]);
    assert!(names("/s;csv?scope=nothing").is_empty());
    assert_eq!(names("/s;csv?scope=B").len(), 4);
    assert_eq!(site.get("/s;csv;norefresh").header("refresh"), None);
    let plain = Request::new();
    assert_eq!(site.cell(&plain, "/s;csv", "s1", "weight"), "7");
    assert_eq!(site.cell(&plain, "/s;csv", "b.3", "bck"), "1");
    let json = site.get("/s;json");
    assert_eq!(json.header("content-type"), Some("application/json"));
    let table: serde_json::Value = serde_json::from_str(&json.body).unwrap();
    assert_eq!(table[0][0]["objType"], "Server");
    let page = site.get("/s");
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
}

fn forms_change_servers(kind: Kind) {
    let lines = " stats uri /s\n stats admin if LOCALHOST\n";
    let site = Site::start(kind, "", lines);
    let act = |form: &str| {
        let answer = Request::new().form(form).send(site.addr, "/s;up?scope=be");
        assert_eq!(answer.status, 303);
        let place = answer.header("location").unwrap().to_owned();
        let end = place.strip_prefix("/s;st=").and_then(|it| it.strip_suffix("?scope=be"));
        end.unwrap_or_else(|| panic!("{place}")).to_owned()
    };
    let plain = Request::new();
    let status = |server: &str| site.cell(&plain, "/s;csv", server, "status");
    assert_eq!(act("s=s1&action=drain&b=be"), "DONE;up");
    assert_eq!((status("s1").as_str(), status("s2").as_str()), ("DRAIN", "no check"));
    assert_eq!(act("s=s1&s=s2&action=maint&b=be"), "DONE;up");
    assert_eq!((status("s1").as_str(), status("s2").as_str()), ("MAINT", "MAINT"));
    assert_eq!(act("s=s1&s=s2&action=ready&b=be"), "DONE;up");
    for (form, word) in [
        ("s=s1&action=foo&b=be", "ERRP"),
        ("s=nobody&action=ready&b=be", "ERRP"),
        ("s=s1&s=nobody&action=ready&b=be", "PART"),
        ("s=s1&action=ready&b=nothing", "ERRP"),
        ("action=ready&b=be", "NONE"),
        ("s=s2&action=ehlth&b=be", "NONE"),
        ("s=s2&action=dagent&b=be", "NONE"),
        ("s=s1&action=dhlth&b=be", "DONE"),
        ("s=s1&action=dhlth&b=be", "DONE"),
        ("s=s1&action=ehlth&b=be", "DONE"),
    ] {
        assert_eq!(act(form), format!("{word};up"), "{form}");
    }
    assert_eq!(act("s=s1&action=hdown&b=be"), "DONE;up");
    site.proxy.log.expect(&["Server be/s1 is DOWN, changed from Web interface. "]);
    eventually("its checks bring it back", || status("s1").starts_with("UP").then_some(()));
}

fn scripts_find_what_they_look_for(kind: Kind) {
    let site = Site::start(kind, "", " stats uri /s\n stats admin if TRUE\n");
    let pid = site.proxy.process.pid();
    let page = site.get("/s").body;
    for text in [
        "<title>Statistics Report for ",
        "</h1>\n<h2>Statistics Report for pid ",
        &format!("<b>pid = </b> {pid} (process #1, nbproc = 1, nbthread = "),
        "<b>uptime = </b> 0d 0h00m",
        "<b>maxsock = </b> ",
        "<b>maxconn = </b> ",
        "<a name=\"be\"></a>",
        "<a name=\"fe/Frontend\"></a>",
        "<a name=\"be/s1\"></a>",
        "<a name=\"be/b.3\"></a>",
        "<a name=\"be/Backend\"></a>",
        "<tr class=\"frontend\">",
        "<tr class=\"active_no_check\">",
        "<tr class=\"backup_no_check\">",
        "<tr class=\"backend\">",
        "name=\"s\" value=\"s1\"",
        "<input type=\"hidden\" name=\"b\" value=\"#",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    // HAProxy has it without quotes.
    assert!(page.replace('"', "").contains(" name=action"), "{page}");
}

fn a_page_without_admin_changes_nothing(kind: Kind) {
    let lines = " stats uri /s\n stats admin if { src 127.0.0.9 }\n";
    let site = Site::start(kind, "", lines);
    let form = Request::new().form("s=s2&action=maint&b=be");
    assert_eq!(form.send(site.addr, "/s").header("location"), Some("/s;st=DENY"));
    assert_eq!(site.cell(&Request::new(), "/s;csv", "s2", "status"), "no check");
}

fn rules_and_lists_of_users_decide(kind: Kind) {
    let lists = "userlist staff\n group g users ann\n user ann insecure-password one\n \
                 user bob insecure-password two\n";
    let lines = " stats uri /s\n acl known http_auth(staff)\n acl chief http_auth_group(staff) g\n \
                 stats http-request deny if { path_beg /s/secret }\n \
                 stats http-request auth realm My\\ Page unless known\n stats admin if chief\n \
                 http-request deny if { src 127.0.0.9 } or { path /never }\n";
    let site = Site::start(kind, lists, lines);
    assert_eq!(site.get("/s/secret").status, 403);
    assert_eq!(site.get("/never").status, 403);
    let unknown = site.get("/s");
    assert_eq!(unknown.status, 401);
    assert_eq!(unknown.header("www-authenticate"), Some("Basic realm=\"My Page\""));
    let (ann, bob) = (Request::new().account("ann:one"), Request::new().account("bob:two"));
    let act = |who: &Request| {
        let form = who.clone().form("s=s2&action=maint&b=be");
        form.send(site.addr, "/s").header("location").map(str::to_owned)
    };
    assert_eq!(act(&bob).as_deref(), Some("/s;st=DENY"));
    assert_eq!(site.cell(&bob, "/s;csv", "s2", "status"), "no check");
    assert_eq!(act(&ann).as_deref(), Some("/s;st=DONE"));
    assert_eq!(site.cell(&ann, "/s;csv", "s2", "status"), "MAINT");
}

/// Passwords as `openssl passwd` with `-1`, `-5` and `-6` encrypts `secret`.
fn encrypted_passwords_are_understood(kind: Kind) {
    let lists = "userlist staff\n user one password $1$abc$iCQ2D3nhptRYi27fDYv2s1\n \
                 user five password $5$abc$qsg6EHbUzHQzF1POlD7zUwBINSELQxypPaeDcZe6vH0\n \
                 user six password $6$abc$IdWKNKTJEb8LxY7CGg8YBXlvtfZzFw7Mp/r6niK9YB2mdvgY..TKjv1T\
                 ..8RadRt2qvUHYRLr/TsVArtr91iR1\n";
    let lines = " stats uri /s\n stats http-request auth unless { http_auth(staff) }\n";
    let site = Site::start(kind, lists, lines);
    for name in ["one", "five", "six"] {
        let status = |password: &str| {
            Request::new().account(&format!("{name}:{password}")).send(site.addr, "/s").status
        };
        assert_eq!((status("secret"), status("secret1"), status("")), (200, 401, 401), "{name}");
    }
}

fn the_page_may_stand_in_a_backend(kind: Kind) {
    let lines = " stats enable\nfrontend pair\n mode http\n bind 127.0.0.1:{}\n \
         default_backend behind\nbackend behind\n mode http\n stats uri /deep\n \
         stats auth x:y\n";
    let port = free_port();
    let site = Site::start(kind, "", &lines.replace("{}", &port.to_string()));
    let addr = ([127, 0, 0, 1], port).into();
    assert_eq!(Request::new().send(addr, "/deep").status, 401);
    let answer = Request::new().account("x:y").send(addr, "/deep;csv");
    assert!(answer.body.contains("\nbe,s1,"), "{}", answer.body);
    drop(site);
}

fn monitor_uri_answers(kind: Kind) {
    let site = Site::start(kind, "", " stats enable\n stats auth a:b\n monitor-uri /alive\n");
    assert_eq!(site.get("/alive").status, 200);
    assert_ne!(site.get("/alive/x").status, 200);
    assert_eq!(site.get("/haproxy?stats").status, 401);
}

/// A form on another site's page that a person is lured to carries that person's account.
#[test]
fn forms_of_other_sites_are_denied() {
    let site = Site::start(Kind::Evenkeel, "", " stats uri /s\n stats admin if TRUE\n");
    let form = Request::new().form("s=s2&action=maint&b=be");
    let from = |line: String| {
        let answer = form.clone().header(&line).send(site.addr, "/s");
        answer.header("location").unwrap().to_owned()
    };
    assert_eq!(from("Origin: http://evil.example".to_owned()), "/s;st=DENY");
    assert_eq!(from("Referer: http://evil.example/x".to_owned()), "/s;st=DENY");
    assert_eq!(from("Origin: null".to_owned()), "/s;st=DENY");
    assert_eq!(from(format!("Origin: http://{}", site.addr)), "/s;st=DONE");
    assert!(site.proxy.text().contains("listen page"));
}

/// A form that never ends is given up, and one that is too long is not read to its end.
#[test]
fn long_forms_are_refused() {
    let site = Site::start(Kind::Evenkeel, "", " stats uri /s\n stats admin if TRUE\n");
    let form = format!("s={}&action=maint&b=be", "x".repeat(65_536));
    let answer = Request::new().form(&form).send(site.addr, "/s");
    assert_eq!(answer.header("location"), Some("/s;st=EXCD"));
}

#[test]
fn a_person_drains_a_server_in_a_browser() {
    let lines = " stats uri /s\n stats auth ann:secret\n stats show-legends\n \
                 stats admin if LOCALHOST\n";
    let site = Site::start(Kind::Evenkeel, "", lines);
    let account = Request::new().account("ann:secret");
    let status = |server: &str| site.cell(&account, "/s;csv", server, "status");
    eventually("it is up", || (status("s1") == "UP").then_some(()));
    let mut browser = Browser::start();
    browser.open(&format!("http://ann:secret@{}/s", site.addr));
    let rows = "[...document.querySelectorAll('#be tbody tr')].map(row => \
                row.querySelector('th').innerText.trim() + ' ' + \
                row.querySelector('.state').innerText.split('\\n').pop())";
    let shown = browser.ask(rows);
    assert_eq!(shown, serde_json::json!(["s1 UP", "s2 no check", "b.3 no check", "Backend UP"]));
    let title = browser.ask("document.querySelector('#be tbody tr th').title");
    assert!(title.as_str().unwrap().starts_with("127.0.0.1:"), "{title}");

    // On a phone nothing is cut off, and figures carry their names.
    browser.resize(390, 800);
    let fits = "document.documentElement.scrollWidth <= window.innerWidth";
    assert_eq!(browser.ask(fits), true);
    let label = "getComputedStyle(document.querySelector('#be td.state'), '::before').content";
    assert_eq!(browser.ask(label), "\"Status\"");
    let picture = browser.picture();
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 5_000, "{} bytes", picture.len());

    browser.click("input[value=s1]");
    assert_eq!(browser.ask("document.querySelector('input[value=s1]').checked"), true);
    browser.ask("document.querySelector('#be select').value = 'drain'");
    browser.click("#be button");
    eventually("the server drains", || (status("s1") == "DRAIN").then_some(()));
    let note = "document.querySelector('[role=status]')?.innerText ?? ''";
    eventually("the page says so", || (browser.ask(note) == "Done.").then_some(()));
    assert_eq!(status("s2"), "no check");
    let shown = browser.ask(rows);
    assert_eq!(shown[0], "s1 DRAIN");
}
