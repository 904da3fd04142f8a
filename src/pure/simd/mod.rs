//! Registers of the CPU: the instructions that kernels use, behind one trait.

pub(crate) mod dispatch;
mod load_f16;
mod load_i8;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod prefetch;
pub(crate) mod registers;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;
