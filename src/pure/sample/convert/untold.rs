//! Converters whose result nothing here tells: their arguments are judged, so that a file which HAProxy
//! refuses is refused here too.

use super::Converter;
use super::bytes::Secret;
use crate::pure::sample::value::Kind;
use crate::pure::sample::variable::Variable;

/// Converters that are read so that files load, with a warning: what they take and yield, and how many
/// arguments at least and at most.
const UNTOLD: [(&str, Kind, Kind, usize, usize); 9] = [
    ("aes_gcm_dec", Kind::Bin, Kind::Bin, 4, 4),
    ("capture-req", Kind::Str, Kind::Str, 1, 1),
    ("capture-res", Kind::Str, Kind::Str, 1, 1),
    ("jwt_header_query", Kind::Bin, Kind::Any, 0, 2),
    ("jwt_payload_query", Kind::Bin, Kind::Any, 0, 2),
    ("jwt_verify", Kind::Bin, Kind::Int, 2, 2),
    ("language", Kind::Str, Kind::Str, 1, 2),
    ("protobuf", Kind::Bin, Kind::Bin, 1, 2),
    ("ungrpc", Kind::Bin, Kind::Bin, 1, 2),
];

pub(super) fn parse(name: &str, args: &[String]) -> Option<Result<Converter, String>> {
    let &(_, input, output, least, most) = UNTOLD.iter().find(|row| row.0 == name)?;
    if !(least..=most).contains(&args.len()) {
        return Some(Err(format!("it takes {least} to {most} arguments")));
    }
    let is_right = match (name, args) {
        ("jwt_verify", [algorithm, _]) => is_jwt_algorithm(algorithm),
        ("aes_gcm_dec", [bits, keys @ ..]) => aes_arguments(bits, keys),
        _ => Ok(()),
    };
    Some(is_right.map(|()| Converter::Untold(input, output)))
}

/// How a token of JSON may be signed, or a variable that says it.
fn is_jwt_algorithm(text: &str) -> Result<(), String> {
    let is_known = match text.split_at_checked(2) {
        Some(("HS" | "RS" | "ES" | "PS", bits)) => matches!(bits, "256" | "384" | "512"),
        _ => text == "none" || Variable::parse(text).is_ok(),
    };
    let why = || format!("'{text}' is no algorithm of a token, and no variable");
    is_known.then_some(()).ok_or_else(why)
}

/// The size of a key, and what is a variable or base64.
fn aes_arguments(bits: &str, keys: &[String]) -> Result<(), String> {
    if !matches!(bits, "128" | "192" | "256") {
        return Err(format!("a key has 128, 192 or 256 bits, not '{bits}'"));
    }
    keys.iter().try_for_each(|key| Secret::parse(key).map(drop))
}
