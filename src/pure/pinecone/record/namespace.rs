//! Namespaces: up to 512 ASCII characters, and two spellings of the default one.

use crate::fault::{Fault, Result, quoted, state::INVALID_PARAMETER_VALUE};

/// Longest namespace name, in characters (ASCII, so also in bytes).
pub const MAX_LEN: usize = 512;

/// The default namespace as Pinecone's newer API spells it; stored as the empty string.
pub const DEFAULT_ALIAS: &str = "__default__";

/// The stored form of a namespace that a caller named: [`DEFAULT_ALIAS`] becomes the empty string.
///
/// # Errors
/// 22023 if the name is longer than [`MAX_LEN`] or not ASCII.
pub fn canonical(name: &str) -> Result<&str> {
    if name == DEFAULT_ALIAS {
        return Ok("");
    }
    check_characters(name)?;
    Ok(name)
}

/// Checks a namespace as it stands in a row: the default one must be spelled as the empty string.
///
/// # Errors
/// 22023 as [`canonical`], and for [`DEFAULT_ALIAS`].
pub fn check_stored(name: &str) -> Result<()> {
    if name == DEFAULT_ALIAS {
        return Err(Fault::new(
            INVALID_PARAMETER_VALUE,
            format!("namespace \"{DEFAULT_ALIAS}\" is stored as the empty string"),
        )
        .hint("Write '' for the default namespace."));
    }
    check_characters(name)
}

fn check_characters(name: &str) -> Result<()> {
    if name.chars().count() > MAX_LEN {
        return Err(Fault::new(
            INVALID_PARAMETER_VALUE,
            format!("namespace {} is longer than {MAX_LEN} characters", quoted(name)),
        ));
    }
    if !name.is_ascii() {
        return Err(Fault::new(
            INVALID_PARAMETER_VALUE,
            format!("namespace must be ASCII, but got {}", quoted(name)),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        assert_eq!(canonical("__default__"), Ok(""));
        assert_eq!(canonical(""), Ok(""));
        assert_eq!(canonical("a'b;\"c"), Ok("a'b;\"c"));
        assert!(check_stored("").is_ok());
        assert!(check_stored("__default__").unwrap_err().message.contains("empty string"));
    }

    #[test]
    fn limits() {
        assert!(canonical(&"n".repeat(512)).is_ok());
        assert!(canonical(&"n".repeat(513)).unwrap_err().message.contains("longer than 512"));
        assert!(canonical("Zürich").unwrap_err().message.contains("ASCII"));
    }
}
