//! Percent-encoding.

use std::fmt::Write;

/// Decodes a text; `+` is a space if `plus`. None if a `%` is not followed by two digits, or the bytes are not UTF-8.
pub fn decode(text: &str, plus: bool) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let digit = |c: Option<u8>| char::from(c?).to_digit(16).map(|digit| digit as u8);
    let (mut out, mut bytes) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => digit(bytes.next())? << 4 | digit(bytes.next())?,
            b'+' if plus => b' ',
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

/// Encodes a text as gRPC's messages of errors are: what is not printable ASCII, and `%`.
pub fn encode_message(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoded() {
        assert_eq!(decode("a%2Fb+c", false).as_deref(), Some("a/b+c"));
        assert_eq!(decode("a%2fb+c%C3%A9", true).as_deref(), Some("a/b cé"));
        for wrong in ["%", "%1", "%zz", "%+1", "%ff"] {
            assert_eq!(decode(wrong, true), None, "{wrong}");
        }
    }

    #[test]
    fn encoded() {
        assert_eq!(encode_message("a b%\né"), "a b%25%0A%C3%A9");
    }
}
