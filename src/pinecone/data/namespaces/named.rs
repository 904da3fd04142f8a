//! What the functions on namespaces have in common: judgement, locks, results.

use super::registered::{self, Schema};
use crate::pg::error::raise;
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param, run};
use crate::pg::srf::return_rows;
use crate::pinecone::access::judge::guard::{self, Granted};
use crate::pinecone::access::locks::{Purpose, exclude_in};
use crate::pinecone::access::many_locks;
use crate::pinecone::access::roles::privileges::table_of;
use crate::pinecone::data::arguments::{namespace, null};
use crate::pinecone::registry::{Index, name_of};
use conifer_pure::Fault;
use conifer_pure::fault::quoted;
use conifer_pure::fault::state::{DUPLICATE_OBJECT, UNDEFINED_OBJECT};
use conifer_pure::pinecone::access::level::Level;
use pgrx::pg_sys;

/// An index, and namespaces of it in their stored form, for somebody who may read or write them.
///
/// # Errors
/// Raises 22004 for NULL, 22023 for a name against the rules, 42P01 if there is no such index, 42501 for what is not allowed,
/// 25006 in a transaction that may not write what is to be written.
pub fn granted<'a, const N: usize>(
    action: &'static str,
    index: Option<&'a str>,
    names: [Option<&'a str>; N],
    need: Level,
) -> (Granted<'a>, [&'a str; N]) {
    let mode = if need == Level::ReadOnly { Mode::Read } else { Mode::Write };
    let granted = guard::records(action, name_of(index), need, mode);
    let names = names.map(|name| namespace(Some(name.unwrap_or_else(|| null("namespace")))));
    names.iter().for_each(|name| granted.require(name));
    if mode == Mode::Write {
        granted.writes();
    }
    if need > Level::ReadOnly {
        names.iter().for_each(|name| granted.index.require_space(name));
    }
    (granted, names)
}

/// Keeps others from making, deleting, renaming and copying namespaces of these names, until the transaction ends.
///
/// # Errors
/// Raises 54000 for very many names in one transaction of a key.
pub fn hold(index: &Index, names: &[&str]) {
    many_locks::judge(names.len());
    // Without a table, what comes next says so.
    if let Some(table) = table_of(index.id) {
        exclude_in(table, Purpose::Namespace, names);
    }
}

/// Whether a namespace holds records that the caller sees. The index's table is locked against those who would delete it.
pub fn has_records(index: &Index, name: &str) -> bool {
    let sql = format!("SELECT FROM {} WHERE namespace OPERATOR(pg_catalog.=) $1 LIMIT 1", index.table());
    run(Mode::Write, &sql, &[Param::text(name)], |rows| rows.count > 0)
}

/// Refuses a name that is taken.
///
/// # Errors
/// Raises 42710.
pub fn require_new(index: &Index, name: &str) {
    if has_records(index, name) || registered::find(index.id, name, Mode::Write).is_some() {
        taken(name);
    }
}

/// Raises 42710 for a namespace that exists already.
pub fn taken(name: &str) -> ! {
    raise(Fault::new(DUPLICATE_OBJECT, format!("namespace {} already exists", quoted(name))))
}

/// Raises 42704 for a namespace that does not exist.
pub fn missing(name: &str) -> ! {
    raise(
        Fault::new(UNDEFINED_OBJECT, format!("namespace {} does not exist", quoted(name)))
            .hint("pc_list_namespaces() shows the namespaces there are."),
    )
}

/// Makes a namespace the result of the calling function.
pub fn return_namespace(fcinfo: pg_sys::FunctionCallInfo, name: &str, records: i64, schema: &Schema) {
    let params = [
        Param::text(name),
        Param::bigint(records),
        Param::of(pg_sys::JSONBOID, schema.as_deref().map(|text| Json::parse(text).datum())),
    ];
    return_rows(fcinfo, Mode::Read, "SELECT $1, $2, $3", &params);
}
