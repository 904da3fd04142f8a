//! What this x86-64 CPU can do, asked in one place: each answer is what one kind of register needs as proof.

/// For `Avx2`: `avx2`, `fma` and `f16c`. Every CPU with the first has all three; a hypervisor may hide some.
pub(crate) fn avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
}

/// For `Avx512`: `avx512f` on top of those.
pub(crate) fn avx512() -> bool {
    avx2() && is_x86_feature_detected!("avx512f")
}
