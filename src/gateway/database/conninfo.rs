//! Connection strings, in libpq's two forms: `key=value …` and `postgresql://…`. What is not said is taken from libpq's variables.

use std::path::PathBuf;
use std::time::Duration;

/// How the connection is encrypted and the server checked; the meanings are libpq's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Not at all.
    Disable,
    /// If the server can.
    Prefer,
    /// Always, whoever the server is.
    Require,
    /// And its certificate has to be signed by one of `sslrootcert`.
    VerifyCa,
    /// And has to be for the host's name.
    VerifyFull,
}

/// Which of several servers is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The first that answers.
    Any,
    /// The first that takes writes.
    ReadWrite,
}

/// One of the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name, or the directory of its socket if it begins with `/`.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// A connection string that has been read.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnInfo {
    /// The servers, in the order in which they are tried.
    pub servers: Vec<Server>,
    /// The role to log in as.
    pub user: String,
    /// Its password.
    pub password: Option<String>,
    /// The database.
    pub dbname: String,
    /// Encryption.
    pub sslmode: SslMode,
    /// The file of certificates that the server's has to be signed by; `system` for the machine's own.
    pub sslrootcert: Option<PathBuf>,
    /// Which server is wanted.
    pub target: Target,
    /// How long one server may take to answer.
    pub connect_timeout: Duration,
}

impl std::fmt::Debug for ConnInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let servers: Vec<String> =
            self.servers.iter().map(|server| format!("{}:{}", server.host, server.port)).collect();
        write!(f, "{}@{}/{}", self.user, servers.join(","), self.dbname)
    }
}

const KEYS: [&str; 11] = [
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "password",
    "port",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "user",
    "passfile",
];

impl ConnInfo {
    /// Reads a connection string. `variable` tells an environment variable, such as `PGHOST`.
    ///
    /// # Errors
    /// In words, without the string: it may have a password.
    pub fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut pairs = if text.starts_with("postgresql://") || text.starts_with("postgres://") {
            of_url(text)?
        } else {
            of_words(text)?
        };
        for (key, _) in &pairs {
            if !KEYS.contains(&key.as_str()) || key == "passfile" || key == "hostaddr" {
                let known: Vec<&str> =
                    KEYS.into_iter().filter(|key| !["passfile", "hostaddr"].contains(key)).collect();
                return Err(format!(
                    "{key} is not taken in a connection string; taken are {}",
                    known.join(", ")
                ));
            }
        }
        let mut take = |key: &str, variable_name: &str| {
            let at = pairs.iter().rposition(|(name, _)| name == key);
            at.map(|at| pairs.swap_remove(at).1)
                .filter(|value| !value.is_empty())
                .or_else(|| variable(variable_name))
        };
        let user = take("user", "PGUSER").ok_or("the connection string names no user")?;
        let hosts = take("host", "PGHOST").unwrap_or_else(|| "localhost".into());
        let ports = take("port", "PGPORT").unwrap_or_else(|| "5432".into());
        let servers = servers(&hosts, &ports)?;
        let sslmode = match take("sslmode", "PGSSLMODE").as_deref() {
            None | Some("prefer" | "allow") => SslMode::Prefer,
            Some("disable") => SslMode::Disable,
            Some("require") => SslMode::Require,
            Some("verify-ca") => SslMode::VerifyCa,
            Some("verify-full") => SslMode::VerifyFull,
            Some(other) => return Err(format!("sslmode {other} is not one of libpq's")),
        };
        let sslrootcert = take("sslrootcert", "PGSSLROOTCERT").map(PathBuf::from);
        if matches!(sslmode, SslMode::VerifyCa | SslMode::VerifyFull) && sslrootcert.is_none() {
            return Err("sslmode verify-ca and verify-full need sslrootcert: a file, or system".into());
        }
        let target = match take("target_session_attrs", "PGTARGETSESSIONATTRS").as_deref() {
            None | Some("any") => Target::Any,
            Some("read-write" | "primary") => Target::ReadWrite,
            Some(other) => return Err(format!("target_session_attrs {other} is neither any nor read-write")),
        };
        let connect_timeout = take("connect_timeout", "PGCONNECT_TIMEOUT").unwrap_or_else(|| "5".into());
        let seconds: u64 =
            connect_timeout.parse().map_err(|_| "connect_timeout is no number of seconds".to_owned())?;
        Ok(Self {
            dbname: take("dbname", "PGDATABASE").unwrap_or_else(|| user.clone()),
            password: take("password", "PGPASSWORD"),
            user,
            servers,
            sslmode,
            sslrootcert,
            target,
            connect_timeout: Duration::from_secs(seconds.clamp(1, 600)),
        })
    }
}

/// Hosts and ports as libpq has them: lists, of which the ports may be one for all.
fn servers(hosts: &str, ports: &str) -> Result<Vec<Server>, String> {
    let hosts: Vec<&str> = hosts.split(',').collect();
    let ports: Vec<&str> = ports.split(',').collect();
    if ports.len() != 1 && ports.len() != hosts.len() {
        return Err(format!("there are {} hosts, but {} ports", hosts.len(), ports.len()));
    }
    hosts
        .iter()
        .enumerate()
        .map(|(at, host)| {
            let port = ports[at.min(ports.len() - 1)];
            let port = if port.is_empty() { Ok(5432) } else { port.parse() };
            let port = port.map_err(|_| "a port is no number".to_owned())?;
            let host = if host.is_empty() { "localhost" } else { host };
            Ok(Server { host: host.to_owned(), port })
        })
        .collect()
}

type Pairs = Vec<(String, String)>;

/// `key=value key='a value'`
fn of_words(text: &str) -> Result<Pairs, String> {
    let mut pairs = vec![];
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or("a word of the connection string has no \"=\"")?;
        let mut value = String::new();
        let mut letters = after.trim_start().chars();
        let is_quoted = letters.as_str().starts_with('\'');
        if is_quoted {
            letters.next();
        }
        loop {
            match letters.next() {
                None if is_quoted => return Err("a quote in the connection string does not end".into()),
                None => break,
                Some('\'') if is_quoted => break,
                Some(letter) if !is_quoted && letter.is_whitespace() => break,
                Some('\\') => value.extend(letters.next()),
                Some(letter) => value.push(letter),
            }
        }
        pairs.push((key.trim().to_owned(), value));
        rest = letters.as_str().trim_start();
    }
    Ok(pairs)
}

/// `postgresql://user:password@host:port,host:port/dbname?key=value&…`
fn of_url(text: &str) -> Result<Pairs, String> {
    let (_, rest) = text.split_once("://").unwrap_or_default();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, dbname) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (mut names, mut ports) = (vec![], vec![]);
    for host in hosts.split(',') {
        let (name, port) = if let Some(bracketed) = host.strip_prefix('[') {
            let (name, port) =
                bracketed.split_once(']').ok_or("an address in the connection string has no \"]\"")?;
            (name, port.strip_prefix(':').unwrap_or_default())
        } else {
            host.rsplit_once(':').unwrap_or((host, ""))
        };
        names.push(decoded(name)?);
        ports.push(port.to_owned());
    }
    let mut pairs = vec![];
    let mut push = |key: &str, value: String| {
        if !value.is_empty() {
            pairs.push((key.to_owned(), value));
        }
    };
    if names.iter().any(|name| !name.is_empty()) {
        push("host", names.join(","));
    }
    if ports.iter().any(|port| !port.is_empty()) {
        push("port", ports.join(","));
    }
    push("user", decoded(user)?);
    push("password", decoded(password)?);
    push("dbname", decoded(dbname)?);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or("a parameter of the connection string has no \"=\"")?;
        push(&decoded(key)?, decoded(value)?);
    }
    Ok(pairs)
}

fn decoded(text: &str) -> Result<String, String> {
    crate::http::percent::decode(text, false)
        .ok_or_else(|| "a % in the connection string is no percent-encoding".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConnInfo, String> {
        ConnInfo::parse(text, |_| None)
    }

    #[test]
    fn both_forms() {
        let words = parse(
            r"host=db.example.org port=5433 user=pool password='it\'s \\' dbname = shop sslmode=disable",
        )
        .unwrap();
        let url = parse("postgresql://pool:it%27s%20%5C@db.example.org:5433/shop?sslmode=disable").unwrap();
        assert_eq!(words, url);
        assert_eq!(words.password.as_deref(), Some(r"it's \"));
        assert_eq!(words.servers, [Server { host: "db.example.org".into(), port: 5433 }]);
        assert!(!format!("{words:?}").contains("it's"));
    }

    #[test]
    fn several_servers() {
        let info = parse("postgresql://pool@a:1,b/shop?target_session_attrs=read-write").unwrap();
        assert_eq!(info.servers[1], Server { host: "b".into(), port: 5432 });
        assert_eq!(info.target, Target::ReadWrite);
        assert_eq!(parse("host=/tmp,b port=7 user=x").unwrap().servers[1].port, 7);
        assert!(parse("host=a,b,c port=1,2 user=x").is_err());
        assert_eq!(
            parse("postgresql://x@[::1]:7/d").unwrap().servers[0],
            Server { host: "::1".into(), port: 7 }
        );
    }

    #[test]
    fn variables() {
        let variable = |name: &str| (name == "PGUSER").then(|| "me".to_owned());
        let info = ConnInfo::parse("", variable).unwrap();
        assert_eq!((info.user.as_str(), info.dbname.as_str(), info.servers[0].port), ("me", "me", 5432));
    }

    #[test]
    fn refused() {
        for (text, word) in [
            ("host=a", "user"),
            ("user=x sslmode=best", "sslmode"),
            ("user=x sslmode=verify-full", "sslrootcert"),
            ("user=x options=-cfoo", "options"),
            ("user='x", "quote"),
            ("user", "="),
            ("user=x port=y", "port"),
            ("postgresql://x:%zz@a/b", "%"),
            ("user=x connect_timeout=soon", "connect_timeout"),
            ("user=x target_session_attrs=standby", "target_session_attrs"),
        ] {
            let words = parse(text).unwrap_err();
            assert!(words.contains(word), "{text}: {words}");
        }
        assert!(!parse("user=x password=secret nonsense=1").unwrap_err().contains("secret"));
    }
}
