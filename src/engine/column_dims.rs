//! How many dimensions the values of a column have: by its type, through domains, or else by its expression.
//!
//! The server knows a type modifier of an expression only if the outermost node carries it. A cast below a domain,
//! below a cast without one, or in all branches of a CASE says as much.
#![allow(unsafe_code)]

use crate::engine::storage::buffer::Index;
use pgrx::pg_sys::{self, NodeTag, Oid};
use pgrx::{PgList, PgTupleDesc};

/// The type of a column, below all domains.
pub struct Typed {
    /// The type, which is no domain.
    pub base: Oid,
    /// Dimensions, if they are known.
    pub dims: Option<usize>,
}

/// Gives the dimensions of a value that is not null.
type OfValue<'a> = &'a dyn Fn(pg_sys::Datum) -> usize;

/// The type of a column, counted from 0. `of_value` takes values of the column's operator class.
pub fn of(index: Index, column: usize, of_value: OfValue<'_>) -> Typed {
    // SAFETY: the relation is open.
    let descriptor = unsafe { PgTupleDesc::from_pg_unchecked((*index.0).rd_att) };
    let declared = descriptor.get(column).map_or((Oid::INVALID, -1), |of| (of.atttypid, of.atttypmod));
    // SAFETY: the type of a column that is there.
    let (base, typmod) = unsafe { resolved(declared.0, declared.1) };
    let dims = dims(typmod).or_else(|| {
        // SAFETY: an expression of an index that is open; values of it are of the class's type.
        unsafe { expression(index, column).and_then(|node| walk(node, base, of_value)) }
    });
    Typed { base, dims }
}

fn dims(typmod: i32) -> Option<usize> {
    usize::try_from(typmod).ok().filter(|dims| *dims > 0)
}

/// A type and its modifier without the domain.
///
/// # Safety
/// The type is in the catalog.
unsafe fn resolved(kind: Oid, mut typmod: i32) -> (Oid, i32) {
    // SAFETY: looks the type up, and changes the modifier if it is a domain.
    let base = unsafe { pg_sys::getBaseTypeAndTypmod(kind, &mut typmod) };
    (base, typmod)
}

/// The expression of a column; none if it is a column of the table.
///
/// # Safety
/// The relation is open.
unsafe fn expression(index: Index, column: usize) -> Option<*mut pg_sys::Node> {
    // SAFETY: the relation is open; it has a number of an attribute for each column, 0 for an expression.
    unsafe {
        let row = &*(*index.0).rd_index;
        let attributes = row.indkey.values.as_slice(row.indnatts as usize);
        if attributes.get(column) != Some(&0) {
            return None;
        }
        let before = attributes[..column].iter().filter(|attribute| **attribute == 0).count();
        PgList::<pg_sys::Node>::from_pg(pg_sys::RelationGetIndexExpressions(index.0)).get_ptr(before)
    }
}

/// Dimensions of an expression's values, if they are of the type `base` and the dimensions are known.
///
/// # Safety
/// The node is an expression.
unsafe fn walk(node: *mut pg_sys::Node, base: Oid, of_value: OfValue<'_>) -> Option<usize> {
    // SAFETY: each node is read as the type of its tag, and fields of expressions are expressions.
    unsafe {
        let (kind, typmod) = resolved(pg_sys::exprType(node), pg_sys::exprTypmod(node));
        if kind != base {
            // A value of another type may have any length, as a varbit has.
            return None;
        }
        if let Some(dims) = dims(typmod) {
            return Some(dims);
        }
        let all = |list: *mut pg_sys::List| -> Vec<_> {
            PgList::<pg_sys::Node>::from_pg(list).iter_ptr().collect()
        };
        let nodes = match (*node).type_ {
            NodeTag::T_RelabelType => vec![(*node.cast::<pg_sys::RelabelType>()).arg.cast()],
            NodeTag::T_CoerceToDomain => vec![(*node.cast::<pg_sys::CoerceToDomain>()).arg.cast()],
            NodeTag::T_CoalesceExpr => all((*node.cast::<pg_sys::CoalesceExpr>()).args),
            NodeTag::T_CaseExpr => {
                let case = &*node.cast::<pg_sys::CaseExpr>();
                let mut nodes = all(case.args);
                for when in &mut nodes {
                    *when = (*when.cast::<pg_sys::CaseWhen>()).result.cast();
                }
                nodes.extend((!case.defresult.is_null()).then_some(case.defresult.cast()));
                nodes
            }
            NodeTag::T_Const => {
                let constant = &*node.cast::<pg_sys::Const>();
                return (!constant.constisnull).then(|| of_value(constant.constvalue));
            }
            _ => return None,
        };
        // A NULL fits any number of dimensions.
        let null = |node: &*mut pg_sys::Node| {
            let node = *node;
            (*node).type_ == NodeTag::T_Const && (*node.cast::<pg_sys::Const>()).constisnull
        };
        let mut known = nodes.into_iter().filter(|node| !null(node)).map(|node| walk(node, base, of_value));
        let first = known.next()??;
        known.all(|dims| dims == Some(first)).then_some(first)
    }
}
