//! A node of the graph as bytes on a page: all data of one step of a search, together.
//!
//! A *node record* holds a node on one level: the TID of its row, its stored vector, and for each neighbour an *edge slot*
//! with the neighbour's number and [code](crate::hnsw::rabitq). A node on several levels has a node record on each,
//! linked `down`. [`Layout`] derives page and offset of a node record from its number, so an edge slot needs four bytes
//! for a neighbour.
//!
//! - `layout`: sizes and places. `header`: the fields in front. `read`, `write`: a node record seen through them.
//! - `entry_point`: where a graph is entered.
//! - `edge_code`: the content of an edge slot. `tid_list`: rows with equal vectors. `aligned`: memory for pages.
//!
//! # The format
//!
//! All numbers are little-endian; floats are IEEE 754. P is the padded dimensions
//! ([`Rotation::padded_for`](crate::hnsw::rotation::Rotation::padded_for)), E the bytes of an element of the stored vector
//! (2 or 4), C the bytes of a code ([`Shape::code_bytes`](crate::hnsw::rabitq::Shape::code_bytes)), S the edge slots, a
//! multiple of 32.
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 4 | `tid.block` | of the row in its table; on level 0 only |
//! | 4 | 2 | `tid.offset` | 0: there is no row here |
//! | 6 | 1 | `state` | 0 free, 1 live, 2 dead, 3 TID list |
//! | 7 | 1 | `level` | 0 to 31 |
//! | 8 | 2 | `version` | grows by one, modulo 2^16, each time the node record is given to another node |
//! | 10 | 1 | `kept` | edge slots in front whose edges the pruning has kept |
//! | 11 | 1 | `used` | edge slots that may hold an edge; edges behind `kept` give way first |
//! | 12 | 4 | `norm` | f32: squared length of the stored vector |
//! | 16 | 4 | `scale` | f32: the power of two by which elements are multiplied; 1 if they are f32 |
//! | 20 | 4 | `graph` | which of the index's graphs the node belongs to |
//! | 24 | 4 | `down` | above level 0, record of the same node one level lower; on level 0, the parent, or none (2^32 − 1) |
//! | 28 | 4 | `tid_list` | the first record with more rows of the same vector, or none |
//! | 32 | E P | `stored` | the rotated vector |
//! | 32 + E P | S (12 + C) | edge slots | one after the other |
//!
//! An edge slot, all of it in one piece so that a changed edge is one fragment of a WAL record:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | number of the neighbour's record on the same level, or none; 2^31 is added for a tree edge |
//! | 4 | 4 | f32: [`Factors::add`](crate::hnsw::rabitq::Factors::add) |
//! | 8 | 4 | f32: [`Factors::mul`](crate::hnsw::rabitq::Factors::mul) |
//! | 12 | C | the code, as a row (see [`Form`](crate::hnsw::rabitq::Form)) |
//!
//! A layout can be *uncoded*: there are no codes (C is 0), `stored` are the words of a value that is compared as it is (see
//! [`uncoded`](crate::hnsw::uncoded); E is 4 and P their number), and in an edge slot, the first factor is the distance to
//! the neighbour and the second is 0. S is any number from 1 to 224. `norm` is how much of the value is left out, `scale`
//! is 1.
//!
//! An edge slot below `used` may be empty, too. An empty edge slot is none and zeros. A record of a TID list uses the header
//! differently and has no vector, see `tid_list`. A page of zeros holds free node records.
//!
//! # Tree edges
//!
//! Every node of level 0 but the first of its graph has a *parent*: another node, whose edge to the child is marked as a
//! *tree edge* and never gives way. Parents never form a circle. So tree edges lead from the first node, the tree's root
//! (`origin`), to all nodes of the graph, whatever becomes of the other edges.
//!
//! # On the pages
//!
//! Of a page's 8192 bytes, 24 in front are Postgres' header and 8 at the end tell the kinds of pages apart;
//! [`ROOM`] is the rest. As many node records as fit lie there from offset 24 on, each at a multiple of 8. A
//! node record that does not fit a page takes several whole pages: its first `ROOM` bytes lie on the first page,
//! and so on. A [*unit*](Layout::unit_pages) is one page with its node records, or the pages of one node record.
//!
//! Number n is node record n mod k of page n / k, for k node records a page; for a node record on several pages, n is its
//! first page. Pages of other kinds may lie between; their numbers are not used.

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

/// No node record.
pub const NONE: u32 = u32::MAX;

/// Added to the number in an edge slot that holds a tree edge, which must stay; numbers are below `TREE_EDGE`.
pub const TREE_EDGE: u32 = 1 << 31;
const _: () = assert!(TREE_EDGE == MAX_NODES);
