//! The text and the binary form of `vector` and `halfvec`: an accepted vector comes back the same.
#![no_main]

use conifer_pure::types::element::{Element, f16};
use conifer_pure::types::vector::{text, wire};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    both::<f32>(bytes);
    both::<f16>(bytes);
});

fn both<T: Element>(bytes: &[u8]) {
    if let Ok(x) = text::parse::<T>(bytes) {
        assert!(!x.is_empty() && x.iter().all(|x| x.to_f32().is_finite()));
        let shown: Vec<String> = x.iter().map(|x| x.to_f32().to_string()).collect();
        assert_eq!(text::parse::<T>(format!("[{}]", shown.join(",")).as_bytes()).unwrap(), x);
        sent(&x);
    }
    for typmod in [-1, 3] {
        let Ok(dim) = wire::decode_header::<T>(bytes, typmod) else { continue };
        let mut x = vec![T::default(); dim];
        if wire::decode_elements(&bytes[wire::HEADER..], &mut x).is_ok() {
            assert!(typmod == -1 || dim == 3);
            assert_eq!(sent(&x), bytes[..wire::size::<T>(dim)]);
        }
    }
}

/// The binary form, which is read as the same vector.
fn sent<T: Element>(x: &[T]) -> Vec<u8> {
    let mut message = vec![0; wire::size::<T>(x.len())];
    wire::encode(x, &mut message);
    let mut back = vec![T::default(); wire::decode_header::<T>(&message, -1).unwrap()];
    wire::decode_elements(&message[wire::HEADER..], &mut back).unwrap();
    assert_eq!(back, x);
    message
}
