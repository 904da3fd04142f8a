//! Free edge slots of level 0 get edges in directions that have none yet.
//!
//! A search that reads a node record pays for all its edge slots, so an empty edge slot is lost. The nearest nodes are a
//! bad choice for it: they lie where the edges lead already.

use super::candidate::Candidate;
use super::space::Space;

/// A candidate becomes an edge if its cosine to each edge, as seen from the node, is at most the first of `COSINES`; then
/// the second, and so on until the edge slots are full. The nearer candidate comes first each time. On real
/// embeddings, a start at 0.2 made no difference, nor did a pool of 512; a start at 0.7 lost a little.
const COSINES: [f32; 6] = [0.5, 0.6, 0.7, 0.8, 0.9, f32::INFINITY];

/// Adds candidates in directions that have no edge yet to `chosen`, until `chosen` has `max` or no candidates are left.
/// The candidates ascend; each comes with the position in `chosen` of the edge that is likely to rule it out.
/// All distances are squared Euclidean distances from the node whose edges are chosen.
pub(crate) fn angles(
    space: &impl Space,
    candidates: &[(Candidate, u8)],
    max: usize,
    chosen: &mut Vec<Candidate>,
) {
    let cosine = |a: &Candidate, b: &Candidate| cosine(a.distance, b.distance, space.between(a.node, b.node));
    // Each candidate with the largest cosine to the edges tested so far, and their number. The neighbour that led to a
    // candidate rules out most candidates, so that edge comes first.
    let first = |c: &Candidate, via: u8| chosen.get(usize::from(via)).map_or(-1.0, |via| cosine(c, via));
    let mut open: Vec<(Candidate, f32, usize)> =
        candidates.iter().map(|(c, via)| (*c, first(c, *via), 0)).collect();
    for limit in COSINES {
        open.retain_mut(|(c, largest, tested)| {
            if chosen.len() >= max {
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

/// Cosine of the angle at a node between two other nodes, from the three squared distances.
fn cosine(a: f32, b: f32, between: f32) -> f32 {
    let product = a * b;
    if product > 0.0 { (a + b - between) / (2.0 * product.sqrt()) } else { 1.0 }
}
