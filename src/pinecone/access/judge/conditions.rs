//! Conditions of a statement that the server would evaluate on rows before a policy hides them, in sessions that read tables in part.
//!
//! The server lets a condition go before the policies if none of its functions that could tell of a value is given a column. A call
//! without columns can tell all the same, as it is made once for each row, or for none: `random()` leaves another state behind, and a
//! sub-select or a cast of a parameter may raise an error. So volatile functions are refused in conditions, and a condition
//! with any other call of this kind is made an argument of a function that the server keeps behind the policies.
//!
//! Many minor releases, as 15.18 but no longer 15.20, evaluate the condition of ON CONFLICT DO UPDATE on the row that is there already before they ask the
//! policies about it, which raise an error if the row is hidden. The condition is asked of shown rows alone, so that this error always comes.
//!
//! Conditions change while they are planned: constants are folded, and sub-selects replaced by what they stand for. A condition that is left
//! as it is stays harmless through all of that. Functions in SQL are not replaced by their text, whose conditions nobody would look at
//! (`hooks/inlining.rs`).
#![allow(unsafe_code)]

use super::policy;
use super::table::index_of;
use crate::pg::error::OrRaise;
use conifer_pure::memory::allocation::Reserve;
use pgrx::PgList;
use pgrx::pg_sys::{self, Node, NodeTag, Query, RTEKind, RangeTblEntry};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;

/// The languages `internal`, `c` and `sql`, as `pg_language.dat` numbers them.
const INTERNAL: u32 = 12;
const C: u32 = 13;
const SQL: u32 = 14;

/// The collations `default`, `C` and `POSIX`, as `pg_collation.dat` numbers them.
const HARMLESS_COLLATIONS: [u32; 3] = [100, 950, 951];

thread_local! {
    /// The lists of VALUES of the statement that is being changed, and whether all that is in each is a column or a constant: a list may be long, and be
    /// named in as many conditions.
    static LISTS: RefCell<HashMap<*const RangeTblEntry, bool>> = RefCell::default();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    LISTS.with(|_| ());
}

/// A walk through a statement.
struct Walk {
    /// The queries that enclose the present one, and itself.
    levels: Vec<*mut Query>,
    task: Task,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Task {
    /// Looks for a table of an index, or a function that may stand for one.
    Look,
    /// Puts the conditions behind the policies, up to the first volatile function.
    Change,
}

/// Whether a statement reads or writes a table of an index, or calls a function in SQL in its FROM clause, which the server
/// may replace by its text.
///
/// # Safety
/// `query` is analysed and rewritten, and its tables are locked.
pub unsafe fn names_an_index(query: *mut Query) -> bool {
    let mut walk = Walk { levels: vec![], task: Task::Look };
    // SAFETY: as the caller says.
    unsafe { step(query.cast(), (&raw mut walk).cast()) }
}

/// Puts all conditions of a statement behind the policies that could tell of hidden rows; false if a volatile function is among them,
/// which has no place there.
///
/// # Safety
/// As [`names_an_index`]; the query belongs to the caller, and may be changed.
pub unsafe fn put_behind_policies(query: *mut Query) -> bool {
    let mut walk = Walk { levels: vec![], task: Task::Change };
    LISTS.with_borrow_mut(HashMap::clear);
    // SAFETY: as the caller says.
    let goes_on = unsafe { !step(query.cast(), (&raw mut walk).cast()) };
    LISTS.with_borrow_mut(HashMap::clear);
    goes_on
}

/// Calls the server's walker of a tree with [`step`].
unsafe fn walk_below(node: *mut Node, is_query: bool, walk: *mut c_void) -> bool {
    // SAFETY: the caller's node.
    unsafe {
        if is_query {
            pg_sys::query_tree_walker(node.cast(), Some(step), walk, 0)
        } else {
            pg_sys::expression_tree_walker(node, Some(step), walk)
        }
    }
}

/// A node of the walk; true ends it.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn step(node: *mut Node, walk: *mut c_void) -> bool {
    // SAFETY: nodes of a query, each read as the type of its tag; the walk is that of the callers above, and no other reference to it
    // lives while the server's walkers run.
    unsafe {
        if node.is_null() {
            return false;
        }
        pgrx::check_for_interrupts!();
        if (*node).type_ != NodeTag::T_Query {
            return walk_below(node, false, walk);
        }
        pg_sys::check_stack_depth();
        let query = node.cast::<Query>();
        let ends = {
            let walk = &mut *walk.cast::<Walk>();
            walk.levels.push(query);
            match walk.task {
                Task::Look => has_index(query),
                Task::Change => {
                    narrow(query);
                    !change(query, &walk.levels)
                }
            }
        };
        let ends = ends || walk_below(node, true, walk);
        (*walk.cast::<Walk>()).levels.pop();
        ends
    }
}

/// The elements of a list of nodes, as places that can be written.
unsafe fn cells<'a>(list: *mut pg_sys::List) -> &'a mut [pg_sys::ListCell] {
    // SAFETY: a list of the server's, or null.
    unsafe {
        match list.as_mut() {
            Some(list) if list.length > 0 => {
                std::slice::from_raw_parts_mut(list.elements, list.length as usize)
            }
            _ => &mut [],
        }
    }
}

unsafe fn nodes(list: *mut pg_sys::List) -> impl Iterator<Item = *mut Node> {
    // SAFETY: a list of nodes.
    unsafe { cells(list).iter().map(|cell| cell.ptr_value.cast()) }
}

unsafe fn tables<'a>(query: *mut Query) -> impl Iterator<Item = &'a RangeTblEntry> {
    // SAFETY: the range table of a query, whose entries nothing changes while one is looked at: lists and trees that they point to do.
    unsafe { nodes((*query).rtable).map(|entry| &*entry.cast::<RangeTblEntry>()) }
}

unsafe fn has_index(query: *mut Query) -> bool {
    // SAFETY: as the walk says. A view leaves its number in its sub-select, or in an entry of that.
    unsafe {
        tables(query).any(|entry| {
            entry.relid != pg_sys::InvalidOid && index_of(entry.relid).is_some()
                || entry.rtekind == RTEKind::RTE_FUNCTION && !is_of_native_functions(entry)
        })
    }
}

/// Whether the functions of an entry of FROM are none in SQL, whose text may take their place.
unsafe fn is_of_native_functions(entry: &RangeTblEntry) -> bool {
    // SAFETY: as the walk says.
    unsafe {
        nodes(entry.functions).all(|function| {
            let call = (*function.cast::<pg_sys::RangeTblFunction>()).funcexpr;
            (*call).type_ != NodeTag::T_FuncExpr || language((*call.cast::<pg_sys::FuncExpr>()).funcid) != SQL
        })
    }
}

/// Whether a function is in SQL.
///
/// # Safety
/// Within a transaction in which catalogs can be read.
pub unsafe fn is_in_sql(function: pg_sys::Oid) -> bool {
    // SAFETY: as the caller says.
    unsafe { language(function) == SQL }
}

unsafe fn language(function: pg_sys::Oid) -> u32 {
    // SAFETY: a look-up in the catalog; the row is released after it is read.
    unsafe {
        let row = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::PROCOID as i32,
            pg_sys::Datum::from(function),
        );
        if row.is_null() {
            return SQL;
        }
        let language = (*pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_proc>()).prolang;
        pg_sys::ReleaseSysCache(row);
        language.to_u32()
    }
}

/// Leaves of the policies of each table what holds for the principal: the names of namespaces alone are a condition that an
/// index takes, so that the graphs of hidden namespaces are not searched.
unsafe fn narrow(query: *mut Query) {
    // SAFETY: as the walk says.
    unsafe {
        for entry in tables(query) {
            for cell in cells(entry.securityQuals) {
                if let Some(names) = policy::names_alone(cell.ptr_value.cast()) {
                    cell.ptr_value = names.cast();
                }
            }
        }
    }
}

/// Changes the conditions of a query, without its sub-selects; false for a volatile one.
unsafe fn change(query: *mut Query, levels: &[*mut Query]) -> bool {
    // SAFETY: as the walk says.
    unsafe {
        let query = &mut *query;
        #[cfg(any(feature = "pg17", feature = "pg18"))]
        if !change_condition(&mut query.mergeJoinCondition, levels) {
            return false;
        }
        if let Some(conflict) = query.onConflict.as_mut()
            && !conflict.onConflictWhere.is_null()
        {
            conflict.onConflictWhere = unless_hidden(conflict.onConflictWhere, nodes(query.withCheckOptions));
        }
        change_condition(&mut query.havingQual, levels) && change_joins(query.jointree.cast(), levels)
    }
}

/// The condition of ON CONFLICT DO UPDATE for rows that the policies show, and true for others, so that the policies are asked about these, and
/// raise their error.
unsafe fn unless_hidden(condition: *mut Node, policies: impl Iterator<Item = *mut Node>) -> *mut Node {
    // SAFETY: options of a rewritten query, whose conditions are on the row that is there already, as the condition is; new nodes of
    // the server's, in the context of the query.
    unsafe {
        let mut place = condition;
        for option in policies {
            let option = &*option.cast::<pg_sys::WithCheckOption>();
            if option.kind != pg_sys::WCOKind::WCO_RLS_CONFLICT_CHECK {
                continue;
            }
            let mut when = pgrx::PgBox::<pg_sys::CaseWhen>::alloc_node(NodeTag::T_CaseWhen);
            when.expr = pg_sys::copyObjectImpl(option.qual.cast()).cast();
            when.result = place.cast();
            when.location = -1;
            let mut whens = PgList::<pg_sys::CaseWhen>::new();
            whens.push(when.into_pg());
            let mut case = pgrx::PgBox::<pg_sys::CaseExpr>::alloc_node(NodeTag::T_CaseExpr);
            case.casetype = pg_sys::BOOLOID;
            case.args = whens.into_pg();
            case.defresult = pg_sys::makeBoolConst(true, false).cast();
            case.location = -1;
            place = case.into_pg().cast();
        }
        place
    }
}

unsafe fn change_joins(node: *mut Node, levels: &[*mut Query]) -> bool {
    // SAFETY: a tree of joins, each node read as the type of its tag.
    unsafe {
        if node.is_null() {
            return true;
        }
        pg_sys::check_stack_depth();
        match (*node).type_ {
            NodeTag::T_FromExpr => {
                let from = &mut *node.cast::<pg_sys::FromExpr>();
                nodes(from.fromlist).all(|item| change_joins(item, levels))
                    && change_condition(&mut from.quals, levels)
            }
            NodeTag::T_JoinExpr => {
                let join = &mut *node.cast::<pg_sys::JoinExpr>();
                change_joins(join.larg, levels)
                    && change_joins(join.rarg, levels)
                    && change_condition(&mut join.quals, levels)
            }
            _ => true,
        }
    }
}

/// Changes a condition, or each that AND joins; false for a volatile one.
unsafe fn change_condition(place: &mut *mut Node, levels: &[*mut Query]) -> bool {
    // SAFETY: an expression of a query, each node read as the type of its tag.
    unsafe {
        let node = *place;
        if node.is_null() {
            return true;
        }
        pg_sys::check_stack_depth();
        match (*node).type_ {
            NodeTag::T_BoolExpr
                if (*node.cast::<pg_sys::BoolExpr>()).boolop == pg_sys::BoolExprType::AND_EXPR =>
            {
                return cells((*node.cast::<pg_sys::BoolExpr>()).args).iter_mut().all(|cell| {
                    let mut part = cell.ptr_value.cast();
                    let goes_on = change_condition(&mut part, levels);
                    cell.ptr_value = part.cast();
                    goes_on
                });
            }
            NodeTag::T_List => {
                return cells(node.cast()).iter_mut().all(|cell| {
                    let mut part = cell.ptr_value.cast();
                    let goes_on = change_condition(&mut part, levels);
                    cell.ptr_value = part.cast();
                    goes_on
                });
            }
            NodeTag::T_CurrentOfExpr => return true,
            _ => {}
        }
        if let Some(link) = sub_select(node) {
            // It becomes a join, or is a call of its own, which the server keeps behind the policies.
            if link.subLinkType == pg_sys::SubLinkType::EXISTS_SUBLINK
                || is_plain(link.testexpr, levels) && gives_columns(link.subselect.cast(), levels)
            {
                return true;
            }
        }
        if pg_sys::contain_volatile_functions(node) {
            return false;
        }
        if !is_harmless(node, levels) {
            *place = behind(node);
        }
        true
    }
}

/// The sub-select, if the condition as a whole is EXISTS, IN or ANY of one, or none of these.
unsafe fn sub_select<'a>(node: *mut Node) -> Option<&'a pg_sys::SubLink> {
    // SAFETY: each node is read as the type of its tag.
    unsafe {
        match (*node).type_ {
            NodeTag::T_BoolExpr => {
                let of = &*node.cast::<pg_sys::BoolExpr>();
                if of.boolop != pg_sys::BoolExprType::NOT_EXPR {
                    return None;
                }
                sub_select(nodes(of.args).next()?)
            }
            NodeTag::T_SubLink => {
                let link = &*node.cast::<pg_sys::SubLink>();
                let (exists, any) = (pg_sys::SubLinkType::EXISTS_SUBLINK, pg_sys::SubLinkType::ANY_SUBLINK);
                (link.subLinkType == exists || link.subLinkType == any).then_some(link)
            }
            _ => None,
        }
    }
}

/// Whether what a sub-select gives stays what it is when the condition becomes a join with its tables: columns, what is made of them
/// alone, or the result of a sub-select that stays one.
unsafe fn gives_columns(query: *mut Query, levels: &[*mut Query]) -> bool {
    // SAFETY: a query of the walk, and the targets in it.
    unsafe {
        let of = &*query;
        if !of.setOperations.is_null() {
            return false;
        }
        let stays = of.hasAggs
            || of.hasWindowFuncs
            || of.hasTargetSRFs
            || !of.groupClause.is_null()
            || !of.distinctClause.is_null()
            || !of.limitCount.is_null();
        let mut inner = levels.to_vec();
        inner.push(query);
        stays
            || nodes(of.targetList).all(|target| {
                let given: *mut Node = (*target.cast::<pg_sys::TargetEntry>()).expr.cast();
                is_column_or_constant(given, &inner)
                    || strict(given, &inner).is_some_and(|strict| strict.is_behind)
            })
    }
}

/// Whether an expression is a constant, or a column as of [`is_column`].
unsafe fn is_column_or_constant(node: *mut Node, levels: &[*mut Query]) -> bool {
    // SAFETY: each node is read as the type of its tag.
    unsafe {
        match (*node).type_ {
            NodeTag::T_Var => is_column(node.cast(), levels),
            NodeTag::T_RelabelType => {
                is_column_or_constant((*node.cast::<pg_sys::RelabelType>()).arg.cast(), levels)
            }
            NodeTag::T_Const | NodeTag::T_Param => true,
            _ => false,
        }
    }
}

/// The condition as an argument of a function that is not leakproof: a condition on columns stays behind the policies then, and one
/// without columns is evaluated once, before any row.
unsafe fn behind(node: *mut Node) -> *mut Node {
    // SAFETY: a function of the server's, of two booleans, strict and true where both are.
    unsafe {
        let yes = pg_sys::makeBoolConst(true, false);
        let mut arguments = PgList::<Node>::new();
        arguments.push(node);
        arguments.push(yes);
        pg_sys::makeFuncExpr(
            pg_sys::Oid::from(pg_sys::F_BOOLAND_STATEFUNC),
            pg_sys::BOOLOID,
            arguments.into_pg(),
            pg_sys::InvalidOid,
            pg_sys::InvalidOid,
            pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
        )
        .cast()
    }
}

/// Whether each part that AND, OR and NOT join tells of no hidden row, wherever the server puts it.
unsafe fn is_harmless(node: *mut Node, levels: &[*mut Query]) -> bool {
    // SAFETY: each node is read as the type of its tag.
    unsafe {
        pg_sys::check_stack_depth();
        match (*node).type_ {
            NodeTag::T_BoolExpr => {
                nodes((*node.cast::<pg_sys::BoolExpr>()).args).all(|part| is_harmless(part, levels))
            }
            _ => is_plain(node, levels) || strict(node, levels).is_some_and(|strict| strict.is_behind),
        }
    }
}

/// Whether nothing but leakproof functions is called.
unsafe fn is_plain(node: *mut Node, levels: &[*mut Query]) -> bool {
    // SAFETY: each node is read as the type of its tag.
    unsafe {
        if node.is_null() {
            return true;
        }
        pgrx::check_for_interrupts!();
        pg_sys::check_stack_depth();
        let all = |list| nodes(list).all(|part| is_plain(part, levels));
        match (*node).type_ {
            NodeTag::T_Const | NodeTag::T_Param | NodeTag::T_SQLValueFunction => true,
            NodeTag::T_Var => is_column(node.cast(), levels),
            NodeTag::T_RelabelType => is_plain((*node.cast::<pg_sys::RelabelType>()).arg.cast(), levels),
            NodeTag::T_NullTest => is_plain((*node.cast::<pg_sys::NullTest>()).arg.cast(), levels),
            NodeTag::T_BooleanTest => is_plain((*node.cast::<pg_sys::BooleanTest>()).arg.cast(), levels),
            NodeTag::T_BoolExpr => all((*node.cast::<pg_sys::BoolExpr>()).args),
            // An array of arrays raises an error if these are not of one size.
            NodeTag::T_ArrayExpr => {
                let array = &*node.cast::<pg_sys::ArrayExpr>();
                !array.multidims && all(array.elements)
            }
            NodeTag::T_List => all(node.cast()),
            _ => called(node).is_some_and(|(function, arguments)| {
                pg_sys::get_func_leakproof(function) && has_collation(node, arguments) && all(arguments)
            }),
        }
    }
}

/// Whether a call has a collation with which functions of texts that are leakproof raise no error. They do without one, which
/// two columns of different collations leave, and the server only finds as it runs the call; and `starts_with` does with one that is not
/// deterministic, which anybody may make.
unsafe fn has_collation(node: *mut Node, arguments: *mut pg_sys::List) -> bool {
    // SAFETY: a call, and its arguments; look-ups of types.
    unsafe {
        HARMLESS_COLLATIONS.contains(&pg_sys::exprInputCollation(node).to_u32())
            || !nodes(arguments).any(|argument| pg_sys::type_is_collatable(pg_sys::exprType(argument)))
    }
}

/// The function of a call or operator, and its arguments.
unsafe fn called(node: *mut Node) -> Option<(pg_sys::Oid, *mut pg_sys::List)> {
    // SAFETY: each node is read as the type of its tag.
    unsafe {
        Some(match (*node).type_ {
            NodeTag::T_FuncExpr => {
                let call = &*node.cast::<pg_sys::FuncExpr>();
                (call.funcid, call.args)
            }
            NodeTag::T_OpExpr | NodeTag::T_DistinctExpr | NodeTag::T_NullIfExpr => {
                let call = node.cast::<pg_sys::OpExpr>();
                pg_sys::set_opfuncid(call);
                ((*call).opfuncid, (*call).args)
            }
            NodeTag::T_ScalarArrayOpExpr => {
                let call = node.cast::<pg_sys::ScalarArrayOpExpr>();
                pg_sys::set_sa_opfuncid(call);
                ((*call).opfuncid, (*call).args)
            }
            _ => return None,
        })
    }
}

/// An expression of strict functions alone.
struct Strict {
    /// The expression has a column that planning leaves a column.
    has_column: bool,
    /// It gives a column to a function that is not leakproof, and stays so until it is null as a whole.
    is_behind: bool,
}

/// None for an expression of anything else, which planning may make another one.
unsafe fn strict(node: *mut Node, levels: &[*mut Query]) -> Option<Strict> {
    // SAFETY: each node is read as the type of its tag; look-ups of functions.
    unsafe {
        pgrx::check_for_interrupts!();
        pg_sys::check_stack_depth();
        let is_array = match (*node).type_ {
            NodeTag::T_Const | NodeTag::T_Param => {
                return Some(Strict { has_column: false, is_behind: false });
            }
            NodeTag::T_Var => {
                let has_column = stays_column(node.cast(), levels);
                return is_column(node.cast(), levels).then_some(Strict { has_column, is_behind: false });
            }
            NodeTag::T_RelabelType => {
                return strict((*node.cast::<pg_sys::RelabelType>()).arg.cast(), levels);
            }
            NodeTag::T_CoerceViaIO => {
                return strict((*node.cast::<pg_sys::CoerceViaIO>()).arg.cast(), levels);
            }
            NodeTag::T_ScalarArrayOpExpr => true,
            NodeTag::T_FuncExpr | NodeTag::T_OpExpr => false,
            _ => return None,
        };
        let (function, arguments) = called(node)?;
        if !matches!(language(function), INTERNAL | C) || !pg_sys::func_strict(function) {
            return None;
        }
        let mut of = Strict { has_column: false, is_behind: false };
        for (i, argument) in nodes(arguments).enumerate() {
            if is_array && i == 1 && !matches!((*argument).type_, NodeTag::T_Const | NodeTag::T_Param) {
                return None;
            }
            let part = strict(argument, levels)?;
            of.has_column |= part.has_column;
            of.is_behind |= part.is_behind;
        }
        // A function with a support function may be simplified away.
        of.is_behind |= of.has_column
            && !pg_sys::get_func_leakproof(function)
            && pg_sys::get_func_support(function) == pg_sys::InvalidOid;
        Some(of)
    }
}

/// The meaning of a variable in a condition.
enum Meaning<'a> {
    /// A column of an entry of the range table, and the queries around it, its own the innermost.
    Column(&'a RangeTblEntry, &'a [*mut Query]),
    /// An expression of a join or a sub-select, which takes its place, and the queries around that.
    Expr(*mut Node, Cow<'a, [*mut Query]>),
}

/// The meaning of a variable of the innermost of these queries; none where it is no single thing, as a row or a column of UNION.
unsafe fn meaning<'a>(var: &pg_sys::Var, levels: &'a [*mut Query]) -> Option<Meaning<'a>> {
    // SAFETY: a variable of the innermost of these queries.
    unsafe {
        let at = levels.len().checked_sub(1 + var.varlevelsup as usize)?;
        let levels = &levels[..=at];
        let entry = tables(levels[at]).nth((var.varno as usize).wrapping_sub(1))?;
        let column = |list| nodes(list).nth((var.varattno as usize).wrapping_sub(1));
        match entry.rtekind {
            RTEKind::RTE_JOIN | RTEKind::RTE_SUBQUERY if var.varattno <= 0 => None,
            RTEKind::RTE_JOIN => column(entry.joinaliasvars)
                .filter(|node| !node.is_null())
                .map(|node| Meaning::Expr(node, Cow::Borrowed(levels))),
            RTEKind::RTE_SUBQUERY if !(*entry.subquery).setOperations.is_null() => None,
            RTEKind::RTE_SUBQUERY => column((*entry.subquery).targetList).map(|target| {
                let mut inner = levels.to_vec();
                inner.push(entry.subquery);
                Meaning::Expr((*target.cast::<pg_sys::TargetEntry>()).expr.cast(), Cow::Owned(inner))
            }),
            _ => Some(Meaning::Column(entry, levels)),
        }
    }
}

/// Whether a variable stays a column of a table, or of a function or list that is evaluated by itself, when sub-selects are
/// replaced by their text.
unsafe fn is_column(var: *mut pg_sys::Var, levels: &[*mut Query]) -> bool {
    // SAFETY: a variable of the innermost of these queries.
    unsafe {
        pg_sys::check_stack_depth();
        match meaning(&*var, levels) {
            Some(Meaning::Expr(node, levels)) => is_column_or_constant(node, &levels),
            Some(Meaning::Column(entry, levels)) => match entry.rtekind {
                RTEKind::RTE_RELATION => true,
                RTEKind::RTE_FUNCTION => is_of_native_functions(entry),
                RTEKind::RTE_VALUES => {
                    let list: *const RangeTblEntry = entry;
                    if let Some(known) = LISTS.with_borrow(|lists| lists.get(&list).copied()) {
                        return known;
                    }
                    let is_plain = nodes(entry.values_lists).all(|row| {
                        pgrx::check_for_interrupts!();
                        nodes(row.cast()).all(|value| is_column_or_constant(value, levels))
                    });
                    LISTS
                        .with_borrow_mut(|lists| lists.room_for(1).map(|()| lists.insert(list, is_plain)))
                        .or_raise();
                    is_plain
                }
                _ => false,
            },
            None => false,
        }
    }
}

/// Whether a variable, a column as of [`is_column`], is one of a table when the statement runs. One of a sub-select or of a list of values may be
/// a constant, which takes its place; so may the result of a function in FROM.
unsafe fn stays_column(var: *mut pg_sys::Var, levels: &[*mut Query]) -> bool {
    // SAFETY: a variable of the innermost of these queries.
    unsafe {
        pg_sys::check_stack_depth();
        let var = &*var;
        match meaning(var, levels) {
            Some(Meaning::Expr(node, levels)) => {
                (*node).type_ == NodeTag::T_Var && stays_column(node.cast(), &levels)
            }
            // One that is generated as it is read stands for its expression.
            Some(Meaning::Column(entry, _)) => {
                entry.rtekind == RTEKind::RTE_RELATION
                    && var.varattno > 0
                    && pg_sys::get_attgenerated(entry.relid, var.varattno) as u8 != b'v'
            }
            None => false,
        }
    }
}
