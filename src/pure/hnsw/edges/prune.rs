//! The choice of edges, HNSW's heuristic (Malkov and Yashunin, Algorithm 4): a candidate is left out if an already chosen
//! candidate is at least as near to it as the node is.

use super::candidate::Candidate;
use super::space::Space;

/// Chooses at most `width` of `candidates`, which ascend. If the heuristic chooses fewer than `min`, the nearest candidates
/// left out fill up to `min`.
///
/// A tie leaves the candidate out: of equal points one is enough, the others are linked to it.
pub(crate) fn select(
    space: &impl Space,
    candidates: &[Candidate],
    width: usize,
    min: usize,
    chosen: &mut Vec<Candidate>,
) {
    chosen.clear();
    if candidates.len() <= min.min(width) {
        chosen.extend_from_slice(candidates);
        return;
    }
    let mut left = Vec::new();
    split(space, candidates, width, chosen, &mut left);
    left.truncate(min.min(width).saturating_sub(chosen.len()));
    chosen.extend(left.iter().map(|(c, _)| c));
}

/// The heuristic, into two empty lists: `chosen`, and `left` with the candidates left out, each with the position of the
/// chosen candidate that rules it out. Candidates after the `width`th chosen go into neither list.
pub(crate) fn split(
    space: &impl Space,
    candidates: &[Candidate],
    width: usize,
    chosen: &mut Vec<Candidate>,
    left: &mut Vec<(Candidate, u8)>,
) {
    for c in candidates {
        if chosen.len() == width {
            break;
        }
        match chosen.iter().position(|s| space.between(c.node, s.node) <= c.distance) {
            None => chosen.push(*c),
            Some(by) => left.push((*c, by as u8)),
        }
    }
}
