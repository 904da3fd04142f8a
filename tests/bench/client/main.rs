//! The client that the benchmark in `tests/bench` drives: it speaks the server's protocol over a Unix socket and
//! does nothing else while the clock runs, because a driver in Python would cost more than the searches it times.
//!
//! ```text
//! conifer-bench session SOCKET USER DATABASE
//! conifer-bench insert  SOCKET USER DATABASE CLIENTS STATEMENT VECTORS FIRST COUNT
//! ```
//!
//! `session` keeps one connection and obeys the lines of its standard input (see [`session`]); `insert` runs a
//! prepared statement for every vector, on several connections at once (see [`insert`]).

mod insert;
mod session;
mod vectors;
mod wire;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["session", socket, user, database] => session::run(&wire::Address { socket, user, database }),
        ["insert", socket, user, database, ref rest @ ..] => {
            insert::run(&wire::Address { socket, user, database }, rest)
        }
        _ => Err("usage: conifer-bench session|insert SOCKET USER DATABASE …".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("conifer-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
