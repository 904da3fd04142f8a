//! No secret reaches the server's log, a client's error or the view of activities, whatever is logged.
#![allow(unsafe_code)]

use conifer_pure::access::key::mask;
use pgrx::prelude::*;
use std::ffi::{CStr, CString, c_char};

static mut NEXT: pg_sys::emit_log_hook_type = None;

/// Puts the hook in place.
pub fn init() {
    // SAFETY: called once, when the library is loaded, by the backend's only thread.
    unsafe {
        NEXT = pg_sys::emit_log_hook;
        pg_sys::emit_log_hook = Some(emit);
    }
}

/// Strikes the secrets out of what `pg_stat_activity` shows of this session.
pub fn hide_activity() {
    // SAFETY: the text of the statement under way, or null.
    unsafe {
        if let Some(text) = hidden(pg_sys::debug_query_string) {
            pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, text.as_ptr());
        }
    }
}

/// # Safety
/// `text` is a C string or null.
unsafe fn hidden(text: *const c_char) -> Option<CString> {
    if text.is_null() {
        return None;
    }
    // SAFETY: as the caller says.
    let mut text = unsafe { CStr::from_ptr(text) }.to_bytes().to_vec();
    if mask(&mut text) { CString::new(text).ok() } else { None }
}

// Raises nothing, as it runs while an error is on its way; a panic could only come from an allocation that fails.
unsafe extern "C-unwind" fn emit(error: *mut pg_sys::ErrorData) {
    // SAFETY: the server's error data; texts in it live in its own memory context, where the new ones go, too.
    unsafe {
        let data = &mut *error;
        let context = data.assoc_context;
        let texts = [
            &mut data.message,
            &mut data.detail,
            &mut data.detail_log,
            &mut data.hint,
            &mut data.context,
            &mut data.internalquery,
        ];
        for text in texts {
            if let Some(masked) = hidden(*text) {
                *text = pg_sys::MemoryContextStrdup(context, masked.as_ptr());
            }
        }
        if let Some(text) = hidden(pg_sys::debug_query_string) {
            data.hide_stmt = true;
            // It stays to be seen until the session's next statement.
            if data.elevel >= PgLogLevel::ERROR as i32 {
                pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, text.as_ptr());
            }
        }
        if let Some(next) = NEXT {
            next(error);
        }
    }
}
