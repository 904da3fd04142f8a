//! The choice of edges: a candidate is left out if one already chosen is at least as near to it as the node.

use super::candidate::Candidate;
use super::space::Space;

/// Chooses at most `width` of `candidates`, which ascend. Of places up to `least`, those that are free go to the nearest
/// of those left out.
///
/// A tie leaves out: of equal points one is enough, the others are linked to it.
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

/// The choice itself, into two empty lists: those chosen, and those left out with the place of the one that rules
/// each out. What comes after `width` were chosen goes into neither.
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
