//! A node of the graph as bytes on a page: everything that one step of a search needs, together.
//!
//! A *block*, the record of a node, holds a node on one level: where its row is, its own vector, and for each neighbour a
//! *lane* with its number and its [code](crate::hnsw::rabitq). A node that is on several levels has a block on each,
//! linked `down`. [`Layout`] says on which page and where the block of a number lies, so a lane needs four bytes for a
//! neighbour.
//!
//! - `layout`: sizes and places. `header`: the fields in front. `read`, `write`: a block seen through them.
//! - `entry_point`: where a graph is entered.
//! - `edge_code`: what a lane says of the neighbour. `tid_list`: rows that have the same vector. `aligned`: memory for pages.
//!
//! # The format
//!
//! All numbers are little-endian; floats are IEEE 754. P is the padded dimensions
//! ([`Rotation::padded_for`](crate::hnsw::rotation::Rotation::padded_for)), E the bytes of an element of the own vector
//! (2 or 4), C the bytes of a code ([`Shape::lane_bytes`](crate::hnsw::rabitq::Shape::lane_bytes)), L the lanes, a
//! multiple of 32.
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 4 | `tid.block` | of the row in its table; on level 0 only |
//! | 4 | 2 | `tid.offset` | 0: there is no row here |
//! | 6 | 1 | `state` | 0 free, 1 live, 2 dead, 3 rows of a chain |
//! | 7 | 1 | `level` | 0 to 31 |
//! | 8 | 2 | `version` | grows by one, modulo 2^16, each time the block is given to another node |
//! | 10 | 1 | `kept` | lanes in front that hold edges the pruning has kept |
//! | 11 | 1 | `used` | lanes that may hold an edge; those behind `kept` give way first |
//! | 12 | 4 | `norm` | f32: squared length of the own vector as stored |
//! | 16 | 4 | `scale` | f32: the power of two by which elements are multiplied; 1 if they are f32 |
//! | 20 | 4 | `graph` | which of the index's graphs the node belongs to |
//! | 24 | 4 | `down` | above level 0, block of the same node one level lower; on level 0, the parent, or none (2^32 − 1) |
//! | 28 | 4 | `chain` | the first block with more rows of the same vector, or none |
//! | 32 | E P | `own` | the rotated vector |
//! | 32 + E P | L (12 + C) | lanes | one after the other |
//!
//! A lane, all of it in one piece so that a changed edge is one fragment of a log record:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | number of the neighbour's block on the same level, or none; 2^31 is added for an anchor |
//! | 4 | 4 | f32: what is added to an estimate |
//! | 8 | 4 | f32: what multiplies it |
//! | 12 | C | the code, as a row (see [`Form`](crate::hnsw::rabitq::Form)) |
//!
//! A layout can be *plain*: there are no codes (C is 0), `own` are the words of a value that is compared as it is (see
//! [`plain`](crate::hnsw::uncoded); E is 4 and P their number), and in a lane, the first number is the distance to the
//! neighbour and the second is 0. L is any number. `norm` is how much of the value is left out, `scale` is 1.
//!
//! Any lane below `used` may be empty, too. Empty lanes are none and zeros. A block of a chain has another use
//! for the header and no vector, see `chain`. A page of zeros holds free blocks.
//!
//! # Anchors
//!
//! Every node of level 0 but the first of its graph has a *parent*: another node with a lane to it that is
//! marked as an anchor and never gives way. Parents never form a circle. So all nodes of a graph can be reached from
//! the first, its *origin*, whatever becomes of the other lanes.
//!
//! # On the pages
//!
//! Of a page's 8192 bytes, 24 in front are Postgres' header and 8 at the end are for us to tell pages apart;
//! [`ROOM`] is what is left. As many blocks as fit lie there from offset 24 on, each at a multiple of 8. A
//! block that does not fit a page takes several whole ones: the first `ROOM` bytes of it lie on the first,
//! and so on. A [*unit*](Layout::unit_pages) is one page with its blocks, or the pages of one block.
//!
//! Number n is block n mod k of page n / k, for k blocks a page; of blocks on several pages, n is the first page.
//! Pages of other kinds may lie between; their numbers are not used.

mod aligned;
mod corrupted;
mod edge_code;
mod entry_point;
mod header;
mod layout;
mod read;
#[cfg(test)]
mod tests;
mod tid_list;
pub(crate) mod write;

pub use aligned::Buffer;
pub use corrupted::{REINDEX, corrupted, corrupted_part, how_corrupted};
pub use edge_code::Coder;
pub use entry_point::EntryPoint;
pub use header::{HEADER, Header, State, Tid};
pub use layout::{Content, EDGE_BYTES, Layout};
pub use layout::{MAX_DIMS, MAX_NODES, Options, PAGE, Place, ROOM, StoredForm};
pub use read::NodeRef;
pub use tid_list::{TidListMut, TidListRef};
pub use write::NodeMut;

/// No block.
pub const NONE: u32 = u32::MAX;

/// Added to the number in a lane that must stay; numbers are below it.
pub const TREE_EDGE: u32 = 1 << 31;
const _: () = assert!(TREE_EDGE == MAX_NODES);
