//! The stored form of a `sparsevec`, byte for byte pgvector's.
//!
//! ```text
//!       offset  size   field
//!            0     4   varlena header (4-byte form once detoasted)
//!            4     4   dim      i32, 1..=1000000000
//!            8     4   nnz      i32, 0..=16000
//!           12     4   unused   i32, 0
//!           16  4*nnz  indices  i32, from 0 on, ascending
//! 16 + 4 * nnz  4*nnz  values   f32, none of them 0, native byte order like all fields
//! ```
#![allow(unsafe_code)]

use crate::pg::datum::datum_of;
use crate::pg::error::raise;
use crate::pg::fmgr::{Argument, Returned, varlena_argument};
use crate::pg::varlena::{Room, Varlena, detoast};
use conifer_pure::fault::{Fault, state};
use conifer_pure::types::sparsevec::Sparse;
use pgrx::pg_sys;

#[repr(C)]
struct Header {
    vl_len_: u32,
    dim: i32,
    nnz: i32,
    unused: i32,
}

const HEADER: usize = size_of::<Header>();

/// A detoasted sparse vector: an argument of a function, or a result being made.
///
/// An argument that was not toasted is read where it lies, without a copy or a call to the server.
pub struct SparseVec(Varlena);

impl SparseVec {
    /// A new sparse vector of `dim` dimensions with room for `nnz` elements, in the current memory
    /// context. Both numbers must be within bounds (see `conifer_pure::types::sparsevec::limits`), and the room
    /// must be filled.
    #[must_use]
    pub fn zeroed(dim: i32, nnz: usize) -> Self {
        let mut new = Varlena::zeroed(HEADER + 8 * nnz);
        // SAFETY: the allocation is at least HEADER bytes, MAXALIGNed, and of this value alone.
        let header = unsafe { new.as_mut_ptr().cast::<Header>().as_mut() };
        header.dim = dim;
        header.nnz = nnz as i32;
        Self(new)
    }

    /// A new sparse vector of `dim` dimensions, of the elements that are not 0. `elements` are in the order of their
    /// indices and finite, and no more than a sparse vector may have.
    #[must_use]
    pub fn from_elements(dim: i32, elements: impl Iterator<Item = (i32, f32)> + Clone) -> Self {
        let elements = elements.filter(|(_, x)| *x != 0.0);
        let mut new = Self::zeroed(dim, elements.clone().count());
        let (indices, values) = new.parts_mut();
        for ((i, x), element) in indices.iter_mut().zip(values).zip(elements) {
            (*i, *x) = element;
        }
        new
    }

    /// The sparse vector behind a non-null datum of the type `sparsevec`.
    ///
    /// Raises `XX001` when its size does not fit its number of elements.
    ///
    /// # Safety
    /// `datum` is a non-null `sparsevec` and lives as long as the result.
    #[inline]
    #[must_use]
    pub unsafe fn from_raw(datum: pg_sys::Datum) -> Self {
        // SAFETY: a sparsevec is a varlena; the caller vouches for the datum.
        Self::checked(unsafe { detoast(datum) })
    }

    #[inline]
    fn checked(varlena: Varlena) -> Self {
        let new = Self(varlena);
        let size = new.0.size();
        if size < HEADER {
            corrupted(size, 0);
        }
        let nnz = new.header().nnz;
        if usize::try_from(nnz).ok().and_then(|nnz| nnz.checked_mul(8)) != Some(size - HEADER) {
            corrupted(size, nnz);
        }
        new
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: `zeroed` and `from_raw` made sure that the header is there; both align it to 4 bytes.
        unsafe { self.0.as_ptr().cast().as_ref() }
    }

    /// Number of elements that are not 0.
    #[inline]
    fn nnz(&self) -> usize {
        (self.0.size() - HEADER) / 8
    }

    /// Number of dimensions.
    #[inline]
    #[must_use]
    pub fn dim(&self) -> i32 {
        self.header().dim
    }

    /// The sparse vector as the pure parts take it.
    #[inline]
    #[must_use]
    pub fn as_sparse(&self) -> Sparse<'_> {
        let nnz = self.nnz();
        // SAFETY: `zeroed` and `from_raw` made sure that `nnz` indices and as many values follow the
        // header, all of 4 bytes, to which both align the header.
        unsafe {
            let indices = self.0.as_ptr().as_ptr().add(HEADER).cast::<i32>();
            Sparse {
                dim: self.dim(),
                indices: std::slice::from_raw_parts(indices, nnz),
                values: std::slice::from_raw_parts(indices.add(nnz).cast(), nnz),
            }
        }
    }

    /// Indices and values of a sparse vector that is being made. A vector that is read in place belongs to
    /// the server and must not be changed.
    #[inline]
    pub(super) fn parts_mut(&mut self) -> (&mut [i32], &mut [f32]) {
        let nnz = self.nnz();
        // SAFETY: as in `as_sparse`; the two do not overlap, and the callers hold a new value.
        unsafe {
            let indices = self.0.as_mut_ptr().as_ptr().add(HEADER).cast::<i32>();
            let values = indices.add(nnz).cast();
            (std::slice::from_raw_parts_mut(indices, nnz), std::slice::from_raw_parts_mut(values, nnz))
        }
    }

    /// Gives the datum to the server, which frees it with its memory context.
    #[inline]
    #[must_use]
    pub fn into_raw(self) -> pg_sys::Datum {
        self.0.into_raw()
    }
}

#[cold]
fn corrupted(size: usize, nnz: i32) -> ! {
    let message = format!("invalid sparsevec: {size} bytes for {nnz} elements");
    raise(Fault::new(state::DATA_CORRUPTED, message))
}

datum_of!(SparseVec, "sparsevec");

impl Argument for SparseVec {
    type View<'a> = Sparse<'a>;

    #[inline(always)]
    unsafe fn argument(fcinfo: pg_sys::FunctionCallInfo, i: usize, room: *mut Room) -> Self {
        // SAFETY: a sparsevec is a varlena; the caller vouches for the rest.
        Self::checked(unsafe { varlena_argument(fcinfo, i, room) })
    }

    #[inline(always)]
    fn view(&self) -> Sparse<'_> {
        self.as_sparse()
    }
}

impl Returned for SparseVec {
    #[inline]
    fn datum(self) -> pg_sys::Datum {
        self.into_raw()
    }
}
