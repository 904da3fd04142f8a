//! The portable twin of every kernel: the reference for tests of the fast variants, and the variant for a
//! CPU that cannot look up bytes in a register.

use super::BATCH;

/// Bytes of the table of a group, four coordinates; an interleaved batch has as many bytes for a group and plane.
pub(super) const GROUP: usize = 16;

/// Tables for a query: entry m of group g is `round(Σ_k ±q_{4g+k} · scale)` with plus where bit k of m is
/// set, less the minimum of the group. The sum goes from the minimum up, k ascending; halves are rounded to even.
#[inline(always)]
pub fn tables(query: &[f32], scale: f32, tables: &mut [u8]) {
    // Adding 2^23 leaves no bits below 1, so the low byte of the sum is the rounded number; unlike a cast, the addition
    // needs no check.
    const ROUND: f32 = 8_388_608.0;
    for (q, table) in query.chunks_exact(4).zip(tables.chunks_exact_mut(GROUP)) {
        let q: [f32; 4] = std::array::from_fn(|k| 2.0 * (q[k] * scale));
        let mut entries = [0f32; GROUP];
        entries[0] = (-q[0].min(0.0) - q[1].min(0.0)) + (-q[2].min(0.0) - q[3].min(0.0));
        for (k, q) in q.iter().enumerate() {
            for m in 0..1 << k {
                entries[m + (1 << k)] = entries[m] + q;
            }
        }
        for (byte, entry) in table.iter_mut().zip(entries) {
            *byte = (entry + ROUND).to_bits() as u8;
        }
    }
}

/// For each slot of an interleaved batch, the sum over planes p and groups of 2^p times the table entry.
pub fn interleaved(codes: &[u8], bits: usize, tables: &[u8], sums: &mut [u32; BATCH]) {
    *sums = [0; BATCH];
    for (plane, codes) in codes.chunks_exact(tables.len()).enumerate().take(bits) {
        for (table, codes) in tables.chunks_exact(GROUP).zip(codes.chunks_exact(GROUP)) {
            for (j, code) in codes.iter().enumerate() {
                sums[j] += u32::from(table[usize::from(code & 15)]) << plane;
                sums[j + 16] += u32::from(table[usize::from(code >> 4)]) << plane;
            }
        }
    }
}

/// As [`interleaved`], for a batch of rows.
pub fn rows(codes: &[u8], stride: usize, bits: usize, tables: &[u8], sums: &mut [u32; BATCH]) {
    let plane_bytes = tables.len() / (2 * GROUP);
    for (slot, sum) in sums.iter_mut().enumerate() {
        *sum = 0;
        let row = &codes[slot * stride..][..bits * plane_bytes];
        for (plane, codes) in row.chunks_exact(plane_bytes).enumerate() {
            for (pair, code) in tables.chunks_exact(2 * GROUP).zip(codes) {
                let (low, high) = pair.split_at(GROUP);
                let found = u32::from(low[usize::from(code & 15)]) + u32::from(high[usize::from(code >> 4)]);
                *sum += found << plane;
            }
        }
    }
}

/// `base + t · add + mul · (step · sum + floor)` for each slot.
#[inline(always)]
pub fn estimates(
    sums: &[u32; BATCH],
    (step, floor): (f32, f32),
    (base, t): (f32, f32),
    add: &[f32; BATCH],
    mul: &[f32; BATCH],
    out: &mut [f32; BATCH],
) {
    for j in 0..BATCH {
        // A sum stays below 2^31: 255 levels of at most 4000 groups of at most 255. An i32 converts in one
        // instruction.
        let product = step * sums[j] as i32 as f32 + floor;
        out[j] = (base + t * add[j]) + mul[j] * product;
    }
}
