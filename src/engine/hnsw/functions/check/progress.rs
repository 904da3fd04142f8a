//! The progress of `hnsw_check`, as messages to a session that asks for messages by `verbose`.

use crate::engine::storage::buffer::Index;
use std::fmt::Display;

/// Messages of a step.
const PARTS: u64 = 10;

/// Reports each step, and each tenth of it.
pub struct Progress {
    /// Name of the index; none if messages are not wanted.
    name: Option<String>,
    step: String,
    all: u64,
    told: u64,
}

impl Progress {
    /// The progress of the check of an index; silent unless `verbose`.
    pub fn new(index: Index, verbose: bool) -> Self {
        Self { name: verbose.then(|| index.name()), step: String::new(), all: 0, told: 0 }
    }

    fn tell(&self, text: impl Display) {
        if let Some(name) = &self.name {
            pgrx::info!("index \"{name}\": {text}");
        }
    }

    /// Reports the number of threads that work beside this process.
    pub fn threads(&self, n: usize) {
        self.tell(format_args!("{n} threads"));
    }

    /// Begins a step over `all` pages; 0 if pages are not counted.
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

    /// Notes that the step is at a page.
    pub fn at(&mut self, page: u64) {
        if self.name.is_some() && self.all >= PARTS && page * PARTS / self.all > self.told {
            self.told = page * PARTS / self.all;
            self.tell(format_args!("{}, {page} of {} pages", self.step, self.all));
        }
    }

    /// Reports the end of the check.
    pub fn end(&self, rows: usize, findings: usize) {
        self.tell(format_args!("{rows} rows checked, {findings} findings"));
    }
}
