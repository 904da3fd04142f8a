//! Registers of the CPU: what of its instructions the kernels use, by one trait for all of them.

pub(crate) mod dispatch;
mod load_f16;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod prefetch;
pub(crate) mod registers;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;
