//! A user's table becomes an index: what is put on it, and the view of it.
//!
//! All of it is named after the index's number, by which [`super::release`] finds it again.

use super::name::moved;
use super::source::Source;
use crate::pg::spi::{Mode, Param, run, run_once};
use crate::pinecone::access::elevate::{OWNER, as_superuser};
use crate::pinecone::access::judge::policy;
use crate::pinecone::control::index_table::{self, Graph};
use crate::pinecone::registry::table;
use conifer_pure::pinecone::index::spec::Definition;
use pgrx::Uuid;

/// The name of something that belongs to an index and stands on a user's table.
pub fn name(index: i32, what: &str) -> String {
    format!("conifer_{index}_{what}")
}

/// Makes a table the one of an index.
///
/// # Errors
/// Raises what a row is against the rules of records with, and 55000 if the table was moved meanwhile.
pub fn adopt(
    source: &Source,
    project: Uuid,
    index: i32,
    home: &str,
    extension: &str,
    definition: &Definition,
    fields: Option<&str>,
) {
    let Source { table: of, id, vector, metadata, namespace, .. } = source;
    let named = |what: &str| name(index, what);
    let owner = OWNER.to_string_lossy();
    let mut columns = vec![&**id, vector, metadata];
    columns.extend(namespace.as_deref());
    let columns = columns.join(", ");
    // No statement here runs code of the table's owner: CREATE INDEX runs as that owner, the constraints and policies are ours.
    as_superuser(|| {
        run_once(&format!(
            "ALTER TABLE {of} ADD CONSTRAINT {id_valid} CHECK (pc.check_id({id})), {namespace_valid}
                ADD CONSTRAINT {values_valid} CHECK ({values_check}({id}, {vector})),
                ADD CONSTRAINT {metadata_valid} CHECK (pc.check_metadata({id}, {metadata}))",
            id_valid = named("id_valid"),
            namespace_valid = namespace.as_ref().map_or_else(String::new, |column| {
                format!("ADD CONSTRAINT {} CHECK (pc.check_namespace({column})),", named("namespace_valid"))
            }),
            values_valid = named("values_valid"),
            values_check = index_table::values_check(definition.metric),
            metadata_valid = named("metadata_valid"),
        ));
        let graph =
            Graph { table: of, namespace: namespace.as_deref(), vector, metadata, home, extension, fields };
        graph.create(&named("graph"), &named("filter"), definition);
        // as far as the view goes, and no further
        run_once(&format!(
            "GRANT SELECT ({columns}), INSERT ({columns}), UPDATE ({columns}), DELETE ON {of} TO {owner}"
        ));
        // Others may what they may without policies. conifer_owner acts for the principal that the view is asked by.
        let (read, write) =
            policy::conditions(project, index, namespace.as_deref().unwrap_or("''::pg_catalog.text"));
        run_once(&format!("ALTER TABLE {of} ENABLE ROW LEVEL SECURITY"));
        run_once(&format!("CREATE POLICY {} ON {of} USING (true) WITH CHECK (true)", named("others")));
        for (what, rule) in [
            ("reading", format!("FOR SELECT TO {owner} USING ({read})")),
            ("inserting", format!("FOR INSERT TO {owner} WITH CHECK ({write})")),
            ("updating", format!("FOR UPDATE TO {owner} USING ({write}) WITH CHECK ({write})")),
            ("deleting", format!("FOR DELETE TO {owner} USING ({write})")),
        ] {
            run_once(&format!("CREATE POLICY {} ON {of} AS RESTRICTIVE {rule}", named(what)));
        }
        let view = table(index);
        let space = namespace.as_deref().unwrap_or("''::pg_catalog.text COLLATE pg_catalog.\"C\"");
        run_once(&format!(
            "CREATE VIEW {view} (namespace, id, \"values\", sparse_values, metadata) AS
                SELECT {space}, {id}, {vector}, NULL::{home}.sparsevec, {metadata} FROM {of}"
        ));
        run_once(&format!("ALTER VIEW {view} OWNER TO {owner}"));
    });
    verify(source, index);
}

/// Checks that all was put on the table that was looked at.
fn verify(source: &Source, index: i32) {
    let sql = "SELECT FROM pg_catalog.pg_constraint
                WHERE conrelid OPERATOR(pg_catalog.=) $1 AND conname OPERATOR(pg_catalog.=) $2
                  AND pc.source_of($3::pg_catalog.regclass::pg_catalog.oid) OPERATOR(pg_catalog.=) $1
                  AND EXISTS (SELECT FROM pg_catalog.pg_policy
                               WHERE polrelid OPERATOR(pg_catalog.=) $1 AND polname OPERATOR(pg_catalog.=) $4)
                  AND (SELECT relrowsecurity FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) $1)";
    let view = table(index);
    let params = [
        Param::oid(source.oid),
        Param::name(&name(index, "metadata_valid")),
        Param::text(&*view),
        Param::name(&name(index, "deleting")),
    ];
    if as_superuser(|| run(Mode::Write, sql, &params, |rows| rows.count)) == 0 {
        moved(&source.table);
    }
}
