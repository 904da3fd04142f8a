//! The text of a statement under way, without the API keys in it.
//!
//! Other libraries keep texts: pg_stat_statements keeps the texts of commands as they came, and of a query whose entry is gone
//! when it ends. By then the text is parsed, and so are the statements after it: their meaning stays.
#![allow(unsafe_code)]

use conifer_pure::pinecone::access::api_key::{has_secret, mask};
use pgrx::prelude::*;
use std::ffi::{CStr, c_char};

/// The client's text that was masked last, and its time: one text may hold thousands of statements.
static mut MASKED: (*const c_char, pg_sys::TimestampTz) = (std::ptr::null(), 0);

/// The text, or a copy of it in the current memory context, where the statement at `location`, of `len` bytes or up to the
/// end of the text, holds no secret.
///
/// # Safety
/// `text` is a text that the server has parsed, or null.
#[pg_guard]
pub unsafe extern "C-unwind" fn without_secrets(
    text: *const c_char,
    location: i32,
    len: i32,
) -> *const c_char {
    // SAFETY: called by the backend's only thread. The client's text is a message in the backend's memory, or a copy of a
    // message in a portal or prepared statement, and is changed in place, as other hooks have a pointer to it already. Any
    // other text may lie anywhere, and is copied.
    unsafe {
        if text.is_null() {
            return text;
        }
        let own = pg_sys::debug_query_string;
        // The comparison ends where the texts differ: a trigger's statement, run for each row, must not cost a pass over a
        // client's megabytes.
        let sent = text == own || !own.is_null() && libc::strcmp(text, own) == 0;
        let message = (own, pg_sys::GetCurrentStatementStartTimestamp());
        if !own.is_null() && MASKED != message {
            MASKED = message;
            if mask_in_place(own) {
                pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, own);
            }
        }
        if sent {
            if text != own {
                mask_in_place(text);
            }
            return text;
        }
        // A query of a rule keeps its length in another text.
        let all = CStr::from_ptr(text).to_bytes();
        let from = usize::try_from(location).unwrap_or(0).min(all.len());
        let own = &all[from..];
        let len =
            usize::try_from(len).ok().filter(|len| *len > 0).map_or(own.len(), |len| len.min(own.len()));
        if !has_secret(&own[..len]) {
            return text;
        }
        let copy = pg_sys::pstrdup(text);
        mask_in_place(copy);
        copy
    }
}

/// Masks the secrets in a text; true if there was one.
///
/// # Safety
/// `text` is a C string in memory that may be changed.
pub(super) unsafe fn mask_in_place(text: *const c_char) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        let len = CStr::from_ptr(text).count_bytes();
        mask(std::slice::from_raw_parts_mut(text.cast_mut().cast(), len))
    }
}
