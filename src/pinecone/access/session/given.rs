//! Settings that an administrator gave to a database or a role, where a connection has hidden them.
//!
//! Where the library is not in `shared_preload_libraries`, the server does not know its settings while a session starts: it takes any value of
//! a connection's options in the place of that of ALTER DATABASE or ALTER ROLE, finds when the library is loaded that a user may not
//! set it, and is left with the default. So what is for superusers to set is read from the catalog as well.

use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::read_as_owner;
use crate::pinecone::access::snapshot::latest;
use pgrx::prelude::*;

/// The value of a setting for the role that the session is logged in as, in this database.
#[allow(unsafe_code)]
pub fn given(name: &str) -> Option<String> {
    if catalog::table() == pg_sys::InvalidOid {
        return None;
    }
    let sql = "SELECT pg_catalog.substr(c.setting, pg_catalog.length($1) OPERATOR(pg_catalog.+) 2) \
                 FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) AS c (setting) \
                WHERE s.setrole OPERATOR(pg_catalog.=) ANY (ARRAY['0'::pg_catalog.oid, $2]) \
                  AND s.setdatabase OPERATOR(pg_catalog.=) ANY (ARRAY['0'::pg_catalog.oid, $3]) \
                  AND pg_catalog.starts_with(c.setting, $1 OPERATOR(pg_catalog.||) '=') \
                ORDER BY s.setrole OPERATOR(pg_catalog.<>) '0' DESC, s.setdatabase OPERATOR(pg_catalog.<>) '0' DESC LIMIT 1";
    // SAFETY: reads the session's user and database.
    let (login, database) = unsafe { (pg_sys::GetSessionUserId(), pg_sys::MyDatabaseId) };
    let params = [Param::text(name), Param::oid(login), Param::oid(database)];
    latest(|| {
        read_as_owner(|| {
            run(Mode::Read, sql, &params, |rows| (rows.count > 0).then(|| rows.get(0, 0)).flatten())
        })
    })
}
