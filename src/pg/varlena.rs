//! Values of variable length: read where they lie if possible, made in the server's memory.
#![allow(unsafe_code)]

use pgrx::{FromDatum, pg_sys};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// A varlena with a 4-byte header, at least 4-byte aligned: a detoasted argument or a new result.
pub struct Varlena {
    ptr: NonNull<u8>,
    /// Freed on drop: a detoasted copy or a new value.
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

    /// Size in bytes, header included.
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
        if self.owned {
            free(self.ptr);
        }
    }
}

/// Frees memory that `zeroed` or detoasting has allocated.
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

/// The varlena behind a datum, detoasted if it needs to be. A value that was stored as it is costs no call to
/// the server.
///
/// # Safety
/// `datum` points to a varlena that outlives the result.
#[inline]
#[must_use]
pub unsafe fn detoast(datum: pg_sys::Datum) -> Varlena {
    let given = datum.cast_mut_ptr::<pg_sys::varlena>();
    // SAFETY: the caller vouches for the pointer; the first byte tells the form.
    unsafe { if pgrx::varatt_is_4b_u(given) { theirs(given) } else { fetch(given) } }
}

/// Room for a short value, to be read without asking the server for memory.
#[repr(C, align(8))]
pub struct Room([MaybeUninit<u8>; pg_sys::VARHDRSZ + Self::SHORT - 1]);

impl Room {
    /// Maximum number of bytes of a varlena with a 1-byte header, header included.
    const SHORT: usize = 127;

    /// Uninitialized room.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self([MaybeUninit::uninit(); pg_sys::VARHDRSZ + Self::SHORT - 1])
    }
}

/// As [`detoast`], but a value with a short header is copied to `room`: it is unaligned where it lies,
/// and small vectors are stored that way.
///
/// # Safety
/// `datum` points to a varlena. It and `room`, untouched, outlive the result, which is not given to the
/// server.
#[inline(always)]
#[must_use]
pub unsafe fn detoast_in(datum: pg_sys::Datum, room: *mut Room) -> Varlena {
    let given = datum.cast_mut_ptr::<pg_sys::varlena>();
    // SAFETY: the caller vouches for the pointers; the first byte tells the form. The size of a short
    // value is at most SHORT, for which there is room behind a long header.
    unsafe {
        if pgrx::varatt_is_4b_u(given) {
            return theirs(given);
        }
        if !pgrx::varatt_is_1b(given) || pgrx::varatt_is_1b_e(given) {
            return fetch(given);
        }
        let size = pgrx::varsize_1b(given).clamp(1, Room::SHORT) - 1;
        let long = room.cast::<u8>();
        pgrx::set_varsize_4b(long.cast(), (pg_sys::VARHDRSZ + size) as i32);
        long.add(pg_sys::VARHDRSZ).copy_from_nonoverlapping(given.cast::<u8>().add(1), size);
        Varlena { ptr: NonNull::new_unchecked(long), owned: false }
    }
}

/// A plain value where it lies, aligned as its type says: to 4 bytes or more for the types here.
///
/// # Safety
/// `given` points to a varlena with a 4-byte header that outlives the result.
#[inline(always)]
unsafe fn theirs(given: *mut pg_sys::varlena) -> Varlena {
    // SAFETY: a datum that is not null has an address.
    Varlena { ptr: unsafe { NonNull::new_unchecked(given.cast()) }, owned: false }
}

/// A value that has a short header, is compressed, stored elsewhere or in another form in memory.
///
/// # Safety
/// `given` points to a varlena.
#[cold]
unsafe fn fetch(given: *mut pg_sys::varlena) -> Varlena {
    // SAFETY: the caller vouches for the pointer; the server returns a plain varlena or raises.
    unsafe {
        let plain = pg_sys::pg_detoast_datum(given);
        Varlena { ptr: NonNull::new_unchecked(plain.cast()), owned: plain != given }
    }
}

/// The bytes behind a value's header, wherever they start: a short value is read where it lies.
pub struct Packed {
    start: NonNull<u8>,
    length: usize,
    /// The detoasted copy, ours to free.
    copy: Option<NonNull<u8>>,
}

impl Packed {
    /// The bytes.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes stand behind the header of a value that outlives this one.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Packed {
    #[inline]
    fn drop(&mut self) {
        if let Some(copy) = self.copy {
            free(copy);
        }
    }
}

/// As [`detoast`], for what is read byte by byte.
///
/// # Safety
/// `datum` points to a varlena that outlives the result.
#[inline]
#[must_use]
pub unsafe fn detoast_packed(datum: pg_sys::Datum) -> Packed {
    let given = datum.cast_mut_ptr::<pg_sys::varlena>();
    // SAFETY: the caller vouches for the pointer; the first byte tells the form. The server returns a plain value or raises.
    unsafe {
        let here = pgrx::varatt_is_4b_u(given) || (pgrx::varatt_is_1b(given) && !pgrx::varatt_is_1b_e(given));
        let plain = if here { given } else { pg_sys::pg_detoast_datum_packed(given) };
        Packed {
            start: NonNull::new_unchecked(pgrx::vardata_any(plain).cast_mut().cast()),
            length: pgrx::varsize_any_exhdr(plain),
            copy: (plain != given).then(|| NonNull::new_unchecked(plain.cast())),
        }
    }
}
