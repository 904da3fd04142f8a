//! A backend's cache of vectors that filtered scans have read, in bytes, by the TIDs of their rows.
//!
//! A row's vector never changes under its TID until a vacuum has taken the TID out of the index, as a column of the index is
//! updated by another row. So the rule is that of the [match cache](super::match_cache): the number of vacuums on the first page is read after the
//! snapshot was taken, what was kept at another number is forgotten, and a scan keeps rows that its snapshot sees, and looks rows up, only
//! as long as what is kept is of the number that it has read. Of a row that the snapshot does not see, what is kept may be the vector of another
//! row; no such row is returned, since each is read.

use super::change_counts::vacuums;
use super::meta_cache::{Name, name};
use crate::engine::storage::buffer::Index;
use conifer_pure::Result;
use conifer_pure::distance::metric::Metric;
use conifer_pure::hnsw::node::Tid;
use conifer_pure::hnsw::search::{ByteQuery, KeptVectors};
use conifer_pure::memory::allocation::push;
use std::cell::RefCell;
use std::rc::Rc;

/// Indexes that are remembered.
const MAX: usize = 16;

/// Vectors of an index.
struct Kept {
    /// The number of vacuums that they were read at.
    vacuums: u32,
    vectors: KeptVectors,
    /// Bytes that they may take.
    max: usize,
    /// The share of kept vectors among the rows that the last scan has listed.
    share: f64,
}

impl Kept {
    /// Gives all memory back, for good: a scan that is not over, as a cursor's, finds nothing any more and keeps nothing.
    fn end(&mut self) {
        self.vectors.clear();
        self.max = 0;
    }
}

thread_local! {
    /// The one that was used last is the last.
    static INDEXES: RefCell<Vec<(Name, Rc<RefCell<Kept>>)>> = const { RefCell::new(vec![]) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    INDEXES.with(|_| ());
}

/// Vectors that earlier scans have read, for a scan to find, and to add to.
pub struct VectorCache {
    kept: Rc<RefCell<Kept>>,
    /// The number of vacuums when the scan began to list rows.
    vacuums: u32,
}

impl VectorCache {
    /// The vectors of an index of such dimensions, before the scan, whose snapshot was taken, lists rows. All indexes take `limit` bytes:
    /// those that were not used for longest give way until there is half for this one, and the others stay as large as they are.
    ///
    /// # Errors
    /// `53200`, and those of the first page.
    pub fn of(index: Index, metric: Metric, dim: usize, limit: usize) -> Result<Self> {
        let (vacuums, name) = (vacuums(index)?, name(index));
        INDEXES.with_borrow_mut(|all| {
            let kept = match all.iter().position(|(of, _)| *of == name) {
                Some(at) => all.remove(at).1,
                None => {
                    let vectors = KeptVectors::new(metric, dim);
                    Rc::new(RefCell::new(Kept { vacuums, vectors, max: 0, share: 0.0 }))
                }
            };
            let others = |all: &[(Name, Rc<RefCell<Kept>>)]| -> usize {
                all.iter().map(|(_, kept)| kept.borrow().vectors.bytes()).sum()
            };
            while all.len() >= MAX || !all.is_empty() && others(all) > limit / 2 {
                all.remove(0).1.borrow_mut().end();
            }
            for (_, other) in all.iter() {
                let mut other = other.borrow_mut();
                other.max = other.vectors.bytes();
            }
            let mut own = kept.borrow_mut();
            own.max = limit.saturating_sub(others(all));
            if own.vacuums != vacuums || own.vectors.shape() != (metric, dim) {
                own.vectors = KeptVectors::new(metric, dim);
                own.vacuums = vacuums;
            }
            let max = own.max;
            own.vectors.begin(max);
            drop(own);
            push(all, (name, kept.clone()))?;
            Ok(Self { kept, vacuums })
        })
    }

    /// Forgets all indexes.
    pub fn end_all() {
        INDEXES.with_borrow_mut(|all| all.drain(..).for_each(|(_, kept)| kept.borrow_mut().end()));
    }

    /// Forgets an index, which is made anew: in the same file if this transaction has made the file.
    pub fn forget(index: Index) {
        let name = name(index);
        INDEXES.with_borrow_mut(|all| all.retain(|(of, _)| *of != name));
    }

    /// The share of kept vectors among the rows that the last scan of an index has listed.
    pub fn guess(index: Index) -> f64 {
        let name = name(index);
        INDEXES.with_borrow(|all| {
            let kept = all.iter().find(|(of, _)| *of == name);
            kept.map_or(0.0, |(_, kept)| kept.borrow().share)
        })
    }

    /// Notes that share.
    pub fn tell(&self, share: f64) {
        self.kept.borrow_mut().share = share;
    }

    /// Whether the vector of a row is kept.
    pub fn has(&self, tid: Tid) -> bool {
        let kept = self.kept.borrow();
        kept.vacuums == self.vacuums && kept.vectors.has(tid)
    }

    /// A lower bound of a row's distance as SQL shows it, if the vector of the row is kept.
    #[inline]
    pub fn floor(&self, query: &ByteQuery, tid: Tid) -> Option<f64> {
        let mut kept = self.kept.borrow_mut();
        if kept.vacuums == self.vacuums { kept.vectors.floor(query, tid) } else { None }
    }

    /// The number of vacuums that the scan has read.
    pub fn vacuums(&self) -> u32 {
        self.vacuums
    }

    /// Gives all vectors to `use_them`, if they are of the vacuums that the scan has read.
    pub fn with<T>(&self, use_them: impl FnOnce(&mut KeptVectors) -> T) -> Option<T> {
        let mut kept = self.kept.borrow_mut();
        (kept.vacuums == self.vacuums).then(|| use_them(&mut kept.vectors))
    }

    /// Keeps the vector of a row that the scan's snapshot sees, if there is room.
    ///
    /// # Errors
    /// `53200`.
    pub fn keep(&self, tid: Tid, vector: &[f32]) -> Result<()> {
        let Kept { vacuums, vectors, max, .. } = &mut *self.kept.borrow_mut();
        if *vacuums == self.vacuums { vectors.keep(tid, vector, *max) } else { Ok(()) }
    }
}
