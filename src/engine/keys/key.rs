//! The leading columns of a row, or the values that a query asks for, as a [`Key`].
#![allow(unsafe_code)]

use super::key_type::{KeyType, complete};
use crate::engine::storage::buffer::Index;
use crate::pg::array_elements::Elements;
use conifer_pure::Result;
use conifer_pure::hnsw::pages::Key;
use conifer_pure::memory::allocation::{push, with_room};
use pgrx::pg_sys;
use pgrx::pg_sys::Datum;

/// The key of a row.
///
/// # Safety
/// `values` and `nulls` have as many elements as there are columns, of their types; `index` is the index.
pub unsafe fn of_row(index: Index, columns: &[KeyType], values: *const Datum, nulls: *const bool) -> Key {
    let mut key = Key::new();
    for (i, column) in columns.iter().enumerate() {
        // SAFETY: the caller vouches for the arrays and types.
        unsafe {
            if *nulls.add(i) {
                key.null();
            } else {
                column.push(index, i, &mut key, None, *values.add(i));
            }
        }
    }
    complete(key)
}

/// The keys that the conditions of a query allow.
#[derive(Debug)]
pub enum Asked {
    /// Any of several keys.
    Keys(Keys),
    /// No key: the conditions exclude each other.
    Nothing,
    /// Any key: the conditions leave a column open.
    Open,
}

/// All combinations of the values of each column.
#[derive(Debug)]
pub struct Keys {
    /// Distinct values of each column.
    values: Vec<Vec<Key>>,
    /// Position of the next value of each column; none at the end.
    next: Option<Vec<usize>>,
}

impl Iterator for Keys {
    type Item = Key;

    fn next(&mut self) -> Option<Key> {
        let next = self.next.as_mut()?;
        let mut key = Key::new();
        for (values, at) in self.values.iter().zip(&*next) {
            key.append(&values[*at]);
        }
        // The positions count on as a number's digits do.
        let turned = self.values.iter().zip(next.iter_mut()).rev().all(|(values, at)| {
            *at = (*at + 1) % values.len();
            *at == 0
        });
        if turned {
            self.next = None;
        }
        Some(complete(key))
    }
}

/// The keys that conditions ask for.
///
/// # Safety
/// The conditions are equalities of the index's operator classes, or of nulls; their arguments live on.
pub unsafe fn of_conditions(
    index: Index,
    columns: &[KeyType],
    conditions: &[pg_sys::ScanKeyData],
) -> Result<Asked> {
    let mut values = vec![];
    for at in 0..=columns.len() {
        let mut allowed: Option<Vec<Key>> = None;
        let mut no_null = false;
        for condition in conditions.iter().filter(|c| c.sk_attno as usize == at + 1) {
            let flags = condition.sk_flags as u32;
            if flags & pg_sys::SK_SEARCHNOTNULL != 0 {
                no_null = true;
                continue;
            }
            let given = if flags & pg_sys::SK_SEARCHNULL != 0 {
                let mut null = Key::new();
                null.null();
                vec![null]
            } else if flags & pg_sys::SK_ISNULL != 0 {
                vec![]
            } else {
                let Some(column) = columns.get(at) else { return Ok(Asked::Open) };
                // SAFETY: the caller vouches for the condition.
                unsafe { of_condition(index, column, at, condition)? }
            };
            allowed = Some(match allowed {
                None => given,
                Some(mut both) => {
                    both.retain(|key| given.binary_search(key).is_ok());
                    both
                }
            });
        }
        if at == columns.len() {
            // A condition on the vector. No vector in an index is null; the planner looks for null vectors in the
            // table alone.
            if allowed.is_some() {
                return Ok(Asked::Nothing);
            }
            continue;
        }
        let Some(mut allowed) = allowed else { return Ok(Asked::Open) };
        if no_null {
            allowed.retain(|key| !key.is_null());
        }
        if allowed.is_empty() {
            return Ok(Asked::Nothing);
        }
        values.push(allowed);
    }
    let next = Some(vec![0; values.len()]);
    Ok(Asked::Keys(Keys { values, next }))
}

/// The values that an equality asks for, ascending.
///
/// # Safety
/// The condition is an equality of the index's operator class for that column, and its argument is not null.
unsafe fn of_condition(
    index: Index,
    column: &KeyType,
    at: usize,
    condition: &pg_sys::ScanKeyData,
) -> Result<Vec<Key>> {
    let one = |kind, datum| {
        let mut key = Key::new();
        // SAFETY: the caller vouches for the condition, whose argument is of that type.
        unsafe { column.push(index, at, &mut key, kind, datum) };
        key
    };
    if condition.sk_flags as u32 & pg_sys::SK_SEARCHARRAY == 0 {
        let kind = Some(condition.sk_subtype).filter(|kind| *kind != pg_sys::InvalidOid);
        return Ok(vec![one(kind, condition.sk_argument)]);
    }
    // SAFETY: the argument is an array of values of the operator's right type.
    let elements = unsafe { Elements::of(condition.sk_argument) };
    let mut keys = with_room(elements.len())?;
    elements.each(|element| push(&mut keys, one(Some(elements.kind()), element)))?;
    elements.free();
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}
