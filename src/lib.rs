//! Conifer: a vector database inside PostgreSQL.
//!
//! [`engine`] is the drop-in for pgvector (types, operators, the access method); [`pinecone`] is Pinecone's API in SQL on top
//! of it; [`pg`] holds the calls of PostgreSQL's C API that both share. Code that needs no Postgres lives in the crate
//! `conifer_pure`.

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
    // More than the stack grows by: the system ends a process whose stack cannot grow.
    conifer_pure::memory::allocation::headroom(2 * STACK).or_raise();
    touch_stack();
    touch_variables();
    engine::start::init();
    pinecone::init();
}

/// Bytes of the stack that statements need below where the library is loaded.
const STACK: usize = 1 << 18;

/// Has the stack mapped as far as statements need it: where memory is short later, the stack could not grow, which ends a
/// process without a message.
#[inline(never)]
fn touch_stack() {
    std::hint::black_box([0u8; STACK].as_mut_slice());
}

/// Has the C library know the variables of the thread that are to be dropped at its end. The C library keeps a list of such
/// variables, and ends the process where it has no memory for an entry: at a session's first error, if that is out of memory.
fn touch_variables() {
    // The variable in which the server's bindings keep an error on its way.
    let _ = std::panic::catch_unwind(|| std::panic::panic_any(()));
    engine::start::touch();
    pinecone::touch();
}

// The SQL is written by hand: the engine, which can be installed alone and knows nothing of the Pinecone layer; access; and
// Pinecone's functions.
::pgrx::extension_sql_file!("../sql/engine.sql", name = "engine", bootstrap);
::pgrx::extension_sql_file!("../sql/access.sql", name = "access", requires = ["engine"]);
::pgrx::extension_sql_file!("../sql/pinecone.sql", name = "pinecone", requires = ["access"]);

#[cfg(feature = "pg_test")]
#[pgrx::pg_schema]
mod tests {
    include!("../pg_test/mod.rs");
}
