//! The piece of memory in which a point lies: pieces get larger with the points before them, so that memory follows the
//! points and no point moves.

/// There are 2^3 pieces of a size before pieces are twice as large. So at most an eighth of the memory in use, and a
/// smallest piece, waits for points.
const SAME: u32 = 3;

/// Pieces of 2^`small` points and up, to 2^`large`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pieces {
    small: u32,
    large: u32,
}

impl Pieces {
    /// Pieces of about `small` to `large` bytes for points of `point_bytes`; a piece has one point if points are larger.
    pub(super) fn new(point_bytes: usize, small: usize, large: usize) -> Self {
        let shift = |bytes: usize| (bytes / point_bytes.max(1)).max(1).ilog2();
        Self { small: shift(small), large: shift(large) }
    }

    /// The pieces for about `points` points: none is larger than needed.
    pub(super) fn up_to(self, points: usize) -> Self {
        Self { small: self.small.min(points.max(1).ilog2()), ..self }
    }

    /// The piece of a point, and the point's position in the piece.
    #[inline]
    pub(super) fn place(self, point: usize) -> (usize, usize) {
        // As if pieces of all smaller sizes had come before.
        let point = point + (1 << (self.small + SAME));
        let shift = (point.ilog2() - SAME).min(self.large);
        let sizes = (shift - self.small) as usize;
        let piece = (point >> shift) - (1 << SAME) + (sizes << SAME);
        (piece, point & ((1 << shift) - 1))
    }

    /// Points of a piece.
    pub(super) fn points(self, piece: usize) -> usize {
        1 << self.large.min(self.small.saturating_add((piece >> SAME) as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_follow_each_other() {
        for (point_bytes, small, large) in
            [(4, 64, 1024), (64, 64, 4096), (4, 64, 64), (1000, 64, 512), (3, 1, 100_000)]
        {
            let pieces = Pieces::new(point_bytes, small, large);
            for pieces in [pieces, pieces.up_to(5), pieces.up_to(0)] {
                let (mut piece, mut at) = (0, 0);
                for i in 0..20_000 {
                    assert_eq!(pieces.place(i), (piece, at), "{pieces:?} {i}");
                    at += 1;
                    if at == pieces.points(piece) {
                        (piece, at) = (piece + 1, 0);
                    }
                }
            }
        }
    }

    #[test]
    fn little_waits_for_points() {
        let pieces = Pieces::new(4, 256, 1 << 20);
        let mut all = 0;
        for piece in 0..120 {
            let new = pieces.points(piece);
            assert!(new <= all / 8 + 64, "{piece}");
            all += new;
        }
    }
}
