//! What an administrator sets for the sessions of keys: ceilings of the server's timeouts, which every session may set as it likes, and
//! whether keys hear and send notifications.
#![allow(unsafe_code)]

use super::confined::{Confined, is_member};
use super::given::given;
use super::partial::keep_log_from_client;
use super::pinned::pin;
use super::unsynced::watch;
use crate::pinecone::access::elevate::{GATEWAY, KEYS};
use crate::pinecone::access::snapshot::is_looking;
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::cell::Cell;
use std::ffi::{CStr, CString, c_uint};

/// Milliseconds that a statement of a key may take; 0 for any.
static STATEMENT: GucSetting<i32> = GucSetting::<i32>::new(0);
/// Milliseconds that a key may wait for a lock.
static LOCK: GucSetting<i32> = GucSetting::<i32>::new(0);
/// Milliseconds that a key may leave a transaction idle.
static IDLE: GucSetting<i32> = GucSetting::<i32>::new(0);
/// Sessions of a new key at a time; -1 for any number.
static CONNECTIONS: GucSetting<i32> = GucSetting::<i32>::new(-1);
/// Whether keys may LISTEN and NOTIFY.
static NOTIFY: GucSetting<bool> = GucSetting::<bool>::new(false);

/// The server's number of the timeout of a statement.
const STATEMENT_TIMEOUT: c_uint = 3;

unsafe extern "C-unwind" {
    /// The server's function, which pgrx does not bind.
    fn enable_timeout_at(id: c_uint, fin_time: pg_sys::TimestampTz);
}

thread_local! {
    /// The ceilings of the session, for a statement, a lock and an idle transaction; none before they are known.
    static CEILINGS: Cell<Option<[i32; 3]>> = const { Cell::new(None) };
    /// Whether the session is one that ceilings are for.
    static IS_BOUND: Cell<bool> = const { Cell::new(false) };
    /// Whether the session is logged in as a key.
    static IS_OF_KEY: Cell<bool> = const { Cell::new(false) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    CEILINGS.with(|_| ());
    IS_BOUND.with(|_| ());
    IS_OF_KEY.with(|_| ());
}

/// The ceilings of the session, of which none is for sessions of others than keys and pools.
fn ceilings() -> [i32; 3] {
    CEILINGS.get().unwrap_or_else(|| {
        // Before the answer, which takes statements.
        CEILINGS.set(Some([0; 3]));
        keep_log_from_client();
        // SAFETY: within a transaction; look-ups of roles.
        let (is_of_key, is_bound) = unsafe {
            let login = pg_sys::GetSessionUserId();
            let is_of_key = !pg_sys::superuser_arg(login) && is_member(login, KEYS);
            (is_of_key, is_of_key || !pg_sys::superuser_arg(login) && is_member(login, GATEWAY))
        };
        IS_BOUND.set(is_bound);
        IS_OF_KEY.set(is_of_key);
        let of = |setting: &GucSetting<i32>, name: &str| match setting.get() {
            0 => given(name).and_then(|text| milliseconds(&text)).unwrap_or(0),
            set => set,
        };
        let known = if is_bound {
            [
                of(&STATEMENT, "conifer.key_statement_timeout"),
                of(&LOCK, "conifer.key_lock_timeout"),
                of(&IDLE, "conifer.key_idle_in_transaction_session_timeout"),
            ]
        } else {
            [0; 3]
        };
        CEILINGS.set(Some(known));
        known
    })
}

/// Milliseconds as the server reads them in its settings.
fn milliseconds(text: &str) -> Option<i32> {
    let text = CString::new(text).ok()?;
    let mut value = 0;
    // SAFETY: reads a C string, and writes an integer.
    let is_read = unsafe {
        pg_sys::parse_int(text.as_ptr(), &mut value, pg_sys::GUC_UNIT_MS as i32, std::ptr::null_mut())
    };
    is_read.then_some(value)
}

/// Sets this session's timeouts to the ceilings, where they are above them, if the session is one of a key or pooled: before a
/// statement, and after it, as it may have changed them. Settings that tell of hidden rows go back to what they are for all (`pinned.rs`).
///
/// A statement's time runs from the client's command on: a statement within it does not wind the clock up again.
///
/// Tables are locked as a statement is parsed, before this: the first statement of a session waits as the connection has said.
pub fn hold() {
    if is_looking() {
        return;
    }
    let [statement, lock, idle] = ceilings();
    if IS_BOUND.get() {
        pin();
        watch(idle, statement);
    }
    let above = |value: i32, ceiling: i32| ceiling > 0 && (value == 0 || value > ceiling);
    // SAFETY: reads and writes settings of the backend, by its only thread, within a transaction. The timer is one that the server has
    // set up, and ends with the statement.
    unsafe {
        if above(pg_sys::StatementTimeout, statement) {
            pg_sys::StatementTimeout = statement;
            let begun = pg_sys::GetCurrentStatementStartTimestamp();
            enable_timeout_at(STATEMENT_TIMEOUT, begun + i64::from(statement) * 1000);
        }
        if above(pg_sys::LockTimeout, lock) {
            pg_sys::LockTimeout = lock;
        }
        if above(pg_sys::IdleInTransactionSessionTimeout, idle) {
            pg_sys::IdleInTransactionSessionTimeout = idle;
        }
    }
}

/// Whether the session is logged in as a key, as far as [`hold`] has been called.
pub fn is_of_key() -> bool {
    IS_OF_KEY.get()
}

/// Whether a confined session may LISTEN, or NOTIFY. Pooled sessions may not: the next tenant would hear what the last one waited for.
pub fn may_notify(why: Confined) -> bool {
    why == Confined::Key && NOTIFY.get()
}

/// The clause of CREATE ROLE that limits the sessions of a new key.
pub fn connection_limit() -> String {
    format!("CONNECTION LIMIT {}", CONNECTIONS.get())
}

/// Defines the settings.
pub fn init() {
    let milliseconds = |name: &'static CStr, text: &'static CStr, value: &'static GucSetting<i32>| {
        let context = GucContext::Suset;
        GucRegistry::define_int_guc(
            name,
            text,
            c"0 leaves it to the key.",
            value,
            0,
            i32::MAX,
            context,
            GucFlags::UNIT_MS,
        );
    };
    milliseconds(
        c"conifer.key_statement_timeout",
        c"Sets the maximum that API keys may set statement_timeout to.",
        &STATEMENT,
    );
    milliseconds(
        c"conifer.key_lock_timeout",
        c"Sets the maximum that API keys may set lock_timeout to.",
        &LOCK,
    );
    milliseconds(
        c"conifer.key_idle_in_transaction_session_timeout",
        c"Sets the maximum that API keys may set idle_in_transaction_session_timeout to.",
        &IDLE,
    );
    GucRegistry::define_int_guc(
        c"conifer.key_connection_limit",
        c"Sets the number of sessions that a new API key may have at a time.",
        c"-1 sets no limit. ALTER ROLE ... CONNECTION LIMIT changes that of a key.",
        &CONNECTIONS,
        -1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"conifer.keys_may_notify",
        c"Lets API keys LISTEN and NOTIFY, on channels that all roles of the database share.",
        c"",
        &NOTIFY,
        GucContext::Suset,
        GucFlags::default(),
    );
}
