//! From an index's name to its table.

use crate::pg::error::{OrRaise, raise};
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::read_as_owner;
use crate::pinecone::access::snapshot::latest;
use conifer_pure::Fault;
use conifer_pure::fault::quoted;
use conifer_pure::fault::state::{FEATURE_NOT_SUPPORTED, NULL_VALUE_NOT_ALLOWED, UNDEFINED_TABLE};
use conifer_pure::pinecone::access::principal::ProjectId;
use conifer_pure::pinecone::index::metric::Metric;
use conifer_pure::pinecone::index::storage::Storage;
use conifer_pure::pinecone::record::batch::Shape;
use pgrx::Uuid;
use pgrx::spi::quote_identifier;
use std::cell::RefCell;
use std::collections::HashMap;

/// The project of callers that name none.
pub const DEFAULT_PROJECT: &str = "00000000-0000-0000-0000-000000000000";

/// Maximum number of projects whose indexes a session keeps; and of a project's indexes.
const MAX_KEPT: usize = 1000;

/// Indexes that this session has used.
#[derive(Default)]
struct Indexes {
    kept: HashMap<ProjectId, HashMap<String, Index>>,
    /// [`catalog::changes`] when these were read.
    changes: u64,
}

thread_local! {
    static INDEXES: RefCell<Indexes> = RefCell::default();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    INDEXES.with(|_| ());
}

/// An index, as its registry row describes it.
#[derive(Clone)]
pub struct Index {
    /// The number in its table's name.
    pub id: i32,
    /// The shape of its records.
    pub shape: Shape,
    /// `dense` or `sparse`.
    pub vector_type: String,
    /// Whether deletion protection is enabled.
    pub protected: bool,
    /// The type of the column `values`.
    pub storage: Storage,
    /// The records are in a table of the user's: the index's own is a view of it.
    pub is_view: bool,
    /// Records can be in other namespaces than the default one.
    pub has_namespaces: bool,
}

impl Index {
    /// The index `name` of a project, whether the caller may see it or not. A writer looks the index up under the snapshot of its
    /// writes, so that it finds an index that the same statement made.
    ///
    /// What is found is kept until a row of the registry changes. So it is read under a snapshot of now, as the server reads its
    /// catalogs: what an older one shows may be gone by now, and nothing would come to say so.
    pub fn find(name: &str, project: ProjectId, mode: Mode) -> Option<Self> {
        let changes = catalog::changes();
        let kept = INDEXES.with_borrow_mut(|indexes| {
            if indexes.changes != changes || indexes.kept.len() >= MAX_KEPT {
                indexes.kept.clear();
                indexes.changes = changes;
            }
            indexes.kept.get(&project).and_then(|of_project| of_project.get(name)).cloned()
        });
        if kept.is_some() {
            return kept;
        }
        let found = latest(|| Self::read(name, project, Mode::Read));
        if let Some(found) = &found {
            INDEXES.with_borrow_mut(|indexes| {
                let of_project = indexes.kept.entry(project).or_default();
                if of_project.len() >= MAX_KEPT {
                    of_project.clear();
                }
                of_project.insert(name.to_owned(), found.clone());
            });
        }
        if mode == Mode::Write { found.or_else(|| Self::read(name, project, mode)) } else { found }
    }

    fn read(name: &str, project: ProjectId, mode: Mode) -> Option<Self> {
        let sql =
            "SELECT index_id, dimension, metric, vector_type, deletion_protection, storage, is_view, has_namespaces FROM pc.index_reg
                    WHERE project_id OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2";
        let params = [Param::uuid(Uuid::from_bytes(project)), Param::text(name)];
        let find = || {
            run(mode, sql, &params, |rows| {
                (rows.count > 0).then(|| {
                    let metric: String = rows.get(0, 2).unwrap_or_default();
                    Self {
                        id: rows.get(0, 0).unwrap_or_default(),
                        shape: Shape {
                            dimension: rows.get::<i32>(0, 1).unwrap_or_default() as usize,
                            metric: Metric::from_name(&metric).or_raise(),
                        },
                        vector_type: rows.get(0, 3).unwrap_or_default(),
                        protected: rows.get::<String>(0, 4).as_deref() == Some("enabled"),
                        storage: Storage::from_name(&rows.get::<String>(0, 5).unwrap_or_default()).or_raise(),
                        is_view: rows.get(0, 6) == Some(true),
                        has_namespaces: rows.get(0, 7) != Some(false),
                    }
                })
            })
        };
        read_as_owner(find)
    }

    /// An expression of type `vector` as the column `values` stores it; `home` is the schema of the types.
    pub fn stored(&self, home: &str, expression: &str) -> String {
        match self.storage {
            Storage::Vector => expression.to_owned(),
            Storage::HalfVec => format!("({expression})::{home}.halfvec"),
        }
    }

    /// The column `values` as a `vector`.
    pub fn values(&self, home: &str) -> String {
        match self.storage {
            Storage::Vector => "\"values\"".to_owned(),
            Storage::HalfVec => format!("\"values\"::{home}.vector"),
        }
    }

    /// Refuses another namespace than the default one, where the user's table has no column for it.
    ///
    /// # Errors
    /// Raises 0A000.
    pub fn require_space(&self, namespace: &str) {
        if !self.has_namespaces && !namespace.is_empty() {
            let message = format!(
                "namespace {} cannot be in an index over a table without namespaces",
                quoted(namespace)
            );
            raise(
                Fault::new(FEATURE_NOT_SUPPORTED, message)
                    .hint("Make the index again with namespace_column => '…' to have any, or give none."),
            );
        }
    }

    /// The index's table, qualified and quoted.
    pub fn table(&self) -> String {
        table(self.id)
    }
}

/// The table of index number `id`, qualified and quoted.
pub fn table(id: i32) -> String {
    format!("pc_data.{}", quote_identifier(format!("i_{id}")))
}

/// The name of an index that a caller gave.
///
/// # Errors
/// Raises 22004 for NULL.
pub fn name_of(name: Option<&str>) -> &str {
    name.unwrap_or_else(|| raise(Fault::new(NULL_VALUE_NOT_ALLOWED, "index name must not be null")))
}

/// Raises 42P01 for an index that does not exist.
pub fn not_found(name: &str) -> ! {
    raise(missing(name))
}

/// The error 42P01: an index does not exist.
pub fn missing(name: &str) -> Fault {
    Fault::new(UNDEFINED_TABLE, format!("index {} does not exist", quoted(name)))
        .hint("pc_list_indexes() shows the indexes there are.")
}
