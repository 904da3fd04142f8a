//! The control plane: indexes as a whole. A file for each function.

mod configure_index;
mod create_index;
mod delete_index;
mod dependents;
mod describe_index;
mod from_table;
mod index_table;
