//! Free lanes of level 0 get edges in directions that have none yet.
//!
//! Whoever reads a node's block pays for all its lanes, so an empty one is lost. The nearest nodes are a bad
//! choice for it: they lie where the edges lead already.

use super::candidate::Candidate;
use super::space::Space;

/// A candidate goes in if its cosine to each edge, as seen from the node, is at most the first of these; then
/// the second, and so on until the lanes are full. The nearer candidate comes first each time. On real
/// embeddings, a start at 0.2 made no difference, nor did a pool of 512; a start at 0.7 lost a little.
const COSINES: [f32; 6] = [0.5, 0.6, 0.7, 0.8, 0.9, f32::INFINITY];

/// Adds to `chosen` candidates in directions that have no edge yet, until there are `most` or no more
/// candidates. The candidates ascend; each comes with the place of one in `chosen` that is likely to rule it out.
/// All distances are squared Euclidean ones from the node whose edges they are to be.
pub(crate) fn angles(
    space: &impl Space,
    candidates: &[(Candidate, u8)],
    max: usize,
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

/// Cosine of the angle at a node between two others, from the three squared distances.
fn cosine(a: f32, b: f32, between: f32) -> f32 {
    let product = a * b;
    if product > 0.0 { (a + b - between) / (2.0 * product.sqrt()) } else { 1.0 }
}
