//! The distance kernels side by side: the chosen variant, every variant this CPU can run, simsimd, and
//! the scalar twin. `cargo bench -p conifer-pure --bench kernels`; after `--`, a name such as
//! `l2_squared/384` selects benchmarks, and `table` leaves only the tables.
//!
//! Criterion times each contender alone and compares with its last run. The tables at the end are timed
//! afterwards, all contenders in turn and the best of many rounds, so that their ratios hold on a busy
//! machine too. simsimd has no L1 and no norm, and of sparse vectors of `f32` it only counts the common indices.
#![allow(missing_docs)] // criterion's macros write undocumented functions
#![allow(unsafe_code)] // for simsimd's halves and bytes

use conifer_pure::distance::{self, scalar, variants};
use conifer_pure::hnsw::build::{ByteDistance, Sums};
use conifer_pure::types::bit;
use conifer_pure::types::element::{Element, f16};
use conifer_pure::types::sparsevec::{self, Sparse};
use criterion::{BenchmarkId, Criterion, criterion_group};
use simsimd::{BinarySimilarity, Sparse as _, SpatialSimilarity};
use std::hint::black_box;
use std::time::{Duration, Instant};

const DIMS: [usize; 4] = [3, 100, 384, 1536];

/// A query and the vectors it is compared with in turn, in memory as in a server: the query aligned,
/// the vectors one after the other behind headers of eight bytes, some 50 kB at most, so in the second-level
/// cache.
struct Vectors<T> {
    buffer: Vec<T>,
    start: usize,
    dim: usize,
}

const STORED: usize = 8;

impl<T> Vectors<T> {
    /// Eight bytes.
    const HEADER: usize = 8 / size_of::<T>();

    /// Vectors of elements made from random numbers of 24 bits.
    fn new(dim: usize, element: impl Fn(u32) -> T) -> Self {
        let mut state = 1u64;
        let buffer: Vec<T> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            element((state >> 40) as u32)
        })
        .take((dim + Self::HEADER) * (STORED + 1) + 64 / size_of::<T>())
        .collect();
        let start = buffer.as_ptr().align_offset(64);
        Self { buffer, start, dim }
    }

    fn query(&self) -> &[T] {
        &self.buffer[self.start..][..self.dim]
    }

    fn stored(&self, i: usize) -> &[T] {
        &self.buffer[self.start + (i + 1) * (self.dim + Self::HEADER)..][..self.dim]
    }
}

type Run<T> = dyn Fn(&Vectors<T>, u64) -> Duration;
type Once<T> = dyn Fn(&[T], &[T]) -> f64;

/// Results of kernels.
trait Value {
    fn value(self) -> f64;
}

macro_rules! values {
    ($($type:ty: $value:expr;)*) => {
        $(impl Value for $type {
            fn value(self) -> f64 {
                $value(self)
            }
        })*
    };
}

values! {
    f32: f64::from;
    f64: |x| x;
    u32: f64::from;
    u64: |x| x as f64;
    Option<f64>: |x: Self| x.expect("slices of the same length");
}

/// A kernel to be timed: called many times, or once for its result.
struct Contender<T> {
    name: &'static str,
    run: Box<Run<T>>,
    value: Box<Once<T>>,
}

impl<T: 'static> Contender<T> {
    fn new<R: Value>(name: &'static str, kernel: impl Fn(&[T], &[T]) -> R + Copy + 'static) -> Self {
        let run = move |vectors: &Vectors<T>, calls: u64| {
            let stored: [&[T]; STORED] = std::array::from_fn(|i| vectors.stored(i));
            let query = vectors.query();
            let start = Instant::now();
            for call in 0..calls {
                black_box(kernel(black_box(query), black_box(stored[call as usize % STORED])));
            }
            start.elapsed()
        };
        Self { name, run: Box::new(run), value: Box::new(move |a, b| kernel(a, b).value()) }
    }
}

/// The results of the kernels without rounding to `f32`.
mod exact {
    use super::Element;

    fn sum<T: Element>(a: &[T], b: &[T], of: fn(f64, f64) -> f64) -> f64 {
        a.iter().zip(b).map(|(x, y)| of(x.to_f32().into(), y.to_f32().into())).sum()
    }

    pub fn l2_squared<T: Element>(a: &[T], b: &[T]) -> f64 {
        sum(a, b, |x, y| (x - y) * (x - y))
    }

    pub fn inner_product<T: Element>(a: &[T], b: &[T]) -> f64 {
        sum(a, b, |x, y| x * y)
    }

    pub fn cosine_similarity<T: Element>(a: &[T], b: &[T]) -> f64 {
        inner_product(a, b) / (norm(a) * norm(b))
    }

    pub fn l1<T: Element>(a: &[T], b: &[T]) -> f64 {
        sum(a, b, |x, y| (x - y).abs())
    }

    pub fn norm<T: Element>(a: &[T]) -> f64 {
        inner_product(a, a).sqrt()
    }
}

/// The contenders for one kernel; the first is the dispatched variant, the last the exact result.
macro_rules! contenders {
    ($kernel:ident, |$a:ident, $b:ident| ($($arg:ident),*) $(, simsimd $simsimd:expr)?) => {{
        let mut all = vec![Contender::new("dispatched", |$a, $b| distance::$kernel($($arg),*))];
        for k in variants() {
            all.push(Contender::new(k.name(), move |$a, $b| k.$kernel($($arg),*)));
        }
        $(all.push(Contender::new("simsimd", $simsimd));)?
        all.push(Contender::new("scalar", |$a, $b| scalar::$kernel($($arg),*)));
        all.push(Contender::new("exact", |$a, $b| exact::$kernel($($arg),*)));
        (stringify!($kernel), all)
    }};
}

/// The kernels and their contenders.
type All<T> = Vec<(&'static str, Vec<Contender<T>>)>;

fn singles() -> All<f32> {
    vec![
        contenders!(l2_squared, |a, b| (a, b), simsimd f32::l2sq),
        contenders!(inner_product, |a, b| (a, b), simsimd <f32 as SpatialSimilarity>::dot),
        contenders!(
            cosine_similarity,
            |a, b| (a, b),
            simsimd | a,
            b | Some(1.0 - <f32 as SpatialSimilarity>::cos(a, b)?)
        ),
        contenders!(l1, |a, b| (a, b)),
        contenders!(norm, |a, _b| (a)),
    ]
}

/// simsimd's type for the same bits.
fn theirs(elements: &[f16]) -> &[simsimd::f16] {
    // SAFETY: both are a u16 and nothing else (repr(transparent)), of which every value is valid.
    unsafe { std::slice::from_raw_parts(elements.as_ptr().cast(), elements.len()) }
}

fn halves() -> All<f16> {
    use simsimd::f16 as half;
    vec![
        contenders!(l2_squared, |a, b| (a, b), simsimd | a, b | half::l2sq(theirs(a), theirs(b))),
        contenders!(
            inner_product,
            |a, b| (a, b),
            simsimd | a,
            b | { <half as SpatialSimilarity>::dot(theirs(a), theirs(b)) }
        ),
        contenders!(
            cosine_similarity,
            |a, b| (a, b),
            simsimd | a,
            b | { Some(1.0 - half::cos(theirs(a), theirs(b))?) }
        ),
        contenders!(l1, |a, b| (a, b)),
        contenders!(norm, |a, _b| (a)),
    ]
}

unsafe extern "C" {
    /// A function that simsimd's crate does not export.
    fn simsimd_l2sq_u8(a: *const u8, b: *const u8, n: u64, out: *mut f64);
}

/// Bytes: of bits, and of vectors while a graph is built.
fn bytes(dim: usize) -> All<u8> {
    fn ones(a: &[u8], b: &[u8], of: fn(u8, u8) -> u8) -> u32 {
        a.iter().zip(b).map(|(x, y)| of(*x, *y).count_ones()).sum()
    }
    let hamming = vec![
        Contender::new("dispatched", bit::hamming),
        Contender::new("simsimd", <u8 as BinarySimilarity>::hamming),
        Contender::new("scalar", |a, b| ones(a, b, |x, y| x ^ y)),
    ];
    let jaccard = vec![
        Contender::new("dispatched", bit::jaccard),
        Contender::new("simsimd", <u8 as BinarySimilarity>::jaccard),
        Contender::new("scalar", |a, b| {
            1.0 - f64::from(ones(a, b, |x, y| x & y)) / f64::from(ones(a, b, |x, y| x | y))
        }),
    ];
    let gap = |name, gap: ByteDistance| {
        // A build computes the sums of a vector once, so they are not timed.
        let none = Sums::default();
        Contender::new(name, move |a, b| gap.between((a, none), (b, none)))
    };
    let mut gaps = vec![gap("dispatched", ByteDistance::best(dim))];
    gaps.push(Contender::new("simsimd", |a: &[u8], b: &[u8]| {
        let mut out = 0.0;
        // SAFETY: both slices have at least the given number of bytes.
        unsafe { simsimd_l2sq_u8(a.as_ptr(), b.as_ptr(), a.len().min(b.len()) as u64, &mut out) };
        out
    }));
    gaps.extend(ByteDistance::all(dim).into_iter().map(|k| gap(k.name(), k)));
    gaps.push(Contender::new("scalar", |a: &[u8], b: &[u8]| {
        a.iter().zip(b).map(|(x, y)| u32::from(x.abs_diff(*y)).pow(2)).sum::<u32>()
    }));
    vec![("bits, hamming", hamming), ("bits, jaccard", jaccard), ("bytes, l2_squared", gaps)]
}

fn bench(c: &mut Criterion) {
    bench_all(c, "", singles(), unit);
    bench_all(c, "f16 ", halves(), unit);
}

/// An element in [-1, 1).
fn unit<T: Element>(random: u32) -> T {
    T::from_f32(random as f32 / (1 << 23) as f32 - 1.0)
}

fn bench_all<T: 'static>(c: &mut Criterion, prefix: &str, kernels: All<T>, element: fn(u32) -> T) {
    for (kernel, contenders) in kernels {
        for dim in DIMS {
            let vectors = Vectors::new(dim, element);
            let mut group = c.benchmark_group(format!("{prefix}{kernel}/{dim}"));
            for contender in &contenders {
                group.bench_function(BenchmarkId::from_parameter(contender.name), |b| {
                    b.iter_custom(|calls| (contender.run)(&vectors, calls));
                });
            }
            group.finish();
        }
    }
}

/// Best times in ns per call, of rounds of about 20 µs in which the contenders take turns.
fn best_times<T: 'static>(contenders: &[Contender<T>], vectors: &Vectors<T>) -> Vec<f64> {
    const ROUNDS: usize = 200;
    let calls = (20_000 / (3 + vectors.dim / 20)) as u64;
    let mut best = vec![f64::INFINITY; contenders.len()];
    for _ in 0..ROUNDS {
        for (best, contender) in best.iter_mut().zip(contenders) {
            let took = (contender.run)(vectors, calls).as_nanos() as f64 / calls as f64;
            *best = best.min(took);
        }
    }
    best
}

/// The largest difference to the result of the last contender, relative to it.
fn error<T: 'static>(contenders: &[Contender<T>], name: &str, vectors: &Vectors<T>) -> Option<f64> {
    let (contender, twin) = (contenders.iter().find(|c| c.name == name)?, contenders.last()?);
    let query = vectors.query();
    let of = |i| {
        let (got, want) =
            ((contender.value)(query, vectors.stored(i)), (twin.value)(query, vectors.stored(i)));
        if got == want { 0.0 } else { ((got - want) / want).abs() }
    };
    Some((0..STORED).map(of).fold(0.0, f64::max))
}

fn table<T: Element>(element: &str, kernels: All<T>) {
    let names: Vec<_> = variants::<T>().iter().map(|k| k.name()).collect();
    let dispatched = distance::kernels::<T>().name();
    println!("{element}: ns per call; ratio = scalar / dispatched; dispatched to: {dispatched}");
    header(&names);
    for (kernel, contenders) in kernels {
        for dim in DIMS {
            row(kernel, &contenders, &Vectors::new(dim, unit), &names);
        }
    }
}

fn header(names: &[&str]) {
    print!("{:<18}{:>6}{:>12}{:>10}{:>8}{:>10}", "kernel", "dim", "dispatched", "scalar", "ratio", "simsimd");
    names.iter().for_each(|name| print!("{name:>10}"));
    println!("{:>10}{:>10}", "error", "simsimd's");
}

fn row<T: 'static>(kernel: &str, contenders: &[Contender<T>], vectors: &Vectors<T>, names: &[&str]) {
    let times = best_times(contenders, vectors);
    let time = |name: &str| contenders.iter().position(|c| c.name == name).map(|i| times[i]);
    let show = |name: &str| time(name).map_or("-".to_string(), |ns| format!("{ns:.1}"));
    let ratio = time("scalar").map_or(f64::NAN, |scalar| scalar / times[0]);
    print!("{kernel:<18}{:>6}{:>12}{:>10}{ratio:>8.1}", vectors.dim, show("dispatched"), show("scalar"));
    print!("{:>10}", show("simsimd"));
    names.iter().for_each(|name| print!("{:>10}", show(name)));
    for name in ["dispatched", "simsimd"] {
        let error = error(contenders, name, vectors);
        print!("{:>10}", error.map_or("-".to_string(), |part| format!("{part:.0e}")));
    }
    println!();
}

/// Bits and bytes, by the number of bytes.
fn table_of_bytes() {
    println!("bytes: ns per call; ratio = scalar / dispatched");
    let names: Vec<_> = ByteDistance::all(64).iter().map(|k| k.name()).collect();
    header(&names);
    for at in 0..3 {
        for dim in [16, 96, 128, 192, 384, 1536] {
            let (kernel, contenders) = bytes(dim).swap_remove(at);
            row(kernel, &contenders, &Vectors::new(dim, |random| random as u8), &names);
        }
    }
}

/// Inner products of sparse vectors, and simsimd's count of common indices, which is a part of that work.
fn table_of_sparse() {
    println!("sparsevec of 30000: ns per call");
    println!("{:<18}{:>6}{:>12}{:>16}", "kernel", "nnz", "dispatched", "simsimd's count");
    for nnz in [16, 100, 400, 1600] {
        const DIM: usize = 30_000;
        // Ascending, by steps that are 1 to twice the mean less 1.
        let steps = Vectors::new(nnz, |random| random as usize % (2 * DIM / nnz - 1) + 1);
        let ascending = |steps: &[usize]| -> Vec<u32> {
            steps
                .iter()
                .scan(0, |at, step| {
                    *at += step;
                    Some(*at as u32)
                })
                .collect()
        };
        let indices: Vec<Vec<u32>> =
            (0..STORED).map(|i| ascending(steps.stored(i))).chain([ascending(steps.query())]).collect();
        let signed: Vec<Vec<i32>> =
            indices.iter().map(|all| all.iter().map(|i| *i as i32).collect()).collect();
        let values = Vectors::new(nnz, unit::<f32>);
        let sparse = |i: usize| Sparse { dim: 2 * DIM as i32, indices: &signed[i], values: values.query() };
        let calls = 40_000 / nnz;
        let mut best = [f64::INFINITY; 2];
        for _ in 0..200 {
            let mut time = |at: usize, kernel: &dyn Fn(usize)| {
                let start = Instant::now();
                (0..calls).for_each(|call| kernel(call % STORED));
                best[at] = best[at].min(start.elapsed().as_nanos() as f64 / calls as f64);
            };
            time(0, &|i| {
                black_box(sparsevec::distance::inner_product(black_box(sparse(STORED)), sparse(i)));
            });
            time(1, &|i| {
                black_box(u32::intersect(black_box(&indices[STORED]), &indices[i]));
            });
        }
        println!("{:<18}{nnz:>6}{:>12.1}{:>16.1}", "inner_product", best[0], best[1]);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(200))
        .sample_size(20)
        .nresamples(2000);
    targets = bench
}

fn main() {
    benches();
    // Not when cargo test tries the benchmarks out, nor when criterion's benchmarks are selected by name.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "table").collect();
    if args == ["--bench"] {
        table("f32", singles());
        table("f16", halves());
        table_of_bytes();
        table_of_sparse();
    }
    Criterion::default().configure_from_args().final_summary();
}
