//! Whether a function is called as the step of an aggregate.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// Whether the function is called as the step of an aggregate, also in a window. Then the first
/// argument is the state, which the server keeps for the aggregate alone: it may be changed in place.
///
/// # Safety
/// `fcinfo` is that of the running call.
#[inline]
#[must_use]
pub unsafe fn is_state(fcinfo: pg_sys::FunctionCallInfo) -> bool {
    // SAFETY: the caller vouches for fcinfo; its context is null or a node, which starts with its tag.
    // This is what AggCheckCallContext() looks at, without the cost of a guarded call.
    unsafe {
        let context = (*fcinfo).context;
        !context.is_null()
            && matches!((*context).type_, pg_sys::NodeTag::T_AggState | pg_sys::NodeTag::T_WindowAggState)
    }
}
