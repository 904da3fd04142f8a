//! `metadata @@@ filter`.
//!
//! It is leakproof: while rows are read it raises nothing, whatever is in them, and whatever is asked of them. That a filter is
//! invalid is raised when the statement is planned, if it stands there; else the answer is NULL.
#![allow(unsafe_code)]

use super::kept::{constant, parsed, with_filter};
use crate::pg::error::OrRaise;
use crate::pg::fmgr::{Returned, argument, export};
use crate::pg::varlena::detoast_packed;
use conifer_pure::jsonb::Container;
use conifer_pure::pinecone::filter::Filter;
use pgrx::pg_sys;

export!(filter_matches, |fcinfo| {
    // SAFETY: both arguments are declared as jsonb; the second is that of the function being called.
    unsafe {
        let metadata = detoast_packed(argument(fcinfo, 0));
        let metadata = Container::new(metadata.bytes());
        let matches = |filter: &Filter| metadata.is_some_and(|metadata| filter.matches(&metadata));
        match with_filter(fcinfo, 1, argument(fcinfo, 1), matches) {
            Some(matches) => matches.datum(),
            None => {
                (*fcinfo).isnull = true;
                pg_sys::Datum::null()
            }
        }
    }
});

// The planner's request about a call: refuses an invalid filter before any row is read, and leaves the call as it is.
export!(filter_support, |fcinfo| {
    // SAFETY: the planner passes a node, whose tag tells its type; the arguments are those of `filter_matches`.
    unsafe {
        let request = argument(fcinfo, 0).cast_mut_ptr::<pg_sys::Node>();
        if (*request).type_ == pg_sys::NodeTag::T_SupportRequestSimplify {
            let call = (*request.cast::<pg_sys::SupportRequestSimplify>()).fcall;
            if let Some(filter) = constant((*call).args, 1) {
                parsed(filter).or_raise();
            }
        }
        pg_sys::Datum::null()
    }
});
