//! Distances between values of the server's type `bit`.
#![allow(unsafe_code)]

use crate::pg::error::{OrRaise, raise};
use crate::pg::fmgr::{Argument, export, export_of, of_values, varlena_argument};
use crate::pg::varlena::{Room, Varlena, detoast};
use conifer_pure::fault::{Fault, state};
use conifer_pure::types::bit;
use pgrx::pg_sys;

/// Behind the varlena header stands the number of bits, then the bits, the most significant of the first
/// byte first; the rest of the last byte is 0.
const HEADER: usize = pg_sys::VARHDRSZ + size_of::<i32>();

/// A detoasted `bit`.
pub(crate) struct BitString(Varlena);

impl Argument for BitString {
    /// The number of bits, and their bytes.
    type View<'a> = (usize, &'a [u8]);

    #[inline(always)]
    unsafe fn argument(fcinfo: pg_sys::FunctionCallInfo, i: usize, room: *mut Room) -> Self {
        // SAFETY: a bit is a varlena; the caller vouches for the rest.
        Self::checked(unsafe { varlena_argument(fcinfo, i, room) })
    }

    #[inline(always)]
    fn view(&self) -> (usize, &[u8]) {
        let (start, size) = (self.0.as_ptr().as_ptr(), self.0.size() - HEADER);
        // SAFETY: `argument` made sure that there are as many bytes behind the header.
        (self.bits(), unsafe { std::slice::from_raw_parts(start.add(HEADER), size) })
    }
}

impl BitString {
    /// The value behind a datum.
    ///
    /// Raises `XX001` when the value's size does not fit its number of bits.
    ///
    /// # Safety
    /// `datum` is a non-null `bit` and lives as long as the result.
    pub(crate) unsafe fn from_raw(datum: pg_sys::Datum) -> Self {
        // SAFETY: a bit is a varlena; the caller vouches for the datum.
        Self::checked(unsafe { detoast(datum) })
    }

    #[inline(always)]
    fn checked(varlena: Varlena) -> Self {
        let new = Self(varlena);
        let size = new.0.size();
        if size < HEADER || new.bits().div_ceil(8) != size - HEADER {
            corrupted(size);
        }
        new
    }

    #[inline]
    fn bits(&self) -> usize {
        // SAFETY: called only when the header is there; detoasting aligns it to 4 bytes.
        let bits = unsafe { self.0.as_ptr().as_ptr().add(pg_sys::VARHDRSZ).cast::<i32>().read() };
        usize::try_from(bits).unwrap_or(usize::MAX)
    }
}

#[cold]
fn corrupted(size: usize) -> ! {
    raise(Fault::new(state::DATA_CORRUPTED, format!("invalid bit: {size} bytes")))
}

of_values! { BitString;
    /// Number of different bits, operator `<~>`.
    fn hamming_distance(a, b) -> f64 {
        bit::check_same_lengths(a.0, b.0).or_raise();
        bit::hamming(a.1, b.1) as f64
    }

    /// 1 - bits in common / bits in either, operator `<%>`; 1 if none are in common.
    fn jaccard_distance(a, b) -> f64 {
        bit::check_same_lengths(a.0, b.0).or_raise();
        bit::jaccard(a.1, b.1)
    }
}
