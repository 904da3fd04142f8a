//! The distance kernels side by side: what is dispatched to, every variant this CPU can run, simsimd, and
//! the scalar twin. `cargo bench -p conifer-pure --bench kernels`; after `--`, a name such as
//! `l2_squared/384` narrows it down, and `table` leaves only the table.
//!
//! Criterion times each on its own and compares with its last run. The table at the end is timed
//! afterwards, all contenders in turn and the best of many rounds, so that its ratios hold on a busy
//! machine too. simsimd has no L1 and no norm.
#![allow(missing_docs)] // criterion's macros write undocumented functions

use conifer_pure::distance::{self, scalar, variants};
use conifer_pure::types::element::{Element, f16};
use criterion::{BenchmarkId, Criterion, criterion_group};
use simsimd::SpatialSimilarity;
use std::hint::black_box;
use std::time::{Duration, Instant};

const DIMS: [usize; 4] = [3, 100, 384, 1536];

/// A query and the vectors it is compared with in turn, lying as they do in a server: the query aligned,
/// the others one after the other behind headers of eight bytes, some 50 kB at most, so in the second-level
/// cache.
struct Vectors<T> {
    buffer: Vec<T>,
    start: usize,
    dim: usize,
}

const STORED: usize = 8;

impl<T: Element> Vectors<T> {
    /// Eight bytes.
    const HEADER: usize = 8 / size_of::<T>();

    fn new(dim: usize) -> Self {
        let mut state = 1u64;
        let buffer: Vec<T> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            T::from_f32((state >> 40) as f32 / (1 << 23) as f32 - 1.0)
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

/// Something to be timed: calls a kernel so many times.
struct Contender<T> {
    name: &'static str,
    run: Box<Run<T>>,
}

impl<T: Element> Contender<T> {
    fn new<R>(name: &'static str, kernel: impl Fn(&[T], &[T]) -> R + 'static) -> Self {
        let run = move |vectors: &Vectors<T>, calls: u64| {
            let stored: [&[T]; STORED] = std::array::from_fn(|i| vectors.stored(i));
            let query = vectors.query();
            let start = Instant::now();
            for call in 0..calls {
                black_box(kernel(black_box(query), black_box(stored[call as usize % STORED])));
            }
            start.elapsed()
        };
        Self { name, run: Box::new(run) }
    }
}

/// The contenders for one kernel; the first is the dispatched one, the last the scalar twin.
macro_rules! contenders {
    ($kernel:ident, |$a:ident, $b:ident| ($($arg:ident),*) $(, simsimd $simsimd:expr)?) => {{
        let mut all = vec![Contender::new("dispatched", |$a, $b| distance::$kernel($($arg),*))];
        for k in variants() {
            all.push(Contender::new(k.name(), move |$a, $b| k.$kernel($($arg),*)));
        }
        $(all.push(Contender::new("simsimd", $simsimd));)?
        all.push(Contender::new("scalar", |$a, $b| scalar::$kernel($($arg),*)));
        (stringify!($kernel), all)
    }};
}

/// The kernels and their contenders.
type All<T> = Vec<(&'static str, Vec<Contender<T>>)>;

fn singles() -> All<f32> {
    vec![
        contenders!(l2_squared, |a, b| (a, b), simsimd f32::l2sq),
        contenders!(inner_product, |a, b| (a, b), simsimd <f32 as SpatialSimilarity>::dot),
        contenders!(cosine_similarity, |a, b| (a, b), simsimd <f32 as SpatialSimilarity>::cos),
        contenders!(l1, |a, b| (a, b)),
        contenders!(norm, |a, _b| (a)),
    ]
}

/// Without simsimd, whose halves are a type of its own.
fn halves() -> All<f16> {
    vec![
        contenders!(l2_squared, |a, b| (a, b)),
        contenders!(inner_product, |a, b| (a, b)),
        contenders!(cosine_similarity, |a, b| (a, b)),
        contenders!(l1, |a, b| (a, b)),
        contenders!(norm, |a, _b| (a)),
    ]
}

fn bench(c: &mut Criterion) {
    bench_all(c, "", singles());
    bench_all(c, "f16 ", halves());
}

fn bench_all<T: Element>(c: &mut Criterion, prefix: &str, kernels: All<T>) {
    for (kernel, contenders) in kernels {
        for dim in DIMS {
            let vectors = Vectors::new(dim);
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
fn best_times<T: Element>(contenders: &[Contender<T>], dim: usize) -> Vec<f64> {
    const ROUNDS: usize = 200;
    let vectors = Vectors::new(dim);
    let calls = (20_000 / (3 + dim / 20)) as u64;
    let mut best = vec![f64::INFINITY; contenders.len()];
    for _ in 0..ROUNDS {
        for (best, contender) in best.iter_mut().zip(contenders) {
            let took = (contender.run)(&vectors, calls).as_nanos() as f64 / calls as f64;
            *best = best.min(took);
        }
    }
    best
}

fn table<T: Element>(element: &str, kernels: All<T>) {
    let names: Vec<_> = variants::<T>().iter().map(|k| k.name()).collect();
    let dispatched = distance::kernels::<T>().name();
    println!("{element}: ns per call; ratio = scalar / dispatched; dispatched to: {dispatched}");
    print!("{:<18}{:>6}{:>12}{:>10}{:>8}{:>10}", "kernel", "dim", "dispatched", "scalar", "ratio", "simsimd");
    names.iter().for_each(|name| print!("{name:>10}"));
    println!();
    for (kernel, contenders) in kernels {
        for dim in DIMS {
            let times = best_times(&contenders, dim);
            let time = |name: &str| contenders.iter().position(|c| c.name == name).map(|i| times[i]);
            let show = |name: &str| time(name).map_or("-".to_string(), |ns| format!("{ns:.1}"));
            let ratio = times[times.len() - 1] / times[0];
            print!("{kernel:<18}{dim:>6}{:>12}{:>10}{ratio:>8.1}", show("dispatched"), show("scalar"));
            print!("{:>10}", show("simsimd"));
            names.iter().for_each(|name| print!("{:>10}", show(name)));
            println!();
        }
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
    // Not when cargo test tries the benchmarks out, nor when only some of criterion's are asked for.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "table").collect();
    if args == ["--bench"] {
        table("f32", singles());
        table("f16", halves());
    }
    Criterion::default().configure_from_args().final_summary();
}
