//! Choices of users: the method's name, the operator class, options of the index, settings of the session.
//!
//! - [`method`]: the access method's two names. [`opclass`]: operator classes.
//! - [`reloptions`]: options of an index. [`gucs`]: settings; [`shared_guc`]: a setting that pgvector's library may have defined;
//!   [`preload`]: when settings are defined.

pub mod gucs;
pub mod method;
pub mod opclass;
pub mod preload;
pub mod reloptions;
pub mod shared_guc;
