//! SQL functions that cost no more to call than C's, for those that are called for every row.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use pgrx::pg_sys::submodules::panic::pgrx_extern_c_guard;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Exports `<name>_wrapper`, which the server calls, with the body given: an expression of `fcinfo`, the
/// pointer to the arguments, that gives the result. Errors may be raised in it as everywhere.
///
/// `#[pg_extern(sql = false)]` does the same, more comfortably. But its wrapper changes memory contexts,
/// walks through the arguments and returns a large value by pointer: 10 to 20 ns, as long as a distance
/// of 128 dimensions takes.
macro_rules! export {
    ($name:ident, |$fcinfo:ident| $body:expr) => {
        const _: () = {
            /// Tells the server the calling convention.
            #[unsafe(export_name = concat!("pg_finfo_", stringify!($name), "_wrapper"))]
            extern "C" fn info() -> &'static pgrx::pg_sys::Pg_finfo_record {
                &pgrx::pg_sys::Pg_finfo_record { api_version: 1 }
            }

            /// # Safety
            /// Called by the server for a function declared with the arguments that the body reads, and
            /// STRICT.
            #[unsafe(export_name = concat!(stringify!($name), "_wrapper"))]
            unsafe extern "C-unwind" fn wrapper(
                $fcinfo: pgrx::pg_sys::FunctionCallInfo,
            ) -> pgrx::pg_sys::Datum {
                $crate::engine::call::guarded(|| $body)
            }
        };
    };
}
pub(super) use export;

/// Defines functions of the elements of one or two vectors and exports them.
macro_rules! of_vectors {
    () => {};
    ($(#[$doc:meta])* fn $name:ident($v:ident) -> $result:ty $body:block $($more:tt)*) => {
        $(#[$doc])*
        #[inline]
        fn $name($v: &[f32]) -> $result $body

        export!($name, |fcinfo| {
            let mut room = Room::new();
            // SAFETY: the one argument is declared as a vector.
            let v = unsafe { Vector::argument(fcinfo, 0, &mut room) };
            $crate::engine::call::Returned::datum($name(v.as_slice()))
        });
        of_vectors! { $($more)* }
    };
    ($(#[$doc:meta])* fn $name:ident($a:ident, $b:ident) -> $result:ty $body:block $($more:tt)*) => {
        $(#[$doc])*
        #[inline]
        fn $name($a: &[f32], $b: &[f32]) -> $result $body

        export!($name, |fcinfo| {
            let mut rooms = (Room::new(), Room::new());
            // SAFETY: both arguments are declared as vectors.
            let (a, b) = unsafe { (Vector::argument(fcinfo, 0, &mut rooms.0), Vector::argument(fcinfo, 1, &mut rooms.1)) };
            $crate::engine::call::Returned::datum($name(a.as_slice(), b.as_slice()))
        });
        of_vectors! { $($more)* }
    };
}
pub(super) use of_vectors;

/// What an exported function can return.
pub trait Returned {
    /// The datum.
    fn datum(self) -> pg_sys::Datum;
}

impl Returned for f64 {
    #[inline]
    fn datum(self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.to_bits())
    }
}

impl Returned for i32 {
    #[inline]
    fn datum(self) -> pg_sys::Datum {
        pg_sys::Datum::from(self)
    }
}

impl Returned for bool {
    #[inline]
    fn datum(self) -> pg_sys::Datum {
        pg_sys::Datum::from(self)
    }
}

/// Runs the body of a function; an error raised or a panic in it becomes the server's error.
#[inline(always)]
pub fn guarded(body: impl FnOnce() -> pg_sys::Datum) -> pg_sys::Datum {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(datum) => datum,
        Err(raised) => {
            #[cold]
            fn report(raised: Box<dyn std::any::Any + Send>) -> pg_sys::Datum {
                // SAFETY: called at the edge to the server, with nothing to drop but what unwinds here.
                unsafe { pgrx_extern_c_guard(|| resume_unwind(raised)) }
            }
            report(raised)
        }
    }
}
