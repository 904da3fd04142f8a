//! The scan of a batch of codes, written once for registers of bytes.
#![allow(unsafe_code)]

use super::BATCH;
use super::scalar::GROUP;

/// A register of bytes in groups of 16, with the operations of a scan. A value proves that the CPU has
/// the instructions, as with [`Lanes`](crate::simd::registers::Lanes).
pub(super) trait Bytes: Copy {
    /// The register.
    type V: Copy;
    /// Groups in the register.
    const GROUPS: usize;

    /// The proof.
    ///
    /// # Safety
    /// The CPU must have the instructions.
    unsafe fn new() -> Self;

    /// All zero.
    fn zero(self) -> Self::V;
    /// The low half of each byte.
    fn low(self, x: Self::V) -> Self::V;
    /// The high half of each byte.
    fn high(self, x: Self::V) -> Self::V;
    /// In each group, the bytes of `table` at the positions in `index`, all below 16.
    fn look_up(self, table: Self::V, index: Self::V) -> Self::V;
    /// Sum of 16-bit numbers, modulo 2^16.
    fn add(self, x: Self::V, y: Self::V) -> Self::V;
    /// 16-bit numbers divided by 256.
    fn upper(self, x: Self::V) -> Self::V;
    /// The bytes of the lower halves of both in turn, group by group.
    fn zip_low(self, x: Self::V, y: Self::V) -> Self::V;
    /// The bytes of the upper halves of both in turn, group by group.
    fn zip_high(self, x: Self::V, y: Self::V) -> Self::V;
    /// `GROUPS` times 16 sums: for bytes at even places, `whole` − 256 `odd`, and at odd places, `odd`, in turn.
    fn sums(self, whole: Self::V, odd: Self::V) -> [[u16; 16]; 4];

    /// Reads `16 * GROUPS` bytes.
    ///
    /// # Safety
    /// The bytes must be readable.
    unsafe fn load(self, p: *const u8) -> Self::V;
    /// Reads 16 bytes into each group.
    ///
    /// # Safety
    /// The bytes must be readable.
    unsafe fn broadcast(self, p: *const u8) -> Self::V;
    /// Reads 16 bytes at `p` into the first group, and at `q` into the others.
    ///
    /// # Safety
    /// The bytes must be readable.
    unsafe fn pair(self, p: *const u8, q: *const u8) -> Self::V;
}

/// Sums of bytes: `whole` adds up pairs of bytes as 16-bit numbers, modulo 2^16; `odd` adds up the upper bytes alone, and
/// corrects `whole` at the end.
struct Sums<B: Bytes> {
    whole: B::V,
    odd: B::V,
}

impl<B: Bytes> Sums<B> {
    #[inline(always)]
    fn new(b: B) -> Self {
        Self { whole: b.zero(), odd: b.zero() }
    }

    #[inline(always)]
    fn add(&mut self, b: B, x: B::V) {
        self.whole = b.add(self.whole, x);
        self.odd = b.add(self.odd, b.upper(x));
    }
}

/// An array of sixteen, without a loop (see [`shuffle`]) and without a closure, which would be compiled
/// without the instructions.
macro_rules! sixteen {
    (|$i:ident| $x:expr) => {
        sixteen!(@ $i, $x, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    };
    (@ $i:ident, $x:expr, $($n:literal),*) => {
        [$({
            let $i: usize = $n;
            $x
        }),*]
    };
}

/// Maximum number of bytes whose sum fits 16 bits.
const FULL: usize = 257;

/// See [`scalar::interleaved`](super::scalar::interleaved).
///
/// # Safety
/// `bits * groups * 16` bytes must be readable at `codes` and `groups * 16` at `tables`; `groups` must be a
/// multiple of 4.
#[inline(always)]
pub(super) unsafe fn interleaved<B: Bytes>(
    b: B,
    codes: *const u8,
    bits: usize,
    tables: *const u8,
    groups: usize,
    sums: &mut [u32; BATCH],
) {
    *sums = [0; BATCH];
    for plane in 0..bits {
        let mut group = 0;
        while group < groups {
            let end = groups.min(group + (FULL - 1) * B::GROUPS);
            let (mut near, mut far) = (Sums::new(b), Sums::new(b));
            while group < end {
                // SAFETY: group + GROUPS <= groups, as both are multiples of GROUPS, which divides 4.
                let (code, table) = unsafe {
                    let at = (plane * groups + group) * GROUP;
                    (b.load(codes.add(at)), b.load(tables.add(group * GROUP)))
                };
                near.add(b, b.look_up(table, b.low(code)));
                far.add(b, b.look_up(table, b.high(code)));
                group += B::GROUPS;
            }
            for (half, s) in [near, far].into_iter().enumerate() {
                let found = b.sums(s.whole, s.odd);
                for found in &found[..B::GROUPS] {
                    for (sum, found) in sums[half * 16..].iter_mut().zip(found) {
                        *sum += u32::from(*found) << plane;
                    }
                }
            }
        }
    }
}

/// See [`scalar::rows`](super::scalar::rows). Sixteen bytes of sixteen (or twice sixteen) rows are turned
/// into sixteen columns; the rest is the scan of an interleaved batch. The turning costs four
/// shuffles a column, the look-ups two; shuffles limit both. Registers of
/// four groups were tried: a tenth faster at best on an AMD EPYC of the Zen 4 generation, which does one
/// shuffle of that size at a time and two of half the size.
///
/// # Safety
/// `31 * stride + bits * groups / 2` bytes must be readable at `codes` and `groups * 16` at `tables`;
/// `B::GROUPS` must be 1 or 2, `groups` a multiple of 4.
#[inline(always)]
pub(super) unsafe fn rows<B: Bytes>(
    b: B,
    codes: *const u8,
    stride: usize,
    bits: usize,
    tables: *const u8,
    groups: usize,
    sums: &mut [u32; BATCH],
) {
    const { assert!(B::GROUPS <= 2) };
    *sums = [0; BATCH];
    let plane_bytes = groups / 2;
    let row_bytes = bits * plane_bytes;
    for first in (0..BATCH).step_by(16 * B::GROUPS) {
        let (mut plane, mut column, mut room) = (0, 0, FULL / 2);
        let mut s = Sums::new(b);
        for start in (0..row_bytes).step_by(16) {
            let square = if row_bytes - start >= 16 {
                // SAFETY: start + 16 <= row_bytes, and both rows are among the 32.
                sixteen!(|i| unsafe {
                    let (p, q) = (first + i, (first + i + 16) % BATCH);
                    b.pair(codes.add(p * stride + start), codes.add(q * stride + start))
                })
            } else {
                let mut square = [b.zero(); 16];
                for (i, x) in square.iter_mut().enumerate() {
                    let (p, q) = (first + i, (first + i + 16) % BATCH);
                    // SAFETY: the rest of either row is readable and shorter than 16.
                    *x = unsafe {
                        let p = part(codes.add(p * stride + start), row_bytes - start);
                        let q = part(codes.add(q * stride + start), row_bytes - start);
                        b.pair(p.as_ptr(), q.as_ptr())
                    };
                }
                square
            };
            let square = transpose(b, square);
            let mut rest = &square[..(row_bytes - start).min(16)];
            while !rest.is_empty() {
                let (run, later) = rest.split_at(rest.len().min(plane_bytes - column).min(room));
                for (k, code) in run.iter().enumerate() {
                    // SAFETY: column + k < plane_bytes, and each has two tables.
                    let (low, high) = unsafe {
                        let table = tables.add(2 * (column + k) * GROUP);
                        (b.broadcast(table), b.broadcast(table.add(GROUP)))
                    };
                    s.add(b, b.look_up(low, b.low(*code)));
                    s.add(b, b.look_up(high, b.high(*code)));
                }
                rest = later;
                column += run.len();
                room -= run.len();
                if column == plane_bytes || room == 0 {
                    let found = b.sums(s.whole, s.odd);
                    for (sum, found) in sums[first..].iter_mut().zip(found[..B::GROUPS].as_flattened()) {
                        *sum += u32::from(*found) << plane;
                    }
                    (s, room) = (Sums::new(b), FULL / 2);
                }
                if column == plane_bytes {
                    (plane, column) = (plane + 1, 0);
                }
            }
        }
    }
}

/// Makes columns of rows, group by group: afterwards register k holds byte k of all sixteen.
#[inline(always)]
fn transpose<B: Bytes>(b: B, x: [B::V; 16]) -> [B::V; 16] {
    shuffle(b, shuffle(b, shuffle(b, shuffle(b, x))))
}

/// One of the four steps of [`transpose`], without a loop: the compiler would keep the array in memory.
#[inline(always)]
fn shuffle<B: Bytes>(b: B, x: [B::V; 16]) -> [B::V; 16] {
    [
        b.zip_low(x[0], x[8]),
        b.zip_high(x[0], x[8]),
        b.zip_low(x[1], x[9]),
        b.zip_high(x[1], x[9]),
        b.zip_low(x[2], x[10]),
        b.zip_high(x[2], x[10]),
        b.zip_low(x[3], x[11]),
        b.zip_high(x[3], x[11]),
        b.zip_low(x[4], x[12]),
        b.zip_high(x[4], x[12]),
        b.zip_low(x[5], x[13]),
        b.zip_high(x[5], x[13]),
        b.zip_low(x[6], x[14]),
        b.zip_high(x[6], x[14]),
        b.zip_low(x[7], x[15]),
        b.zip_high(x[7], x[15]),
    ]
}

/// The `n` < 16 bytes at `p`, and zeros.
///
/// # Safety
/// The bytes must be readable.
#[inline(always)]
unsafe fn part(p: *const u8, n: usize) -> [u8; 16] {
    let mut bytes = [0; 16];
    // SAFETY: the caller vouches for n bytes at p, and n < 16.
    unsafe { std::ptr::copy_nonoverlapping(p, bytes.as_mut_ptr(), n.min(16)) };
    bytes
}
