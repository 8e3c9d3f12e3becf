//! x
/// x
pub fn to_toml(_: &super::model::Config) -> String { String::new() }
