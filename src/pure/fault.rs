//! Errors, in the words that users read.

use std::fmt;

/// An error: SQLSTATE, message, and what to do about it.
///
/// The pure parts return faults; the Postgres parts turn them into an `ereport(ERROR)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Five-character SQLSTATE; one of [`state`].
    pub state: &'static str,
    /// Primary message in Postgres style: lower case, no full stop, names the offending thing.
    pub message: String,
    /// More about the circumstances, if any.
    pub detail: Option<String>,
    /// What the user can do, if anything.
    pub hint: Option<String>,
}

/// The SQLSTATEs that faults carry.
pub mod state {
    /// `data_exception`
    pub const DATA_EXCEPTION: &str = "22000";
    /// `numeric_value_out_of_range`
    pub const NUMERIC_VALUE_OUT_OF_RANGE: &str = "22003";
    /// `null_value_not_allowed`
    pub const NULL_VALUE_NOT_ALLOWED: &str = "22004";
    /// `invalid_parameter_value`
    pub const INVALID_PARAMETER_VALUE: &str = "22023";
    /// `invalid_text_representation`
    pub const INVALID_TEXT_REPRESENTATION: &str = "22P02";
    /// `program_limit_exceeded`
    pub const PROGRAM_LIMIT_EXCEEDED: &str = "54000";
    /// `feature_not_supported`
    pub const FEATURE_NOT_SUPPORTED: &str = "0A000";
    /// `datatype_mismatch`
    pub const DATATYPE_MISMATCH: &str = "42804";
    /// `undefined_table`: an index that does not exist
    pub const UNDEFINED_TABLE: &str = "42P01";
    /// `undefined_column`
    pub const UNDEFINED_COLUMN: &str = "42703";
    /// `duplicate_table`: an index that exists already
    pub const DUPLICATE_TABLE: &str = "42P07";
    /// `object_in_use`: deletion protection
    pub const OBJECT_IN_USE: &str = "55006";
    /// `invalid_binary_representation`
    pub const INVALID_BINARY_REPRESENTATION: &str = "22P03";
    /// `protocol_violation`: a binary value that ends too early
    pub const PROTOCOL_VIOLATION: &str = "08P01";
    /// `disk_full`
    pub const DISK_FULL: &str = "53100";
    /// `out_of_memory`
    pub const OUT_OF_MEMORY: &str = "53200";
    /// `insufficient_resources`
    pub const INSUFFICIENT_RESOURCES: &str = "53000";
    /// `query_canceled`
    pub const QUERY_CANCELED: &str = "57014";
    /// `object_not_in_prerequisite_state`
    pub const OBJECT_NOT_IN_PREREQUISITE_STATE: &str = "55000";
    /// `wrong_object_type`
    pub const WRONG_OBJECT_TYPE: &str = "42809";
    /// `insufficient_privilege`
    pub const INSUFFICIENT_PRIVILEGE: &str = "42501";
    /// `invalid_authorization_specification`: no key in effect, or a key that is no longer valid
    pub const INVALID_AUTHORIZATION: &str = "28000";
    /// `invalid_password`: a text that is no key
    pub const INVALID_PASSWORD: &str = "28P01";
    /// `serialization_failure`
    pub const SERIALIZATION_FAILURE: &str = "40001";
    /// `foreign_key_violation`: a project is deleted that indexes belong to
    pub const FOREIGN_KEY_VIOLATION: &str = "23503";
    /// `undefined_object`: a project, a key or a role that does not exist
    pub const UNDEFINED_OBJECT: &str = "42704";
    /// `duplicate_object`
    pub const DUPLICATE_OBJECT: &str = "42710";
    /// `dependent_objects_still_exist`: a project that holds something
    pub const DEPENDENT_OBJECTS: &str = "2BP01";
    /// `io_error`
    pub const IO_ERROR: &str = "58030";
    /// `internal_error`: a bug of Conifer
    pub const INTERNAL_ERROR: &str = "XX000";
    /// `data_corrupted`: a stored value that cannot have been written
    pub const DATA_CORRUPTED: &str = "XX001";
    /// `index_corrupted`: an index that holds what cannot have been written
    pub const INDEX_CORRUPTED: &str = "XX002";
}

impl Fault {
    /// A fault with a message and nothing else.
    pub fn new(state: &'static str, message: impl Into<String>) -> Self {
        Self { state, message: message.into(), detail: None, hint: None }
    }

    /// Adds a DETAIL line.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds a HINT line.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

/// `text` in double quotes, cut off after 64 characters.
pub fn quoted(text: &str) -> String {
    const SHOWN: usize = 64;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("\"{}...\"", &text[..end]),
        None => format!("\"{text}\""),
    }
}

/// Result of a pure function that may fail.
pub type Result<T> = std::result::Result<T, Fault>;
