//! Memory that grows with data is asked for before it is used: a want of it is an error, and ends no process.

pub mod allocation;
mod allocator;
