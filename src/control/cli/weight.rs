//! `set weight`, `get weight`, and what a weight may be.

use super::table::{Command, Mode, Run};
use super::{Answer, Call, object};
use crate::clock;
use crate::config::model::Level;
use crate::pure::weight::Weight;
use crate::state::{Backend, publish};

/// The commands of this file.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "get weight",
        args: "<bk>/<srv>",
        help: "report a server's current weight",
        level: Level::User,
        mode: Mode::Usual,
        run: Run::Now(get),
    },
    Command {
        name: "set weight",
        args: "<bk>/<srv> <weight>[%]",
        help: "change a server's weight ('set server' does the same)",
        level: Level::Admin,
        mode: Mode::Usual,
        run: Run::Now(|call, answer| set(call, 1, answer)),
    },
];

fn get(call: &mut Call<'_>, answer: &mut Answer<'_>) {
    let Some((_, server)) = object::server(call, 0, answer) else { return };
    let (now, initial) = (server.settings().weight, server.configured().weight);
    answer.line(format_args!("{} (initial {})", now.value(), initial.value()));
}

/// Sets the weight of the server in the first argument to what argument `index` says.
pub(super) fn set(call: &Call<'_>, index: usize, answer: &mut Answer<'_>) {
    let Some((backend, server)) = object::server(call, 0, answer) else { return };
    let initial = server.configured().weight;
    match parse(call.arg(index), initial, is_dynamic(&backend)) {
        Ok(weight) => publish::settings(&backend, &server, clock::now(), |settings| {
            settings.weight = weight;
        }),
        Err(message) => answer.refuse(message),
    }
}

/// Whether the backend's algorithm takes other weights, and other servers, while it runs.
pub(super) fn is_dynamic(backend: &Backend) -> bool {
    backend.settings().balance.is_dynamic()
}

/// A weight, or a percentage of the initial one, rounded down and at most 256. Where the algorithm
/// is not dynamic, a server has its initial weight or none.
fn parse(text: &str, initial: Weight, dynamic: bool) -> Result<Weight, &'static str> {
    if text.is_empty() {
        return Err("Require <weight> or <weight%>.");
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
    let (digits, rest) = unsigned.split_at(end);
    if digits.is_empty() {
        return Err("Empty weight string empty or preceded by garbage");
    }
    // Too many digits are out of every range.
    let value = digits.parse().unwrap_or(u64::MAX);
    let negative = text.starts_with('-') && value > 0;
    let max = u64::from(Weight::MAX.value());
    let weight = match rest {
        "%" if negative => return Err("Relative weight must be positive."),
        "%" => (u64::from(initial.value()).saturating_mul(value) / 100).min(max),
        "" if negative || value > max => {
            return Err("Absolute weight can only be between 0 and 256 inclusive.");
        }
        "" => value,
        _ => return Err("Trailing garbage in weight string"),
    };
    let weight = u16::try_from(weight).ok().and_then(Weight::new).unwrap_or(Weight::MAX);
    if !dynamic && weight.value() != 0 && weight != initial {
        return Err(
            "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.",
        );
    }
    Ok(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_as_haproxy_reads_them() {
        const EMPTY: &str = "Empty weight string empty or preceded by garbage";
        const ABSOLUTE: &str = "Absolute weight can only be between 0 and 256 inclusive.";
        const TRAILING: &str = "Trailing garbage in weight string";
        const STATIC: &str =
            "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.";
        let ten = Weight::new(10).expect("a weight");
        for (text, dynamic, want) in [
            ("20", true, Ok(20)),
            ("256", true, Ok(256)),
            ("257", true, Err(ABSOLUTE)),
            ("-1", true, Err(ABSOLUTE)),
            ("99999999999999999999", true, Err(ABSOLUTE)),
            ("50%", true, Ok(5)),
            ("33%", true, Ok(3)),
            ("99999%", true, Ok(256)),
            ("99999999999999999999%", true, Ok(256)),
            ("-5%", true, Err("Relative weight must be positive.")),
            ("", true, Err("Require <weight> or <weight%>.")),
            ("abc", true, Err(EMPTY)),
            ("%", true, Err(EMPTY)),
            ("12x", true, Err(TRAILING)),
            ("33%%", true, Err(TRAILING)),
            ("0", false, Ok(0)),
            ("10", false, Ok(10)),
            ("100%", false, Ok(10)),
            ("50%", false, Err(STATIC)),
            ("5", false, Err(STATIC)),
        ] {
            let weight = parse(text, ten, dynamic).map(Weight::value);
            assert_eq!(weight, want, "{text} {dynamic}");
        }
    }
}
