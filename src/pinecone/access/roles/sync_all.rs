//! All groups, keys and people at once.

use super::groups::{Groups, sync_group};
use super::keys::sync_key;
use super::membership::leave_others;
use super::people::{sync_default, sync_member};
use super::removal::drop_left;
use super::strangers;
use crate::pg::spi::run_now;
use crate::pinecone::access::elevate::read_as_owner;

/// Makes all groups, keys and members agree with their rows. Returns how many had to change.
pub fn sync_all(make: Groups) -> i64 {
    let texts = |sql: &str| -> Vec<String> {
        read_as_owner(|| run_now(sql, &[], |rows| rows.each(|row| rows.get(row, 0))))
    };
    let mut changed = 0;
    for group in texts("SELECT role_name::pg_catalog.text FROM pc_auth.group_role") {
        pgrx::check_for_interrupts!();
        changed += i64::from(sync_group(&group));
    }
    for key in texts("SELECT key_id FROM pc_auth.api_key") {
        pgrx::check_for_interrupts!();
        changed += i64::from(sync_key(&key, make, false));
    }
    for member in texts(
        "SELECT DISTINCT r.rolname::pg_catalog.text FROM pc_auth.member m \
           JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.role_oid",
    ) {
        pgrx::check_for_interrupts!();
        changed += i64::from(sync_member(&member, make, None));
    }
    changed + i64::from(sync_default(make)) + drop_left() + leave_others() + strangers::expel()
}
