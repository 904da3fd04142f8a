//! Memory that grows with data is reserved before it is used: a lack of memory is an error, and ends no process.

pub mod allocation;
mod allocator;
