//! `hnsw_recall`: how many of the nearest rows an index finds.
//!
//! Both answers come from the same statement, run as the caller, so that privileges and row-level security hold: once
//! with the index, by the settings of the session, and once without it. A row is found if it is as near as the last
//! of the exact answer: the choice among several rows at one distance is up to chance.
//!
//! A superuser's statement runs as the table's owner: an index on an expression calls functions of the owner's.
#![allow(unsafe_code)]

use crate::engine::hnsw::config::method::OURS;
use crate::engine::hnsw::config::opclass::Columns;
use crate::engine::planner::allowed_index;
use crate::engine::planner::allowed_index::Allowed;
use crate::engine::storage::buffer::Index;
use crate::engine::storage::open_index::Open;
use crate::engine::storage::table::Table;
use crate::pg::array_elements::Elements;
use crate::pg::error::{OrRaise, raise};
use crate::pg::settings;
use conifer_pure::fault::{Fault, state};
use conifer_pure::memory::allocation::{push, with_room};
use pgrx::AnyArray;
use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use std::ffi::CStr;

/// Gives the statement for an index: its column's expression, operator, table and predicate, quoted by the server.
const STATEMENT: &str = "
    SELECT pg_catalog.format(
        'SELECT %1$s OPERATOR(%2$I.%3$s) $1 FROM ONLY %4$I.%5$I WHERE %6$s \
         ORDER BY %1$s OPERATOR(%2$I.%3$s) $1 LIMIT $2',
        pg_catalog.pg_get_indexdef(i.indexrelid, 1, false), opn.nspname, op.oprname, tn.nspname, t.relname,
        coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid), 'true'))
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) i.indrelid
    JOIN pg_catalog.pg_namespace tn ON tn.oid OPERATOR(pg_catalog.=) t.relnamespace
    JOIN pg_catalog.pg_opclass c ON c.oid OPERATOR(pg_catalog.=) i.indclass[0]
    JOIN pg_catalog.pg_amop a ON a.amopfamily OPERATOR(pg_catalog.=) c.opcfamily
        AND a.amoppurpose OPERATOR(pg_catalog.=) 'o'
    JOIN pg_catalog.pg_operator op ON op.oid OPERATOR(pg_catalog.=) a.amopopr
    JOIN pg_catalog.pg_namespace opn ON opn.oid OPERATOR(pg_catalog.=) op.oprnamespace
    WHERE i.indexrelid OPERATOR(pg_catalog.=) $1";

/// Mean recall of an index for queries; null if there is no query that has an answer.
///
/// Raises `0A000` for an index with a key, `42804` for queries of another type, `22023` for a bad `k`, `22004` for a
/// null among the queries, and the errors of the statement: `42501` if the caller may not read the table.
#[pg_extern(sql = false)]
fn hnsw_recall(index: pg_sys::Oid, queries: AnyArray, k: i32) -> Option<f64> {
    if k < 1 {
        raise(Fault::new(state::INVALID_PARAMETER_VALUE, format!("k must be at least 1, not {k}")));
    }
    let _table = Table::of(index);
    let open = Open::of_anybody(index, &OURS);
    let kind = column(Index(open.0));
    let queries = elements(&queries, kind);
    let statement = Spi::connect(|client| {
        // SAFETY: an OID as such.
        let index = unsafe { DatumWithOid::new(index, pg_sys::OIDOID) };
        client.select(STATEMENT, None, &[index]).and_then(|rows| rows.first().get_one::<String>())
    });
    let statement = statement
        .unwrap_or_else(|error| error!("{error}"))
        .unwrap_or_else(|| error!("index \"{}\" has no operator", Index(open.0).name()));
    let (mut sum, mut count) = (0.0, 0);
    let _owner = Owner::of(&open);
    for query in queries {
        pgrx::check_for_interrupts!();
        let (exact, _) = allowed_index::with(Allowed::None, || distances(&statement, query, kind, k));
        let Some(last) = exact.last() else { continue };
        let scan = || with_index(|| distances(&statement, query, kind, k));
        let (found, used) = allowed_index::with(Allowed::One(index), scan);
        if !used {
            let message = format!("index \"{}\" cannot be used", Index(open.0).name());
            raise(Fault::new(state::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
        }
        let found = found.iter().filter(|distance| *distance <= last).count();
        sum += found.min(exact.len()) as f64 / exact.len() as f64;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

/// Makes the owner of the table the current user in place of a superuser, until this is dropped.
struct Owner(Option<(pg_sys::Oid, i32)>);

impl Owner {
    fn of(open: &Open) -> Self {
        let (mut user, mut context) = (pg_sys::InvalidOid, 0);
        // SAFETY: reads, then sets, the current user; the index is open, and has its table's owner.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            if !pg_sys::superuser_arg(user) {
                return Self(None);
            }
            let owner = (*(*open.0).rd_rel).relowner;
            pg_sys::SetUserIdAndSecContext(owner, context | pg_sys::SECURITY_RESTRICTED_OPERATION as i32);
        }
        Self(Some((user, context)))
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Some((user, context)) = self.0 {
            // SAFETY: sets the former user and context. An error that ends the transaction puts them back again.
            unsafe { pg_sys::SetUserIdAndSecContext(user, context) }
        }
    }
}

/// The type of the vector.
fn column(index: Index) -> pg_sys::Oid {
    // SAFETY: the relation is open, and has at least one column: the vector, if there is no key.
    let kind = unsafe { *(*index.0).rd_opcintype };
    if !Columns::of(index).key.is_empty() {
        let message = format!("recall of index \"{}\" cannot be measured: it has a key", index.name());
        raise(
            Fault::new(state::FEATURE_NOT_SUPPORTED, message)
                .hint("Compare queries for one key with and without it."),
        );
    }
    kind
}

/// The elements of an array of vectors.
fn elements(array: &AnyArray, kind: pg_sys::Oid) -> Vec<pg_sys::Datum> {
    // SAFETY: an array, of the type that the call says; the elements live as long as the call.
    unsafe {
        let element = pg_sys::get_base_element_type(array.oid());
        if element != kind {
            let name = |kind| CStr::from_ptr(pg_sys::format_type_be(kind)).to_string_lossy().into_owned();
            let message = format!("queries are of type {}, not {}", name(element), name(kind));
            raise(Fault::new(state::DATATYPE_MISMATCH, message));
        }
        let elements = Elements::of(array.datum());
        if elements.iter().any(|query| query.is_none()) {
            raise(Fault::new(state::NULL_VALUE_NOT_ALLOWED, "queries must not contain nulls"));
        }
        let mut queries = with_room(elements.len()).or_raise();
        queries.extend(elements.iter().flatten());
        queries
    }
}

/// The distances of the nearest rows, ascending, without NULL and NaN: the distances of null vectors, and of zero ones under
/// the cosine, which come last and are in no index.
fn distances(statement: &str, query: pg_sys::Datum, kind: pg_sys::Oid, k: i32) -> Vec<f64> {
    let found = Spi::connect(|client| {
        // SAFETY: a value of that type.
        let query = unsafe { DatumWithOid::new(query, kind) };
        let mut all = vec![];
        for row in client.select(statement, None, &[query, i64::from(k).into()])? {
            if let Some(distance) = row.get::<f64>(1)?.filter(|distance| !distance.is_nan()) {
                push(&mut all, distance).or_raise();
            }
        }
        Ok::<_, pgrx::spi::SpiError>(all)
    });
    found.unwrap_or_else(|error| error!("{error}"))
}

/// Calls `run` with settings that make an index scan the cheapest plan.
fn with_index<R>(run: impl FnOnce() -> R) -> R {
    settings::with(
        &[(c"enable_seqscan", c"off"), (c"enable_sort", c"off"), (c"enable_indexscan", c"on")],
        run,
    )
}
