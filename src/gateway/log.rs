//! The log: a line of JSON for each event, on standard error. No key, vector or metadata comes into it: of a key its id, which is
//! public, of requests the operation, never the body.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Only what the gateway itself cannot do.
    Error,
    /// And requests that were answered with 4xx and 5xx.
    Warn,
    /// And all others.
    Info,
}

/// The log.
#[derive(Debug)]
pub struct Log {
    level: Level,
}

/// What a request was, for its line.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// Its id.
    pub id: &'a str,
    /// `GET`, …
    pub method: &'a str,
    /// The operation.
    pub operation: &'a str,
    /// The index it was for.
    pub index: &'a str,
    /// The key's id.
    pub key: &'a str,
    /// The client's address.
    pub client: &'a str,
    /// Version of the API that was asked for.
    pub version: &'a str,
    /// The client's name for itself.
    pub agent: &'a str,
    /// The status of HTTP; of gRPC, the one that would be it.
    pub status: u16,
    /// The database's SQLSTATE, if it reported an error.
    pub sqlstate: &'a str,
    /// Microseconds that it took.
    pub micros: u64,
}

impl Log {
    /// A log of a level.
    pub fn new(level: Level) -> Self {
        Self { level }
    }

    /// Whether requests of a status are logged.
    pub fn takes(&self, status: u16) -> bool {
        self.level >= if status >= 400 { Level::Warn } else { Level::Info }
    }

    /// Writes the line of a request.
    pub fn request(&self, request: &Request<'_>) {
        let level = if request.status >= 500 {
            "error"
        } else if request.status >= 400 {
            "warn"
        } else {
            "info"
        };
        let mut line = begin(level);
        for (name, value) in [
            ("request_id", request.id),
            ("method", request.method),
            ("operation", request.operation),
            ("index", request.index),
            ("key", request.key),
            ("client", request.client),
            ("api_version", request.version),
            ("user_agent", request.agent),
            ("sqlstate", request.sqlstate),
        ] {
            if !value.is_empty() {
                member(&mut line, name, value);
            }
        }
        line.push_str(&format!(",\"status\":{},\"us\":{}", request.status, request.micros));
        end(line);
    }

    /// Writes something about the gateway that an operator may want to know.
    pub fn note(&self, words: &str) {
        self.event("info", words);
    }

    /// Writes something about the gateway that an operator should know.
    pub fn warn(&self, words: &str) {
        self.event("error", words);
    }

    fn event(&self, level: &str, words: &str) {
        let mut line = begin(level);
        member(&mut line, "message", words);
        end(line);
    }
}

fn begin(level: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut line = String::with_capacity(256);
    line.push_str(&format!("{{\"time\":{}.{:06},\"level\":\"{level}\"", now.as_secs(), now.subsec_micros()));
    line
}

fn member(line: &mut String, name: &str, value: &str) {
    line.push_str(&format!(",\"{name}\":{}", serde_json::Value::from(value)));
}

fn end(mut line: String) {
    line.push_str("}\n");
    // One write for a line, so that lines of several threads stay whole. A log that nobody reads is no reason to stop.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}
