//! `pc_text_ops`: GIN over a text that is looked up as a whole, as the namespace before metadata. It is what `btree_gin` has for
//! `=`, without that extension.
#![allow(unsafe_code)]

use crate::pg::fmgr::{Returned, argument, export};
use pgrx::pg_sys;

/// The one key of a text.
///
/// # Safety
/// `fcinfo` is that of a function whose first argument is a text, and the second a pointer to the number of keys.
unsafe fn only_key(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: the caller vouches for the arguments; palloc gives as much as is asked for, or raises.
    unsafe {
        argument(fcinfo, 1).cast_mut_ptr::<i32>().write(1);
        let list = pg_sys::palloc(size_of::<pg_sys::Datum>()).cast::<pg_sys::Datum>();
        list.write(pg_sys::pg_detoast_datum_packed(argument(fcinfo, 0).cast_mut_ptr()).into());
        pg_sys::Datum::from(list)
    }
}

// (value text, number of keys: int4 *, null flags: bool **) returns Datum *
export!(gin_text_extract_value, |fcinfo| {
    // SAFETY: the arguments are as declared.
    unsafe { only_key(fcinfo) }
});

// (value text, number of keys: int4 *, strategy, partial, extra, null flags, mode) returns Datum *
export!(gin_text_extract_query, |fcinfo| {
    // SAFETY: the arguments are as declared.
    unsafe { only_key(fcinfo) }
});

// (has: bool *, strategy, value text, number of keys, extra, recheck: bool *, keys, null flags) returns bool
export!(gin_text_consistent, |fcinfo| {
    // SAFETY: the arguments are as declared; GIN passes a pointer for the flag, and one byte for the one key.
    unsafe {
        argument(fcinfo, 5).cast_mut_ptr::<bool>().write(false);
        (*argument(fcinfo, 0).cast_mut_ptr::<bool>()).datum()
    }
});

// (has: GinTernaryValue *, strategy, value text, number of keys, extra, keys, null flags) returns GinTernaryValue
export!(gin_text_triconsistent, |fcinfo| {
    // SAFETY: the arguments are as declared; GIN passes one byte for the one key.
    pg_sys::Datum::from(unsafe { *argument(fcinfo, 0).cast_mut_ptr::<u8>() })
});
