//! Arrays that pass through without being taken apart.
#![allow(unsafe_code)]

use crate::pg::array_elements::Elements;
use crate::pg::error::OrRaise;
use conifer_pure::memory::allocation::headroom;
use pgrx::callconv::{Arg, ArgAbi};
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;

/// A detoasted array of any element type.
pub struct RawArray(*mut pg_sys::ArrayType);

impl RawArray {
    /// Builds a one-dimensional array of `element`s; `None` is NULL.
    pub fn build(element: pg_sys::Oid, items: &[Option<pg_sys::Datum>]) -> Self {
        let mut datums: Vec<_> = items.iter().map(|item| item.unwrap_or(pg_sys::Datum::null())).collect();
        let mut nulls: Vec<_> = items.iter().map(Option::is_none).collect();
        let (mut len, mut by_value, mut align) = (0, false, 0);
        // SAFETY: the arrays are as long as `dims` says, and the datums of the type that the layout is
        // looked up for.
        unsafe {
            pg_sys::get_typlenbyvalalign(element, &mut len, &mut by_value, &mut align);
            Self(pg_sys::construct_md_array(
                datums.as_mut_ptr(),
                nulls.as_mut_ptr(),
                1,
                [items.len() as i32].as_mut_ptr(),
                [1].as_mut_ptr(),
                element,
                len.into(),
                by_value,
                align,
            ))
        }
    }

    /// Number of elements, over all dimensions.
    pub fn len(&self) -> usize {
        // SAFETY: a detoasted array; its dimensions follow the header.
        unsafe {
            let dims = self.0.cast::<u8>().add(size_of::<pg_sys::ArrayType>()).cast::<i32>();
            pg_sys::ArrayGetNItems((*self.0).ndim, dims).max(0) as usize
        }
    }

    /// Whether any element is NULL.
    pub fn contains_nulls(&self) -> bool {
        // SAFETY: a detoasted array.
        unsafe { pg_sys::array_contains_nulls(self.0) }
    }

    /// Whether all elements are NULL.
    pub fn is_all_null(&self) -> bool {
        // SAFETY: a detoasted array.
        unsafe { Elements::of(self.datum()) }.iter().all(|element| element.is_none())
    }

    /// The elements of an array of texts.
    ///
    /// # Errors
    /// Raises 53200 if there is no memory for the strings.
    pub fn texts(&self) -> Vec<Option<String>> {
        // SAFETY: a detoasted array, which is one of texts wherever this is called.
        let (size, array) = unsafe { (pgrx::varsize(self.0.cast()), self.datum()) };
        // For the characters, and for each element a string, its allocation, and places in the lists that callers make of them.
        headroom(2 * size + 128 * self.len()).or_raise();
        // SAFETY: as above.
        unsafe { Vec::from_datum(array, false) }.unwrap_or_default()
    }

    /// The array itself.
    pub fn datum(&self) -> pg_sys::Datum {
        self.0.into()
    }
}

// SAFETY: names an array; the functions that take it are declared by hand in sql/.
unsafe impl SqlTranslatable for RawArray {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(RawArray);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("anyarray"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("anyarray")));
}

// SAFETY: only functions declared with an array argument in sql/ take this type.
unsafe impl<'fcx> ArgAbi<'fcx> for RawArray {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        let index = arg.index();
        // SAFETY: the argument is an array datum; whatever form it has, detoasting gives the flat one.
        unsafe {
            let array = arg.unbox_arg_using_from_datum::<Detoasted>();
            Self(array.unwrap_or_else(|| panic!("argument {index} must not be null")).0)
        }
    }
}

struct Detoasted(*mut pg_sys::ArrayType);

impl FromDatum for Detoasted {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        // SAFETY: `datum` is a varlena unless NULL (contract of FromDatum).
        (!is_null).then(|| Self(unsafe { pg_sys::pg_detoast_datum(datum.cast_mut_ptr()) }.cast()))
    }
}
