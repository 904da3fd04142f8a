//! How much of a neighbour is coded.

/// Neighbours whose codes are summed at once: a batch, as in FastScan.
pub const BATCH: usize = 32;

/// How much of a neighbour is coded: bits a coordinate and coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    bits: usize,
    dims: usize,
}

impl Shape {
    /// `bits` of 1, 2, 4 or 8 and `dims` a multiple of 16 in 16..=16000; `None` for anything else.
    pub fn new(bits: usize, dims: usize) -> Option<Self> {
        let right = matches!(bits, 1 | 2 | 4 | 8) && dims.is_multiple_of(16) && (16..=16000).contains(&dims);
        right.then_some(Self { bits, dims })
    }

    /// Bits a coordinate has in a new index of vectors of `dim` dimensions: few coordinates need more bits each for estimates
    /// that tell.
    pub fn default_bits(dim: usize) -> usize {
        match dim {
            ..64 => 4,
            64..128 => 2,
            _ => 1,
        }
    }

    /// Bits a coordinate.
    pub fn bits(self) -> usize {
        self.bits
    }

    /// Coded coordinates, the first ones.
    pub fn dims(self) -> usize {
        self.dims
    }

    /// Bytes of one bit plane of one neighbour.
    pub fn plane_bytes(self) -> usize {
        self.dims / 8
    }

    /// Bytes of one neighbour's code.
    pub fn code_bytes(self) -> usize {
        self.bits * self.dims / 8
    }

    /// Bytes of the codes of a batch of 32 neighbours.
    pub fn codes_bytes(self) -> usize {
        BATCH * self.code_bytes()
    }

    /// The highest level, 2^B − 1.
    pub(super) fn top(self) -> f32 {
        ((1u32 << self.bits) - 1) as f32
    }
}
