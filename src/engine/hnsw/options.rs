//! `WITH (m = …, ef_construction = …)`.
#![allow(unsafe_code)]

use super::buffer::Index;
use pgrx::prelude::*;
use std::sync::OnceLock;

/// The options as the server keeps them.
#[repr(C)]
struct Stored {
    vl_len_: i32,
    m: i32,
    ef_construction: i32,
}

/// The options of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Width of lists above level 0; twice that on level 0.
    pub m: u16,
    /// Candidates that edges are chosen from.
    pub ef_construction: u16,
}

const DEFAULT: Options = Options { m: 16, ef_construction: 64 };

static KIND: OnceLock<pg_sys::relopt_kind::Type> = OnceLock::new();

/// Tells the server of the options.
pub fn init() {
    KIND.get_or_init(|| {
        // SAFETY: called while the library is loaded; the strings are constants.
        unsafe {
            let kind = pg_sys::add_reloption_kind();
            let lock = pg_sys::AccessExclusiveLock as pg_sys::LOCKMODE;
            let (m, ef) = (i32::from(DEFAULT.m), i32::from(DEFAULT.ef_construction));
            let text = c"Max number of connections";
            pg_sys::add_int_reloption(kind, c"m".as_ptr(), text.as_ptr(), m, 2, 100, lock);
            let (name, text) = (c"ef_construction", c"Size of the dynamic candidate list for construction");
            pg_sys::add_int_reloption(kind, name.as_ptr(), text.as_ptr(), ef, 4, 1000, lock);
            kind
        }
    });
}

impl Options {
    /// Those of an index.
    pub fn of(index: Index) -> Self {
        // SAFETY: the relation is open; its options are those that `amoptions` has made.
        unsafe {
            match (*index.0).rd_options.cast::<Stored>().as_ref() {
                Some(stored) => Self { m: stored.m as u16, ef_construction: stored.ef_construction as u16 },
                None => DEFAULT,
            }
        }
    }
}

/// Reads the options of a statement.
#[pg_guard]
pub unsafe extern "C-unwind" fn amoptions(reloptions: pg_sys::Datum, validate: bool) -> *mut pg_sys::bytea {
    let element = |name: &'static std::ffi::CStr, offset: usize| pg_sys::relopt_parse_elt {
        optname: name.as_ptr(),
        opttype: pg_sys::relopt_type::RELOPT_TYPE_INT,
        offset: offset as i32,
        #[cfg(feature = "pg18")]
        isset_offset: 0,
    };
    let table = [
        element(c"m", std::mem::offset_of!(Stored, m)),
        element(c"ef_construction", std::mem::offset_of!(Stored, ef_construction)),
    ];
    let kind = KIND.get().copied().unwrap_or_default();
    // SAFETY: the table describes Stored.
    unsafe {
        let size = size_of::<Stored>();
        pg_sys::build_reloptions(reloptions, validate, kind, size, table.as_ptr(), table.len() as i32).cast()
    }
}
