//! Free lanes of level 0 get edges in directions that have none yet.

use super::Fill;
use super::beam::{Candidate, Inside};
use super::build::{Builder, Scratch};
use super::rows::Space;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A candidate and a lower bound of its largest cosine to an edge that is there.
#[derive(PartialEq)]
struct Open {
    bound: f32,
    /// Place among the candidates, so that of equal ones the nearer comes first.
    place: usize,
    /// The chosen edges that the bound takes into account, from the first on.
    tested: usize,
}

impl Eq for Open {}
impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bound.total_cmp(&other.bound).then(self.place.cmp(&other.place))
    }
}

/// Cosine of the angle at a node between two others, from the three squared distances.
fn cosine(a: f32, b: f32, ab: f32) -> f32 {
    let product = a * b;
    if product > 0.0 { (a + b - ab) / (2.0 * product.sqrt()) } else { 1.0 }
}

/// Writes the fill edges of a node into the lanes behind its list.
pub(super) fn fill<S: Space>(builder: &Builder<'_, S>, node: u32, scratch: &mut Scratch) {
    let space = builder.space;
    let list = builder.links.list(node, 0);
    let free = list.width() - list.len();
    if free == 0 {
        return;
    }
    let Scratch { beam, chosen, around: candidates, .. } = scratch;
    let pool = match builder.params.fill {
        Fill::None => return,
        Fill::Nearest => free,
        Fill::Angle { pool } | Fill::Threshold { pool } => pool.max(free),
    };
    beam.around(&builder.links, node, pool, &Inside(space, node), candidates);
    if candidates.len() <= free {
        list.fill(candidates.iter().map(|c| c.0.node));
        return;
    }
    chosen.clear();
    chosen.extend(list.iter().map(|other| Candidate { node: other, distance: space.between(node, other) }));
    let own = chosen.len();
    let cos = |a: &Candidate, b: &Candidate| cosine(a.distance, b.distance, space.between(a.node, b.node));
    match builder.params.fill {
        Fill::Threshold { .. } => {
            // exact max cosines lazily per threshold
            let mut state: Vec<(f32, usize)> = candidates.iter().map(|(c, via)| (cos(c, &chosen[usize::from(*via)]), 0)).collect();
            let mut taken = vec![false; candidates.len()];
            let mut t = 0.5f32;
            while chosen.len() < own + free {
                for (i, (c, _)) in candidates.iter().enumerate() {
                    if taken[i] { continue; }
                    let (mut b, mut k) = state[i];
                    while k < chosen.len() && b <= t { b = b.max(cos(c, &chosen[k])); k += 1; }
                    state[i] = (b, k);
                    if k == chosen.len() && b <= t {
                        taken[i] = true; chosen.push(*c);
                        if chosen.len() == own + free { break; }
                    }
                }
                if t > 1.5 { break; }
                t = if t >= 1.0 { f32::INFINITY } else { t + 0.1 };
            }
        }
        Fill::Angle { .. } => {
            let mut heap: BinaryHeap<Reverse<Open>> = candidates.iter().enumerate()
                .map(|(place, (c, via))| Reverse(Open { bound: cos(c, &chosen[usize::from(*via)]), place, tested: 0 }))
                .collect();
            while chosen.len() < own + free {
                let Some(mut open) = heap.peek_mut() else { break };
                let c = candidates[open.0.place].0;
                if open.0.tested == chosen.len() {
                    std::collections::binary_heap::PeekMut::pop(open);
                    chosen.push(c);
                } else {
                    let before = open.0.bound;
                    while open.0.tested < chosen.len() && open.0.bound <= before {
                        let x = cos(&c, &chosen[open.0.tested]);
                        open.0.bound = open.0.bound.max(x);
                        open.0.tested += 1;
                    }
                }
            }
        }
        _ => chosen.extend(candidates.iter().map(|c| c.0)),
    }
    list.fill(chosen[own..].iter().map(|c| c.node));
}
