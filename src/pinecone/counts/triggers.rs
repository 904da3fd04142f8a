//! The triggers on an index's table that tell of records which come and go, and those that keep foreign numbers out of ours.
#![allow(unsafe_code)]

use super::changes;
use crate::pg::error::raise;
use crate::pg::spi::{Mode, Param, is_ours, run, run_once, write_now};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::{OWNER, as_owner, role_named};
use conifer_pure::Fault;
use conifer_pure::fault::state::{DATATYPE_MISMATCH, INSUFFICIENT_PRIVILEGE};
use pgrx::prelude::*;
use std::ffi::CStr;

/// A trigger that tells of records.
pub struct Own {
    name: &'static CStr,
    /// What it is called for, of a table `{}`.
    event: &'static str,
    /// The same in `pg_trigger`.
    kind: u32,
}

/// The triggers of each table that tell of its records. Others with the same function tell nothing: a record must not count twice.
pub const OWN: [Own; 3] = [
    Own {
        name: c"count_records",
        event: "AFTER INSERT OR DELETE ON {} FOR EACH ROW",
        kind: pg_sys::TRIGGER_TYPE_ROW | pg_sys::TRIGGER_TYPE_INSERT | pg_sys::TRIGGER_TYPE_DELETE,
    },
    Own {
        name: c"count_moved",
        event: "AFTER UPDATE ON {} FOR EACH ROW WHEN (OLD.namespace IS DISTINCT FROM NEW.namespace)",
        kind: pg_sys::TRIGGER_TYPE_ROW | pg_sys::TRIGGER_TYPE_UPDATE,
    },
    Own {
        name: c"count_truncated",
        event: "AFTER TRUNCATE ON {} FOR EACH STATEMENT",
        kind: pg_sys::TRIGGER_TYPE_TRUNCATE,
    },
];

impl Own {
    fn name(&self) -> &'static str {
        self.name.to_str().unwrap_or_default()
    }
}

/// SQL for the condition that a row of `pg_trigger` is one of them.
pub fn are_own() -> String {
    let own: Vec<String> = OWN.iter().map(|own| format!("('{}', {})", own.name(), own.kind)).collect();
    format!(
        "tgfoid OPERATOR(pg_catalog.=) 'pc.count_records'::pg_catalog.regproc AND EXISTS (
             SELECT FROM (VALUES {}) AS own (name, kind)
              WHERE own.name::pg_catalog.name OPERATOR(pg_catalog.=) tgname AND own.kind OPERATOR(pg_catalog.=) tgtype)",
        own.join(", ")
    )
}

/// Puts the triggers on a table, as its owner. They are called also where a subscription applies rows.
pub fn create(table: &str) {
    for own in OWN {
        let (name, what) = (own.name(), own.event.replace("{}", table));
        run_once(&format!("CREATE TRIGGER {name} {what} EXECUTE FUNCTION pc.count_records()"));
        run_once(&format!("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"));
    }
}

/// Makes the triggers of a table again, unless they are as they should be: where a restore has switched triggers off and on, they are
/// not called by subscriptions any more.
pub fn repair(table: &str) {
    let sql = format!(
        "SELECT FROM pg_catalog.pg_class c
          WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid
            AND c.relkind OPERATOR(pg_catalog.=) 'r'
            AND c.relowner OPERATOR(pg_catalog.=) 'conifer_owner'::pg_catalog.regrole::pg_catalog.oid
            AND (SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger
                  WHERE tgrelid OPERATOR(pg_catalog.=) c.oid AND tgenabled OPERATOR(pg_catalog.=) 'A'
                    AND {}) OPERATOR(pg_catalog.<>) {}",
        are_own(),
        OWN.len()
    );
    as_owner(|| {
        if run(Mode::Write, &sql, &[Param::text(table)], |rows| rows.count) > 0 {
            for own in OWN {
                run_once(&format!("DROP TRIGGER IF EXISTS {} ON {table}", own.name()));
            }
            create(table);
        }
    });
}

/// The trigger's data.
///
/// # Errors
/// Raises 42501 where no trigger calls, or one of a table that is not ours: what is done here is more than its owner may.
fn data<'a>(
    fcinfo: pg_sys::FunctionCallInfo,
    is_ours: impl FnOnce(&pg_sys::RelationData) -> bool,
) -> &'a pg_sys::TriggerData {
    // SAFETY: a trigger's context is its TriggerData, with an open table, which outlives the call.
    unsafe {
        let context = (*fcinfo).context;
        if !context.is_null() && (*context).type_ == pg_sys::NodeTag::T_TriggerData {
            let data = &*context.cast::<pg_sys::TriggerData>();
            if is_ours(&*data.tg_relation) {
                return data;
            }
        }
    }
    raise(Fault::new(
        INSUFFICIENT_PRIVILEGE,
        "this function serves the triggers of tables of conifer_owner only",
    ))
}

/// Whether a table lies in a schema of ours and belongs to `conifer_owner`.
fn is_of(relation: &pg_sys::RelationData, schema: &CStr) -> bool {
    // SAFETY: an open table.
    let row = unsafe { &*relation.rd_rel };
    row.relnamespace == catalog::schema(schema) && row.relowner == role_named(OWNER)
}

#[pg_extern(sql = false)]
fn count_records(fcinfo: pg_sys::FunctionCallInfo) {
    // of a table that this transaction has changed, it has been asked before
    let data = data(fcinfo, |relation| changes::has(relation.rd_id) || is_of(relation, c"pc_data"));
    // SAFETY: the table is open, and the trigger has a name.
    let (table, name, kind) = unsafe {
        let trigger = &*data.tg_trigger;
        ((*data.tg_relation).rd_id, CStr::from_ptr(trigger.tgname), trigger.tgtype)
    };
    if !OWN.iter().any(|own| own.name == name && own.kind == kind as u32) {
        return;
    }
    match data.tg_event & pg_sys::TRIGGER_EVENT_OPMASK {
        pg_sys::TRIGGER_EVENT_INSERT => told(data, data.tg_trigtuple, 1),
        pg_sys::TRIGGER_EVENT_DELETE => told(data, data.tg_trigtuple, -1),
        pg_sys::TRIGGER_EVENT_UPDATE => {
            told(data, data.tg_trigtuple, -1);
            told(data, data.tg_newtuple, 1);
        }
        _ => {
            let sql = "DELETE FROM pc.record_count WHERE relid OPERATOR(pg_catalog.=) $1";
            as_owner(|| write_now(sql, &[Param::oid(table)], |_| ()));
            changes::emptied(table);
        }
    }
}

/// A record has come or gone.
fn told(data: &pg_sys::TriggerData, tuple: pg_sys::HeapTuple, records: i64) {
    // SAFETY: a tuple of the open table's descriptor. The text is read before the call ends.
    unsafe {
        let relation = &*data.tg_relation;
        let column = pg_sys::SPI_fnumber(relation.rd_att, c"namespace".as_ptr());
        let mut is_null = false;
        if column <= 0 || pg_sys::SPI_gettypeid(relation.rd_att, column) != pg_sys::TEXTOID {
            raise(Fault::new(
                DATATYPE_MISMATCH,
                "column \"namespace\" of an index's table must be of type text",
            ));
        }
        let datum = pg_sys::SPI_getbinval(tuple, relation.rd_att, column, &mut is_null);
        // A namespace that is null, which only a table can have that was altered, is counted nowhere.
        if let Some(namespace) = <&str>::from_datum(datum, is_null) {
            changes::note(relation.rd_id, namespace, records);
        }
    }
}

/// Before a row of ours where another server's would be applied: each server keeps its own numbers, of tables that have other
/// numbers there. Returns the address of the row to write, 0 for none, as a trigger before a row does.
#[pg_extern(sql = false)]
fn keep_own_counts(fcinfo: pg_sys::FunctionCallInfo) -> i64 {
    let data = data(fcinfo, |relation| is_of(relation, c"pc"));
    let row = if data.tg_newtuple.is_null() { data.tg_trigtuple } else { data.tg_newtuple };
    if is_ours() { row as i64 } else { 0 }
}
