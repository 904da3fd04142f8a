//! Drops and moves that come to Conifer from elsewhere. By CASCADE, whoever owns the extension `vector`, which any owner of a database can create, or the schema that
//! an extension is in, would drop `conifer` along, and so all records, keys and roles; and the schema's owner could put another one in its place.
//!
//! So it is asked of each object, when it is about to go or has changed, whether who does it may do that with `conifer`. An event trigger, which loads the
//! library into a session that has not loaded it, precedes all commands that come to this (`roles/drop_extension.rs`).
#![allow(unsafe_code)]

use crate::pg::error::raise;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::{OWNER, role_named};
use conifer_pure::Fault;
use conifer_pure::fault::state::INSUFFICIENT_PRIVILEGE;
use pgrx::prelude::*;

/// Refuses to drop `conifer`, a table of an index or one of its catalogs, or what is in or of these.
///
/// # Safety
/// Within the hook of an object that is about to be dropped; `argument` is its `ObjectAccessDrop`, or null.
///
/// # Errors
/// Raises 42501.
pub unsafe fn judge_drop(class: pg_sys::Oid, object: pg_sys::Oid, argument: *const pg_sys::ObjectAccessDrop) {
    // SAFETY: as the caller says; look-ups in catalogs.
    unsafe {
        if is_above() || argument.as_ref().is_some_and(is_internal) {
            return;
        }
        let is_ours = match class {
            pg_sys::ExtensionRelationId => object == pg_sys::get_extension_oid(c"conifer".as_ptr(), true),
            // The view of a user's table goes with the table.
            pg_sys::RelationRelationId => {
                let schema = pg_sys::get_rel_namespace(object);
                pg_sys::get_rel_relkind(object) as u8 != pg_sys::RELKIND_VIEW
                    && [c"pc", c"pc_auth", c"pc_data"].into_iter().any(|name| catalog::schema(name) == schema)
            }
            _ => false,
        };
        if is_ours
            && let Some(owner) = owner()
            && !pg_sys::has_privs_of_role(pg_sys::GetUserId(), owner)
        {
            refuse("drop extension \"conifer\", or what belongs to it");
        }
    }
}

/// Refuses to rename, move or give away a schema that the functions or the types are in, or the extension that holds the types.
///
/// # Errors
/// Raises 42501.
pub fn judge_change(class: pg_sys::Oid, object: pg_sys::Oid) {
    if ![pg_sys::ExtensionRelationId, pg_sys::NamespaceRelationId].contains(&class) || is_above() {
        return;
    }
    let sql = "SELECT c.extowner FROM pg_catalog.pg_extension c \
                WHERE c.extname OPERATOR(pg_catalog.=) 'conifer' \
                  AND EXISTS (SELECT FROM pg_catalog.pg_extension e \
                               WHERE (e.oid OPERATOR(pg_catalog.=) c.oid \
                                      OR e.extname OPERATOR(pg_catalog.=) 'vector' \
                                         AND EXISTS (SELECT FROM pg_catalog.pg_depend d \
                                                      WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass \
                                                        AND d.objid OPERATOR(pg_catalog.=) c.oid \
                                                        AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass \
                                                        AND d.refobjid OPERATOR(pg_catalog.=) e.oid)) \
                                 AND (e.oid OPERATOR(pg_catalog.=) $1 AND $2 \
                                      OR e.extnamespace OPERATOR(pg_catalog.=) $1 AND NOT $2))";
    let is_extension = (class == pg_sys::ExtensionRelationId).into_datum();
    let params = [Param::oid(object), Param::of(pg_sys::BOOLOID, is_extension)];
    let owner = run(Mode::Read, sql, &params, |rows| {
        (rows.count > 0).then(|| rows.get::<pg_sys::Oid>(0, 0)).flatten()
    });
    if let Some(owner) = owner
        // SAFETY: look-ups of roles.
        && !unsafe { pg_sys::has_privs_of_role(pg_sys::GetUserId(), owner) }
    {
        refuse("change the schema of extension \"conifer\", or the extension that holds its types");
    }
}

/// Whether the current role may do anything with the extension, as this library's own statements may.
fn is_above() -> bool {
    // SAFETY: look-ups of the current role.
    unsafe {
        let user = pg_sys::GetUserId();
        pg_sys::superuser_arg(user) || user == role_named(OWNER)
    }
}

/// Whether the server drops an object by itself, as an index that it has built anew.
fn is_internal(drop: &pg_sys::ObjectAccessDrop) -> bool {
    drop.dropflags & pg_sys::PERFORM_DELETION_INTERNAL as i32 != 0
}

/// The owner of the extension.
fn owner() -> Option<pg_sys::Oid> {
    let sql = "SELECT extowner FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'conifer'";
    run(Mode::Read, sql, &[], |rows| (rows.count > 0).then(|| rows.get(0, 0)).flatten())
}

fn refuse(what: &str) -> ! {
    let message = format!("permission denied to {what}");
    raise(Fault::new(INSUFFICIENT_PRIVILEGE, message).hint("The owner of extension \"conifer\" may."));
}
