//! Messages of PostgreSQL's protocol, version 3: those that a flight is made of, and the frames of those that come back.
//!
//! Parameters and results are binary throughout.

use bytes::{Buf, Bytes, BytesMut};
use std::io;

/// The largest message that is read. The server itself sends none larger than 1 GB.
const MAX_MESSAGE: usize = 1 << 30;

/// Begins a message and returns where its length stands.
fn begin(out: &mut Vec<u8>, tag: u8) -> usize {
    out.push(tag);
    out.extend_from_slice(&[0; 4]);
    out.len() - 4
}

/// Writes the length of the message that began at `start`.
fn end(out: &mut [u8], start: usize) {
    let length = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

/// Parse: prepares a statement under a name; its parameters have the types that the server finds.
pub fn parse(out: &mut Vec<u8>, name: &str, sql: &str) {
    let start = begin(out, b'P');
    text(out, name);
    text(out, sql);
    out.extend_from_slice(&[0; 2]);
    end(out, start);
}

/// Bind and Execute of a prepared statement, with `count` parameters that are encoded already: a length and bytes each.
pub fn execute(out: &mut Vec<u8>, name: &str, count: u16, params: &[u8]) {
    let start = begin(out, b'B');
    text(out, ""); // the unnamed portal
    text(out, name);
    out.extend_from_slice(&[0, 1, 0, 1]); // all parameters are binary
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(params);
    out.extend_from_slice(&[0, 1, 0, 1]); // so are all results
    end(out, start);
    let start = begin(out, b'E');
    text(out, "");
    out.extend_from_slice(&[0; 4]); // all rows
    end(out, start);
}

/// Query: a text of statements without parameters.
pub fn query(out: &mut Vec<u8>, sql: &str) {
    let start = begin(out, b'Q');
    text(out, sql);
    end(out, start);
}

/// Sync: the end of what an error skips.
pub fn sync(out: &mut Vec<u8>) {
    let start = begin(out, b'S');
    end(out, start);
}

/// Terminate.
pub fn terminate(out: &mut Vec<u8>) {
    let start = begin(out, b'X');
    end(out, start);
}

/// CancelRequest, which is a connection's only message.
pub fn cancel(process: i32, secret: i32) -> [u8; 16] {
    let mut out = [0; 16];
    out[..4].copy_from_slice(&16_u32.to_be_bytes());
    out[4..8].copy_from_slice(&80_877_102_u32.to_be_bytes());
    out[8..12].copy_from_slice(&process.to_be_bytes());
    out[12..].copy_from_slice(&secret.to_be_bytes());
    out
}

/// Takes the next whole message from the bytes that have come: its tag and its body. None if more has to come.
///
/// # Errors
/// If the bytes are no message.
pub fn next(from: &mut BytesMut) -> io::Result<Option<(u8, Bytes)>> {
    let Some(head) = from.get(..5) else { return Ok(None) };
    let tag = head[0];
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if !(4..=MAX_MESSAGE).contains(&length) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a message of the database has no valid length",
        ));
    }
    if from.len() < length + 1 {
        from.reserve(length + 1 - from.len());
        return Ok(None);
    }
    let mut message = from.split_to(length + 1).freeze();
    message.advance(5);
    Ok(Some((tag, message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read() {
        let mut out = vec![];
        parse(&mut out, "s1", "SELECT $1");
        execute(&mut out, "s1", 1, &[0, 0, 0, 1, b'x']);
        query(&mut out, "COMMIT");
        sync(&mut out);
        let mut from = BytesMut::from(&out[..]);
        let tags: Vec<u8> = std::iter::from_fn(|| next(&mut from).unwrap()).map(|(tag, _)| tag).collect();
        assert_eq!(tags, b"PBEQS");
        assert!(from.is_empty());
        for cut in 0..out.len() {
            let mut from = BytesMut::from(&out[..cut]);
            while next(&mut from).unwrap().is_some() {}
            assert!(from.len() <= cut);
        }
    }

    #[test]
    fn lengths_that_are_none() {
        for length in [0_u32, 3, 1 << 31] {
            let mut from = BytesMut::from(&[b"D".as_slice(), &length.to_be_bytes()].concat()[..]);
            assert!(next(&mut from).is_err());
        }
    }
}
