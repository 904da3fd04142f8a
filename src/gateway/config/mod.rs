//! The configuration: of a file, the environment and the command line, each going before the one ahead of it.

mod help;
mod lines;
mod settings;
mod values;

pub use help::text as help;

use crate::database::conninfo::ConnInfo;
use crate::database::pool::Limits;
use crate::host::Template;
use crate::log::Level;
use crate::tls::server::{Files, MinVersion};
use settings::{SETTINGS, Values};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use values::{bytes, seconds};

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    /// To serve.
    Serve(Box<Config>),
    /// To say whether the configuration holds and the database answers.
    Check(Box<Config>),
    /// To say what there is to configure.
    Help,
    /// To say which version this is.
    Version,
}

/// All that is configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// Addresses for clients.
    pub listen: Vec<SocketAddr>,
    /// The address for health and metrics.
    pub admin_listen: Option<SocketAddr>,
    /// TLS towards clients.
    pub tls: Option<Files>,
    /// How often the files are looked at.
    pub tls_reload: Duration,
    /// The database.
    pub database: ConnInfo,
    /// The pool's limits.
    pub limits: Limits,
    /// How hosts of indexes look.
    pub host_template: Option<Template>,
    /// Ports of indexes: each listens for one.
    pub index_ports: Vec<(String, u16)>,
    /// Cloud and region of indexes that say none.
    pub cloud: String,
    /// See `cloud`.
    pub region: String,
    /// Maximum number of bytes of a request's body.
    pub max_request: usize,
    /// The same of gRPC.
    pub max_grpc_request: usize,
    /// Maximum number of bytes of all bodies in memory.
    pub max_buffered: usize,
    /// Maximum number of connections.
    pub max_connections: usize,
    /// How long a request's head may take, and a connection may be idle.
    pub idle_timeout: Duration,
    /// How long a request's body may take.
    pub body_timeout: Duration,
    /// How long requests may go on at the end.
    pub shutdown_timeout: Duration,
    /// What is logged.
    pub log_level: Level,
    /// Threads that serve.
    pub threads: usize,
}

/// Reads the command line `arguments`, without the program's name, and what they name.
///
/// # Errors
/// In words, which name the setting.
pub fn read(
    arguments: impl Iterator<Item = String>,
    variable: impl Fn(&str) -> Option<String>,
    file: impl Fn(&str) -> Result<String, String>,
) -> Result<Command, String> {
    let (mut given, mut path, mut check) = (HashMap::new(), None, false);
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let Some(flag) = argument.strip_prefix("--") else {
            return Err(format!("{argument} is no option: --help lists them"));
        };
        match flag {
            "help" => return Ok(Command::Help),
            "version" => return Ok(Command::Version),
            "check" => {
                check = true;
                continue;
            }
            _ => {}
        }
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (flag.to_owned(), arguments.next().ok_or_else(|| format!("--{flag} has no value"))?),
        };
        if name == "config" {
            path = Some(value);
        } else if settings::find(&name).is_some() {
            given.insert(name, value);
        } else {
            return Err(format!("--{name} is no option: --help lists them"));
        }
    }
    let path = path.or_else(|| variable("CONIFER_GATEWAY_CONFIG"));
    let lines = match path {
        None => HashMap::new(),
        Some(path) => lines::read(&file(&path)?).map_err(|error| format!("{path}: {error}"))?,
    };
    let mut values = Values::default();
    for setting in &SETTINGS {
        let value = given
            .remove(setting.name)
            .or_else(|| variable(&setting.variable()))
            .or_else(|| lines.get(setting.name).cloned())
            .unwrap_or_else(|| setting.default.to_owned());
        values.insert(setting.name, value);
    }
    let config = Box::new(Config::of(&values, variable, file)?);
    Ok(if check { Command::Check(config) } else { Command::Serve(config) })
}

impl Config {
    fn of(
        values: &Values,
        variable: impl Fn(&str) -> Option<String>,
        file: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, String> {
        let get = |name: &'static str| values.get(name).map(String::as_str).unwrap_or_default();
        let wrong = |name: &'static str| move |words: String| format!("{name}: {words}");
        let address =
            |text: &str| text.trim().parse().map_err(|_| format!("{text} is no address with a port"));
        let number = |name: &'static str, min: usize, max: usize| {
            values::number(get(name), min, max).map_err(wrong(name))
        };
        let duration = |name: &'static str| seconds(get(name)).map_err(wrong(name));
        let size = |name: &'static str| bytes(get(name)).map_err(wrong(name));

        let mut database = ConnInfo::parse(get("database"), variable).map_err(wrong("database"))?;
        if !get("database-password-file").is_empty() {
            let password = file(get("database-password-file")).map_err(wrong("database-password-file"))?;
            database.password = Some(password.trim_end_matches(['\r', '\n']).to_owned());
        }
        let tls = match (get("tls-certificate"), get("tls-key")) {
            ("", "") => None,
            ("", _) | (_, "") => return Err("tls-certificate and tls-key are needed together".into()),
            (certificate, key) => Some(Files {
                certificate: PathBuf::from(certificate),
                key: PathBuf::from(key),
                min_version: match get("tls-min-version") {
                    "1.2" => MinVersion::Tls12,
                    "1.3" => MinVersion::Tls13,
                    other => return Err(format!("tls-min-version: {other} is neither 1.2 nor 1.3")),
                },
            }),
        };
        let template = get("host-template");
        let config = Self {
            listen: get("listen")
                .split(',')
                .map(address)
                .collect::<Result<_, _>>()
                .map_err(wrong("listen"))?,
            admin_listen: match get("admin-listen") {
                "" | "none" => None,
                text => Some(address(text).map_err(wrong("admin-listen"))?),
            },
            tls,
            tls_reload: duration("tls-reload")?,
            database,
            limits: Limits {
                size: number("pool-size", 1, 1000)?,
                max_waiting: number("queue-size", 0, 1_000_000)?,
                max_wait: duration("queue-timeout")?,
                statement_timeout: duration("statement-timeout")?,
                lifetime: duration("session-lifetime")?,
                max_bytes: size("max-answer")?,
            },
            host_template: match template {
                "" => None,
                _ => Some(Template::new(template).map_err(wrong("host-template"))?),
            },
            index_ports: index_ports(get("index-ports")).map_err(wrong("index-ports"))?,
            cloud: get("cloud").to_owned(),
            region: get("region").to_owned(),
            max_request: size("max-request")?,
            max_grpc_request: size("max-grpc-request")?,
            max_buffered: size("max-buffered")?,
            max_connections: number("max-connections", 1, 1_000_000)?,
            idle_timeout: duration("idle-timeout")?,
            body_timeout: duration("body-timeout")?,
            shutdown_timeout: duration("shutdown-timeout")?,
            log_level: match get("log-level") {
                "error" => Level::Error,
                "warn" => Level::Warn,
                "info" => Level::Info,
                other => return Err(format!("log-level: {other} is none of error, warn and info")),
            },
            threads: number("threads", 1, 256)?,
        };
        let needs_port = config.host_template.as_ref().is_some_and(Template::has_port);
        if needs_port && config.index_ports.is_empty() {
            return Err("host-template: {port} needs index-ports".into());
        }
        if config.max_buffered < config.max_request.max(config.max_grpc_request) {
            return Err("max-buffered: is less than one request may have".into());
        }
        Ok(config)
    }
}

/// `films:5082,books:5083`
fn index_ports(text: &str) -> Result<Vec<(String, u16)>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (index, port) = pair.rsplit_once(':').ok_or_else(|| format!("{pair} is no index:port"))?;
            Ok((index.to_owned(), port.parse().map_err(|_| format!("{port} is no port"))?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &[&str], variables: &[(&str, &str)], file: &str) -> Result<Command, String> {
        read(
            arguments.iter().map(|text| (*text).to_owned()),
            |name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()),
            |path| if path == "there" { Ok(file.to_owned()) } else { Err(format!("{path} is not there")) },
        )
    }

    fn served(arguments: &[&str], variables: &[(&str, &str)], file: &str) -> Config {
        match of(arguments, variables, file) {
            Ok(Command::Serve(config)) => *config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn order_of_places() {
        let file =
            "pool-size = 3\nqueue-size = 30\nlog-level = info # all\ndatabase = \"user=a password='x y'\"\n";
        let config = served(
            &["--config", "there", "--pool-size=5"],
            &[("CONIFER_GATEWAY_QUEUE_SIZE", "40"), ("CONIFER_GATEWAY_POOL_SIZE", "9")],
            file,
        );
        assert_eq!((config.limits.size, config.limits.max_waiting, config.log_level), (5, 40, Level::Info));
        assert_eq!(config.database.password.as_deref(), Some("x y"));
    }

    #[test]
    fn defaults() {
        let config = served(&["--database", "user=a"], &[], "");
        assert_eq!(config.max_request, 2 << 20);
        assert_eq!(config.max_grpc_request, 4 << 20);
        assert!(config.tls.is_none() && config.host_template.is_none());
        assert!(config.listen[0].ip().is_loopback());
    }

    #[test]
    fn password_of_a_file() {
        let config = served(&["--database", "user=a", "--database-password-file", "there"], &[], "secret\n");
        assert_eq!(config.database.password.as_deref(), Some("secret"));
        assert!(!format!("{config:?}").contains("secret"));
    }

    #[test]
    fn refused() {
        let base = ["--database", "user=a"];
        for (arguments, word) in [
            (&["--pool-size", "0"][..], "pool-size"),
            (&["--pool-size", "many"], "pool-size"),
            (&["--listen", "here"], "listen"),
            (&["--tls-key", "x"], "tls-certificate"),
            (&["--tls-key", "x", "--tls-certificate", "y", "--tls-min-version", "1.1"], "tls-min-version"),
            (&["--max-request", "9 apples"], "max-request"),
            (&["--max-buffered", "1"], "max-buffered"),
            (&["--host-template", "films"], "host-template"),
            (&["--host-template", "http://localhost:{port}"], "index-ports"),
            (&["--index-ports", "films"], "index-ports"),
            (&["--log-level", "loud"], "log-level"),
            (&["--statement-timeout", "-1"], "statement-timeout"),
            (&["--nonsense", "1"], "nonsense"),
            (&["--config", "gone"], "gone"),
            (&["--pool-size"], "pool-size"),
            (&["serve"], "serve"),
        ] {
            let words = of(&[&base, arguments].concat(), &[], "").unwrap_err();
            assert!(words.contains(word), "{arguments:?}: {words}");
        }
        assert!(of(&["--config", "there"], &[], "pool size").is_err());
        assert!(of(&["--config", "there"], &[], "pool = 1").unwrap_err().contains("pool"));
        assert!(matches!(of(&["--help"], &[], ""), Ok(Command::Help)));
        assert!(matches!(of(&["--version"], &[], ""), Ok(Command::Version)));
        assert!(matches!(of(&["--check", "--database", "user=a"], &[], ""), Ok(Command::Check(_))));
    }
}
