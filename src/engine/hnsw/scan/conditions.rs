//! Conditions of a scan on columns, asked of rows of the table.
#![allow(unsafe_code)]

use super::table_distance::Row;
use crate::pg::array_elements::Elements;
use conifer_pure::Result;
use conifer_pure::memory::allocation::push;
use pgrx::pg_sys;
use pgrx::pg_sys::Datum;

/// The arguments of a function call with two of them, as the server lays them out.
#[repr(C)]
struct Call {
    base: pg_sys::FunctionCallInfoBaseData,
    arguments: [pg_sys::NullableDatum; 2],
}

/// Whether an operator holds; null is no. Called where one guard serves all calls.
///
/// # Safety
/// The function is a strict one of an operator that takes the values and returns a boolean.
unsafe fn holds(function: &mut pg_sys::FmgrInfo, collation: pg_sys::Oid, a: Datum, b: Datum) -> bool {
    let Some(call) = function.fn_addr else { return false };
    let argument = |value| pg_sys::NullableDatum { value, isnull: false };
    let mut given =
        Call { base: pg_sys::FunctionCallInfoBaseData::default(), arguments: [argument(a), argument(b)] };
    given.base.flinfo = function;
    given.base.fncollation = collation;
    given.base.nargs = 2;
    // SAFETY: the caller vouches for the function; this is FunctionCall2Coll(), which would raise an error for null.
    unsafe {
        let result = call((&raw mut given).cast());
        !given.base.isnull && result.value() as u8 != 0
    }
}

/// A condition on a column of the index.
pub struct Condition {
    /// The column, counted from 0.
    pub column: usize,
    kind: Kind,
}

enum Kind {
    IsNull,
    IsNotNull,
    /// An operator holds for one of the arguments. Each has a function of its own, which keeps what it makes of its argument.
    Operator {
        collation: pg_sys::Oid,
        choices: Vec<(pg_sys::FmgrInfo, Datum)>,
    },
}

/// Conditions that hold together.
pub struct Conditions {
    list: Vec<Condition>,
    /// No row can fulfil them.
    pub never: bool,
}

impl Conditions {
    /// Conditions of a scan, with copies of their arguments in the context.
    ///
    /// # Errors
    /// `53200`.
    ///
    /// # Safety
    /// The conditions are those that the server has given; the context outlives what is made here.
    pub unsafe fn of(keys: &[pg_sys::ScanKeyData], context: pg_sys::MemoryContext) -> Result<Self> {
        let mut conditions = Self { list: vec![], never: false };
        for key in keys {
            let flags = key.sk_flags as u32;
            let kind = if flags & pg_sys::SK_SEARCHNULL != 0 {
                Kind::IsNull
            } else if flags & pg_sys::SK_SEARCHNOTNULL != 0 {
                Kind::IsNotNull
            } else if flags & pg_sys::SK_ISNULL != 0 {
                // Operators of index scans are strict.
                conditions.never = true;
                continue;
            } else {
                // SAFETY: the caller vouches for the condition.
                let choices = unsafe { choices(key, context)? };
                conditions.never |= choices.is_empty();
                Kind::Operator { collation: key.sk_collation, choices }
            };
            push(&mut conditions.list, Condition { column: key.sk_attno as usize - 1, kind })?;
        }
        Ok(conditions)
    }

    /// Whether a row fulfils those on columns from one on.
    ///
    /// # Safety
    /// Called where the row is shown.
    pub unsafe fn hold(&mut self, row: &Row<'_>, from: usize) -> bool {
        self.list.iter_mut().filter(|condition| condition.column >= from).all(|condition| {
            match (&mut condition.kind, row.value(condition.column)) {
                (Kind::IsNull, value) => value.is_none(),
                (_, None) => false,
                (Kind::IsNotNull, Some(_)) => true,
                (Kind::Operator { collation, choices }, Some(value)) => {
                    let collation = *collation;
                    choices.iter_mut().any(|(function, argument)| {
                        // SAFETY: the operator takes the column's type and that of its argument.
                        unsafe { holds(function, collation, value, *argument) }
                    })
                }
            }
        })
    }
}

/// The arguments of an operator's condition, each with the operator's function.
///
/// # Safety
/// As [`Conditions::of`]; the argument is not null.
unsafe fn choices(
    key: &pg_sys::ScanKeyData,
    context: pg_sys::MemoryContext,
) -> Result<Vec<(pg_sys::FmgrInfo, Datum)>> {
    let mut choices = vec![];
    let mut add = |argument| {
        let mut function = pg_sys::FmgrInfo::default();
        // SAFETY: the condition's function was looked up.
        unsafe { pg_sys::fmgr_info_copy(&mut function, (&raw const key.sk_func).cast_mut(), context) };
        push(&mut choices, (function, argument))
    };
    if key.sk_flags as u32 & pg_sys::SK_SEARCHARRAY == 0 {
        add(key.sk_argument)?;
        return Ok(choices);
    }
    // SAFETY: the argument is an array of values of the operator's right type; what is made of it stays in the context.
    let elements = unsafe {
        let before = pg_sys::MemoryContextSwitchTo(context);
        let elements = Elements::of(key.sk_argument);
        pg_sys::MemoryContextSwitchTo(before);
        elements
    };
    elements.each(add)?;
    Ok(choices)
}
