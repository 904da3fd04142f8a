//! One-dimensional arrays of numbers without NULLs, read where they lie.
#![allow(unsafe_code)]

use super::varlena::Varlena;
use crate::pg::error::raise;
use conifer_pure::fault::{Fault, state};
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::pg_sys;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use std::marker::PhantomData;
use std::mem::offset_of;

/// An element type of the server.
///
/// # Safety
/// `OID` and `ARRAY_SQL` name a type of the server and its array type.
pub unsafe trait Element {
    /// The server's type.
    const OID: pg_sys::Oid;
    /// The SQL name of the array type.
    const ARRAY_SQL: &'static str;
    /// Tells pgrx the types apart.
    const IDENT: &'static str;
}

/// An element type whose arrays are values side by side.
///
/// # Safety
/// The server stores the type as `Self`, and any bits are valid.
pub unsafe trait Plain: Element + Copy {}

/// `numeric`, as an element.
pub struct Numeric;

/// `cstring`, as an element.
pub struct CString;

macro_rules! element {
    ($($type:ty, $oid:ident, $sql:literal;)*) => {$(
        // SAFETY: the names belong together.
        unsafe impl Element for $type {
            const OID: pg_sys::Oid = pg_sys::$oid;
            const ARRAY_SQL: &'static str = $sql;
            const IDENT: &'static str = concat!("conifer::engine::array::Array<", stringify!($type), ">");
        }
    )*};
}
element! {
    i32, INT4OID, "integer[]";
    f32, FLOAT4OID, "real[]";
    f64, FLOAT8OID, "double precision[]";
    Numeric, NUMERICOID, "numeric[]";
    CString, CSTRINGOID, "cstring[]";
}
// SAFETY: int4 is a C int32.
unsafe impl Plain for i32 {}
// SAFETY: float4 is a C float.
unsafe impl Plain for f32 {}
// SAFETY: float8 is a C double.
unsafe impl Plain for f64 {}

/// An element type whose numbers become elements of vectors.
pub trait Single: Element {
    /// The elements in single precision, rounded; infinite if they are beyond it.
    ///
    /// Raises `22000` or `22004` for an array that is no list of numbers, and the server's error for a `numeric`
    /// beyond single precision.
    fn singles(array: &Array<Self>) -> impl ExactSizeIterator<Item = f32>
    where
        Self: Sized;
}

macro_rules! single {
    ($($type:ty, $convert:expr;)*) => {$(
        impl Single for $type {
            #[inline]
            fn singles(array: &Array<Self>) -> impl ExactSizeIterator<Item = f32> {
                array.as_slice().unwrap_or_else(|no_list| refuse(no_list)).iter().map($convert)
            }
        }
    )*};
}
single! {
    i32, |&x| x as f32;
    f32, |&x| x;
    f64, |&x| x as f32;
}

impl Single for Numeric {
    fn singles(array: &Array<Self>) -> impl ExactSizeIterator<Item = f32> {
        array.check_list().unwrap_or_else(|no_list| refuse(no_list));
        let (mut datums, mut len) = (std::ptr::null_mut(), 0);
        // SAFETY: an array of numeric as the server passes it, without NULLs; numeric is of variable
        // length, by reference and int-aligned. The result is `len` datums in palloc'd memory.
        let datums = unsafe {
            let no_nulls = std::ptr::null_mut();
            pg_sys::deconstruct_array(
                array.as_ptr(),
                Numeric::OID,
                -1,
                false,
                pg_sys::TYPALIGN_INT as std::ffi::c_char,
                &mut datums,
                no_nulls,
                &mut len,
            );
            std::slice::from_raw_parts(datums, usize::try_from(len).unwrap_or(0))
        };
        datums.iter().map(|&datum| {
            // SAFETY: a non-null numeric, as the function takes.
            unsafe { pgrx::direct_function_call(pg_sys::numeric_float4, &[Some(datum)]) }.unwrap_or(f32::NAN)
        })
    }
}

#[cold]
fn refuse(no_list: NoList) -> ! {
    raise(match no_list {
        NoList::Dimensions => Fault::new(state::DATA_EXCEPTION, "array must be 1-D"),
        NoList::Null => Fault::new(state::NULL_VALUE_NOT_ALLOWED, "array must not contain nulls"),
        NoList::Type => Fault::new(state::DATA_EXCEPTION, "unsupported array type"),
    })
}

/// Why an array cannot be read as a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoList {
    /// More than one dimension.
    Dimensions,
    /// A NULL among the elements.
    Null,
    /// Another element type than declared.
    Type,
}

/// Start of the data of a one-dimensional array without a null bitmap: `MAXALIGN` of header, length
/// and lower bound.
const DATA: usize = (size_of::<pg_sys::ArrayType>() + 2 * size_of::<i32>()).next_multiple_of(8);

/// A detoasted array argument, or a new one-dimensional array.
pub struct Array<T: Element>(Varlena, PhantomData<T>);

impl Array<CString> {
    /// The integers of a type modifier's list.
    ///
    /// Raises the server's error unless the array is a list of integers.
    #[must_use]
    pub fn typmods(&self) -> &[i32] {
        let mut n = 0;
        // SAFETY: an array as the server passes it. The function returns `n` integers in palloc'd
        // memory, which outlives the call that the array is an argument of.
        unsafe {
            let first = pg_sys::ArrayGetIntegerTypmods(self.as_ptr(), &mut n);
            std::slice::from_raw_parts(first, usize::try_from(n).unwrap_or(0))
        }
    }
}

impl<T: Element> Array<T> {
    fn header(&self) -> &pg_sys::ArrayType {
        // SAFETY: an array datum starts with this header, which is 4-byte aligned as arrays are.
        unsafe { self.0.as_ptr().cast().as_ref() }
    }

    /// The array as the server's functions take it.
    #[must_use]
    pub fn as_ptr(&self) -> *mut pg_sys::ArrayType {
        self.0.as_ptr().as_ptr().cast()
    }

    /// Refuses more than one dimension, NULLs and another element type than declared.
    ///
    /// # Errors
    /// The reason why the array is no list.
    pub fn check_list(&self) -> Result<(), NoList> {
        let header = self.header();
        if header.ndim > 1 {
            return Err(NoList::Dimensions);
        }
        if header.elemtype != T::OID {
            return Err(NoList::Type);
        }
        // SAFETY: an array of the server, which this function only reads. A bitmap need not mean NULLs.
        if header.dataoffset != 0 && unsafe { pg_sys::array_contains_nulls(self.as_ptr()) } {
            return Err(NoList::Null);
        }
        Ok(())
    }
}

impl<T: Plain> Array<T> {
    /// A new array of `len` zeros with lower bound 1.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        let mut new = Varlena::zeroed(DATA + len * size_of::<T>());
        // SAFETY: the allocation holds the header, the length and the lower bound, and is of this value alone.
        unsafe {
            let header = new.as_mut_ptr().as_ptr().cast::<pg_sys::ArrayType>();
            (*header).ndim = 1;
            (*header).dataoffset = 0;
            (*header).elemtype = T::OID;
            header.add(1).cast::<[i32; 2]>().write([len as i32, 1]);
        }
        Self(new, PhantomData)
    }

    /// A new array of these elements with lower bound 1.
    #[must_use]
    pub fn from_slice(elements: &[T]) -> Self {
        let mut new = Self::zeroed(elements.len());
        new.elements_mut().copy_from_slice(elements);
        new
    }

    /// The elements, if the array has at most one dimension and no NULL.
    ///
    /// # Errors
    /// The reason why the array is no list.
    pub fn as_slice(&self) -> Result<&[T], NoList> {
        self.check_list()?;
        let header = self.header();
        let ptr = self.0.as_ptr().as_ptr();
        // SAFETY: the server's arrays of this element type: with one dimension the length follows the
        // header, and without NULLs `length` elements follow `dataoffset`, or the header's end if
        // that is 0. Arrays are aligned as their elements are.
        unsafe {
            if header.ndim < 1 {
                return Ok(&[]);
            }
            let len = ptr.add(size_of::<pg_sys::ArrayType>()).cast::<i32>().read();
            let data = if header.dataoffset == 0 { DATA } else { header.dataoffset as usize };
            Ok(std::slice::from_raw_parts(ptr.add(data).cast(), usize::try_from(len).unwrap_or(0)))
        }
    }

    /// The elements, to write; none if [`Self::as_slice`] refuses the array. Only for a new array or
    /// the state of an aggregate: other arguments belong to the server.
    pub fn elements_mut(&mut self) -> &mut [T] {
        let (ptr, len) = self.as_slice().map_or((std::ptr::dangling(), 0), |s| (s.as_ptr(), s.len()));
        // SAFETY: the same elements; `self` is borrowed mutably and the caller may write.
        unsafe { std::slice::from_raw_parts_mut(ptr.cast_mut(), len) }
    }
}

// SAFETY: the name is that of the array type of the element.
unsafe impl<T: Element> SqlTranslatable for Array<T> {
    const TYPE_IDENT: &'static str = T::IDENT;
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal(T::ARRAY_SQL));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal(T::ARRAY_SQL)));
}

// SAFETY: an argument declared as this array in SQL is one. Functions that take it are STRICT.
unsafe impl<'fcx, T: Element> ArgAbi<'fcx> for Array<T> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: not null, and a varlena that lives as long as the call.
        let varlena = unsafe { arg.unbox_arg_using_from_datum::<Varlena>() };
        Self(varlena.unwrap_or_else(|| null_argument()), PhantomData)
    }
}

#[cold]
fn null_argument() -> ! {
    raise(Fault::new(state::NULL_VALUE_NOT_ALLOWED, "array must not be null"))
}

// SAFETY: the datum is a varlena of the declared type.
unsafe impl<T: Element> BoxRet for Array<T> {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        // SAFETY: see above.
        unsafe { fcinfo.return_raw_datum(self.0.into_raw()) }
    }
}

const _: () = assert!(offset_of!(pg_sys::ArrayType, elemtype) == 12 && DATA == 24);
