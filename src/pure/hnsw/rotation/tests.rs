//! The rotation keeps lengths and products, never changes, and is the same on every CPU.

use super::{Rotation, kernels, variants};
use crate::distance::scalar;
use proptest::prelude::*;

/// Evenly in [-1, 1).
fn random(seed: u64, n: usize) -> Vec<f32> {
    let mut random = super::generator::SplitMix64::new(seed);
    (0..n).map(|_| (random.word() >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
}

fn rotated(rotation: &Rotation, x: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; rotation.padded()];
    rotation.apply(x, &mut out);
    out
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

fn dims() -> impl Strategy<Value = usize> {
    if cfg!(miri) {
        return prop_oneof![1..20usize, 60..150usize].boxed();
    }
    prop_oneof![
        4 => 1..=64usize,
        4 => 65..400usize,
        2 => prop::sample::select(vec![384usize, 512, 768, 1000, 1024, 1536, 2000, 3072]),
        1 => 4000..=16000usize,
        1 => Just(16000usize),
    ]
    .boxed()
}

fn cases() -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { 80 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Relative error of a norm or product: each element goes through at most 4 · (log2(16000) + 4) roundings,
/// which are independent; the worst seen is a tenth of this.
const BOUND: f64 = 2e-6;

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn keeps_norms_and_products(dim in dims(), seed: u64, other: u64) {
        let rotation = Rotation::new(dim, seed);
        let (x, y) = (random(other, dim), random(!other, dim));
        let (p, q) = (rotated(&rotation, &x), rotated(&rotation, &y));
        let (xx, yy) = (dot(&x, &x), dot(&y, &y));
        prop_assert!((dot(&p, &p) - xx).abs() <= BOUND * xx, "{} {}", dot(&p, &p), xx);
        prop_assert!((dot(&p, &q) - dot(&x, &y)).abs() <= BOUND * (xx * yy).sqrt());
    }

    /// All variants agree to the bit with the definition, wherever the output lies.
    #[test]
    fn same_bits_on_every_cpu(dim in dims(), seed: u64, shift in 0..16usize) {
        let rotation = Rotation::new(dim, seed);
        let x = random(!seed, dim);
        let bits = |out: &[f32]| out.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let n = rotation.padded();
        let twin = bits(&twin(dim, seed, &x));
        for k in variants() {
            let mut out = vec![f32::NAN; n + 16];
            rotation.apply_with(k, &x, &mut out[shift..shift + n]);
            prop_assert_eq!(&bits(&out[shift..shift + n]), &twin, "{}", k.name());
            prop_assert!(out[..shift].iter().chain(&out[shift + n..]).all(|x| x.is_nan()));
        }
    }
}

/// The definition in the module's head, implemented once more from its words.
fn twin(dim: usize, seed: u64, x: &[f32]) -> Vec<f32> {
    let n = dim.div_ceil(16) * 16;
    let mut out = vec![0.0f32; n];
    if n <= 64 {
        for (x, column) in x.iter().zip(super::dense::Dense::new(dim, n, seed).columns().chunks(n)) {
            out.iter_mut().zip(column).for_each(|(o, c)| *o += x * c);
        }
        return out;
    }
    let mut random = super::generator::SplitMix64::new(seed);
    out[..dim].copy_from_slice(x);
    let p = (0..).map(|k| 1 << k).take_while(|p| *p <= n).last().unwrap();
    for round in 1..=4 {
        let from = if round % 2 == 1 { 0 } else { n - p };
        let words: Vec<u64> = (0..n.div_ceil(64)).map(|_| random.word()).collect();
        for i in 0..n {
            let mut f = if (from..from + p).contains(&i) { (1.0 / p as f32).sqrt() } else { 1.0 };
            f *= if round == 1 && p < n { 0.5 } else { 1.0 };
            out[i] *= if words[i / 64] & 1 << (i % 64) != 0 { -f } else { f };
        }
        let mut h = 1;
        while h < p {
            for i in (0..p).filter(|i| i & h == 0) {
                let (a, b) = (out[from + i], out[from + i + h]);
                (out[from + i], out[from + i + h]) = (a + b, a - b);
            }
            h *= 2;
        }
        if p < n && round % 2 == 0 {
            for i in 0..n / 2 {
                (out[i], out[i + n / 2]) = (out[i] + out[i + n / 2], out[i] - out[i + n / 2]);
            }
        }
    }
    out
}

/// Indexes on disk depend on these numbers.
#[test]
fn golden() {
    let mut checked = vec![];
    for dim in [1, 3, 33, 64, 65, 96, 128, 384, 1000, 1536] {
        let x: Vec<f32> = (0..dim).map(|i| (i * i % 17) as f32 - 8.0).collect();
        let out = rotated(&Rotation::new(dim, 42), &x);
        // FNV-1a over the little-endian bytes.
        let hash = out
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        checked.push((dim, hash));
    }
    assert_eq!(checked, GOLDEN);
}

const GOLDEN: [(usize, u64); 10] = [
    (1, 8527728710195524966),
    (3, 5795084207930154313),
    (33, 12499342171225300770),
    (64, 3873771373205797395),
    (65, 12123425924169358519),
    (96, 3729063736716204308),
    (128, 6237505076904641796),
    (384, 11564441141658210886),
    (1000, 3253400767847141058),
    (1536, 9144450174950843845),
];

#[test]
fn splitmix64_is_the_published_one() {
    let mut random = super::generator::SplitMix64::new(1_234_567);
    let published = [
        6_457_827_717_110_365_317u64,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
    ];
    assert_eq!(published.map(|_| random.word()), published);
}

/// The worst inputs for signs and Walsh-Hadamard alone (single coordinates, constants, alternating signs)
/// come out like points of a sphere: no coordinate sticks out, and the fourth moment is that of a normal.
#[test]
fn spreads_what_is_concentrated() {
    for dim in if cfg!(miri) { vec![80] } else { vec![16, 48, 64, 80, 96, 128, 384, 520, 768, 1000, 1536] } {
        let (mut fourth, mut count) = (0.0, 0);
        for seed in 0..if cfg!(miri) { 2 } else { 40 } {
            let rotation = Rotation::new(dim, seed);
            let inputs: [Vec<f32>; 4] = [
                (0..dim).map(|i| f32::from(i == 0)).collect(),
                (0..dim).map(|i| f32::from(i == dim - 1)).collect(),
                vec![1.0; dim],
                (0..dim).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect(),
            ];
            for x in inputs {
                let out = rotated(&rotation, &x);
                let unit = (dot(&x, &x) / out.len() as f64).sqrt();
                for o in out {
                    let o = f64::from(o) / unit;
                    assert!(o.abs() < 6.0, "{dim} {seed} {o}");
                    fourth += o.powi(4);
                    count += 1;
                }
            }
        }
        let kurtosis = fourth / f64::from(count);
        let sphere = 3.0 * dim as f64 / (dim as f64 + 2.0);
        assert!(cfg!(miri) || (kurtosis - sphere).abs() < 0.1, "{dim}: {kurtosis} against {sphere}");
    }
}

/// Different seeds are different rotations, and a rotation is no identity.
#[test]
fn depends_on_the_seed() {
    for dim in [1, 7, 64, 100, 300] {
        let x = random(7, dim);
        let (a, b) = (rotated(&Rotation::new(dim, 1), &x), rotated(&Rotation::new(dim, 2), &x));
        assert_ne!(a, b);
        let unlike = scalar::l2_squared(&a, &b) / scalar::inner_product(&x, &x);
        assert!((0.1..4.0).contains(&unlike), "{dim} {unlike}");
    }
}

#[test]
fn sizes() {
    for (dim, padded) in [(1, 16), (16, 16), (17, 32), (64, 64), (65, 80), (1536, 1536), (16000, 16000)] {
        let rotation = Rotation::new(dim, 0);
        assert_eq!((rotation.dim(), rotation.padded(), Rotation::padded_for(dim)), (dim, padded, padded));
    }
    assert!(variants().len() == 1 || kernels().name() != "portable");
}

#[test]
#[should_panic = "lengths of a rotation"]
fn refuses_other_lengths() {
    Rotation::new(10, 0).apply(&[0.0; 9], &mut [0.0; 16]);
}
