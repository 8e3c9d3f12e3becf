//! `server` and `default-server` lines.

use std::net::Ipv6Addr;

use haproxy_compat::keywords::form::of_server;
use haproxy_compat::keywords::{Effect, SERVER};
use haproxy_compat::span::{Span, Spanned};
use haproxy_compat::tree::{Line, Word};
use haproxy_compat::units::TimeUnit;

use super::words::{Args, Context, text};
use super::{form, socket};
use crate::config::raw::{
    AgentSettings, CheckSettings, Field, Server, TEMPLATE_MAX, made_from, template_numbers,
};

/// The highest `rise` and `fall`.
const TURNS_MAX: u64 = u16::MAX as u64;

/// A word about HTTP that was left out, for the warning that only proxies in `mode tcp` get.
pub(super) type HttpWord = (String, Span);

/// A `server` line, completed by what `default-server` said before.
pub(super) fn lower(
    line: &Line,
    template: &Server,
    http: &mut Vec<HttpWord>,
    cx: &mut Context<'_>,
) -> Option<Server> {
    let mut args = Args::new(line, 1);
    let name = args.expect("server", "a name and an address", cx)?;
    let address = args.expect("server", "an address such as '10.0.0.1:3306' after the name", cx)?;
    let mut server = Server { name: text(name), address: cx.address(address), ..template.clone() };
    options(&mut args, "server", &mut server, http, cx);
    agent_follows_check(&mut server);
    Some(server)
}

/// `addr` says where the agent is, too, unless `agent-addr` does.
fn agent_follows_check(server: &mut Server) {
    if server.agent.on.as_ref().is_some_and(|on| on.value) && server.agent.addr.is_none() {
        server.agent.addr.clone_from(&server.check_settings.addr);
    }
}

/// A `server-template` line: the servers it makes, completed as those of `server` lines.
pub(super) fn lower_template(
    line: &Line,
    template: &Server,
    http: &mut Vec<HttpWord>,
    cx: &mut Context<'_>,
) -> Vec<Server> {
    let mut args = Args::new(line, 1);
    let keyword = "server-template";
    let name = args.expect(keyword, "the beginning of names, a count and a host name", cx);
    let count = args.expect(keyword, "a count such as '5' or '1-5'", cx);
    let address = args.expect(keyword, "a host name such as 'db.example:3306'", cx);
    let (Some(name), Some(count), Some(address)) = (name, count, address) else {
        return Vec::new();
    };
    let Some(numbers) = template_numbers(&count.text()) else {
        cx.report
            .alert(count.span, format!("'{}' is no count of servers", count.text()))
            .help(format!("write '5' or '3-7', at most {TEMPLATE_MAX} servers"));
        return Vec::new();
    };
    let mut server = Server { name: text(name), address: cx.address(address), ..template.clone() };
    options(&mut args, keyword, &mut server, http, cx);
    agent_follows_check(&mut server);
    let mut made = made_from(&server, numbers);
    if let Some(id) = &server.id {
        cx.report.warning(id.span, "'id' is that of the first server: the others get their own");
        made.iter_mut().skip(1).for_each(|server| server.id = None);
    }
    made
}

/// A server that nothing was said of.
pub(super) fn empty_template() -> Server {
    let nothing = Spanned::new(String::new(), Span::default());
    Server::new(nothing.clone(), nothing)
}

/// A `default-server` line: changes what the servers below it start from.
pub(super) fn default_server(
    line: &Line,
    template: &mut Server,
    http: &mut Vec<HttpWord>,
    cx: &mut Context<'_>,
) {
    let mut args = Args::new(line, 1);
    if args.peek().is_none() {
        cx.report.warning(line.span, "'default-server' without options changes nothing");
    }
    options(&mut args, "default-server", template, http, cx);
}

fn options(
    args: &mut Args<'_>,
    keyword: &str,
    server: &mut Server,
    http: &mut Vec<HttpWord>,
    cx: &mut Context<'_>,
) {
    while let Some(word) = args.next() {
        let written = word.text();
        // `set-proxy-v2-tlv-fmt(0xE1)` has an argument within.
        let option = match written.split_once('(') {
            Some((name @ "set-proxy-v2-tlv-fmt", _)) => name.into(),
            _ => written,
        };
        let name = Word { bytes: option.as_bytes().into(), span: word.span };
        match cx.effect(&name, &option, &SERVER) {
            None => {
                cx.unknown(word, &format!("in a '{keyword}' line"), SERVER.names());
                if keyword == "default-server" && option.contains(['.', ':']) {
                    cx.report.help("'default-server' takes no name and no address");
                }
                // What follows may be its arguments.
                break;
            }
            Some(Effect::Applies) if option == "id" && keyword == "default-server" => {
                cx.report.warning(word.span, "'id' is ignored: all servers would have the same");
                args.skip(1);
            }
            Some(Effect::Applies) => {
                if !socket::server(&option, word, args, &mut server.socket, cx)
                    && !super::tls::option(&option, word, args, &mut server.tls, cx)
                    && !check_option(&option, word, args, &mut server.check_settings, cx)
                    && !agent_option(&option, word, args, &mut server.agent, cx)
                {
                    server_option(&option, word, args, server, cx);
                }
            }
            Some(effect) => {
                let protocol = args.peek().filter(|it| option == "proto" && it.bytes != b"none");
                if let Some(protocol) = protocol {
                    http.push((format!("proto {}", protocol.text()), protocol.span));
                } else if effect == Effect::Http {
                    http.push((option.clone().into_owned(), word.span));
                } else if matches!(&*option, "tfo" | "no-tfo") {
                    server.tfo = (option == "tfo").then_some(word.span);
                }
                form::without_effect(effect, word, &SERVER, of_server, args, cx);
            }
        }
    }
}

/// Sets what `option` says about the check; false if it is about something else.
fn check_option(
    option: &str,
    word: &Word,
    args: &mut Args<'_>,
    check: &mut CheckSettings,
    cx: &mut Context<'_>,
) -> bool {
    match option {
        "inter" => check.inter = args.time(option, TimeUnit::Milliseconds, cx),
        "fastinter" => check.fastinter = args.time(option, TimeUnit::Milliseconds, cx),
        "downinter" => check.downinter = args.time(option, TimeUnit::Milliseconds, cx),
        "init-state" => check.init_state = args.text(option, "a state such as 'fully-up'", cx),
        "rise" => check.rise = turns(option, args, cx),
        "fall" => check.fall = turns(option, args, cx),
        "port" => check.port = args.port(option, cx),
        "addr" => {
            let address = args.expect(option, "an address", cx);
            check.addr = address.map(|word| cx.address(word));
        }
        "check-send-proxy" => check.send_proxy = Some(Spanned::new(true, word.span)),
        "no-check-send-proxy" => check.send_proxy = Some(Spanned::new(false, word.span)),
        _ => return false,
    }
    true
}

/// The same for the agent.
fn agent_option(
    option: &str,
    word: &Word,
    args: &mut Args<'_>,
    agent: &mut AgentSettings,
    cx: &mut Context<'_>,
) -> bool {
    match option {
        "agent-check" => agent.on = Some(Spanned::new(true, word.span)),
        "no-agent-check" => agent.on = Some(Spanned::new(false, word.span)),
        "agent-inter" => agent.inter = args.time(option, TimeUnit::Milliseconds, cx),
        "agent-port" => agent.port = args.port(option, cx),
        "agent-addr" => {
            let address = args.expect(option, "an address", cx);
            agent.addr = address.map(|word| cx.address(word));
            // Only 'addr' may lead an agent to a path or name a port.
            let is_more = |text: &str| {
                text.contains(['/', '@']) || text.contains(':') && !text.ends_with(']')
            };
            if let Some(addr) = &mut agent.addr
                && addr.value.parse::<Ipv6Addr>().is_ok()
            {
                addr.value = format!("[{}]", addr.value);
            }
            if let Some(addr) = agent.addr.take_if(|addr| is_more(&addr.value)) {
                let message = format!("'agent-addr': '{}' is not an IP address", addr.value);
                cx.report.alert(addr.span, message).help("'agent-port' names the port");
            }
        }
        "agent-send" => {
            let text = args.expect(option, "a text", cx);
            agent.send = text.map(|word| Spanned::new(word.bytes.clone(), word.span));
        }
        _ => return false,
    }
    true
}

fn server_option(
    option: &str,
    word: &Word,
    args: &mut Args<'_>,
    server: &mut Server,
    cx: &mut Context<'_>,
) {
    let flag = |value| Some(Spanned::new(value, word.span));
    let header = |version: &str| Some(Spanned::new(version.to_owned(), word.span));
    match option {
        "check" => server.check = flag(true),
        "no-check" => server.check = flag(false),
        "backup" => server.backup = flag(true),
        "no-backup" => server.backup = flag(false),
        "disabled" => server.disabled = flag(true),
        "enabled" => server.disabled = flag(false),
        "non-stick" => server.non_stick = flag(true),
        "stick" => server.non_stick = flag(false),
        "weight" => server.weight = or_zero(option, word, args, cx, Args::number),
        "maxconn" => server.maxconn = or_zero(option, word, args, cx, Args::limit),
        "minconn" => server.minconn = or_zero(option, word, args, cx, Args::limit),
        "maxqueue" => server.maxqueue = or_zero(option, word, args, cx, Args::limit),
        "slowstart" => server.slowstart = args.time(option, TimeUnit::Milliseconds, cx),
        "hash-key" => {
            server.hash_key = args.text(option, "'id', 'id32', 'addr' or 'addr-port'", cx);
        }
        "track" => server.track = args.text(option, "'[backend/]server'", cx),
        "healthcheck" => server.check_section = args.text(option, "the name of a section", cx),
        "id" => server.id = args.number(option, cx),
        "log-proto" => server.log_proto = args.text(option, "'legacy' or 'octet-count'", cx),
        "tcp-ut" => server.tcp_ut = args.time(option, TimeUnit::Milliseconds, cx),
        "observe" => server.observe = args.text(option, "'layer4'", cx),
        "error-limit" => server.error_limit = args.number(option, cx),
        "on-error" => server.on_error = args.text(option, "a reaction such as 'mark-down'", cx),
        "on-marked-down" => server.on_marked_down = args.text(option, "'shutdown-sessions'", cx),
        "on-marked-up" => {
            server.on_marked_up = args.text(option, "'shutdown-backup-sessions'", cx);
        }
        "init-addr" => server.naming.init_addr = some_text(option, word, args, cx),
        "resolvers" => server.naming.resolvers = args.text(option, "a section's name", cx),
        "resolve-prefer" => server.naming.prefer = args.text(option, "'ipv4' or 'ipv6'", cx),
        "resolve-net" => server.naming.nets = args.text(option, "networks", cx),
        "resolve-opts" => server.naming.opts = some_text(option, word, args, cx),
        "send-proxy" => server.send_proxy = header("v1"),
        "send-proxy-v2" => server.send_proxy = header("v2"),
        "send-proxy-v2-ssl" => server.send_proxy = header("v2-ssl"),
        "send-proxy-v2-ssl-cn" => server.send_proxy = header("v2-ssl-cn"),
        // `no-send-proxy` and `no-send-proxy-v2` each take back their own version only.
        "no-send-proxy" => drop(server.send_proxy.take_if(|version| version.value == "v1")),
        _ => {
            let own = option.trim_start_matches("no-send-proxy-");
            drop(server.send_proxy.take_if(|version| version.value == own));
        }
    }
}

/// A number of the last word of a line, which HAProxy reads as 0 where it is missing.
fn or_zero<'a>(
    option: &str,
    word: &Word,
    args: &mut Args<'a>,
    cx: &mut Context<'_>,
    read: fn(&mut Args<'a>, &str, &mut Context<'_>) -> Field<u64>,
) -> Field<u64> {
    if args.peek().is_some() {
        return read(args, option, cx);
    }
    cx.report
        .warning(word.span, format!("'{option}' without a number is read as 0"))
        .help("write the number behind it");
    Some(Spanned::new(0, word.span))
}

/// The words that `option` lists, if there are any.
fn some_text(
    option: &str,
    word: &Word,
    args: &mut Args<'_>,
    cx: &mut Context<'_>,
) -> Field<String> {
    let words = args.next();
    if words.is_none() {
        cx.report.warning(word.span, format!("'{option}' is ignored: nothing stands behind it"));
    }
    words.map(text)
}

/// `rise` and `fall`: no server waits for more than [`TURNS_MAX`] checks.
fn turns(option: &str, args: &mut Args<'_>, cx: &mut Context<'_>) -> Field<u64> {
    let mut turns = args.number(option, cx)?;
    if turns.value > TURNS_MAX {
        cx.report.warning(turns.span, format!("'{option}' is at most {TURNS_MAX} here"));
        turns.value = TURNS_MAX;
    }
    Some(turns)
}
