//! `resolvers` sections.

use std::ops::RangeInclusive;

use haproxy_compat::keywords::RESOLVERS;
use haproxy_compat::span::Spanned;
use haproxy_compat::tree::{Line, Prefix, Section};
use haproxy_compat::units::TimeUnit;

use super::words::{Args, Context, text};
use crate::config::raw::{Field, Resolvers};
use crate::pure::resolve::message::{ANSWER_BYTES_MAX, PAYLOAD_DEFAULT};

/// What HAProxy takes for `accepted_payload_size`, in bytes.
const PAYLOADS: RangeInclusive<u64> = 12..=65_535;

/// Words after `hold`.
const HOLDS: [&str; 6] = ["valid", "obsolete", "nx", "refused", "timeout", "other"];

/// Reads a section; `None` where it has no name.
pub(super) fn lower(section: &Section, cx: &mut Context<'_>) -> Option<Resolvers> {
    let Some(name) = &section.name else {
        cx.report.alert(section.header.span, "'resolvers' needs a name");
        return None;
    };
    let mut resolvers = Resolvers::new(text(name));
    for line in &section.lines {
        statement(line, &mut resolvers, cx);
    }
    Some(resolvers)
}

fn statement(line: &Line, resolvers: &mut Resolvers, cx: &mut Context<'_>) {
    let word = &line.words[0];
    let keyword = word.text();
    if cx.effect(word, &keyword, &RESOLVERS).is_none() {
        cx.unknown(word, "in a 'resolvers' section", RESOLVERS.names());
        return;
    }
    let args = &mut Args::new(line, 1);
    match keyword.as_ref() {
        "nameserver" => {
            let name = args.text("nameserver", "a name and an address", cx);
            let address = args.expect("nameserver", "an address such as '10.0.0.2:53'", cx);
            if let (Some(name), Some(address)) = (name, address) {
                resolvers.nameservers.push((name, cx.address(address)));
            }
        }
        "parse-resolv-conf" => {
            let on = line.prefix == Prefix::Plain;
            resolvers.resolv_conf = Some(Spanned::new(on, word.span));
        }
        "accepted_payload_size" => resolvers.accepted_payload_size = payload(&keyword, args, cx),
        "resolve_retries" => {
            resolvers.resolve_retries = retries(&keyword, args, cx);
        }
        "timeout" => timeout(args, resolvers, cx),
        _ => hold(args, resolvers, cx),
    }
    // HAProxy reads no further.
    args.ignore_rest(&keyword, cx);
}

/// HAProxy takes sizes that mean less than DNS grants to everybody, or more than is kept here.
fn payload(keyword: &str, args: &mut Args<'_>, cx: &mut Context<'_>) -> Field<u64> {
    let mut bytes = args.digits(keyword, cx)?;
    let most = ANSWER_BYTES_MAX as u64;
    let meant = bytes.value.clamp(PAYLOAD_DEFAULT.into(), most);
    if PAYLOADS.contains(&bytes.value) && meant != bytes.value {
        cx.report
            .warning(bytes.span, format!("'{keyword} {}' is read as {meant}", bytes.value))
            .help(format!("write {PAYLOAD_DEFAULT} to {most}"));
        bytes.value = meant;
    }
    Some(bytes)
}

/// A name is asked for at least once.
fn retries(keyword: &str, args: &mut Args<'_>, cx: &mut Context<'_>) -> Field<u64> {
    let mut retries = args.count(keyword, cx)?;
    if retries.value == 0 {
        cx.report.warning(retries.span, format!("'{keyword} 0' is read as 1")).help("write 1");
        retries.value = 1;
    }
    Some(retries)
}

fn timeout(args: &mut Args<'_>, resolvers: &mut Resolvers, cx: &mut Context<'_>) {
    let Some(word) = args.expect("timeout", "'resolve' or 'retry' and a time", cx) else { return };
    let what = word.text();
    match what.as_ref() {
        "resolve" => resolvers.timeout_resolve = args.time(&what, TimeUnit::Milliseconds, cx),
        "retry" => resolvers.timeout_retry = args.time(&what, TimeUnit::Milliseconds, cx),
        _ => {
            cx.unknown(word, "after 'timeout' in a 'resolvers' section", ["resolve", "retry"]);
            args.skip_all();
        }
    }
}

fn hold(args: &mut Args<'_>, resolvers: &mut Resolvers, cx: &mut Context<'_>) {
    let Some(word) = args.expect("hold", "a reason such as 'valid' and a time", cx) else { return };
    let what = word.text();
    let hold = &mut resolvers.hold;
    let field = match what.as_ref() {
        "valid" => &mut hold.valid,
        "obsolete" => &mut hold.obsolete,
        "nx" => &mut hold.nx,
        "refused" => &mut hold.refused,
        "timeout" => &mut hold.timeout,
        "other" => &mut hold.other,
        _ => {
            cx.unknown(word, "after 'hold' in a 'resolvers' section", HOLDS);
            args.skip_all();
            return;
        }
    };
    *field = args.time(&what, TimeUnit::Milliseconds, cx);
}
