//! Whether an edge's code is that of the neighbour's vector.

use crate::distance::inner_product;
use crate::hnsw::node::{Coder, Content};
use crate::hnsw::rabitq::{Factors, Shape};

/// How far numbers may be off: other CPUs add in another order.
const OFF: f32 = 1e-4;

/// Compares with a code encoded anew from the stored vectors, which are decoded.
pub(super) fn right(
    content: &Content,
    coder: &mut Coder,
    node: &[f32],
    neighbour: &[f32],
    code: &[u8],
    factors: Factors,
) -> bool {
    let shape = match content {
        Content::Codes(shape) => *shape,
        Content::Distances(uncoded) => {
            let made = coder.encode(node, neighbour, &mut []).add;
            let size = f64::from(made.abs()) + uncoded.length(node) * uncoded.length(neighbour);
            return code.is_empty() && f64::from((made - factors.add).abs()) <= f64::from(OFF) * size;
        }
    };
    let mut anew = vec![0; shape.code_bytes()];
    let made = coder.encode(node, neighbour, &mut anew);
    let size = inner_product(node, node) + inner_product(neighbour, neighbour) + made.add.abs();
    if code == anew {
        let add = (made.add - factors.add).abs() <= OFF * size;
        return add && (made.mul - factors.mul).abs() <= OFF * made.mul.abs();
    }
    if shape.bits() == 1 || code.len() != anew.len() {
        return false;
    }
    // With several bits, another step between levels may have been the best one by a hair. Then the angle to the
    // residual is the same, and by the angle and the lengths, so is the factor.
    let residual: Vec<f32> = neighbour.iter().zip(node).map(|(o, c)| o - c).take(shape.dims()).collect();
    let look = |code: &[u8]| {
        let y = centred(shape, code);
        let (yr, yy) = (inner_product(&y, &residual), inner_product(&y, &y));
        (yr, yr / yy.sqrt())
    };
    let ((yr, cosine), (made_yr, best)) = (look(code), look(&anew));
    let near = |a: f32, b: f32| (a - b).abs() <= OFF * b.abs();
    near(cosine, best) && near(factors.mul * yr, made.mul * made_yr)
}

/// The vector that a code stands for: its levels less their middle.
fn centred(shape: Shape, code: &[u8]) -> Vec<f32> {
    let middle = ((1u32 << shape.bits()) - 1) as f32 / 2.0;
    let bit = |plane: usize, i: usize| u32::from(code[plane * shape.plane_bytes() + i / 8] >> (i % 8) & 1);
    let level = |i: usize| (0..shape.bits()).map(|plane| bit(plane, i) << plane).sum::<u32>();
    (0..shape.dims()).map(|i| level(i) as f32 - middle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hnsw::rabitq::Target;
    use crate::hnsw::test_index::samples::points;

    #[test]
    fn codes_are_told_apart() {
        for (bits, dims) in [(1, 128), (2, 64), (4, 32), (8, 16)] {
            let shape = Shape::new(bits, dims).unwrap();
            let (content, mut coder) = (Content::Codes(shape), Coder::of_codes(shape, Target::L2));
            let points = points(40, dims, 7);
            let mut code = vec![0; shape.code_bytes()];
            for pair in points.windows(3) {
                let factors = coder.encode(&pair[0], &pair[1], &mut code);
                assert!(right(&content, &mut coder, &pair[0], &pair[1], &code, factors));
                let size = inner_product(&pair[0], &pair[0]);
                let more = Factors { add: factors.add * 1.01 + 0.01 * size, ..factors };
                assert!(!right(&content, &mut coder, &pair[0], &pair[1], &code, more));
                let more = Factors { mul: factors.mul * 1.1, ..factors };
                assert!(!right(&content, &mut coder, &pair[0], &pair[1], &code, more));
                assert!(!right(&content, &mut coder, &pair[0], &pair[2], &code, factors));
                // Of several bits, the highest; codes with other lowest bits may be as good.
                code[(bits - 1) * dims / 8] ^= 0x18;
                assert!(!right(&content, &mut coder, &pair[0], &pair[1], &code, factors));
            }
            // The vector that a code stands for is the encoder's.
            let factors = coder.encode(&vec![0.0; dims], &points[0], &mut code);
            let yr = inner_product(&centred(shape, &code), &points[0]);
            let rr = inner_product(&points[0], &points[0]);
            assert!((factors.mul * yr + 2.0 * rr).abs() < 1e-3 * rr);
        }
    }
}
