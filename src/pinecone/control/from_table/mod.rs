//! An index over a table of the user's, which stays where it is, with its name, owner, columns and rows.
//!
//! The index's own table is a view then, `pc_data.i_<index_id>`, with the columns that every index has: reads and writes through
//! it go to the user's table. It follows the table and its columns wherever they are renamed or moved, keeps their types, and is
//! dumped after the table as any view. The view belongs to `conifer_owner`, whose reads and writes of the user's table are under
//! policies that judge the principal that acts, as those of an index's table do; for all other roles the table's privileges say what
//! they said before. CHECK constraints hold the table's rows to the rules of records.
//!
//! - [`source`]: the user's table and its columns, looked at before.
//! - [`name`]: its name, kept while statements go by it.
//! - [`adopt`]: constraints, indexes, policies and view are made.
//! - [`release`]: they go; the table stays.

pub mod adopt;
mod name;
pub mod release;
pub mod source;
