//! What an operation answers.

use crate::context::Lsn;

/// Status, body and position.
#[derive(Debug)]
pub struct Output {
    /// The status of HTTP.
    pub status: u16,
    /// JSON, or nothing.
    pub body: Vec<u8>,
    /// For the headers.
    pub lsn: Option<Lsn>,
}

impl Output {
    /// 200 with a body.
    pub fn ok(body: Vec<u8>, lsn: Lsn) -> Self {
        Self { status: 200, body, lsn: Some(lsn) }
    }
}
