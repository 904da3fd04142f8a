//! Results that are made in the server's memory: `bytea`, `bit`, `cstring`.
#![allow(unsafe_code)]

use super::fmgr::Returned;
use super::varlena::Varlena;
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::pg_sys;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};

/// Implements the traits that `#[pg_extern]` asks of a result type that holds a datum.
macro_rules! returned_as {
    ($type:ident, $sql:literal) => {
        // SAFETY: the name is that of a type of the server.
        unsafe impl SqlTranslatable for $type {
            const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!($type);
            const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
            const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal($sql));
            const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
                Ok(ReturnsRef::One(SqlMappingRef::literal($sql)));
        }

        // SAFETY: the datum points to a palloc'd value of the declared type.
        unsafe impl BoxRet for $type {
            unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
                // SAFETY: see above.
                unsafe { fcinfo.return_raw_datum(self.0) }
            }
        }

        impl Returned for $type {
            #[inline]
            fn datum(self) -> pg_sys::Datum {
                self.0
            }
        }
    };
}

/// A new `bytea`.
pub struct Bytea(pg_sys::Datum);
returned_as!(Bytea, "bytea");

impl Bytea {
    /// A value of `size` bytes, which `fill` writes over zeros.
    pub fn new(size: usize, fill: impl FnOnce(&mut [u8])) -> Self {
        const HEADER: usize = pg_sys::VARHDRSZ;
        let mut new = Varlena::zeroed(HEADER + size);
        // SAFETY: `size` bytes follow the header, zeroed, and are of this value alone.
        fill(unsafe { std::slice::from_raw_parts_mut(new.as_mut_ptr().as_ptr().add(HEADER), size) });
        Self(new.into_raw())
    }
}

/// A new `bit(n)`.
pub struct Bits(pg_sys::Datum);
returned_as!(Bits, "bit");

impl Bits {
    /// A value of `n` bits; `fill` sets them, the most significant of the first byte first, over zeros and
    /// leaves the padding in the last byte 0.
    pub fn new(n: usize, fill: impl FnOnce(&mut [u8])) -> Self {
        // Behind the varlena header stands the number of bits.
        const HEADER: usize = pg_sys::VARHDRSZ + size_of::<i32>();
        let size = n.div_ceil(8);
        let mut new = Varlena::zeroed(HEADER + size);
        // SAFETY: the allocation holds the headers and `size` bytes, zeroed, and is of this value alone.
        unsafe {
            let ptr = new.as_mut_ptr().as_ptr();
            ptr.add(pg_sys::VARHDRSZ).cast::<i32>().write(n as i32);
            fill(std::slice::from_raw_parts_mut(ptr.add(HEADER), size));
        }
        Self(new.into_raw())
    }
}

/// A new `cstring`.
pub struct Text(pg_sys::Datum);
returned_as!(Text, "cstring");

impl Text {
    /// A string of at most `capacity` bytes, which `fill` writes, returning how many; none of them 0.
    pub fn new(capacity: usize, fill: impl FnOnce(&mut [std::mem::MaybeUninit<u8>]) -> usize) -> Self {
        // SAFETY: palloc returns that many bytes or raises; `fill` cannot claim more than it was lent
        // without the bound check failing.
        unsafe {
            let ptr = pg_sys::palloc(capacity + 1).cast::<u8>();
            let length = fill(std::slice::from_raw_parts_mut(ptr.cast(), capacity));
            ptr.add(length.min(capacity)).write(0);
            Self(pg_sys::Datum::from(ptr))
        }
    }
}
