//! The only `unsafe`: calls that neither std, rustix nor socket2 offer safely.
//!
//! One operation a block, each with the sentence that makes it sound. Descriptors cross the border
//! as `OwnedFd`/`BorrowedFd`, never as numbers, except where a number is what the operator wrote.
#![allow(unsafe_code, reason = "the fence")]
#![deny(clippy::undocumented_unsafe_blocks)]

pub mod inherit;
pub mod mask;
pub mod privileges;
pub mod process;
pub mod queue;
pub mod readiness;
pub mod repair;
pub mod sockopt;
pub mod source_port;
pub mod tcp_info;
