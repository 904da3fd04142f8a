//! Clients that are silent, in ways which the server's timeouts do not see.
//!
//! The server's timeout of an idle transaction begins when it is ready for a query. A client that sends Parse, Bind and Execute without a Sync never has it
//! so, and could keep its locks and its snapshot for ever. That of a statement does not end a session which waits for its client to read the result. So sessions of
//! keys and pools that have such ceilings have a timer of their own.
//!
//! The timer looks, once in the lower of the ceilings, whether the session is in a transaction, waits for its client, and has run nothing since the last looks: the
//! server's own error then ends it, after one to two times the ceiling. And whether a statement that is to be cancelled waits for its client to read.
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
/// What a process waits for whose client does not read: the second one.
const CLIENT_WRITE: u32 = 0x0600_0001;

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
/// How many looks in a row have found it so, after the first.
static WAITED_FOR: AtomicU32 = AtomicU32::new(0);
/// After how many the session ends.
static PATIENCE: AtomicU32 = AtomicU32::new(u32::MAX);
/// Whether the session reads data of a COPY, which has times of its own.
static COPIES: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The timer's number, and the ceilings that it is set for.
    static TIMER: Cell<Option<(c_uint, [i32; 2])>> = const { Cell::new(None) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    TIMER.with(|_| ());
}

/// Notes that the session runs something; its transactions may be idle for `idle` milliseconds, its statements run for `statement`, 0 for any time.
pub fn watch(idle: i32, statement: i32) {
    COPIES.store(false, Ordering::Relaxed);
    RUNS.store(RUNS.load(Ordering::Relaxed).wrapping_add(1).max(1), Ordering::Relaxed);
    let ceilings = [idle, statement];
    let Some(period) = ceilings.into_iter().filter(|ceiling| *ceiling > 0).min() else { return };
    if TIMER.get().is_some_and(|(_, set)| set == ceilings) {
        return;
    }
    let looks =
        if idle > 0 { (i64::from(idle) + i64::from(period) - 1) / i64::from(period) } else { i64::MAX };
    PATIENCE.store(u32::try_from(looks).unwrap_or(u32::MAX), Ordering::Relaxed);
    // SAFETY: within a backend whose timeouts are set up. The handler lives as long as the library, which is never unloaded. A timer that is on is set anew.
    unsafe {
        let timer = TIMER.get().map_or_else(|| RegisterTimeout(USER_TIMEOUT, look), |(timer, _)| timer);
        let first = pg_sys::GetCurrentTimestamp() + i64::from(period) * 1000;
        enable_timeout_every(timer, first, period);
        TIMER.set(Some((timer, ceilings)));
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
        let event = pg_sys::my_wait_event_info.read_volatile();
        if event == CLIENT_READ && !COPIES.load(Ordering::Relaxed) && IsTransactionState() {
            let runs = RUNS.load(Ordering::Relaxed);
            let is_same = WAITED_AT.swap(runs, Ordering::Relaxed) == runs;
            let looks = if is_same { WAITED_FOR.load(Ordering::Relaxed).saturating_add(1) } else { 0 };
            WAITED_FOR.store(looks, Ordering::Relaxed);
            if looks >= PATIENCE.load(Ordering::Relaxed) {
                // The server goes by the setting whether it ends the session; its own timer sets no more than this.
                pg_sys::IdleInTransactionSessionTimeoutPending = 1;
                pg_sys::InterruptPending = 1;
            }
        } else {
            WAITED_AT.store(0, Ordering::Relaxed);
            // As for SIGTERM, which alone ends a process that waits to write.
            if event == CLIENT_WRITE && pg_sys::QueryCancelPending != 0 {
                pg_sys::ProcDiePending = 1;
                pg_sys::InterruptPending = 1;
            }
        }
    }
}
