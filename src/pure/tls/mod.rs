//! What TLS is made of, in the words of those who configure it: cipher suites, versions, names.

pub mod ciphers;
pub mod facts;
pub mod faults;
pub mod names;
pub mod refusal;
pub mod verify_errors;
