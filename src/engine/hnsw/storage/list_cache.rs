//! A backend's lists of all rows that match, by the conditions of scans, kept from scan to scan.
//!
//! A list was made from a bitmap of an inverted index, so it has all rows that the index had at that time. It is good for a snapshot if it
//! lacks no row that the snapshot sees:
//!
//! - A row that was inserted since counts itself on the first page of this index ([`count_insertion`]) before its transaction ends. A row
//!   version with other indexed columns is such a row, too. So with another number than that which was read before the bitmap was made, the
//!   list is not used.
//! - A row that had counted itself by then may have come into the inverted index after the bitmap. Its transaction had the table locked for
//!   writing at that time. If any has, asked after the number was read, the transactions that are running are kept with the list; once
//!   a snapshot may see rows of one of them, the list is not used. Transactions that lock the table later count later.
//! - Vacuums count themselves, too ([`match_cache`](super::match_cache)): the TIDs stay those of their rows.
//!
//! A list may have rows that a snapshot does not see, and ones that were deleted: each row is read before it is returned.
//!
//! On a standby the number of insertions says nothing, and no list is kept.
//!
//! [`count_insertion`]: super::change_counts::count_insertion
#![allow(unsafe_code)] // what transactions are running

use super::change_counts::{Counts, counts};
use super::meta_cache::{Name, name};
use crate::engine::storage::buffer::Index;
use conifer_pure::Result;
use conifer_pure::hnsw::search::MatchList;
use conifer_pure::memory::allocation::{push, with_room};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::rc::Rc;

/// Conditions that are remembered.
const MAX: usize = 16;
/// Transactions that may run while a list is made.
const MAX_RUNNING: usize = 64;
/// Transactions after which numbers of those that ran are not compared any more, far from half of all numbers.
const MAX_AGE: u64 = 1 << 30;

/// The state of an index when a list is begun.
#[derive(Debug)]
pub struct Moment {
    counts: Counts,
    /// Transactions with numbers that ran after the counts were read.
    running: Vec<pg_sys::TransactionId>,
    /// The next transaction's number then, which does not wrap.
    next: u64,
}

/// What is known for conditions of an index.
#[derive(Debug, Default)]
pub struct Kept {
    list: Option<(Moment, MatchList)>,
    /// What walks have cost since there was a list, in microseconds.
    spent: f64,
    /// How much more than a list walks must have cost: twice as much after each attempt that has made no list.
    dearer: f64,
    /// TIDs of the last bitmap, and the share of their rows whose vectors were kept.
    bitmap: Option<(u64, f64)>,
    /// What a walk costs on average, in microseconds, if there was one.
    walk: Option<f64>,
}

/// Conditions of an index.
struct Conditions {
    index: Name,
    bytes: Vec<u8>,
    kept: Rc<RefCell<Kept>>,
}

impl Conditions {
    fn bytes(&self) -> usize {
        self.bytes.capacity() + self.kept.borrow().list.as_ref().map_or(0, |(_, list)| list.bytes())
    }

    /// Gives the list back, which cursors may hold.
    fn end(self) {
        self.kept.borrow_mut().list = None;
    }
}

thread_local! {
    /// The one that was used last is the last.
    static ALL: RefCell<Vec<Conditions>> = const { RefCell::new(vec![]) };
}

fn bytes_of(all: &[Conditions]) -> usize {
    all.iter().map(Conditions::bytes).sum()
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    ALL.with(|_| ());
}

/// The list of a scan's conditions, or the room for one.
#[derive(Clone)]
pub struct ListCache {
    kept: Rc<RefCell<Kept>>,
    /// Bytes that all lists may have.
    limit: usize,
}

impl ListCache {
    /// What is known for the conditions of an index, by their bytes; none if the number of insertions says nothing. All lists take
    /// `limit` bytes: those that were not used for longest give way until there is half for this one. Where there are none, all are
    /// given back.
    ///
    /// # Errors
    /// `53200`, and those of the first page.
    ///
    /// # Safety
    /// The snapshot is an MVCC snapshot, and was taken before the scan.
    pub unsafe fn of(
        index: Index,
        bytes: Vec<u8>,
        snapshot: pg_sys::Snapshot,
        limit: usize,
    ) -> Result<Option<Self>> {
        if limit == 0 {
            ALL.with_borrow_mut(|all| all.drain(..).for_each(Conditions::end));
            return Ok(None);
        }
        // SAFETY: asks about this process.
        if unsafe { pg_sys::RecoveryInProgress() } || bytes.capacity() > limit / 2 {
            return Ok(None);
        }
        let (counts, name) = (counts(index)?, name(index));
        ALL.with_borrow_mut(|all| {
            let of = match all.iter().position(|of| of.index == name && of.bytes == bytes) {
                Some(at) => all.remove(at),
                None => Conditions { index: name, bytes, kept: Rc::default() },
            };
            let mut kept = of.kept.borrow_mut();
            // SAFETY: the caller vouches for the snapshot.
            if kept.list.as_ref().is_some_and(|(moment, _)| unsafe { !moment.is_good(counts, snapshot) }) {
                *kept = Kept { list: None, spent: 0.0, ..*kept };
            }
            drop(kept);
            while all.len() >= MAX || !all.is_empty() && bytes_of(all) > limit / 2 {
                all.remove(0).end();
            }
            // The limit may have been another one.
            if bytes_of(all) + of.bytes() > limit {
                of.kept.borrow_mut().list = None;
            }
            let kept = of.kept.clone();
            push(all, of)?;
            Ok(Some(Self { kept, limit }))
        })
    }

    /// Forgets an index, which is made anew: in the same file if this transaction has made the file.
    pub fn forget(index: Index) {
        let name = name(index);
        ALL.with_borrow_mut(|all| all.retain(|of| of.index != name));
    }

    /// The number of rows of the list, if there is one.
    pub fn rows(&self) -> Option<usize> {
        self.kept.borrow().list.as_ref().map(|(_, list)| list.len())
    }

    /// What walks with these conditions have cost since there was a list, in microseconds, less what they must have cost to make one
    /// more attempt worthwhile.
    pub fn spent(&self) -> f64 {
        let kept = self.kept.borrow();
        kept.spent / kept.dearer.max(1.0)
    }

    /// What a walk with these conditions costs on average, in microseconds; 0 if there was none.
    pub fn walk(&self) -> f64 {
        self.kept.borrow().walk.unwrap_or(0.0)
    }

    /// Adds the cost of a walk, in microseconds.
    pub fn walked(&self, cost: f64) {
        let mut kept = self.kept.borrow_mut();
        if kept.list.is_none() {
            kept.spent += cost;
        }
        let mean = kept.walk.map_or(cost, |walk| walk + (cost - walk) / 8.0);
        kept.walk = Some(mean);
    }

    /// TIDs of the last bitmap, and the share of their rows whose vectors were kept, if there was one.
    pub fn bitmap(&self) -> Option<(u64, f64)> {
        self.kept.borrow().bitmap
    }

    /// Notes how many TIDs a bitmap had, and the share of their rows whose vectors are kept.
    pub fn tell_bitmap(&self, size: u64, kept: f64) {
        self.kept.borrow_mut().bitmap = Some((size, kept));
    }

    /// Notes that an attempt to make a list begins.
    pub fn attempt(&self) {
        let mut kept = self.kept.borrow_mut();
        (kept.spent, kept.dearer) = (0.0, 2.0 * kept.dearer.max(1.0));
    }

    /// Bytes that a list of these conditions may have now; 0 if they are remembered no more.
    pub fn room(&self) -> usize {
        ALL.with_borrow(|all| {
            let is_this = |of: &&Conditions| Rc::ptr_eq(&of.kept, &self.kept);
            let others: usize = all.iter().filter(|of| !is_this(of)).map(Conditions::bytes).sum();
            all.iter().find(is_this).map_or(0, |of| self.limit.saturating_sub(others + of.bytes.capacity()))
        })
    }

    /// Puts a list into place, if there is room for it.
    pub fn set(&self, moment: Moment, list: MatchList) {
        if list.bytes() <= self.room() {
            let mut kept = self.kept.borrow_mut();
            *kept = Kept { list: Some((moment, list)), spent: 0.0, dearer: 0.0, ..*kept };
        }
    }

    /// Gives the list to `read`, if there is one.
    pub fn read<T>(&self, read: impl FnOnce(&mut MatchList) -> T) -> Option<T> {
        self.kept.borrow_mut().list.as_mut().map(|(_, list)| read(list))
    }
}

impl Moment {
    /// The moment from which a bitmap has all rows that are not of transactions in the list; none if a list is not to be made now.
    ///
    /// # Errors
    /// `53200`, and those of the first page.
    pub fn now(index: Index, table: Index) -> Result<Option<Self>> {
        // SAFETY: asks about this process. A transaction that has written may be about to insert a row; a snapshot cannot be taken in
        // parallel mode.
        let quiet = unsafe {
            pg_sys::GetTopTransactionIdIfAny() == pg_sys::InvalidTransactionId && !pg_sys::IsInParallelMode()
        };
        if !quiet {
            return Ok(None);
        }
        let counts = counts(index)?;
        if !has_writers(table) {
            return Ok(Some(Self { counts, running: vec![], next: 0 }));
        }
        let mut running = with_room(MAX_RUNNING)?;
        // SAFETY: the snapshot is valid until the next is taken, and its numbers are copied before.
        let next = unsafe {
            let latest = &*pg_sys::GetLatestSnapshot();
            if latest.xcnt as usize > MAX_RUNNING {
                return Ok(None);
            }
            if latest.xcnt > 0 {
                running.extend_from_slice(std::slice::from_raw_parts(latest.xip, latest.xcnt as usize));
            }
            // A snapshot names those alone that began before the last one that has ended.
            let (mut xid, next) = (latest.xmax, pg_sys::ReadNextFullTransactionId().value);
            while u32::from(xid) != next as u32 {
                if running.len() == MAX_RUNNING {
                    return Ok(None);
                }
                running.push(xid);
                // This is TransactionIdAdvance().
                let after = u32::from(xid).wrapping_add(1).max(pg_sys::FirstNormalTransactionId.into());
                xid = after.into();
            }
            next
        };
        Ok(Some(Self { counts, running, next }))
    }

    /// The number of vacuums.
    pub fn vacuums(&self) -> u32 {
        self.counts.vacuums
    }

    /// Whether a list lacks no row that a snapshot sees.
    ///
    /// # Safety
    /// An MVCC snapshot that was taken before the counts were read.
    unsafe fn is_good(&self, counts: Counts, snapshot: pg_sys::Snapshot) -> bool {
        // SAFETY: the caller vouches for the snapshot.
        let runs = |xid: &pg_sys::TransactionId| unsafe { pg_sys::XidInMVCCSnapshot(*xid, snapshot) };
        // SAFETY: asks the server. Numbers are compared as long as they have not wrapped.
        let is_recent = || unsafe { pg_sys::ReadNextFullTransactionId().value - self.next < MAX_AGE };
        self.counts == counts && (self.running.is_empty() || is_recent() && self.running.iter().all(runs))
    }
}

/// Whether other transactions may have inserted rows into a table: those that hold a lock on it as writers do, until they end.
fn has_writers(table: Index) -> bool {
    // SAFETY: the relation is open; the server gives a list in memory of its own, which ends here.
    unsafe {
        let of = (*table.0).rd_lockInfo.lockRelId;
        let tag = pg_sys::LOCKTAG {
            locktag_field1: of.dbId.to_u32(),
            locktag_field2: of.relId.to_u32(),
            locktag_field3: 0,
            locktag_field4: 0,
            locktag_type: pg_sys::LockTagType::LOCKTAG_RELATION as u8,
            locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
        };
        let mut count = 0;
        pg_sys::pfree(pg_sys::GetLockConflicts(&tag, pg_sys::ShareLock as i32, &mut count).cast());
        count > 0
    }
}
