//! An error that the database reports, and what a caller is told of it.

use crate::failure::{Code, Failure};

/// The fields of an ErrorResponse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerError {
    /// SQLSTATE.
    pub sqlstate: [u8; 5],
    /// The primary message.
    pub message: String,
    /// DETAIL, if any.
    pub detail: Option<String>,
    /// HINT, if any.
    pub hint: Option<String>,
    /// Whether the session ends by it.
    pub is_fatal: bool,
}

impl ServerError {
    /// Reads the body of an ErrorResponse or NoticeResponse: fields of a byte and a C string each.
    pub fn parse(mut body: &[u8]) -> Self {
        let mut error = Self { sqlstate: *b"XX000", ..Self::default() };
        while let Some((&kind, rest)) = body.split_first() {
            let Some(end) = rest.iter().position(|byte| *byte == 0) else { break };
            let text = || String::from_utf8_lossy(&rest[..end]).into_owned();
            match kind {
                b'C' => error.sqlstate = rest[..end].try_into().unwrap_or(*b"XX000"),
                b'M' => error.message = text(),
                b'D' => error.detail = Some(text()),
                b'H' => error.hint = Some(text()),
                b'V' => error.is_fatal = matches!(&rest[..end], b"FATAL" | b"PANIC"),
                _ => {}
            }
            body = &rest[end + 1..];
        }
        error
    }

    /// SQLSTATE as text.
    pub fn state(&self) -> &str {
        str::from_utf8(&self.sqlstate).unwrap_or("XX000")
    }

    /// Whether the same transaction may succeed if it is run again at once: a serialization failure, or a deadlock.
    pub fn may_be_run_again(&self) -> bool {
        matches!(self.state(), "40001" | "40P01")
    }

    /// Whether the session is of no more use: it ends, or what it has prepared no longer fits the database.
    pub fn spoils_session(&self) -> bool {
        self.is_fatal || self.state().starts_with("XX") || matches!(self.state(), "42883" | "26000" | "25006")
    }

    /// Message, detail and hint, as sentences.
    fn words(&self) -> String {
        let mut words = self.message.clone();
        for more in [&self.detail, &self.hint].into_iter().flatten() {
            words.push_str(if words.ends_with('.') { " " } else { ". " });
            words.push_str(more);
        }
        words
    }

    /// What the caller of the request is told.
    pub fn failure(&self) -> Failure {
        let mut failure = match self.state() {
            "28000" | "28P01" => Failure::unauthenticated(),
            "42501" | "55006" => Failure::new(Code::Forbidden, self.words()),
            "42P01" | "42704" => Failure::new(Code::NotFound, self.message.clone()),
            "42P07" | "42710" => Failure::new(Code::AlreadyExists, self.words()),
            "0A000" => Failure::new(Code::Unimplemented, self.words()),
            "55000" | "25006" | "2BP01" => Failure::new(Code::FailedPrecondition, self.words()),
            "57014" => Failure::new(
                Code::DeadlineExceeded,
                "the statement took longer than the gateway's statement-timeout, or was cancelled",
            ),
            "40001" | "40P01" => {
                Failure::unavailable("others have changed the same records at the same time")
            }
            "53300" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "55P03" => {
                Failure::unavailable("the database takes no requests at the moment")
            }
            state => match &state[..2] {
                "22" | "23" | "54" | "2B" => Failure::invalid(self.words()),
                "53" | "58" | "08" => {
                    Failure::unavailable("the database is short of resources at the moment")
                }
                // A statement of the gateway's that the database does not know, or a bug: the log has more.
                _ => Failure::internal(format!("the database reports an error ({state})")),
            },
        };
        failure.sqlstate = Some(self.sqlstate);
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(state: &str) -> ServerError {
        ServerError::parse(format!("SERROR\0VERROR\0C{state}\0Mmessage\0Ddetail\0HHint.\0\0").as_bytes())
    }

    #[test]
    fn fields() {
        let parsed = error("22023");
        assert_eq!(parsed.words(), "message. detail. Hint.");
        assert!(!parsed.is_fatal);
        assert_eq!(ServerError::parse(b"").state(), "XX000");
        assert_eq!(ServerError::parse(b"C1\0M").state(), "XX000");
        assert!(ServerError::parse(b"VFATAL\0C57P01\0Mbye\0\0").spoils_session());
    }

    #[test]
    fn statuses() {
        for (state, status) in [
            ("28P01", 401),
            ("28000", 401),
            ("42501", 403),
            ("55006", 403),
            ("42P01", 404),
            ("42704", 404),
            ("42P07", 409),
            ("42710", 409),
            ("0A000", 400),
            ("22023", 400),
            ("23514", 400),
            ("54000", 400),
            ("22P02", 400),
            ("57014", 400),
            ("25006", 412),
            ("40001", 503),
            ("53300", 503),
            ("57P01", 503),
            ("53200", 503),
            ("XX000", 500),
            ("42883", 500),
        ] {
            let failure = error(state).failure();
            assert_eq!(failure.status(), status, "{state}");
            assert_eq!(failure.retry_after.is_some(), status == 503, "{state}");
        }
    }

    #[test]
    fn a_bug_tells_no_words_of_the_database() {
        assert!(!error("XX000").failure().message.contains("detail"));
    }
}
