//! Every variant that this CPU can run, and the dispatched functions, against the scalar twins.
//!
//! The tests run under Miri too, smaller: `make miri`.

use super::{Kernels, kernels, scalar, variants};
use crate::types::element::{Element, f16};
use proptest::prelude::*;

/// Unit roundoff of `f32` and of `f64`: half an epsilon.
const U32: f64 = f32::EPSILON as f64 / 2.0;
const U64: f64 = f64::EPSILON / 2.0;

/// Smallest positive `f32`: the maximum loss of a product by underflow.
const TINY: f64 = 1.401298464324817e-45;

/// Bound of the relative error of a term after `ops` roundings on its way (Higham's γ).
fn gamma(ops: usize, unit: f64) -> f64 {
    let x = ops as f64 * unit;
    x / (1.0 - x)
}

/// The variants and, last, the mixture that this CPU gets.
fn all() -> Vec<&'static Kernels<f32>> {
    let mut all = variants();
    all.push(kernels());
    all
}

/// A small generator (splitmix64), so that a test case is a seed and a length, and shrinks as such.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Evenly in [-1, 1).
    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// Magnitudes up to 2^`spread` above and below 1, with zeros and subnormals among them.
    fn mixed(&mut self, spread: i32) -> f32 {
        match self.next() % 16 {
            0 => 0.0,
            1 => f32::from_bits(self.next() as u32 & 0x007f_ffff),
            _ => self.unit() * power((self.next() % (2 * spread as u64 + 1)) as i32 - spread),
        }
    }

    /// A whole number in -8..=8, so that every sum over 16000 of them is exact in `f32`.
    fn whole(&mut self) -> f32 {
        (self.next() % 17) as f32 - 8.0
    }
}

/// A vector surrounded by NaN, `shift` elements off the allocation: shows kernels that read too much, and kernels
/// that need alignment.
struct Padded<T> {
    buffer: Vec<T>,
    shift: usize,
}

impl<T: Element> Padded<T> {
    fn new(shift: usize, n: usize, value: impl FnMut() -> T) -> Self {
        let nan = T::from_f32(f32::NAN);
        let mut buffer = vec![nan; shift];
        buffer.extend(std::iter::repeat_with(value).take(n));
        buffer.extend([nan; 17]);
        Self { buffer, shift }
    }

    fn get(&self) -> &[T] {
        &self.buffer[self.shift..self.buffer.len() - 17]
    }
}

/// Lengths: every small one, odd ones, popular ones and the largest.
fn lengths() -> impl Strategy<Value = usize> {
    if cfg!(miri) {
        return (1..80usize).boxed();
    }
    prop_oneof![
        1 => Just(1usize),
        6 => 1..80usize,
        4 => (40..800usize).prop_map(|half| 2 * half + 1),
        2 => prop::sample::select(vec![100usize, 300, 384, 768, 1024, 1536, 3072]),
        2 => 1600..=16000usize,
        1 => Just(16000usize),
    ]
    .boxed()
}

fn cases() -> ProptestConfig {
    let cases = if cfg!(miri) { 4 } else { 400 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// 2^`n` for a normal `f32`; `powi` promises no exact bits.
fn power(n: i32) -> f32 {
    f32::from_bits(((127 + n) as u32) << 23)
}

/// Whether both numbers are the same to the bit, or both NaN (of any bits).
fn same(x: impl Into<f64>, y: impl Into<f64>) -> bool {
    let (x, y) = (x.into(), y.into());
    x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan()
}

/// Asserts that a kernel's result lies within `bound` of its twin's.
fn close(variant: &str, kernel: &str, got: f64, twin: f64, bound: f64) -> Result<(), TestCaseError> {
    let off = (got - twin).abs();
    prop_assert!(off <= bound, "{variant} {kernel}: {got} against {twin}, off by {off:e}, bound {bound:e}");
    Ok(())
}

proptest! {
    #![proptest_config(cases())]

    /// Mixed magnitudes: kernel and twin differ by no more than the errors that both may make,
    /// 2 · γ(n + roundings before the sum) · Σ |terms|, plus the loss of each term by underflow.
    #[test]
    fn within_error_bounds(
        n in lengths(), seed: u64, shifts in (0..17usize, 0..17usize), spread in 0..50i32
    ) {
        let mut random = Random(seed);
        let a = Padded::new(shifts.0, n, || random.mixed(spread));
        let b = Padded::new(shifts.1, n, || random.mixed(spread));
        let (a, b) = (a.get(), b.get());

        let exact = |f: fn(f64, f64) -> f64| -> f64 {
            a.iter().zip(b).map(|(x, y)| f(f64::from(*x), f64::from(*y))).sum()
        };
        let lost = n as f64 * TINY;
        // Summing rounds every term up to n times, the product (and the difference, twice) before that once.
        let l2_bound = 2.0 * (gamma(n + 3, U32) * exact(|x, y| (x - y) * (x - y)) + lost);
        let dot_bound = 2.0 * (gamma(n + 1, U32) * exact(|x, y| (x * y).abs()) + lost);
        let l1_bound = 2.0 * gamma(n + 1, U32) * exact(|x, y| (x - y).abs());
        let (aa, bb) = (exact(|x, _| x * x), exact(|_, y| y * y));
        // The dot product errs by at most g·√(aa·bb) (Cauchy-Schwarz), each square sum by g relatively.
        let g = gamma(n + 1, U32) + lost / aa.min(bb);
        let cosine_bound = 2.0 * (2.0 * g / (1.0 - g)) + 8.0 * U64;
        // Squares of f32 are exact in f64; the root halves the relative error and rounds once.
        let norm_bound = (gamma(n, U64) + 2.0 * U64) * aa.sqrt();

        for k in all() {
            let near = |what, got, twin, bound| close(k.name(), what, got, twin, bound);
            let near32 = |what, got: f32, twin: f32, bound| near(what, got.into(), twin.into(), bound);
            near32("l2_squared", k.l2_squared(a, b), scalar::l2_squared(a, b), l2_bound)?;
            near32("inner_product", k.inner_product(a, b), scalar::inner_product(a, b), dot_bound)?;
            near32("l1", k.l1(a, b), scalar::l1(a, b), l1_bound)?;
            near("norm", k.norm(a), scalar::norm(a), norm_bound)?;
            let cosine = k.cosine_similarity(a, b);
            prop_assert!(cosine.is_nan() || (-1.0..=1.0).contains(&cosine));
            // From 0.5 on, the squares have underflowed and nothing is promised.
            if g < 0.5 {
                near("cosine_similarity", cosine, scalar::cosine_similarity(a, b), cosine_bound)?;
            }
        }
    }

    /// Whole numbers, with which nothing rounds: kernel and twin agree to the bit, each element counts once.
    #[test]
    fn exact_on_whole_numbers(n in lengths(), seed: u64, shifts in (0..17usize, 0..17usize)) {
        let mut random = Random(seed);
        let a = Padded::new(shifts.0, n, || random.whole());
        let b = Padded::new(shifts.1, n, || random.whole());
        let (a, b) = (a.get(), b.get());
        for k in all() {
            prop_assert_eq!(k.l2_squared(a, b), scalar::l2_squared(a, b), "{}", k.name());
            prop_assert_eq!(k.inner_product(a, b), scalar::inner_product(a, b), "{}", k.name());
            prop_assert_eq!(k.l1(a, b), scalar::l1(a, b), "{}", k.name());
            prop_assert_eq!(k.norm(a), scalar::norm(a), "{}", k.name());
            prop_assert!(same(k.cosine_similarity(a, b), scalar::cosine_similarity(a, b)), "{}", k.name());
        }
    }

    /// A result depends on the values alone, not on their addresses, nor on the order of the two vectors.
    #[test]
    fn same_bits_anywhere(n in lengths(), seed: u64, shifts in (0..17usize, 0..17usize)) {
        let vector = |seed: u64, shift: usize| {
            let mut random = Random(seed);
            Padded::new(shift, n, || random.mixed(10))
        };
        let (a, b) = (vector(seed, 0), vector(!seed, 0));
        let (c, d) = (vector(seed, shifts.0), vector(!seed, shifts.1));
        let (a, b, c, d) = (a.get(), b.get(), c.get(), d.get());
        for k in all() {
            prop_assert!(same(k.l2_squared(a, b), k.l2_squared(c, d)));
            prop_assert!(same(k.l2_squared(a, b), k.l2_squared(d, c)));
            prop_assert!(same(k.inner_product(a, b), k.inner_product(d, c)));
            prop_assert!(same(k.l1(a, b), k.l1(d, c)));
            prop_assert!(same(k.norm(a), k.norm(c)));
            prop_assert!(same(k.cosine_similarity(a, b), k.cosine_similarity(d, c)));
        }
    }

    /// The distance of a vector from itself is 0, to the bit, for any values.
    #[test]
    fn nothing_to_itself(n in lengths(), seed: u64) {
        let mut random = Random(seed);
        let a = Padded::new(0, n, || random.mixed(100));
        for k in all() {
            prop_assert_eq!(k.l2_squared(a.get(), a.get()), 0.0);
            prop_assert_eq!(k.l1(a.get(), a.get()), 0.0);
        }
    }
}

proptest! {
    #![proptest_config(cases())]

    /// Halves become singles before anything is added: the results are those of singles to the bit,
    /// with the same instructions.
    #[test]
    fn halves_as_singles(n in lengths(), seed: u64, shifts in (0..17usize, 0..17usize)) {
        let mut random = Random(seed);
        let mut element = || f16::from_bits(random.next() as u16 & 0xbfff);
        let (a, b) = (Padded::new(shifts.0, n, &mut element), Padded::new(shifts.1, n, &mut element));
        let wide = |x: &[f16]| -> Vec<f32> { x.iter().map(|x| x.to_f32_const()).collect() };
        let (a, b) = (a.get(), b.get());
        let (x, y) = (wide(a), wide(b));
        let (halves, singles) = (variants::<f16>(), variants::<f32>());
        prop_assert_eq!(halves.len(), singles.len());
        for (h, s) in halves.into_iter().zip(singles) {
            prop_assert_eq!(h.name(), s.name());
            prop_assert!(same(h.l2_squared(a, b), s.l2_squared(&x, &y)), "{}", h.name());
            prop_assert!(same(h.inner_product(a, b), s.inner_product(&x, &y)), "{}", h.name());
            prop_assert!(same(h.l1(a, b), s.l1(&x, &y)), "{}", h.name());
            prop_assert!(same(h.norm(a), s.norm(&x)), "{}", h.name());
            prop_assert!(same(h.cosine_similarity(a, b), s.cosine_similarity(&x, &y)), "{}", h.name());
        }
    }

    /// Whole numbers, with which nothing rounds, against the scalar twins of halves.
    #[test]
    fn halves_exact_on_whole_numbers(n in lengths(), seed: u64, shifts in (0..17usize, 0..17usize)) {
        let mut random = Random(seed);
        let mut element = || f16::from_f32_const(random.whole());
        let (a, b) = (Padded::new(shifts.0, n, &mut element), Padded::new(shifts.1, n, &mut element));
        let (a, b) = (a.get(), b.get());
        for k in variants().into_iter().chain([kernels()]) {
            prop_assert_eq!(k.l2_squared(a, b), scalar::l2_squared(a, b), "{}", k.name());
            prop_assert_eq!(k.inner_product(a, b), scalar::inner_product(a, b), "{}", k.name());
            prop_assert_eq!(k.l1(a, b), scalar::l1(a, b), "{}", k.name());
            prop_assert_eq!(k.norm(a), scalar::norm(a), "{}", k.name());
            prop_assert!(same(k.cosine_similarity(a, b), scalar::cosine_similarity(a, b)), "{}", k.name());
        }
    }
}

/// Runs a check with lengths around every register and unrolling boundary.
fn at_each_length(check: impl Fn(&Kernels<f32>, usize)) {
    for k in all() {
        let small = if cfg!(miri) { 1..=20 } else { 1..=70 };
        for n in small.chain([127, 128, 129, 1000]).take_while(|n| !cfg!(miri) || *n < 128) {
            check(k, n);
        }
    }
}

#[test]
fn empty() {
    for k in all() {
        assert_eq!(k.l2_squared(&[], &[]), 0.0);
        assert_eq!(k.inner_product(&[], &[]), 0.0);
        assert_eq!(k.l1(&[], &[]), 0.0);
        assert_eq!(k.norm(&[]), 0.0);
        assert!(k.cosine_similarity(&[], &[]).is_nan());
    }
}

#[test]
fn zero_vectors() {
    at_each_length(|k, n| {
        let (zero, ones) = (vec![0.0; n], vec![1.0; n]);
        assert_eq!(k.l2_squared(&zero, &zero), 0.0);
        assert_eq!(k.l2_squared(&zero, &ones), n as f32);
        assert_eq!(k.inner_product(&zero, &ones), 0.0);
        assert_eq!(k.l1(&zero, &ones), n as f32);
        assert_eq!(k.norm(&zero), 0.0);
        assert!(k.cosine_similarity(&zero, &ones).is_nan());
        assert!(k.cosine_similarity(&ones, &zero).is_nan());
        assert!(k.cosine_similarity(&zero, &zero).is_nan());
    });
}

#[test]
fn overflow_gives_infinity() {
    at_each_length(|k, n| {
        // One large element, at each end: the others must neither hide nor spread it.
        for at in [0, n - 1] {
            let (mut a, mut b) = (vec![1.0; n], vec![1.0; n]);
            (a[at], b[at]) = (3e38, -3e38);
            assert_eq!(k.l2_squared(&a, &b), f32::INFINITY);
            assert_eq!(k.inner_product(&a, &b), f32::NEG_INFINITY);
            assert_eq!(k.inner_product(&a, &a), f32::INFINITY);
            assert_eq!(k.l1(&a, &b), f32::INFINITY);
            assert!(k.cosine_similarity(&a, &a).is_nan());
            // f64 has room for the squares.
            let norm = 3e38f32 as f64;
            assert!((k.norm(&a) - norm).abs() <= norm * 4.0 * U64);
        }
    });
}

#[test]
fn opposite_overflows_do_not_cancel() {
    for k in all() {
        for n in 2..40 {
            let (mut a, b) = (vec![3e38f32; n], vec![3e38f32; n]);
            a[n - 1] = -3e38;
            assert!(!k.inner_product(&a, &b).is_finite(), "{} {n}", k.name());
        }
    }
}

#[test]
fn subnormals_are_not_flushed() {
    at_each_length(|k, n| {
        let (mut a, zero) = (vec![0.0f32; n], vec![0.0f32; n]);
        a[n - 1] = f32::from_bits(1);
        assert_eq!(k.l1(&a, &zero), f32::from_bits(1));
        assert_eq!(k.norm(&a), TINY);
        assert_eq!(k.l2_squared(&a, &zero), 0.0);
        // The square of 2^-74 is 2^-148, below the normal range but not below the subnormal one.
        a[n - 1] = power(-74);
        assert_eq!(k.l2_squared(&a, &zero), f32::from_bits(2));
        assert_eq!(k.inner_product(&a, &a), f32::from_bits(2));
    });
}

#[test]
fn nan_and_infinity_get_through() {
    at_each_length(|k, n| {
        for at in [0, n - 1] {
            let (mut a, b) = (vec![1.0; n], vec![1.0; n]);
            a[at] = f32::NAN;
            assert!(k.l2_squared(&a, &b).is_nan() && k.inner_product(&a, &b).is_nan());
            assert!(k.l1(&a, &b).is_nan() && k.norm(&a).is_nan() && k.cosine_similarity(&a, &b).is_nan());
            a[at] = f32::INFINITY;
            assert_eq!(k.l2_squared(&a, &b), f32::INFINITY);
            assert_eq!(k.l1(&a, &b), f32::INFINITY);
            assert_eq!(k.norm(&a), f64::INFINITY);
        }
    });
}

#[test]
fn cosine_at_its_edges() {
    for k in all() {
        // Values of pgvector's own regression test, where the quotient comes out next to 1.
        assert_eq!(k.cosine_similarity(&[1.0, 1.0], &[1.1, 1.1]), 1.0);
        assert_eq!(k.cosine_similarity(&[1.0, 1.0], &[-1.1, -1.1]), -1.0);
        assert_eq!(k.cosine_similarity(&[1.0, 2.0], &[2.0, 4.0]), 1.0);
        assert_eq!(k.cosine_similarity(&[1.0, 0.0], &[0.0, 2.0]), 0.0);
        // A norm that underflows though the dot product does not.
        assert_eq!(k.cosine_similarity(&[1e-30], &[1.0]), 1.0);
        assert_eq!(k.cosine_similarity(&[1e-30], &[-1.0]), -1.0);
    }
}

#[test]
fn of_different_lengths_the_shorter_counts() {
    at_each_length(|k, n| {
        let (a, b) = (vec![2.0; n], vec![1.0; n + 33]);
        assert_eq!(k.l2_squared(&a, &b), n as f32);
        assert_eq!(k.inner_product(&b, &a), 2.0 * n as f32);
        assert_eq!(k.l1(&b, &a), n as f32);
        assert_eq!(k.cosine_similarity(&a, &b), k.cosine_similarity(&a, &b[..n]));
    });
}

#[test]
fn names() {
    let names: Vec<_> = variants::<f32>().iter().map(|k| k.name()).collect();
    assert_eq!(names[0], "portable");
    #[cfg(target_arch = "x86_64")]
    assert_eq!(names[1], "sse2");
    #[cfg(target_arch = "aarch64")]
    assert_eq!(names[1], "neon");
    // With two names or more, the portable variant is never the choice.
    assert!(names.len() == 1 || kernels::<f32>().name() != "portable");
}
