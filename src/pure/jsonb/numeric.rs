//! Numbers: the server's `numeric`, as float64.

use crate::types::vector::number::rounded;

/// Digits of a `numeric` are to this base.
const BASE: u64 = 10_000;
/// Decimal digits in one of those.
const DECIMALS: i32 = 4;

/// Bits of the first two bytes.
mod header {
    pub const SIGN: u16 = 0xC000;
    pub const NEGATIVE: u16 = 0x4000;
    /// Weight and scale stand in the header itself, as is usual.
    pub const SHORT: u16 = 0x8000;
    /// Not a number, or infinite.
    pub const SPECIAL: u16 = 0xC000;
    pub const SCALE: u16 = 0x3FFF;
    pub const SHORT_NEGATIVE: u16 = 0x2000;
    pub const SHORT_SCALE: u16 = 0x1F80;
    pub const SHORT_SCALE_SHIFT: u32 = 7;
    pub const SHORT_WEIGHT: u16 = 0x003F;
    pub const SHORT_WEIGHT_NEGATIVE: u16 = 0x0040;
}

/// A `numeric`, the bytes behind its varlena header.
#[derive(Debug, Clone, Copy)]
pub struct Numeric<'a>(&'a [u8]);

impl<'a> Numeric<'a> {
    /// Of the bytes behind the varlena header.
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The nearest float64, even of two; infinite beyond its range, not a number if there is none.
    #[inline]
    #[must_use]
    pub fn to_f64(self) -> f64 {
        let Some((negative, weight, digits)) = self.parts() else { return f64::NAN };
        let count = digits.len() / 2;
        // All decimal digits as an integer, and the power of ten that it is to be multiplied by. Both are exact in float64
        // where they are small, and what a division or multiplication of exact numbers gives is the nearest number.
        const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
        let mut integer = 0u64;
        for digit in digits_of(digits) {
            if integer >= EXACT / BASE {
                return slow(negative, weight, digits);
            }
            integer = integer * BASE + digit;
        }
        let power = DECIMALS * (weight + 1 - count as i32);
        let value = match POWERS.get(power.unsigned_abs() as usize) {
            Some(scale) if power >= 0 => integer as f64 * scale,
            Some(scale) => integer as f64 / scale,
            None if integer == 0 => 0.0,
            None => return slow(negative, weight, digits),
        };
        if negative { -value } else { value }
    }

    /// The nearest float32, even of two; `None` where float64 does not decide the rounding, or the number is beyond the normal ones.
    #[inline]
    #[must_use]
    pub fn to_f32(self) -> Option<f32> {
        let double = self.to_f64();
        if double == 0.0 { Some(0.0) } else { rounded(double) }
    }

    /// Bytes that the decimal text has at least, without a sign: digits before the point, of which the first group may have three
    /// fewer, and the scale's behind it.
    #[must_use]
    pub fn text_len(self) -> usize {
        let Some((_, weight, _)) = self.parts() else { return 0 };
        let scale = self.0.split_first_chunk::<2>().map_or(0, |(header, _)| {
            let header = u16::from_ne_bytes(*header);
            if header & header::SHORT != 0 {
                (header & header::SHORT_SCALE) >> header::SHORT_SCALE_SHIFT
            } else {
                header & header::SCALE
            }
        });
        usize::try_from(DECIMALS * weight).unwrap_or(0) + 1 + usize::from(scale)
    }

    /// Sign, power of the base that the first digit counts, digits; `None` if it is none.
    #[inline]
    fn parts(self) -> Option<(bool, i32, &'a [u8])> {
        let (header, rest) = self.0.split_first_chunk::<2>()?;
        let header = u16::from_ne_bytes(*header);
        if header & header::SIGN == header::SPECIAL {
            return None;
        }
        if header & header::SHORT != 0 {
            let weight = i32::from(header & header::SHORT_WEIGHT);
            let weight = if header & header::SHORT_WEIGHT_NEGATIVE != 0 { weight - 64 } else { weight };
            return Some((header & header::SHORT_NEGATIVE != 0, weight, rest));
        }
        let (weight, digits) = rest.split_first_chunk::<2>()?;
        Some((header & header::NEGATIVE != 0, i16::from_ne_bytes(*weight).into(), digits))
    }
}

#[inline]
fn digits_of(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(2).map(|digit| u64::from(u16::from_ne_bytes([digit[0], digit[1]])))
}

/// Powers of ten that float64 has exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// By way of decimal text, on the stack.
#[cold]
fn slow(negative: bool, weight: i32, digits: &[u8]) -> f64 {
    /// Digits that can matter to rounding: 767 decimal ones at most, and whether any is behind them.
    const MOST: usize = 200;
    let mut text = [0u8; MOST * DECIMALS as usize + 1 + 1 + 12];
    let mut length = 0;
    let mut put = |byte: u8| {
        text[length] = byte;
        length += 1;
    };
    let count = digits.len() / 2;
    let mut power = DECIMALS * (weight + 1 - count.min(MOST) as i32);
    for digit in digits_of(digits).take(MOST) {
        // A digit that cannot have been written is cut to size.
        let digit = digit.min(BASE - 1);
        for place in [1000, 100, 10, 1] {
            put(b'0' + (digit / place % 10) as u8);
        }
    }
    if count > MOST {
        // The last digit is never zero.
        put(b'1');
        power -= 1;
    }
    put(b'e');
    if power < 0 {
        put(b'-');
    }
    let mut places = [0u8; 10];
    let mut rest = power.unsigned_abs();
    for place in places.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    places.into_iter().for_each(&mut put);
    let value =
        std::str::from_utf8(&text[..length]).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
    if negative { -value } else { value }
}
