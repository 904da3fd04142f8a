//! Share of the rows that fulfil a condition by a column's statistics, as the planner asks them for an operator of `matchingsel`.
#![allow(unsafe_code)]

use pgrx::pg_sys;

/// Values of a histogram that are too few to go by.
const MIN_HISTOGRAM: i32 = 10;

/// The share of rows of a table whose column, a number of an attribute, fulfils a condition; none if there are no statistics.
/// What the functions leave behind is in the current context.
///
/// # Safety
/// The relation is open, the condition is one of a scan, by an operator with one argument that is not null.
pub unsafe fn share(table: pg_sys::Relation, attribute: i16, condition: &pg_sys::ScanKeyData) -> Option<f64> {
    // SAFETY: a lookup in the cache, whose row is released below; the functions read it and call the operator's function, which
    // takes values of the column. Errors release it, too.
    unsafe {
        let tuple = pg_sys::SearchSysCache3(
            pg_sys::SysCacheIdentifier::STATRELATTINH as i32,
            pg_sys::Datum::from((*table).rd_id),
            pg_sys::Datum::from(attribute),
            pg_sys::Datum::from(false),
        );
        if tuple.is_null() {
            return None;
        }
        let row = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_statistic>();
        let nulls = f64::from((*row).stanullfrac);
        let kind = pg_sys::get_atttype((*table).rd_id, attribute);
        let mut data = pg_sys::VariableStatData {
            statsTuple: tuple,
            vartype: kind,
            atttype: kind,
            atttypmod: -1,
            // The share decides how rows are looked for, and nothing that anybody is told.
            acl_ok: true,
            ..Default::default()
        };
        let mut function = pg_sys::FmgrInfo::default();
        let of_condition = (&raw const condition.sk_func).cast_mut();
        pg_sys::fmgr_info_copy(&mut function, of_condition, pg_sys::CurrentMemoryContext);
        let (collation, argument) = (condition.sk_collation, condition.sk_argument);
        let mut common = 0.0;
        let of_common =
            pg_sys::mcv_selectivity(&mut data, &mut function, collation, argument, true, &mut common);
        let mut size = 0;
        let of_others = pg_sys::histogram_selectivity(
            &mut data,
            &mut function,
            collation,
            argument,
            true,
            MIN_HISTOGRAM,
            1,
            &mut size,
        );
        pg_sys::ReleaseSysCache(tuple);
        let others = (1.0 - nulls - common).max(0.0);
        Some((of_common + of_others.max(0.0) * others).clamp(0.0, 1.0))
    }
}
