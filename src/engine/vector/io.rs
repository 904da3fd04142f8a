//! Text, binary and type modifier: the type's way in and out.
#![allow(unsafe_code)]

use super::Vector;
use crate::engine::array::{Array, CString};
use crate::engine::call::{export, of_vectors};
use crate::engine::message::Message;
use crate::engine::result::{Bytea, Text};
use crate::engine::varlena::Room;
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

of_vectors! {
    fn vector_out(v) -> Text {
        // A bracket or a comma before each number, and a bracket.
        Text::new(1 + v.len() * (FLOAT + 1), |out| {
            let mut out = Writer::new(out);
            for (n, &x) in v.iter().enumerate() {
                out.byte(if n == 0 { b'[' } else { b',' });
                out.float(x);
            }
            out.byte(b']');
            out.length()
        })
    }

    fn vector_send(v) -> Bytea {
        Bytea::new(wire::size(v.len()), |out| wire::encode(v, out))
    }
}
