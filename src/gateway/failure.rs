//! What a caller is told when something cannot be done, whichever API it speaks.
//!
//! SDKs send a request again after every status from 500 on, and after 429. So whatever would fail again is a 4xx, and what may
//! succeed later has `Retry-After`.

use std::fmt;

/// The kinds of failure, with their names in the envelope of Pinecone's control plane and their numbers in gRPC's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request is wrong in itself.
    InvalidArgument,
    /// The request's JSON has not the shape of this operation.
    Unprocessable,
    /// No key, or one that is not valid.
    Unauthenticated,
    /// A key that may not do this, or something that protects itself.
    Forbidden,
    /// What is named does not exist.
    NotFound,
    /// What is to be made exists.
    AlreadyExists,
    /// Something else has to be done first.
    FailedPrecondition,
    /// Too much was asked for, or too much at once.
    ResourceExhausted,
    /// There is no such operation here yet.
    Unimplemented,
    /// The statement took too long.
    DeadlineExceeded,
    /// The database cannot be reached, or cannot take more.
    Unavailable,
    /// The caller went away.
    Cancelled,
    /// A bug, here or in the database.
    Internal,
}

impl Code {
    /// The name in the control plane's envelope.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::Unprocessable => "UNPROCESSABLE_ENTITY",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Cancelled => "ABORTED",
            Self::Internal => "UNKNOWN",
        }
    }

    /// The number of gRPC's status, which the data plane's envelope has as well.
    pub fn number(self) -> i32 {
        match self {
            Self::Cancelled => 1,
            Self::InvalidArgument | Self::Unprocessable => 3,
            Self::DeadlineExceeded => 4,
            Self::NotFound => 5,
            Self::AlreadyExists => 6,
            Self::Forbidden => 7,
            Self::ResourceExhausted => 8,
            Self::FailedPrecondition => 9,
            Self::Unimplemented => 12,
            Self::Internal => 13,
            Self::Unavailable => 14,
            Self::Unauthenticated => 16,
        }
    }

    /// The status of HTTP.
    pub fn status(self) -> u16 {
        match self {
            // None of these becomes better by being sent again, which SDKs would do after 501 and 504.
            Self::InvalidArgument | Self::Unimplemented | Self::DeadlineExceeded => 400,
            Self::Unprocessable => 422,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::AlreadyExists => 409,
            Self::FailedPrecondition => 412,
            Self::ResourceExhausted => 429,
            Self::Unavailable => 503,
            Self::Cancelled => 499,
            Self::Internal => 500,
        }
    }
}

/// A failure: what it is, and the words that the caller will read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind it is.
    pub code: Code,
    /// The status of HTTP, where it is not that of the code.
    status: Option<u16>,
    /// The words.
    pub message: String,
    /// Seconds after which it may be tried again.
    pub retry_after: Option<u32>,
    /// The database's SQLSTATE, for the log.
    pub sqlstate: Option<[u8; 5]>,
}

impl Failure {
    /// A failure of a kind.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, status: None, message: message.into(), retry_after: None, sqlstate: None }
    }

    /// A request that is wrong in itself.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// A request without a key that is valid.
    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "Invalid API Key")
    }

    /// An operation that does not exist here yet.
    pub fn unimplemented(what: &str) -> Self {
        Self::new(Code::Unimplemented, format!("{what} are not available on this server yet"))
    }

    /// A request that is larger than is taken.
    pub fn too_large(max: usize) -> Self {
        let mut failure = Self::new(Code::InvalidArgument, format!("the request is larger than {max} bytes"));
        failure.status = Some(413);
        failure
    }

    /// A path that nothing is at.
    pub fn no_such_path(path: &str) -> Self {
        let shown: String = path.chars().take(200).collect();
        Self::new(Code::NotFound, format!("there is nothing at {shown}"))
    }

    /// A path that something is at, for other methods.
    pub fn method_not_allowed() -> Self {
        let mut failure = Self::new(Code::InvalidArgument, "there is no such method at this path");
        failure.status = Some(405);
        failure
    }

    /// A request that comes too slowly.
    pub fn too_slow() -> Self {
        let mut failure = Self::new(Code::InvalidArgument, "the request did not arrive in time");
        failure.status = Some(408);
        failure
    }

    /// More requests than can wait.
    pub fn busy(message: impl Into<String>) -> Self {
        Self { retry_after: Some(1), ..Self::new(Code::ResourceExhausted, message) }
    }

    /// A database that cannot be reached or takes no more.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { retry_after: Some(1), ..Self::new(Code::Unavailable, message) }
    }

    /// A bug. What it is, is for the log: the caller is told no more than that.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// The same failure in other words.
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The status of HTTP.
    pub fn status(&self) -> u16 {
        self.status.unwrap_or_else(|| self.code.status())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Result of what may fail with something to tell the caller.
pub type Result<T> = std::result::Result<T, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_fail_again_is_not_sent_again() {
        for failure in [
            Failure::invalid("x"),
            Failure::unimplemented("backups"),
            Failure::too_large(1),
            Failure::new(Code::DeadlineExceeded, "x"),
            Failure::new(Code::Unprocessable, "x"),
        ] {
            assert!((400..429).contains(&failure.status()), "{failure:?}");
            assert_eq!(failure.retry_after, None);
        }
        assert_eq!(Failure::busy("x").status(), 429);
        assert_eq!(
            (Failure::unavailable("x").status(), Failure::unavailable("x").retry_after),
            (503, Some(1))
        );
    }
}
