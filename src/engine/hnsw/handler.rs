//! The access method's table of functions and properties, which the server asks for.
#![allow(unsafe_code)]

use super::build::progress;
use super::config::method::Method;
use super::config::{gucs, reloptions};
use super::planner::cost;
use super::{build, insert, scan, vacuum};
use crate::pg::fmgr::export;
use pgrx::prelude::*;

export!(hnswhandler, |_fcinfo| routine(Method::Hnsw));
export!(ivfflathandler, |_fcinfo| routine(Method::Ivfflat));

fn routine(method: Method) -> pg_sys::Datum {
    gucs::define();
    // SAFETY: a new node of that type, all zeros, in the caller's memory.
    let mut am =
        unsafe { pgrx::PgBox::<pg_sys::IndexAmRoutine>::alloc_node(pg_sys::NodeTag::T_IndexAmRoutine) };
    am.amstrategies = 0;
    am.amsupport = method.support();
    am.amcanorderbyop = true;
    // `ivfflat` takes one column, as pgvector's does.
    am.amcanmulticol = method == Method::Hnsw;
    // Conditions on leading columns.
    am.amsearcharray = method == Method::Hnsw;
    am.amsearchnulls = method == Method::Hnsw;
    am.amoptionalkey = true;
    am.amusemaintenanceworkmem = true;
    am.amparallelvacuumoptions = pg_sys::VACUUM_OPTION_PARALLEL_BULKDEL as u8;
    am.amkeytype = pg_sys::InvalidOid;
    am.ambuild = Some(build::ambuild);
    am.ambuildempty = Some(build::ambuildempty);
    am.aminsert = Some(insert::aminsert);
    am.ambulkdelete = Some(vacuum::ambulkdelete);
    am.amvacuumcleanup = Some(vacuum::amvacuumcleanup);
    am.ambuildphasename = Some(progress::ambuildphasename);
    am.amcostestimate = Some(cost::amcostestimate);
    am.amoptions = match method {
        Method::Hnsw => Some(reloptions::of_hnsw),
        Method::Ivfflat => Some(reloptions::of_ivfflat),
    };
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
