//! Sets of vectors for the benchmarks: read from files or generated.

#[path = "../../noise.rs"]
mod noise;

use conifer_pure::distance::metric::Metric;
use noise::Noise;
use std::path::{Path, PathBuf};

/// Rows and queries.
pub struct Set {
    pub name: String,
    pub metric: Metric,
    pub dim: usize,
    pub base: Vec<f32>,
    pub queries: Vec<f32>,
}

/// Points around centers on a curved sheet of few dimensions, with some noise; for the inner product, with
/// different lengths.
pub fn generated(metric: Metric, rows: usize, dim: usize) -> Set {
    const LATENT: usize = 48;
    let mut noise = Noise(7);
    let mix = noise.normals(LATENT * dim);
    let mut normal = || noise.normal();
    let centers: Vec<f32> = (0..200 * LATENT).map(|_| 0.5 * normal()).collect();
    let mut draw = |rows: usize| {
        let mut out = Vec::with_capacity(rows * dim);
        for i in 0..rows {
            let center = &centers[i * 7919 % 200 * LATENT..][..LATENT];
            let z: Vec<f32> = center.iter().map(|c| c + normal()).collect();
            let scale = if metric == Metric::InnerProduct { (0.35 * normal()).exp() } else { 1.0 };
            out.extend((0..dim).map(|d| {
                let x: f32 = z.iter().zip(&mix[d * LATENT..]).map(|(z, w)| z * w).sum();
                scale * ((x * 0.3).tanh() + 0.3 * normal())
            }));
        }
        out
    };
    let (base, queries) = (draw(rows), draw(300));
    Set { name: "generated".into(), metric, dim, base, queries }
}

/// A matrix of halves or floats.
fn npy(path: &Path) -> (Vec<f32>, usize) {
    let bytes = std::fs::read(path).unwrap();
    let (head, body) = bytes[10..].split_at(usize::from(u16::from_le_bytes([bytes[8], bytes[9]])));
    let head = String::from_utf8_lossy(head);
    let shape = head.split("'shape': (").nth(1).unwrap().split(')').next().unwrap();
    let dim = shape.split(',').nth(1).unwrap().trim().parse().unwrap();
    let values = if head.contains("<f2") {
        body.as_chunks().0.iter().map(|b| half(u16::from_le_bytes(*b))).collect()
    } else {
        body.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    };
    (values, dim)
}

fn half(bits: u16) -> f32 {
    let (exponent, mantissa) = (u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    let size = match exponent {
        0 => mantissa as f32 / (1 << 24) as f32,
        _ => f32::from_bits((exponent + 112) << 23 | mantissa << 13),
    };
    if bits >> 15 == 1 { -size } else { size }
}

fn read(dir: &Path, metric: Metric) -> Set {
    let file = |name: &str| -> PathBuf {
        let halves = dir.join(format!("{name}.f16.npy"));
        if halves.exists() { halves } else { dir.join(format!("{name}.f32.npy")) }
    };
    let (mut base, dim) = npy(&file("base"));
    let (mut queries, _) = npy(&file("queries"));
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse::<f32>().ok());
    base.truncate(number("ROWS").unwrap_or(1e9) as usize * dim);
    queries.truncate(number("QUERIES").unwrap_or(1e3) as usize * dim);
    if let Some(sigma) = number("NORMS") {
        let mut noise = Noise(7);
        for row in base.chunks_exact_mut(dim) {
            let norm = (sigma * noise.normal()).exp();
            row.iter_mut().for_each(|x| *x *= norm);
        }
    }
    Set { name: dir.display().to_string(), metric, dim, base, queries }
}

/// The metric: `METRIC`, the cosine unless set.
pub fn metric() -> Metric {
    match std::env::var("METRIC").as_deref() {
        Ok("l2") => Metric::L2,
        Ok("ip") => Metric::InnerProduct,
        _ => Metric::Cosine,
    }
}

/// The set in the directory `DATA`, if it is set.
pub fn chosen(metric: Metric) -> Option<Vec<Set>> {
    std::env::var("DATA").ok().map(|dir| vec![read(Path::new(&dir), metric)])
}
