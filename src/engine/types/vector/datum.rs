//! The stored form of a `vector` and of a `halfvec`, byte for byte pgvector's.
//!
//! ```text
//! offset  size  field
//!      0     4  varlena header (4-byte form once detoasted)
//!      4     2  dim     i16, 1..=16000
//!      6     2  unused  i16, 0
//!      8        x       dim × f32, or f16 in a halfvec; native byte order
//! ```
#![allow(unsafe_code)]

use crate::pg::datum::datum_of;
use crate::pg::error::{OrRaise, raise};
use crate::pg::fmgr::{Argument, Returned, varlena_argument};
use crate::pg::varlena::{Room, Varlena, detoast};
use conifer_pure::fault::{Fault, state};
use conifer_pure::types::element::{Element, f16};
use pgrx::pg_sys;
use std::marker::PhantomData;

#[repr(C)]
struct Header {
    vl_len_: u32,
    dim: i16,
    unused: i16,
}

const HEADER: usize = size_of::<Header>();

/// A detoasted vector with its zeros: an argument of a function, or a result being made.
///
/// An argument that was not toasted is read where it lies, without a copy or a call to the server.
pub struct Dense<T>(Varlena, PhantomData<T>);

/// A value of the type `vector`.
pub type Vector = Dense<f32>;

/// A value of the type `halfvec`.
pub type HalfVec = Dense<f16>;

impl<T: Element> Dense<T> {
    /// A new vector of `dim` zeros, in the current memory context.
    ///
    /// Raises `22000` or `54000` for a number of dimensions that a vector cannot have.
    #[must_use]
    pub fn zeroed(dim: usize) -> Self {
        T::KIND.check_dim(dim as i64).or_raise();
        let mut new = Varlena::zeroed(HEADER + size_of::<T>() * dim);
        // SAFETY: the allocation is at least HEADER bytes, MAXALIGNed, and of this value alone.
        unsafe { new.as_mut_ptr().cast::<Header>().as_mut() }.dim = dim as i16;
        Self(new, PhantomData)
    }

    /// A new vector of these elements, in the current memory context. They must be finite (see
    /// `conifer_pure::types::vector::check_elements`).
    ///
    /// Raises `22000` or `54000` for a number of dimensions that a vector cannot have.
    #[must_use]
    pub fn from_slice(x: &[T]) -> Self {
        let mut new = Self::zeroed(x.len());
        new.as_mut_slice().copy_from_slice(x);
        new
    }

    /// The vector behind a non-null datum of its type.
    ///
    /// Raises `XX001` when its size does not fit its number of dimensions.
    ///
    /// # Safety
    /// `datum` is a non-null value of the type and lives as long as the result.
    #[inline]
    #[must_use]
    pub unsafe fn from_raw(datum: pg_sys::Datum) -> Self {
        // SAFETY: a vector is a varlena; the caller vouches for the datum.
        Self::checked(unsafe { detoast(datum) })
    }

    #[inline(always)]
    fn checked(varlena: Varlena) -> Self {
        let size = varlena.size();
        // SAFETY: read only if the header is there; detoasting aligns to 4 bytes, Header's alignment.
        let dim = if size < HEADER { 0 } else { unsafe { varlena.as_ptr().cast::<Header>().as_ref() }.dim };
        if dim < 1 || size != HEADER + size_of::<T>() * dim as usize {
            corrupted(T::KIND.name, size, dim);
        }
        Self(varlena, PhantomData)
    }

    /// Number of dimensions, 1 to 16000.
    #[inline]
    #[must_use]
    pub fn dim(&self) -> usize {
        (self.0.size() - HEADER) / size_of::<T>()
    }

    /// The elements.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: `zeroed` and `from_raw` made sure that `dim` elements follow the header; both align
        // the header to 4 bytes, and elements are aligned to their size.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().as_ptr().add(HEADER).cast(), self.dim()) }
    }

    /// The elements of a vector that is being made, or of an aggregate's state.
    ///
    /// A vector read in place belongs to the server, which allows only the transition function of an
    /// aggregate to change it (`crate::engine::types::aggregate_step::is_state`).
    #[inline]
    pub(in crate::engine) fn as_mut_slice(&mut self) -> &mut [T] {
        let dim = self.dim();
        // SAFETY: as in `as_slice`; the callers hold a new vector, a copy, or the aggregate's state.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().as_ptr().add(HEADER).cast(), dim) }
    }

    /// Gives the datum to the server, which frees it with its memory context.
    #[inline]
    #[must_use]
    pub fn into_raw(self) -> pg_sys::Datum {
        self.0.into_raw()
    }
}

#[cold]
fn corrupted(name: &str, size: usize, dim: i16) -> ! {
    let message = format!("invalid {name}: {size} bytes for {dim} dimensions");
    raise(Fault::new(state::DATA_CORRUPTED, message))
}

datum_of!(Vector, "vector");
datum_of!(HalfVec, "halfvec");

impl<T: Element> Argument for Dense<T> {
    type View<'a> = &'a [T];

    #[inline(always)]
    unsafe fn argument(fcinfo: pg_sys::FunctionCallInfo, i: usize, room: *mut Room) -> Self {
        // SAFETY: a vector is a varlena; the caller vouches for the rest.
        Self::checked(unsafe { varlena_argument(fcinfo, i, room) })
    }

    #[inline(always)]
    fn view(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T: Element> Returned for Dense<T> {
    #[inline]
    fn datum(self) -> pg_sys::Datum {
        self.into_raw()
    }
}
