//! Names of Conifer's roles, as regular expressions that are literals of SQL.

/// Keys.
pub const KEYS: &str = "'^cfk_[0-9a-hjkmnp-tv-z]{16}$'";
/// Groups of projects and indexes.
pub const GROUPS: &str = "'^cf[pi]_[0-9a-hjkmnp-tv-z]{16}$'";
/// Keys and groups: the roles that belong to a database.
pub const OF_A_DATABASE: &str = "'^cf[kpi]_[0-9a-hjkmnp-tv-z]{16}$'";
/// The roles of every installation, keys and groups.
pub const ALL: &str = "'^(conifer_(owner|keys|people|gateway)|cf[kpi]_[0-9a-hjkmnp-tv-z]{16})$'";
