//! The end of a session whose key has expired and that asks nothing any more: a client that leaves its transaction open, or a statement running, or reads a cursor
//! that is held, passes no hook that would look at the clock.
//!
//! A timer ends the session some seconds after the end that the key had when it was last asked for. Until then its statements are refused, and say why.
#![allow(unsafe_code)]

use conifer_pure::pinecone::access::principal::{Kind, Principal};
use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::c_uint;

/// How long after a key's end its session ends, in microseconds.
const GRACE: i64 = 3_000_000;

unsafe extern "C-unwind" {
    // The server's functions, which pgrx does not bind.
    fn RegisterTimeout(id: c_uint, handler: unsafe extern "C-unwind" fn()) -> c_uint;
    fn enable_timeout_at(id: c_uint, fin_time: pg_sys::TimestampTz);
    fn disable_timeout(id: c_uint, keep_indicator: bool);
}

thread_local! {
    /// The timer's number, and the time that it is set for, if it is.
    static TIMER: Cell<Option<(c_uint, Option<i64>)>> = const { Cell::new(None) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    TIMER.with(|_| ());
}

/// Notes who acts in this session, until the transaction ends if the key is a pooled session's.
pub fn watch(who: &Principal) {
    let end = if who.kind == Kind::Key { who.expires } else { None };
    set(end.map(|end| end.saturating_add(GRACE)));
}

/// Notes that no key acts in this pooled session any more.
pub fn forget() {
    if TIMER.get().is_some() {
        set(None);
    }
}

fn set(at: Option<i64>) {
    let timer = TIMER.get();
    if timer.is_none() && at.is_none() || timer.is_some_and(|(_, set)| set == at) {
        return;
    }
    // SAFETY: within a backend whose timeouts are set up. The handler lives as long as the library, which is never unloaded. A timer that is on is set anew.
    unsafe {
        let timer =
            timer.map_or_else(|| RegisterTimeout(super::unsynced::USER_TIMEOUT, end), |(timer, _)| timer);
        match at {
            Some(at) => enable_timeout_at(timer, at),
            None => disable_timeout(timer, false),
        }
        TIMER.set(Some((timer, at)));
    }
}

// In a handler of a signal, which may come at any time: as the server's own for SIGTERM, it says that the process is to end.
unsafe extern "C-unwind" fn end() {
    // SAFETY: variables of the process.
    unsafe {
        pg_sys::ProcDiePending = 1;
        pg_sys::InterruptPending = 1;
    }
}
