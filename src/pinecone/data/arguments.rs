//! Arguments that several functions of the data plane share.

use crate::pg::array_values::RawArray;
use crate::pg::error::{OrRaise, raise};
use crate::pg::spi::Mode;
use crate::pinecone::access::judge::guard::{self, Granted};
use crate::pinecone::registry::{Index, name_of};
use conifer_pure::Fault;
use conifer_pure::fault::state::{FEATURE_NOT_SUPPORTED, INVALID_PARAMETER_VALUE, NULL_VALUE_NOT_ALLOWED};
use conifer_pure::pinecone::access::level::Level;
use conifer_pure::pinecone::record::{batch, namespace, page_token};
use pgrx::AnyElement;

/// The index `name`, for a caller who reads its records in a namespace, and that namespace's stored form;
/// NULL is the default namespace.
///
/// # Errors
/// Raises 22004 for a NULL name, 42P01 if there is no such index, 42501 if the caller may not read, 22023 for a namespace
/// against the rules.
pub fn reading<'a>(action: &'static str, name: Option<&str>, space: Option<&'a str>) -> (Index, &'a str) {
    within(guard::records(action, name_of(name), Level::ReadOnly, Mode::Read), space)
}

/// As [`reading`], for a caller who writes.
///
/// # Errors
/// As [`reading`].
pub fn writing<'a>(action: &'static str, name: Option<&str>, space: Option<&'a str>) -> (Index, &'a str) {
    within(guard::records(action, name_of(name), Level::ReadWrite, Mode::Write), space)
}

fn within<'a>(granted: Granted<'_>, space: Option<&'a str>) -> (Index, &'a str) {
    let space = namespace(space);
    granted.require(space);
    (granted.index, space)
}

/// The stored form of a namespace; NULL is the default namespace.
///
/// # Errors
/// Raises 22023 for a name against the rules.
pub fn namespace(name: Option<&str>) -> &str {
    namespace::canonical(name.unwrap_or_default()).or_raise()
}

/// Checks a list of ids to look up: 1 to 1000 of them, none NULL.
///
/// # Errors
/// Raises 22023 or 22004.
pub fn check_ids(ids: &RawArray) {
    batch::check_count(ids.len(), "id").or_raise();
    if ids.contains_nulls() {
        null("an element of ids");
    }
}

/// How many rows a page has; 100 if that is not said.
///
/// # Errors
/// Raises 22023 for a number out of range.
pub fn page_limit(limit: Option<i32>, max: i32) -> i32 {
    let limit = limit.unwrap_or(100);
    if !(1..=max).contains(&limit) {
        invalid(format!("limit {limit} is not between 1 and {max}"));
    }
    limit
}

/// The name behind which a page of a query begins; none for the first page.
///
/// # Errors
/// Raises 22023 for a token that is none, or one of another query.
pub fn page_start(token: Option<&str>, query: &str) -> Option<String> {
    token.map(|token| page_token::last(token, query).or_raise())
}

/// SQL for the token of a page, as [`page_token::token`] makes it, from the digits of its query and the name it ends with.
pub fn next_token(query: &str, last: &str) -> String {
    format!(
        "{query} OPERATOR(pg_catalog.||) pg_catalog.encode(pg_catalog.convert_to({last}::pg_catalog.text, 'UTF8'), 'hex')"
    )
}

/// Refuses a sparse vector to be queried with.
///
/// # Errors
/// Raises 0A000.
pub fn sparse_query(vector: Option<&AnyElement>) {
    if vector.is_some() {
        raise(Fault::new(FEATURE_NOT_SUPPORTED, "sparse queries are not supported yet"));
    }
}

/// Raises 22023.
pub fn invalid(message: impl Into<String>) -> ! {
    raise(Fault::new(INVALID_PARAMETER_VALUE, message))
}

/// Raises 22004 for an argument that must not be NULL.
pub fn null(what: &str) -> ! {
    raise(Fault::new(NULL_VALUE_NOT_ALLOWED, format!("{what} must not be null")))
}
