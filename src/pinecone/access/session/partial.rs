//! Whether a session may read some rows of a table and not others.
//!
//! Conditions that are leakproof come before the policies, so plans and counters tell of hidden rows: a bitmap of a metadata filter
//! has as many rows as match it in all namespaces, and its estimate comes from the statistics of all.

use super::confined::{Confined, confined};
use super::identity::principal_if_any;
use super::pooled_key;

/// The sessions that are refused for this reason, in words; none if this session reads tables as a whole, or not at all.
pub fn partial() -> Option<&'static str> {
    if confined()? == Confined::Gateway && pooled_key::key().is_none() {
        return Some("sessions without a key");
    }
    match principal_if_any() {
        None => Some("sessions without a key"),
        Some(principal) if principal.scope.is_of_namespaces() => Some("keys that are limited to namespaces"),
        Some(_) => None,
    }
}
