//! Free lanes of level 0 get edges in directions that have none yet.
//!
//! Whoever reads a node's block pays for all its lanes, so an empty one is lost. The nearest nodes are a bad
//! choice for it: they lie where the edges lead already.

use super::Fill;
use super::beam::{Candidate, Inside};
use super::build::{Builder, Scratch};
use super::rows::Space;

/// Nearest nodes two hops away that are considered.
const POOL: usize = 256;

/// A candidate goes in if its cosine to each edge, as seen from the node, is at most the first of these; then
/// the second, and so on until the lanes are full. The nearer candidate comes first each time. On real
/// embeddings, a start at 0.2 made no difference, nor did a pool of 512; a start at 0.7 lost a little.
const COSINES: [f32; 6] = [0.5, 0.6, 0.7, 0.8, 0.9, f32::INFINITY];

/// Writes the fill edges of a node into the lanes behind its list.
pub(super) fn fill<S: Space>(builder: &Builder<'_, S>, node: u32, scratch: &mut Scratch) {
    let space = builder.space;
    let list = builder.links.list(node, 0);
    let free = list.width() - list.len();
    if free == 0 {
        return;
    }
    let Scratch { beam, chosen, around, .. } = scratch;
    let pool = if builder.params.fill == Fill::Angle { POOL.max(free) } else { free };
    beam.around(&builder.links, node, pool, &Inside(space, node), around);
    if around.len() <= free {
        list.fill(around.iter().rev().map(|(c, _)| c.node));
        return;
    }
    chosen.clear();
    chosen.extend(list.iter().map(|other| Candidate { node: other, distance: space.between(node, other) }));
    let own = chosen.len();
    angles(space, around, own + free, chosen);
    // The one that went in last, for want of a better one, stands in front: it is the first to give way.
    list.fill(chosen[own..].iter().rev().map(|c| c.node));
}

/// Adds to `chosen` candidates in directions that have no edge yet, until there are `most` or no more
/// candidates. The candidates ascend; each comes with the place of one in `chosen` that is likely to rule it out.
/// All distances are squared Euclidean ones from the node whose edges they are to be.
pub(crate) fn angles(
    space: &impl Space,
    candidates: &[(Candidate, u8)],
    most: usize,
    chosen: &mut Vec<Candidate>,
) {
    let cosine = |a: &Candidate, b: &Candidate| cosine(a.distance, b.distance, space.between(a.node, b.node));
    // The largest cosine to the edges that were looked at, and how many of them were. Most candidates are
    // ruled out by the neighbour that led to them, so that comes first.
    let first = |c: &Candidate, via: u8| chosen.get(usize::from(via)).map_or(-1.0, |via| cosine(c, via));
    let mut open: Vec<(Candidate, f32, usize)> =
        candidates.iter().map(|(c, via)| (*c, first(c, *via), 0)).collect();
    for limit in COSINES {
        open.retain_mut(|(c, largest, tested)| {
            if chosen.len() >= most {
                return false;
            }
            while *largest <= limit && *tested < chosen.len() {
                *largest = largest.max(cosine(c, &chosen[*tested]));
                *tested += 1;
            }
            let good = *largest <= limit;
            if good {
                chosen.push(*c);
            }
            !good
        });
    }
}

/// Cosine of the angle at a node between two others, from the three squared distances.
fn cosine(a: f32, b: f32, between: f32) -> f32 {
    let product = a * b;
    if product > 0.0 { (a + b - between) / (2.0 * product.sqrt()) } else { 1.0 }
}
