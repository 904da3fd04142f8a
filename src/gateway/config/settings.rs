//! The settings: name, default, what it means. `--help` and the documents are of this table.

use std::collections::HashMap;

/// One of them.
pub struct Setting {
    /// Its name on the command line and in the file.
    pub name: &'static str,
    /// What holds if nothing is said.
    pub default: &'static str,
    /// What it means, in words.
    pub help: &'static str,
}

/// Values of all settings, by name.
pub type Values = HashMap<&'static str, String>;

impl Setting {
    /// Its name in the environment.
    pub fn variable(&self) -> String {
        format!("CONIFER_GATEWAY_{}", self.name.to_uppercase().replace('-', "_"))
    }
}

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help }
}

/// All of them.
pub const SETTINGS: [Setting; 27] = [
    setting("listen", "127.0.0.1:5080", "addresses for clients, separated by commas: REST and gRPC on each"),
    setting(
        "admin-listen",
        "127.0.0.1:5079",
        "address for /live, /ready and /metrics; none for no such address",
    ),
    setting(
        "tls-certificate",
        "",
        "file of the certificate and those above it, PEM; without it there is no TLS",
    ),
    setting("tls-key", "", "file of its key, PEM"),
    setting("tls-min-version", "1.2", "lowest version of TLS that is taken: 1.2 or 1.3"),
    setting("tls-reload", "10s", "how often the files are looked at; SIGHUP has them read at once"),
    setting(
        "database",
        "",
        "libpq's connection string, of a role that is a member of conifer_gateway; PGHOST and its kin are heeded. \
         Several hosts are tried in order",
    ),
    setting("database-password-file", "", "file that has the role's password"),
    setting("pool-size", "4", "sessions of the database: one and a half to two for each of its processors"),
    setting("queue-size", "256", "requests that may wait for a session; more get 429"),
    setting("queue-timeout", "10s", "how long a request waits; then it gets 429"),
    setting("statement-timeout", "30s", "how long a statement may take; 0 for any time"),
    setting("session-lifetime", "30min", "how old a session becomes before another takes its place"),
    setting(
        "host-template",
        "",
        "what describe_index answers as an index's host, with {index} or {port}, as https://{index}.vectors.example.org; \
         without it, the address by which the request came, and /i/ and the index's name",
    ),
    setting(
        "index-ports",
        "",
        "ports that are for one index each: films:5082,books:5083, on the first address's host",
    ),
    setting("cloud", "aws", "what describe_index answers as the cloud of an index that was made without one"),
    setting("region", "us-east-1", "the same of the region"),
    setting("max-request", "2MB", "bytes of a request's body in REST; more get 413"),
    setting("max-grpc-request", "4MB", "bytes of a message in gRPC"),
    setting("max-answer", "64MB", "bytes of the rows of an answer; what would have more gets 400"),
    setting("max-buffered", "256MB", "bytes of all requests' bodies at one time; more get 429"),
    setting("max-connections", "20000", "connections of clients; further ones wait"),
    setting("idle-timeout", "75s", "how long a connection may be idle, and a request's head may take"),
    setting("body-timeout", "30s", "how long a request's body may take"),
    setting("shutdown-timeout", "30s", "how long requests that are under way at SIGTERM may go on"),
    setting("log-level", "warn", "error, warn (requests with 4xx and 5xx as well) or info (all requests)"),
    setting("threads", "2", "threads that serve"),
];

/// The setting of a name.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}
