//! A vacuum: its index and the nodes it has met, from one step to the next.

use super::super::storage::meta_cache::MetaCache;
use super::super::storage::node_reader::NodeReader;
use super::node_set::NodeSet;
use super::upper_records::Uppers;
use crate::engine::storage::buffer::{Index, Ring};
use conifer_pure::hnsw::node::Layout;
use std::collections::HashMap;
use std::rc::Rc;

pub struct Vacuum {
    pub index: Index,
    pub known: Rc<MetaCache>,
    pub ring: Ring,
    pub records: NodeReader,
    /// Dead nodes: number and graph.
    pub dead: Vec<(u32, u32)>,
    pub uppers: Uppers,
    /// Living nodes of each graph.
    pub alive: HashMap<u32, u64>,
    /// Pages with room.
    pub free: NodeSet,
    pub left: u64,
    pub removed: u64,
}

impl Vacuum {
    /// A vacuum of an index, which reads pages through a ring of buffers.
    pub fn new(index: Index, ring: Ring) -> Self {
        let known = MetaCache::of(index);
        Self {
            records: NodeReader::new(index, known.meta.layout).through(ring),
            index,
            known,
            ring,
            dead: vec![],
            uppers: Uppers::default(),
            alive: HashMap::new(),
            free: NodeSet::default(),
            left: 0,
            removed: 0,
        }
    }

    /// The layout of the index's node records.
    pub fn layout(&self) -> Layout {
        self.known.meta.layout
    }
}
