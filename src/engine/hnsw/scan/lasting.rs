//! Filters whose answer for a row stays the same for as long as the row does, and their bytes; vectors that do.
#![allow(unsafe_code)]

use super::inverted::attribute;
use conifer_pure::Result;
use conifer_pure::memory::allocation::Reserve;
use pgrx::pg_sys;

/// The languages `internal` and `c`, as `pg_language.dat` numbers them.
const LANGUAGES: [u32; 2] = [12, 13];

/// The bytes of the conditions on columns from `first` on, counted from 0: equal bytes are equal conditions. None if what is known of a row with them may change, or belong to another row later: of expressions, of functions
/// that are not immutable or in a language in which a session may replace them, and of tables that are no heaps. Detoasted
/// arguments are left in the current context.
///
/// # Errors
/// `53200`.
///
/// # Safety
/// The scan has its relations and conditions.
pub unsafe fn bytes(scan: &pg_sys::IndexScanDescData, first: usize) -> Result<Option<Vec<u8>>> {
    // SAFETY: the caller vouches for the scan; the rest are lookups.
    unsafe {
        if !has_lasting_rows(scan) {
            return Ok(None);
        }
        let mut all = vec![];
        let keys = std::slice::from_raw_parts(scan.keyData, scan.numberOfKeys as usize);
        for key in keys.iter().filter(|key| key.sk_attno as usize > first) {
            if attribute(scan.indexRelation, key.sk_attno as usize - 1).is_none() {
                return Ok(None);
            }
            let flags = key.sk_flags as u32;
            all.room_for(32)?;
            all.extend(key.sk_attno.to_ne_bytes());
            all.extend(flags.to_ne_bytes());
            if flags & (pg_sys::SK_SEARCHNULL | pg_sys::SK_SEARCHNOTNULL | pg_sys::SK_ISNULL) != 0 {
                continue;
            }
            let Some(function) = key.sk_func.fn_addr else { return Ok(None) };
            if !is_lasting(key.sk_func.fn_oid) {
                return Ok(None);
            }
            all.extend(key.sk_func.fn_oid.to_u32().to_ne_bytes());
            // Of a function that was replaced, the address is another one.
            all.extend((function as usize).to_ne_bytes());
            all.extend(key.sk_collation.to_u32().to_ne_bytes());
            let column = key.sk_attno as usize - 1;
            let right = match key.sk_subtype {
                pg_sys::InvalidOid => *(*scan.indexRelation).rd_opcintype.add(column),
                right => right,
            };
            let array = flags & pg_sys::SK_SEARCHARRAY != 0;
            if !argument(key.sk_argument, right, array, &mut all)? {
                return Ok(None);
            }
        }
        Ok(Some(all))
    }
}

/// Whether the vectors of rows stay the same for as long as the rows do: those of a column of the table. The vector's column is that of
/// `vector`, counted from 0.
///
/// # Safety
/// The scan has its relations.
pub unsafe fn has_lasting_vectors(scan: &pg_sys::IndexScanDescData, vector: usize) -> bool {
    // SAFETY: the caller vouches for the scan.
    unsafe { has_lasting_rows(scan) && attribute(scan.indexRelation, vector).is_some() }
}

/// Whether a row that the snapshot sees stays that of its TID until a vacuum.
///
/// # Safety
/// The scan has its relations.
unsafe fn has_lasting_rows(scan: &pg_sys::IndexScanDescData) -> bool {
    // SAFETY: the caller vouches for the scan.
    unsafe {
        let heap = (*(*scan.heapRelation).rd_rel).relam == pg_sys::HEAP_TABLE_AM_OID;
        heap && (*scan.xs_snapshot).snapshot_type == pg_sys::SnapshotType::SNAPSHOT_MVCC
    }
}

/// Whether a function is immutable, and of the server or a library.
///
/// # Safety
/// A lookup in a catalog can be made.
unsafe fn is_lasting(function: pg_sys::Oid) -> bool {
    // SAFETY: a lookup in the cache, whose row is read before it is released.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::PROCOID as i32;
        let row = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(function));
        if row.is_null() {
            return false;
        }
        let of = &*pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_proc>();
        let immutable = of.provolatile as u8 == pg_sys::PROVOLATILE_IMMUTABLE;
        let native = LANGUAGES.contains(&of.prolang.to_u32());
        pg_sys::ReleaseSysCache(row);
        immutable && native
    }
}

/// Appends an argument's length and bytes. False: its type has none that could be compared.
///
/// # Safety
/// The argument is not null, and of the type, or an array.
unsafe fn argument(
    argument: pg_sys::Datum,
    kind: pg_sys::Oid,
    array: bool,
    all: &mut Vec<u8>,
) -> Result<bool> {
    // SAFETY: the caller vouches for the type; bytes are read as the type says where they are.
    unsafe {
        let (mut size, mut by_value) = (-1, false);
        if !array {
            pg_sys::get_typlenbyval(kind, &mut size, &mut by_value);
        }
        let word = argument.value().to_ne_bytes();
        let bytes = match size {
            _ if by_value => &word[..],
            1.. => std::slice::from_raw_parts(argument.cast_mut_ptr::<u8>().cast_const(), size as usize),
            -1 => {
                let value = pg_sys::pg_detoast_datum(argument.cast_mut_ptr());
                let len = pgrx::varsize_any(value);
                std::slice::from_raw_parts(value.cast::<u8>().cast_const(), len)
            }
            _ => return Ok(false),
        };
        all.room_for(8 + bytes.len())?;
        all.extend(bytes.len().to_ne_bytes());
        all.extend(bytes);
        Ok(true)
    }
}
