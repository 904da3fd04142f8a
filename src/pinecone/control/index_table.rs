//! What every table of an index has, be it Conifer's or a user's.

use crate::pg::spi::run_once;
use conifer_pure::pinecone::index::metric::Metric;
use conifer_pure::pinecone::index::spec::Definition;

/// The function that checks vectors, by what they are compared by.
pub fn values_check(metric: Metric) -> &'static str {
    if metric == Metric::Cosine { "pc.check_direction" } else { "pc.check_values" }
}

/// The two indexes of a table: the graph of its vectors, and the inverted index of namespaces and metadata. Names are quoted for SQL.
pub struct Graph<'a> {
    /// The table.
    pub table: &'a str,
    /// The column of namespaces, if there is one.
    pub namespace: Option<&'a str>,
    /// The column of vectors.
    pub vector: &'a str,
    /// The column of metadata.
    pub metadata: &'a str,
    /// The schema of the types.
    pub home: &'a str,
    /// The schema of the functions.
    pub extension: &'a str,
    /// The fields whose values the inverted index keeps, as a JSON list quoted for SQL; all of them if absent.
    pub fields: Option<&'a str>,
}

impl Graph<'_> {
    /// Makes the indexes, of these names; the server chooses a name where one is empty.
    pub fn create(&self, graph: &str, filter: &str, definition: &Definition) {
        let Self { table, vector, metadata, home, extension, .. } = self;
        let distance = match definition.metric {
            Metric::Cosine => "cosine",
            Metric::Euclidean => "l2",
            Metric::DotProduct => "ip",
        };
        let storage = definition.storage.name();
        let (m, ef_construction) = (definition.m, definition.ef_construction);
        let leading =
            |class: &str| self.namespace.map_or_else(String::new, |column| format!("{column} {class}, "));
        // Each namespace has a graph of its own, and a search in it tests metadata as it goes.
        run_once(&format!(
            "CREATE INDEX {graph} ON {table}
                USING hnsw ({}{vector} {home}.{storage}_{distance}_ops, {metadata} {extension}.pc_filter_ops)
                WITH (m = {m}, ef_construction = {ef_construction})",
            leading(&format!("{home}.text_ops")),
        ));
        let kept = self.fields.map_or_else(String::new, |fields| format!("(fields = {fields})"));
        // Rows that were inserted last stand in a list that each search reads: some 150 of them, not the 9,000 of the server's default.
        run_once(&format!(
            "CREATE INDEX {filter} ON {table} USING gin ({}{metadata} {extension}.pc_filter_ops {kept})
                WITH (gin_pending_list_limit = 64)",
            leading(&format!("{extension}.pc_text_ops")),
        ));
    }
}
