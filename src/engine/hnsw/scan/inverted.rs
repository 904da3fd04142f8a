//! The TIDs of all rows that fulfil conditions, from an inverted index (GIN) of the same column.
//!
//! The index gives more than that: its keys may be lossy, and a bitmap that `work_mem` has no room for keeps pages instead of
//! TIDs. So rows are asked again. It never gives less: an index is used only if it is valid, of all rows, and if the snapshot
//! may rely on it.
#![allow(unsafe_code)]

use conifer_pure::Result;
use conifer_pure::hnsw::node::Tid;
use conifer_pure::memory::allocation::{Reserve, push};
use pgrx::pg_sys;
use pgrx::{PgList, pg_sys::Datum};

/// An inverted index, and what it is asked.
pub struct Inverted {
    index: pg_sys::Oid,
    keys: Vec<pg_sys::ScanKeyData>,
    /// The index is asked for the values of all leading columns, too.
    pub is_scoped: bool,
}

/// A condition by an operator with one argument, on a column that is one of the table.
struct Asked<'a> {
    condition: &'a pg_sys::ScanKeyData,
    /// The table's attribute.
    attribute: i16,
    operator: pg_sys::Oid,
    right: pg_sys::Oid,
    is_filter: bool,
}

/// The table's attribute that a column of an index is, counted from 0; none if it is an expression.
///
/// # Safety
/// The relation is an open index with that column.
pub unsafe fn attribute(index: pg_sys::Relation, column: usize) -> Option<i16> {
    // SAFETY: the caller vouches for the index, which has a number of an attribute for each column.
    unsafe {
        let row = &*(*index).rd_index;
        row.indkey
            .values
            .as_slice(row.indnatts as usize)
            .get(column)
            .copied()
            .filter(|attribute| *attribute > 0)
    }
}

impl Inverted {
    /// The index that serves most of the conditions, at least one on a column behind the vector, which is that of `vector`,
    /// counted from 0. None if there is none.
    ///
    /// # Errors
    /// `53200`.
    ///
    /// # Safety
    /// The scan has its relations and conditions.
    pub unsafe fn find(scan: &pg_sys::IndexScanDescData, vector: usize) -> Result<Option<Self>> {
        let mut asked = vec![];
        // SAFETY: the caller vouches for the scan; the rest are lookups.
        unsafe {
            let own = scan.indexRelation;
            let keys = std::slice::from_raw_parts(scan.keyData, scan.numberOfKeys as usize);
            let other =
                pg_sys::SK_SEARCHARRAY | pg_sys::SK_SEARCHNULL | pg_sys::SK_SEARCHNOTNULL | pg_sys::SK_ISNULL;
            for condition in keys.iter().filter(|key| key.sk_flags as u32 & other == 0) {
                let column = condition.sk_attno as usize - 1;
                let Some(attribute) = attribute(own, column) else { continue };
                let left = *(*own).rd_opcintype.add(column);
                let right = match condition.sk_subtype {
                    pg_sys::InvalidOid => left,
                    kind => kind,
                };
                let family = *(*own).rd_opfamily.add(column);
                let operator = pg_sys::get_opfamily_member(family, left, right, condition.sk_strategy as i16);
                if operator != pg_sys::InvalidOid {
                    let is_filter = column > vector;
                    push(&mut asked, Asked { condition, attribute, operator, right, is_filter })?;
                }
            }
            let mut best: Option<Self> = None;
            if !asked.iter().any(|asked| asked.is_filter) {
                return Ok(None);
            }
            let all = pg_sys::RelationGetIndexList(scan.heapRelation);
            for oid in PgList::<pg_sys::Oid>::from_pg(all).iter_oid() {
                if oid == (*own).rd_id {
                    continue;
                }
                // As for an index that a plan scans, the lock is kept.
                let index = pg_sys::index_open(oid, pg_sys::AccessShareLock as i32);
                let found = if usable(index) { Self::of(index, &asked, vector)? } else { None };
                pg_sys::index_close(index, pg_sys::NoLock as i32);
                if let Some(found) = found
                    && best.as_ref().is_none_or(|best| best.keys.len() < found.keys.len())
                {
                    best = Some(found);
                }
            }
            pg_sys::list_free(all);
            Ok(best)
        }
    }

    /// Conditions that an index can be asked for.
    ///
    /// # Safety
    /// The index is open and usable.
    unsafe fn of(index: pg_sys::Relation, asked: &[Asked<'_>], vector: usize) -> Result<Option<Self>> {
        let (mut keys, mut filters, mut leading) = (vec![], 0, vec![]);
        // SAFETY: the caller vouches for the index; the rest are lookups.
        unsafe {
            let columns = (*(*index).rd_index).indnkeyatts as usize;
            for (asked, column) in
                asked.iter().flat_map(|asked| (0..columns).map(move |column| (asked, column)))
            {
                let strategy =
                    pg_sys::get_op_opfamily_strategy(asked.operator, *(*index).rd_opfamily.add(column));
                let same = attribute(index, column) == Some(asked.attribute)
                    && *(*index).rd_indcollation.add(column) == asked.condition.sk_collation;
                if strategy == 0 || !same || reads_all(index, column, asked, strategy as u16) {
                    continue;
                }
                let mut key = pg_sys::ScanKeyData::default();
                pg_sys::ScanKeyEntryInitialize(
                    &mut key,
                    0,
                    column as i16 + 1,
                    strategy as u16,
                    asked.right,
                    asked.condition.sk_collation,
                    pg_sys::get_opcode(asked.operator),
                    asked.condition.sk_argument,
                );
                push(&mut keys, key)?;
                if asked.is_filter {
                    filters += 1;
                } else if !leading.contains(&asked.attribute) {
                    push(&mut leading, asked.attribute)?;
                }
            }
            let is_scoped = leading.len() == vector;
            Ok((filters > 0).then_some(Self { index: (*index).rd_id, keys, is_scoped }))
        }
    }

    /// The TIDs of the rows, in memory of the current context.
    ///
    /// # Errors
    /// `53200`, and what the index raises.
    ///
    /// # Safety
    /// The scan is the one that this was found for, with the same conditions.
    pub unsafe fn bitmap(&mut self, scan: &pg_sys::IndexScanDescData) -> Result<Bitmap> {
        let (keys, number) = (self.keys.as_mut_ptr(), self.keys.len() as i32);
        // SAFETY: the index is locked since it was found; what is made here is ended here, or by the server after an error.
        unsafe {
            let bytes = (pg_sys::work_mem as usize).saturating_mul(1024);
            let tids = pg_sys::tbm_create(bytes as _, std::ptr::null_mut());
            let index = pg_sys::index_open(self.index, pg_sys::NoLock as i32);
            #[cfg(feature = "pg18")]
            let of_index =
                pg_sys::index_beginscan_bitmap(index, scan.xs_snapshot, std::ptr::null_mut(), number);
            #[cfg(not(feature = "pg18"))]
            let of_index = pg_sys::index_beginscan_bitmap(index, scan.xs_snapshot, number);
            pg_sys::index_rescan(of_index, keys, number, std::ptr::null_mut(), 0);
            let size = {
                let _all = AllMatches::wanted();
                pg_sys::index_getbitmap(of_index, tids)
            };
            pg_sys::index_endscan(of_index);
            pg_sys::index_close(index, pg_sys::NoLock as i32);
            let mut bitmap = Bitmap { tids, size: size.max(0) as u64, known: None };
            if bitmap.size.saturating_mul(size_of::<Tid>() as u64) <= bytes as u64 {
                bitmap.list()?;
            }
            Ok(bitmap)
        }
    }
}

/// While this lives, GIN gives all matches, whatever `gin_fuzzy_search_limit` says.
struct AllMatches(i32);

impl AllMatches {
    fn wanted() -> Self {
        // SAFETY: a variable of this process, which nothing else changes meanwhile.
        unsafe {
            let limit = pg_sys::GinFuzzySearchLimit;
            pg_sys::GinFuzzySearchLimit = 0;
            Self(limit)
        }
    }
}

impl Drop for AllMatches {
    fn drop(&mut self) {
        // SAFETY: as above; an error of the server unwinds, too.
        unsafe { pg_sys::GinFuzzySearchLimit = self.0 }
    }
}

/// Whether an index has all rows that the snapshot sees.
///
/// # Safety
/// The index is open.
unsafe fn usable(index: pg_sys::Relation) -> bool {
    // SAFETY: the caller vouches for the index.
    unsafe {
        let row = &*(*index).rd_index;
        if (*(*index).rd_rel).relam != pg_sys::GIN_AM_OID
            || !row.indisvalid
            || !row.indisready
            || !row.indislive
            || !pg_sys::RelationGetIndexPredicate(index).is_null()
        {
            return false;
        }
        // Rows whose versions were there before the index may hang together in ways that it does not know. As in the planner's
        // get_relation_info().
        !row.indcheckxmin || {
            let made = xmin((*(*index).rd_indextuple).t_data);
            pg_sys::TransactionIdPrecedes(made, pg_sys::TransactionXmin)
        }
    }
}

/// The transaction that has made a row. This is HeapTupleHeaderGetXmin().
///
/// # Safety
/// The header of a row of a catalog.
unsafe fn xmin(header: pg_sys::HeapTupleHeader) -> pg_sys::TransactionId {
    // SAFETY: the caller vouches for the header.
    unsafe {
        let header = &*header;
        let frozen = pg_sys::HEAP_XMIN_FROZEN as u16;
        if header.t_infomask & frozen == frozen {
            pg_sys::FrozenTransactionId
        } else {
            header.t_choice.t_heap.t_xmin
        }
    }
}

/// Whether an index would be read as a whole to answer: for what holds for rows without a key that it could look up.
///
/// # Safety
/// The index is open, and the operator one of its column's.
unsafe fn reads_all(index: pg_sys::Relation, column: usize, asked: &Asked<'_>, strategy: u16) -> bool {
    let attribute = column as i16 + 1;
    let (mut count, mut partial, mut extra) =
        (0i32, std::ptr::null_mut::<bool>(), std::ptr::null_mut::<Datum>());
    let (mut nulls, mut mode) = (std::ptr::null_mut::<bool>(), 0i32);
    // SAFETY: the support function of GIN that takes an operator's argument apart, with arguments as the server gives them.
    unsafe {
        let function = pg_sys::GIN_EXTRACTQUERY_PROC as u16;
        if pg_sys::index_getprocid(index, attribute, function) == pg_sys::InvalidOid {
            return true;
        }
        pg_sys::FunctionCall7Coll(
            pg_sys::index_getprocinfo(index, attribute, function),
            asked.condition.sk_collation,
            asked.condition.sk_argument,
            Datum::from(&raw mut count),
            Datum::from(strategy),
            Datum::from(&raw mut partial),
            Datum::from(&raw mut extra),
            Datum::from(&raw mut nulls),
            Datum::from(&raw mut mode),
        );
    }
    mode != pg_sys::GIN_SEARCH_MODE_DEFAULT as i32
}

/// TIDs of rows that may fulfil the conditions.
pub struct Bitmap {
    tids: *mut pg_sys::TIDBitmap,
    /// How many there are.
    pub size: u64,
    /// The same, ascending, and pages of which all rows may.
    known: Option<(Vec<Tid>, Vec<u32>)>,
}

/// A page of the table, and which of its rows; none for all.
pub type OnPage<'a> = (u32, Option<&'a [u16]>);

/// Rows that a page of the table may have: behind its header, each has a header and a pointer.
pub const MAX_ROWS: usize = (pg_sys::BLCKSZ as usize - 24) / (24 + 4);

impl Bitmap {
    /// Makes the list, for [`may_have`](Self::may_have).
    fn list(&mut self) -> Result<()> {
        let (mut list, mut pages) = (vec![], vec![]);
        list.room_for(self.size as usize)?;
        self.each(|(block, offsets)| match offsets {
            Some(offsets) => {
                list.room_for(offsets.len())?;
                list.extend(offsets.iter().map(|offset| Tid { block, offset: *offset }));
                Ok(())
            }
            None => push(&mut pages, block),
        })?;
        self.known = Some((list, pages));
        Ok(())
    }

    /// Whether a row is among them, or may be.
    pub fn may_have(&self, tid: Tid) -> bool {
        let Some((list, pages)) = &self.known else { return true };
        let place = |tid: &Tid| (tid.block, tid.offset);
        list.binary_search_by_key(&place(&tid), place).is_ok() || pages.binary_search(&tid.block).is_ok()
    }

    /// Some TIDs from all over the table; none if there is no room for the list.
    pub fn sample(&self, size: usize) -> impl Iterator<Item = Tid> {
        let list = self.known.as_ref().map_or(&[][..], |(list, _)| list);
        list.iter().copied().step_by((list.len() / size.max(1)).max(1))
    }

    /// Shows all of them, by pages in ascending order.
    ///
    /// # Errors
    /// The errors of `take`.
    pub fn each(&self, mut take: impl FnMut(OnPage<'_>) -> Result<()>) -> Result<()> {
        // SAFETY: the bitmap is in memory that its owner keeps; an iterator is ended here, or goes with that memory.
        unsafe {
            #[cfg(feature = "pg18")]
            {
                let all = pg_sys::tbm_begin_private_iterate(self.tids);
                let mut page = pg_sys::TBMIterateResult::default();
                let mut offsets = [0u16; MAX_ROWS];
                while pg_sys::tbm_private_iterate(all, &mut page) {
                    pgrx::check_for_interrupts!();
                    if page.lossy {
                        take((page.blockno, None))?;
                    } else {
                        let count =
                            pg_sys::tbm_extract_page_tuple(&mut page, offsets.as_mut_ptr(), MAX_ROWS as u32);
                        take((page.blockno, Some(&offsets[..(count.max(0) as usize).min(MAX_ROWS)])))?;
                    }
                }
                pg_sys::tbm_end_private_iterate(all);
            }
            #[cfg(not(feature = "pg18"))]
            {
                let all = pg_sys::tbm_begin_iterate(self.tids);
                while let Some(page) = pg_sys::tbm_iterate(all).as_ref() {
                    pgrx::check_for_interrupts!();
                    let offsets = usize::try_from(page.ntuples).ok();
                    take((page.blockno, offsets.map(|count| page.offsets.as_slice(count))))?;
                }
                pg_sys::tbm_end_iterate(all);
            }
        }
        Ok(())
    }
}
