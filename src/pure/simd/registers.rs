//! A register full of `f32`, for any CPU.
//!
//! Metrics use a CPU through [`Lanes`] alone. A value of a type that implements `Lanes` proves that the
//! CPU has the instructions: only an `unsafe` constructor makes one, so that the operations
//! themselves are safe to call. All methods are `inline(always)`: the code takes on the features of the
//! `#[target_feature]` function into which it is inlined.
#![allow(unsafe_code)]

/// Arithmetic on registers of [`N`](Lanes::N) lanes.
pub(crate) trait Lanes: Copy {
    /// A register of `f32`.
    type V: Copy;
    /// As many `f64` as a `V` has `f32`, in one register or two.
    type W: Copy;
    /// Lanes in a `V`.
    const N: usize;

    /// The proof that the CPU has the instructions.
    ///
    /// # Safety
    /// The CPU must have the instructions.
    unsafe fn new() -> Self;

    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::V;
    /// All lanes zero.
    fn zero(self) -> Self::V;
    /// `x + y`
    fn add(self, x: Self::V, y: Self::V) -> Self::V;
    /// `x - y`
    fn sub(self, x: Self::V, y: Self::V) -> Self::V;
    /// `|x|`
    fn abs(self, x: Self::V) -> Self::V;
    /// `x * y`
    fn mul(self, x: Self::V, y: Self::V) -> Self::V;
    /// `x * y + s`, rounded once with FMA and twice without.
    fn mul_add(self, x: Self::V, y: Self::V, s: Self::V) -> Self::V;
    /// `s - x * y`, rounded as `mul_add` is.
    fn neg_mul_add(self, x: Self::V, y: Self::V, s: Self::V) -> Self::V;
    /// Sum of the lanes, as a tree.
    fn sum(self, x: Self::V) -> f32;

    /// All wide lanes zero.
    fn wide_zero(self) -> Self::W;
    /// `x + y` in `f64`.
    fn wide_add(self, x: Self::W, y: Self::W) -> Self::W;
    /// `x * x + s` in `f64`, where squares of `f32` are exact.
    fn wide_square_add(self, x: Self::V, s: Self::W) -> Self::W;
    /// Sum of the wide lanes, as a tree.
    fn wide_sum(self, x: Self::W) -> f64;
}

/// Writing a register to memory.
pub(crate) trait Store: Lanes {
    /// Writes `N` elements.
    ///
    /// # Safety
    /// `N` elements must be writable at `p`; no alignment beyond that of `f32` is needed.
    unsafe fn store(self, p: *mut f32, x: Self::V);
}

/// Filling a register from memory; all that another element type (int8) needs.
pub(crate) trait Load<T>: Lanes {
    /// Reads `N` elements.
    ///
    /// # Safety
    /// `N` elements must be readable at `p`; no alignment beyond that of `T` is needed.
    unsafe fn load(self, p: *const T) -> Self::V;

    /// Reads `n` elements, 0 < `n` < `N`, and fills the other lanes with zero. Touches no memory past the
    /// `n` elements.
    ///
    /// # Safety
    /// `n` elements must be readable at `p`, and `n` must lie in that range.
    unsafe fn load_part(self, p: *const T, n: usize) -> Self::V;
}

/// The constructor and the methods of [`Lanes`], each method one expression of intrinsics.
macro_rules! lane_ops {
    ($(fn $name:ident($($x:ident: $side:ident),*) -> $out:ty = $body:expr;)*) => {
        #[inline(always)]
        unsafe fn new() -> Self {
            Self(())
        }
        $(
        #[inline(always)]
        #[allow(unused_unsafe)]
        fn $name(self $(, $x: Self::$side)*) -> $out {
            // SAFETY: a value of Self proves that the CPU has the instructions, none of which touches memory.
            unsafe { $body }
        }
        )*
    };
}
pub(crate) use lane_ops;

/// Four lanes in portable Rust, for CPUs without registers here.
#[derive(Clone, Copy)]
pub(crate) struct Portable(());

impl Lanes for Portable {
    type V = [f32; 4];
    type W = [f64; 4];
    const N: usize = 4;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; 4]
    }

    lane_ops! {
        fn zero() -> Self::V = [0.0; 4];
        fn add(x: V, y: V) -> Self::V = [x[0] + y[0], x[1] + y[1], x[2] + y[2], x[3] + y[3]];
        fn sub(x: V, y: V) -> Self::V = [x[0] - y[0], x[1] - y[1], x[2] - y[2], x[3] - y[3]];
        fn abs(x: V) -> Self::V = x.map(f32::abs);
        fn mul(x: V, y: V) -> Self::V = [x[0] * y[0], x[1] * y[1], x[2] * y[2], x[3] * y[3]];
        // No f32::mul_add: without an instruction for it, it calls the C library.
        fn mul_add(x: V, y: V, s: V) -> Self::V =
            [x[0] * y[0] + s[0], x[1] * y[1] + s[1], x[2] * y[2] + s[2], x[3] * y[3] + s[3]];
        fn neg_mul_add(x: V, y: V, s: V) -> Self::V =
            [s[0] - x[0] * y[0], s[1] - x[1] * y[1], s[2] - x[2] * y[2], s[3] - x[3] * y[3]];
        fn sum(x: V) -> f32 = (x[0] + x[2]) + (x[1] + x[3]);
        fn wide_zero() -> Self::W = [0.0; 4];
        fn wide_add(x: W, y: W) -> Self::W = [x[0] + y[0], x[1] + y[1], x[2] + y[2], x[3] + y[3]];
        fn wide_square_add(x: V, s: W) -> Self::W = {
            let x = x.map(f64::from);
            [x[0] * x[0] + s[0], x[1] * x[1] + s[1], x[2] * x[2] + s[2], x[3] * x[3] + s[3]]
        };
        fn wide_sum(x: W) -> f64 = (x[0] + x[2]) + (x[1] + x[3]);
    }
}

impl Store for Portable {
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, x: Self::V) {
        // SAFETY: the caller vouches for four elements; an array of f32 is aligned like one f32.
        unsafe { p.cast::<[f32; 4]>().write(x) }
    }
}

impl Load<f32> for Portable {
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: the caller vouches for four elements; an array of f32 is aligned like one f32.
        unsafe { p.cast::<[f32; 4]>().read() }
    }

    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> Self::V {
        debug_assert!(0 < n && n < 4);
        // SAFETY: the caller vouches for n elements, and element i is only read if i < n.
        unsafe { [*p, if n > 1 { *p.add(1) } else { 0.0 }, if n > 2 { *p.add(2) } else { 0.0 }, 0.0] }
    }
}
