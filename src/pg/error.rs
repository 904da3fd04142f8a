//! From a [`Fault`] of the pure parts to an `ereport(ERROR)`.

use conifer_pure::{Fault, Result};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::sync::OnceLock;

/// A function of a layer above that completes faults before they are raised.
type Amend = fn(Fault) -> Fault;

static AMEND: OnceLock<Amend> = OnceLock::new();

/// Has every fault pass through `amend` before it is raised. The first function that is given stays.
pub fn amend_by(amend: Amend) {
    let _ = AMEND.set(amend);
}

/// Raises `fault` as an ERROR.
pub fn raise(fault: Fault) -> ! {
    let fault = match AMEND.get() {
        Some(amend) => amend(fault),
        None => fault,
    };
    let mut report = ErrorReport::new(code(fault.state), fault.message, "");
    if let Some(detail) = fault.detail {
        report = report.set_detail(detail);
    }
    if let Some(hint) = fault.hint {
        report = report.set_hint(hint);
    }
    report.report(PgLogLevel::ERROR);
    unreachable!("ERROR does not return")
}

/// Unwraps the result of a pure function, or raises its fault.
pub trait OrRaise<T> {
    /// The value, or an ERROR.
    fn or_raise(self) -> T;
}

impl<T> OrRaise<T> for Result<T> {
    fn or_raise(self) -> T {
        self.unwrap_or_else(|fault| raise(fault))
    }
}

/// Packs a five-character SQLSTATE the way `MAKE_SQLSTATE` does: six bits a character.
fn code(state: &str) -> PgSqlErrorCode {
    let packed = state.bytes().rev().fold(0, |acc, c| (acc << 6) | (i32::from(c - b'0') & 0x3f));
    PgSqlErrorCode::from(packed)
}
