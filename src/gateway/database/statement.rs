//! The statements that the gateway has: calls of Conifer's functions, which judge what the key may do. They are constants; what
//! callers send is in their parameters.

/// A statement. Its number is its name in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // each is the function of its name
pub enum Statement {
    Query,
    Upsert,
    Fetch,
    FetchByMetadata,
    Update,
    Delete,
    List,
    Stats,
    ListNamespaces,
    DescribeNamespace,
    CreateNamespace,
    DeleteNamespace,
    CreateIndex,
    ListIndexes,
    DescribeIndex,
    ConfigureIndex,
    DeleteIndex,
    OnlyIndex,
}

/// How many there are.
pub const COUNT: usize = Statement::OnlyIndex as usize + 1;

/// The columns that an index is described by.
const DESCRIPTION: &str = "name, dimension, metric, vector_type, status, ready, deletion_protection, tags, spec, schema, \
                           deployment, read_capacity";

impl Statement {
    /// Its place among all.
    pub fn number(self) -> usize {
        self as usize
    }

    /// Its name in a session.
    pub fn name(self) -> String {
        format!("s{}", self.number())
    }

    /// Whether it writes, so that the caller is told up to where.
    pub fn writes(self) -> bool {
        matches!(
            self,
            Self::Upsert
                | Self::Update
                | Self::Delete
                | Self::CreateNamespace
                | Self::DeleteNamespace
                | Self::CreateIndex
                | Self::ConfigureIndex
                | Self::DeleteIndex
        )
    }

    /// Its text. `schema` is the extension's, as the server has quoted it: what a session's `search_path` says means nothing here.
    pub fn sql(self, schema: &str) -> String {
        let call = match self {
            Self::Query => {
                "SELECT id, score, \"values\", sparse_values, metadata FROM {}.pc_query($1, vector => $2, top_k => $3, \
                 namespace => $4, filter => $5, include_values => $6, include_metadata => $7, id => $8, sparse_vector => $9)"
            }
            Self::Upsert => {
                "SELECT {}.pc_upsert_many($1, $2, $3, metadata => $4, sparse_values => $5, namespace => $6)"
            }
            Self::Fetch => {
                "SELECT id, \"values\", sparse_values, metadata FROM {}.pc_fetch($1, $2, namespace => $3)"
            }
            Self::FetchByMetadata => {
                "SELECT id, \"values\", sparse_values, metadata, next_token FROM {}.pc_fetch_by_metadata($1, $2, \
                 namespace => $3, \"limit\" => $4, pagination_token => $5)"
            }
            Self::Update => {
                "SELECT {}.pc_update($1, id => $2, \"values\" => $3, sparse_values => $4, set_metadata => $5, filter => $6, \
                 namespace => $7, dry_run => $8)"
            }
            Self::Delete => {
                "SELECT {}.pc_delete($1, ids => $2, delete_all => $3, filter => $4, namespace => $5)"
            }
            Self::List => {
                "SELECT id, next_token FROM {}.pc_list($1, prefix => $2, \"limit\" => $3, pagination_token => $4, \
                 namespace => $5)"
            }
            Self::Stats => "SELECT {}.pc_describe_index_stats($1, filter => $2)",
            Self::ListNamespaces => {
                "SELECT name, record_count, schema, next_token, total_count FROM {}.pc_list_namespaces($1, prefix => $2, \
                 \"limit\" => $3, pagination_token => $4)"
            }
            Self::DescribeNamespace => {
                "SELECT name, record_count, schema FROM {}.pc_describe_namespace($1, $2)"
            }
            Self::CreateNamespace => {
                "SELECT name, record_count, schema FROM {}.pc_create_namespace($1, $2, schema => $3)"
            }
            Self::DeleteNamespace => "SELECT name, record_count, schema FROM {}.pc_delete_namespace($1, $2)",
            Self::CreateIndex => {
                "SELECT {columns} FROM {}.pc_create_index($1, dimension => $2, metric => $3, vector_type => $4, spec => $5, \
                 deletion_protection => $6, tags => $7, schema => $8, deployment => $9, read_capacity => $10)"
            }
            Self::ListIndexes => "SELECT {columns} FROM {}.pc_list_indexes()",
            Self::DescribeIndex => "SELECT {columns} FROM {}.pc_describe_index($1)",
            Self::ConfigureIndex => {
                "SELECT {columns} FROM {}.pc_configure_index($1, deletion_protection => $2, tags => $3, spec => $4, \
                 read_capacity => $5)"
            }
            Self::DeleteIndex => "SELECT {}.pc_delete_index($1)",
            Self::OnlyIndex => "SELECT name FROM {}.pc_list_indexes() LIMIT 2",
        };
        call.replace("{columns}", DESCRIPTION).replace("{}", schema)
    }
}

/// How a transaction begins.
pub const BEGIN: &str = "BEGIN";
/// How it ends.
pub const COMMIT: &str = "COMMIT";
/// Position in the write-ahead log: up to where it is written, or on a standby applied.
const LSN: &str = "(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
                    ELSE pg_catalog.pg_current_wal_insert_lsn() END OPERATOR(pg_catalog.-) '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8";

/// What puts a key into effect until the transaction ends. The request's id comes first, as it is in the audit of what follows; the
/// position is that from which the statement's snapshot is taken.
pub fn use_key(schema: &str) -> String {
    format!("SELECT pg_catalog.set_config('application_name', $2, true), {schema}.pc_use_key($1), {LSN}")
}

/// The position after a commit.
pub fn lsn() -> String {
    format!("SELECT {LSN}")
}

/// What a session asks first: the schema of the extension and its version, and the numbers of the types of the engine, which may be
/// another extension's.
pub const HOME: &str = "SELECT pg_catalog.quote_ident(n.nspname), e.extversion, pg_catalog.pg_is_in_recovery()::pg_catalog.text, \
     (SELECT t.oid::pg_catalog.text FROM pg_catalog.pg_type t \
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid AND d.deptype = 'e' \
        JOIN pg_catalog.pg_depend a ON a.refclassid = d.refclassid AND a.refobjid = d.refobjid AND a.deptype = 'e' \
         AND a.classid = 'pg_catalog.pg_am'::pg_catalog.regclass \
        JOIN pg_catalog.pg_am m ON m.oid = a.objid AND m.amname = 'hnsw' WHERE t.typname = 'vector'), \
     (SELECT t.oid::pg_catalog.text FROM pg_catalog.pg_type t \
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid AND d.deptype = 'e' \
        JOIN pg_catalog.pg_depend a ON a.refclassid = d.refclassid AND a.refobjid = d.refobjid AND a.deptype = 'e' \
         AND a.classid = 'pg_catalog.pg_am'::pg_catalog.regclass \
        JOIN pg_catalog.pg_am m ON m.oid = a.objid AND m.amname = 'hnsw' WHERE t.typname = 'sparsevec') \
    FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'conifer'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_qualified() {
        for (number, statement) in [
            Statement::Query,
            Statement::Upsert,
            Statement::Fetch,
            Statement::FetchByMetadata,
            Statement::Update,
            Statement::Delete,
            Statement::List,
            Statement::Stats,
            Statement::ListNamespaces,
            Statement::DescribeNamespace,
            Statement::CreateNamespace,
            Statement::DeleteNamespace,
            Statement::CreateIndex,
            Statement::ListIndexes,
            Statement::DescribeIndex,
            Statement::ConfigureIndex,
            Statement::DeleteIndex,
            Statement::OnlyIndex,
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(statement.number(), number);
            let sql = statement.sql("\"my schema\"");
            assert_eq!(sql.matches("pc_").count(), sql.matches("\"my schema\".pc_").count(), "{sql}");
            assert!(!sql.contains('{'), "{sql}");
        }
        assert_eq!(COUNT, 18);
    }
}
