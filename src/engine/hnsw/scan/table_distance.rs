//! The distance of a row as SQL shows it, from the table: stored vectors are rounded, and rows at nearly the same distance
//! may be in another order than the index has them.
//!
//! The row is fetched under the scan's own snapshot, as the executor does it after the scan. A scan that asked the executor
//! for this (`xs_recheckorderby`) would lose the rows' places: servers before the minor releases of late 2026 do not keep
//! `ctid` in the queue where such rows wait, and `FOR UPDATE`, `WHERE CURRENT OF` and joins on `ctid` fail or miss rows.
#![allow(unsafe_code)]

use conifer_pure::hnsw::node::Tid;
use pgrx::pg_sys;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;

/// The server's functions without pgrx's guard: one guard serves all of them.
mod bare {
    use pgrx::pg_sys::{
        Buffer, Datum, EState, FmgrInfo, IndexInfo, MemoryContext, Oid, Relation, TupleTableSlot, varlena,
    };
    unsafe extern "C-unwind" {
        pub fn FormIndexDatum(
            info: *mut IndexInfo,
            slot: *mut TupleTableSlot,
            estate: *mut EState,
            values: *mut Datum,
            nulls: *mut bool,
        );
        pub fn FunctionCall2Coll(function: *mut FmgrInfo, collation: Oid, a: Datum, b: Datum) -> Datum;
        pub fn pg_detoast_datum(datum: *mut varlena) -> *mut varlena;
        pub fn MemoryContextReset(context: MemoryContext);
        pub fn visibilitymap_get_status(table: Relation, block: u32, map: *mut Buffer) -> u8;
        pub fn ReleaseBuffer(buffer: Buffer);
    }
}

/// A table open for fetches of rows, kept from one row to the next.
struct Open {
    fetch: *mut pg_sys::IndexFetchTableData,
    slot: *mut pg_sys::TupleTableSlot,
    info: *mut pg_sys::IndexInfo,
    /// The executor's state for indexed expressions and a partial index's predicate; null if there are none.
    estate: *mut pg_sys::EState,
    /// A partial index's predicate; else null.
    predicate: *mut pg_sys::ExprState,
    /// Memory for one row's values, as a detoasted vector.
    row: pg_sys::MemoryContext,
}

/// Exact distances for a scan.
///
/// Memory and pins belong to the scan's context and resource owner: after an error the server takes them back, and this type
/// has nothing to do.
pub struct Exact {
    /// The scan's context.
    context: pg_sys::MemoryContext,
    /// The vector's column, counted from 0.
    vector: usize,
    open: Option<Open>,
    /// Page of the table's visibility map that is pinned, or 0.
    map: pg_sys::Buffer,
}

/// A row of the table, as the index takes it.
pub struct Row<'a> {
    open: &'a Open,
    vector: usize,
    values: [pg_sys::Datum; MAX_COLUMNS],
    nulls: [bool; MAX_COLUMNS],
}

const MAX_COLUMNS: usize = pg_sys::INDEX_MAX_KEYS as usize;

impl Row<'_> {
    /// The value of a column of the index, counted from 0; none if it is null.
    pub fn value(&self, column: usize) -> Option<pg_sys::Datum> {
        (!self.nulls[column]).then(|| self.values[column])
    }

    /// The value of the vector's column.
    pub fn vector(&self) -> Option<pg_sys::Datum> {
        self.value(self.vector)
    }

    /// The vector in one piece, in memory that the row gives back.
    ///
    /// # Safety
    /// Called where the row is shown, whose vector is the one given.
    pub unsafe fn detoasted(&self, vector: pg_sys::Datum) -> pg_sys::Datum {
        // SAFETY: a vector of any type is a varlena.
        unsafe { pg_sys::Datum::from(bare::pg_detoast_datum(vector.cast_mut_ptr())) }
    }

    /// Whether a partial index is of the row.
    ///
    /// # Safety
    /// Called where the row is shown.
    pub unsafe fn is_within_predicate(&self) -> bool {
        let Open { predicate, estate, .. } = *self.open;
        if predicate.is_null() {
            return true;
        }
        // SAFETY: both were made in `Open::new`, and the row is in the slot that they read. This is ExecQual().
        unsafe {
            let context = (*estate).es_per_tuple_exprcontext;
            let before = pg_sys::MemoryContextSwitchTo((*context).ecxt_per_tuple_memory);
            let mut null = false;
            let holds = (*predicate).evalfunc.map(|evaluate| evaluate(predicate, context, &mut null));
            pg_sys::MemoryContextSwitchTo(before);
            !null && holds.is_some_and(|holds| holds.value() != 0)
        }
    }

    /// The distance by the scan's order.
    ///
    /// # Safety
    /// As [`Exact::distance`]; called where the row is shown.
    pub unsafe fn distance(&self, scan: &pg_sys::IndexScanDescData) -> Option<f64> {
        let vector = self.vector()?;
        // SAFETY: the caller vouches for the scan; the vector is the row's.
        Some(unsafe { self.distance_of(scan, vector) })
    }

    /// The distance of the row's vector, which may be in one piece already.
    ///
    /// # Safety
    /// As [`Exact::distance`]; called where the row is shown.
    pub unsafe fn distance_of(&self, scan: &pg_sys::IndexScanDescData, vector: pg_sys::Datum) -> f64 {
        // SAFETY: the caller vouches for the scan, whose order takes the vector's type.
        let datum = unsafe {
            let order = scan.orderByData;
            let (function, collation) = (&raw mut (*order).sk_func, (*order).sk_collation);
            bare::FunctionCall2Coll(function, collation, vector, (*order).sk_argument)
        };
        f64::from_bits(datum.value() as u64)
    }
}

impl Exact {
    /// Distances for a scan whose memory is in `context`; `vector` is the vector's column, counted from 0.
    pub fn new(context: pg_sys::MemoryContext, vector: usize) -> Self {
        Self { context, vector, open: None, map: 0 }
    }

    /// The distance of a row; none if the snapshot sees no version of it.
    ///
    /// # Safety
    /// The scan has its relations, a snapshot and one order by an operator of ours, whose argument is not null.
    pub unsafe fn distance(&mut self, scan: &pg_sys::IndexScanDescData, tid: Tid) -> Option<f64> {
        // SAFETY: the caller vouches for the scan.
        unsafe { self.show(scan, tid, |row| row.distance(scan)).flatten() }
    }

    /// Shows a row to `look`; none if the snapshot does not see it, or no version of it. Memory that `look` takes from the
    /// server is given back. The server's functions are called without a guard of their own there.
    ///
    /// # Safety
    /// The scan has its relations and a snapshot. Neither `look` nor its result owns what would have to be dropped if the
    /// server raises an error.
    pub unsafe fn show<T>(
        &mut self,
        scan: &pg_sys::IndexScanDescData,
        tid: Tid,
        look: impl FnOnce(&Row<'_>) -> T,
    ) -> Option<T> {
        let vector = self.vector;
        // SAFETY: the caller vouches for the scan.
        let open = self.open.get_or_insert_with(|| unsafe { Open::new(scan, self.context) });
        // SAFETY: as above; the closures own nothing that would have to be dropped if the server raises an error.
        unsafe { pg_guard_ffi_boundary(|| open.show(scan, tid, vector, look)) }
    }

    /// Whether all snapshots see all rows of a page of the table, by the visibility map.
    ///
    /// # Safety
    /// The scan has its table, a heap.
    pub unsafe fn is_visible_to_all(&mut self, scan: &pg_sys::IndexScanDescData, block: u32) -> bool {
        let map = &raw mut self.map;
        // SAFETY: the caller vouches for the table; the map's page is pinned until it is another one, or `release`. This is
        // VM_ALL_VISIBLE().
        let status = unsafe {
            pg_guard_ffi_boundary(|| bare::visibilitymap_get_status(scan.heapRelation, block, map))
        };
        u32::from(status) & pg_sys::VISIBILITYMAP_ALL_VISIBLE != 0
    }

    /// Lets go of the pages that the last row was on, and the map.
    pub fn release(&mut self) {
        let map = std::mem::take(&mut self.map);
        if map != 0 {
            // SAFETY: pinned in `is_visible_to_all`.
            unsafe { pg_guard_ffi_boundary(|| bare::ReleaseBuffer(map)) }
        }
        if let Some(open) = &self.open {
            // SAFETY: made in `Open::new`.
            unsafe { pg_guard_ffi_boundary(|| open.release()) }
        }
    }

    /// Ends it.
    pub fn close(&mut self) {
        if let Some(open) = self.open.take() {
            // SAFETY: made in `Open::new`, and no longer used.
            unsafe { open.close() }
        }
    }
}

/// Prepares expressions of an index, to be evaluated as whoever asks for rows.
///
/// The server has judged whether they may be when the statement started, which has them in its order, for the user who started
/// it: a cursor that a SECURITY DEFINER function has opened is read by other users. So they are prepared as the table's owner,
/// as in a build of the index.
///
/// # Safety
/// As those of an open index.
unsafe fn prepare(
    info: *mut pg_sys::IndexInfo,
    estate: *mut pg_sys::EState,
    owner: pg_sys::Oid,
) -> *mut pg_sys::ExprState {
    let (mut user, mut context) = (pg_sys::InvalidOid, 0);
    // SAFETY: the caller vouches for the expressions; an error that ends the transaction puts the user back.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        pg_sys::SetUserIdAndSecContext(owner, context | pg_sys::SECURITY_RESTRICTED_OPERATION as i32);
        (*info).ii_ExpressionsState = pg_sys::ExecPrepareExprList((*info).ii_Expressions, estate);
        let predicate = pg_sys::ExecPrepareQual((*info).ii_Predicate, estate);
        pg_sys::SetUserIdAndSecContext(user, context);
        predicate
    }
}

impl Open {
    /// # Safety
    /// The scan has its relations.
    unsafe fn new(scan: &pg_sys::IndexScanDescData, context: pg_sys::MemoryContext) -> Self {
        // SAFETY: the relations are open; all is made in the scan's context.
        unsafe {
            let before = pg_sys::MemoryContextSwitchTo(context);
            let heap = scan.heapRelation;
            let slot = pg_sys::table_slot_create(heap, std::ptr::null_mut());
            let begin = (*(*heap).rd_tableam).index_fetch_begin.expect("every table can be fetched from");
            let fetch = pg_guard_ffi_boundary(|| begin(heap));
            let info = pg_sys::BuildIndexInfo(scan.indexRelation);
            let (mut estate, mut predicate) = (std::ptr::null_mut(), std::ptr::null_mut());
            if !(*info).ii_Expressions.is_null() || !(*info).ii_Predicate.is_null() {
                estate = pg_sys::CreateExecutorState();
                (*pg_sys::MakePerTupleExprContext(estate)).ecxt_scantuple = slot;
                predicate = prepare(info, estate, (*(*heap).rd_rel).relowner);
            }
            let row = pg_sys::AllocSetContextCreateInternal(
                context,
                c"hnsw distances".as_ptr(),
                pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            );
            pg_sys::MemoryContextSwitchTo(before);
            Self { fetch, slot, info, estate, predicate, row }
        }
    }

    /// # Safety
    /// As [`Exact::show`]; called within a guard.
    unsafe fn show<T>(
        &self,
        scan: &pg_sys::IndexScanDescData,
        tid: Tid,
        vector: usize,
        look: impl FnOnce(&Row<'_>) -> T,
    ) -> Option<T> {
        // SAFETY: the caller vouches for the scan; the rest was made in `new`. Memory that the row takes is that of `row`, or
        // of the expressions' own context.
        unsafe {
            let mut place = pg_sys::ItemPointerData::default();
            pgrx::itemptr::item_pointer_set_all(&mut place, tid.block, tid.offset);
            let fetch = (*(*scan.heapRelation).rd_tableam).index_fetch_tuple?;
            let (mut again, mut dead) = (false, false);
            if !fetch(self.fetch, &mut place, scan.xs_snapshot, self.slot, &mut again, &mut dead) {
                return None;
            }
            let before = pg_sys::MemoryContextSwitchTo(self.row);
            let mut row = Row {
                open: self,
                vector,
                values: [pg_sys::Datum::null(); MAX_COLUMNS],
                nulls: [true; MAX_COLUMNS],
            };
            let (values, nulls) = (row.values.as_mut_ptr(), row.nulls.as_mut_ptr());
            bare::FormIndexDatum(self.info, self.slot, self.estate, values, nulls);
            let result = look(&row);
            pg_sys::MemoryContextSwitchTo(before);
            if let Some(clear) = (*(*self.slot).tts_ops).clear {
                clear(self.slot);
            }
            bare::MemoryContextReset(self.row);
            if !self.estate.is_null() {
                bare::MemoryContextReset((*(*self.estate).es_per_tuple_exprcontext).ecxt_per_tuple_memory);
            }
            Some(result)
        }
    }

    /// # Safety
    /// Called within a guard.
    unsafe fn release(&self) {
        // SAFETY: made in `new`.
        unsafe {
            if let Some(reset) = (*(*(*self.fetch).rel).rd_tableam).index_fetch_reset {
                reset(self.fetch);
            }
        }
    }

    /// # Safety
    /// `self` is not used any more.
    unsafe fn close(self) {
        // SAFETY: made in `new`; the slot goes before its table's fetch.
        unsafe {
            pg_sys::ExecDropSingleTupleTableSlot(self.slot);
            if !self.estate.is_null() {
                pg_sys::FreeExecutorState(self.estate);
            }
            if let Some(end) = (*(*(*self.fetch).rel).rd_tableam).index_fetch_end {
                pg_guard_ffi_boundary(|| end(self.fetch));
            }
            pg_sys::MemoryContextDelete(self.row);
        }
    }
}
