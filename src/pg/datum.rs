//! The traits that make a Rust type the twin of one of the engine's types.
#![allow(unsafe_code)]

use crate::pg::error::raise;
use conifer_pure::fault::{Fault, state};

/// Makes a Rust type the argument and the result of SQL functions.
///
/// `$type` has `unsafe fn from_raw(Datum) -> Self`, for a non-null datum of the SQL type that lives as
/// long as the result, and `fn into_raw(self) -> Datum`, which gives a palloc'd or borrowed value of it.
macro_rules! datum_of {
    ($type:ident, $sql:literal) => {
        const _: () = {
            use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
            use pgrx::pg_sys::{Datum, Oid};
            use pgrx::pgrx_sql_entity_graph::metadata::{
                ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
            };
            use pgrx::{FromDatum, IntoDatum};
            use $crate::pg::datum::null_argument;

            // SAFETY: the names are those of the type that sql/engine.sql creates.
            unsafe impl SqlTranslatable for $type {
                const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!($type);
                const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
                const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal($sql));
                const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
                    Ok(ReturnsRef::One(SqlMappingRef::literal($sql)));
            }

            impl FromDatum for $type {
                #[inline]
                unsafe fn from_polymorphic_datum(datum: Datum, is_null: bool, _: Oid) -> Option<Self> {
                    // SAFETY: the caller vouches for the type; null is ruled out.
                    if is_null { None } else { Some(unsafe { Self::from_raw(datum) }) }
                }
            }

            impl IntoDatum for $type {
                fn into_datum(self) -> Option<Datum> {
                    Some(self.into_raw())
                }

                /// The type's OID is not known at compile time, as the extension creates it. Pass the OID with the datum.
                fn type_oid() -> Oid {
                    Oid::INVALID
                }

                fn is_compatible_with(_: Oid) -> bool {
                    true
                }
            }

            // SAFETY: an argument declared as this type in SQL is of it.
            unsafe impl<'fcx> ArgAbi<'fcx> for $type {
                #[inline]
                unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
                    // SAFETY: all functions that take a bare value are STRICT, so the datum is not null.
                    let value = unsafe { arg.unbox_arg_using_from_datum::<Self>() };
                    value.unwrap_or_else(|| null_argument($sql))
                }
            }

            // SAFETY: `into_raw` gives a palloc'd or borrowed value of the declared type.
            unsafe impl BoxRet for $type {
                #[inline]
                unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
                    // SAFETY: see above.
                    unsafe { fcinfo.return_raw_datum(self.into_raw()) }
                }
            }
        };
    };
}
pub(crate) use datum_of;

#[cold]
pub(crate) fn null_argument(name: &str) -> ! {
    raise(Fault::new(state::NULL_VALUE_NOT_ALLOWED, format!("{name} must not be null")))
}
