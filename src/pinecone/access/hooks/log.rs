//! Keeps secrets out of the server's log, clients' errors and `pg_stat_activity`; and what looks like a line of the audit and is none, out of the log.
#![allow(unsafe_code)]

use super::text::mask_in_place;
use crate::pinecone::access::refusal::{MARK, is_writing};
use crate::pinecone::access::session::partial::is_log_kept;
use conifer_pure::pinecone::access::api_key::has_secret;
use pgrx::prelude::*;
use std::ffi::{CStr, c_char};

static mut NEXT: pg_sys::emit_log_hook_type = None;

/// Puts the hook in place.
pub fn init() {
    // SAFETY: called once, when the library is loaded, by the backend's only thread.
    unsafe {
        NEXT = pg_sys::emit_log_hook;
        pg_sys::emit_log_hook = Some(emit);
    }
}

/// Strikes the secrets out of this session's query in `pg_stat_activity`.
pub fn hide_activity() {
    // SAFETY: the text of the statement under way, or null.
    unsafe { hide(pg_sys::debug_query_string) };
}

/// Shows a text without its secrets as this session's query, as long as that statement is the last one; true if the text has
/// any secrets.
///
/// # Safety
/// `text` is a C string or null.
unsafe fn hide(text: *const c_char) -> bool {
    if text.is_null() {
        return false;
    }
    // SAFETY: as the caller says. The shown part of the text is copied, and no more, as a text may be long and memory
    // short.
    unsafe {
        let text = CStr::from_ptr(text).to_bytes();
        if !has_secret(text) {
            return false;
        }
        let len = text.len().min(pg_sys::pgstat_track_activity_query_size.max(0) as usize);
        let flags = pg_sys::MCXT_ALLOC_NO_OOM as i32;
        let copy = pg_sys::palloc_extended(len + 1, flags).cast::<u8>();
        if copy.is_null() {
            pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, c"<hidden>".as_ptr());
            return true;
        }
        copy.copy_from_nonoverlapping(text.as_ptr(), len);
        copy.add(len).write(0);
        mask_in_place(copy.cast());
        pg_sys::pgstat_report_activity(pg_sys::BackendState::STATE_RUNNING, copy.cast());
        pg_sys::pfree(copy.cast());
        true
    }
}

/// Takes the colon from what lines of the audit begin with, wherever a text has it: a text of several lines is one of the log for each.
///
/// # Safety
/// `text` is a C string in memory that may be changed.
unsafe fn unmark_in_place(text: *mut c_char) {
    let mark = MARK.as_bytes();
    // SAFETY: as the caller says.
    unsafe {
        let len = CStr::from_ptr(text).count_bytes();
        let text = std::slice::from_raw_parts_mut(text.cast::<u8>(), len);
        for end in mark.len()..=len {
            if text[end - 1] == b':' && text[..end].ends_with(mark) {
                text[end - 1] = b'?';
            }
        }
    }
}

/// Whether a text has what lines of the audit begin with.
fn has_mark(text: &[u8]) -> bool {
    text.windows(MARK.len()).any(|part| part == MARK.as_bytes())
}

/// Changes the application's name, which every session chooses and `log_line_prefix` and `pg_stat_activity` show: it could be taken for a line of the audit, or
/// hold a secret.
///
/// # Safety
/// Called by the backend's only thread.
unsafe fn hide_in_prefix() {
    // SAFETY: the setting's text, in memory of its own once it has been set; it is changed in place, to the same length.
    unsafe {
        let text = pg_sys::application_name;
        if text.is_null() {
            return;
        }
        let name = CStr::from_ptr(text).to_bytes();
        let (has_mark, has_secret) = (has_mark(name), has_secret(name));
        if has_mark {
            unmark_in_place(text);
        }
        if has_secret {
            mask_in_place(text);
        }
        if has_mark || has_secret {
            pg_sys::pgstat_report_appname(text);
        }
    }
}

// The hook raises nothing, as it runs while an error is on its way, and does without memory that it cannot get.
unsafe extern "C-unwind" fn emit(error: *mut pg_sys::ErrorData) {
    // SAFETY: the server's error data; texts in it are copies of its own, which it frees.
    unsafe {
        let data = &mut *error;
        if data.elevel == PgLogLevel::LOG as i32 && is_log_kept() {
            data.output_to_client = false;
        }
        for text in [data.message, data.detail, data.detail_log, data.hint, data.context, data.internalquery]
        {
            if !text.is_null() {
                mask_in_place(text);
                // The context of a line of the audit has the text of the statements that it is written in.
                if text != data.message || !is_writing() {
                    unmark_in_place(text);
                }
            }
        }
        hide_in_prefix();
        let statement = pg_sys::debug_query_string;
        // The query in `pg_stat_activity` stays until the session's next statement.
        data.hide_stmt |= if data.elevel >= PgLogLevel::ERROR as i32 {
            hide(statement)
        } else {
            !statement.is_null() && has_secret(CStr::from_ptr(statement).to_bytes())
        };
        // The text of a statement is written as it came, or not at all.
        data.hide_stmt |= !statement.is_null() && has_mark(CStr::from_ptr(statement).to_bytes());
        if let Some(next) = NEXT {
            next(error);
        }
    }
}
