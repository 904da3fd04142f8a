//! Conifer: a vector database inside PostgreSQL.
//!
//! [`engine`] is the drop-in for pgvector (types, operators, the access method); [`pinecone`]
//! is Pinecone's API in SQL on top of it. What needs no Postgres lives in the crate `conifer_pure`.

mod engine;
mod pg;
mod pinecone;
mod sql_version;

use pg::error::OrRaise;

::pgrx::pg_module_magic!(name = c"conifer", version = c"0.1.0");

/// The server calls this when it loads the library.
#[pgrx::pg_guard]
#[allow(unsafe_code)] // a name that the server looks for
pub extern "C-unwind" fn _PG_init() {
    // More than the stack grows by, as the system ends a process whose stack cannot grow.
    conifer_pure::memory::allocation::headroom(2 * STACK).or_raise();
    touch_stack();
    touch_variables();
    engine::hnsw::init();
    pinecone::init();
}

/// Bytes of the stack that statements need below where the library is loaded.
const STACK: usize = 1 << 18;

/// Has the stack mapped as far as statements need it: where memory is short later, it could not grow, which ends a process
/// without a word.
#[inline(never)]
fn touch_stack() {
    std::hint::black_box([0u8; STACK].as_mut_slice());
}

/// Has the C library know the variables of the thread that are to be dropped at its end. It keeps a list of them, and ends the
/// process where it has no memory for an entry: with the first error of a session, if that is that memory is out.
fn touch_variables() {
    // What the server's bindings keep of an error on its way.
    let _ = std::panic::catch_unwind(|| std::panic::panic_any(()));
    engine::hnsw::touch();
    pinecone::touch();
}

// The SQL is written by hand, in two parts that can be installed apart: the engine knows nothing of
// the Pinecone layer.
::pgrx::extension_sql_file!("../sql/engine.sql", name = "engine", bootstrap);
::pgrx::extension_sql_file!("../sql/access.sql", name = "access", requires = ["engine"]);
::pgrx::extension_sql_file!("../sql/pinecone.sql", name = "pinecone", requires = ["access"]);

#[cfg(any(test, feature = "pg_test"))]
#[pgrx::pg_schema]
mod tests {
    include!("../pg_test/mod.rs");
}

#[cfg(test)]
pub mod pg_test {
    //! What `cargo pgrx test` asks the crate for.

    /// Nothing to prepare.
    pub fn setup(_options: Vec<&str>) {}

    /// Settings of the test server.
    #[must_use]
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        vec!["fsync = off"]
    }
}
