//! Text, binary and type modifier: the type's way in and out.

use super::SparseVec;
use crate::pg::array::{Array, CString};
use crate::pg::error::OrRaise;
use crate::pg::returned::{Bytea, Text};
use crate::pg::stringinfo::Message;
use crate::pg::text_out::{FLOAT, INTEGER, Writer};
use conifer_pure::types::sparsevec::{KIND, text, wire};
use pgrx::prelude::*;
use std::ffi::CStr;

#[pg_extern(sql = false)]
fn sparsevec_in(input: &CStr, _type: pg_sys::Oid, typmod: i32) -> SparseVec {
    let text::Parsed { dim, elements } = text::parse(input.to_bytes(), typmod).or_raise();
    SparseVec::from_elements(dim, elements.iter().copied())
}

#[pg_extern(sql = false)]
fn sparsevec_out(v: SparseVec) -> Text {
    let v = v.as_sparse();
    // A comma, an index, a colon and a value for each element; the braces, the slash and the dimensions.
    let max = v.indices.len() * (1 + INTEGER + 1 + FLOAT) + 3 + INTEGER;
    Text::new(max, |out| {
        let mut out = Writer::new(out);
        out.byte(b'{');
        for (n, (&i, &x)) in v.indices.iter().zip(v.values).enumerate() {
            if n > 0 {
                out.byte(b',');
            }
            out.integer((i as u32).wrapping_add(1));
            out.byte(b':');
            out.float(x);
        }
        out.byte(b'}');
        out.byte(b'/');
        out.integer(v.dim as u32);
        out.length()
    })
}

#[pg_extern(sql = false)]
fn sparsevec_typmod_in(list: Array<CString>) -> i32 {
    KIND.check_typmod(list.typmods()).or_raise()
}

#[pg_extern(sql = false)]
fn sparsevec_recv(mut buffer: Message, _type: pg_sys::Oid, typmod: i32) -> SparseVec {
    let rest = buffer.rest();
    let (dim, nnz) = wire::decode_header(rest, typmod).or_raise();
    let mut v = SparseVec::zeroed(dim, nnz);
    let (indices, values) = v.parts_mut();
    wire::decode_elements(&rest[wire::HEADER..], dim, indices, values).or_raise();
    buffer.advance(wire::size(nnz));
    v
}

#[pg_extern(sql = false)]
fn sparsevec_send(v: SparseVec) -> Bytea {
    let v = v.as_sparse();
    Bytea::new(wire::size(v.indices.len()), |out| wire::encode(v, out))
}
