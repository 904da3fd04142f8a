//! The engine's schema, and its types there.
#![allow(unsafe_code)]

use pgrx::prelude::*;
use pgrx::spi::quote_identifier;
use std::ffi::CStr;

/// The schema of the engine's types, operators and functions: that of `conifer`, or of the extension `vector` if `vector`
/// was there first and holds them.
pub struct Home {
    schema: pg_sys::Oid,
    /// The schema's name, quoted for SQL.
    pub quoted: String,
}

impl Home {
    /// Finds the schema by the handler of the access method, which has one name in any schema.
    pub fn find() -> Self {
        // SAFETY: look-ups in catalogs, which answer InvalidOid for a missing object.
        unsafe {
            let handler = pg_sys::GetSysCacheOid(
                pg_sys::SysCacheIdentifier::AMNAME as i32,
                pg_sys::Anum_pg_am_amhandler as _,
                c"hnsw".as_ptr().into(),
                pg_sys::Datum::null(),
                pg_sys::Datum::null(),
                pg_sys::Datum::null(),
            );
            if handler == pg_sys::InvalidOid {
                error!("access method hnsw does not exist");
            }
            let schema = pg_sys::get_func_namespace(handler);
            Self { schema, quoted: quoted_schema(schema) }
        }
    }

    /// The type `vector`.
    pub fn vector(&self) -> pg_sys::Oid {
        self.type_named(c"vector")
    }

    fn type_named(&self, name: &CStr) -> pg_sys::Oid {
        // SAFETY: a look-up by name and schema; the cache answers InvalidOid if there is none.
        let oid = unsafe {
            pg_sys::GetSysCacheOid(
                pg_sys::SysCacheIdentifier::TYPENAMENSP as i32,
                pg_sys::Anum_pg_type_oid as _,
                name.as_ptr().into(),
                self.schema.into(),
                pg_sys::Datum::null(),
                pg_sys::Datum::null(),
            )
        };
        if oid == pg_sys::InvalidOid {
            error!("type {} does not exist in schema {}", name.to_string_lossy(), self.quoted);
        }
        oid
    }
}

/// The schema of the called function, quoted for SQL: the extension's own.
pub fn schema_of(fcinfo: pg_sys::FunctionCallInfo) -> String {
    // SAFETY: the server calls our functions with an flinfo that names them.
    quoted_schema(unsafe { pg_sys::get_func_namespace((*(*fcinfo).flinfo).fn_oid) })
}

fn quoted_schema(schema: pg_sys::Oid) -> String {
    // SAFETY: a look-up; get_namespace_name returns a C string in the current memory context, or null for a schema
    // that is gone.
    unsafe {
        let name = pg_sys::get_namespace_name(schema);
        if name.is_null() {
            error!("schema {} does not exist", schema.to_u32());
        }
        quote_identifier(CStr::from_ptr(name).to_string_lossy())
    }
}

/// The array type over `element`.
pub fn array_of(element: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: a catalog look-up.
    unsafe { pg_sys::get_array_type(element) }
}
