//! The mark of a person: a setting of the role in each database that has given it something. Roles belong to the cluster, and so does
//! `conifer_people`: a database that takes its last role from a person must not take the group with it that another one has put the
//! person into. It cannot read the other's rows; settings of roles in databases are in a catalog that all of them share.
//!
//! A copy of a database by TEMPLATE has no marks. The setting is for superusers alone, and goes with the role and with the database.

use crate::pg::spi::{Param, run_now, run_once};
use crate::pinecone::access::elevate::{as_superuser, read_as_owner};
use pgrx::spi::{quote_identifier, quote_literal};
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::ffi::CString;

/// `conifer.member`. Sessions do not ask for it.
static MEMBER: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);

/// The value for a role that was given something.
const GIVEN: &str = "given";
/// The value for a role that was among the people before it was given something.
const BY_HAND: &str = "by hand";

/// The marks of a role by its number, `$1`: the value, and whether it is of this database.
const MARKS: &str = "SELECT pg_catalog.substr(c.setting, 16) AS mark, d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() AS here \
                       FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase, \
                            pg_catalog.unnest(s.setconfig) AS c (setting) \
                      WHERE s.setrole OPERATOR(pg_catalog.=) pc_auth.role_number($1) \
                        AND pg_catalog.starts_with(c.setting, 'conifer.member=')";

/// Defines the setting.
pub fn init() {
    GucRegistry::define_string_guc(
        c"conifer.member",
        c"Marks, for a role in a database, that the role was given one of Pinecone's there.",
        c"It is set by pc_grant_role.",
        &MEMBER,
        GucContext::Suset,
        GucFlags::NO_SHOW_ALL,
    );
}

/// Marks a role that was given something in this database, by hand or not; takes the mark from one that was not. Returns whether anything had to
/// change.
pub fn set(member: &str, given: Option<bool>) -> bool {
    let sql = format!("SELECT mark FROM ({MARKS}) AS m WHERE here");
    let has: Option<String> = read_as_owner(|| {
        run_now(&sql, &[Param::name(member)], |rows| (rows.count > 0).then(|| rows.get(0, 0)).flatten())
    });
    let wanted = given.map(|by_hand| if by_hand { BY_HAND } else { GIVEN });
    if has.as_deref() == wanted {
        return false;
    }
    let what = wanted.map_or("RESET conifer.member".into(), |mark| {
        format!("SET conifer.member = {}", quote_literal(mark))
    });
    let (role, database) = (quote_identifier(member), quote_identifier(database()));
    as_superuser(|| run_once(&format!("ALTER ROLE {role} IN DATABASE {database} {what}")));
    true
}

/// Whether another database has given a role something.
pub fn is_elsewhere(member: &str) -> bool {
    let sql = format!("SELECT FROM ({MARKS}) AS m WHERE NOT here");
    read_as_owner(|| run_now(&sql, &[Param::name(member)], |rows| rows.count > 0))
}

/// Whether a role that is among the people owes it to no database: none has a mark on it, or one says so.
pub fn is_by_hand(member: &str) -> bool {
    let sql = format!(
        "SELECT pg_catalog.count(*) OPERATOR(pg_catalog.=) 0 \
                OR pg_catalog.bool_or(mark OPERATOR(pg_catalog.=) '{BY_HAND}') FROM ({MARKS}) AS m"
    );
    read_as_owner(|| run_now(&sql, &[Param::name(member)], |rows| rows.get::<bool>(0, 0))) == Some(true)
}

/// Takes this database's marks away, as the extension is dropped. Returns the roles that no database has given anything then, and nobody
/// has put among the people by hand.
pub fn clear() -> Vec<String> {
    let sql = "SELECT r.rolname::pg_catalog.text FROM pg_catalog.pg_db_role_setting s \
                 JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase \
                 JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) s.setrole, pg_catalog.unnest(s.setconfig) AS c (setting) \
                WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
                  AND pg_catalog.starts_with(c.setting, 'conifer.member=')";
    let mut members: Vec<String> =
        read_as_owner(|| run_now(sql, &[], |rows| rows.each(|row| rows.get(row, 0))));
    members.retain(|member| {
        pgrx::check_for_interrupts!();
        let stays = is_by_hand(member);
        set(member, None);
        !stays && !is_elsewhere(member)
    });
    members
}

fn database() -> String {
    let sql = "SELECT pg_catalog.current_database()::pg_catalog.text";
    run_now(sql, &[], |rows| rows.get(0, 0)).unwrap_or_default()
}
