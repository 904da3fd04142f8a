//! `pc_use_key`: a pooled session acts as a key until its transaction ends.
#![allow(unsafe_code)]

use crate::pg::error::raise;
use crate::pinecone::access::elevate::{GATEWAY, role_named};
use crate::pinecone::access::hooks::log::hide_activity;
use crate::pinecone::access::refusal::{Event, refused};
use crate::pinecone::access::session::{identity, partial, pooled_key};
use crate::pinecone::access::{revocation, secret};
use conifer_pure::Fault;
use conifer_pure::fault::state::{
    INSUFFICIENT_PRIVILEGE, INVALID_PASSWORD, NULL_VALUE_NOT_ALLOWED, OBJECT_NOT_IN_PREREQUISITE_STATE,
};
use conifer_pure::pinecone::access::api_key::{role_of, same};
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_use_key(api_key: Option<&str>) {
    hide_activity();
    // SAFETY: look-ups of roles and of the state of the transaction.
    let (gateway, superuser, block) = unsafe {
        let role = pg_sys::GetOuterUserId();
        let gateway = role_named(GATEWAY);
        (
            gateway != pg_sys::InvalidOid && pg_sys::is_member_of_role_nosuper(role, gateway),
            pg_sys::superuser_arg(role) || bypasses(role),
            pg_sys::IsTransactionBlock(),
        )
    };
    // A text that is no key by its form names no role, and may be anything, so it is not recorded.
    let resource = api_key.and_then(role_of).unwrap_or_default();
    let event = Event { action: "use_api_key", kind: "api_key", resource };
    if superuser {
        let message = "a role that row-level security does not hold for cannot act as an API key";
        let hint = "Connect as a member of conifer_gateway that is no superuser and has no BYPASSRLS.";
        refused(None, &event, Fault::new(INSUFFICIENT_PRIVILEGE, message).hint(hint));
    }
    if !gateway {
        let fault = Fault::new(INSUFFICIENT_PRIVILEGE, "permission denied to act as an API key")
            .hint("Only members of role conifer_gateway may.");
        refused(None, &event, fault);
    }
    let Some(api_key) = api_key else {
        raise(Fault::new(NULL_VALUE_NOT_ALLOWED, "api_key must not be null"))
    };
    // An unknown key takes the same way as a wrong one.
    let role = role_of(api_key).unwrap_or("cfk_0000000000000000");
    let kept = identity::secret_hash(role);
    let is_there = kept.is_some();
    if !same(&kept.unwrap_or_else(|| vec![0; 32]), &secret::hash(role, api_key)) || !is_there {
        refused(None, &event, Fault::new(INVALID_PASSWORD, "API key is not valid"));
    }
    if !pooled_key::start(role) {
        raise(
            Fault::new(OBJECT_NOT_IN_PREREQUISITE_STATE, "another API key is in effect in this transaction")
                .hint("A transaction acts as one key."),
        );
    }
    revocation::show(role);
    identity::principal(&event, None);
    partial::planned();
    if !block {
        // SAFETY: reports a warning in the server's words.
        unsafe { pg_sys::WarnNoTransactionBlock(true, c"pc_use_key".as_ptr()) }
    }
}

/// Whether a role has BYPASSRLS.
fn bypasses(role: pg_sys::Oid) -> bool {
    // SAFETY: a look-up in the catalog.
    unsafe { pg_sys::has_bypassrls_privilege(role) }
}
