//! The pages of an index that the server reads, without the pages that it refuses.

use crate::engine::hnsw::storage::node_reader::NodeReader;
use conifer_pure::Result;
use conifer_pure::hnsw::node::{Layout, corrupted};
use conifer_pure::hnsw::search::Pages;
use std::collections::BTreeMap;

/// Pages that the server does not refuse, and the node records on them.
pub struct ReadablePages {
    pub records: NodeReader,
    pub layout: Layout,
    pub refused: BTreeMap<u32, String>,
}

impl ReadablePages {
    /// Returns an error for a page that the server refuses.
    pub fn may_read(&self, page: u32) -> Result<()> {
        if self.refused.contains_key(&page) {
            return Err(corrupted(format_args!("page {page} cannot be read")));
        }
        Ok(())
    }

    /// Whether the server refuses a page.
    pub fn is_refused(&self, page: u32) -> bool {
        self.refused.contains_key(&page)
    }

    /// Calls `look` with each node record that starts on a page.
    pub fn on_page(&mut self, page: u32, look: impl FnMut(u32, &[u8]) -> Result<()>) -> Result<()> {
        for page in (page..).take(self.layout.unit_pages()) {
            self.may_read(page)?;
        }
        self.records.on_page(page, look).map(drop)
    }
}

impl Pages for ReadablePages {
    fn records(&self) -> u32 {
        self.records.records()
    }

    fn read<R>(&mut self, number: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let first = self.layout.place(number)?.page;
        for page in (first..).take(self.layout.unit_pages()) {
            self.may_read(page)?;
        }
        self.records.read(number, look)
    }
}
