//! The operations, by the names that metrics and log have for them.

macro_rules! operations {
    ($($variant:ident $name:literal,)*) => {
        /// An operation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)] // each is Pinecone's of its name
        pub enum Operation {
            $($variant,)*
        }

        /// All names.
        pub const NAMES: &[&str] = &[$($name,)*];
    };
}

operations! {
    Query "query",
    Upsert "upsert",
    Update "update",
    Delete "delete",
    Fetch "fetch",
    FetchByMetadata "fetch_by_metadata",
    List "list",
    Stats "describe_index_stats",
    Search "search_records",
    ListNamespaces "list_namespaces",
    DescribeNamespace "describe_namespace",
    CreateNamespace "create_namespace",
    DeleteNamespace "delete_namespace",
    ListIndexes "list_indexes",
    CreateIndex "create_index",
    DescribeIndex "describe_index",
    ConfigureIndex "configure_index",
    DeleteIndex "delete_index",
    Unimplemented "unimplemented",
    Unknown "unknown",
}

impl Operation {
    /// Its name.
    pub fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}
