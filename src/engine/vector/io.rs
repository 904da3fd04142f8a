//! Text, binary and type modifier: the type's way in and out.

use super::Vector;
use crate::engine::array::{Array, CString};
use crate::engine::message::Message;
use crate::engine::result::{Bytea, Text};
use crate::engine::writer::{FLOAT, Writer};
use crate::raise::OrRaise;
use conifer_pure::vector::{check_expected_dim, check_typmod, text, wire};
use pgrx::prelude::*;
use std::ffi::CStr;

#[pg_extern(sql = false)]
fn vector_in(input: &CStr, _type: pg_sys::Oid, typmod: i32) -> Vector {
    let x = text::parse(input.to_bytes()).or_raise();
    check_expected_dim(typmod, x.len()).or_raise();
    Vector::from_slice(&x)
}

#[pg_extern(sql = false)]
fn vector_out(v: Vector) -> Text {
    let x = v.as_slice();
    // Brackets, and a comma for each number but one.
    Text::new(1 + x.len() * (FLOAT + 1), |out| {
        let mut out = Writer::new(out);
        for (n, &x) in x.iter().enumerate() {
            out.byte(if n == 0 { b'[' } else { b',' });
            out.float(x);
        }
        out.byte(b']');
        out.length()
    })
}

#[pg_extern(sql = false)]
fn vector_typmod_in(list: Array<CString>) -> i32 {
    check_typmod(list.typmods()).or_raise()
}

#[pg_extern(sql = false)]
fn vector_recv(mut buffer: Message, _type: pg_sys::Oid, typmod: i32) -> Vector {
    let rest = buffer.rest();
    let dim = wire::decode_header(rest, typmod).or_raise();
    let mut v = Vector::zeroed(dim);
    wire::decode_elements(&rest[wire::HEADER..], v.as_mut_slice()).or_raise();
    buffer.advance(wire::size(dim));
    v
}

#[pg_extern(sql = false)]
fn vector_send(v: Vector) -> Bytea {
    let x = v.as_slice();
    Bytea::new(wire::size(x.len()), |out| wire::encode(x, out))
}
