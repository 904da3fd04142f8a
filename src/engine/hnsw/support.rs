//! pgvector's support functions 3 of `hnsw` and 5 of `ivfflat`, which tell its access methods what a type is.
//!
//! Ours knows the types by support function 1, and calls none of these functions. Operator classes that were made by hand for
//! pgvector name them, so they exist, and point to the number of dimensions that an index takes, as pgvector's do.
#![allow(unsafe_code)]

use crate::pg::fmgr::export;
use conifer_pure::hnsw::uncoded::Form;
use pgrx::pg_sys;

/// The structure that the functions point to.
#[repr(C)]
struct Info {
    max_dims: i32,
}

const fn info(form: Form) -> Info {
    Info { max_dims: form.max_dims() as i32 }
}

static HALFVEC: Info = info(Form::F16);
static BIT: Info = info(Form::Bits);
static SPARSEVEC: Info = info(Form::Sparse);

fn point(info: &'static Info) -> pg_sys::Datum {
    pg_sys::Datum::from(std::ptr::from_ref(info))
}

export!(hnsw_halfvec_support, |_fcinfo| point(&HALFVEC));
export!(hnsw_bit_support, |_fcinfo| point(&BIT));
export!(hnsw_sparsevec_support, |_fcinfo| point(&SPARSEVEC));
export!(ivfflat_halfvec_support, |_fcinfo| point(&HALFVEC));
export!(ivfflat_bit_support, |_fcinfo| point(&BIT));
