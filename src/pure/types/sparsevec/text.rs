//! The text form `{1:0.5,3:2}/5`: index and value of each element that is not 0, then the number of dimensions.
//!
//! Indices count from 1 and may stand in any order; values are as in the text of a `vector`. Written
//! zeros are dropped, wherever they stand. White space may stand between any two parts.

use super::limits::{KIND, MAX_NNZ, check_dim, check_index, too_many_elements};
use crate::fault::Result;
use crate::types::vector::check_expected_dim;
use crate::types::vector::number;
use crate::types::vector::number::Value;
use crate::types::vector::text::skip_space;

/// A parsed sparse vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// Number of dimensions.
    pub dim: i32,
    /// Index, from 0 on, and value of each element, in the order of the indices.
    pub elements: Vec<(i32, f32)>,
}

/// Reads a sparse vector for a column declared `sparsevec(typmod)`; -1 takes any dimensions.
///
/// # Errors
/// `22P02` for malformed text; `22003` for a value that `f32` makes infinite or 0; `22000` for NaN,
/// infinity, an index out of bounds or given twice, no dimension, dimensions other than `typmod`;
/// `54000` for too many dimensions or elements.
pub fn parse(text: &[u8], typmod: i32) -> Result<Parsed> {
    let max = 1 + text.iter().filter(|&&b| b == b',').count();
    if max > MAX_NNZ {
        return Err(too_many_elements());
    }
    let mut at = skip_space(text, 0);
    if text.get(at) != Some(&b'{') {
        return Err(KIND.malformed(text).detail("Vector contents must start with \"{\"."));
    }
    at = skip_space(text, at + 1);
    let mut elements = Vec::new();
    if text.get(at) != Some(&b'}') {
        elements.reserve_exact(max);
        at = parse_elements(text, at, &mut elements)?;
    }
    at = skip_space(text, at + 1);
    if text.get(at) != Some(&b'/') {
        return Err(KIND.malformed(text).detail("Unexpected end of input."));
    }
    at = skip_space(text, at + 1);
    let (dim, end) = integer(text, at).ok_or_else(|| KIND.malformed(text))?;
    if skip_space(text, end) < text.len() {
        return Err(KIND.malformed(text).detail("Junk after closing."));
    }
    check_dim(dim)?;
    check_expected_dim(typmod, dim as usize)?;
    if !elements.is_sorted_by_key(|&(index, _)| index) {
        elements.sort_unstable_by_key(|&(index, _)| index);
    }
    let mut before = None;
    for &(index, _) in &elements {
        check_index(before, index, dim)?;
        before = Some(index);
    }
    Ok(Parsed { dim, elements })
}

/// Reads `index:value,…` from `at` on, and returns the position of the closing brace.
fn parse_elements(text: &[u8], mut at: usize, elements: &mut Vec<(i32, f32)>) -> Result<usize> {
    loop {
        let (index, end) = integer(text, skip_space(text, at)).ok_or_else(|| KIND.malformed(text))?;
        at = skip_space(text, end);
        if text.get(at) != Some(&b':') {
            return Err(KIND.malformed(text));
        }
        at = skip_space(text, at + 1);
        let (value, length) = value(&text[at..])?.ok_or_else(|| KIND.malformed(text))?;
        if value != 0.0 {
            // Saturation keeps an index out of bounds: it is refused when the dimensions are known.
            elements.push((index.saturating_sub(1), value));
        }
        at = skip_space(text, at + length);
        match text.get(at) {
            Some(b',') => at += 1,
            Some(b'}') => return Ok(at),
            _ => return Err(KIND.malformed(text)),
        }
    }
}

/// The finite number at the start of `text` and its length in bytes, if there is one.
fn value(text: &[u8]) -> Result<Option<(f32, usize)>> {
    let Some((value, length)) = number::parse(text) else { return Ok(None) };
    match value {
        Value::Number(x) if x.is_infinite() || x == 0.0 && !is_zero(&text[..length]) => {
            Err(KIND.out_of_range(&text[..length]))
        }
        Value::Number(x) => Ok(Some((x, length))),
        Value::Special(x) => KIND.check_element(x).map(|()| Some((x, length))),
    }
}

/// Whether a number is written as 0, with any exponent.
fn is_zero(number: &[u8]) -> bool {
    let hexadecimal = number.iter().any(|b| matches!(b, b'x' | b'X'));
    let exponent = if hexadecimal { b'p' } else { b'e' };
    let mantissa = number.iter().take_while(|b| b.to_ascii_lowercase() != exponent);
    mantissa.copied().all(|b| !b.is_ascii_hexdigit() || b == b'0')
}

/// The decimal integer at `at`, clamped to `i32`, and the position of its end.
fn integer(text: &[u8], mut at: usize) -> Option<(i32, usize)> {
    let negative = text.get(at) == Some(&b'-');
    at += usize::from(matches!(text.get(at), Some(b'-' | b'+')));
    let start = at;
    let mut value = 0i32;
    while let Some(digit) = text.get(at).map(|b| b.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
        let digit = i32::from(digit);
        value = value.saturating_mul(10);
        value = if negative { value.saturating_sub(digit) } else { value.saturating_add(digit) };
        at += 1;
    }
    (at > start).then_some((value, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Parsed> {
        parse(text.as_bytes(), -1)
    }

    fn refused(text: &str) -> (&'static str, String, Option<String>) {
        let fault = read(text).expect_err(text);
        (fault.state, fault.message, fault.detail)
    }

    #[test]
    fn accepted() {
        for (text, dim, elements) in [
            ("{1:0.5,3:2}/5", 5, vec![(0, 0.5), (2, 2.0)]),
            ("{3:2,1:0.5}/5", 5, vec![(0, 0.5), (2, 2.0)]),
            (" \t{ 1 : -2 ,\n5 : .5 } \r/ \x0b5\x0c", 5, vec![(0, -2.0), (4, 0.5)]),
            ("{}/1000000000", 1_000_000_000, vec![]),
            ("{ }/+07", 7, vec![]),
            ("{1000000000:1e-45}/1000000000", 1_000_000_000, vec![(999_999_999, f32::from_bits(1))]),
            ("{+01:0x1p-3}/1", 1, vec![(0, 0.125)]),
            // Zeros are neither duplicates nor out of bounds.
            ("{2:0,2:1,2:-0}/2", 2, vec![(1, 1.0)]),
            ("{0:0,-5:0e9,9:0x0p7,99999999999999999999:.0}/2", 2, vec![]),
        ] {
            assert_eq!(read(text), Ok(Parsed { dim, elements }), "{text}");
        }
    }

    #[test]
    fn malformed_text() {
        for text in [
            "{",
            "{ ",
            "{1",
            "{1:",
            "{1:}/3",
            "{1:1",
            "{1:1,",
            "{1:1,}/2",
            "{,}/2",
            "{,1:1}/2",
            "{:1}/2",
            "{1}/2",
            "{1 1}/2",
            "{a:1}/2",
            "{1:a}/2",
            "{1:1 1}/2",
            "{1.5:1}/2",
            "{- 1:1}/2",
            "{+-1:1}/2",
            "{0x1:1}/2",
            "{1:1e}/2",
            "{1::1}/2",
            "{1:1,,2:1}/2",
            "{}/",
            "{}/ ",
            "{}/x",
            "{}/-",
            "{1:--1}/2",
            "{1:.}/2",
        ] {
            let message = format!("invalid input syntax for type sparsevec: \"{text}\"");
            assert_eq!(refused(text), ("22P02", message, None), "{text}");
        }
        for (text, detail) in [
            ("", "Vector contents must start with \"{\"."),
            ("[1,2]", "Vector contents must start with \"{\"."),
            ("1:1}/2", "Vector contents must start with \"{\"."),
            ("{}", "Unexpected end of input."),
            ("{1:1}5", "Unexpected end of input."),
            ("{1:1}}/2", "Unexpected end of input."),
            ("{1:1}/2.5", "Junk after closing."),
            ("{}/0/0", "Junk after closing."),
            ("{}/0x1", "Junk after closing."),
            ("{1:1}/2,", "Junk after closing."),
        ] {
            let message = format!("invalid input syntax for type sparsevec: \"{text}\"");
            assert_eq!(refused(text), ("22P02", message, Some(detail.into())), "{text}");
        }
        assert_eq!(
            parse(b"{\xff}/1", -1).unwrap_err().message,
            "invalid input syntax for type sparsevec: \"{?}/1\""
        );
    }

    #[test]
    fn refused_values() {
        for (text, state, message) in [
            ("{0:1}/5", "22000", "sparsevec index out of bounds"),
            ("{-1:1}/5", "22000", "sparsevec index out of bounds"),
            ("{6:1}/5", "22000", "sparsevec index out of bounds"),
            ("{-99999999999999999999:1}/5", "22000", "sparsevec index out of bounds"),
            ("{99999999999999999999:1}/1000000000", "22000", "sparsevec index out of bounds"),
            ("{6:1,6:2}/5", "22000", "sparsevec index out of bounds"),
            ("{6:1,6:2,5:1,5:2}/5", "22000", "sparsevec indices must not contain duplicates"),
            ("{2:1,1:1,2:1}/5", "22000", "sparsevec indices must not contain duplicates"),
            ("{9:1}/0", "22000", "sparsevec must have at least 1 dimension"),
            ("{}/-99999999999999999999", "22000", "sparsevec must have at least 1 dimension"),
            ("{9:1}/1000000001", "54000", "sparsevec cannot have more than 1000000000 dimensions"),
            ("{}/99999999999999999999", "54000", "sparsevec cannot have more than 1000000000 dimensions"),
            ("{9:NaN}/0", "22000", "NaN not allowed in sparsevec"),
            ("{1:-nan(7)}", "22000", "NaN not allowed in sparsevec"),
            ("{1:-Infinity", "22000", "infinite value not allowed in sparsevec"),
            ("{1: -1e39 }", "22003", "\"-1e39\" is out of range for type sparsevec"),
            ("{1:1e-46}/1", "22003", "\"1e-46\" is out of range for type sparsevec"),
            ("{1:-.00001e-99}/1", "22003", "\"-.00001e-99\" is out of range for type sparsevec"),
            ("{1:0x1p128}/1", "22003", "\"0x1p128\" is out of range for type sparsevec"),
            ("{1:0xep-200}/1", "22003", "\"0xep-200\" is out of range for type sparsevec"),
        ] {
            assert_eq!(refused(text), (state, message.into(), None), "{text}");
        }
    }

    #[test]
    fn dimensions_are_checked_before_indices() {
        let message = |text: &str, typmod| parse(text.as_bytes(), typmod).unwrap_err().message;
        assert_eq!(message("{7:1}/5", 4), "expected 4 dimensions, not 5");
        assert_eq!(message("{7:1}/5", 5), "sparsevec index out of bounds");
        assert_eq!(message("{7:1}/0", 5), "sparsevec must have at least 1 dimension");
    }

    #[test]
    fn max_elements() {
        let list = |n: usize| (1..=n).rev().map(|i| format!("{i}:0.25")).collect::<Vec<_>>().join(",");
        let max = read(&format!("{{{}}}/16000", list(MAX_NNZ))).unwrap();
        assert_eq!(max.elements, (0..16_000).map(|i| (i, 0.25)).collect::<Vec<_>>());
        let message = "sparsevec cannot have more than 16000 non-zero elements";
        for text in [format!("{{{}}}/20000", list(MAX_NNZ + 1)), ",".repeat(MAX_NNZ)] {
            assert_eq!(refused(&text), ("54000", message.into(), None));
        }
    }

    fn named(fault: &Fault) -> bool {
        let expected = fault.message.contains("sparsevec") || fault.message.starts_with("expected ");
        expected && ["22P02", "22003", "22000", "54000"].contains(&fault.state)
    }

    proptest! {
        #[test]
        fn round_trip(
            given in prop::collection::btree_map(0i32..1000, any::<u32>(), 0..100),
            rotate in any::<prop::sample::Index>(),
            spaced: bool,
        ) {
            let given = given.into_iter().map(|(i, bits)| (i, f32::from_bits(bits))).filter(|(_, x)| x.is_finite());
            let given: Vec<_> = given.collect();
            let mut items: Vec<String> = given.iter().map(|(i, x)| format!("{}:{x:e}", i + 1)).collect();
            let by = rotate.index(items.len() + 1);
            items.rotate_left(by);
            let text = format!("{{{}}}/1000", items.join(if spaced { " , " } else { "," }));
            let kept: Vec<_> = given.into_iter().filter(|(_, x)| *x != 0.0).collect();
            prop_assert_eq!(read(&text), Ok(Parsed { dim: 1000, elements: kept }));
        }

        #[test]
        fn integers_are_cut(n in any::<i128>()) {
            let expected = n.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
            let text = n.to_string();
            prop_assert_eq!(integer(text.as_bytes(), 0), Some((expected, text.len())));
        }

        #[test]
        fn wild_bytes(text in prop::collection::vec(any::<u8>(), 0..60), typmod in -1i32..5) {
            if let Err(fault) = parse(&text, typmod) {
                prop_assert!(named(&fault), "{}", fault.message);
            }
        }

        #[test]
        fn likely_text(text in r"[ \t]{0,2}\{([-+0-9]{1,3}:[-+0-9.eExXpPinfaINF ]{0,5},?){0,6}\}{0,2} ?/[-+ 0-9]{0,4}") {
            match read(&text) {
                Ok(v) => {
                    prop_assert!(v.dim >= 1 && v.elements.is_sorted_by(|a, b| a.0 < b.0));
                    prop_assert!(v.elements.iter().all(|&(i, x)| (0..v.dim).contains(&i) && x.is_finite() && x != 0.0));
                }
                Err(fault) => prop_assert!(named(&fault), "{}", fault.message),
            }
        }
    }
}
