//! Text, binary and type modifier: the types' way in and out.
#![allow(unsafe_code)]

use super::elements::of_vectors;
use super::{Dense, HalfVec, Vector};
use crate::pg::array::{Array, CString};
use crate::pg::error::OrRaise;
use crate::pg::fmgr::{export, export_of};
use crate::pg::returned::{Bytea, Text};
use crate::pg::stringinfo::Message;
use crate::pg::text_out::{FLOAT, Writer};
use conifer_pure::types::element::{Element, f16};
use conifer_pure::types::vector::{check_expected_dim, text, wire};
use pgrx::prelude::*;
use std::ffi::CStr;

/// The vector of a text.
fn read<T: Element>(input: &CStr, typmod: i32) -> Dense<T> {
    let x = text::parse(input.to_bytes()).or_raise();
    check_expected_dim(typmod, x.len()).or_raise();
    Dense::from_slice(&x)
}

/// The vector of a message.
fn received<T: Element>(mut buffer: Message, typmod: i32) -> Dense<T> {
    let rest = buffer.rest();
    let dim = wire::decode_header::<T>(rest, typmod).or_raise();
    let mut v = Dense::zeroed(dim);
    wire::decode_elements(&rest[wire::HEADER..], v.as_mut_slice()).or_raise();
    buffer.advance(wire::size::<T>(dim));
    v
}

#[pg_extern(sql = false)]
fn vector_in(input: &CStr, _type: pg_sys::Oid, typmod: i32) -> Vector {
    read(input, typmod)
}

#[pg_extern(sql = false)]
fn halfvec_in(input: &CStr, _type: pg_sys::Oid, typmod: i32) -> HalfVec {
    read(input, typmod)
}

#[pg_extern(sql = false)]
fn vector_typmod_in(list: Array<CString>) -> i32 {
    f32::KIND.check_typmod(list.typmods()).or_raise()
}

#[pg_extern(sql = false)]
fn halfvec_typmod_in(list: Array<CString>) -> i32 {
    f16::KIND.check_typmod(list.typmods()).or_raise()
}

#[pg_extern(sql = false)]
fn vector_recv(buffer: Message, _type: pg_sys::Oid, typmod: i32) -> Vector {
    received(buffer, typmod)
}

#[pg_extern(sql = false)]
fn halfvec_recv(buffer: Message, _type: pg_sys::Oid, typmod: i32) -> HalfVec {
    received(buffer, typmod)
}

of_vectors! {
    fn vector_out, halfvec_out(v) -> Text {
        // A bracket or a comma before each number, and a bracket.
        Text::new(1 + v.len() * (FLOAT + 1), |out| {
            let mut out = Writer::new(out);
            for (n, &x) in v.iter().enumerate() {
                out.byte(if n == 0 { b'[' } else { b',' });
                out.float(x.to_f32());
            }
            out.byte(b']');
            out.length()
        })
    }

    fn vector_send, halfvec_send(v) -> Bytea {
        Bytea::new(wire::size::<T>(v.len()), |out| wire::encode(v, out))
    }
}
