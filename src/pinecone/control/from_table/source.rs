//! The user's table: what it must be to serve as an index, and how its columns are mapped.
#![allow(unsafe_code)]

use super::name;
use crate::pg::error::raise;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::judge::attempt::Attempt;
use crate::pinecone::access::judge::foreign_code::{self, Code};
use conifer_pure::Fault;
use conifer_pure::fault::quoted;
use conifer_pure::fault::state::{
    DATATYPE_MISMATCH, DUPLICATE_OBJECT, FEATURE_NOT_SUPPORTED, INSUFFICIENT_PRIVILEGE,
    INVALID_PARAMETER_VALUE, OBJECT_NOT_IN_PREREQUISITE_STATE, UNDEFINED_COLUMN, UNDEFINED_TABLE,
    WRONG_OBJECT_TYPE,
};
use conifer_pure::pinecone::index::storage::Storage;
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;

/// The names of columns, as far as they are given.
#[derive(Clone, Copy, Default)]
pub struct Given<'a> {
    /// `id` if absent.
    pub id: Option<&'a str>,
    /// `values` if absent, or `embedding` where there is none.
    pub vector: Option<&'a str>,
    /// `metadata` if absent.
    pub metadata: Option<&'a str>,
    /// `namespace` if absent, or none where there is none.
    pub namespace: Option<&'a str>,
}

impl Given<'_> {
    /// Whether any is given.
    pub fn is_any(&self) -> bool {
        [self.id, self.vector, self.metadata, self.namespace].iter().any(Option::is_some)
    }
}

/// A table that can serve as an index. Names are quoted for SQL.
pub struct Source {
    /// The table.
    pub oid: pg_sys::Oid,
    /// Its name, with its schema's.
    pub table: String,
    /// The column of ids.
    pub id: String,
    /// The column of vectors.
    pub vector: String,
    /// The column of metadata.
    pub metadata: String,
    /// The column of namespaces, if there is one.
    pub namespace: Option<String>,
    /// The type of the vectors.
    pub storage: Storage,
    /// Elements of each vector.
    pub dimension: i32,
}

/// A column as the catalog has it.
struct Column {
    quoted: String,
    number: i16,
    /// The type as SQL has it, with its modifier.
    type_name: String,
    /// The type's name alone, and its schema, quoted.
    kind: (String, String),
    modifier: i32,
    is_not_null: bool,
    is_generated: bool,
    /// Sorts by bytes.
    is_c: bool,
}

impl Source {
    /// Locks a table of the caller's against all others, and looks at it. `home` is the schema of the types.
    ///
    /// # Errors
    /// As [`name::hold`], and raises 42P01 if it is gone, 42501 unless the caller owns it, 42809 for what is no ordinary table, 42703, 42804 and 55000 for
    /// code that nobody answers for and for columns that are not as they must be, with a hint that says what to ALTER.
    pub fn find(attempt: &Attempt<'_>, table: pg_sys::Oid, given: Given<'_>, home: &str) -> Self {
        let gone = || {
            raise(Fault::new(UNDEFINED_TABLE, format!("table with OID {} does not exist", table.to_u32())))
        };
        // before the lock, which is not for others to take
        let Some((is_owned, name)) = owned(table) else { gone() };
        if !is_owned {
            attempt.refuse(Fault::new(INSUFFICIENT_PRIVILEGE, format!("must be owner of table {name}")));
        }
        // SAFETY: within a transaction, which releases the lock; a table that is gone may be locked all the same.
        unsafe { pg_sys::LockRelationOid(table, pg_sys::AccessExclusiveLock as i32) };
        let Some((true, name)) = owned(table) else { gone() };
        require_plain(table, &name);
        let Some(name) = name::hold(table) else { gone() };
        require_trusted(table, &name);
        let column = |given: Option<&str>, others: &[&str]| match given {
            Some(column) => Column::find(table, column),
            None => others.iter().find_map(|column| Column::find(table, column)),
        };
        let missing = |what: &str, argument: &str, given: Option<&str>, usual: &str, add: &str| -> ! {
            let column = given.unwrap_or(usual);
            let fault = format!("table {name} has no column {} for {what}", quoted(column));
            raise(Fault::new(UNDEFINED_COLUMN, fault).hint(format!(
                "Name the column with {argument} => '…'{}",
                if add.is_empty() { ".".into() } else { format!(", or add one: ALTER TABLE {name} {add};") }
            )))
        };
        let id = column(given.id, &["id"]).unwrap_or_else(|| missing("ids", "id_column", given.id, "id", ""));
        let vector = column(given.vector, &["values", "embedding"])
            .unwrap_or_else(|| missing("vectors", "vector_column", given.vector, "embedding", ""));
        let metadata = column(given.metadata, &["metadata"]).unwrap_or_else(|| {
            let add = format!(
                "ADD COLUMN {} jsonb NOT NULL DEFAULT '{{}}'",
                quote_identifier(given.metadata.unwrap_or("metadata"))
            );
            missing("metadata", "metadata_column", given.metadata, "metadata", &add)
        });
        let namespace = column(given.namespace, &["namespace"]);
        if namespace.is_none() && given.namespace.is_some() {
            missing("namespaces", "namespace_column", given.namespace, "namespace", "");
        }
        let mut all = vec![id.number, vector.number, metadata.number];
        all.extend(namespace.iter().map(|column| column.number));
        all.sort_unstable();
        if all.windows(2).any(|pair| pair[0] == pair[1]) {
            raise(Fault::new(INVALID_PARAMETER_VALUE, "one column cannot serve as two of an index's"));
        }
        id.require_text(&name, "id_column");
        metadata.require(&name, "metadata_column", "jsonb", "");
        namespace.iter().for_each(|column| column.require_text(&name, "namespace_column"));
        let (storage, dimension) = vector.vectors(&name, home);
        for (column, default) in
            [(Some(&id), ""), (Some(&vector), ""), (Some(&metadata), "'{}'"), (namespace.as_ref(), "''")]
        {
            column.iter().for_each(|column| column.require_filled(&name, default));
        }
        require_key(table, &name, &id, namespace.as_ref());
        Self {
            oid: table,
            table: name,
            id: id.quoted,
            vector: vector.quoted,
            metadata: metadata.quoted,
            namespace: namespace.map(|column| column.quoted),
            storage,
            dimension,
        }
    }

    /// Columns that a new record leaves out and that take no NULL, as a list; none if there are none.
    pub fn others_wanted(&self) -> Option<String> {
        let sql = "SELECT pg_catalog.string_agg(pg_catalog.quote_ident(attname), ', ' ORDER BY attnum) FROM pg_catalog.pg_attribute
                    WHERE attrelid OPERATOR(pg_catalog.=) $1 AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped AND attnotnull
                      AND NOT atthasdef AND attidentity OPERATOR(pg_catalog.=) ''
                      AND pg_catalog.quote_ident(attname) OPERATOR(pg_catalog.<>) ALL ($2)";
        let mut mapped = vec![&*self.id, &*self.vector, &*self.metadata];
        mapped.extend(self.namespace.as_deref());
        let params = [Param::oid(self.oid), Param::texts(Some(&mapped))];
        run(Mode::Write, sql, &params, |rows| rows.get::<String>(0, 0))
    }
}

/// Whether the caller owns a table, and its name; none if it is gone.
fn owned(table: pg_sys::Oid) -> Option<(bool, String)> {
    let sql = "SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE'),
                      CASE WHEN c.relpersistence OPERATOR(pg_catalog.=) 't' THEN pg_catalog.quote_ident(c.relname)
                           ELSE pg_catalog.format('%I.%I', n.nspname, c.relname) END
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                WHERE c.oid OPERATOR(pg_catalog.=) $1";
    run(Mode::Write, sql, &[Param::oid(table)], |rows| {
        (rows.count > 0).then(|| (rows.get(0, 0) == Some(true), rows.get(0, 1).unwrap_or_default()))
    })
}

/// Refuses what is no ordinary table of its own, has policies already, or is an index.
fn require_plain(table: pg_sys::Oid, name: &str) {
    let sql = "SELECT c.relkind::pg_catalog.text, c.relpersistence OPERATOR(pg_catalog.=) 't', c.relrowsecurity,
                      EXISTS (SELECT FROM pg_catalog.pg_inherits
                               WHERE inhrelid OPERATOR(pg_catalog.=) c.oid OR inhparent OPERATOR(pg_catalog.=) c.oid),
                      n.nspname OPERATOR(pg_catalog.=) ANY ('{pg_catalog,information_schema,pg_toast,pc,pc_auth,pc_data}')
                         OR EXISTS (SELECT FROM pg_catalog.pg_depend
                                     WHERE classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
                                       AND objid OPERATOR(pg_catalog.=) c.oid AND deptype OPERATOR(pg_catalog.=) 'e'),
                      EXISTS (SELECT FROM pg_catalog.pg_depend d
                                JOIN pg_catalog.pg_rewrite w ON w.oid OPERATOR(pg_catalog.=) d.objid
                                JOIN pg_catalog.pg_class v ON v.oid OPERATOR(pg_catalog.=) w.ev_class
                               WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid
                                 AND d.refobjid OPERATOR(pg_catalog.=) c.oid
                                 AND v.relnamespace OPERATOR(pg_catalog.=) 'pc_data'::pg_catalog.regnamespace::pg_catalog.oid)
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                WHERE c.oid OPERATOR(pg_catalog.=) $1";
    let (kind, [temporary, secured, inherits, system, taken]) =
        run(Mode::Write, sql, &[Param::oid(table)], |rows| {
            (
                rows.get::<String>(0, 0).unwrap_or_default(),
                [1, 2, 3, 4, 5].map(|i| rows.get::<bool>(0, i) != Some(false)),
            )
        });
    let wrong = |what: &str, hint: &str| {
        raise(Fault::new(WRONG_OBJECT_TYPE, format!("{name} is {what}, which cannot be an index")).hint(hint))
    };
    const OWN: &str = "from_table takes an ordinary table.";
    match &*kind {
        "r" => {}
        "v" | "m" => wrong("a view", "from_table takes an ordinary table: name the one behind the view."),
        "p" => wrong(
            "a partitioned table",
            "Make an index of each partition's rows, or of a table that holds them all.",
        ),
        "f" => wrong("a foreign table", "Make the index on the server that holds the table."),
        _ => wrong("no table", OWN),
    }
    if temporary {
        wrong("a temporary table", OWN);
    }
    if system {
        wrong("a table of the server, of an extension or of an index", OWN);
    }
    if inherits {
        wrong("a table that inherits or is inherited from", OWN);
    }
    if taken {
        raise(
            Fault::new(DUPLICATE_OBJECT, format!("table {name} is an index already"))
                .hint("pc_list_indexes() shows it, with the table in source_table."),
        );
    }
    if secured {
        raise(Fault::new(
            OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("table {name} has row-level security, which an index has policies of its own for"),
        )
        .hint(format!("ALTER TABLE {name} DISABLE ROW LEVEL SECURITY; roles other than API keys and people keep their privileges.")));
    }
}

/// Refuses a table with code that would run with the rights of whoever reads the index or writes to it.
fn require_trusted(table: pg_sys::Oid, name: &str) {
    if let Some(Code { what, hint }) = foreign_code::on(table) {
        let message = format!("{what} would run with the rights of those who use an index of table {name}");
        raise(Fault::new(OBJECT_NOT_IN_PREREQUISITE_STATE, message).hint(hint));
    }
}

/// Refuses a table without a unique key over exactly the columns that tell records apart.
fn require_key(table: pg_sys::Oid, name: &str, id: &Column, namespace: Option<&Column>) {
    let sql = "SELECT FROM pg_catalog.pg_index
                WHERE indrelid OPERATOR(pg_catalog.=) $1 AND indisunique AND indimmediate AND indisvalid AND indisready
                  AND indpred IS NULL AND indexprs IS NULL AND indnkeyatts OPERATOR(pg_catalog.=) pg_catalog.cardinality($2)
                  AND (indkey::pg_catalog.int2[])[0:indnkeyatts OPERATOR(pg_catalog.-) 1] OPERATOR(pg_catalog.@>) $2";
    let mut columns: Vec<&Column> = namespace.into_iter().collect();
    columns.push(id);
    let numbers = columns.iter().map(|column| column.number).collect::<Vec<_>>();
    let params = [Param::oid(table), Param::of(pg_sys::INT2ARRAYOID, numbers.into_datum())];
    if run(Mode::Write, sql, &params, |rows| rows.count) == 0 {
        let list = columns.iter().map(|column| &*column.quoted).collect::<Vec<_>>().join(", ");
        raise(
            Fault::new(
                OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!("table {name} has no primary key or unique constraint on ({list})"),
            )
            .hint(format!("ALTER TABLE {name} ADD UNIQUE ({list});")),
        );
    }
}

impl Column {
    fn find(table: pg_sys::Oid, column: &str) -> Option<Self> {
        let sql = "SELECT pg_catalog.quote_ident(a.attname), a.attnum, pg_catalog.format_type(a.atttypid, a.atttypmod),
                          pg_catalog.quote_ident(n.nspname), t.typname::pg_catalog.text, a.atttypmod, a.attnotnull,
                          a.attgenerated OPERATOR(pg_catalog.<>) '' OR a.attidentity OPERATOR(pg_catalog.<>) '',
                          a.attcollation OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog.\"C\"', 'pg_catalog.\"POSIX\"']::pg_catalog.regcollation[]::pg_catalog.oid[])
                              OR a.attcollation OPERATOR(pg_catalog.=) 'pg_catalog.\"default\"'::pg_catalog.regcollation::pg_catalog.oid
                                 AND EXISTS (SELECT FROM pg_catalog.pg_database d
                                              WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
                                                AND d.datlocprovider OPERATOR(pg_catalog.=) 'c'
                                                AND d.datcollate OPERATOR(pg_catalog.=) ANY ('{C,POSIX}'))
                     FROM pg_catalog.pg_attribute a
                     JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
                     JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
                    WHERE a.attrelid OPERATOR(pg_catalog.=) $1 AND a.attname OPERATOR(pg_catalog.=) $2
                      AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped";
        run(Mode::Write, sql, &[Param::oid(table), Param::name(column)], |rows| {
            let text = |column| rows.get::<String>(0, column).unwrap_or_default();
            (rows.count > 0).then(|| Self {
                quoted: text(0),
                number: rows.get(0, 1).unwrap_or_default(),
                type_name: text(2),
                kind: (text(3), text(4)),
                modifier: rows.get(0, 5).unwrap_or(-1),
                is_not_null: rows.get(0, 6) == Some(true),
                is_generated: rows.get(0, 7) != Some(false),
                is_c: rows.get(0, 8) == Some(true),
            })
        })
    }

    /// Refuses a column of another type.
    fn require(&self, table: &str, argument: &str, kind: &str, using: &str) {
        if self.kind != ("pg_catalog".into(), kind.into()) {
            let (wanted, column, is) = (kind, &self.quoted, &self.type_name);
            raise(
                Fault::new(DATATYPE_MISMATCH, format!("column {column} of table {table} is of type {is}, not {wanted}"))
                    .hint(format!(
                        "ALTER TABLE {table} ALTER COLUMN {column} TYPE {wanted}{using}; or name another column with {argument} => '…'."
                    )),
            );
        }
    }

    /// Refuses a column that is no text in the order of bytes, in which Pinecone lists.
    fn require_text(&self, table: &str, argument: &str) {
        self.require(table, argument, "text", " COLLATE \"C\"");
        if !self.is_c {
            let column = &self.quoted;
            raise(
                Fault::new(
                    DATATYPE_MISMATCH,
                    format!("column {column} of table {table} does not sort in the order of bytes, as ids and namespaces do"),
                )
                .hint(format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE text COLLATE \"C\";")),
            );
        }
    }

    /// How the column stores vectors, and how many elements each has.
    fn vectors(&self, table: &str, home: &str) -> (Storage, i32) {
        let storage =
            ["vector", "halfvec"].into_iter().find(|name| (&*self.kind.0, &*self.kind.1) == (home, *name));
        let Some(storage) = storage.and_then(|name| Storage::from_name(name).ok()) else {
            let (column, is) = (&self.quoted, &self.type_name);
            raise(
                Fault::new(
                    DATATYPE_MISMATCH,
                    format!("column {column} of table {table} is of type {is}, not vector or halfvec"),
                )
                .hint(format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE vector(…), or name another with vector_column => '…'.")),
            )
        };
        if self.modifier < 1 {
            let (column, is) = (&self.quoted, storage.name());
            raise(
                Fault::new(
                    DATATYPE_MISMATCH,
                    format!("column {column} of table {table} does not have dimensions"),
                )
                .hint(format!(
                    "ALTER TABLE {table} ALTER COLUMN {column} TYPE {is}(…), with the number of dimensions."
                )),
            );
        }
        (storage, self.modifier)
    }

    /// Refuses a column that can be empty, or that takes no values.
    fn require_filled(&self, table: &str, default: &str) {
        let column = &self.quoted;
        if self.is_generated {
            raise(
                Fault::new(
                    FEATURE_NOT_SUPPORTED,
                    format!("column {column} of table {table} is generated, and an index writes its columns"),
                )
                .hint(format!("ALTER TABLE {table} ALTER COLUMN {column} DROP EXPRESSION;")),
            );
        }
        if !self.is_not_null {
            let default = if default.is_empty() {
                String::new()
            } else {
                format!("UPDATE {table} SET {column} = {default} WHERE {column} IS NULL; ")
            };
            raise(
                Fault::new(
                    OBJECT_NOT_IN_PREREQUISITE_STATE,
                    format!("column {column} of table {table} can be null"),
                )
                .hint(format!("{default}ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL;")),
            );
        }
    }
}
