//! Where the extension lives, and the types it made there.
#![allow(unsafe_code)]

use pgrx::prelude::*;
use pgrx::spi::quote_identifier;
use std::ffi::CStr;

/// The schema of the extension's types, operators and functions.
pub struct Home {
    schema: pg_sys::Oid,
    /// Its name, quoted for SQL.
    pub quoted: String,
}

impl Home {
    /// The schema of the function being called.
    pub fn of(fcinfo: pg_sys::FunctionCallInfo) -> Self {
        // SAFETY: the server calls our functions with an flinfo that names them; get_namespace_name
        // returns a C string in the current memory context, or null for a schema that is gone.
        unsafe {
            let schema = pg_sys::get_func_namespace((*(*fcinfo).flinfo).fn_oid);
            let name = pg_sys::get_namespace_name(schema);
            if name.is_null() {
                error!("schema of function {} does not exist", (*(*fcinfo).flinfo).fn_oid.to_u32());
            }
            Self { schema, quoted: quote_identifier(CStr::from_ptr(name).to_string_lossy()) }
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

/// The array type over `element`.
pub fn array_of(element: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: a catalog look-up.
    unsafe { pg_sys::get_array_type(element) }
}
