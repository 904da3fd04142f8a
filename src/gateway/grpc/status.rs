//! The end of a call: its status, in trailers behind a message, or among the headers of an answer that has none.

use crate::failure::Failure;
use crate::http::percent::encode_message;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

/// The status of gRPC.
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// Its words.
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The status of a call that has succeeded.
pub fn ok() -> HeaderMap {
    HeaderMap::from_iter([(STATUS, HeaderValue::from_static("0"))])
}

/// The status of one that has failed.
pub fn failed(failure: &Failure) -> HeaderMap {
    let mut headers = HeaderMap::from_iter([(STATUS, HeaderValue::from(failure.code.number()))]);
    if let Ok(message) = HeaderValue::from_str(&encode_message(&failure.message)) {
        headers.insert(MESSAGE, message);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        assert_eq!(ok()[STATUS], "0");
        let headers = failed(&Failure::invalid("no \"ä\"\n"));
        assert_eq!(
            (&headers[STATUS], &headers[MESSAGE]),
            (&HeaderValue::from(3), &HeaderValue::from_static("no \"%C3%A4\"%0A"))
        );
    }
}
