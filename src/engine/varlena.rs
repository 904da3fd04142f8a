//! Values of variable length: read where they lie if possible, made in the server's memory.
#![allow(unsafe_code)]

use pgrx::{FromDatum, pg_sys};
use std::ptr::NonNull;

/// A varlena with a 4-byte header, at least 4-byte aligned: a detoasted argument or a new result.
pub struct Varlena {
    ptr: NonNull<u8>,
    /// Ours to free: a detoasted copy or a new value.
    owned: bool,
}

impl Varlena {
    /// A new varlena of `size` bytes (header included), zeros behind the header, in the current
    /// memory context.
    #[must_use]
    pub fn zeroed(size: usize) -> Self {
        // SAFETY: palloc0 returns `size` MAXALIGNed bytes or raises; sizes here are a few 100 kB at
        // most, within the 30 bits of the header.
        unsafe {
            let ptr = pg_sys::palloc0(size).cast::<u8>();
            pgrx::set_varsize_4b(ptr.cast(), size as i32);
            Self { ptr: NonNull::new_unchecked(ptr), owned: true }
        }
    }

    /// Bytes, header included.
    #[inline]
    #[must_use]
    pub fn size(&self) -> usize {
        // SAFETY: there is a 4-byte header.
        unsafe { pgrx::varsize_4b(self.ptr.as_ptr().cast()) }
    }

    /// Start of the header.
    #[inline]
    #[must_use]
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.ptr
    }

    /// Start of the header, to write behind it.
    #[inline]
    pub fn as_mut_ptr(&mut self) -> NonNull<u8> {
        self.ptr
    }

    /// Gives the value to the server, which frees it with its memory context.
    #[inline]
    #[must_use]
    pub fn into_raw(self) -> pg_sys::Datum {
        let datum = pg_sys::Datum::from(self.ptr.as_ptr());
        std::mem::forget(self);
        datum
    }
}

impl Drop for Varlena {
    #[inline]
    fn drop(&mut self) {
        // While an error unwinds, the server frees the memory itself.
        if self.owned && !std::thread::panicking() {
            // SAFETY: palloc'd by `zeroed` or by detoasting, and nobody else has the pointer.
            unsafe { pg_sys::pfree(self.ptr.as_ptr().cast()) }
        }
    }
}

impl FromDatum for Varlena {
    #[inline]
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        // SAFETY: the caller vouches for the type; null is ruled out.
        if is_null { None } else { Some(unsafe { detoast(datum) }) }
    }
}

/// The varlena behind a datum, detoasted only if it needs to be. What is neither compressed, nor
/// stored elsewhere, nor has a short header costs no call to the server.
///
/// # Safety
/// `datum` points to a varlena that outlives the result.
#[inline]
#[must_use]
pub unsafe fn detoast(datum: pg_sys::Datum) -> Varlena {
    let given = datum.cast_mut_ptr::<pg_sys::varlena>();
    // SAFETY: the caller vouches for the pointer; the first byte tells the form. Values in the plain
    // form are aligned as their type says, which is 4 bytes or more for those used here.
    unsafe {
        if pgrx::varatt_is_4b_u(given) {
            return Varlena { ptr: NonNull::new_unchecked(given.cast()), owned: false };
        }
        let plain = pg_sys::pg_detoast_datum(given);
        Varlena { ptr: NonNull::new_unchecked(plain.cast()), owned: plain != given }
    }
}
