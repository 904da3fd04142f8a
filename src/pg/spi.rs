//! SQL statements through SPI, planned once a backend.
//!
//! The text of a statement is made of constants, identifiers that the server quoted and numbers; text of
//! users travels as a parameter. Every name in a statement is qualified, because a caller's `search_path`
//! is not to be trusted.
#![allow(unsafe_code)]

use crate::pg::error::{OrRaise, raise};
use crate::pg::jsonb::Json;
use conifer_pure::Fault;
use conifer_pure::fault::state::DATATYPE_MISMATCH;
use conifer_pure::memory::allocation::{begin, check, with_room};
use pgrx::prelude::*;
use pgrx::{FromDatum, IntoDatum, PgList};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{CString, c_char};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::rc::Rc;

/// Whether a statement may write. A reading statement sees the snapshot of the calling statement, a
/// writing one also the changes of the calling statement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Under the caller's snapshot, as a STABLE function must.
    Read,
    /// Under a new snapshot.
    Write,
}

/// How a statement's plan is chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Planning {
    /// As the server does: for a few runs by their parameters, then, if that costs no more, one for all.
    Auto,
    /// One plan for all parameters, unless `plan_cache_mode` says otherwise.
    Generic,
}

/// A parameter of a statement.
pub struct Param {
    oid: pg_sys::Oid,
    datum: Option<pg_sys::Datum>,
}

impl Param {
    /// A parameter of type `oid`; `None` is NULL.
    pub fn of(oid: pg_sys::Oid, datum: Option<pg_sys::Datum>) -> Self {
        Self { oid, datum }
    }

    /// A `text` parameter.
    pub fn text<'a>(value: impl Into<Option<&'a str>>) -> Self {
        Self::of(pg_sys::TEXTOID, value.into().and_then(IntoDatum::into_datum))
    }

    /// A `name` parameter.
    pub fn name(value: &str) -> Self {
        // SAFETY: namein takes a C string, cuts it to a name's length and returns it in the current memory context.
        let name = CString::new(value).ok().map(|value| unsafe {
            pgrx::direct_function_call_as_datum(pg_sys::namein, &[Some(value.as_ptr().into())])
        });
        Self::of(pg_sys::NAMEOID, name.flatten())
    }

    /// A `uuid` parameter.
    pub fn uuid(value: pgrx::Uuid) -> Self {
        Self::of(pg_sys::UUIDOID, value.into_datum())
    }

    /// A `jsonb` parameter, from JSON text.
    pub fn json<'a>(value: impl Into<Option<&'a str>>) -> Self {
        Self::of(pg_sys::JSONBOID, value.into().map(|text| Json::parse(text).datum()))
    }

    /// An `oid` parameter.
    pub fn oid(value: pg_sys::Oid) -> Self {
        Self::of(pg_sys::OIDOID, value.into_datum())
    }

    /// A parameter of `text[]`; `None` is NULL.
    pub fn texts(value: Option<&[&str]>) -> Self {
        Self::of(pg_sys::TEXTARRAYOID, value.and_then(|all| all.to_vec().into_datum()))
    }

    /// A `bigint` parameter.
    pub fn bigint(value: impl Into<Option<i64>>) -> Self {
        Self::of(pg_sys::INT8OID, value.into().and_then(IntoDatum::into_datum))
    }

    /// A parameter of `bigint[]`.
    pub fn bigints(value: Vec<i64>) -> Self {
        Self::of(pg_sys::INT8ARRAYOID, value.into_datum())
    }

    /// An `integer` parameter.
    pub fn int(value: impl Into<Option<i32>>) -> Self {
        Self::of(pg_sys::INT4OID, value.into().and_then(IntoDatum::into_datum))
    }
}

/// The rows a statement returned. Values that are passed by reference live in SPI's memory: copy values
/// that must outlive the closure that received them.
pub struct Rows {
    /// Rows returned, or affected by a statement that returns none.
    pub count: u64,
    table: Option<NonNull<pg_sys::SPITupleTable>>,
}

impl Rows {
    /// The value in a row and a column, both from 0; `None` is NULL.
    ///
    /// # Errors
    /// Raises 42804 if the column is of another type.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn get<T: FromDatum + IntoDatum>(&self, row: usize, column: usize) -> Option<T> {
        // SAFETY: a type of the server and its Rust twin, as pgrx pairs them.
        unsafe { self.get_as(T::type_oid(), row, column) }
    }

    /// As [`Self::get`], for a type that only the catalog knows.
    ///
    /// # Safety
    /// `T` must be the Rust twin of type `oid`.
    pub unsafe fn get_as<T: FromDatum>(&self, oid: pg_sys::Oid, row: usize, column: usize) -> Option<T> {
        let (descriptor, tuples) = self.tuples().expect("the statement returns rows");
        let number = column as i32 + 1;
        let mut is_null = false;
        // SAFETY: the tuple belongs to the descriptor, whose owner may have changed a column's type;
        // the caller vouches for the pair of types.
        unsafe {
            if pg_sys::SPI_gettypeid(descriptor, number) != oid {
                wrong_type(number);
            }
            T::from_datum(pg_sys::SPI_getbinval(tuples[row], descriptor, number, &mut is_null), is_null)
        }
    }

    /// The values that `of` gives for the rows, by number, without the rows for which it gives none.
    ///
    /// # Errors
    /// Raises 53200 if there is no memory for the values.
    pub fn each<T>(&self, mut of: impl FnMut(usize) -> Option<T>) -> Vec<T> {
        begin();
        let rows = self.count as usize;
        let mut all = with_room(rows).or_raise();
        for row in 0..rows {
            all.extend(of(row));
            // `of` may have allocated memory.
            check().or_raise();
        }
        all
    }

    /// The value in a row and a column, both from 0.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn value(&self, row: usize, column: usize) -> Value<'_> {
        let (descriptor, tuples) = self.tuples().expect("the statement returns rows");
        let number = column as i32 + 1;
        let mut is_null = false;
        // SAFETY: the tuple belongs to the descriptor; a column that is not there is null and of no type.
        unsafe {
            let datum = pg_sys::SPI_getbinval(tuples[row], descriptor, number, &mut is_null);
            Value::of(pg_sys::SPI_gettypeid(descriptor, number), (!is_null).then_some(datum))
        }
    }

    /// Descriptor and tuples, if the statement returned rows.
    pub fn tuples(&self) -> Option<(pg_sys::TupleDesc, &[pg_sys::HeapTuple])> {
        self.table.map(|table| {
            // SAFETY: SPI keeps the table until SPI_finish, which comes after the closure that has `self`;
            // `numvals` tuples are filled in.
            unsafe {
                let table = table.as_ref();
                (table.tupdesc, std::slice::from_raw_parts(table.vals, table.numvals as usize))
            }
        })
    }
}

/// A value of a row, and its type.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    oid: pg_sys::Oid,
    datum: Option<pg_sys::Datum>,
    row: PhantomData<&'a Rows>,
}

impl Value<'_> {
    /// NULL, of any type.
    pub const NULL: Self = Self { oid: pg_sys::InvalidOid, datum: None, row: PhantomData };

    fn of(oid: pg_sys::Oid, datum: Option<pg_sys::Datum>) -> Self {
        Self { oid, datum, row: PhantomData }
    }

    /// A `real`.
    pub fn real(value: f32) -> Self {
        Self::of(pg_sys::FLOAT4OID, value.into_datum())
    }

    /// The value, for a column of type `oid`.
    ///
    /// # Errors
    /// Gives nothing for a value of another type.
    pub fn as_type(&self, oid: pg_sys::Oid) -> Option<Option<pg_sys::Datum>> {
        (self.oid == oid || self.datum.is_none()).then_some(self.datum)
    }
}

/// Raises 42804: the type of a column that a statement reads was changed.
#[cold]
pub fn wrong_type(column: i32) -> ! {
    raise(
        Fault::new(DATATYPE_MISMATCH, format!("column {column} of the result is not of the declared type"))
            .hint("A column of the index's table seems to have been altered."),
    )
}

/// Runs a statement and hands its rows to `take`.
///
/// # Errors
/// Raises the statement's errors.
pub fn run<R>(mode: Mode, sql: &str, params: &[Param], take: impl FnOnce(Rows) -> R) -> R {
    execute(sql, params, Planning::Auto, take, |plan, datums, nulls| {
        // SAFETY: a kept plan, with as many values as it has parameters.
        unsafe { pg_sys::SPI_execute_plan(plan, datums, nulls, mode == Mode::Read, 0) }
    })
}

/// As [`run`], for what reads, planned as `planning` says; no more than the first `max` rows are asked for.
///
/// # Errors
/// As [`run`].
pub fn read_first<R>(
    max: usize,
    planning: Planning,
    sql: &str,
    params: &[Param],
    take: impl FnOnce(Rows) -> R,
) -> R {
    execute(sql, params, planning, take, |plan, datums, nulls| {
        // SAFETY: as in `run`.
        unsafe { pg_sys::SPI_execute_plan(plan, datums, nulls, true, max as _) }
    })
}

/// As [`run`], for what writes, of all that is committed by now, however old the transaction's snapshot is.
///
/// # Errors
/// As [`run`].
pub fn write_now<R>(sql: &str, params: &[Param], take: impl FnOnce(Rows) -> R) -> R {
    execute(sql, params, Planning::Auto, take, |plan, datums, nulls| {
        // SAFETY: as in `run`; the snapshot is copied before anything else is done.
        unsafe {
            pg_sys::CommandCounterIncrement();
            let now = pg_sys::GetLatestSnapshot();
            pg_sys::SPI_execute_snapshot(plan, datums, nulls, now, std::ptr::null_mut(), false, true, 0)
        }
    })
}

fn execute<R>(
    sql: &str,
    params: &[Param],
    planning: Planning,
    take: impl FnOnce(Rows) -> R,
    run: impl FnOnce(pg_sys::SPIPlanPtr, *mut pg_sys::Datum, *const c_char) -> i32,
) -> R {
    let (mut take, mut run, mut taken) = (Some(take), Some(run), None);
    connected(
        sql,
        params,
        planning,
        &mut |plan, datums, nulls| run.take().map_or(0, |run| run(plan, datums, nulls)),
        &mut |rows| taken = take.take().map(|take| take(rows)),
    );
    taken.expect("the rows were handed over")
}

/// [`execute`] for closures of all types: compiled once, not for each statement of the library.
fn connected(
    sql: &str,
    params: &[Param],
    planning: Planning,
    run: &mut dyn FnMut(pg_sys::SPIPlanPtr, *mut pg_sys::Datum, *const c_char) -> i32,
    take: &mut dyn FnMut(Rows),
) {
    Spi::connect(|_| {
        let plan = plan(sql, params, planning);
        let _under_way = UnderWay::enter(plan.text());
        let mut datums: Vec<_> = params.iter().map(|p| p.datum.unwrap_or(pg_sys::Datum::null())).collect();
        let nulls: Vec<_> =
            params.iter().map(|p| if p.datum.is_some() { b' ' as c_char } else { b'n' as c_char }).collect();
        // SAFETY: SPI_tuptable and SPI_processed are this call's until the next one. The statement was prepared with as many
        // values as there are: its text fixes its parameters.
        unsafe {
            pg_sys::SPI_tuptable = std::ptr::null_mut();
            let status = run(plan.plan.as_ptr(), datums.as_mut_ptr(), nulls.as_ptr());
            if status < 0 {
                error!("a statement failed with SPI's code {status}");
            }
            take(Rows { count: pg_sys::SPI_processed, table: NonNull::new(pg_sys::SPI_tuptable) });
        }
    });
}

/// Runs a query over all rows that are committed by now, however old the transaction's snapshot is, and over this transaction's
/// changes. For transactions that write.
///
/// # Errors
/// Raises the query's errors.
pub fn run_now<R>(sql: &str, params: &[Param], take: impl FnOnce(Rows) -> R) -> R {
    // SAFETY: within a transaction, not in parallel mode. The pushed snapshot is popped, or goes with the transaction that an
    // error ends.
    unsafe {
        pg_sys::CommandCounterIncrement();
        pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot());
        let result = run(Mode::Read, sql, params, take);
        pg_sys::PopActiveSnapshot();
        result
    }
}

/// Runs a command that is not worth a kept plan, such as DDL.
///
/// # Errors
/// Raises the command's errors.
pub fn run_once(sql: &str) {
    let sql = CString::new(sql).expect("statements hold no NUL");
    Spi::connect(|_| {
        // SAFETY: a NUL-terminated statement; SPI is connected.
        let status = unsafe { pg_sys::SPI_execute(sql.as_ptr(), false, 0) };
        if status < 0 {
            error!("SPI_execute failed: {status}");
        }
    });
}

/// Plans that a backend keeps. Each index has a handful of plans, and a session may go through thousands of indexes; at
/// some 25 kB each, this many take 8 MB.
const MAX_PLANS: usize = 300;

/// A kept plan, the types of its parameters, and how it is chosen.
struct Plan {
    oids: Vec<pg_sys::Oid>,
    planning: Planning,
    plan: NonNull<pg_sys::_SPI_plan>,
    /// The clock when the plan was last asked for.
    used: Cell<u64>,
}

impl Plan {
    /// The server's copy of the statement, to which each run of it points.
    fn text(&self) -> *const c_char {
        // SAFETY: a kept plan, whose sources live as long as it does.
        unsafe {
            let sources = pg_sys::SPI_plan_get_plan_sources(self.plan.as_ptr());
            let source = PgList::<pg_sys::CachedPlanSource>::from_pg(sources).get_ptr(0);
            source.map_or(std::ptr::null(), |source| (*source).query_string)
        }
    }
}

thread_local! {
    /// Plans by their statements' texts. A running call holds its plan, too.
    static PLANS: RefCell<HashMap<String, Rc<Plan>>> = RefCell::default();
    /// Counts how often plans were asked for.
    static CLOCK: Cell<u64> = const { Cell::new(0) };
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The text of our innermost statement under way; null if there is none.
    static TEXT: Cell<*const c_char> = const { Cell::new(std::ptr::null()) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    PLANS.with(|_| ());
}

/// Our statements under way: one can lead to another through a trigger.
struct UnderWay {
    /// The text of the one around it.
    before: *const c_char,
}

impl UnderWay {
    fn enter(text: *const c_char) -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Self { before: TEXT.replace(text) }
    }
}

/// Whether a statement of ours is under way, or one that it has led to.
pub fn is_ours() -> bool {
    DEPTH.get() > 0
}

/// Whether a statement that is under way is ours, by the address of its text: not a user's that ours has led to, as by a trigger.
pub fn is_text_of_ours(text: *const c_char) -> bool {
    !text.is_null() && text == TEXT.get()
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        TEXT.set(self.before);
    }
}

/// The kept plan of a statement. Its parameters' types change only when the extension was dropped and made again.
fn plan(sql: &str, params: &[Param], planning: Planning) -> Rc<Plan> {
    let now = CLOCK.get();
    CLOCK.set(now + 1);
    let kept = PLANS.with_borrow(|plans| plans.get(sql).cloned());
    let is_same =
        |kept: &Rc<Plan>| kept.planning == planning && kept.oids.iter().eq(params.iter().map(|p| &p.oid));
    if let Some(kept) = kept.filter(is_same) {
        kept.used.set(now);
        return kept;
    }
    let oids: Vec<_> = params.iter().map(|p| p.oid).collect();
    let plan = prepare(sql, &mut oids.clone(), planning);
    let new = Rc::new(Plan { oids, planning, plan, used: Cell::new(now) });
    PLANS.with_borrow_mut(|plans| {
        if plans.len() >= MAX_PLANS {
            let idle = plans.iter().filter(|(_, plan)| Rc::strong_count(plan) == 1);
            let oldest = idle.min_by_key(|(_, plan)| plan.used.get()).map(|(sql, _)| sql.clone());
            oldest.and_then(|sql| plans.remove(&sql)).into_iter().for_each(free);
        }
        plans.insert(sql.to_owned(), new.clone()).into_iter().for_each(free);
    });
    new
}

/// Frees a plan that is kept no more, unless it is under way: through a trigger, a statement can lead to itself.
fn free(plan: Rc<Plan>) {
    if let Ok(plan) = Rc::try_unwrap(plan) {
        // SAFETY: a plan of ours that was kept, and that no call holds.
        unsafe { pg_sys::SPI_freeplan(plan.plan.as_ptr()) };
    }
}

fn prepare(sql: &str, oids: &mut [pg_sys::Oid], planning: Planning) -> NonNull<pg_sys::_SPI_plan> {
    let sql = CString::new(sql).expect("statements hold no NUL");
    let options = match planning {
        Planning::Auto => 0,
        Planning::Generic => pg_sys::CURSOR_OPT_GENERIC_PLAN as i32,
    };
    // SAFETY: SPI is connected; the array has the length that is passed.
    unsafe {
        let plan = pg_sys::SPI_prepare_cursor(sql.as_ptr(), oids.len() as i32, oids.as_mut_ptr(), options);
        let Some(plan) = NonNull::new(plan) else {
            let code = pg_sys::SPI_result;
            error!("SPI_prepare failed: {code}")
        };
        pg_sys::SPI_keepplan(plan.as_ptr());
        plan
    }
}
