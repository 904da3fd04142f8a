//! The library in the sessions of keys, which refuses a key to change its own password: loaded at login, before the session's first statement.

use crate::pg::spi::{Param, run_now, run_once};
use crate::pinecone::access::elevate::{as_superuser, read_as_owner};
use pgrx::spi::{quote_identifier, quote_literal};

/// Settings, or values of settings, that name the library among those that are loaded: a regular expression that is a literal of SQL.
pub const LOADS: &str = "'(^|[ ,/=\"])conifer([ ,.\"]|$)'";

/// Makes a key's or a group's role load the library at login, unless it does, which also proves that the role is Conifer's (`strangers.rs`). Returns whether anything had to change.
pub fn set(key: &str) -> bool {
    let loads = format!(
        "SELECT FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) s.setrole, \
                        pg_catalog.unnest(s.setconfig) AS c (setting) \
                  WHERE r.rolname OPERATOR(pg_catalog.=) $1 AND s.setdatabase OPERATOR(pg_catalog.=) '0' \
                    AND pg_catalog.starts_with(c.setting, 'session_preload_libraries=') AND c.setting OPERATOR(pg_catalog.~) {LOADS}"
    );
    if read_as_owner(|| run_now(&loads, &[Param::name(key)], |rows| rows.count)) > 0 {
        return false;
    }
    let role = quote_identifier(key);
    as_superuser(|| run_once(&format!("ALTER ROLE {role} SET session_preload_libraries = {}", of_all())));
    true
}

/// The libraries that the server loads into every session, and `conifer`.
fn of_all() -> String {
    let sql = "SELECT CASE WHEN reset_val OPERATOR(pg_catalog.=) '' THEN 'conifer' \
                      ELSE pg_catalog.concat(reset_val, ', conifer') END \
                 FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'session_preload_libraries'";
    let all = run_now(sql, &[], |rows| rows.get::<String>(0, 0)).unwrap_or_else(|| "conifer".into());
    let mut libraries: Vec<&str> = all.split(',').map(str::trim).collect();
    // The database may load it for all its sessions.
    if libraries.iter().filter(|library| **library == "conifer").count() > 1 {
        libraries.pop();
    }
    libraries.into_iter().map(quote_literal).collect::<Vec<_>>().join(", ")
}
