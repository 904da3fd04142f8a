//! Values of variable length: read where they lie if possible, made in the server's memory.
#![allow(unsafe_code)]

use pgrx::{FromDatum, pg_sys};
use std::ptr::NonNull;

/// Most bytes of a varlena with a 1-byte header, header included.
const SHORT: usize = 127;

/// A varlena with a 4-byte header, at least 4-byte aligned: a detoasted argument or a new result.
pub struct Varlena(Place);

/// Where the value is.
enum Place {
    /// Where the server passed it.
    Theirs(NonNull<u8>),
    /// In palloc'd memory that is ours to free: a detoasted copy or a new value.
    Ours(NonNull<u8>),
    /// Here: a short value that came with a 1-byte header, so unaligned. Copying it costs less than
    /// asking the server for memory.
    Here([u64; Self::WORDS]),
}

impl Place {
    /// Words that hold a 4-byte header and what can stand behind a 1-byte header.
    const WORDS: usize = (pg_sys::VARHDRSZ + SHORT - 1).div_ceil(8);
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
            Self(Place::Ours(NonNull::new_unchecked(ptr)))
        }
    }

    /// Bytes, header included.
    #[inline]
    #[must_use]
    pub fn size(&self) -> usize {
        // SAFETY: there is a 4-byte header.
        unsafe { pgrx::varsize_4b(self.as_ptr().as_ptr().cast()) }
    }

    /// Start of the header. The value is there until `self` is moved.
    #[inline]
    #[must_use]
    pub fn as_ptr(&self) -> NonNull<u8> {
        match &self.0 {
            Place::Theirs(ptr) | Place::Ours(ptr) => *ptr,
            Place::Here(words) => NonNull::from(words).cast(),
        }
    }

    /// Start of the header, to write behind it. The value is there until `self` is moved.
    #[inline]
    pub fn as_mut_ptr(&mut self) -> NonNull<u8> {
        match &mut self.0 {
            Place::Theirs(ptr) | Place::Ours(ptr) => *ptr,
            Place::Here(words) => NonNull::from(words).cast(),
        }
    }

    /// Gives the value to the server, which frees it with its memory context.
    #[inline]
    #[must_use]
    pub fn into_raw(self) -> pg_sys::Datum {
        let ptr = match self.0 {
            Place::Theirs(ptr) | Place::Ours(ptr) => ptr,
            Place::Here(_) => {
                let mut copy = Self::zeroed(self.size());
                // SAFETY: both are `size` bytes long and apart.
                unsafe { copy.as_mut_ptr().copy_from_nonoverlapping(self.as_ptr(), self.size()) };
                return copy.into_raw();
            }
        };
        std::mem::forget(self);
        pg_sys::Datum::from(ptr.as_ptr())
    }
}

impl Drop for Varlena {
    #[inline]
    fn drop(&mut self) {
        if let Place::Ours(ptr) = self.0 {
            free(ptr);
        }
    }
}

/// Frees what `zeroed` or detoasting allocated.
#[cold]
fn free(ptr: NonNull<u8>) {
    // While an error unwinds, the server frees the memory itself.
    if !std::thread::panicking() {
        // SAFETY: palloc'd, and the only pointer to it is being dropped.
        unsafe { pg_sys::pfree(ptr.as_ptr().cast()) }
    }
}

impl FromDatum for Varlena {
    #[inline]
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        // SAFETY: the caller vouches for the type; null is ruled out.
        if is_null { None } else { Some(unsafe { detoast(datum) }) }
    }
}

/// The varlena behind a datum, detoasted only if it needs to be. What is neither compressed nor stored
/// elsewhere costs no call to the server.
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
            Varlena(Place::Theirs(NonNull::new_unchecked(given.cast())))
        } else if pgrx::varatt_is_1b(given) && !pgrx::varatt_is_1b_e(given) {
            lengthen(given)
        } else {
            fetch(given)
        }
    }
}

/// A value with a short header, copied behind a long one.
///
/// # Safety
/// `given` points to a varlena with a 1-byte header that is no pointer to a value elsewhere.
#[inline]
unsafe fn lengthen(given: *const pg_sys::varlena) -> Varlena {
    let mut words = [0; Place::WORDS];
    // SAFETY: the size of a short value is at most SHORT, for which there is room behind the header.
    unsafe {
        let size = pgrx::varsize_1b(given).clamp(1, SHORT) - 1;
        let start = words.as_mut_ptr().cast::<u8>();
        pgrx::set_varsize_4b(start.cast(), (pg_sys::VARHDRSZ + size) as i32);
        start.add(pg_sys::VARHDRSZ).copy_from_nonoverlapping(given.cast::<u8>().add(1), size);
    }
    Varlena(Place::Here(words))
}

/// A value that is compressed, stored elsewhere or in the server's memory in another form.
///
/// # Safety
/// `given` points to a varlena.
#[cold]
unsafe fn fetch(given: *mut pg_sys::varlena) -> Varlena {
    // SAFETY: the caller vouches for the pointer; the server returns a plain varlena or raises.
    unsafe {
        let plain = pg_sys::pg_detoast_datum(given);
        let ptr = NonNull::new_unchecked(plain.cast());
        Varlena(if plain == given { Place::Theirs(ptr) } else { Place::Ours(ptr) })
    }
}
