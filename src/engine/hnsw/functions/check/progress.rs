//! The progress of `hnsw_check`, as messages to a session that asks for them by `verbose`.

use crate::engine::hnsw::storage::buffer::Index;
use std::fmt::Display;

/// Parts of a step that are told.
const PARTS: u64 = 10;

/// Tells each step, and each tenth of it.
pub struct Progress {
    /// Of the index, where somebody wants to hear it.
    name: Option<String>,
    step: String,
    all: u64,
    told: u64,
}

impl Progress {
    /// Of the check of an index; says nothing unless `verbose`.
    pub fn new(index: Index, verbose: bool) -> Self {
        Self { name: verbose.then(|| index.name()), step: String::new(), all: 0, told: 0 }
    }

    fn tell(&self, text: impl Display) {
        if let Some(name) = &self.name {
            pgrx::info!("index \"{name}\": {text}");
        }
    }

    /// So many threads work beside this process.
    pub fn threads(&self, n: usize) {
        self.tell(format_args!("{n} threads"));
    }

    /// Begins a step over so many pages; none if they are not counted.
    pub fn step(&mut self, step: impl Display, all: u64) {
        if self.name.is_none() {
            return;
        }
        (self.step, self.all, self.told) = (step.to_string(), all, 0);
        match all {
            0 => self.tell(&self.step),
            all => self.tell(format_args!("{}, {all} pages", self.step)),
        }
    }

    /// The step is at a page.
    pub fn at(&mut self, page: u64) {
        if self.name.is_some() && self.all >= PARTS && page * PARTS / self.all > self.told {
            self.told = page * PARTS / self.all;
            self.tell(format_args!("{}, {page} of {} pages", self.step, self.all));
        }
    }

    /// All was looked at.
    pub fn end(&self, rows: usize, findings: usize) {
        self.tell(format_args!("{rows} rows checked, {findings} findings"));
    }
}
