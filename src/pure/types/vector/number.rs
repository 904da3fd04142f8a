//! One number of the text form, as C's `strtof` reads it in the C locale.

/// A number as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// Digits; infinite if the number is beyond `f32`.
    Number(f32),
    /// `inf`, `infinity` or `nan`, in any case.
    Special(f32),
}

/// The number at the start of `text`, correctly rounded, and its length in bytes; `None` if
/// there is no number. White space is not skipped.
#[inline]
#[must_use]
pub fn parse(text: &[u8]) -> Option<(Value, usize)> {
    let (negative, signed) = match text.first() {
        Some(b'-') => (true, 1),
        Some(b'+') => (false, 1),
        _ => (false, 0),
    };
    let (magnitude, end) = match text.get(signed) {
        Some(b'0') if matches!(text.get(signed + 1), Some(b'x' | b'X')) => hexadecimal(text, signed),
        Some(b'0'..=b'9' | b'.') => decimal(text, signed)?,
        _ => return special(text, signed, negative),
    };
    Some((Value::Number(if negative { -magnitude } else { magnitude }), end))
}

/// `10^i` for all `i` for which the power is exact in `f64`.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The decimal number from `start` on, and the position of its end.
fn decimal(text: &[u8], start: usize) -> Option<(f32, usize)> {
    let mut at = start;
    let (mut mantissa, mut digits) = (0u64, 0u32);
    while let Some(digit) = digit(text, at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
        digits += u32::from(digits > 0 || digit > 0);
        at += 1;
    }
    let mut seen = at - start;
    let mut exponent = 0i64;
    if text.get(at) == Some(&b'.') {
        let point = at + 1;
        at = point;
        while let Some(digit) = digit(text, at) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
            digits += u32::from(digits > 0 || digit > 0);
            at += 1;
        }
        seen += at - point;
        exponent -= (at - point) as i64;
    }
    if seen == 0 {
        return None;
    }
    if matches!(text.get(at), Some(b'e' | b'E'))
        && let Some((written, end)) = exponent_at(text, at + 1)
    {
        exponent += written;
        at = end;
    }
    // Up to 19 digits the mantissa has not wrapped.
    let quick = if digits <= 19 { quick(mantissa, exponent) } else { None };
    Some((quick.unwrap_or_else(|| slow(&text[start..at])), at))
}

/// `mantissa * 10^exponent` if double precision decides the rounding.
///
/// The double is within half a unit of its last place of the true value. So rounding the double to `f32` is
/// right unless the double lies half-way between two `f32`: then the true value may lie on either side.
#[inline]
fn quick(mantissa: u64, exponent: i64) -> Option<f32> {
    if mantissa == 0 {
        return Some(0.0);
    }
    if mantissa >= 1 << 53 {
        return None;
    }
    let power = *POWERS.get(usize::try_from(exponent.unsigned_abs()).ok()?)?;
    rounded(if exponent < 0 { mantissa as f64 / power } else { mantissa as f64 * power })
}

/// The `f32` nearest to a number whose nearest double is given, if double precision decides the rounding, and it is a normal one.
#[inline]
pub(crate) fn rounded(double: f64) -> Option<f32> {
    let half_way = double.to_bits() & 0x1fff_ffff == 0x1000_0000;
    let normal = (f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX)).contains(&double.abs());
    (normal && !half_way).then_some(double as f32)
}

/// Any decimal number, by the standard library's correctly rounding algorithm.
#[cold]
fn slow(digits: &[u8]) -> f32 {
    // The bytes are digits, '.', 'e' and signs in an order that `f32` knows: neither step can fail.
    std::str::from_utf8(digits).ok().and_then(|s| s.parse().ok()).unwrap_or(f32::INFINITY)
}

/// The hexadecimal number behind the `0x` at `start`, and the position of its end; only the 0 if there are no digits.
#[cold]
fn hexadecimal(text: &[u8], start: usize) -> (f32, usize) {
    let mut at = start + 2;
    let (mut mantissa, mut sticky, mut exponent) = (0u64, false, 0i64);
    let (mut seen, mut point) = (false, false);
    loop {
        match text.get(at).map(|b| (b, char::from(*b).to_digit(16))) {
            Some((_, Some(digit))) => {
                seen = true;
                if mantissa >> 60 == 0 {
                    mantissa = mantissa << 4 | u64::from(digit);
                    exponent -= if point { 4 } else { 0 };
                } else {
                    sticky |= digit != 0;
                    exponent += if point { 0 } else { 4 };
                }
            }
            Some((b'.', None)) if !point => point = true,
            _ => break,
        }
        at += 1;
    }
    if !seen {
        return (0.0, start + 1);
    }
    if matches!(text.get(at), Some(b'p' | b'P'))
        && let Some((written, end)) = exponent_at(text, at + 1)
    {
        exponent += written;
        at = end;
    }
    (binary(mantissa, sticky, exponent), at)
}

/// `mantissa * 2^exponent`, rounded half to even; `sticky` if non-zero digits follow the mantissa.
fn binary(mantissa: u64, sticky: bool, exponent: i64) -> f32 {
    if mantissa == 0 {
        return 0.0;
    }
    let zeros = mantissa.leading_zeros();
    let mantissa = mantissa << zeros;
    // The value is 1.xxx * 2^top.
    let top = exponent.saturating_add(63 - i64::from(zeros));
    if top > 127 {
        return f32::INFINITY;
    }
    if top < -150 {
        return 0.0;
    }
    let precision = 24.min(24 + top + 126); // fewer bits for subnormals, down to 0
    let (kept, rest) = if precision == 0 {
        (0, u128::from(mantissa))
    } else {
        let cut = 64 - precision;
        (mantissa >> cut, u128::from(mantissa) & ((1 << cut) - 1))
    };
    let half = 1u128 << (63 - precision);
    let up = rest > half || rest == half && (sticky || kept & 1 == 1);
    // kept has at most 25 bits and the power is within f64's range, so the product is exact; only
    // rounding up to 2^128 leaves the range of f32.
    ((kept + u64::from(up)) as f64 * 2f64.powi((top - precision + 1) as i32)) as f32
}

/// `inf`, `infinity`, `nan` or `nan(…)` from `start` on.
#[cold]
fn special(text: &[u8], start: usize, negative: bool) -> Option<(Value, usize)> {
    let rest = text.get(start..)?;
    let starts = |word: &[u8]| rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    let (value, length) = if starts(b"infinity") {
        (f32::INFINITY, 8)
    } else if starts(b"inf") {
        (f32::INFINITY, 3)
    } else if starts(b"nan") {
        (f32::NAN, 3)
    } else {
        return None;
    };
    Some((Value::Special(if negative { -value } else { value }), start + length))
}

#[inline]
fn digit(text: &[u8], at: usize) -> Option<u64> {
    let digit = text.get(at)?.wrapping_sub(b'0');
    (digit < 10).then_some(u64::from(digit))
}

/// An optionally signed exponent at `at`, and the position of its end. Large exponents are clamped: they mean
/// zero or infinity unless the mantissa has as many digits, and a text is less than a gigabyte long.
#[inline]
fn exponent_at(text: &[u8], mut at: usize) -> Option<(i64, usize)> {
    let negative = text.get(at) == Some(&b'-');
    at += usize::from(matches!(text.get(at), Some(b'-' | b'+')));
    let mut exponent = digit(text, at)? as i64;
    at += 1;
    while let Some(digit) = digit(text, at) {
        exponent = (exponent * 10 + digit as i64).min(1 << 40);
        at += 1;
    }
    Some((if negative { -exponent } else { exponent }, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Option<(f32, usize)> {
        match parse(text.as_bytes()) {
            Some((Value::Number(x), n)) => Some((x, n)),
            Some((Value::Special(_), _)) => panic!("{text} is special"),
            None => None,
        }
    }

    #[test]
    fn where_it_ends() {
        for (text, value, length) in [
            ("1", 1.0, 1),
            ("-1.5x", -1.5, 4),
            ("+.5", 0.5, 3),
            ("5.,", 5.0, 2),
            ("1e", 1.0, 1),
            ("1e+", 1.0, 1),
            ("1e+2]", 100.0, 4),
            ("1.2.3", 1.2, 3),
            ("0x", 0.0, 1),
            ("0x.p1", 0.0, 1),
            ("0xg", 0.0, 1),
            ("0x1p", 1.0, 3),
            ("0X1.8P-1 ", 0.75, 8),
            ("00012", 12.0, 5),
            ("1_000", 1.0, 1),
        ] {
            assert_eq!(number(text), Some((value, length)), "{text}");
        }
        for text in ["", "-", "+", ".", "-.", "e5", ".e5", "--1", "x", " 1", "in", "na"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn specials() {
        for (text, length) in [("inf", 3), ("-INF", 4), ("Infinity", 8), ("+infinit", 4)] {
            assert!(
                matches!(parse(text.as_bytes()), Some((Value::Special(x), n)) if x.is_infinite() && n == length),
                "{text}"
            );
        }
        assert!(matches!(parse(b"-NaN(5)"), Some((Value::Special(x), 4)) if x.is_nan()));
    }

    #[test]
    fn edges() {
        for text in [
            "3.4028235e38",
            "3.4028235677973366e38", // half-way to the next number if there were one: infinity
            "3.4028235677973365e38",
            "1e39",
            "1e999999999999999999999",
            "1e-999999999999999999999",
            "0e999999999999999999999",
            "1.1754943e-38",
            "1e-45",
            "7.006492321624085e-46",
            "7.006492321624086e-46",
            "16777217",
            "16777217.0000000000000000000000000000001",
            "16777219",
            "9007199254740993",
            "18446744073709551616",
            "0.000000000000000000000000000000000000000000001401298464324817",
            "1.00000017881393432617187499",
            "1.00000017881393432617187500",
            "1.00000017881393432617187501",
        ] {
            let expected: f32 = text.parse().unwrap();
            assert_eq!(number(text), Some((expected, text.len())), "{text}");
        }
    }

    #[test]
    fn hexadecimal_edges() {
        for (text, expected) in [
            ("0x1p127", 2f32.powi(127)),
            ("0x1.fffffep127", f32::MAX),
            ("0x1.fffffeffffffffffffp127", f32::MAX),
            ("0x1.ffffffp127", f32::INFINITY),
            ("0x1p128", f32::INFINITY),
            ("0x1p99999999999999999999", f32::INFINITY),
            ("0x0p99999999999999999999", 0.0),
            ("0x1p-149", f32::from_bits(1)),
            ("0x1p-150", 0.0),
            ("0x1.0000000000000000001p-150", f32::from_bits(1)),
            ("0x3p-150", f32::from_bits(2)),
            ("0x1p-151", 0.0),
            ("0x1000001", 16_777_216.0),
            ("0x1000003", 16_777_220.0),
            ("0x1000001.00000000000000000001", 16_777_218.0),
            ("0x123456789abcdef0123456789", 0x1_2345_6789_abcd_ef01_2345_6789u128 as f32),
        ] {
            assert_eq!(number(text), Some((expected, text.len())), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn rounds_as_the_standard_library(text in r"[-+]?([0-9]{1,22}|[0-9]{0,12}\.[0-9]{1,25}|[0-9]{1,9}\.)([eE][-+]?[0-9]{1,2})?") {
            let (value, length) = number(&text).unwrap();
            prop_assert_eq!(length, text.len());
            prop_assert_eq!(value.to_bits(), text.parse::<f32>().unwrap().to_bits());
        }

        #[test]
        fn near_half_way(bits in any::<u32>(), more in 8usize..30) {
            let x = f32::from_bits(bits & 0x7fff_ffff);
            prop_assume!(x.is_finite() && x < f32::MAX);
            let middle = f64::midpoint(f64::from(x), f64::from(x.next_up()));
            let text = format!("{middle:.more$e}");
            prop_assert_eq!(number(&text), Some((text.parse().unwrap(), text.len())));
        }

        #[test]
        fn hexadecimal_of_a_double(bits in any::<u64>(), shift in -60i64..60) {
            // A double's bits written in hexadecimal must round to f32 as the processor does.
            let mantissa = bits >> 11;
            let double = mantissa as f64 * 2f64.powi(shift as i32);
            let text = format!("0x{mantissa:x}p{shift}");
            prop_assert_eq!(number(&text), Some((double as f32, text.len())));
        }
    }
}
