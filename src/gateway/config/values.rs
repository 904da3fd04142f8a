//! Values of settings: numbers, times, sizes.

use std::time::Duration;

/// A whole number between two bounds.
///
/// # Errors
/// In words.
pub fn number(text: &str, min: usize, max: usize) -> Result<usize, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| format!("{text} is no number between {min} and {max}"))
}

/// A time: `250ms`, `10s`, `30min`, `1h`, or `0`.
///
/// # Errors
/// In words.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let (digits, unit) = split(text);
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "" if digits == "0" => 0,
        _ => return Err(format!("{text} is no time, as 10s is: units are ms, s, min and h")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("{text} is no time, as 10s is"))?;
    let time = number.checked_mul(factor).filter(|millis| *millis <= i32::MAX as u64);
    time.map(Duration::from_millis).ok_or_else(|| format!("{text} is longer than 24 days"))
}

/// A size: `512kB`, `2MB`, `1GB`, or bytes.
///
/// # Errors
/// In words.
pub fn bytes(text: &str) -> Result<usize, String> {
    let (digits, unit) = split(text);
    let factor = match unit {
        "" | "B" => 1,
        "kB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        _ => return Err(format!("{text} is no size, as 2MB is: units are B, kB, MB and GB")),
    };
    let number: usize = digits.parse().map_err(|_| format!("{text} is no size, as 2MB is"))?;
    number.checked_mul(factor).filter(|size| *size > 0).ok_or_else(|| format!("{text} is out of range"))
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes() {
        assert_eq!(seconds("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(seconds("2 min"), Ok(Duration::from_secs(120)));
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        for wrong in ["", "5", "s", "-1s", "1d", "99999999h", "1.5s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
        assert_eq!(bytes("2MB"), Ok(2 << 20));
        assert_eq!(bytes("17"), Ok(17));
        for wrong in ["", "0", "MB", "-1", "1TB", "99999999999999999999"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        assert_eq!(number("7", 1, 7), Ok(7));
        assert!(number("8", 1, 7).is_err());
    }
}
