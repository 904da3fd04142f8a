//! Whether the principal that acts has anything on the table of an index: what the policies ask of rows, asked of the table.
//!
//! A table's index is known by the table's name and schema, and the index's project by the registry. Both are remembered
//! until the server says that the table has changed.
#![allow(unsafe_code)]

use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::read_as_owner;
use crate::pinecone::access::session::identity::{person_in, principal_if_any};
use crate::pinecone::access::snapshot::latest;
use conifer_pure::pinecone::access::level::Level;
use conifer_pure::pinecone::access::principal::{Kind, ProjectId};
use pgrx::Uuid;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};

/// An index: its project, and its number.
pub type Place = (ProjectId, i32);

/// Maximum number of remembered tables.
const MAX_KEPT: usize = 10_000;

thread_local! {
    /// The indexes of tables; none for a table of something else.
    static KEPT: RefCell<HashMap<pg_sys::Oid, Option<Place>>> = RefCell::default();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    KEPT.with(|_| ());
}

/// Registers a callback for changes of tables. Called when the library is loaded.
pub fn init() {
    // SAFETY: a callback that lives as long as the library, which is never unloaded.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(on_table), pg_sys::Datum::null()) }
}

// The callback neither raises nor panics.
unsafe extern "C-unwind" fn on_table(_: pg_sys::Datum, table: pg_sys::Oid) {
    let _ = KEPT.try_with(|kept| {
        if let Ok(mut kept) = kept.try_borrow_mut() {
            if table == pg_sys::InvalidOid {
                kept.clear();
            } else {
                kept.remove(&table);
            }
        }
    });
}

/// The index of a table; none for a table of something else, or of an index that is not registered.
pub fn index_of(table: pg_sys::Oid) -> Option<Place> {
    if let Some(kept) = KEPT.with_borrow(|kept| kept.get(&table).copied()) {
        return kept;
    }
    let number = number_of(table);
    let place = number.and_then(|index| Some((project_of(index)?, index)));
    // The row of an index may come after its table.
    if place.is_some() || number.is_none() {
        KEPT.with_borrow_mut(|kept| {
            if kept.len() >= MAX_KEPT {
                kept.clear();
            }
            kept.insert(table, place);
        });
    }
    place
}

/// The view or table of an index, or `InvalidOid`.
pub fn relation_of(index: i32) -> pg_sys::Oid {
    let schema = catalog::schema(c"pc_data");
    let name = CString::new(format!("i_{index}")).unwrap_or_default();
    if schema == pg_sys::InvalidOid {
        schema
    } else {
        // SAFETY: a look-up by name.
        unsafe { pg_sys::get_relname_relid(name.as_ptr(), schema) }
    }
}

/// Whether a relation is a view, as that of an index whose records are in a table of the user's.
pub fn is_view(relation: pg_sys::Oid) -> bool {
    // SAFETY: a look-up in the catalog.
    unsafe { pg_sys::get_rel_relkind(relation) as u8 == pg_sys::RELKIND_VIEW }
}

/// The number of the index whose table this would be by its name and schema. The table's owner may be another one, as after a restore without owners: its
/// privileges and policies are there.
fn number_of(table: pg_sys::Oid) -> Option<i32> {
    // SAFETY: look-ups in the catalog; a row that is found is of `pg_class`, and is released after its values are copied.
    unsafe {
        let schema = pg_sys::get_rel_namespace(table);
        if schema == pg_sys::InvalidOid || schema != catalog::schema(c"pc_data") {
            return None;
        }
        let row =
            pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, pg_sys::Datum::from(table));
        if row.is_null() {
            return None;
        }
        let class = &*pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_class>();
        let kind = class.relkind as u8;
        let name = CStr::from_ptr(class.relname.data.as_ptr()).to_string_lossy().into_owned();
        pg_sys::ReleaseSysCache(row);
        // a view where the records are in a table of the user's
        let is_table = matches!(
            kind,
            pg_sys::RELKIND_RELATION | pg_sys::RELKIND_PARTITIONED_TABLE | pg_sys::RELKIND_VIEW
        );
        is_table.then(|| name.strip_prefix("i_")?.parse().ok()).flatten()
    }
}

fn project_of(index: i32) -> Option<ProjectId> {
    let sql = "SELECT project_id FROM pc.index_reg WHERE index_id OPERATOR(pg_catalog.=) $1";
    let params = [Param::int(index)];
    let project = latest(|| {
        read_as_owner(|| {
            run(Mode::Read, sql, &params, |rows| (rows.count > 0).then(|| rows.get::<Uuid>(0, 0)).flatten())
        })
    });
    project.map(|project| *project.as_bytes())
}

/// Whether the principal that acts may read or write any records of an index at level `need`.
///
/// A person acts in one project at a time, and the policies show the person no rows of others; but what a plan tells of a table, the
/// person may ask for in the table's own project.
///
/// # Errors
/// Raises 28000 for a key that is revoked or has expired.
pub fn may((project, index): Place, need: Level) -> bool {
    let who = principal_if_any();
    if let Some(who) = &who {
        if who.kind == Kind::Superuser || who.records(&project, index, need).is_some() {
            return true;
        }
        if who.kind == Kind::Key {
            return false;
        }
    }
    person_in(&project).is_some_and(|who| who.records(&project, index, need).is_some())
}
