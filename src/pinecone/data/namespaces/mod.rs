//! Namespaces as a whole. A namespace is there while it holds records, or once it was made by name (`registered`). A file for each
//! function.

mod copy;
mod create;
mod delete;
mod describe;
mod list;
mod named;
mod registered;
mod rename;
