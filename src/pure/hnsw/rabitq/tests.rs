//! Codes: every variant and form against the portable twins, the estimator against its theory.
//!
//! The tests run under Miri too, smaller: `make miri`.

mod golden;

use super::{BATCH, Base, Encoder, Factors, Form, Query, Shape, Target, scalar, variants};
use crate::distance;
use crate::hnsw::rotation::Rotation;
use proptest::prelude::*;

/// A splitmix64 of the tests, so that a test case is a seed.
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Evenly in [0, 1).
    fn even(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Normally distributed.
    fn normal(&mut self) -> f32 {
        let r = (-2.0 * (1.0 - self.even()).ln()).sqrt();
        (r * (std::f64::consts::TAU * self.even()).cos()) as f32
    }

    fn normals(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.normal()).collect()
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.word() as u8).collect()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

fn l2(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum()
}

/// y of a row, from the definition of its bits.
fn centred(shape: Shape, row: &[u8]) -> Vec<f32> {
    let level = |i: usize| -> u32 {
        let bit = |plane: usize| u32::from(row[plane * shape.plane_bytes() + i / 8] >> (i % 8) & 1);
        (0..shape.bits()).map(|plane| bit(plane) << plane).sum()
    };
    (0..shape.dims()).map(|i| level(i) as f32 - shape.top() / 2.0).collect()
}

fn shapes() -> impl Strategy<Value = Shape> {
    let dims = if cfg!(miri) {
        (1..12usize).boxed()
    } else {
        // Sums spill over 16 bits at 1028 coordinates, with the largest registers at four times as many.
        prop_oneof![6 => 1..30usize, 3 => 30..80usize, 1 => 250..=1000usize].boxed()
    };
    (prop::sample::select(vec![1, 2, 4, 8]), dims).prop_map(|(bits, d)| Shape::new(bits, 16 * d).unwrap())
}

fn cases() -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { 60 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    /// All variants sum up the same integers over the same bits, in either form, from buffers that end with
    /// the last code.
    #[test]
    fn same_sums(shape in shapes(), seed: u64, gap in 0..20usize, shift in 0..5usize, all_ones: bool) {
        let mut random = Random(seed);
        let mut query = random.normals(shape.dims());
        if all_ones {
            query.fill(1.0); // every table reaches 255
        }
        let rows = Form::Rows { stride: shape.code_bytes() + gap };
        let mut spread = random.bytes(shift + rows.bytes(shape));
        if all_ones {
            spread.fill(0xff);
        }
        let spread = &spread[shift..];
        let mut packed = vec![0xaa; shift + shape.codes_bytes()];
        rows.convert(shape, spread, Form::Interleaved, &mut packed[shift..]);
        let packed = &packed[shift..];

        let twin = Query::with_kernels(variants()[0], shape, &query);
        let tables = twin.tables();
        let mut sums = [0; BATCH];
        scalar::rows(spread, shape.code_bytes() + gap, shape.bits(), &tables, &mut sums);
        if all_ones {
            let max = 255 * (shape.dims() as u32 / 4) * ((1 << shape.bits()) - 1);
            prop_assert_eq!(sums, [max; BATCH]);
        }
        for k in variants() {
            let query = Query::with_kernels(k, shape, &query);
            prop_assert_eq!(&query.tables(), &tables, "{}", k.name());
            prop_assert_eq!(query.sums(Form::Interleaved, packed), sums, "{} interleaved", k.name());
            prop_assert_eq!(query.sums(rows, spread), sums, "{} rows", k.name());
        }
    }

    /// ⟨y,q⟩ from the tables is off by no more than half a step an entry and plane, and the estimates are
    /// the same to the bit in every variant.
    #[test]
    fn products_within_rounding(shape in shapes(), seed: u64) {
        let mut random = Random(seed);
        let query = random.normals(shape.dims());
        let form = Form::rows(shape);
        let codes = random.bytes(shape.codes_bytes());
        let prepared = Query::new(shape, &query);
        let mut out = [0.0; BATCH];
        prepared.products(form, &codes, &mut out);
        let weight = f64::from(shape.top()) / 2.0;
        let max = query.chunks(4).map(|q| q.iter().map(|q| q.abs()).sum::<f32>()).fold(0.0, f32::max);
        let groups = shape.dims() as f64 / 4.0;
        // An entry is at most half of 1/255 of the range off; beyond that, roundings of f32 at the end.
        let size: f64 = query.iter().map(|q| f64::from(q.abs())).sum();
        let bound = weight * (groups * f64::from(max) / 255.0 * 1.01 + 1e-6 * size);
        for (row, got) in codes.chunks(shape.code_bytes()).zip(out) {
            let exact = dot(&centred(shape, row), &query);
            prop_assert!((f64::from(got) - exact).abs() <= bound, "{got} {exact} {bound}");
        }
        let (add, mul): ([f32; 32], [f32; 32]) = (
            std::array::from_fn(|_| random.normal()),
            std::array::from_fn(|_| random.normal()),
        );
        let estimate = |k| {
            let mut out = [0.0; BATCH];
            let query = Query::with_kernels(k, shape, &query);
            query.estimate(form, &codes, Base { distance: 3.0, scale: 0.7 }, &add, &mul, &mut out);
            out.map(f32::to_bits)
        };
        for k in variants() {
            prop_assert_eq!(estimate(k), estimate(variants()[0]));
        }
    }

    /// A row that was put comes back from `get`, in both forms and after conversion there and back; other slots and
    /// bytes between rows stay as they were.
    #[test]
    fn forms_keep_every_bit(
        shape in shapes(), seed: u64, gap in 0..20usize, slots in prop::collection::vec(0..BATCH, 1..40)
    ) {
        let mut random = Random(seed);
        let stride = shape.code_bytes() + gap;
        for form in [Form::Interleaved, Form::Rows { stride }] {
            let mut codes = random.bytes(form.bytes(shape));
            let mut other = vec![0; shape.codes_bytes()];
            let mut row = vec![0; shape.code_bytes()];
            for slot in &slots {
                let before = codes.clone();
                let new = random.bytes(shape.code_bytes());
                form.put(shape, &mut codes, *slot, &new);
                form.get(shape, &codes, *slot, &mut row);
                prop_assert_eq!(&row, &new);
                let mut restored = codes.clone();
                form.get(shape, &before, *slot, &mut row);
                form.put(shape, &mut restored, *slot, &row);
                prop_assert_eq!(&restored, &before);
            }
            for to in [Form::Interleaved, Form::rows(shape)] {
                form.convert(shape, &codes, to, &mut other);
                let mut back = codes.clone();
                for slot in 0..BATCH {
                    form.clear(shape, &mut back, slot);
                    form.get(shape, &back, slot, &mut row);
                    prop_assert!(row.iter().all(|b| *b == 0));
                }
                to.convert(shape, &other, form, &mut back);
                prop_assert_eq!(&back, &codes);
            }
        }
    }

    /// Rows hold the levels, and the levels fit the residual: every coordinate's sign is right, and the code's
    /// angle with the residual is as good as its bits allow for normally distributed coordinates.
    #[test]
    fn encodes_levels(shape in shapes(), seed: u64, scale in -20..20i32, ip: bool) {
        let mut random = Random(seed);
        let n = shape.dims() + 16;
        let size = 2f32.powi(scale);
        let node: Vec<f32> = random.normals(n).iter().map(|x| x * size).collect();
        let other: Vec<f32> = random.normals(n).iter().map(|x| x * size).collect();
        let target = if ip { Target::InnerProduct } else { Target::L2 };
        let mut row = vec![0xff; shape.code_bytes()];
        let f = Encoder::new(shape, target).encode(&node, &other, &mut row);
        let y = centred(shape, &row);
        let r: Vec<f32> = other.iter().zip(&node).map(|(o, c)| o - c).collect();
        prop_assert!(r.iter().zip(&y).all(|(r, y)| (*r >= 0.0) == (*y > 0.0)));
        let (yr, rr) = (dot(&y, &r[..y.len()]), dot(&r, &r));
        let cosine = yr / (dot(&y, &y) * dot(&r[..y.len()], &r[..y.len()])).sqrt();
        // For many normal coordinates 0.798, 0.940, 0.994, 0.99996; fewer may happen to fit less.
        let min = match shape.bits() { 1 => 0.45, 2 => 0.8, 4 => 0.97, _ => 0.9998 };
        prop_assert!(cosine > min, "{cosine}");
        let s = rr / yr;
        let b = s * dot(&y, &node[..y.len()]);
        let (add, mul) = if ip { (b - dot(&r, &node), -s) } else { (rr + 2.0 * b, -2.0 * s) };
        let near = |x: f32, y: f64, unit: f64| (f64::from(x) - y).abs() <= 1e-5 * unit;
        let unit = rr + s * (dot(&y, &y) * dot(&node, &node)).sqrt() + (rr * dot(&node, &node)).sqrt();
        prop_assert!(near(f.add, add, unit) && near(f.mul, mul, mul.abs()), "{f:?} {add} {mul}");
    }

    /// Where the query lies on the line through node and neighbour and all is coded, the formula is exact.
    #[test]
    fn exact_along_the_residual(shape in shapes(), seed: u64, along in -2.0..3.0f32) {
        let mut random = Random(seed);
        let n = shape.dims();
        let (node, other) = (random.normals(n), random.normals(n));
        let query: Vec<f32> = node.iter().zip(&other).map(|(c, o)| c + along * (o - c)).collect();
        let mut row = vec![0; shape.code_bytes()];
        let estimate = |f: Factors, row: &[u8], base: f64, t: f64, q: &[f32]| {
            base + t * f64::from(f.add) + f64::from(f.mul) * dot(&centred(shape, row), q)
        };
        let f = Encoder::new(shape, Target::L2).encode(&node, &other, &mut row);
        let got = estimate(f, &row, l2(&query, &node), 1.0, &query);
        let (exact, unit) = (l2(&query, &other), l2(&node, &other) + dot(&node, &node));
        prop_assert!((got - exact).abs() < 3e-4 * unit, "{got} {exact}");

        // For the inner product the same along t·c + x·r.
        let t = 0.6;
        let query: Vec<f32> = node.iter().zip(&other).map(|(c, o)| t * c + along * (o - c)).collect();
        let f = Encoder::new(shape, Target::InnerProduct).encode(&node, &other, &mut row);
        let got = estimate(f, &row, -dot(&query, &node), f64::from(t), &query);
        prop_assert!((got + dot(&query, &other)).abs() < 3e-4 * unit, "{got} {}", -dot(&query, &other));
    }
}

/// Errors of the estimates of |q − o|² for random rotations of random vectors, through the whole path, as
/// multiples of 2 |r| |q − c|: mean and standard deviation.
fn errors(dim: usize, shape: Shape, target: Target) -> (f64, f64) {
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    let mut random = Random(7);
    let mut encoder = Encoder::new(shape, target);
    let mut row = vec![0; shape.code_bytes()];
    let turn = |rotation: &Rotation, x: &[f32]| {
        let mut out = vec![0.0; rotation.padded()];
        rotation.apply(x, &mut out);
        out
    };
    for seed in 0..200 {
        let rotation = Rotation::new(dim, seed);
        let node = turn(&rotation, &random.normals(dim));
        let mut query = turn(&rotation, &random.normals(dim));
        if target == Target::InnerProduct {
            query.iter_mut().zip(&node).for_each(|(q, c)| *q += 0.5 * c);
        }
        let (mut add, mut mul) = ([0.0; BATCH], [0.0; BATCH]);
        let mut codes = vec![0; shape.codes_bytes()];
        let others: Vec<_> = (0..BATCH).map(|_| turn(&rotation, &random.normals(dim))).collect();
        for (slot, other) in others.iter().enumerate() {
            let f = encoder.encode(&node, other, &mut row);
            (add[slot], mul[slot]) = (f.add, f.mul);
            Form::Interleaved.put(shape, &mut codes, slot, &row);
        }
        let (base, t) = match target {
            Target::L2 => (Base::l2(l2(&query, &node) as f32), 1.0),
            Target::InnerProduct => {
                let base = Base::inner_product(-dot(&query, &node) as f32, dot(&node, &node) as f32);
                (base, base.scale)
            }
        };
        let mut estimates = [0.0; BATCH];
        Query::new(shape, &query).estimate(Form::Interleaved, &codes, base, &add, &mul, &mut estimates);
        for (other, estimate) in others.iter().zip(estimates) {
            let centre: Vec<f32> = node.iter().map(|c| t * c).collect();
            let (exact, weight) = match target {
                Target::L2 => (l2(&query, other), 2.0),
                Target::InnerProduct => (-dot(&query, other), 1.0),
            };
            let unit = weight * (l2(other, &node) * l2(&query, &centre)).sqrt();
            let error = (f64::from(estimate) - exact) / unit;
            sum += error;
            squares += error * error;
            count += 1.0;
        }
    }
    (sum / count, (squares / count - (sum / count).powi(2)).sqrt())
}

/// Without bias, and with the deviation that theory gives. With α = cos²(y, r) over d of n coordinates, the part
/// of q − c that is perpendicular to r adds |r||q−c| √((n/d/α − 1)/(n − 1)) · sin(q−c, r).
#[test]
fn unbiased_with_the_deviation_of_theory() {
    if cfg!(miri) {
        return;
    }
    let alpha = |bits| match bits {
        1 => 2.0 / std::f64::consts::PI,
        2 => 0.8825,
        4 => 0.9885,
        _ => 0.99992,
    };
    for (dim, bits, dims) in
        [(128, 1, 128), (384, 1, 384), (384, 1, 208), (100, 1, 112), (96, 2, 96), (128, 4, 128), (64, 8, 64)]
    {
        let padded = Rotation::padded_for(dim) as f64;
        for target in [Target::L2, Target::InnerProduct] {
            let (mean, deviation) = errors(dim, Shape::new(bits, dims).unwrap(), target);
            // The angle between q − c and r is 60° here (both have c in them) for L2, and for IP near it.
            let theory = ((padded / dims as f64 / alpha(bits) - 1.0) / padded).sqrt() * 0.75f64.sqrt();
            assert!(mean.abs() < 0.04 * theory + 4.0 * deviation / 80.0, "{dim} {bits} {target:?}: {mean}");
            let ratio = deviation / theory;
            // The tables' own error counts with 8 bits.
            let max = if bits == 8 { 3.0 } else { 1.25 };
            assert!((0.8..max).contains(&ratio), "{dim} {bits} {dims} {target:?}: {deviation} {theory}");
        }
    }
}

/// Clusters in clusters, as embeddings have them: nodes with their 32 nearest as neighbours, queries from the
/// same distribution. The share of the neighbours really among the nearest 8 of 32 to the query that are among them
/// by estimate.
fn ranking(dim: usize, shape: Shape) -> f64 {
    let mut random = Random(99);
    let rotation = Rotation::new(dim, 1);
    let centres: Vec<_> = (0..20).map(|_| random.normals(dim)).collect();
    let draw = |random: &mut Random| {
        let centre = &centres[random.word() as usize % centres.len()];
        // Unequal directions, falling off as the spectrum of real embeddings does.
        let x = (0..dim).map(|i| centre[i] + 1.5 * random.normal() / (1.0 + 8.0 * i as f32 / dim as f32));
        let mut x: Vec<f32> = x.collect();
        let norm = distance::norm(&x) as f32;
        x.iter_mut().for_each(|x| *x /= norm);
        let mut out = vec![0.0; rotation.padded()];
        rotation.apply(&x, &mut out);
        out
    };
    let base: Vec<_> = (0..1500).map(|_| draw(&mut random)).collect();
    let nearest = |to: &[f32], n: usize| {
        let mut order: Vec<_> = base.iter().map(|x| (distance::l2_squared(x, to), x)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        order.into_iter().map(|(_, x)| x).take(n).collect::<Vec<_>>()
    };
    let mut encoder = Encoder::new(shape, Target::L2);
    let mut row = vec![0; shape.code_bytes()];
    let mut found = 0;
    for _ in 0..60 {
        let query = draw(&mut random);
        let prepared = Query::new(shape, &query);
        let node = nearest(&query, 20)[19]; // a node on the way to the query
        let others = &nearest(node, BATCH + 1)[1..];
        let (mut add, mut mul) = ([0.0; BATCH], [0.0; BATCH]);
        let form = Form::rows(shape);
        let mut codes = vec![0; shape.codes_bytes()];
        for (slot, other) in others.iter().enumerate() {
            let f = encoder.encode(node, other, &mut row);
            (add[slot], mul[slot]) = (f.add, f.mul);
            form.put(shape, &mut codes, slot, &row);
        }
        let mut estimates = [0.0; BATCH];
        let base = Base::l2(distance::l2_squared(&query, node));
        prepared.estimate(form, &codes, base, &add, &mul, &mut estimates);
        let first_8 = |key: &dyn Fn(usize) -> f32| {
            let mut order: Vec<_> = (0..BATCH).collect();
            order.sort_by(|a, b| key(*a).total_cmp(&key(*b)));
            order.truncate(8);
            order
        };
        let truly = first_8(&|i| distance::l2_squared(&query, others[i]));
        let guessed = first_8(&|i| estimates[i]);
        found += truly.iter().filter(|i| guessed.contains(i)).count();
    }
    found as f64 / (60.0 * 8.0)
}

#[test]
fn ranks_neighbours() {
    if cfg!(miri) {
        return;
    }
    // By chance it would be 0.25.
    for (dim, bits, dims, min) in [
        (384, 1, 384, 0.68),
        (384, 1, 208, 0.56),
        (384, 2, 384, 0.82),
        (128, 1, 128, 0.70),
        (128, 2, 128, 0.82),
        (128, 4, 128, 0.94),
        (128, 8, 128, 0.98),
    ] {
        let found = ranking(dim, Shape::new(bits, dims).unwrap());
        assert!(found >= min, "{dim} {bits} {dims}: {found}");
    }
}

/// No input makes a NaN come out.
#[test]
fn edges() {
    for bits in [1, 2, 4, 8] {
        let shape = Shape::new(bits, 32).unwrap();
        let zero = [0.0; 48];
        let mut far = zero;
        far[40] = 1.0; // not coded
        let mut tiny = zero;
        tiny[3] = f32::from_bits(1);
        let ones = [1.0f32; 48];
        let vectors = [zero, far, tiny, ones, [1e-25; 48], [1e18; 48], [-1e19; 48], [3e38; 48], [-3e38; 48]];
        for target in [Target::L2, Target::InnerProduct] {
            let mut encoder = Encoder::new(shape, target);
            let mut row = vec![0; shape.code_bytes()];
            for node in vectors {
                let same = encoder.encode(&node, &node, &mut row);
                assert_eq!((same.add, same.mul), (0.0, 0.0));
                for other in vectors {
                    let f = encoder.encode(&node, &other, &mut row);
                    assert!(f.add.is_finite() && f.mul.is_finite(), "{bits} {node:?} {other:?} {f:?}");
                }
            }
            let f = encoder.encode(&zero, &far, &mut row);
            assert_eq!(f.mul, 0.0);
            assert_eq!(f.add, if target == Target::L2 { 1.0 } else { 0.0 });
        }
        for query in vectors {
            let codes = vec![0x5a; shape.codes_bytes()];
            let mut out = [0.0; BATCH];
            Query::new(shape, &query).products(Form::Interleaved, &codes, &mut out);
            assert!(out.iter().all(|x| !x.is_nan()), "{query:?} {out:?}");
            if query == zero {
                assert_eq!(out, [0.0; BATCH]);
            }
        }
    }
    assert_eq!(super::scale(0.0, 0.0), 1.0);
    assert_eq!(super::scale(-8.0, 1.0), 4.0);
    assert_eq!(super::scale(1.0, 2.0), -0.5);
}

#[test]
fn shapes_that_are_none() {
    for (bits, dims) in [(0, 16), (3, 16), (16, 16), (1, 0), (1, 8), (1, 17), (1, 16016)] {
        assert_eq!(Shape::new(bits, dims), None);
    }
    let shape = Shape::new(2, 16000).unwrap();
    assert_eq!((shape.code_bytes(), shape.codes_bytes(), shape.plane_bytes()), (4000, 128_000, 2000));
}

#[test]
#[should_panic = "codes and tables"]
fn refuses_short_batches() {
    let shape = Shape::new(1, 16).unwrap();
    Query::new(shape, &[1.0; 16]).products(Form::Rows { stride: 3 }, &[0; 94], &mut [0.0; BATCH]);
}

#[test]
fn names() {
    let names: Vec<_> = variants().iter().map(|k| k.name()).collect();
    assert_eq!(names[0], "portable");
    assert_eq!(names.last(), Some(&super::kernels().name()));
}
