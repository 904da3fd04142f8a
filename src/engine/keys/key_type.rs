//! Leading columns: the types that can be part of a key, and how their values become bytes.
//!
//! Keys are compared by their bytes, so equal values must have equal bytes: either the type's own B-tree says that
//! they have (`equalimage`, support function 4 there), or the operator class has a function that gives equal values
//! equal bytes (support function 4 here). The operator of the class must be the equality of the column's type:
//! `citext`, which is taken for `text`, has another.
#![allow(unsafe_code)]

use crate::engine::storage::buffer::Index;
use crate::pg::varlena::detoast;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::pages::{Column, Hash, Key};
use pgrx::pg_sys;
use pgrx::pg_sys::{Datum, Oid};
use std::ffi::CStr;

/// Support function 4 of a leading column's class: gives equal values the same bytes.
const SAME: u16 = 4;
/// Support function 4 of B-trees: whether equal values have the same bytes.
const EQUAL_IMAGE: i16 = 4;
/// The strategy of equality.
const EQUAL: i16 = 1;

/// A leading column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyType {
    /// How the column's values become bytes.
    pub column: Column,
    /// The type of values, as conditions have them.
    kind: Oid,
    /// The type whose values become bytes: the column's, or that of the support function's results.
    stored: Oid,
    /// Values of `stored` are passed by value.
    by_value: bool,
    /// The class has support function 4.
    same: bool,
    collation: Oid,
}

impl KeyType {
    /// A column of an index, counted from 0. `words`: those for such an index, with an article.
    ///
    /// # Errors
    /// `0A000` for a column that cannot be part of a key.
    pub fn of(index: Index, at: usize, words: &str) -> Result<Self, Fault> {
        let attribute = at as i16 + 1;
        // SAFETY: the relation is open and has that column; the rest are lookups in catalogs.
        unsafe {
            let relation = &*index.0;
            let (kind, collation, family) = (
                *relation.rd_opcintype.add(at),
                *relation.rd_indcollation.add(at),
                *relation.rd_opfamily.add(at),
            );
            let given = pg_sys::getBaseType(pg_sys::get_atttype((*index.0).rd_id, attribute));
            let same = pg_sys::index_getprocid(index.0, attribute, SAME);
            let refuse = |why: &str| {
                let name = pg_sys::get_attname((*index.0).rd_id, attribute, false);
                let name = CStr::from_ptr(name).to_string_lossy();
                Fault::new(
                    state::FEATURE_NOT_SUPPORTED,
                    format!("column \"{name}\" cannot be part of the key of {words}"),
                )
                .detail(why)
                .hint("Index an expression of another type, as lower(column) or column::text, and use that in conditions.")
            };
            if collation != pg_sys::InvalidOid && !pg_sys::get_collation_isdeterministic(collation) {
                let text = format!("nondeterministic collations are not supported in the key of {words}");
                return Err(Fault::new(state::FEATURE_NOT_SUPPORTED, text));
            }
            let wanted =
                pg_sys::TYPECACHE_EQ_OPR | pg_sys::TYPECACHE_BTREE_OPFAMILY | pg_sys::TYPECACHE_HASH_OPFAMILY;
            let cache = &*pg_sys::lookup_type_cache(given, wanted as i32);
            let operator = pg_sys::get_opfamily_member(family, kind, kind, EQUAL);
            // A type with a class of its own for hash indexes alone has another B-tree's.
            let hashed = match cache.hash_opf {
                pg_sys::InvalidOid => operator,
                hash => pg_sys::get_opfamily_member(hash, cache.hash_opintype, cache.hash_opintype, EQUAL),
            };
            if operator == pg_sys::InvalidOid || operator != cache.eq_opr || operator != hashed {
                return Err(refuse("The operator class has another equality than the type."));
            }
            if same == pg_sys::InvalidOid && !equal_image(cache, collation) {
                return Err(refuse("Equal values of the type may have different bytes."));
            }
            let stored = match same {
                pg_sys::InvalidOid if kind == pg_sys::ANYENUMOID => given,
                pg_sys::InvalidOid => kind,
                function => pg_sys::get_func_rettype(function),
            };
            let (mut size, mut by_value) = (0, false);
            pg_sys::get_typlenbyval(stored, &mut size, &mut by_value);
            let column = match (stored, size) {
                (pg_sys::INT2OID | pg_sys::INT4OID | pg_sys::INT8OID, _) => Column::Integer,
                (pg_sys::TEXTOID, _) => Column::Text,
                (pg_sys::UUIDOID, _) => Column::Uuid,
                (pg_sys::BOOLOID, _) => Column::Boolean,
                (_, -1) => Column::Varying,
                (_, 1..=256) => Column::Fixed(size as u16),
                _ => return Err(refuse("Values of the type have no bytes to go by.")),
            };
            Ok(Self { column, kind, stored, by_value, same: same != pg_sys::InvalidOid, collation })
        }
    }

    /// Adds a value of the column `at` to a key; `kind` is the value's type where a condition gives one.
    ///
    /// # Safety
    /// The datum is of the type `kind`, or the column's; `index` is the index.
    pub unsafe fn push(&self, index: Index, at: usize, key: &mut Key, kind: Option<Oid>, datum: Datum) {
        if self.same {
            // SAFETY: the function takes the column's type; its result, and the copy of its argument, are of no use
            // later.
            unsafe {
                let varies = pg_sys::get_typlen(self.kind) == -1;
                let uncoded = varies.then(|| detoast(datum));
                let given = uncoded.as_ref().map_or(datum, |uncoded| Datum::from(uncoded.as_ptr().as_ptr()));
                let info = pg_sys::index_getprocinfo(index.0, at as i16 + 1, SAME);
                let same = pg_sys::FunctionCall1Coll(info, self.collation, given);
                self.push_image(key, self.stored, same);
                if !self.by_value && same.value() != given.value() {
                    pg_sys::pfree(same.cast_mut_ptr());
                }
            }
        } else {
            // SAFETY: the caller vouches for the type.
            unsafe { self.push_image(key, kind.unwrap_or(self.kind), datum) }
        }
    }

    /// # Safety
    /// The datum is of that type.
    unsafe fn push_image(&self, key: &mut Key, kind: Oid, datum: Datum) {
        match self.column {
            Column::Integer => key.integer(match kind {
                pg_sys::INT2OID => (datum.value() as i16).into(),
                pg_sys::INT4OID => (datum.value() as i32).into(),
                _ => datum.value() as i64,
            }),
            Column::Boolean => key.fixed(&[u8::from(datum.value() as u8 != 0)]),
            Column::Uuid | Column::Fixed(_) => {
                let size = self.size();
                if self.by_value {
                    key.fixed(&(datum.value() as u64).to_le_bytes()[..size]);
                } else {
                    // SAFETY: values of the type are that many bytes behind a pointer.
                    key.fixed(unsafe { std::slice::from_raw_parts(datum.cast_mut_ptr::<u8>(), size) });
                }
            }
            Column::Text | Column::Varying => {
                // SAFETY: a varlena, which lives as long as this call.
                let value = unsafe { detoast(datum) };
                let size = value.size().saturating_sub(pg_sys::VARHDRSZ);
                // SAFETY: its bytes follow the header.
                let bytes = unsafe {
                    std::slice::from_raw_parts(value.as_ptr().as_ptr().add(pg_sys::VARHDRSZ), size)
                };
                // SAFETY: a plain varlena.
                key.varying(bytes, || unsafe { sha256(Datum::from(value.as_ptr().as_ptr())) });
            }
        }
    }

    fn size(&self) -> usize {
        match self.column {
            Column::Fixed(size) => size.into(),
            _ => 16,
        }
    }

    /// The text of a value whose bytes are in a key.
    pub fn text(&self, bytes: &[u8]) -> String {
        let (mut output, mut varies) = (pg_sys::InvalidOid, false);
        // SAFETY: the type exists as long as the index; its output function takes a value of it, in the server's
        // memory.
        unsafe {
            pg_sys::getTypeOutputInfo(self.stored, &mut output, &mut varies);
            let head = if self.column == Column::Varying { pg_sys::VARHDRSZ } else { 0 };
            let datum = if self.by_value {
                let mut word = [0; 8];
                word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                Datum::from(u64::from_le_bytes(word) as usize)
            } else {
                let copy = pg_sys::palloc0(head + bytes.len().max(1)).cast::<u8>();
                if head > 0 {
                    pgrx::set_varsize_4b(copy.cast(), (head + bytes.len()) as i32);
                }
                copy.add(head).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
                Datum::from(copy)
            };
            let text = pg_sys::OidOutputFunctionCall(output, datum);
            CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    }
}

/// Whether the type's B-tree says that equal values have the same bytes.
///
/// # Safety
/// The family has been looked up.
unsafe fn equal_image(cache: &pg_sys::TypeCacheEntry, collation: Oid) -> bool {
    // SAFETY: a lookup, and a function that takes the type.
    unsafe {
        let (family, kind) = (cache.btree_opf, cache.btree_opintype);
        let function = match family {
            pg_sys::InvalidOid => pg_sys::InvalidOid,
            family => pg_sys::get_opfamily_proc(family, kind, kind, EQUAL_IMAGE),
        };
        function != pg_sys::InvalidOid
            && pg_sys::OidFunctionCall1Coll(function, collation, Datum::from(kind)).value() as u8 != 0
    }
}

/// Completes a key of all its columns: a long one becomes its hash.
pub fn complete(key: Key) -> Key {
    key.complete(|bytes| {
        let mut value = crate::pg::varlena::Varlena::zeroed(pg_sys::VARHDRSZ + bytes.len());
        // SAFETY: there is room for them behind the header.
        unsafe {
            let room = value.as_mut_ptr().as_ptr().add(pg_sys::VARHDRSZ);
            room.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            sha256(Datum::from(value.as_ptr().as_ptr()))
        }
    })
}

/// # Safety
/// The datum is a plain varlena.
unsafe fn sha256(datum: Datum) -> Hash {
    let mut hash = Hash::default();
    // SAFETY: the function takes a bytea and returns one, of 32 bytes behind a long header.
    unsafe {
        if let Some(result) = pgrx::direct_function_call_as_datum(pg_sys::sha256_bytea, &[Some(datum)]) {
            let bytes = result.cast_mut_ptr::<u8>();
            hash.as_mut_ptr().copy_from_nonoverlapping(bytes.add(pg_sys::VARHDRSZ), hash.len());
            pg_sys::pfree(bytes.cast());
        }
    }
    hash
}
