//! x
use std::process::ExitCode;
/// x
pub fn run(_h: &crate::cli::Demo) -> ExitCode {
    ExitCode::SUCCESS
}
