//! The cost of a hop: the scan of a batch of 32 codes in both forms, per variant, beside one exact distance; the cost of
//! preparing a query; and the bytes that change when one edge changes.
//! `cargo bench -p conifer-pure --bench codes`; prints tables, writes nothing.
//!
//! Contenders take turns and the best of many rounds counts, as in `kernels`, so that ratios hold on a busy
//! machine. A table reads 64 batches in turn, so codes come from the second-level cache.

#![allow(unsafe_code)] // for popcount

use conifer_pure::distance;
use conifer_pure::hnsw::rabitq;
use conifer_pure::hnsw::rabitq::{BATCH, Base, Encoder, Form, Query, Shape, Target};
use conifer_pure::hnsw::rotation;
use conifer_pure::hnsw::rotation::Rotation;
use conifer_pure::hnsw::stored_vector;
use conifer_pure::hnsw::stored_vector::{StoredVector, f16};
use std::hint::black_box;
use std::time::Instant;

const SHAPES: [(usize, usize); 9] =
    [(128, 1), (384, 1), (768, 1), (1536, 1), (128, 2), (384, 2), (32, 4), (128, 4), (384, 4)];
const BATCHES: usize = 64;
const ROUNDS: usize = 200;

struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ self.0 >> 29
    }

    fn unit(&mut self) -> f32 {
        (self.word() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn vector(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.unit()).collect()
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| (self.word() >> 32) as u8).collect()
    }
}

/// Best times in ns of one call each, the contenders in turn.
fn best(contenders: &mut [Box<dyn FnMut() + '_>], calls: usize) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; contenders.len()];
    for _ in 0..ROUNDS {
        for (best, contender) in best.iter_mut().zip(contenders.iter_mut()) {
            let start = Instant::now();
            for _ in 0..calls {
                contender();
            }
            *best = best.min(start.elapsed().as_nanos() as f64 / calls as f64);
        }
    }
    best
}

/// A scan of one batch after the other with its estimates, as in a hop.
fn scan<'a>(query: &'a Query, form: Form, codes: &'a [Vec<u8>]) -> Box<dyn FnMut() + 'a> {
    let (add, mul) = ([0.5; BATCH], [0.25; BATCH]);
    let mut i = 0;
    Box::new(move || {
        i = (i + 1) % BATCHES;
        let mut out = [0.0; BATCH];
        query.estimate(form, black_box(&codes[i]), Base::l2(1.0), &add, &mul, &mut out);
        black_box(out);
    })
}

fn scans() {
    let variants = rabitq::variants();
    println!(
        "\nns per batch of 32 neighbours, with estimates; i interleaved, r rows, p popcount of rows (4 bits of"
    );
    println!("query, one bit of code); f32, f16: one exact distance");
    print!("{:>5}{:>5}{:>7}{:>7}{:>8}", "dim", "bits", "f32", "f16", "p");
    variants.iter().for_each(|k| print!("{:>10}{:>9}", format!("i {}", k.name()), "r"));
    println!();
    for (dim, bits) in SHAPES {
        let shape = Shape::new(bits, dim).expect("a shape");
        let mut random = Random(1);
        let q = random.vector(dim);
        let codes: Vec<_> = (0..BATCHES).map(|_| random.bytes(shape.codes_bytes())).collect();
        let queries: Vec<_> = variants.iter().map(|k| Query::with_kernels(k, shape, &q)).collect();
        let stored: Vec<_> = (0..BATCHES).map(|_| random.vector(dim)).collect();
        let mut scale = 1.0;
        let halves: Vec<Vec<f16>> = stored
            .iter()
            .map(|x| {
                let mut half = vec![f16::ZERO; dim];
                scale = stored_vector::encode(x, &mut half);
                half
            })
            .collect();
        let (mut i, mut j) = (0, 0);
        let mut contenders: Vec<Box<dyn FnMut()>> = vec![
            Box::new(|| {
                i = (i + 1) % BATCHES;
                black_box(distance::l2_squared(black_box(&q), &stored[i]));
            }),
            Box::new(|| {
                j = (j + 1) % BATCHES;
                black_box(StoredVector::F16 { scale, elements: &halves[j] }.l2_squared(black_box(&q)));
            }),
        ];
        for query in &queries {
            contenders.push(scan(query, Form::Interleaved, &codes));
            contenders.push(scan(query, Form::rows(shape), &codes));
        }
        let mut times = best(&mut contenders, 40);
        drop(contenders);
        print!("{dim:>5}{bits:>5}{:>7.0}{:>7.0}{:>8}", times[0], times[1], popcount(dim, bits, &codes));
        times.drain(2..).enumerate().for_each(|(i, t)| print!("{t:>w$.0}", w = 10 - i % 2));
        println!();
    }
}

/// Another way to scan rows: counting the common bits of a plane of the code and a plane of a query of four bits.
/// Measured here, not used.
fn popcount(dim: usize, bits: usize, codes: &[Vec<u8>]) -> String {
    #[cfg(target_arch = "x86_64")]
    if bits == 1 && is_x86_feature_detected!("avx512vpopcntdq") && is_x86_feature_detected!("avx512bw") {
        let planes = Random(2).bytes(dim / 8 * 4);
        let mut i = 0;
        let mut contenders: [Box<dyn FnMut()>; 1] = [Box::new(|| {
            i = (i + 1) % BATCHES;
            // SAFETY: the CPU has been asked; all slices have the lengths of dim coordinates.
            black_box(unsafe { popcount_rows(black_box(&codes[i]), &planes, dim / 8) });
        })];
        return format!("{:.0}", best(&mut contenders, 40)[0]);
    }
    let _ = (dim, bits, codes);
    "-".into()
}

/// For each row the sum over planes p of 2^p times the number of common bits.
///
/// # Safety
/// The CPU must have the features; `rows` must be 32 times `bytes` long, `planes` four times.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vpopcntdq")]
unsafe fn popcount_rows(rows: &[u8], planes: &[u8], bytes: usize) -> [u32; BATCH] {
    use std::arch::x86_64::*;
    assert!(rows.len() == BATCH * bytes && planes.len() == 4 * bytes);
    let mut out = [0; BATCH];
    for (row, out) in rows.chunks_exact(bytes).zip(&mut out) {
        let mut sums = [_mm512_setzero_si512(); 4];
        for at in (0..bytes).step_by(64) {
            let mask: __mmask64 = if bytes - at >= 64 { !0 } else { (1 << (bytes - at)) - 1 };
            // SAFETY: bytes past the slices are masked out.
            unsafe {
                let x = _mm512_maskz_loadu_epi8(mask, row.as_ptr().add(at).cast());
                for (p, sum) in sums.iter_mut().enumerate() {
                    let y = _mm512_maskz_loadu_epi8(mask, planes.as_ptr().add(p * bytes + at).cast());
                    *sum = _mm512_add_epi64(*sum, _mm512_popcnt_epi64(_mm512_and_si512(x, y)));
                }
            }
        }
        let low = _mm512_add_epi64(sums[0], _mm512_slli_epi64::<1>(sums[1]));
        let high = _mm512_add_epi64(sums[2], _mm512_slli_epi64::<1>(sums[3]));
        *out = _mm512_reduce_add_epi64(_mm512_add_epi64(low, _mm512_slli_epi64::<2>(high))) as u32;
    }
    out
}

fn preparation() {
    println!(
        "\nns per query or insert: rotation per variant, tables per variant, f16 of a vector, and a code"
    );
    print!("{:>5}", "dim");
    rotation::variants().iter().for_each(|k| print!("{:>10}", format!("P {}", k.name())));
    rabitq::variants().iter().for_each(|k| print!("{:>10}", format!("T {}", k.name())));
    println!("{:>8}{:>8}{:>8}{:>8}", "f16", "1 bit", "2 bit", "4 bit");
    for dim in [8, 64, 96, 128, 384, 768, 1000, 1536, 3072] {
        let rotation = Rotation::new(dim, 1);
        let n = rotation.padded();
        let mut random = Random(1);
        let x = random.vector(dim);
        let (y, z) = (random.vector(n), random.vector(n));
        let mut outs = vec![vec![0.0; n]; rotation::variants().len()];
        let shape = Shape::new(1, n).expect("a shape");
        let mut queries: Vec<_> =
            rabitq::variants().iter().map(|k| Query::with_kernels(k, shape, &y)).collect();
        let mut half = vec![f16::ZERO; n];
        let (y, z) = (&y, &z);
        let mut contenders: Vec<Box<dyn FnMut()>> = vec![];
        for (k, out) in rotation::variants().into_iter().zip(&mut outs) {
            let (rotation, x) = (&rotation, &x);
            contenders.push(Box::new(move || {
                rotation.apply_with(k, black_box(x), out);
                black_box(&out);
            }));
        }
        for query in &mut queries {
            contenders.push(Box::new(move || {
                query.set(black_box(y));
                black_box(&query);
            }));
        }
        contenders.push(Box::new(|| {
            black_box(stored_vector::encode(black_box(y), &mut half));
        }));
        for bits in [1, 2, 4] {
            let shape = Shape::new(bits, n).expect("a shape");
            let mut encoder = Encoder::new(shape, Target::L2);
            let mut row = vec![0; shape.code_bytes()];
            contenders.push(Box::new(move || {
                black_box(encoder.encode(black_box(y), black_box(z), &mut row));
            }));
        }
        let times = best(&mut contenders, 4);
        let wide = times.len() - 4;
        print!("{dim:>5}");
        times.iter().enumerate().for_each(|(i, t)| print!("{t:>w$.0}", w = if i < wide { 10 } else { 8 }));
        println!();
    }
}

/// Bytes of WAL that GenericXLog writes for a page that changed from `old` to `new`: the offset and length of
/// each changed stretch (4 bytes) and its new bytes; stretches up to 4 bytes apart are joined.
fn logged(old: &[u8], new: &[u8]) -> usize {
    const HEADER: usize = 4;
    let (mut total, mut end) = (0, None);
    for i in (0..old.len()).filter(|i| old[*i] != new[*i]) {
        total += match end {
            Some(end) if i - end <= HEADER => i + 1 - end,
            _ => HEADER + 1,
        };
        end = Some(i + 1);
    }
    total
}

/// The changeable parts of a node record: codes, then factors and numbers in arrays; or all together in each edge slot.
fn wal() {
    println!(
        "\nbytes of WAL (GenericXLog's delta) when one edge changes, mean of 100: interleaved and rows with"
    );
    println!("factors and number in arrays; rows with them beside the code; the bytes that are new");
    println!("{:>5}{:>5}{:>13}{:>8}{:>10}{:>6}", "dim", "bits", "interleaved", "rows", "together", "new");
    for (dim, bits) in SHAPES {
        let shape = Shape::new(bits, dim).expect("a shape");
        let together = Form::Rows { stride: shape.code_bytes() + 12 };
        let mut random = Random(5);
        let mut encoder = Encoder::new(shape, Target::L2);
        let mut row = vec![0; shape.code_bytes()];
        let node = random.vector(dim);
        // Arrays of factors and numbers: slot k of array a.
        let place = |a: usize, k: usize| shape.codes_bytes() + 4 * (a * BATCH + k);
        let mut pages = [
            random.bytes(shape.codes_bytes() + 12 * BATCH),
            random.bytes(shape.codes_bytes() + 12 * BATCH),
            random.bytes(shape.codes_bytes() + 12 * BATCH),
        ];
        let mut totals = [0; 3];
        for _ in 0..100 {
            let slot = random.word() as usize % BATCH;
            let f = encoder.encode(&node, &random.vector(dim), &mut row);
            // Node numbers are dense, so the numbers of an old and a new edge differ in some three bytes.
            let number = (random.word() % 1_000_000) as u32;
            let words = [f.add.to_le_bytes(), f.mul.to_le_bytes(), number.to_le_bytes()];
            for (i, form) in [Form::Interleaved, Form::rows(shape), together].into_iter().enumerate() {
                let old = pages[i].clone();
                form.put(shape, &mut pages[i], slot, &row);
                for (a, word) in words.iter().enumerate() {
                    let at = match form {
                        Form::Rows { stride } if form == together => {
                            slot * stride + shape.code_bytes() + 4 * a
                        }
                        _ => place(a, slot),
                    };
                    pages[i][at..at + 4].copy_from_slice(word);
                }
                totals[i] += logged(&old, &pages[i]);
            }
        }
        let [a, b, c] = totals.map(|t| t / 100);
        println!("{dim:>5}{bits:>5}{a:>13}{b:>8}{c:>10}{:>6}", shape.code_bytes() + 12);
    }
}

fn main() {
    // cargo test tries benchmarks out without this.
    if std::env::args().any(|arg| arg == "--bench") {
        println!("codes: {}, rotation: {}", rabitq::kernels().name(), rotation::kernels().name());
        scans();
        preparation();
        wal();
    }
}
