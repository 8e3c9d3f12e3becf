//! `balance` lines.

use haproxy_compat::keywords::form::of_balance;
use haproxy_compat::span::Spanned;
use haproxy_compat::tree::Line;

use super::form;
use super::settings::Settings;
use super::words::{Args, Context, set, text};

/// A `balance` line.
pub(super) fn lower(line: &Line, settings: &mut Settings, cx: &mut Context<'_>) {
    let mut args = Args::new(line, 1);
    let Some(word) = args.next() else {
        settings.balance = Some(Spanned::new("roundrobin".to_owned(), line.span));
        return;
    };
    let policy = word.text();
    let name = policy.split('(').next().unwrap_or_default();
    match name {
        "url_param" if args.peek().is_none() => {
            cx.report.alert(word.span, "'balance url_param' needs the name of a parameter");
            return;
        }
        "hdr" if !policy.ends_with(')') || policy == "hdr()" => {
            cx.report
                .alert(word.span, "'balance hdr' needs the name of a header")
                .help("write 'hdr(name)'");
            return;
        }
        "rdp-cookie" if policy == "rdp-cookie()" => {
            cx.report.alert(word.span, "'balance rdp-cookie' needs the name of a cookie");
            return;
        }
        "uri" | "url_param" | "hdr" => {
            cx.report.warning(
                line.span,
                format!("'balance {name}' needs 'mode http': 'roundrobin' is used instead"),
            );
            settings.balance = Some(Spanned::new("roundrobin".to_owned(), word.span));
            return form::judge(of_balance(name), "balance", &mut args, cx);
        }
        "hash" => {
            let mut hash = text(word);
            if let Some(expr) = args.words("balance hash", "a sample such as 'src'", cx) {
                hash.value.push(' ');
                hash.value.push_str(&expr.value);
                settings.balance = Some(hash);
            }
            return;
        }
        "log-hash" | "sticky" => {
            cx.report
                .alert(word.span, format!("'balance {name}' is for 'mode log' only"))
                .help("'balance source' keeps a client with its server");
            return;
        }
        _ => settings.balance = Some(text(word)),
    }
    args.ignore_rest("balance", cx);
}

/// `hash-type`, `hash-balance-factor` or `hash-preserve-affinity`.
pub(super) fn hash(
    keyword: &str,
    args: &mut Args<'_>,
    settings: &mut Settings,
    cx: &mut Context<'_>,
) {
    match keyword {
        "hash-type" => {
            let words = "'map-based' or 'consistent', and a function";
            return set(&mut settings.hash_type, args.words(keyword, words, cx));
        }
        "hash-balance-factor" => {
            set(&mut settings.hash_balance_factor, args.number(keyword, cx));
            args.ignore_rest(keyword, cx);
        }
        _ => {
            let words = "'always', 'maxconn' or 'maxqueue'";
            set(&mut settings.hash_preserve_affinity, args.text(keyword, words, cx));
        }
    }
    args.finish(keyword, cx);
}
