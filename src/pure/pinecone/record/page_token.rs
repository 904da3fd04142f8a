//! Paging tokens: where a page ended, and of which query it was.
//!
//! A token is lower case hexadecimal: eight bytes that stand for the query, then the name that the page ended with. It gives
//! nothing that the query would not, so it needs no secret: whoever makes one up gets a page that begins somewhere else.

use crate::fault::{Fault, Result, state::INVALID_PARAMETER_VALUE};
use std::fmt::Write;

/// Digits that stand for the query.
const DIGITS: usize = 16;
/// Maximum number of bytes of a name: ids and namespaces are ASCII.
const MAX_NAME: usize = 512;

/// The digits of a query: what it is called, and all that its pages must have in common.
pub fn query(parts: &[&str]) -> String {
    // FNV-1a, with the length of each part, so that no two lists are the same text
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    for part in parts {
        (part.len() as u64).to_le_bytes().into_iter().chain(part.bytes()).for_each(&mut add);
    }
    format!("{hash:0DIGITS$x}")
}

/// The token of a page of a query that ended with a name.
pub fn token(query: &str, last: &str) -> String {
    last.bytes().fold(query.to_owned(), |mut token, byte| {
        // writing to a string does not fail
        let _ = write!(token, "{byte:02x}");
        token
    })
}

/// The name that the page ended with.
///
/// # Errors
/// 22023 for a text that is no token, and for one of another query.
pub fn last(token: &str, query: &str) -> Result<String> {
    let malformed = || {
        Fault::new(INVALID_PARAMETER_VALUE, "invalid pagination_token")
            .hint("Pass the token that came with the last page, or NULL for the first.")
    };
    let is_digit = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    let is_long = token.len() > DIGITS + 2 * MAX_NAME;
    if token.len() < DIGITS || is_long || !token.len().is_multiple_of(2) || !token.bytes().all(is_digit) {
        return Err(malformed());
    }
    let (of, name) = token.split_at(DIGITS);
    if of != query {
        return Err(Fault::new(INVALID_PARAMETER_VALUE, "pagination_token belongs to another query")
            .hint("Pages must have index, namespace, prefix and filter in common."));
    }
    let bytes: Option<Vec<u8>> =
        (0..name.len() / 2).map(|i| u8::from_str_radix(&name[2 * i..2 * i + 2], 16).ok()).collect();
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|name| !name.contains('\0'));
    name.ok_or_else(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refusals() {
        let mine = query(&["list", "1", "ns", "p"]);
        for bad in [
            "",
            "x",
            "0",
            "abc",
            "00",
            "p2",
            "ABCDEF0123456789",
            &mine[1..],
            &format!("{mine}0"),
            &format!("{mine}0g"),
            &format!("{mine}{}", "61".repeat(MAX_NAME + 1)),
        ] {
            let fault = last(bad, &mine).unwrap_err();
            assert_eq!((fault.state, &*fault.message), (INVALID_PARAMETER_VALUE, "invalid pagination_token"));
        }
        let longest = "a".repeat(MAX_NAME);
        assert_eq!(last(&token(&mine, &longest), &mine), Ok(longest));
        for bad in ["00", "ff", "c3"] {
            assert!(last(&format!("{mine}{bad}"), &mine).is_err());
        }
        let others: [&[&str]; 6] = [
            &["list", "1", "ns", ""],
            &["list", "1", "n", "sp"],
            &["list", "2", "ns", "p"],
            &["list", "1", "nsp"],
            &["fetch", "1", "ns", "p"],
            &["list", "1", "p", "ns"],
        ];
        for other in others {
            let fault = last(&token(&query(other), "a"), &mine).unwrap_err();
            assert!(fault.message.contains("another query"), "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn gives_back(parts in proptest::collection::vec("\\PC{0,6}", 0..4), name in "[^\\x00]{0,20}") {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let query = query(&parts);
            prop_assert_eq!(last(&token(&query, &name), &query), Ok(name));
        }

        #[test]
        fn never_panics(text in "\\PC*", digits in "[0-9a-f]{0,60}") {
            let _ = last(&text, "0123456789abcdef");
            let _ = last(&digits, "0123456789abcdef");
            let _ = last(&format!("0123456789abcdef{digits}"), "0123456789abcdef");
        }
    }
}
