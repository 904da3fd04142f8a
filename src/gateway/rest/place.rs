//! Where a request came to, which descriptions of indexes tell.

use crate::host::Hosts;

/// What descriptions of indexes need beside the database's.
pub struct Place<'a> {
    /// Where indexes are.
    pub hosts: &'a Hosts,
    /// How the request came: `http` or `https`.
    pub scheme: &'a str,
    /// Where it came to.
    pub authority: &'a str,
    /// Cloud and region of indexes that say none.
    pub cloud: &'a str,
    /// See `cloud`.
    pub region: &'a str,
}
