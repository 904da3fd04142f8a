//! The choice of edges: a candidate is left out if one already chosen is at least as near to it as the node.

use super::beam::Candidate;
use super::rows::Space;

/// Chooses at most `width` of `candidates`, which ascend. With `full`, free places go to the nearest of
/// those left out.
///
/// A tie leaves out: of equal points one is enough, the others are linked to it.
pub(super) fn select(
    space: &impl Space,
    candidates: &[Candidate],
    width: usize,
    full: bool,
    chosen: &mut Vec<Candidate>,
) {
    chosen.clear();
    if full && candidates.len() <= width {
        chosen.extend_from_slice(candidates);
        return;
    }
    let mut left = Vec::new();
    for c in candidates {
        if chosen.len() == width {
            break;
        }
        if chosen.iter().all(|s| space.between(c.node, s.node) > c.distance) {
            chosen.push(*c);
        } else if full {
            left.push(*c);
        }
    }
    if full {
        left.truncate(width - chosen.len());
        chosen.append(&mut left);
    }
}
