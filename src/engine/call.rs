//! SQL functions that cost no more to call than C's, for those that are called for every row.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use pgrx::pg_sys::submodules::panic::pgrx_extern_c_guard;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Declares functions of the arguments' slices, and for each a wrapper `<name>_wrapper` that the server
/// calls, as `#[pg_extern(sql = false)]` does. Errors may be raised as everywhere.
///
/// pgrx's wrapper changes memory contexts, walks through the arguments and returns a large value by
/// pointer; that is a fifth of the time of a distance of 128 dimensions.
macro_rules! called_often {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident),+ : $type:ident) -> $result:ty $body:block)*) => {$(
        $(#[$doc])*
        #[inline]
        fn $name($($arg: &<$type as $crate::engine::call::Argument>::Slice),+) -> $result $body

        const _: () = {
            /// Tells the server the calling convention.
            #[unsafe(export_name = concat!("pg_finfo_", stringify!($name), "_wrapper"))]
            extern "C" fn info() -> &'static pgrx::pg_sys::Pg_finfo_record {
                const V1: pgrx::pg_sys::Pg_finfo_record = pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
                &V1
            }

            /// # Safety
            /// Called by the server for a function that is declared with these arguments, and STRICT.
            #[unsafe(export_name = concat!(stringify!($name), "_wrapper"))]
            unsafe extern "C-unwind" fn wrapper(fcinfo: pgrx::pg_sys::FunctionCallInfo) -> pgrx::pg_sys::Datum {
                $crate::engine::call::guarded(|| {
                    // SAFETY: the server passes as many arguments as are declared, none of them null.
                    let mut arguments = unsafe { (*fcinfo).args.as_ptr() };
                    $(
                        // SAFETY: see above.
                        let $arg = unsafe { $type::from_raw((*arguments).value) };
                        // SAFETY: one behind the last argument at most.
                        arguments = unsafe { arguments.add(1) };
                    )+
                    let _ = arguments;
                    $crate::engine::call::Scalar::datum($name($($arg.as_slice()),+))
                })
            }
        };
    )*};
}
pub(super) use called_often;

/// What `called_often` can pass.
pub trait Argument {
    /// What the function takes a reference to.
    type Slice: ?Sized;
}

/// What `called_often` can return: a value that fits into a datum.
pub trait Scalar {
    /// The datum.
    fn datum(self) -> pg_sys::Datum;
}

impl Scalar for f64 {
    #[inline]
    fn datum(self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.to_bits())
    }
}

impl Scalar for i32 {
    #[inline]
    fn datum(self) -> pg_sys::Datum {
        pg_sys::Datum::from(self)
    }
}

impl Scalar for bool {
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
