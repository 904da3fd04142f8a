//! Record ids: 1 to 512 ASCII characters.

use crate::fault::{Fault, Result, quoted, state::INVALID_PARAMETER_VALUE};

/// Longest record id, in characters (ASCII, so also in bytes).
pub const MAX_LEN: usize = 512;

/// Checks a record id.
///
/// # Errors
/// 22023 if the id is empty, longer than [`MAX_LEN`] or not ASCII.
pub fn check(id: &str) -> Result<()> {
    if id.is_empty() {
        return Err(Fault::new(INVALID_PARAMETER_VALUE, "record id must not be empty"));
    }
    if id.chars().count() > MAX_LEN {
        return Err(Fault::new(
            INVALID_PARAMETER_VALUE,
            format!("record id {} is longer than {MAX_LEN} characters", quoted(id)),
        ));
    }
    if !id.is_ascii() {
        return Err(Fault::new(
            INVALID_PARAMETER_VALUE,
            format!("record id must be ASCII, but got {}", quoted(id)),
        ));
    }
    Ok(())
}

/// The smallest string above every id that starts with `prefix` in byte order, or `None` for the empty
/// prefix, which has no upper bound.
pub fn prefix_end(prefix: &str) -> Option<String> {
    // Nothing lies above the last code point; the gap of the surrogates is skipped.
    let prefix = prefix.trim_end_matches(char::MAX);
    let last = prefix.chars().next_back()?;
    let next = (last as u32 + 1..=char::MAX as u32).find_map(char::from_u32)?;
    let mut end = prefix[..prefix.len() - last.len_utf8()].to_owned();
    end.push(next);
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn limits() {
        assert!(check("a").is_ok());
        assert!(check(&"x".repeat(512)).is_ok());
        assert!(check("it's; DROP TABLE \"x\" #/:%").is_ok());
        for (bad, word) in [
            ("", "empty"),
            ("naïve", "ASCII"),
            (&*"x".repeat(513), "longer than 512"),
            (&*"ü".repeat(513), "longer than 512"),
        ] {
            let fault = check(bad).unwrap_err();
            assert_eq!(fault.state, INVALID_PARAMETER_VALUE);
            assert!(fault.message.contains(word), "{fault}");
        }
    }

    #[test]
    fn prefix_ends() {
        assert_eq!(prefix_end(""), None);
        assert_eq!(prefix_end("ab").as_deref(), Some("ac"));
        assert_eq!(prefix_end("a\u{7f}").as_deref(), Some("a\u{80}"));
        assert_eq!(prefix_end("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(prefix_end("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(prefix_end("\u{10ffff}"), None);
        // Long enough for any stack.
        assert_eq!(prefix_end(&format!("a{}", "\u{10ffff}".repeat(1 << 22))).as_deref(), Some("b"));
    }

    proptest! {
        #[test]
        fn prefix_end_bounds_exactly(prefix in "\\PC{1,6}", id in "\\PC{0,8}") {
            let inside = id.as_str() >= prefix.as_str()
                && prefix_end(&prefix).is_none_or(|end| id.as_str() < end.as_str());
            prop_assert_eq!(inside, id.starts_with(&prefix));
            let longer = format!("{prefix}{id}");
            prop_assert!(prefix_end(&prefix).is_none_or(|end| longer < end));
        }
    }
}
