//! The conditions of a scan on columns behind the vector: which rows fulfil them.
//!
//! The index has no values of these columns. They are read from the table, of rows that are near enough to be returned; or
//! from all rows that an inverted index gives. Either way under the scan's snapshot, so that rows which it does not see do not
//! count.
#![allow(unsafe_code)]

use super::conditions::Conditions;
use super::inverted::{Bitmap, Inverted, MAX_ROWS, attribute};
use super::lasting;
use super::look_ahead::LookAhead;
use super::statistics;
use super::table_distance::Exact;
use crate::engine::hnsw::config::gucs;
use crate::engine::hnsw::config::opclass::{Class, Columns, NORM};
use crate::engine::hnsw::storage::list_cache::{ListCache, Moment};
use crate::engine::hnsw::storage::match_cache::MatchCache;
use crate::engine::hnsw::storage::value;
use crate::engine::hnsw::storage::vector_cache::VectorCache;
use crate::engine::storage::buffer::Index;
use conifer_pure::Result;
use conifer_pure::distance::metric::Metric;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::node::{Tid, corrupted};
use conifer_pure::hnsw::pages::Element;
use conifer_pure::hnsw::search::{
    ByteQuery, Costs, KeptVectors, Listed, MatchList, Progress, RowFilter, Wish, is_bounded,
};
use conifer_pure::memory::allocation::{filled, push, with_room};
use pgrx::pg_sys;
use std::cell::RefCell;

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
    /// Vectors that scans have read, and the query; none before a bitmap is asked for, or if there are no bounds of distances.
    vectors: Option<Vectors>,
    /// The list of all matches that scans with the same conditions have made; none if those may change.
    lists: Option<ListCache>,
    /// A new list, and the moment from which it has all matches.
    new: Option<(Moment, MatchList)>,
}

/// Vectors that scans have read, compared with the query.
struct Vectors {
    cache: VectorCache,
    query: ByteQuery,
    /// Room for a row's vector.
    vector: Vec<f32>,
}

/// Index of the matches and their share, looked up once for a scan.
struct Known {
    inverted: Option<Inverted>,
    /// Share of the rows that match, by the statistics.
    share: f64,
}

/// TIDs of a bitmap that tell how many vectors are kept.
const SAMPLE: usize = 64;
/// The part of the memory that lists take.
const LISTS: usize = 8;
/// The part of a list's rows that may have no vector that is kept.
const UNKEPT: usize = 8;
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
                vectors: None,
                lists: None,
                new: None,
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
        let index = Index(scan.indexRelation);
        // SAFETY: the caller vouches for the scan; what is left behind is in the filter's context.
        let bytes = |first| unsafe {
            let before = pg_sys::MemoryContextSwitchTo(self.context);
            let bytes = lasting::bytes(scan, first);
            pg_sys::MemoryContextSwitchTo(before);
            bytes
        };
        let (filter, all) = (bytes(self.vector + 1)?, bytes(0)?);
        self.matches = filter.map(|bytes| MatchCache::of(index, bytes)).transpose()?;
        // SAFETY: the scan has an MVCC snapshot, or there would be no bytes.
        let list =
            |bytes| unsafe { ListCache::of(index, bytes, scan.xs_snapshot, gucs::filter_cache() / LISTS) };
        self.lists = all.map(list).transpose()?.flatten();
        Ok(())
    }

    /// Notes how far the scan has walked.
    pub fn settle(&self, progress: &Progress, costs: &Costs) {
        if let Some(lists) = &self.lists
            && progress.reads > 0
        {
            lists.walked(costs.walked(progress));
        }
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

impl Rows<'_> {
    /// Whether to list all matches before anything of the graphs is read: there is a list, or walks have cost as much as one does.
    ///
    /// # Errors
    /// Those of [`RowFilter::ask`].
    pub fn list_at_once(&mut self, wish: &Wish, dim: usize) -> Result<bool> {
        let Some(lists) = self.filter.lists.clone().filter(|_| self.ordered) else { return Ok(false) };
        let Wish { costs, nodes, ef, rows, .. } = wish;
        let wanted = rows.unwrap_or(WANTED);
        let is_better = |size: f64| {
            let walk = costs.page * costs.expected(*ef, *rows, *nodes, size / nodes.max(1.0), false);
            costs.list(size, 1.0, wanted) < walk.max(lists.walk())
        };
        if let Some(size) = lists.rows() {
            if is_better(size as f64) {
                // SAFETY: the scan has its relations and an order by an operator of ours, whose argument is not null.
                self.filter.vectors = unsafe { Vectors::of(self.scan, self.filter)? };
            }
            return Ok(self.filter.vectors.is_some());
        }
        let spent = lists.spent();
        if spent < costs.bitmap {
            return Ok(false);
        }
        let fits = |size: u64| KeptVectors::bytes_of(dim, size as usize) <= gucs::filter_cache() / 2;
        let pays = |size: u64, unread| {
            fits(size) && is_better(size as f64) && costs.list_anew(size as f64, unread, wanted) <= spent
        };
        let Some(estimate) = self.expected(0.0)? else { return Ok(false) };
        // How many of the rows are kept is known of the last bitmap of these conditions alone: other rows say nothing of these.
        match lists.bitmap() {
            Some((size, unread)) if pays(size, unread) => {}
            // Statistics may know little of a filter. What a bitmap costs as they have it, walks have cost.
            None if spent >= costs.bitmap + costs.tid * estimate && fits((estimate / DOUBT) as u64) => {}
            _ => return Ok(false),
        }
        let size = self.ask()?;
        let unread = self.unread();
        lists.tell_bitmap(size, unread);
        let begins = self.filter.vectors.is_some() && pays(size, unread);
        if begins {
            lists.attempt();
        }
        Ok(begins)
    }

    /// Lists the rows of a list that was made before.
    fn read_list(
        &mut self,
        lists: &ListCache,
        take: &mut dyn FnMut(Tid, Listed) -> Result<()>,
    ) -> Result<()> {
        let Self { scan, exact, filter, ordered, .. } = self;
        let Filter { conditions, class, norm, vectors, .. } = &mut **filter;
        let Some(Vectors { cache, query, vector }) = vectors else { return Ok(()) };
        let mut others = vec![];
        // No row is read meanwhile: what is asked of rows may begin a scan with the same conditions.
        let listed = lists.read(|list| {
            let of_vectors = cache.with(|vectors| {
                for at in 0..list.len() {
                    if at % OFTEN == 0 {
                        pgrx::check_for_interrupts!();
                    }
                    match list.row(at, vectors, query) {
                        (tid, Some(floor)) => take(tid, Listed::Unread(floor))?,
                        (tid, None) => push(&mut others, tid)?,
                    }
                }
                Ok(())
            });
            // Vectors of another vacuum say nothing.
            of_vectors.unwrap_or_else(|| list.tids().try_for_each(|tid| push(&mut others, tid)))
        });
        // Nothing can have taken it away since the scan has begun.
        listed.unwrap_or_else(|| Err(Fault::new(state::INTERNAL_ERROR, "a list of matches is gone")))?;
        for tid in others {
            let mut row = Match { scan, conditions, norm, element: class.element, ordered: *ordered };
            // SAFETY: the scan has its relations and snapshot, and an order by an operator of ours.
            if let Looked::Match(distance) = unsafe { row.look(exact, tid, Some((&*cache, &mut *vector)))? } {
                take(tid, Listed::Match(distance))?;
            }
        }
        Ok(())
    }
}

/// How many times the rows that match statistics may expect.
const DOUBT: f64 = 4.0;
/// Rows that are wanted if nothing is known.
const WANTED: usize = 10;
/// Rows that are listed between two looks at interrupts.
const OFTEN: usize = 1024;

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
        debug_assert!(self.filter.known.is_some());
        // Before any row is listed.
        self.filter.vectors = match self.ordered {
            // SAFETY: the scan has its relations and an order by an operator of ours, whose argument is not null.
            true => unsafe { Vectors::of(self.scan, self.filter)? },
            false => None,
        };
        // The moment comes before the bitmap.
        self.filter.new = match (&self.filter.lists, &self.filter.vectors) {
            (Some(_), Some(_)) => Moment::now(Index(self.scan.indexRelation), Index(self.scan.heapRelation))?
                .map(|now| (now, MatchList::default())),
            _ => None,
        };
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

    fn unread(&mut self) -> f64 {
        let Filter { bitmap, vectors, lists, .. } = &*self.filter;
        let Some(bitmap) = bitmap else {
            if gucs::filter_cache() == 0 {
                return 0.0;
            }
            let known = lists.as_ref().and_then(ListCache::bitmap);
            return known
                .map_or_else(|| VectorCache::guess(Index(self.scan.indexRelation)), |(_, unread)| unread);
        };
        let Some(Vectors { cache, .. }) = vectors else { return 0.0 };
        let (mut all, mut kept) = (0u32, 0u32);
        for tid in bitmap.sample(SAMPLE) {
            all += 1;
            kept += u32::from(cache.has(tid));
        }
        f64::from(kept) / f64::from(all.max(1))
    }

    fn read(&mut self, take: &mut dyn FnMut(Tid, Listed) -> Result<()>) -> Result<()> {
        if self.filter.bitmap.is_none() {
            return match self.filter.lists.clone() {
                Some(lists) => self.read_list(&lists, take),
                None => Ok(()),
            };
        }
        let Self { scan, exact, filter, ordered, .. } = self;
        let Filter { conditions, class, norm, bitmap, vectors, lists, new, .. } = &mut **filter;
        let Some(bitmap) = bitmap else { return Ok(()) };
        // A list of pages, or of more than there is room for, is none.
        let new = RefCell::new(new.take());
        let room_for_list = lists.as_ref().map_or(0, ListCache::room);
        let listed = |tid| -> Result<()> {
            let mut new = new.borrow_mut();
            let Some((_, list)) = &mut *new else { return Ok(()) };
            list.push(tid)?;
            if list.bytes() > room_for_list {
                *new = None;
            }
            Ok(())
        };
        let (mut all, mut kept) = (0u64, 0u64);
        let mut ahead = LookAhead::new(scan.heapRelation);
        let mut rest = with_room(MAX_ROWS)?;
        let take = RefCell::new(take);
        let (cache, mut room) = vectors
            .as_mut()
            .map(|Vectors { cache, query, vector }| ((&*cache, &*query), vector.as_mut_slice()))
            .unzip();
        let mut show = |tid| {
            let mut row = Match { scan, conditions, norm, element: class.element, ordered: *ordered };
            let keep = cache.map(|(cache, _)| cache).zip(room.as_deref_mut());
            // SAFETY: the scan has its relations and snapshot, and an order by an operator of ours.
            match unsafe { row.look(exact, tid, keep)? } {
                Looked::Match(distance) => {
                    listed(tid)?;
                    (take.borrow_mut())(tid, Listed::Match(distance))
                }
                // Another snapshot may see a row there.
                Looked::Nothing => listed(tid),
                Looked::Other => Ok(()),
            }
        };
        bitmap.each(|(block, offsets)| {
            let (Some(offsets), Some((cache, query))) = (offsets, cache) else {
                new.replace(None);
                return ahead.enter((block, offsets), &mut show);
            };
            rest.clear();
            for offset in offsets {
                let tid = Tid { block, offset: *offset };
                match cache.floor(query, tid) {
                    Some(floor) => {
                        listed(tid)?;
                        (take.borrow_mut())(tid, Listed::Unread(floor))?;
                    }
                    None => push(&mut rest, *offset)?,
                }
            }
            all += offsets.len() as u64;
            kept += (offsets.len() - rest.len()) as u64;
            if rest.is_empty() { Ok(()) } else { ahead.enter((block, Some(&rest)), &mut show) }
        })?;
        ahead.end(&mut show)?;
        if let Some((cache, _)) = cache {
            cache.tell(kept as f64 / all.max(1) as f64);
            if let (Some((moment, list)), Some(lists)) = (new.into_inner(), lists)
                && moment.vacuums() == cache.vacuums()
                && let Some(kept) = cache.with(|vectors| list.kept(vectors))
            {
                lists.tell_bitmap(all, kept as f64 / list.len().max(1) as f64);
                if list.len() - kept <= list.len() / UNKEPT {
                    lists.set(moment, list);
                }
            }
        }
        Ok(())
    }

    fn read_one(&mut self, tid: Tid) -> Result<Option<f64>> {
        let Self { scan, exact, filter, ordered, .. } = self;
        let Filter { conditions, class, norm, .. } = &mut **filter;
        let mut row = Match { scan, conditions, norm, element: class.element, ordered: *ordered };
        // SAFETY: the scan has its relations and snapshot, and an order by an operator of ours.
        Ok(match unsafe { row.look(exact, tid, None)? } {
            Looked::Match(distance) => Some(distance),
            Looked::Other | Looked::Nothing => None,
        })
    }
}

impl Vectors {
    /// # Errors
    /// `53200`, and those of the first page.
    ///
    /// # Safety
    /// The scan has its relations and an order by an operator of ours, whose argument is not null.
    unsafe fn of(scan: &pg_sys::IndexScanDescData, filter: &Filter) -> Result<Option<Self>> {
        let (limit, Class { element, metric, .. }) = (gucs::filter_cache(), filter.class);
        if limit == 0 {
            VectorCache::end_all();
        }
        if limit == 0 || !matches!(element, Element::F32 | Element::F16) || !is_bounded(metric) {
            return Ok(None);
        }
        // SAFETY: the caller vouches for the scan; the order's argument is of the column's type.
        let query = unsafe {
            if !lasting::has_lasting_vectors(scan, filter.vector) {
                return Ok(None);
            }
            value::query(element, metric, (*scan.orderByData).sk_argument)
        };
        let Some(elements) = query.elements else { return Ok(None) };
        let Some(query) = ByteQuery::new(metric, &elements)? else { return Ok(None) };
        let vector = filled(0.0, elements.len())?;
        let cache = VectorCache::of(Index(scan.indexRelation), metric, elements.len(), limit)?;
        Ok(Some(Self { cache, query, vector }))
    }
}

/// The conditions that make a row of the bitmap a match.
struct Match<'a> {
    scan: &'a pg_sys::IndexScanDescData,
    conditions: &'a mut Conditions,
    norm: &'a mut Option<pg_sys::FmgrInfo>,
    element: Element,
    ordered: bool,
}

/// What a look at a row has found.
enum Looked {
    /// A match, at a distance as SQL shows it.
    Match(f64),
    /// A row that does not match.
    Other,
    /// No row that the snapshot sees.
    Nothing,
}

impl Match<'_> {
    /// Looks at a row; its vector, if it matches, is put into a cache, by way of room for one.
    ///
    /// # Errors
    /// `53200`.
    ///
    /// # Safety
    /// The scan has its relations and snapshot, and an order by an operator of ours.
    unsafe fn look(
        &mut self,
        exact: &mut Exact,
        tid: Tid,
        keep: Option<(&VectorCache, &mut [f32])>,
    ) -> Result<Looked> {
        pgrx::check_for_interrupts!();
        let Self { scan, conditions, norm, element, ordered } = self;
        let (cache, mut room) = keep.unzip();
        let mut is_copied = false;
        // SAFETY: the caller vouches for the scan; what is used owns nothing that the server's errors would leave behind.
        let distance = unsafe {
            exact.show(scan, tid, |row| {
                let mut vector = row.vector()?;
                if !conditions.hold(row, 0) || !row.is_within_predicate() {
                    return None;
                }
                if room.is_some() {
                    vector = row.detoasted(vector);
                }
                let distance = if *ordered { row.distance_of(scan, vector) } else { 0.0 };
                // The distance's function has looked at the vector's size: an error that is no server's would leave the guard open.
                if let Some(room) = &mut room {
                    is_copied = value::copy(*element, vector, room);
                }
                // Vectors without a direction are in no index.
                let length = match norm {
                    Some(norm) if distance.is_nan() || !*ordered => {
                        let length = bare::FunctionCall1Coll(norm, pg_sys::InvalidOid, vector);
                        f64::from_bits(length.value() as u64)
                    }
                    _ => f64::INFINITY,
                };
                (length != 0.0).then_some(distance)
            })
        };
        if let (Some(cache), Some(vector), true, Some(Some(_))) = (cache, room, is_copied, distance) {
            cache.keep(tid, vector)?;
        }
        Ok(match distance {
            Some(Some(distance)) => Looked::Match(distance),
            Some(None) => Looked::Other,
            None => Looked::Nothing,
        })
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
