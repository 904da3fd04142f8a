//! The key that a pooled session acts as: from `pc_use_key` to the end of its transaction.
//!
//! The key is kept in the backend's memory, where no statement can read or set it, and forgotten when the transaction ends
//! or the savepoint in which it was named is rolled back.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::cell::RefCell;
use std::rc::Rc;

struct Pooled {
    key: Rc<str>,
    /// The depth of savepoints at which the key was named.
    depth: i32,
}

thread_local! {
    static POOLED: RefCell<Option<Pooled>> = const { RefCell::new(None) };
    /// The key of a savepoint that was rolled back: a cursor from before it may have been read as that key.
    static STALE: RefCell<Option<Rc<str>>> = const { RefCell::new(None) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    POOLED.with(|_| ());
    STALE.with(|_| ());
}

/// The key in effect.
pub fn key() -> Option<Rc<str>> {
    POOLED.with_borrow(|pooled| pooled.as_ref().map(|pooled| pooled.key.clone()))
}

/// The key that was in effect in this transaction, until its savepoint was rolled back.
pub fn stale() -> Option<Rc<str>> {
    STALE.with_borrow(Clone::clone)
}

/// Puts a key into effect; false if another key is in effect, or was in the same transaction.
pub fn start(key: &str) -> bool {
    // SAFETY: reads a counter of the transaction.
    let depth = unsafe { pg_sys::GetCurrentTransactionNestLevel() };
    if stale().is_some_and(|other| *other != *key) {
        return false;
    }
    POOLED.with_borrow_mut(|pooled| match pooled {
        Some(other) => *other.key == *key,
        None => {
            *pooled = Some(Pooled { key: key.into(), depth });
            true
        }
    })
}

/// Ends the effect of the key; whether there was one.
pub fn end() -> bool {
    let stale = STALE.take();
    POOLED.take().is_some() || stale.is_some()
}

/// A savepoint at a depth is released: a key that was named in it belongs to the enclosing level.
pub fn released(depth: i32) {
    POOLED.with_borrow_mut(|pooled| {
        if let Some(pooled) = pooled.as_mut().filter(|pooled| pooled.depth >= depth) {
            pooled.depth = depth - 1;
        }
    });
}

/// A savepoint at a depth is rolled back: a key that was named in it is no longer in effect.
pub fn rolled_back(depth: i32) {
    if let Some(gone) = POOLED.with_borrow_mut(|pooled| pooled.take_if(|pooled| pooled.depth >= depth)) {
        STALE.set(Some(gone.key));
    }
}
