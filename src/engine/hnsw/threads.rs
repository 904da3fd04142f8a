//! Threads for work that calls no function of Postgres.
#![allow(unsafe_code)]

use crate::pg::error::{OrRaise, raise};
use conifer_pure::Result;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::build::pack::Failed;
use conifer_pure::hnsw::build::{Control, Stopped};
use conifer_pure::memory::allocation;
use conifer_pure::memory::allocation::out_of_memory;
use pgrx::pg_sys;
use std::sync::mpsc;
use std::time::Duration;

/// How often the backend looks for interrupts.
const TICK: Duration = Duration::from_millis(50);
/// Bytes that a thread needs to start: its stack, and the memory that the C library and Rust keep for it, for which the C
/// library may ask the system for a megabyte at a time. The C library ends the process if it gets none.
const THREAD: usize = 5 << 20;

/// Looks whether `n` threads could start. Each maps memory of its own: free memory of the heap is no use to a thread, and
/// the C library ends the process where a thread gets no memory for its variables.
fn room_for_threads(n: usize) -> Result<()> {
    let bytes = n * THREAD;
    let (access, private) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: maps memory where there is none; no code uses it before it is unmapped.
    unsafe {
        let mapped = libc::mmap(std::ptr::null_mut(), bytes, access, private, -1, 0);
        if mapped == libc::MAP_FAILED {
            return Err(out_of_memory(bytes));
        }
        libc::munmap(mapped, bytes);
    }
    Ok(())
}

/// Waits once, so that the standard library allocates its state for a waiting thread while there is memory for it: the C
/// library ends the process if there is none. A thread that has never waited has no such state.
fn wait_once() {
    let (keep, wait) = mpsc::channel::<()>();
    let _ = wait.recv_timeout(Duration::from_millis(1));
    drop(keep);
}

/// Threads to work with: as many as the processes of a parallel build of the server's own.
pub fn count() -> usize {
    // SAFETY: a variable of this process.
    let more = unsafe { pg_sys::max_parallel_maintenance_workers };
    1 + more.max(0) as usize
}

/// A pool of `n` threads that handle no signal of the backend.
///
/// Raises `53200` if there is no memory for them.
pub fn pool(n: usize) -> rayon::ThreadPool {
    room_for_threads(n).or_raise();
    wait_once();
    let built = with_signals_blocked(|| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .thread_name(|i| format!("hnsw {i}"))
            // The backend, which waits, reports a panic as an error of the statement.
            .panic_handler(|_| {})
            .build()
    });
    let pool = built.unwrap_or_else(|error| {
        raise(Fault::new(state::INSUFFICIENT_RESOURCES, format!("could not start threads: {error}")))
    });
    // A thread allocates its own state when it starts, and ends the process if there is no memory. So all threads start
    // before the work takes memory.
    pool.broadcast(|_| ());
    pool
}

/// Cancels the work if the backend unwinds before the work ends.
struct Cancel<'a>(&'a Control);

impl Drop for Cancel<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.cancel();
        }
    }
}

/// Runs `work` on a pool while the backend reports progress and looks for interrupts. Returns or unwinds only when `work`
/// has ended.
///
/// Starts no thread: a thread for whose start the C library finds no memory ends the process.
pub fn wait<R: Send>(
    pool: &rayon::ThreadPool,
    control: &Control,
    mut report: impl FnMut(),
    work: impl FnOnce() -> R + Send,
) -> R {
    let (send, done) = mpsc::channel();
    pool.in_place_scope(|scope| {
        let _cancel = Cancel(control);
        scope.spawn(move |_| {
            let _ = send.send(work());
        });
        loop {
            match done.recv_timeout(TICK) {
                Ok(result) => return result,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    report();
                    pgrx::check_for_interrupts!();
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => stopped(Stopped::Panicked("no result".into())),
            }
        }
    })
}

/// Calls `run` with all signals blocked: threads inherit the signal mask of the thread that starts them.
fn with_signals_blocked<R>(run: impl FnOnce() -> R) -> R {
    // SAFETY: sets of signals on the stack; the former mask is put back. Starting threads raises nothing.
    unsafe {
        let mut all = std::mem::zeroed::<libc::sigset_t>();
        let mut before = std::mem::zeroed::<libc::sigset_t>();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let result = run();
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        result
    }
}

/// Raises the reason why there is no graph.
pub fn stopped(why: Stopped) -> ! {
    match why {
        Stopped::Cancelled => {
            raise(Fault::new(state::QUERY_CANCELED, "construction of the index was cancelled"))
        }
        Stopped::Refused(fault) => {
            // This error ends the statement, so the shortage is forgotten.
            let _ = allocation::check();
            raise(fault)
        }
        Stopped::Panicked(text) => {
            raise(Fault::new(state::INTERNAL_ERROR, format!("construction of the index failed: {text}")))
        }
    }
}

/// Raises the reason why there are no pages.
pub fn failed(why: Failed) -> ! {
    match why {
        Failed::Refused(fault) => raise(fault),
        Failed::Stopped(why) => stopped(why),
    }
}
