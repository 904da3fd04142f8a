//! Memory that is kept for the errors of a session that has run out of it.
//!
//! An error that passes through nested calls is copied at each of them, in the server's memory. Where there is none, the
//! copies fail as well, and more than a handful of errors at once ends the server. So each session keeps a piece back and
//! frees it when an error says that memory is out, before the error goes on its way.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::ffi::{c_int, c_void};

/// Bytes that are kept, and not touched: for the copies of an error at several calls. A memory context that has grown asks for
/// new blocks of the allocator of up to a megabyte before it takes smaller ones.
const BYTES: usize = 2 << 20;

/// The piece; null once it is freed.
static mut PIECE: *mut c_void = std::ptr::null_mut();

unsafe extern "C-unwind" {
    /// The server's function, without pgrx's guard, which would catch its errors.
    fn geterrcode() -> c_int;
}

/// The callback that the server calls for each error, to be set up by [`begin`].
pub fn callback() -> pg_sys::ErrorContextCallback {
    pg_sys::ErrorContextCallback {
        previous: std::ptr::null_mut(),
        callback: Some(told),
        arg: std::ptr::null_mut(),
    }
}

/// Sees to it that there is a piece while a call of the server's runs.
///
/// # Safety
/// Called by the backend's thread. `callback` stays where it is until [`end`], or until an error leaves the caller.
pub unsafe fn begin(callback: *mut pg_sys::ErrorContextCallback) {
    // SAFETY: as the caller says; the stack of callbacks is this thread's.
    unsafe {
        if PIECE.is_null() {
            PIECE = libc::malloc(BYTES);
        }
        (*callback).previous = pg_sys::error_context_stack;
        pg_sys::error_context_stack = callback;
    }
}

/// Removes the callback after a call that has ended without an error.
///
/// # Safety
/// `callback` is the last that was given to [`begin`].
pub unsafe fn end(callback: *mut pg_sys::ErrorContextCallback) {
    // SAFETY: as the caller says.
    unsafe { pg_sys::error_context_stack = (*callback).previous }
}

/// Frees the piece if the error, or the message, says that memory is out.
unsafe extern "C-unwind" fn told(_: *mut c_void) {
    // SAFETY: the server calls this while it has an error; the piece is ours until it is freed.
    unsafe {
        if !PIECE.is_null()
            && geterrcode() == pg_sys::errcodes::PgSqlErrorCode::ERRCODE_OUT_OF_MEMORY as c_int
        {
            libc::free(PIECE);
            PIECE = std::ptr::null_mut();
        }
    }
}
