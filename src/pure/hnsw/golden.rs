//! Bytes as text, for the tests that say of an index's format what it is, byte for byte.
//!
//! Indexes lie on users' disks. Where one of these tests fails, what they hold is read wrongly, or as corrupted. Then the
//! change is taken back; or it is wanted, [`VERSION`](crate::hnsw::pages::VERSION) grows, and the table beside it
//! (`pages/meta.rs`) tells what becomes of indexes of the version before.
//!
//! The vectors are of small integers, whose sums are exact in whatever order a processor adds them up.

/// Bytes in pieces of these sizes, the last of which repeats; equal ones after each other are written once, with their number.
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

/// Refuses other pieces than those that were written down, one a line.
#[track_caller]
pub fn same(what: &str, found: &str, golden: &str) {
    let golden: Vec<&str> = golden.split_whitespace().collect();
    let words: Vec<&str> = found.split_whitespace().collect();
    assert!(words == golden, "the format has changed: {what} is now\n{found}");
}
