//! The text form `[1,2,3]`: the grammar of pgvector's input function, and its messages.
//!
//! White space may stand around brackets, commas and numbers. Numbers are those of C's `strtof`,
//! rounded to the element: decimal or hexadecimal, with an optional exponent; `inf` and `nan` are understood and
//! refused. Reading is one pass, correctly rounded, with one allocation for the whole vector.

use super::limits::check_element;
use super::number;
use crate::fault::Result;
use crate::types::element::Element;
use crate::types::element::MAX_DIM;

/// Reads a vector.
///
/// # Errors
/// `22P02` for malformed text, `22003` for a number beyond the element, `22000` for NaN, infinity and
/// `[]`, `54000` for more than [`MAX_DIM`] elements.
pub fn parse<T: Element>(text: &[u8]) -> Result<Vec<T>> {
    const { assert!(T::KIND.max_dim == MAX_DIM) };
    let mut at = skip_space(text, 0);
    if text.get(at) != Some(&b'[') {
        return Err(T::KIND.malformed(text).detail("Vector contents must start with \"[\"."));
    }
    at = skip_space(text, at + 1);
    if text.get(at) == Some(&b']') {
        return Err(T::KIND.no_dimension());
    }
    let commas = text.iter().filter(|&&b| b == b',').count();
    let mut x = Vec::with_capacity((commas + 1).min(MAX_DIM));
    loop {
        if x.len() == MAX_DIM {
            return Err(T::KIND.too_many_dimensions());
        }
        at = skip_space(text, at);
        let rest = text.get(at..).unwrap_or_default();
        let Some((value, length)) = number::parse(rest) else { return Err(T::KIND.malformed(text)) };
        match value {
            number::Value::Number(v) => {
                let v = T::from_f32(v);
                if v.to_f32().is_infinite() {
                    return Err(T::KIND.out_of_range(&rest[..length]));
                }
                x.push(v);
            }
            number::Value::Special(v) => check_element(T::from_f32(v))?,
        }
        at = skip_space(text, at + length);
        match text.get(at) {
            Some(b',') => at += 1,
            Some(b']') => break,
            _ => return Err(T::KIND.malformed(text)),
        }
    }
    if skip_space(text, at + 1) < text.len() {
        return Err(T::KIND.malformed(text).detail("Junk after closing right brace."));
    }
    Ok(x)
}

/// Index of the first byte from `at` on that is not white space.
#[inline]
pub(crate) fn skip_space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use crate::types::element::f16;
    use proptest::prelude::*;

    fn refused(text: &str) -> (&'static str, String, Option<String>) {
        let fault = parse::<f32>(text.as_bytes()).expect_err(text);
        (fault.state, fault.message, fault.detail)
    }

    #[test]
    fn accepted() {
        for (text, x) in [
            ("[1,2,3]", vec![1.0, 2.0, 3.0]),
            (" [ 1 , +2.5,\t-3e2\n] \r\x0b\x0c", vec![1.0, 2.5, -300.0]),
            ("[.5,5.,1e-50,-0]", vec![0.5, 5.0, 0.0, -0.0]),
            ("[0x10,0x1.8p1]", vec![16.0, 3.0]),
            ("[3.4028235e38]", vec![f32::MAX]),
        ] {
            assert_eq!(parse::<f32>(text.as_bytes()).as_ref(), Ok(&x), "{text}");
        }
        let many = format!("[{}]", vec!["0.25"; MAX_DIM].join(","));
        assert_eq!(parse(many.as_bytes()), Ok(vec![0.25f32; MAX_DIM]));
    }

    #[test]
    fn malformed_text() {
        for text in
            ["[1", "[1,", "[1,]", "[,1]", "[1,,2]", "[a]", "[1 2]", "[", "[ ", "[1.2.3]", "[-]", "[1e]"]
        {
            let message = format!("invalid input syntax for type vector: \"{text}\"");
            assert_eq!(refused(text), ("22P02", message, None), "{text}");
        }
        for text in ["", " ", "1,2", "{1,2}", "hello", "]"] {
            let message = format!("invalid input syntax for type vector: \"{text}\"");
            assert_eq!(
                refused(text),
                ("22P02", message, Some("Vector contents must start with \"[\".".into()))
            );
        }
        for text in ["[1]]", "[1][2]", "[1] x", "[1]\0"] {
            let message = format!("invalid input syntax for type vector: \"{text}\"");
            assert_eq!(refused(text), ("22P02", message, Some("Junk after closing right brace.".into())));
        }
        assert_eq!(
            parse::<f32>(b"[\xff]").unwrap_err().message,
            "invalid input syntax for type vector: \"[?]\""
        );
    }

    #[test]
    fn refused_values() {
        for (text, state, message) in [
            ("[]", "22000", "vector must have at least 1 dimension"),
            ("[ ]x", "22000", "vector must have at least 1 dimension"),
            ("[NaN]", "22000", "NaN not allowed in vector"),
            ("[1,-nan(12)]", "22000", "NaN not allowed in vector"),
            ("[Infinity]", "22000", "infinite value not allowed in vector"),
            ("[-inf,", "22000", "infinite value not allowed in vector"),
            ("[1, -1e39 ]", "22003", "\"-1e39\" is out of range for type vector"),
            ("[0x1p128]", "22003", "\"0x1p128\" is out of range for type vector"),
        ] {
            assert_eq!(refused(text), (state, message.into(), None), "{text}");
        }
        let many = format!("[{}]", vec!["0"; MAX_DIM + 1].join(","));
        assert_eq!(refused(&many), ("54000", "vector cannot have more than 16000 dimensions".into(), None));
    }

    #[test]
    fn halves() {
        let read = |text: &str| parse::<f16>(text.as_bytes());
        let x = [1.0, 65504.0, 65504.0, -6e-8, 0.0, 0.1].map(f16::from_f32_const);
        assert_eq!(read("[1,65504,65519.996,-6e-8,1e-9,0.1]"), Ok(x.to_vec()));
        for (text, state, message) in [
            ("[]", "22000", "halfvec must have at least 1 dimension"),
            ("[NaN]", "22000", "NaN not allowed in halfvec"),
            ("[-inf", "22000", "infinite value not allowed in halfvec"),
            ("[1,65520]", "22003", "\"65520\" is out of range for type halfvec"),
            ("[-1e39 ", "22003", "\"-1e39\" is out of range for type halfvec"),
            ("[1", "22P02", "invalid input syntax for type halfvec: \"[1\""),
        ] {
            let fault = read(text).unwrap_err();
            assert_eq!((fault.state, fault.message.as_str()), (state, message), "{text}");
        }
        let many = format!("[{}]", vec!["0"; MAX_DIM + 1].join(","));
        assert_eq!(read(&many).unwrap_err().message, "halfvec cannot have more than 16000 dimensions");
    }

    fn named(fault: &Fault) -> bool {
        fault.message.contains("vector") && ["22P02", "22003", "22000", "54000"].contains(&fault.state)
    }

    proptest! {
        #[test]
        fn round_trip(bits in prop::collection::vec(any::<u32>(), 1..100), spaced: bool) {
            let x: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|x| x.is_finite()).collect();
            prop_assume!(!x.is_empty());
            let items: Vec<String> = x.iter().map(|x| format!("{x:e}")).collect();
            let text = format!("[{}]", items.join(if spaced { " , " } else { "," }));
            let back = parse::<f32>(text.as_bytes()).unwrap();
            prop_assert!(x.len() == back.len() && x.iter().zip(&back).all(|(a, b)| a.to_bits() == b.to_bits()));
        }

        #[test]
        fn wild_bytes(text in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Err(fault) = parse::<f32>(&text) {
                prop_assert!(named(&fault), "{}", fault.message);
            }
        }

        #[test]
        fn likely_text(text in r"[ \t]{0,2}\[([-+0-9.eExXpPinfaINF ]{0,9},?){0,6}\]{0,2} ?") {
            match parse::<f32>(text.as_bytes()) {
                Ok(x) => prop_assert!(!x.is_empty() && x.iter().all(|x| x.is_finite())),
                Err(fault) => prop_assert!(named(&fault), "{}", fault.message),
            }
        }
    }
}
