//! What is needed of HTTP: texts in URLs, bodies that come and bodies that go.

pub mod body;
pub mod percent;
pub mod query_string;
pub mod reply;
