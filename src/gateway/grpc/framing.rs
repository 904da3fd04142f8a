//! The frame of a message: a byte that tells whether it is compressed, and its length.

use crate::failure::{Code, Failure, Result};
use prost::Message;

/// Bytes of a frame's head.
const HEAD: usize = 5;

/// The message in the body of a call.
///
/// # Errors
/// If there is not one whole message, or it is compressed, or none of its kind.
pub fn read<M: Message + Default>(body: &[u8]) -> Result<M> {
    let wrong = || Failure::invalid("the body is not one whole message");
    let (head, message) = body.split_first_chunk::<HEAD>().ok_or_else(wrong)?;
    let [is_compressed, length @ ..] = *head;
    if is_compressed != 0 {
        return Err(Failure::new(Code::Unimplemented, "compressed messages are not taken"));
    }
    if message.len() != u32::from_be_bytes(length) as usize {
        return Err(wrong());
    }
    M::decode(message)
        .map_err(|error| Failure::invalid(format!("the message is not what this call takes: {error}")))
}

/// The body that has a message.
pub fn written(message: &impl Message) -> Vec<u8> {
    let length = message.encoded_len();
    let mut out = Vec::with_capacity(HEAD + length);
    out.push(0);
    out.extend_from_slice(&(length as u32).to_be_bytes());
    message.encode_raw(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::super::messages::{FetchRequest, QueryRequest};
    use super::*;

    #[test]
    fn there_and_back() {
        let request = QueryRequest { top_k: 3, vector: vec![1.0, 2.0], ..QueryRequest::default() };
        let body = written(&request);
        assert_eq!(read::<QueryRequest>(&body).unwrap(), request);
        for cut in 0..body.len() {
            assert!(read::<QueryRequest>(&body[..cut]).is_err(), "{cut}");
        }
        assert!(read::<QueryRequest>(&[&body[..], b"x"].concat()).is_err());
        let mut compressed = body.clone();
        compressed[0] = 1;
        assert_eq!(read::<QueryRequest>(&compressed).unwrap_err().code, Code::Unimplemented);
        let other = written(&FetchRequest { ids: vec!["a".into()], namespace: "b".into() });
        assert!(read::<QueryRequest>(&other).is_err());
    }
}
