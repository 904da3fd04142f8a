//! Counting and checks at the start of an index scan, of any access method.
#![allow(unsafe_code)]

use crate::pg::error::raise;
use conifer_pure::fault::{Fault, state};
use pgrx::pg_sys;

/// Refuses a scan that is not ordered by one distance. The planner makes no such plan: its cost is infinite.
pub fn check_order(scan: &pg_sys::IndexScanDescData, method: &str) {
    if scan.numberOfOrderBys != 1 {
        let message = format!("cannot scan {method} index without order");
        raise(Fault::new(state::FEATURE_NOT_SUPPORTED, message));
    }
}

/// Refuses snapshots that could see rows which have come to a TID after the scan has read the TID.
pub fn check_snapshot(scan: &pg_sys::IndexScanDescData, method: &str) {
    // SAFETY: the server has set a snapshot. This is IsMVCCSnapshot().
    let kind = unsafe { (*scan.xs_snapshot).snapshot_type };
    if !matches!(kind, pg_sys::SnapshotType::SNAPSHOT_MVCC | pg_sys::SnapshotType::SNAPSHOT_HISTORIC_MVCC) {
        let message = format!("non-MVCC snapshots are not supported with {method}");
        raise(Fault::new(state::FEATURE_NOT_SUPPORTED, message));
    }
}

/// Counts the scan for the statistics views.
pub fn count(scan: &mut pg_sys::IndexScanDescData) {
    // SAFETY: the relation is open; this is pgstat_count_index_scan().
    unsafe {
        let relation = scan.indexRelation;
        if (*relation).pgstat_enabled && (*relation).pgstat_info.is_null() {
            pg_sys::pgstat_assoc_relation(relation);
        }
        if let Some(info) = (*relation).pgstat_info.as_mut() {
            #[cfg(feature = "pg15")]
            {
                info.t_counts.t_numscans += 1;
            }
            #[cfg(not(feature = "pg15"))]
            {
                info.counts.numscans += 1;
            }
        }
        #[cfg(feature = "pg18")]
        if let Some(instrument) = scan.instrument.as_mut() {
            instrument.nsearches += 1;
        }
    }
}
