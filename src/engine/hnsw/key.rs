//! The leading columns of a row, or those that a query asks for, as a [`Key`].
#![allow(unsafe_code)]

use crate::engine::varlena::detoast;
use crate::raise::OrRaise;
use conifer_pure::index::{Column, Key};
use pgrx::pg_sys;
use pgrx::pg_sys::Datum;

/// The key of a row; none if a column is null: no condition finds that.
///
/// # Safety
/// `values` and `nulls` have as many elements as there are columns, of their types.
pub unsafe fn of_row(
    columns: &[Column],
    types: &[pg_sys::Oid],
    values: *const Datum,
    nulls: *const bool,
) -> Option<Key> {
    let mut key = Key::new();
    for (i, column) in columns.iter().enumerate() {
        // SAFETY: the caller vouches for the arrays and types.
        unsafe {
            if *nulls.add(i) {
                return None;
            }
            push(&mut key, *column, types[i], *values.add(i));
        }
    }
    key.check().or_raise();
    Some(key)
}

/// What the conditions of a query say of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It is this one.
    Key(Key),
    /// No row can fulfil them.
    Nothing,
    /// Not every column is given.
    Open,
}

/// The key that conditions ask for.
///
/// # Safety
/// The conditions are equalities of our operator classes for these columns.
pub unsafe fn of_conditions(
    columns: &[Column],
    types: &[pg_sys::Oid],
    conditions: &[pg_sys::ScanKeyData],
) -> Asked {
    let mut key = Key::new();
    for (i, column) in columns.iter().enumerate() {
        let mut found: Option<Key> = None;
        for condition in conditions.iter().filter(|c| c.sk_attno as usize == i + 1) {
            if condition.sk_flags as u32 & pg_sys::SK_ISNULL != 0 {
                return Asked::Nothing;
            }
            let given = match condition.sk_subtype {
                pg_sys::InvalidOid => types[i],
                other => other,
            };
            let mut one = Key::new();
            // SAFETY: the caller vouches for the condition, whose argument is of that type.
            unsafe { push(&mut one, *column, given, condition.sk_argument) };
            if found.as_ref().is_some_and(|found| *found != one) {
                return Asked::Nothing;
            }
            found = Some(one);
        }
        match found {
            Some(one) => key.append(&one),
            None => return Asked::Open,
        }
    }
    // No row has such a key: it would have been refused.
    if key.check().is_err() { Asked::Nothing } else { Asked::Key(key) }
}

/// # Safety
/// The datum is of that type, which is one of the column's kind.
unsafe fn push(key: &mut Key, column: Column, kind: pg_sys::Oid, datum: Datum) {
    match column {
        Column::Integer => key.integer(match kind {
            pg_sys::INT2OID => (datum.value() as i16).into(),
            pg_sys::INT4OID => (datum.value() as i32).into(),
            _ => datum.value() as i64,
        }),
        Column::Boolean => key.boolean(datum.value() as u8 != 0),
        Column::Uuid => {
            // SAFETY: a uuid is 16 bytes behind a pointer.
            key.uuid(unsafe { &*datum.cast_mut_ptr::<[u8; 16]>() });
        }
        Column::Text => {
            // SAFETY: a text is a varlena, which lives as long as this call.
            let text = unsafe { detoast(datum) };
            let size = text.size().saturating_sub(pg_sys::VARHDRSZ);
            // SAFETY: its bytes follow the header.
            key.text(unsafe {
                std::slice::from_raw_parts(text.as_ptr().as_ptr().add(pg_sys::VARHDRSZ), size)
            });
        }
    }
}
