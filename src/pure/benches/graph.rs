#![allow(missing_docs)]
use conifer_pure::graph::*;
use std::time::Instant;

fn half(h: u16) -> f32 {
    let (s, e, m) = ((h >> 15) as u32, (h >> 10 & 31) as u32, (h & 1023) as u32);
    let x = if e == 0 { m as f32 / (1 << 24) as f32 } else { f32::from_bits((e + 112) << 23 | m << 13) };
    if s == 1 { -x } else { x }
}
fn npy(path: &str) -> (Vec<f32>, usize) {
    let b = std::fs::read(path).unwrap();
    let hl = u16::from_le_bytes([b[8], b[9]]) as usize;
    let head = String::from_utf8_lossy(&b[10..10 + hl]).to_string();
    let shape: Vec<usize> = head.split('(').nth(1).unwrap().split(')').next().unwrap().split(',').filter_map(|x| x.trim().parse().ok()).collect();
    let body = &b[10 + hl..];
    let v = if head.contains("f2") { body.chunks_exact(2).map(|c| half(u16::from_le_bytes([c[0], c[1]]))).collect() } else { body.chunks_exact(4).map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect() };
    (v, shape[1])
}
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    f[11].parse::<f64>().unwrap() / 100.0
}
fn main() {
    let dir = std::env::var("DATA").unwrap_or("/work/shared/data/debpkg".into());
    let nq: usize = std::env::var("NQ").ok().and_then(|x| x.parse().ok()).unwrap_or(500);
    let n: usize = std::env::var("N").ok().and_then(|x| x.parse().ok()).unwrap_or(usize::MAX);
    let metric = match std::env::var("METRIC").as_deref() { Ok("l2") => Metric::L2, Ok("ip") => Metric::InnerProduct, _ => Metric::Cosine };
    let f = if std::path::Path::new(&format!("{dir}/base.f16.npy")).exists() { "f16" } else { "f32" };
    let (base, dim) = npy(&format!("{dir}/base.{f}.npy"));
    let qp = format!("{dir}/queries.f32.npy");
    let (queries, _) = if std::path::Path::new(&qp).exists() { npy(&qp) } else { npy(&format!("{dir}/queries.f16.npy")) };
    let t = Instant::now();
    let mut fold = Folding::new(Arena::new(metric, dim));
    for r in base.chunks(dim).take(n) { fold.push(r).unwrap(); }
    let (arena, _) = fold.finish();
    drop(base);
    println!("{} nodes dim {dim} fold {:?}", arena.len(), t.elapsed());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let queries: Vec<Vec<f32>> = queries.chunks(dim).take(nq).map(|q| arena.query(q)).collect();
    use rayon::prelude::*;
    let t = Instant::now();
    let truth: Vec<f32> = queries.par_iter().map(|q| { let mut d: Vec<f32> = (0..arena.len() as u32).map(|i| arena.distance(q, i)).collect(); d.select_nth_unstable_by(9, f32::total_cmp); d[9] }).collect();
    println!("truth {:?}", t.elapsed());
    let b = Params::default();
    let pg = Params { full_lists: true, fill: Fill::None, ..b };
    let all = [
        ("pg64", pg),
        ("pg64b64", Params { batch_div: 64, ..pg }),
        ("short64", Params { fill: Fill::None, ..b }),
        ("near64", Params { fill: Fill::Nearest, ..b }),
        ("angle64/128", b),
        ("angle64/256", Params { fill: Fill::Angle { pool: 256 }, ..b }),
        ("thr64/256", Params { fill: Fill::Threshold { pool: 256 }, ..b }),
        ("re64", Params { refine: Refine::Search { ef: 64 }, ..b }),
        ("re128", Params { refine: Refine::Search { ef: 128 }, ..b }),
        ("hop64", Params { refine: Refine::Hops { pool: 1000 }, ..b }),
        ("thr64/128", Params { fill: Fill::Threshold { pool: 128 }, ..b }),
        ("angle64/64", Params { fill: Fill::Angle { pool: 64 }, ..b }),
        ("re128/256", Params { refine: Refine::Search { ef: 128 }, fill: Fill::Angle { pool: 256 }, ..b }),
        ("angle96/256", Params { ef_construction: 96, fill: Fill::Angle { pool: 256 }, ..b }),
        ("e40re128", Params { ef_construction: 40, refine: Refine::Search { ef: 128 }, fill: Fill::Angle { pool: 256 }, ..b }),
        ("thr128/256", Params { ef_construction: 128, fill: Fill::Threshold { pool: 256 }, ..b }),
        ("hop64/256", Params { refine: Refine::Hops { pool: 1000 }, fill: Fill::Angle { pool: 256 }, ..b }),
        ("hop64t", Params { refine: Refine::Hops { pool: 1000 }, fill: Fill::Threshold { pool: 256 }, ..b }),
        ("pg128", Params { ef_construction: 128, ..pg }),
        ("angle128/256", Params { ef_construction: 128, fill: Fill::Angle { pool: 256 }, ..b }),
        ("angle200/256", Params { ef_construction: 200, fill: Fill::Angle { pool: 256 }, ..b }),
        ("hop128/256", Params { ef_construction: 128, refine: Refine::Hops { pool: 1000 }, fill: Fill::Angle { pool: 256 }, ..b }),
    ];
    let all: Vec<(String, Params)> = all.iter().flat_map(|(n, p)| [(n.to_string(), *p), (format!("s:{n}"), *p)]).collect();
    let only = std::env::var("ONLY").ok();
    for (name, p) in all {
        if let Some(o) = &only { if !o.split(',').any(|x| x == name.as_str()) { continue; } }
        let (t, c) = (Instant::now(), cpu());
        let g = if name.starts_with("s:") { let t = Instant::now(); let s = Shadow::of(&arena); print!("shadow {} {:?} ", s.is_some(), t.elapsed()); match &s { Some(s) => build(s, &p, &pool, &Control::default()), None => build(&arena, &p, &pool, &Control::default()) } } else { build(&arena, &p, &pool, &Control::default()) }.unwrap();
        let (w, c) = (t.elapsed().as_secs_f64(), cpu() - c);
        let deg = g.base().iter().filter(|x| **x != NONE).count() as f64 / g.len() as f64;
        let kept = (0..g.len() as u32).map(|i| g.kept(i)).sum::<usize>() as f64 / g.len() as f64;
        print!("{name:<14} {w:5.1}s {c:5.1}cpu deg {kept:.1}/{deg:.1} |");
        for ef in [40, 80, 160, 320, 640] {
            let (hits, ex, di) = queries.par_iter().zip(&truth).map_init(Beam::default, |beam, (q, t)| {
                let r = g.search(&arena, q, ef, beam);
                let e = std::mem::take(&mut beam.effort);
                (r.iter().take(10).filter(|c| c.distance <= t + 2e-6).count(), e.expansions, e.distances)
            }).reduce(|| (0, 0, 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2));
            let q = queries.len() as f64;
            print!(" {:.4} {:.0}x{:.0} |", hits as f64 / q / 10.0, ex as f64 / q, di as f64 / q);
        }
        println!();
    }
}
