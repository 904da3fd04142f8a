//! The functions that the row-level policies call: whether the principal that acts may read or write the records of an index,
//! and in which namespaces.
//!
//! Each function is called once a statement, in a sub-select of the policy.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use crate::pg::error::OrRaise;
use crate::pg::spi::run_once;
use crate::pinecone::access::catalog;
use crate::pinecone::access::session::identity::principal_if_any;
use crate::pinecone::registry::table;
use conifer_pure::memory::allocation::headroom;
use conifer_pure::pinecone::access::level::Level;
use conifer_pure::pinecone::access::scope::Names;
use pgrx::prelude::*;
use pgrx::{PgList, Uuid};
use std::ffi::CStr;

/// Puts the policies on the table of an index, as its owner: from then on only superusers and the owner, a role that no user
/// can become, read or write it by other rules. The policies are not forced upon the owner: a subscription applies its rows as
/// the owner, from PostgreSQL 16 on, and refuses tables with policies that hold for it.
pub fn protect(project: Uuid, index: i32) {
    let table = table(index);
    let (read, write) = conditions(project, index, "namespace");
    for statement in [
        format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"),
        format!("CREATE POLICY reading ON {table} FOR SELECT USING ({read})"),
        format!("CREATE POLICY inserting ON {table} FOR INSERT WITH CHECK ({write})"),
        format!("CREATE POLICY updating ON {table} FOR UPDATE USING ({write}) WITH CHECK ({write})"),
        format!("CREATE POLICY deleting ON {table} FOR DELETE USING ({write})"),
    ] {
        run_once(&statement);
    }
}

/// What the policies ask before a row is read, and before it is written; `namespace` is the expression of its namespace.
pub fn conditions(project: Uuid, index: i32, namespace: &str) -> (String, String) {
    let may = |all: &str, some: &str| {
        let arguments = format!("'{project}'::pg_catalog.uuid, {index}");
        format!(
            "(SELECT pc_auth.{all}({arguments})) \
             OR {namespace} OPERATOR(pg_catalog.=) ANY ((SELECT pc_auth.{some}({arguments}))::pg_catalog.text[])"
        )
    };
    (may("reads_all", "readable"), may("writes_all", "writable"))
}

/// The condition of the policy for reading, as the server shows it to a session whose `search_path` has none of our schemas. What
/// is shown otherwise is another policy, or the same one to a session that is told to look elsewhere first.
pub fn reading_as_shown(project: Uuid, index: i32) -> String {
    let arguments = format!("'{project}'::uuid, {index}");
    format!(
        "(( SELECT pc_auth.reads_all({arguments}) AS reads_all) OR (namespace = ANY (( SELECT pc_auth.readable({arguments}) AS \
         readable)::text[])))"
    )
}

/// The second half of a condition of [`conditions`], that the row's namespace is one of those the principal can name, if the
/// principal does not reach all of them; none for any other condition, and for other principals.
///
/// # Safety
/// `condition` is an expression of a query that is about to be planned.
pub unsafe fn names_alone(condition: *mut pg_sys::Node) -> Option<*mut pg_sys::Node> {
    use pg_sys::NodeTag::{T_BoolExpr, T_Const, T_FuncExpr, T_ScalarArrayOpExpr, T_SubLink};
    // SAFETY: each node is read as the type of its tag, and constants as the types of the function's arguments.
    unsafe {
        let either = condition.as_ref().filter(|node| node.type_ == T_BoolExpr)?;
        let either = &*std::ptr::from_ref(either).cast::<pg_sys::BoolExpr>();
        let halves = PgList::<pg_sys::Node>::from_pg(either.args);
        if either.boolop != pg_sys::BoolExprType::OR_EXPR || halves.len() != 2 {
            return None;
        }
        let (all_of_them, names) = (halves.get_ptr(0)?, halves.get_ptr(1)?);
        if (*all_of_them).type_ != T_SubLink || (*names).type_ != T_ScalarArrayOpExpr {
            return None;
        }
        let query = (*all_of_them.cast::<pg_sys::SubLink>()).subselect.cast::<pg_sys::Query>();
        let target = PgList::<pg_sys::TargetEntry>::from_pg((*query).targetList).get_ptr(0)?;
        let call = (*target).expr.cast::<pg_sys::FuncExpr>();
        if (*call).xpr.type_ != T_FuncExpr
            || pg_sys::get_func_namespace((*call).funcid) != catalog::schema(c"pc_auth")
        {
            return None;
        }
        let name = pg_sys::get_func_name((*call).funcid);
        let need = match CStr::from_ptr(name.as_ref()?).to_bytes() {
            b"reads_all" => Level::ReadOnly,
            b"writes_all" => Level::ReadWrite,
            _ => return None,
        };
        let arguments = PgList::<pg_sys::Const>::from_pg((*call).args);
        let constant = |at| {
            let constant = arguments.get_ptr(at)?;
            ((*constant).xpr.type_ == T_Const && !(*constant).constisnull).then(|| (*constant).constvalue)
        };
        let project = Uuid::from_datum(constant(0)?, false)?;
        let index = i32::from_datum(constant(1)?, false)?;
        (!all(project, index, need)).then_some(names)
    }
}

fn all(project: Uuid, index: i32, need: Level) -> bool {
    principal_if_any().is_some_and(|who| who.records(project.as_bytes(), index, need) == Some(&Names::All))
}

fn some(project: Uuid, index: i32, need: Level) -> Vec<String> {
    match principal_if_any().as_ref().and_then(|who| who.records(project.as_bytes(), index, need)) {
        Some(Names::These(names)) => {
            // For each name, and the text that is made of it.
            headroom(2 * names.iter().map(|name| name.len() + 64).sum::<usize>()).or_raise();
            names.iter().cloned().collect()
        }
        Some(Names::All) | None => vec![],
    }
}

#[pg_extern(sql = false)]
fn reads_all(project: Uuid, index: i32) -> bool {
    all(project, index, Level::ReadOnly)
}

#[pg_extern(sql = false)]
fn readable(project: Uuid, index: i32) -> Vec<String> {
    some(project, index, Level::ReadOnly)
}

#[pg_extern(sql = false)]
fn writes_all(project: Uuid, index: i32) -> bool {
    all(project, index, Level::ReadWrite)
}

#[pg_extern(sql = false)]
fn writable(project: Uuid, index: i32) -> Vec<String> {
    some(project, index, Level::ReadWrite)
}

/// The namespaces of an index that the principal can reach, whatever it may do there; none if it can reach all.
#[pg_extern(sql = false)]
fn reachable(project: Uuid, index: i32) -> Option<Vec<String>> {
    match principal_if_any().as_ref().map(|who| who.reach(project.as_bytes(), index)) {
        Some(Some(Names::All)) => None,
        Some(Some(Names::These(names))) => {
            headroom(2 * names.iter().map(|name| name.len() + 64).sum::<usize>()).or_raise();
            Some(names.iter().cloned().collect())
        }
        Some(None) | None => Some(vec![]),
    }
}

#[pg_extern(sql = false)]
fn describes(project: Uuid, index: i32) -> bool {
    principal_if_any().is_some_and(|who| who.describes(project.as_bytes(), index))
}
