//! Bytes as text, for the tests that pin an index's format, byte for byte.
//!
//! Indexes lie on users' disks. If one of these tests fails, such an index is read wrongly, or as corrupted. Then either the
//! change is taken back, or [`VERSION`](crate::hnsw::pages::VERSION) grows, and the table beside `VERSION`
//! (`pages/meta.rs`) tells what becomes of indexes of the version before.
//!
//! The vectors are of small integers, whose sums are exact in whatever order a processor adds them up.

/// Bytes as hexadecimal pieces of these sizes, of which the last repeats; equal pieces in a row are written once, with
/// their number.
pub fn pieces(mut bytes: &[u8], sizes: &[usize]) -> String {
    let mut pieces: Vec<(String, usize)> = vec![];
    let mut sizes = sizes.iter().copied().peekable();
    let mut size = bytes.len();
    while !bytes.is_empty() {
        size = sizes.next().unwrap_or(size);
        let (piece, rest) = bytes.split_at(size.min(bytes.len()));
        bytes = rest;
        let hex: String = piece.iter().map(|byte| format!("{byte:02x}")).collect();
        match pieces.last_mut().filter(|last| last.0 == hex) {
            Some(last) => last.1 += 1,
            None => pieces.push((hex, 1)),
        }
    }
    let text = |(hex, times): (String, usize)| if times == 1 { hex } else { format!("{hex} x{times}") };
    pieces.into_iter().map(text).collect::<Vec<_>>().join("\n")
}

/// Fails unless `found` has the pieces of `golden`, one a line.
#[track_caller]
pub fn same(what: &str, found: &str, golden: &str) {
    let golden: Vec<&str> = golden.split_whitespace().collect();
    let words: Vec<&str> = found.split_whitespace().collect();
    assert!(words == golden, "the format has changed: {what} is now\n{found}");
}
