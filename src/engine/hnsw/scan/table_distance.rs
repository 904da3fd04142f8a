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
    use pgrx::pg_sys::{Datum, EState, FmgrInfo, IndexInfo, MemoryContext, Oid, TupleTableSlot};
    unsafe extern "C-unwind" {
        pub fn FormIndexDatum(
            info: *mut IndexInfo,
            slot: *mut TupleTableSlot,
            estate: *mut EState,
            values: *mut Datum,
            nulls: *mut bool,
        );
        pub fn FunctionCall2Coll(function: *mut FmgrInfo, collation: Oid, a: Datum, b: Datum) -> Datum;
        pub fn MemoryContextReset(context: MemoryContext);
    }
}

/// A table open for fetches of rows, kept from one row to the next.
struct Open {
    fetch: *mut pg_sys::IndexFetchTableData,
    slot: *mut pg_sys::TupleTableSlot,
    info: *mut pg_sys::IndexInfo,
    /// The executor's state for indexed expressions; null if there are none.
    estate: *mut pg_sys::EState,
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
    open: Option<Open>,
}

impl Exact {
    /// Distances for a scan whose memory is in `context`.
    pub fn new(context: pg_sys::MemoryContext) -> Self {
        Self { context, open: None }
    }

    /// The distance of a row; none if the snapshot sees no version of it.
    ///
    /// # Safety
    /// The scan has its relations, a snapshot and one order by an operator of ours, whose argument is not null.
    pub unsafe fn distance(&mut self, scan: &pg_sys::IndexScanDescData, tid: Tid) -> Option<f64> {
        // SAFETY: the caller vouches for the scan.
        let open = self.open.get_or_insert_with(|| unsafe { Open::new(scan, self.context) });
        // SAFETY: as above; the closures own nothing that would have to be dropped if the server raises an error.
        unsafe { pg_guard_ffi_boundary(|| open.distance(scan, tid)) }
    }

    /// Lets go of the page that the last row was on.
    pub fn release(&mut self) {
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

/// Expressions of an index, to be evaluated as the user who asks for rows.
///
/// The server has judged whether they may be when the statement started, which has them in its order, for the user who started
/// it: a cursor that a SECURITY DEFINER function has opened is read by other users. So they are prepared as the table's owner,
/// as in a build of the index.
///
/// # Safety
/// The expressions are those of an open index.
unsafe fn prepared(
    expressions: *mut pg_sys::List,
    estate: *mut pg_sys::EState,
    owner: pg_sys::Oid,
) -> *mut pg_sys::List {
    let (mut user, mut context) = (pg_sys::InvalidOid, 0);
    // SAFETY: the caller vouches for the expressions; an error that ends the transaction puts the user back.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
        pg_sys::SetUserIdAndSecContext(owner, context | pg_sys::SECURITY_RESTRICTED_OPERATION as i32);
        let prepared = pg_sys::ExecPrepareExprList(expressions, estate);
        pg_sys::SetUserIdAndSecContext(user, context);
        prepared
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
            let mut estate = std::ptr::null_mut();
            if !(*info).ii_Expressions.is_null() {
                estate = pg_sys::CreateExecutorState();
                (*pg_sys::MakePerTupleExprContext(estate)).ecxt_scantuple = slot;
                (*info).ii_ExpressionsState =
                    prepared((*info).ii_Expressions, estate, (*(*heap).rd_rel).relowner);
            }
            let row = pg_sys::AllocSetContextCreateInternal(
                context,
                c"hnsw distances".as_ptr(),
                pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
            );
            pg_sys::MemoryContextSwitchTo(before);
            Self { fetch, slot, info, estate, row }
        }
    }

    /// # Safety
    /// As [`Exact::distance`]; called within a guard.
    unsafe fn distance(&self, scan: &pg_sys::IndexScanDescData, tid: Tid) -> Option<f64> {
        // SAFETY: the caller vouches for the scan; the rest was made in `new`. The row's values lie in the context `row`, or in
        // that of the expressions.
        unsafe {
            let mut place = pg_sys::ItemPointerData::default();
            pgrx::itemptr::item_pointer_set_all(&mut place, tid.block, tid.offset);
            let fetch = (*(*scan.heapRelation).rd_tableam).index_fetch_tuple?;
            let (mut again, mut dead) = (false, false);
            if !fetch(self.fetch, &mut place, scan.xs_snapshot, self.slot, &mut again, &mut dead) {
                return None;
            }
            let before = pg_sys::MemoryContextSwitchTo(self.row);
            let mut values = [pg_sys::Datum::null(); pg_sys::INDEX_MAX_KEYS as usize];
            let mut nulls = [true; pg_sys::INDEX_MAX_KEYS as usize];
            bare::FormIndexDatum(self.info, self.slot, self.estate, values.as_mut_ptr(), nulls.as_mut_ptr());
            let last = (*self.info).ii_NumIndexKeyAttrs as usize - 1;
            let distance = (!nulls[last]).then(|| {
                let order = scan.orderByData;
                let (function, collation) = (&raw mut (*order).sk_func, (*order).sk_collation);
                let datum = bare::FunctionCall2Coll(function, collation, values[last], (*order).sk_argument);
                f64::from_bits(datum.value() as u64)
            });
            pg_sys::MemoryContextSwitchTo(before);
            if let Some(clear) = (*(*self.slot).tts_ops).clear {
                clear(self.slot);
            }
            bare::MemoryContextReset(self.row);
            if !self.estate.is_null() {
                bare::MemoryContextReset((*(*self.estate).es_per_tuple_exprcontext).ecxt_per_tuple_memory);
            }
            distance
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
