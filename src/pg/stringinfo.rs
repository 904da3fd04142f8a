//! The buffer that a binary input function reads from.
#![allow(unsafe_code)]

use crate::pg::error::raise;
use conifer_pure::fault::{Fault, state};
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{FromDatum, pg_sys};
use std::ptr::NonNull;

/// The server's `StringInfo` with the bytes of a value, and how far they are read.
pub struct Message<'a>(&'a mut pg_sys::StringInfoData);

impl<'a> Message<'a> {
    /// The bytes that are not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        let (cursor, len) = (usize::try_from(self.0.cursor), usize::try_from(self.0.len));
        match (cursor, len, NonNull::new(self.0.data)) {
            // SAFETY: `len` bytes stand behind `data`, which outlives the call and is not written.
            (Ok(cursor), Ok(len), Some(data)) if cursor <= len => unsafe {
                std::slice::from_raw_parts(data.as_ptr().add(cursor).cast(), len - cursor)
            },
            _ => &[],
        }
    }

    /// Marks `n` bytes of [`Self::rest`] as read. The server refuses a value with unread bytes.
    pub fn advance(&mut self, n: usize) {
        self.0.cursor += n.min(self.rest().len()) as i32;
    }
}

impl FromDatum for Message<'_> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        let ptr = if is_null { None } else { NonNull::new(datum.cast_mut_ptr()) };
        // SAFETY: the first argument of a receive function is a StringInfo of its caller.
        ptr.map(|mut ptr| Self(unsafe { ptr.as_mut() }))
    }
}

// SAFETY: the argument is declared `internal`, which SQL cannot pass; the server passes a StringInfo.
unsafe impl<'fcx> ArgAbi<'fcx> for Message<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: see above.
        unsafe { arg.unbox_arg_using_from_datum::<Self>() }.unwrap_or_else(|| {
            raise(Fault::new(state::PROTOCOL_VIOLATION, "insufficient data left in message"))
        })
    }
}

// SAFETY: the name is that of the pseudo-type of such arguments.
unsafe impl SqlTranslatable for Message<'_> {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(Message);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("internal"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("internal")));
}
