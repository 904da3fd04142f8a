//! Exports of SQL functions that cost no more to call than C's: for functions that are called for every row.
#![allow(unsafe_code)]

use super::varlena::{Room, Varlena, detoast_in};
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
                $crate::pg::fmgr::guarded(|| $body)
            }
        };
    };
}
pub(crate) use export;

/// Exports `$function`, of the views of one or two arguments of the type `$type`, as `<name>_wrapper`.
macro_rules! export_of {
    ($name:ident, $type:ty, 1, $function:expr) => {
        export!($name, |fcinfo| {
            let mut room = $crate::pg::varlena::Room::new();
            // SAFETY: the one argument is declared as the type.
            let v = unsafe { <$type as $crate::pg::fmgr::Argument>::argument(fcinfo, 0, &mut room) };
            $crate::pg::fmgr::Returned::datum($function($crate::pg::fmgr::Argument::view(&v)))
        });
    };
    ($name:ident, $type:ty, 2, $function:expr) => {
        export!($name, |fcinfo| {
            let mut rooms = ($crate::pg::varlena::Room::new(), $crate::pg::varlena::Room::new());
            // SAFETY: both arguments are declared as the type.
            let (a, b) = unsafe {
                (
                    <$type as $crate::pg::fmgr::Argument>::argument(fcinfo, 0, &mut rooms.0),
                    <$type as $crate::pg::fmgr::Argument>::argument(fcinfo, 1, &mut rooms.1),
                )
            };
            $crate::pg::fmgr::Returned::datum($function(
                $crate::pg::fmgr::Argument::view(&a),
                $crate::pg::fmgr::Argument::view(&b),
            ))
        });
    };
}
pub(crate) use export_of;

/// Defines functions of one or two values of a type, given once, and exports them.
macro_rules! of_values {
    ($type:ty;) => {};
    ($type:ty; $(#[$doc:meta])* fn $name:ident($v:ident) -> $result:ty $body:block $($more:tt)*) => {
        $(#[$doc])*
        #[inline]
        fn $name($v: <$type as $crate::pg::fmgr::Argument>::View<'_>) -> $result $body

        export_of!($name, $type, 1, $name);
        of_values! { $type; $($more)* }
    };
    ($type:ty; $(#[$doc:meta])* fn $name:ident($a:ident, $b:ident) -> $result:ty $body:block $($more:tt)*) => {
        $(#[$doc])*
        #[inline]
        fn $name(
            $a: <$type as $crate::pg::fmgr::Argument>::View<'_>,
            $b: <$type as $crate::pg::fmgr::Argument>::View<'_>,
        ) -> $result $body

        export_of!($name, $type, 2, $name);
        of_values! { $type; $($more)* }
    };
}
pub(crate) use of_values;

/// A type that an exported function can take.
pub trait Argument: Sized {
    /// The function's view of the argument.
    type View<'a>
    where
        Self: 'a;

    /// Argument number `i`, from 0 on, of a call, to be read; a short value is copied to `room`.
    ///
    /// # Safety
    /// The argument is declared as this type and is not null. `room` is left alone as long as the result
    /// lives, and the result is not given to the server.
    unsafe fn argument(fcinfo: pg_sys::FunctionCallInfo, i: usize, room: *mut Room) -> Self;

    /// The function's view.
    fn view(&self) -> Self::View<'_>;
}

/// Argument number `i` of a call, as it is.
///
/// # Safety
/// The function has that many arguments.
#[inline(always)]
#[must_use]
pub unsafe fn argument(fcinfo: pg_sys::FunctionCallInfo, i: usize) -> pg_sys::Datum {
    // SAFETY: the caller vouches for the number.
    unsafe { (*(*fcinfo).args.as_ptr().add(i)).value }
}

/// Argument number `i` of a call, detoasted, with the same duties as [`Argument::argument`].
///
/// # Safety
/// As [`Argument::argument`]; and the type is a varlena.
#[inline(always)]
#[must_use]
pub unsafe fn varlena_argument(fcinfo: pg_sys::FunctionCallInfo, i: usize, room: *mut Room) -> Varlena {
    // SAFETY: the caller vouches for all of it.
    unsafe { detoast_in(argument(fcinfo, i), room) }
}

/// A type that an exported function can return.
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
                // SAFETY: called at the edge to the server, with nothing to drop but the unwinding error.
                unsafe { pgrx_extern_c_guard(|| resume_unwind(raised)) }
            }
            report(raised)
        }
    }
}
