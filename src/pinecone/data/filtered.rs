//! Metadata filters as the functions take them.

use super::arguments::{invalid, null};
use crate::pg::error::OrRaise;
use crate::pg::jsonb::Json;
use crate::pg::settings;
use crate::pg::spi::{Param, Planning};
use crate::pinecone::engine_types::schema_of;
use crate::pinecone::registry::Index;
use conifer_pure::pinecone::filter::parse;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::ffi::CStr;

/// Bytes of a filter beyond which it is not kept.
const MAX_KEPT: usize = 1 << 10;

thread_local! {
    /// The filter of a query that was found valid last, as bytes of a `jsonb`: sessions ask with the same again and again.
    static VALID: RefCell<Vec<u8>> = const { RefCell::new(vec![]) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    VALID.with(|_| ());
}

/// A valid filter that is not for all records.
pub struct Filtered {
    filter: Json,
    /// The operator's schema: that of the functions.
    schema: String,
}

impl Filtered {
    /// The filter of a query; none if it is absent, or for all records.
    ///
    /// # Errors
    /// Raises 22023 for an invalid one.
    pub fn of_query(filter: Option<Json>, fcinfo: pg_sys::FunctionCallInfo) -> Option<Self> {
        let filter = filter?;
        let packed = filter.packed();
        let bytes = packed.bytes();
        if VALID.with_borrow(|valid| valid != bytes) {
            let text = filter.text();
            parse(text).or_raise();
            if text == "{}" {
                return None;
            }
            if bytes.len() <= MAX_KEPT {
                VALID.set(bytes.to_vec());
            }
        }
        Some(Self { filter, schema: schema_of(fcinfo) })
    }

    /// The filter of what must not be for all records by mistake.
    ///
    /// # Errors
    /// Raises 22004 if there is none, 22023 for an invalid one and for the empty one.
    pub fn required(filter: Option<Json>, fcinfo: pg_sys::FunctionCallInfo) -> Self {
        let filter = filter.unwrap_or_else(|| null("filter"));
        Self::of_query(Some(filter), fcinfo).unwrap_or_else(|| invalid("filter must not be empty"))
    }

    /// The filter as JSON text.
    pub fn text(&self) -> &str {
        self.filter.text()
    }

    /// SQL for the condition, with the filter as parameter number `i`.
    pub fn condition(&self, i: usize) -> String {
        format!("metadata OPERATOR({}.@@@) ${i}", self.schema)
    }

    /// The parameter.
    pub fn param(&self) -> Param {
        Param::of(pg_sys::JSONBOID, Some(self.filter.datum()))
    }
}

/// A plan for each filter, as some match nearly all records and others a few.
const CUSTOM: [(&CStr, &CStr); 1] = [(c"plan_cache_mode", c"force_custom_plan")];
/// Runs a statement that has a filter, if `filter` is one.
pub fn with_filter<R>(filter: Option<&Filtered>, run: impl FnOnce() -> R) -> R {
    if filter.is_some() { settings::with(&CUSTOM, run) } else { run() }
}

/// Runs a statement for the nearest of an index's records that match, if `filter` is one, planned as the statement is told.
///
/// A scan of `hnsw` that is given the filter decides between walk and GIN for each filter, so that planning for each, which takes as
/// long as many a scan, gains nothing. The index of a user's table may be another one, which tests the filter row by row.
pub fn nearest_with_filter<R>(
    filter: Option<&Filtered>,
    index: &Index,
    run: impl FnOnce(Planning) -> R,
) -> R {
    match filter {
        Some(_) if !index.is_view => run(Planning::Generic),
        _ => with_filter(filter, || run(Planning::Auto)),
    }
}
