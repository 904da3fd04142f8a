//! Memory that is kept for the errors of a session that has run out of it.
//!
//! An error that passes through nested calls is copied at each of them, in the server's memory. Where there is none, the
//! copies fail as well, and more than a handful of errors at once ends the server. So each session keeps a piece back and gives
//! it away when it is told that memory is out, before the error goes on its way.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::ffi::{c_int, c_void};

/// Bytes that are kept, and not touched: for the copies of an error at several calls. A memory context that has grown asks for
/// new blocks of up to a megabyte before it takes smaller ones.
const BYTES: usize = 2 << 20;

/// The piece; null once it is given away.
static mut PIECE: *mut c_void = std::ptr::null_mut();

unsafe extern "C-unwind" {
    /// The server's own, as the binding of that name would catch its errors.
    fn geterrcode() -> c_int;
}

/// What the server calls for each error, to be set up by [`begin`].
pub fn callback() -> pg_sys::ErrorContextCallback {
    pg_sys::ErrorContextCallback {
        previous: std::ptr::null_mut(),
        callback: Some(told),
        arg: std::ptr::null_mut(),
    }
}

/// Sees to it that there is a piece, for as long as a call of the server's takes.
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

/// The call has ended well.
///
/// # Safety
/// `callback` was given to [`begin`] and is the last that was.
pub unsafe fn end(callback: *mut pg_sys::ErrorContextCallback) {
    // SAFETY: as the caller says.
    unsafe { pg_sys::error_context_stack = (*callback).previous }
}

/// An error is raised, or a message.
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
