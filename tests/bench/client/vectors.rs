//! The file that vectors come in: count and dimensions as u32, then the coordinates as f32, row by row, all
//! little-endian.

use crate::wire::Result;
use std::fs;
use std::path::Path;

/// Reads such a file and turns each vector into the wire's binary form of the type `vector`: dimensions and zero
/// as i16, then the coordinates as f32, all big-endian.
///
/// # Errors
/// When the file cannot be read or is not as long as its head says.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<Vec<u8>>> {
    parse(&fs::read(&path)?)
        .ok_or_else(|| format!("{} is no file of vectors", path.as_ref().display()).into())
}

fn parse(file: &[u8]) -> Option<Vec<Vec<u8>>> {
    let word = |at: usize| Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?));
    let (count, dim) = (usize::try_from(word(0)?).ok()?, usize::try_from(word(4)?).ok()?);
    let head = [i16::try_from(dim).ok()?.to_be_bytes(), [0; 2]].concat();
    if dim == 0 || file.len() - 8 != count.checked_mul(dim)?.checked_mul(4)? {
        return None;
    }
    let coordinates =
        |row: &[u8]| row.chunks_exact(4).flat_map(|x| [x[3], x[2], x[1], x[0]]).collect::<Vec<u8>>();
    Some(file[8..].chunks_exact(dim * 4).map(|row| [head.clone(), coordinates(row)].concat()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(count: u32, dim: u32, coordinates: &[f32]) -> Vec<u8> {
        let head = [count, dim].map(u32::to_le_bytes).concat();
        head.into_iter().chain(coordinates.iter().flat_map(|x| x.to_le_bytes())).collect()
    }

    #[test]
    fn vectors_turn_into_their_wire_form() {
        let vectors = parse(&file(2, 2, &[1.0, -2.0, 0.5, 3e-5])).unwrap();
        let wire = |a: f32, b: f32| [&[0, 2, 0, 0][..], &a.to_be_bytes(), &b.to_be_bytes()].concat();
        assert_eq!(vectors, [wire(1.0, -2.0), wire(0.5, 3e-5)]);
        assert_eq!(parse(&file(0, 3, &[])).unwrap().len(), 0);
    }

    #[test]
    fn a_file_of_another_length_is_refused() {
        for bad in [
            file(1, 2, &[1.0]),
            file(1, 2, &[1.0; 3]),
            file(1, 0, &[]),
            file(1, 40_000, &[0.0; 40_000]),
            vec![0; 7],
        ] {
            assert!(parse(&bad).is_none());
        }
    }
}
