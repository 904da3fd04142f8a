//! Binary quantization: a bit for each dimension.

use crate::types::element::Element;

/// Sets, in `bytes` of `x.len().div_ceil(8)` zeros, the bit of each element above 0. The first element
/// is the most significant bit of the first byte, as in Postgres' `bit`.
pub fn quantize<T: Element>(x: &[T], bytes: &mut [u8]) {
    let (whole, rest) = x.as_chunks::<8>();
    for (byte, group) in bytes.iter_mut().zip(whole) {
        *byte = signs(group);
    }
    if let Some(last) = bytes.get_mut(whole.len()) {
        *last = signs(rest);
    }
}

/// Up to eight elements' bits, from the most significant on.
#[inline]
fn signs<T: Element>(group: &[T]) -> u8 {
    group.iter().enumerate().fold(0, |byte, (i, x)| byte | u8::from(x.to_f32() > 0.0) << (7 - i))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_is_most_significant() {
        let mut bytes = [0; 2];
        let x = [1.0, 0.0, -1.0, -0.0, 5.0, 0.1, 0.0, 2.0, 1.0];
        quantize(&x, &mut bytes);
        assert_eq!(bytes, [0b1000_1101, 0b1000_0000]);
        let mut bytes = [0; 2];
        quantize(&x.map(half::f16::from_f32_const), &mut bytes);
        assert_eq!(bytes, [0b1000_1101, 0b1000_0000]);
    }
}
