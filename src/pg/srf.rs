//! Results that a statement computes and a set-returning function hands on.
#![allow(unsafe_code)]

use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param, Rows, Value, run, wrong_type};
use pgrx::prelude::*;

/// Runs a statement whose columns are those of the calling set-returning function, and makes its rows
/// the function's result.
///
/// # Errors
/// Raises 0A000 where no set can be returned, and the statement's errors.
pub fn return_rows(fcinfo: pg_sys::FunctionCallInfo, mode: Mode, sql: &str, params: &[Param]) {
    let store = open(fcinfo);
    run(mode, sql, params, |rows| store.put(&rows));
}

/// The result of a set-returning function, being filled.
pub struct Store {
    store: *mut pg_sys::Tuplestorestate,
    descriptor: pg_sys::TupleDesc,
}

/// Prepares an empty result for the function being called.
///
/// # Errors
/// Raises 0A000 where no set can be returned.
pub fn open(fcinfo: pg_sys::FunctionCallInfo) -> Store {
    // SAFETY: `fcinfo` is that of the function being called; InitMaterializedSRF checks that its
    // resultinfo is a ReturnSetInfo, and fills in store and descriptor.
    unsafe {
        pg_sys::InitMaterializedSRF(fcinfo, 0);
        let info = (*fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();
        Store { store: (*info).setResult, descriptor: (*info).setDesc }
    }
}

impl Store {
    /// Adds rows, which must have the function's columns.
    ///
    /// # Errors
    /// Raises 42804 if the rows have other columns: the tuples would be read by the wrong descriptor.
    pub fn put(&self, rows: &Rows) {
        let Some((descriptor, tuples)) = rows.tuples() else { return };
        // SAFETY: both descriptors are live; after the check a tuple of the one may be read by the other.
        unsafe {
            if let Some(column) = other_column(descriptor, self.descriptor) {
                wrong_type(column);
            }
            for &tuple in tuples {
                pg_sys::tuplestore_puttuple(self.store, tuple);
            }
        }
    }
}

impl Store {
    /// Adds a row of the function's columns.
    ///
    /// # Errors
    /// Raises 42804 for values of other types.
    pub fn put_row<const N: usize>(&self, values: [Value<'_>; N]) {
        let mut datums = [pg_sys::Datum::null(); N];
        let mut nulls = [true; N];
        // SAFETY: the descriptor is live; each value is of the type of its column, and is copied.
        unsafe {
            for (i, value) in values.iter().enumerate() {
                let number = i as i32 + 1;
                let datum = value.as_type(pg_sys::SPI_gettypeid(self.descriptor, number));
                let Some(datum) = datum else { wrong_type(number) };
                (datums[i], nulls[i]) = (datum.unwrap_or(pg_sys::Datum::null()), datum.is_none());
            }
            if (*self.descriptor).natts as usize != N {
                wrong_type(N as i32 + 1);
            }
            pg_sys::tuplestore_putvalues(
                self.store,
                self.descriptor,
                datums.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
        }
    }
}

/// The first column, from 1, whose type differs.
///
/// # Safety
/// Both must be live descriptors.
unsafe fn other_column(a: pg_sys::TupleDesc, b: pg_sys::TupleDesc) -> Option<i32> {
    // SAFETY: SPI_gettypeid answers InvalidOid for a column that is not there.
    unsafe {
        (1..=(*a).natts.max((*b).natts)).find(|&i| pg_sys::SPI_gettypeid(a, i) != pg_sys::SPI_gettypeid(b, i))
    }
}

/// Runs a statement that returns one `jsonb` and makes it the function's result.
///
/// # Errors
/// Raises the statement's errors.
pub fn one_json(mode: Mode, sql: &str, params: &[Param]) -> Json {
    run(mode, sql, params, |rows| {
        let (descriptor, tuples) = rows.tuples().expect("the statement returns a row");
        let mut is_null = false;
        // SAFETY: the first column of the first row is a jsonb; SPI_datumTransfer copies it into the
        // memory context that SPI_connect was called in, which outlives the function call.
        unsafe {
            let datum = pg_sys::SPI_getbinval(tuples[0], descriptor, 1, &mut is_null);
            assert!(!is_null, "the statement's value is not null");
            Json::from_datum(pg_sys::SPI_datumTransfer(datum, false, -1))
        }
    })
}
