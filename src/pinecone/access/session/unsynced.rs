//! Transactions whose client is silent, and has not said Sync.
//!
//! The server's timeout of an idle transaction begins when it is ready for a query. A client that sends Parse, Bind and Execute without a Sync never has it
//! so, and could keep its locks and its snapshot for ever. So sessions of keys and pools that have a ceiling for idle transactions have a timer of their own.
//!
//! The timer looks, once in each ceiling, whether the session is in a transaction, waits for its client, and has run nothing since the last look. Then the
//! server's own error ends it, after one to two times the ceiling.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::{c_int, c_uint};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The server's number of the first timeout that is an extension's.
#[cfg(any(feature = "pg15", feature = "pg16"))]
pub const USER_TIMEOUT: c_uint = 12;
#[cfg(not(any(feature = "pg15", feature = "pg16")))]
pub const USER_TIMEOUT: c_uint = 13;

/// What a process waits for that waits for its client: the first event of class `Client`.
const CLIENT_READ: u32 = 0x0600_0000;

unsafe extern "C-unwind" {
    // The server's functions, which pgrx does not bind.
    fn RegisterTimeout(id: c_uint, handler: unsafe extern "C-unwind" fn()) -> c_uint;
    fn enable_timeout_every(id: c_uint, fin_time: pg_sys::TimestampTz, delay_in_ms: c_int);
    // Without pgrx's guard, which is not for handlers of signals.
    fn IsTransactionState() -> bool;
}

/// How often the session has run something.
static RUNS: AtomicU32 = AtomicU32::new(0);
/// [`RUNS`] at the timer's last look, if the session waited for its client in a transaction; 0 if not.
static WAITED_AT: AtomicU32 = AtomicU32::new(0);

/// Whether the session reads data of a COPY, which has times of its own.
static COPIES: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The timer's number and its period in milliseconds.
    static TIMER: Cell<Option<(c_uint, i32)>> = const { Cell::new(None) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    TIMER.with(|_| ());
}

/// Notes that the session runs something; its transactions may be idle for `ceiling` milliseconds.
pub fn watch(ceiling: i32) {
    COPIES.store(false, Ordering::Relaxed);
    RUNS.store(RUNS.load(Ordering::Relaxed).wrapping_add(1).max(1), Ordering::Relaxed);
    if ceiling <= 0 || TIMER.get().is_some_and(|(_, period)| period == ceiling) {
        return;
    }
    // SAFETY: within a backend whose timeouts are set up. The handler lives as long as the library, which is never unloaded. A timer that is on is set anew.
    unsafe {
        let timer = TIMER.get().map_or_else(|| RegisterTimeout(USER_TIMEOUT, look), |(timer, _)| timer);
        let first = pg_sys::GetCurrentTimestamp() + i64::from(ceiling) * 1000;
        enable_timeout_every(timer, first, ceiling);
        TIMER.set(Some((timer, ceiling)));
    }
}

/// Notes that the session waits for its client in the middle of a command, until the next call of [`watch`].
pub fn copies() {
    COPIES.store(true, Ordering::Relaxed);
}

// In a handler of a signal, which may come at any time: it reads and writes words of memory, and no more.
unsafe extern "C-unwind" fn look() {
    // SAFETY: variables of the process; the place that says what it waits for is its own, or in shared memory that stays.
    unsafe {
        let waits = pg_sys::my_wait_event_info.read_volatile() == CLIENT_READ
            && !COPIES.load(Ordering::Relaxed)
            && IsTransactionState();
        let runs = RUNS.load(Ordering::Relaxed);
        if waits && WAITED_AT.load(Ordering::Relaxed) == runs {
            // The server goes by the setting whether it ends the session; its own timer sets no more than this.
            pg_sys::IdleInTransactionSessionTimeoutPending = 1;
            pg_sys::InterruptPending = 1;
        }
        WAITED_AT.store(if waits { runs } else { 0 }, Ordering::Relaxed);
    }
}
