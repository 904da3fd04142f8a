//! Which index a request is for, and where an index is said to be.
//!
//! All ways of saying it are understood at once: the path (`/i/films/query`), a port that is for one index, the host
//! (`films.vectors.example.org`), the header `x-pinecone-index`; else it is the only index that the key can see.

/// How hosts of indexes look: a URL with `{index}` or `{port}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    /// What stands before and behind the index's name in the host's name, if it is in there.
    around: Option<(String, String)>,
}

impl Template {
    /// Reads one.
    ///
    /// # Errors
    /// In words.
    pub fn new(text: &str) -> Result<Self, String> {
        let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
            return Err(format!("{text} does not begin with https:// or http://"));
        };
        if !text.contains("{index}") && !text.contains("{port}") {
            return Err(format!("{text} has neither {{index}} nor {{port}}"));
        }
        let authority = rest.split('/').next().unwrap_or_default();
        let name = name_of(authority);
        let around =
            name.split_once("{index}").map(|(before, behind)| (before.to_lowercase(), behind.to_lowercase()));
        if around.as_ref().is_some_and(|(before, behind)| before.is_empty() && behind.is_empty()) {
            return Err(format!("{text} has an index's name alone as its host"));
        }
        Ok(Self { text: text.trim_end_matches('/').to_owned(), around })
    }

    /// Whether it asks for a port.
    pub fn has_port(&self) -> bool {
        self.text.contains("{port}")
    }

    /// The index that a host's name is of.
    fn index_of(&self, name: &str) -> Option<String> {
        let (before, behind) = self.around.as_ref()?;
        let index = name.strip_prefix(before)?.strip_suffix(behind)?;
        is_name(index).then(|| index.to_owned())
    }
}

/// The host's name of an authority, without its port.
fn name_of(authority: &str) -> &str {
    if authority.starts_with('[') {
        return authority.split_inclusive(']').next().unwrap_or(authority);
    }
    authority.split(':').next().unwrap_or(authority)
}

/// Whether a text can be an index's name. Which names there are is for the database to say.
fn is_name(text: &str) -> bool {
    (1..=45).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
}

/// Whether a text can stand in a URL as its authority.
pub fn is_authority(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._:[]".contains(&c))
}

/// Where indexes are.
#[derive(Debug, Clone)]
pub struct Hosts {
    /// How their hosts look, if that is configured.
    pub template: Option<Template>,
    /// Ports that are for one index.
    pub ports: Vec<(String, u16)>,
}

impl Hosts {
    /// Where an index is, for a client that came to `authority` by `scheme`.
    pub fn host(&self, index: &str, scheme: &str, authority: &str) -> String {
        let port = self.ports.iter().find(|(name, _)| name == index).map(|(_, port)| port.to_string());
        match (&self.template, port) {
            (Some(template), None) if !template.has_port() => template.text.replace("{index}", index),
            (Some(template), Some(port)) => template.text.replace("{index}", index).replace("{port}", &port),
            _ => format!("{scheme}://{authority}/i/{index}"),
        }
    }

    /// The index that a host names.
    pub fn index_of(&self, authority: &str) -> Option<String> {
        let name = name_of(authority).to_ascii_lowercase();
        let by_template = self.template.as_ref().and_then(|template| template.index_of(&name));
        by_template.or_else(|| {
            let index = name.strip_suffix(".localhost")?;
            is_name(index).then(|| index.to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(template: &str, ports: &[(&str, u16)]) -> Hosts {
        Hosts {
            template: (!template.is_empty()).then(|| Template::new(template).unwrap()),
            ports: ports.iter().map(|(name, port)| ((*name).to_owned(), *port)).collect(),
        }
    }

    #[test]
    fn virtual_hosts() {
        let hosts = hosts("https://{index}.vectors.example.org", &[]);
        assert_eq!(hosts.host("films", "http", "x"), "https://films.vectors.example.org");
        for (authority, index) in [
            ("films.vectors.example.org", Some("films")),
            ("FILMS.Vectors.example.org:443", Some("films")),
            ("vectors.example.org", None),
            (".vectors.example.org", None),
            ("a.b.vectors.example.org", None),
            ("films.vectors.example.org.evil.org", None),
            ("films.localhost:5080", Some("films")),
            ("localhost:5080", None),
            ("[::1]:5080", None),
            ("127.0.0.1", None),
            ("", None),
        ] {
            assert_eq!(hosts.index_of(authority).as_deref(), index, "{authority}");
        }
    }

    #[test]
    fn paths_and_ports() {
        assert_eq!(hosts("", &[]).host("films", "http", "localhost:5080"), "http://localhost:5080/i/films");
        let ports = hosts("http://localhost:{port}", &[("films", 5082)]);
        assert_eq!(ports.host("films", "http", "localhost:5080"), "http://localhost:5082");
        assert_eq!(ports.host("books", "http", "localhost:5080"), "http://localhost:5080/i/books");
        let long = hosts("https://x-{index}-y.example.org:8443/", &[]);
        assert_eq!(long.host("a", "http", "h"), "https://x-a-y.example.org:8443");
        assert_eq!(long.index_of("x-a-y.example.org:8443").as_deref(), Some("a"));
    }

    #[test]
    fn refused() {
        for text in ["", "films", "https://", "https://example.org", "https://{index}", "ftp://{index}.x"] {
            assert!(Template::new(text).is_err(), "{text}");
        }
        for text in ["", "a b", "a/b", "a\"", "ä", "a@b"] {
            assert!(!is_authority(text), "{text}");
        }
    }
}
