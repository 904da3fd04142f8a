//! The text and the binary form of `sparsevec`: an accepted vector is valid and comes back the same.
#![no_main]

use conifer_pure::types::sparsevec::{Sparse, text, wire};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for typmod in [-1, 5] {
        if let Ok(text::Parsed { dim, elements }) = text::parse(bytes, typmod) {
            let shown: Vec<String> = elements.iter().map(|(i, x)| format!("{}:{x}", i + 1)).collect();
            let shown = format!("{{{}}}/{dim}", shown.join(","));
            let again = text::parse(shown.as_bytes(), typmod).unwrap();
            assert_eq!((again.dim, &again.elements), (dim, &elements));
            let (indices, values): (Vec<_>, Vec<_>) = elements.into_iter().unzip();
            sent(Sparse { dim, indices: &indices, values: &values });
        }
        let Ok((dim, nnz)) = wire::decode_header(bytes, typmod) else { continue };
        let (mut indices, mut values) = (vec![0; nnz], vec![0.0; nnz]);
        if wire::decode_elements(&bytes[wire::HEADER..], dim, &mut indices, &mut values).is_ok() {
            let message = sent(Sparse { dim, indices: &indices, values: &values });
            assert_eq!(message, bytes[..wire::size(nnz)]);
        }
    }
});

/// The binary form of a valid vector, which is read as the same vector.
fn sent(v: Sparse) -> Vec<u8> {
    assert!(v.dim > 0 && v.indices.is_sorted_by(|a, b| a < b));
    assert!(v.indices.iter().all(|i| (0..v.dim).contains(i)));
    assert!(v.values.iter().all(|x| x.is_finite() && *x != 0.0));
    let mut message = vec![0; wire::size(v.indices.len())];
    wire::encode(v, &mut message);
    let (dim, nnz) = wire::decode_header(&message, v.dim).unwrap();
    let (mut indices, mut values) = (vec![0; nnz], vec![0.0; nnz]);
    wire::decode_elements(&message[wire::HEADER..], dim, &mut indices, &mut values).unwrap();
    assert_eq!((dim, &indices[..], &values[..]), (v.dim, v.indices, v.values));
    message
}
