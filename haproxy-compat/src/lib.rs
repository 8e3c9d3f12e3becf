//! The language of `haproxy.cfg`: text in, tree and diagnostics out.
//!
//! This crate knows HAProxy's grammar and words and nothing of the program that uses it. It does no
//! I/O, never panics on what is written in a file, and never stops at the first mistake.
#![forbid(unsafe_code)]

pub mod addr;
pub mod cond;
pub mod diag;
pub mod env;
pub mod keywords;
pub mod lexer;
pub mod parse;
pub mod source;
pub mod span;
pub mod suggest;
pub mod tree;
pub mod units;

pub use parse::parse;
