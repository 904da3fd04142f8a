//! The access method's table of functions and properties, which the server asks for.
#![allow(unsafe_code)]

use super::{build, cost, insert, options, scan, vacuum};
use crate::pg::fmgr::export;
use pgrx::prelude::*;

export!(invertedhandler, |_fcinfo| routine());

fn routine() -> pg_sys::Datum {
    // SAFETY: a new node of that type, all zeros, in the caller's memory.
    let mut am =
        unsafe { pgrx::PgBox::<pg_sys::IndexAmRoutine>::alloc_node(pg_sys::NodeTag::T_IndexAmRoutine) };
    am.amstrategies = 0;
    // Function 1 is the distance, function 4 for leading columns, as with `hnsw`.
    am.amsupport = 4;
    am.amcanorderbyop = true;
    am.amcanmulticol = true;
    // Conditions on leading columns.
    am.amsearcharray = true;
    am.amsearchnulls = true;
    am.amoptionalkey = true;
    am.amusemaintenanceworkmem = true;
    am.amparallelvacuumoptions = pg_sys::VACUUM_OPTION_PARALLEL_BULKDEL as u8;
    am.amkeytype = pg_sys::InvalidOid;
    am.ambuild = Some(build::ambuild);
    am.ambuildempty = Some(build::ambuildempty);
    am.ambuildphasename = Some(build::ambuildphasename);
    am.aminsert = Some(insert::aminsert);
    am.ambulkdelete = Some(vacuum::ambulkdelete);
    am.amvacuumcleanup = Some(vacuum::amvacuumcleanup);
    am.amcostestimate = Some(cost::amcostestimate);
    am.amoptions = Some(options::amoptions);
    am.amvalidate = Some(amvalidate);
    am.ambeginscan = Some(scan::ambeginscan);
    am.amrescan = Some(scan::amrescan);
    am.amgettuple = Some(scan::amgettuple);
    am.amendscan = Some(scan::amendscan);
    pg_sys::Datum::from(am.into_pg())
}

/// Accepts every operator class: a class that is not ours is refused when an index is made.
#[pg_guard]
unsafe extern "C-unwind" fn amvalidate(_class: pg_sys::Oid) -> bool {
    true
}
