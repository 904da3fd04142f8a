//! Prefetching memory.
#![allow(unsafe_code)]

/// Cache lines of a point that a graph's search prefetches: the CPU prefetches the rest by itself.
pub(crate) const AHEAD: usize = 8;

/// Prefetches the first cache lines of a slice that will be read soon.
#[inline]
pub(crate) fn prefetch<T>(slice: &[T], lines: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let bytes = slice.as_ptr().cast::<i8>();
        for at in (0..size_of_val(slice)).step_by(64).take(lines) {
            // SAFETY: at lies within the slice; a prefetch has no effect visible to the program.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(bytes.add(at)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, lines);
}
