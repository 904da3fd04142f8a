//! Filters that are parsed once for all rows of a statement.
#![allow(unsafe_code)]

use crate::pg::error::OrRaise;
use crate::pg::jsonb::Json;
use crate::pg::varlena::detoast_packed;
use conifer_pure::Fault;
use conifer_pure::Result;
use conifer_pure::fault::state::{FEATURE_NOT_SUPPORTED, INVALID_PARAMETER_VALUE};
use conifer_pure::jsonb::{Container, exceeds};
use conifer_pure::memory::allocation::collected;
use conifer_pure::pinecone::filter::{Filter, MAX_BYTES, parse};
use pgrx::{PgMemoryContexts, pg_sys};

/// What a call keeps from row to row, as long as its memory context.
struct Kept {
    /// None if it is invalid.
    filter: Option<Filter>,
    /// What the filter was parsed from; none if the argument is a constant of the statement.
    source: Option<Vec<u8>>,
}

/// Hands on the filter that is argument number `i` of a call. It is parsed unless the call before had the same. An invalid one
/// gives nothing.
///
/// Raises 22023 for an invalid filter that is a constant of the statement. The planner has refused that before
/// (`operator.rs`); an error while rows are read, of a column or a parameter, would tell which of them have been read, and with
/// that of rows that a policy hides.
///
/// # Safety
/// `fcinfo` is that of the function being called, which keeps nothing else for its calls; `datum` is its argument `i`, a jsonb.
pub unsafe fn with_filter<R>(
    fcinfo: pg_sys::FunctionCallInfo,
    i: usize,
    datum: pg_sys::Datum,
    then: impl FnOnce(&Filter) -> R,
) -> Option<R> {
    // SAFETY: the caller vouches for both; what `fn_extra` points to was put there below, and lives as long as `fn_mcxt`.
    unsafe {
        let Some(call) = (*fcinfo).flinfo.as_mut() else { return valid(datum).as_ref().map(then) };
        if let Some(kept) = call.fn_extra.cast::<Kept>().as_mut() {
            if let Some(source) = &kept.source {
                let given = detoast_packed(datum);
                if source != given.bytes() {
                    *kept = Kept { filter: valid(datum), source: Some(copied(given.bytes())) };
                }
            }
            return kept.filter.as_ref().map(then);
        }
        let kept = if is_constant(call, i) {
            Kept { filter: Some(parsed(datum).or_raise()), source: None }
        } else {
            Kept { filter: valid(datum), source: Some(copied(detoast_packed(datum).bytes())) }
        };
        let kept = PgMemoryContexts::For(call.fn_mcxt).leak_and_drop_on_delete(kept);
        call.fn_extra = kept.cast();
        (*kept).filter.as_ref().map(then)
    }
}

fn copied(bytes: &[u8]) -> Vec<u8> {
    collected(bytes.iter().copied()).or_raise()
}

/// A filter, or nothing if it is invalid.
///
/// # Safety
/// `datum` is a jsonb.
pub unsafe fn valid(datum: pg_sys::Datum) -> Option<Filter> {
    // SAFETY: the caller vouches for the datum.
    match unsafe { parsed(datum) } {
        Err(fault) if [INVALID_PARAMETER_VALUE, FEATURE_NOT_SUPPORTED].contains(&fault.state) => None,
        filter => Some(filter.or_raise()),
    }
}

/// A filter.
///
/// # Errors
/// 22023 if it is invalid, 0A000 if it is not in UTF-8.
///
/// # Safety
/// `datum` is a jsonb.
pub unsafe fn parsed(datum: pg_sys::Datum) -> Result<Filter> {
    // SAFETY: the caller vouches for the datum.
    let bytes = unsafe { detoast_packed(datum) };
    if let Some(value) = Container::new(bytes.bytes())
        && exceeds(value, MAX_BYTES)?
    {
        // The server would raise for a text of a gigabyte.
        return Err(Fault::new(
            INVALID_PARAMETER_VALUE,
            format!("filter size exceeds the limit of {MAX_BYTES} bytes"),
        ));
    }
    // SAFETY: the caller vouches for the datum, whose text is read before it goes.
    parse(unsafe { Json::from_datum(datum) }.checked_text()?)
}

/// Whether an argument is a constant of the expression that a call stands in.
///
/// Parameters are not: PL/pgSQL evaluates an expression with others each time.
unsafe fn is_constant(call: &pg_sys::FmgrInfo, i: usize) -> bool {
    // SAFETY: the expression is null or a node, whose tag tells its type.
    unsafe {
        let Some(node) = call.fn_expr.as_ref() else { return false };
        let arguments = match node.type_ {
            pg_sys::NodeTag::T_OpExpr => (*call.fn_expr.cast::<pg_sys::OpExpr>()).args,
            pg_sys::NodeTag::T_FuncExpr => (*call.fn_expr.cast::<pg_sys::FuncExpr>()).args,
            _ => return false,
        };
        constant(arguments, i).is_some()
    }
}

/// The value of an argument that is a constant other than NULL.
///
/// # Safety
/// `arguments` is null or a list of nodes.
pub unsafe fn constant(arguments: *const pg_sys::List, i: usize) -> Option<pg_sys::Datum> {
    // SAFETY: the element is in the list; the tag of a node tells its type.
    unsafe {
        let list = arguments.as_ref().filter(|list| i < list.length as usize)?;
        let node = (*list.elements.add(i)).ptr_value.cast::<pg_sys::Node>();
        if (*node).type_ != pg_sys::NodeTag::T_Const {
            return None;
        }
        let constant = &*node.cast::<pg_sys::Const>();
        (!constant.constisnull).then_some(constant.constvalue)
    }
}
