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
    /// Pieces of about `small` to `large` bytes for points of `row` bytes; a piece has one point if points are larger.
    pub(super) fn new(row: usize, small: usize, large: usize) -> Self {
        let shift = |bytes: usize| (bytes / row.max(1)).max(1).ilog2();
        Self { small: shift(small), large: shift(large) }
    }

    /// The pieces for about `rows` points: none is larger than needed.
    pub(super) fn up_to(self, rows: usize) -> Self {
        Self { small: self.small.min(rows.max(1).ilog2()), ..self }
    }

    /// The piece of a point, and the point's position in the piece.
    #[inline]
    pub(super) fn place(self, row: usize) -> (usize, usize) {
        // As if pieces of all smaller sizes had come before.
        let row = row + (1 << (self.small + SAME));
        let shift = (row.ilog2() - SAME).min(self.large);
        let sizes = (shift - self.small) as usize;
        let piece = (row >> shift) - (1 << SAME) + (sizes << SAME);
        (piece, row & ((1 << shift) - 1))
    }

    /// Points of a piece.
    pub(super) fn rows(self, piece: usize) -> usize {
        1 << self.large.min(self.small.saturating_add((piece >> SAME) as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_each_other() {
        for (row, small, large) in
            [(4, 64, 1024), (64, 64, 4096), (4, 64, 64), (1000, 64, 512), (3, 1, 100_000)]
        {
            let pieces = Pieces::new(row, small, large);
            for pieces in [pieces, pieces.up_to(5), pieces.up_to(0)] {
                let (mut piece, mut at) = (0, 0);
                for i in 0..20_000 {
                    assert_eq!(pieces.place(i), (piece, at), "{pieces:?} {i}");
                    at += 1;
                    if at == pieces.rows(piece) {
                        (piece, at) = (piece + 1, 0);
                    }
                }
            }
        }
    }

    #[test]
    fn little_waits_for_rows() {
        let pieces = Pieces::new(4, 256, 1 << 20);
        let mut all = 0;
        for piece in 0..120 {
            let new = pieces.rows(piece);
            assert!(new <= all / 8 + 64, "{piece}");
            all += new;
        }
    }
}
