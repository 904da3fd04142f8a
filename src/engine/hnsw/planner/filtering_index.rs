//! Plain paths that a filtering index makes needless.
//!
//! A scan that takes no filter ends after its first batch, or after `hnsw.max_scan_tuples`, and of its rows the server drops those
//! that other conditions refuse: the answer is short. One that takes a filter goes on until there are enough rows. So where
//! another index of the same vectors takes a condition that a plain path leaves to the server, the path is not to be had.
#![allow(unsafe_code)]

use crate::engine::planner::allowed_index;
use pgrx::PgList;
use pgrx::pg_sys;

/// Whether another index takes a condition as a filter that this path, which takes none, leaves to the server.
///
/// # Safety
/// `path` is one that the planner has made for `root` and an index of ours, ordered by the distance of the column `vector`.
pub unsafe fn is_there(root: *mut pg_sys::PlannerInfo, path: *const pg_sys::IndexPath, vector: i32) -> bool {
    // SAFETY: the caller vouches for the path; its lists have elements of these types, and of an index each array has an
    // element for each column.
    unsafe {
        let info = &*(*path).indexinfo;
        let clauses = PgList::<pg_sys::IndexClause>::from_pg((*path).indexclauses);
        if clauses.iter_ptr().any(|clause| i32::from((*clause).indexcol) > vector) {
            return false;
        }
        let taken = |condition| clauses.iter_ptr().any(|clause| (*clause).rinfo == condition);
        let restrictions = PgList::<pg_sys::RestrictInfo>::from_pg(info.indrestrictinfo);
        if restrictions.iter_ptr().all(taken) {
            return false;
        }
        let Some(order) = PgList::<pg_sys::Node>::from_pg((*path).indexorderbys).get_ptr(0) else {
            return false;
        };
        PgList::<pg_sys::IndexOptInfo>::from_pg((*info.rel).indexlist).iter_ptr().any(|other| {
            let of = &*other;
            if of.indexoid == info.indexoid
                || !is_ours(info, of)
                || allowed_index::is_out(of.indexoid)
                || !(of.indpred.is_null() || of.predOK)
            {
                return false;
            }
            let columns = of.nkeycolumns;
            let Some(vector) = (0..columns).find(|column| orders(order, *column, other)) else {
                return false;
            };
            let takes =
                |condition: *mut pg_sys::RestrictInfo, column| matches(root, &*condition, column, other);
            (0..vector).all(|column| {
                let given = clauses.iter_ptr().map(|clause| (*clause).rinfo);
                restrictions
                    .iter_ptr()
                    .chain(given)
                    .any(|condition| gives_values(&*condition) && takes(condition, column))
            }) && restrictions
                .iter_ptr()
                .filter(|condition| !taken(*condition))
                .any(|condition| (vector + 1..columns).any(|column| takes(condition, column)))
        })
    }
}

/// Whether both indexes ask the same function for their costs, which is ours.
fn is_ours(info: &pg_sys::IndexOptInfo, other: &pg_sys::IndexOptInfo) -> bool {
    match (info.amcostestimate, other.amcostestimate) {
        (Some(a), Some(b)) => std::ptr::fn_addr_eq(a, b),
        _ => false,
    }
}

/// Whether a column of an index gives rows in this order. It is one that another index gives, so that the column is on the left.
///
/// # Safety
/// `order` is an expression, and the index has that column.
unsafe fn orders(order: *mut pg_sys::Node, column: i32, index: *mut pg_sys::IndexOptInfo) -> bool {
    // SAFETY: the node is read as the type of its tag.
    unsafe {
        if (*order).type_ != pg_sys::NodeTag::T_OpExpr {
            return false;
        }
        let order = &*order.cast::<pg_sys::OpExpr>();
        let family = *(*index).opfamily.add(column as usize);
        let left = PgList::<pg_sys::Node>::from_pg(order.args).get_ptr(0);
        pg_sys::get_op_opfamily_sortfamily(order.opno, family) != pg_sys::InvalidOid
            && left.is_some_and(|left| pg_sys::match_index_to_operand(left, column, index))
    }
}

/// Whether a condition says which values a column has.
///
/// # Safety
/// The condition is one of the planner's.
unsafe fn gives_values(condition: &pg_sys::RestrictInfo) -> bool {
    let clause = condition.clause.cast::<pg_sys::Node>();
    // SAFETY: the node is read as the type of its tag.
    unsafe {
        (*clause).type_ != pg_sys::NodeTag::T_NullTest
            || (*clause.cast::<pg_sys::NullTest>()).nulltesttype == pg_sys::NullTestType::IS_NULL
    }
}

/// Whether an index can be asked for a condition on a column of it, as the server's match_clause_to_indexcol() has it, but for
/// conditions that are no operators, and no tests for null.
///
/// # Safety
/// The condition is one of the planner's, on the table of the index, which has that column.
unsafe fn matches(
    root: *mut pg_sys::PlannerInfo,
    condition: &pg_sys::RestrictInfo,
    column: i32,
    index: *mut pg_sys::IndexOptInfo,
) -> bool {
    // SAFETY: the nodes are read as the types of their tags; an operator's clause has as many arguments as are read.
    unsafe {
        let (table, of) = (&*(*index).rel, &*index);
        let promotable = condition.security_level <= table.baserestrict_min_security || condition.leakproof;
        if condition.pseudoconstant || !promotable {
            return false;
        }
        let (family, collation) =
            (*of.opfamily.add(column as usize), *of.indexcollations.add(column as usize));
        let collates = |given| collation == pg_sys::InvalidOid || collation == given;
        let is_column = |operand: *mut pg_sys::Node| pg_sys::match_index_to_operand(operand, column, index);
        // A value of the row itself is none that could be looked up.
        let is_fixed = |operand: *mut pg_sys::Node| {
            !pg_sys::bms_is_member(table.relid as i32, pg_sys::pull_varnos(root, operand))
                && !pg_sys::contain_volatile_functions(operand.cast())
        };
        let clause = condition.clause.cast::<pg_sys::Node>();
        match (*clause).type_ {
            pg_sys::NodeTag::T_OpExpr => {
                let clause = &*clause.cast::<pg_sys::OpExpr>();
                let operands = PgList::<pg_sys::Node>::from_pg(clause.args);
                let (Some(left), Some(right)) = (operands.get_ptr(0), operands.get_ptr(1)) else {
                    return false;
                };
                let of_family =
                    |operator| operator != pg_sys::InvalidOid && pg_sys::op_in_opfamily(operator, family);
                collates(clause.inputcollid)
                    && (is_column(left) && is_fixed(right) && of_family(clause.opno)
                        || is_column(right)
                            && is_fixed(left)
                            && of_family(pg_sys::get_commutator(clause.opno)))
            }
            pg_sys::NodeTag::T_ScalarArrayOpExpr => {
                let clause = &*clause.cast::<pg_sys::ScalarArrayOpExpr>();
                let operands = PgList::<pg_sys::Node>::from_pg(clause.args);
                let (Some(left), Some(right)) = (operands.get_ptr(0), operands.get_ptr(1)) else {
                    return false;
                };
                // Before PostgreSQL 17, a list for a further column takes the order from a path.
                let is_orderly = column == 0 || cfg!(not(any(feature = "pg15", feature = "pg16")));
                clause.useOr
                    && of.amsearcharray
                    && is_orderly
                    && collates(clause.inputcollid)
                    && is_column(left)
                    && is_fixed(right)
                    && pg_sys::op_in_opfamily(clause.opno, family)
            }
            pg_sys::NodeTag::T_NullTest => {
                let test = &*clause.cast::<pg_sys::NullTest>();
                of.amsearchnulls && !test.argisrow && is_column(test.arg.cast())
            }
            _ => false,
        }
    }
}
