//! `jsonb` in and out as text, without a tree in between.
#![allow(unsafe_code)]

use crate::pg::encoding;
use crate::pg::varlena::{Packed, detoast_packed};
use conifer_pure::jsonb::Container;
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum as BoxedDatum;
use pgrx::direct_function_call_as_datum;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;
use std::ffi::CStr;

/// A `jsonb` value.
pub struct Json(pg_sys::Datum);

impl Json {
    /// The JSON text, as the server writes it.
    ///
    /// # Errors
    /// Raises 0A000 in a database whose encoding is not UTF-8.
    pub fn text(&self) -> &str {
        self.checked_text().unwrap_or_else(|_| encoding::refuse())
    }

    /// The JSON text, as the server writes it.
    ///
    /// # Errors
    /// 0A000 for a text that is not in UTF-8.
    pub fn checked_text(&self) -> conifer_pure::Result<&str> {
        // SAFETY: jsonb_out takes one jsonb and returns a C string in the current memory context, which
        // outlives the function call that this value is an argument of.
        let text = unsafe {
            let out = direct_function_call_as_datum(pg_sys::jsonb_out, &[Some(self.0)]);
            CStr::from_ptr(out.expect("jsonb_out does not return null").cast_mut_ptr())
        };
        text.to_str().map_err(|_| encoding::refusal())
    }

    /// Reads JSON text.
    ///
    /// # Errors
    /// Raises jsonb's own errors.
    pub fn parse(text: &str) -> Self {
        // SAFETY: a copy in the server's memory, from which jsonb_in copies.
        let datum = unsafe {
            let text = pg_sys::pnstrdup(text.as_ptr().cast(), text.len());
            direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(text.into())])
        };
        Self(datum.expect("jsonb_in does not return null"))
    }

    /// The bytes behind the value's header.
    pub fn packed(&self) -> Packed {
        // SAFETY: a jsonb that outlives the function call (constructors' contract).
        unsafe { detoast_packed(self.0) }
    }

    /// A value of its own of an object or array within another one: those are stored in the same form.
    ///
    /// # Errors
    /// Raises 53200 if there is no memory for it.
    pub fn of_container(container: &Container<'_>) -> Self {
        let pieces = container.pieces();
        let length = pg_sys::VARHDRSZ + pieces.iter().map(|piece| piece.len()).sum::<usize>();
        // SAFETY: palloc gives so many bytes, which the header and the pieces fill; no jsonb has more bytes than the one it is of.
        unsafe {
            let value = pg_sys::palloc(length).cast::<u8>();
            pgrx::set_varsize_4b(value.cast(), length as i32);
            let mut end = pg_sys::VARHDRSZ;
            for piece in pieces {
                value.add(end).copy_from_nonoverlapping(piece.as_ptr(), piece.len());
                end += piece.len();
            }
            Self(pg_sys::Datum::from(value))
        }
    }

    /// The value itself.
    pub fn datum(&self) -> pg_sys::Datum {
        self.0
    }

    /// # Safety
    /// `datum` must be a `jsonb` that outlives the function call.
    pub unsafe fn from_datum(datum: pg_sys::Datum) -> Self {
        Self(datum)
    }
}

// SAFETY: the literal names the type that the SQL declarations use for this Rust type.
unsafe impl SqlTranslatable for Json {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(Json);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("jsonb"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::literal("jsonb")));
}

// SAFETY: only functions declared with a jsonb argument in sql/ take this type.
unsafe impl<'fcx> ArgAbi<'fcx> for Json {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        let index = arg.index();
        // SAFETY: the argument is a jsonb datum; its type is not looked at.
        let datum = unsafe { arg.unbox_arg_using_from_datum::<RawDatum>() };
        Self(datum.unwrap_or_else(|| panic!("argument {index} must not be null")).0)
    }
}

// SAFETY: only functions declared to return jsonb return this type.
unsafe impl BoxRet for Json {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> BoxedDatum<'fcx> {
        // SAFETY: the datum outlives the call (constructors' contract).
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}

/// A datum taken as it is.
struct RawDatum(pg_sys::Datum);

impl FromDatum for RawDatum {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        (!is_null).then_some(Self(datum))
    }
}
