//! Conifer's schemas in this database, and invalidation messages about their rows.
//!
//! A name is not enough: in a database without the extension, a user who may create schemas can create schemas of these names.
#![allow(unsafe_code)]

use super::elevate::{OWNER, role_named};
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::CStr;

thread_local! {
    /// How often cached answers about keys, people, roles and indexes have become such that they may be wrong.
    static CHANGES: Cell<u64> = const { Cell::new(1) };
    /// The table whose invalidation stands for that of all tables.
    static TABLE: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::InvalidOid) };
}

/// A schema by its name, or `InvalidOid` unless it belongs to `conifer_owner`, to whom only superusers can give a schema.
pub fn schema(name: &CStr) -> pg_sys::Oid {
    // SAFETY: look-ups in the catalog; a row that is found is of `pg_namespace`, and is released.
    unsafe {
        let schema = pg_sys::get_namespace_oid(name.as_ptr(), true);
        let row = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::NAMESPACEOID as i32,
            pg_sys::Datum::from(schema),
        );
        if row.is_null() {
            return pg_sys::InvalidOid;
        }
        let owner = (*pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_namespace>()).nspowner;
        pg_sys::ReleaseSysCache(row);
        if owner == role_named(OWNER) { schema } else { pg_sys::InvalidOid }
    }
}

/// Whether this database has the extension.
pub fn has_extension() -> bool {
    // SAFETY: looks a name up in the catalog, within a transaction.
    unsafe { pg_sys::get_extension_oid(c"conifer".as_ptr(), true) != pg_sys::InvalidOid }
}

/// `pc_auth.api_key`, or `InvalidOid` in a database without the extension.
pub fn table() -> pg_sys::Oid {
    if TABLE.get() == pg_sys::InvalidOid {
        let schema = schema(c"pc_auth");
        if schema != pg_sys::InvalidOid {
            // SAFETY: a look-up by name.
            TABLE.set(unsafe { pg_sys::get_relname_relid(c"api_key".as_ptr(), schema) });
        }
    }
    TABLE.get()
}

/// Tells all sessions, when the transaction commits, that their cached answers about keys, people and indexes may be wrong.
pub fn changed() {
    let table = table();
    if table != pg_sys::InvalidOid {
        // SAFETY: an existing table.
        unsafe { pg_sys::CacheInvalidateRelcacheByRelid(table) }
    }
}

/// The number of messages that cached answers may be wrong: what was cached under another number is not to be used. It is never 0.
pub fn changes() -> u64 {
    // SAFETY: within a transaction; reads messages of others, as every lock on a table does.
    unsafe { pg_sys::AcceptInvalidationMessages() }
    CHANGES.get()
}

/// Registers callbacks for changes of rows and roles. Called when the library is loaded: the server has room for few callbacks.
pub fn init() {
    // SAFETY: callbacks that live as long as the library, which is never unloaded.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(on_table), pg_sys::Datum::null());
        for cache in [pg_sys::SysCacheIdentifier::AUTHOID, pg_sys::SysCacheIdentifier::AUTHMEMROLEMEM] {
            pg_sys::CacheRegisterSyscacheCallback(cache as i32, Some(on_role), pg_sys::Datum::null());
        }
    }
}

// The callbacks neither raise nor panic.
unsafe extern "C-unwind" fn on_table(_: pg_sys::Datum, table: pg_sys::Oid) {
    if table == pg_sys::InvalidOid || table == TABLE.get() || TABLE.get() == pg_sys::InvalidOid {
        TABLE.set(pg_sys::InvalidOid);
        CHANGES.set(CHANGES.get() + 1);
    }
}

unsafe extern "C-unwind" fn on_role(_: pg_sys::Datum, _: i32, _: u32) {
    CHANGES.set(CHANGES.get() + 1);
}
