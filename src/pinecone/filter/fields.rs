//! The option `fields` of the class `pc_filter_ops` of GIN: a JSON list of the fields whose values an index keeps. Without it the
//! index keeps all.
#![allow(unsafe_code)]

use crate::pg::error::OrRaise;
use crate::pg::fmgr::{argument, export};
use conifer_pure::pinecone::filter::Fields;
use pgrx::{PgMemoryContexts, pg_guard, pg_sys};
use std::ffi::{CStr, c_char};
use std::mem::offset_of;

/// The options as the server keeps them: a varlena.
#[repr(C)]
struct Options {
    header: i32,
    /// Where the text of `fields` begins, in bytes from the header; 0 if it is not set.
    fields: i32,
}

/// The fields that the index keeps whose support function is called; none if it keeps all.
///
/// # Safety
/// `fcinfo` is that of a support function of `pc_filter_ops` that keeps nothing else for its calls.
pub unsafe fn of_call<'a>(fcinfo: pg_sys::FunctionCallInfo) -> Option<&'a Fields> {
    // SAFETY: the server passes the options with the function, as a varlena of the form that `gin_filter_options` declares; what
    // `fn_extra` points to was put there below, and lives as long as `fn_mcxt`, which outlives the call.
    unsafe {
        let call = (*fcinfo).flinfo.as_mut()?;
        if call.fn_extra.is_null() {
            if !pg_sys::has_fn_opclass_options(call) {
                return None;
            }
            let options = pg_sys::get_fn_opclass_options(call).cast::<Options>();
            let place = (*options).fields;
            if place == 0 {
                return None;
            }
            let text = CStr::from_ptr(options.cast::<c_char>().add(place as usize));
            let fields = Fields::parse(&text.to_string_lossy()).or_raise();
            call.fn_extra = PgMemoryContexts::For(call.fn_mcxt).leak_and_drop_on_delete(fields).cast();
        }
        call.fn_extra.cast::<Fields>().as_ref()
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn validate(value: *const c_char) {
    if !value.is_null() {
        // SAFETY: the server passes a C string.
        let text = unsafe { CStr::from_ptr(value) };
        Fields::parse(&text.to_string_lossy()).or_raise();
    }
}

// (options: local_relopts *) returns void
export!(gin_filter_options, |fcinfo| {
    // SAFETY: the server passes options to be declared; the offset is that of an integer in the struct, whose texts follow it.
    unsafe {
        let options = argument(fcinfo, 0).cast_mut_ptr::<pg_sys::local_relopts>();
        pg_sys::init_local_reloptions(options, size_of::<Options>());
        pg_sys::add_local_string_reloption(
            options,
            c"fields".as_ptr(),
            c"JSON list of the fields whose values the index keeps".as_ptr(),
            std::ptr::null(),
            Some(validate),
            None,
            offset_of!(Options, fields) as i32,
        );
    }
    pg_sys::Datum::null()
});
