//! Versions of Pinecone's API: dates, which a client sends with every request.

use crate::failure::{Failure, Result};

/// A version, as far as it makes a difference here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Before 2025-04: the default namespace has no name.
    Oldest,
    /// To 2026-04: an index has a `spec`.
    Spec,
    /// From 2026-07 on: an index has a `schema` and a `deployment`.
    Schema,
}

impl Version {
    /// The version of a request with this header; without it, the oldest, as Pinecone has it.
    ///
    /// # Errors
    /// 400 for a text that is no version.
    pub fn of(header: Option<&str>) -> Result<Self> {
        let Some(text) = header else { return Ok(Self::Oldest) };
        let (date, alpha) = text.split_once('.').map_or((text, None), |(date, rest)| (date, Some(rest)));
        let is_date = date.len() == 7
            && date.bytes().enumerate().all(|(at, c)| if at == 4 { c == b'-' } else { c.is_ascii_digit() });
        match (date, alpha) {
            ("unstable", None) => Ok(Self::Schema),
            _ if !is_date => Err(Failure::invalid("X-Pinecone-Api-Version is no version, as 2025-10 is")),
            // The preview of 2026-07 keeps the control plane of its time.
            (date, None) if date >= "2026-07" => Ok(Self::Schema),
            (date, _) if date >= "2025-04" => Ok(Self::Spec),
            _ => Ok(Self::Oldest),
        }
    }

    /// The default namespace in lists and statistics.
    pub fn default_namespace(self) -> &'static str {
        if self == Self::Oldest { "" } else { "__default__" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (text, version) in [
            ("2024-07", Version::Oldest),
            ("2025-04", Version::Spec),
            ("2025-10", Version::Spec),
            ("2026-01.alpha", Version::Spec),
            ("2026-04", Version::Spec),
            ("2026-07", Version::Schema),
            ("2027-01", Version::Schema),
            ("unstable", Version::Schema),
        ] {
            assert_eq!(Version::of(Some(text)), Ok(version), "{text}");
        }
        assert_eq!(Version::of(None), Ok(Version::Oldest));
        for text in ["", "banana", "2025", "2025-1", "2025-100", "latest"] {
            assert_eq!(Version::of(Some(text)).unwrap_err().status(), 400, "{text}");
        }
    }
}
