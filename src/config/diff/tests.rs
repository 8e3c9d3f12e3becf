use super::*;
use crate::config::tests::load_clean;

const OLD: &str = r#"
[global]
maxconn = 100
user = "a"

[stats]
bind = "127.0.0.1:8404"

[frontend.web]
bind = ["*:80-81", { address = "*:443", accept_proxy = true }]
backend = "web"

[frontend.gone]
bind = "*:9000"
backend = "web"

[backend.web]
check = { inter = "1s" }
server.a = "10.0.0.1:80"
server.b = "10.0.0.2:80"
server.c = { address = "10.0.0.3:80", backup = true }

[backend.old]
"#;

/// The plan from `OLD` to `OLD` with one text replaced by another.
fn plan(replacements: &[(&str, &str)]) -> Plan {
    let mut new = OLD.to_owned();
    for (from, to) in replacements {
        assert!(new.contains(from), "{from}");
        new = new.replace(from, to);
    }
    diff(&load_clean(OLD), &load_clean(&new))
}

fn front(name: &str, index: usize) -> BindRef {
    BindRef { owner: Owner::Frontend(Name::new(name).unwrap()), index }
}

fn names(names: &[Name]) -> Vec<&str> {
    names.iter().map(Name::as_str).collect()
}

fn server(name: &str, address: bool, check: bool, settings: bool) -> ServerChange {
    ServerChange { name: Name::new(name).unwrap(), address, check, settings }
}

/// What happens to the servers of the only backend that changes.
fn server_changes(replacements: &[(&str, &str)]) -> Changes<Name, ServerChange> {
    let mut plan = plan(replacements);
    assert_eq!(plan.backends.changed.len(), 1);
    plan.backends.changed.remove(0).servers
}

#[test]
fn nothing_is_done_for_the_same_file() {
    let plan = plan(&[]);
    assert!(plan.is_empty());
    assert_eq!(plan.binds_kept.len(), 5);
    assert!(plan.binds_kept.iter().all(|kept| kept.old == kept.new));
}

#[test]
fn sockets_are_known_by_address_and_socket_options() {
    let moved = plan(&[("\"*:80-81\"", "\"*:81-82\"")]);
    assert_eq!(moved.binds_added, [front("web", 1)]);
    assert_eq!(moved.binds_removed, [front("web", 0)]);
    let kept = KeptBind { old: front("web", 1), new: front("web", 0), options_changed: false };
    assert!(moved.binds_kept.contains(&kept));
    assert_eq!(names(&moved.frontends.changed), ["web"]);

    let limit = plan(&[("accept_proxy = true", "maxconn = 5, backlog = 7")]);
    assert!(limit.binds_added.is_empty() && limit.binds_removed.is_empty());
    assert_eq!(names(&limit.frontends.changed), ["web"]);

    for option in ["v6only = true", "interface = \"lo\"", "mode = \"600\""] {
        let option = format!("accept_proxy = true, {option}");
        let changed = plan(&[("accept_proxy = true", &option)]);
        assert_eq!(changed.binds_added, [front("web", 2)], "{option}");
        assert_eq!(changed.binds_removed, [front("web", 2)], "{option}");
    }
}

#[test]
fn a_socket_outlives_its_frontend() {
    let plan = plan(&[("[frontend.gone]", "[frontend.new]")]);
    assert_eq!(names(&plan.frontends.added), ["new"]);
    assert_eq!(names(&plan.frontends.removed), ["gone"]);
    assert!(plan.binds_added.is_empty() && plan.binds_removed.is_empty());
    assert!(plan.binds_kept.contains(&KeptBind {
        old: front("gone", 0),
        new: front("new", 0),
        options_changed: false,
    }));
}

#[test]
fn servers_say_what_changed() {
    let address = server_changes(&[("10.0.0.2:80", "10.0.0.9:80")]);
    assert_eq!(address.changed, [server("b", true, false, false)]);
    let check = server_changes(&[("inter = \"1s\"", "inter = \"2s\"")]);
    let all = ["a", "b", "c"].map(|name| server(name, false, true, false));
    assert_eq!(check.changed, all);
    let settings = server_changes(&[("backup = true", "weight = 9")]);
    assert_eq!(settings.changed, [server("c", false, false, true)]);
    let swapped = server_changes(&[("server.a", "server.d")]);
    assert_eq!((names(&swapped.added), names(&swapped.removed)), (vec!["d"], vec!["a"]));
}

#[test]
fn a_backend_is_more_than_its_servers() {
    let settings = plan(&[("check = {", "retries = 1\ncheck = {")]);
    let change = &settings.backends.changed[0];
    assert!(change.settings && !change.order && change.servers.is_empty());
    let ids = [
        ("server.a = \"10.0.0.1:80\"\n", ""),
        (
            "server.b =",
            "server.b = { address = \"10.0.0.2:80\", id = 2 }\nserver.a = { address = \"10.0.0.1:80\", id = 1 }\n#",
        ),
    ];
    let order = plan(&ids);
    let change = &order.backends.changed[0];
    assert!(change.order && !change.settings && change.servers.is_empty());
    let removed = plan(&[("[backend.old]", "")]);
    assert_eq!(names(&removed.backends.removed), ["old"]);
}

#[test]
fn the_process_says_what_it_cannot_change() {
    let plan = plan(&[
        ("maxconn = 100", "maxconn = 200\nnbthread = 2\nchroot = \"/x\"\nbufsize = 32768"),
        ("user = \"a\"", "user = \"b\""),
    ]);
    assert_eq!(plan.global_changed, ["maxconn"]);
    assert_eq!(plan.needs_restart, ["nbthread", "user", "chroot", "bufsize"]);
    assert!(plan.frontends.changed.len() == 2, "the backlog follows the process' maxconn");
}
