//! The `search_path` of keys. That of a new role begins with a schema of the role's own name, and names of keys are there for all to see: who
//! may create schemas in the database would put functions of theirs before Conifer's, and read what a key may.

use crate::pg::spi::{Param, run_now, run_once};
use crate::pinecone::access::elevate::{as_superuser, read_as_owner};
use conifer_pure::pinecone::access::search_path::{names_user, without_user};
use pgrx::spi::{quote_identifier, quote_literal};

/// Gives a key's role the path of other roles of the database, without the schema of its own name and with those of the extension, unless
/// it has one already without that. Returns whether anything had to change.
pub fn set(key: &str) -> bool {
    let own = "SELECT pg_catalog.substr(c.setting, 13) FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) s.setrole, \
                      pg_catalog.unnest(s.setconfig) AS c (setting) \
                WHERE r.rolname OPERATOR(pg_catalog.=) $1 AND s.setdatabase OPERATOR(pg_catalog.=) '0' \
                  AND pg_catalog.starts_with(c.setting, 'search_path=')";
    let own: Option<String> = read_as_owner(|| {
        run_now(own, &[Param::name(key)], |rows| (rows.count > 0).then(|| rows.get(0, 0)).flatten())
    });
    if own.is_some_and(|path| !names_user(&path)) {
        return false;
    }
    let path = without_user(&of_others(), of_extension());
    let path: Vec<String> = path.iter().map(quote_literal).collect();
    let role = quote_identifier(key);
    as_superuser(|| run_once(&format!("ALTER ROLE {role} SET search_path = {}", path.join(", "))));
    true
}

/// The path of a role that has none of its own.
fn of_others() -> String {
    let sql = "SELECT COALESCE( \
                   (SELECT pg_catalog.substr(c.setting, 13) FROM pg_catalog.pg_db_role_setting s \
                      JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase, pg_catalog.unnest(s.setconfig) AS c (setting) \
                     WHERE s.setrole OPERATOR(pg_catalog.=) '0' AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
                       AND pg_catalog.starts_with(c.setting, 'search_path=')), \
                   (SELECT f.setting FROM pg_catalog.pg_file_settings f \
                     WHERE f.name OPERATOR(pg_catalog.=) 'search_path' AND f.applied ORDER BY f.seqno DESC LIMIT 1), \
                   (SELECT s.boot_val FROM pg_catalog.pg_settings s WHERE s.name OPERATOR(pg_catalog.=) 'search_path'))";
    as_superuser(|| run_now(sql, &[], |rows| rows.get(0, 0))).unwrap_or_default()
}

/// The schemas of the extension's functions and types.
fn of_extension() -> Vec<String> {
    let sql = "SELECT DISTINCT n.nspname::pg_catalog.text FROM pg_catalog.pg_extension e \
                 JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace \
                WHERE e.extname OPERATOR(pg_catalog.=) ANY ('{conifer,vector}') ORDER BY 1";
    read_as_owner(|| run_now(sql, &[], |rows| rows.each(|row| rows.get(row, 0))))
}
