//! The conditions of a scan on columns behind the vector: which rows fulfil them.
//!
//! The index has no values of these columns. They are read from the table, of rows that are near enough to be returned; or
//! from all rows that an inverted index gives. Either way under the scan's snapshot, so that rows which it does not see do not
//! count.
#![allow(unsafe_code)]

use super::conditions::Conditions;
use super::inverted::{Bitmap, Inverted, attribute};
use super::lasting;
use super::look_ahead::LookAhead;
use super::statistics;
use super::table_distance::Exact;
use crate::engine::hnsw::config::opclass::{Class, Columns, NORM};
use crate::engine::hnsw::storage::buffer::Index;
use crate::engine::hnsw::storage::match_cache::MatchCache;
use conifer_pure::Result;
use conifer_pure::distance::metric::Metric;
use conifer_pure::hnsw::node::{Tid, corrupted};
use conifer_pure::hnsw::pages::Element;
use conifer_pure::hnsw::search::{Costs, RowFilter};
use pgrx::pg_sys;

/// The server's functions without pgrx's guard, for where one guard serves several calls.
mod bare {
    use pgrx::pg_sys::{Datum, FmgrInfo, Oid};
    unsafe extern "C-unwind" {
        pub fn FunctionCall1Coll(function: *mut FmgrInfo, collation: Oid, a: Datum) -> Datum;
    }
}

/// Filter of a scan: conditions on the columns behind the vector.
pub struct Filter {
    conditions: Conditions,
    /// The vector's column, counted from 0.
    vector: usize,
    class: Class,
    /// The norm of a vector, where vectors without a direction are not indexed.
    norm: Option<pg_sys::FmgrInfo>,
    /// Nodes of the graphs, and of the index, roughly.
    nodes: (f64, f64),
    /// Memory of this filter.
    context: pg_sys::MemoryContext,
    known: Option<Known>,
    bitmap: Option<Bitmap>,
    /// Answers that scans with the same filter have learned of nodes; none if those may change.
    matches: Option<MatchCache>,
}

/// Index of the matches and their share, looked up once for a scan.
struct Known {
    inverted: Option<Inverted>,
    /// Share of the rows that match, by the statistics.
    share: f64,
}

/// Bytes of a row beyond which the server moves values to a TOAST table.
const TOASTED: usize = 2000;

impl Filter {
    /// The filter of a scan; none if it has no condition on a column behind the vector. `context` is made, in the scan's own,
    /// or emptied.
    ///
    /// # Errors
    /// `53200`.
    ///
    /// # Safety
    /// The scan has its conditions; the context is for filters of this scan alone.
    pub unsafe fn of(
        scan: &pg_sys::IndexScanDescData,
        columns: &Columns,
        own: pg_sys::MemoryContext,
        context: &mut pg_sys::MemoryContext,
    ) -> Result<Option<Self>> {
        let vector = columns.key.len();
        if scan.numberOfKeys == 0 {
            return Ok(None);
        }
        // SAFETY: the caller vouches for the scan.
        let keys = unsafe { std::slice::from_raw_parts(scan.keyData, scan.numberOfKeys as usize) };
        if keys.iter().all(|key| key.sk_attno as usize <= vector + 1) {
            return Ok(None);
        }
        // SAFETY: nothing of an earlier filter is used any more.
        unsafe {
            if context.is_null() {
                *context = pg_sys::AllocSetContextCreateInternal(
                    own,
                    c"hnsw filter".as_ptr(),
                    pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
                    pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
                    pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
                );
            }
            pg_sys::MemoryContextReset(*context);
            let norm = (columns.class.metric == Metric::Cosine).then(|| {
                let mut norm = pg_sys::FmgrInfo::default();
                let of_class = pg_sys::index_getprocinfo(scan.indexRelation, vector as i16 + 1, NORM);
                pg_sys::fmgr_info_copy(&mut norm, of_class, *context);
                norm
            });
            Ok(Some(Self {
                conditions: Conditions::of(keys, *context)?,
                vector,
                class: columns.class,
                norm,
                nodes: (0.0, 0.0),
                context: *context,
                known: None,
                bitmap: None,
                matches: None,
            }))
        }
    }

    /// Looks up what scans with the same filter have learned, before the scan reads anything of the index.
    ///
    /// # Errors
    /// `53200`, and those of the first page.
    ///
    /// # Safety
    /// The scan is the one that the filter was made for, with the same conditions.
    pub unsafe fn recall(&mut self, scan: &pg_sys::IndexScanDescData) -> Result<()> {
        // SAFETY: the caller vouches for the scan; what is left behind is in the filter's context.
        let bytes = unsafe {
            let before = pg_sys::MemoryContextSwitchTo(self.context);
            let bytes = lasting::bytes(scan, self.vector);
            pg_sys::MemoryContextSwitchTo(before);
            bytes?
        };
        self.matches = bytes.map(|bytes| MatchCache::of(Index(scan.indexRelation), bytes)).transpose()?;
        Ok(())
    }

    /// Whether no row can fulfil the conditions.
    pub fn is_never(&self) -> bool {
        self.conditions.never
    }

    /// Tells how many nodes the graphs have, and the index, roughly.
    pub fn of_nodes(&mut self, graphs: f64, index: f64) {
        self.nodes = (graphs, index);
    }

    /// Costs of the search's steps for vectors of `dim` dimensions.
    pub fn costs(&self, dim: usize) -> Costs {
        let bytes = match self.class.element {
            Element::F32 => dim * 4,
            Element::F16 => dim * 2,
            Element::Bits => dim / 8,
            // They are as long as they have elements, which the type does not say.
            Element::Sparse => 0,
        };
        if bytes > TOASTED { Costs::TOASTED } else { Costs::INLINE }
    }
}

/// The rows of a scan, to be asked.
pub struct Rows<'a> {
    /// The scan.
    pub scan: &'a pg_sys::IndexScanDescData,
    /// Its view of the table.
    pub exact: &'a mut Exact,
    /// The filter of the scan.
    pub filter: &'a mut Filter,
    /// Pages of the table, as far as that was asked.
    pub table: &'a mut u32,
    /// The query has a distance to rows that order means something of.
    pub ordered: bool,
}

/// Refuses a row that cannot be in the table: the server would complain of its files, or add a page. `table` is the number
/// of pages as far as it was asked.
///
/// # Errors
/// `XX002`.
pub fn check_place(heap: Index, table: &mut u32, tid: Tid) -> Result<()> {
    if tid.block >= *table {
        *table = heap.pages();
        if tid.block >= *table {
            return Err(corrupted(format_args!("a node is of a row on page {}", tid.block)));
        }
    }
    Ok(())
}

impl RowFilter for Rows<'_> {
    fn matches(&mut self, tid: Tid, node: Option<u32>) -> Result<bool> {
        pgrx::check_for_interrupts!();
        let Filter { conditions, vector, bitmap, matches, .. } = &mut *self.filter;
        let kept = node.and_then(|node| Some((matches.as_ref()?, node)));
        // SAFETY: the scan has its table.
        let mut is_visible = || unsafe { self.exact.is_visible_to_all(self.scan, tid.block) };
        // A match may have been deleted since. The executor would pass it over, but it would have counted to the rows wanted.
        if let Some((matches, node)) = kept
            && matches.get(node) == Some(true)
            && is_visible()
        {
            return Ok(true);
        }
        if bitmap.as_ref().is_some_and(|bitmap| !bitmap.may_have(tid)) {
            // Of a row that all snapshots see, the bitmap knew.
            if let Some((matches, node)) = kept
                && old_snapshots_last()
                && is_visible()
            {
                matches.set(node, false)?;
            }
            return Ok(false);
        }
        check_place(Index(self.scan.heapRelation), self.table, tid)?;
        let from = *vector + 1;
        // SAFETY: the scan has its relations and snapshot; conditions own nothing that the server's errors would leave behind.
        let holds = unsafe { self.exact.show(self.scan, tid, |row| conditions.hold(row, from)) };
        if let (Some((matches, node)), Some(holds)) = (kept, holds) {
            matches.set(node, holds)?;
        }
        Ok(holds == Some(true))
    }

    fn is_known_not_to_match(&self, node: u32) -> bool {
        self.filter.matches.as_ref().is_some_and(|matches| matches.get(node) == Some(false))
    }

    fn learns(&mut self, node: u32) -> Result<bool> {
        // A row that is asked for the second time is worth being known: that costs twice as much as never at most.
        self.filter.matches.as_ref().map_or(Ok(false), |matches| matches.meet(node))
    }

    fn expected(&mut self, share: f64) -> Result<Option<f64>> {
        let Filter { known, vector, context, nodes: (graphs, index), .. } = &mut *self.filter;
        if known.is_none() {
            // SAFETY: the scan has its relations and conditions; what is left behind is in the filter's context.
            let new = unsafe {
                let before = pg_sys::MemoryContextSwitchTo(*context);
                let inverted = Inverted::find(self.scan, *vector);
                let share = shares(self.scan, *vector);
                pg_sys::MemoryContextSwitchTo(before);
                Known { inverted: inverted?, share }
            };
            *known = Some(new);
        }
        let Some(Known { inverted: Some(inverted), share: of_all }) = known else { return Ok(None) };
        let rows = if inverted.is_scoped { *graphs } else { *index };
        Ok(Some(rows * share.max(*of_all)))
    }

    fn ask(&mut self) -> Result<u64> {
        let Filter { known, context, bitmap, .. } = &mut *self.filter;
        let Some(Known { inverted: Some(inverted), .. }) = known else { return Ok(0) };
        // SAFETY: the scan is the one that the index was found for; the bitmap is in the filter's context.
        let new = unsafe {
            let before = pg_sys::MemoryContextSwitchTo(*context);
            let new = inverted.bitmap(self.scan);
            pg_sys::MemoryContextSwitchTo(before);
            new?
        };
        Ok(bitmap.insert(new).size)
    }

    fn read(&mut self, take: &mut dyn FnMut(Tid, f64) -> Result<()>) -> Result<()> {
        let Filter { conditions, norm, bitmap, .. } = &mut *self.filter;
        let Some(bitmap) = bitmap else { return Ok(()) };
        let (scan, ordered) = (self.scan, self.ordered);
        let exact = &mut *self.exact;
        let mut ahead = LookAhead::new(scan.heapRelation);
        let mut show = |tid| {
            pgrx::check_for_interrupts!();
            // SAFETY: the scan has its relations and snapshot, and an order by an operator of ours; what is used owns nothing
            // that the server's errors would leave behind.
            let distance = unsafe {
                exact.show(scan, tid, |row| {
                    let vector = row.vector()?;
                    if !conditions.hold(row, 0) || !row.is_within_predicate() {
                        return None;
                    }
                    let distance = if ordered { row.distance(scan)? } else { 0.0 };
                    // Vectors without a direction are in no index.
                    let length = match norm {
                        Some(norm) if distance.is_nan() || !ordered => {
                            let length = bare::FunctionCall1Coll(norm, pg_sys::InvalidOid, vector);
                            f64::from_bits(length.value() as u64)
                        }
                        _ => f64::INFINITY,
                    };
                    (length != 0.0).then_some(distance)
                })
            };
            distance.flatten().map_or(Ok(()), |distance| take(tid, distance))
        };
        bitmap.each(|page| ahead.enter(page, &mut show))?;
        ahead.end(&mut show)
    }
}

/// Whether no row that a snapshot sees is taken out of its table however old the snapshot gets.
fn old_snapshots_last() -> bool {
    #[cfg(any(feature = "pg15", feature = "pg16"))]
    // SAFETY: a variable of this process.
    return unsafe { pg_sys::old_snapshot_threshold } < 0;
    #[cfg(not(any(feature = "pg15", feature = "pg16")))]
    true
}

/// Share of the rows that fulfil all conditions behind the vector, as far as the table's statistics know them.
///
/// # Safety
/// The scan has its relations and conditions.
unsafe fn shares(scan: &pg_sys::IndexScanDescData, vector: usize) -> f64 {
    // SAFETY: the caller vouches for the scan; conditions that are no operators with one argument are left out.
    unsafe {
        let keys = std::slice::from_raw_parts(scan.keyData, scan.numberOfKeys as usize);
        let other =
            pg_sys::SK_SEARCHARRAY | pg_sys::SK_SEARCHNULL | pg_sys::SK_SEARCHNOTNULL | pg_sys::SK_ISNULL;
        let known = keys
            .iter()
            .filter(|key| key.sk_attno as usize > vector + 1 && key.sk_flags as u32 & other == 0)
            .filter_map(|key| {
                let attribute = attribute(scan.indexRelation, key.sk_attno as usize - 1)?;
                statistics::share(scan.heapRelation, attribute, key)
            });
        known.fold(None, |all: Option<f64>, share| Some(all.unwrap_or(1.0) * share)).unwrap_or(0.0)
    }
}
