//! `metadata @@@ filter`.
//!
//! It is leakproof: while rows are read it raises nothing, whatever is in them, and whatever is asked of them. That a filter is
//! invalid is raised when the statement is planned, if it stands there; else the answer is NULL.
#![allow(unsafe_code)]

use super::parsed_filter::{constant, parsed, with_filter};
use crate::pg::error::OrRaise;
use crate::pg::fmgr::{Returned, argument, export};
use crate::pg::varlena::detoast_packed;
use conifer_pure::jsonb::Container;
use conifer_pure::pinecone::filter::Filter;
use pgrx::PgList;
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

// The planner's request about a call of `filter_matches`: refuses an invalid filter before any row is read, and leaves the call as it is.
export!(filter_support, |fcinfo| {
    // SAFETY: the planner passes a node.
    unsafe {
        checked_call(argument(fcinfo, 0));
        pg_sys::Datum::null()
    }
});

// The same about a call of `pc_filter_matches`, for which it puts the operator of the function's schema: indexes serve that.
export!(filter_function_support, |fcinfo| {
    // SAFETY: the planner passes a node. What it makes of two arguments is what the parser makes of the operator between them.
    unsafe {
        let Some(call) = checked_call(argument(fcinfo, 0)) else { return pg_sys::Datum::null() };
        let mut name = PgList::<pg_sys::String>::new();
        name.push(pg_sys::makeString(pg_sys::get_namespace_name(pg_sys::get_func_namespace(call.funcid))));
        name.push(pg_sys::makeString(pg_sys::pstrdup(c"@@@".as_ptr())));
        let operator = pg_sys::OpernameGetOprid(name.into_pg(), pg_sys::JSONBOID, pg_sys::JSONBOID);
        let arguments = PgList::<pg_sys::Expr>::from_pg(call.args);
        let (Some(metadata), Some(filter)) = (arguments.get_ptr(0), arguments.get_ptr(1)) else {
            return pg_sys::Datum::null();
        };
        if operator == pg_sys::InvalidOid {
            return pg_sys::Datum::null();
        }
        let (kind, none) = (pg_sys::BOOLOID, pg_sys::InvalidOid);
        let made = pg_sys::make_opclause(operator, kind, false, metadata, filter, none, call.inputcollid);
        pg_sys::set_opfuncid(made.cast());
        (*made.cast::<pg_sys::OpExpr>()).location = call.location;
        pg_sys::Datum::from(made)
    }
});

/// The call that the planner would simplify, if that is its request. Its second argument is a filter.
///
/// # Errors
/// Raises 22023 for an invalid filter that is a constant.
///
/// # Safety
/// `request` is a node, whose tag tells its type.
unsafe fn checked_call<'a>(request: pg_sys::Datum) -> Option<&'a pg_sys::FuncExpr> {
    // SAFETY: the caller vouches for the node.
    unsafe {
        let request = request.cast_mut_ptr::<pg_sys::Node>();
        if (*request).type_ != pg_sys::NodeTag::T_SupportRequestSimplify {
            return None;
        }
        let call = &*(*request.cast::<pg_sys::SupportRequestSimplify>()).fcall;
        if let Some(filter) = constant(call.args, 1) {
            parsed(filter).or_raise();
        }
        Some(call)
    }
}
