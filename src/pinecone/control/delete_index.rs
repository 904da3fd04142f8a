//! `pc_delete_index`: the registry row and the table go together.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use crate::pinecone::registry::{DEFAULT_PROJECT, not_found, table};
use crate::pinecone::server::statement::{Mode, Param, run, run_once};
use crate::raise::raise;
use conifer_pure::Fault;
use conifer_pure::fault::state::OBJECT_IN_USE;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_delete_index(name: Option<&str>) {
    let name = name.unwrap_or_default();
    let sql = format!(
        "DELETE FROM pc.index_reg
          WHERE project_id OPERATOR(pg_catalog.=) '{DEFAULT_PROJECT}'::pg_catalog.uuid
            AND name OPERATOR(pg_catalog.=) $1
         RETURNING index_id, deletion_protection"
    );
    let deleted = run(Mode::Write, &sql, &[Param::text(name)], |rows| {
        (rows.count > 0).then(|| {
            (rows.get::<i32>(0, 0).unwrap_or_default(), rows.get::<String>(0, 1).unwrap_or_default())
        })
    });
    let Some((id, protection)) = deleted else { not_found(name) };
    // the error takes the DELETE back
    if protection == "enabled" {
        raise(Fault::new(OBJECT_IN_USE, format!("index \"{name}\" is protected from deletion")).hint(
            "Call pc_configure_index with deletion_protection => 'disabled' before deleting the index.",
        ));
    }
    // no CASCADE: a user's view or foreign key on the table is not ours to drop; IF EXISTS: one who
    // dropped the table by hand must be able to clear the registry
    run_once(&format!("DROP TABLE IF EXISTS {}", table(id)));
}
