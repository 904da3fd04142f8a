//! Conditions of an index path on the leading columns of the index, each of which needs a value.
#![allow(unsafe_code)]

use pgrx::PgList;
use pgrx::prelude::*;

/// The conditions on columns up to the vector, and those behind it.
///
/// # Safety
/// `path` is one that the planner has made.
pub unsafe fn conditions(
    path: *const pg_sys::IndexPath,
    vector: i32,
) -> (PgList<pg_sys::Node>, PgList<pg_sys::Node>) {
    let (mut leading, mut filters) = (PgList::new(), PgList::new());
    // SAFETY: the caller vouches for the path; its clauses are a list of IndexClause, with lists of RestrictInfo.
    unsafe {
        for clause in PgList::<pg_sys::IndexClause>::from_pg((*path).indexclauses).iter_ptr() {
            let list = if i32::from((*clause).indexcol) > vector { &mut filters } else { &mut leading };
            for condition in PgList::<pg_sys::Node>::from_pg((*clause).indexquals).iter_ptr() {
                list.push(condition);
            }
        }
    }
    (leading, filters)
}

/// How many keys the conditions ask for; none if they leave a column open, or ask for null vectors, which are in no
/// graph.
///
/// # Safety
/// The planner has made `path` for `root`.
pub unsafe fn keys(
    root: *mut pg_sys::PlannerInfo,
    path: *const pg_sys::IndexPath,
    vector: i32,
) -> Option<f64> {
    // SAFETY: the caller vouches for the path; its clauses are a list of IndexClause, with lists of RestrictInfo.
    unsafe {
        let mut min = vec![None; vector as usize];
        let clauses = PgList::<pg_sys::IndexClause>::from_pg((*path).indexclauses);
        for clause in clauses.iter_ptr() {
            let column = i32::from((*clause).indexcol);
            // Filters say nothing of graphs.
            if column > vector {
                continue;
            }
            for condition in PgList::<pg_sys::RestrictInfo>::from_pg((*clause).indexquals).iter_ptr() {
                let Some(values) = values(root, (*condition).clause.cast()) else { continue };
                let min = min.get_mut(column as usize)?;
                *min = Some(min.map_or(values, |min: f64| min.min(values)));
            }
        }
        min.into_iter().product()
    }
}

/// How many values of its column a condition asks for; none for IS NOT NULL.
///
/// # Safety
/// `condition` is an expression that the planner has made.
unsafe fn values(root: *mut pg_sys::PlannerInfo, condition: *mut pg_sys::Node) -> Option<f64> {
    // SAFETY: the node is read as the type of its tag; the second argument of an array's condition is the array.
    unsafe {
        match (*condition).type_ {
            pg_sys::NodeTag::T_NullTest => {
                let is_null = (*condition.cast::<pg_sys::NullTest>()).nulltesttype;
                (is_null == pg_sys::NullTestType::IS_NULL).then_some(1.0)
            }
            pg_sys::NodeTag::T_ScalarArrayOpExpr => {
                let arguments = (*condition.cast::<pg_sys::ScalarArrayOpExpr>()).args;
                let array = PgList::<pg_sys::Node>::from_pg(arguments).get_ptr(1)?;
                #[cfg(any(feature = "pg15", feature = "pg16"))]
                let values = {
                    let _ = root;
                    f64::from(pg_sys::estimate_array_length(array))
                };
                #[cfg(not(any(feature = "pg15", feature = "pg16")))]
                let values = pg_sys::estimate_array_length(root, array);
                Some(values.max(1.0))
            }
            _ => Some(1.0),
        }
    }
}
