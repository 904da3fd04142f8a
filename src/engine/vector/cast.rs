//! Casts: to a given number of dimensions, from arrays, to `real[]`.
#![allow(unsafe_code)]

use super::Vector;
use crate::engine::array::{Array, Element, NoList, Numeric, Plain};
use crate::raise::{OrRaise, raise};
use conifer_pure::fault::{Fault, state};
use conifer_pure::vector::{check_dim, check_elements, check_expected_dim};
use pgrx::prelude::*;

/// `vector` to `vector(typmod)`: the dimensions are checked, never changed.
#[pg_extern(sql = false)]
fn vector(v: Vector, typmod: i32, _explicit: bool) -> Vector {
    check_expected_dim(typmod, v.dim()).or_raise();
    v
}

/// `integer[]` to `vector`.
#[pg_extern(sql = false)]
fn array_to_vector_int4(array: Array<i32>, typmod: i32, _explicit: bool) -> Vector {
    from_array(&array, typmod, |x| x as f32)
}

/// `real[]` to `vector`.
#[pg_extern(sql = false)]
fn array_to_vector_float4(array: Array<f32>, typmod: i32, _explicit: bool) -> Vector {
    from_array(&array, typmod, |x| x)
}

/// `double precision[]` to `vector`; what is beyond float4 is refused as infinite.
#[pg_extern(sql = false)]
fn array_to_vector_float8(array: Array<f64>, typmod: i32, _explicit: bool) -> Vector {
    from_array(&array, typmod, |x| x as f32)
}

/// `numeric[]` to `vector`; what is beyond float4 is refused by the server's own conversion.
#[pg_extern(sql = false)]
fn array_to_vector_numeric(array: Array<Numeric>, typmod: i32, _explicit: bool) -> Vector {
    array.check_list().unwrap_or_else(|no_list| no_vector(no_list));
    let (mut datums, mut len) = (std::ptr::null_mut(), 0);
    // SAFETY: an array of numeric as the server passes it, without NULLs; numeric is of variable
    // length, by reference and int-aligned. The result is `len` datums in palloc'd memory.
    let datums = unsafe {
        let no_nulls = std::ptr::null_mut();
        pg_sys::deconstruct_array(
            array.as_ptr(),
            Numeric::OID,
            -1,
            false,
            pg_sys::TYPALIGN_INT as std::ffi::c_char,
            &mut datums,
            no_nulls,
            &mut len,
        );
        std::slice::from_raw_parts(datums, usize::try_from(len).unwrap_or(0))
    };
    check_dims(datums.len(), typmod);
    let mut result = Vector::zeroed(datums.len());
    for (x, &datum) in result.as_mut_slice().iter_mut().zip(datums) {
        // SAFETY: a non-null numeric, as the function takes.
        *x =
            unsafe { pgrx::direct_function_call(pg_sys::numeric_float4, &[Some(datum)]) }.unwrap_or(f32::NAN);
    }
    check_elements(result.as_slice()).or_raise();
    result
}

/// `vector` to `real[]`.
#[pg_extern(sql = false)]
fn vector_to_float4(v: Vector, _typmod: i32, _explicit: bool) -> Array<f32> {
    Array::from_slice(v.as_slice())
}

/// The vector of an array's elements.
fn from_array<T: Plain>(array: &Array<T>, typmod: i32, convert: impl Fn(T) -> f32) -> Vector {
    let elements = array.as_slice().unwrap_or_else(|no_list| no_vector(no_list));
    check_dims(elements.len(), typmod);
    let mut result = Vector::zeroed(elements.len());
    result.as_mut_slice().iter_mut().zip(elements).for_each(|(x, &e)| *x = convert(e));
    check_elements(result.as_slice()).or_raise();
    result
}

fn check_dims(dim: usize, typmod: i32) {
    check_dim(dim as i64).or_raise();
    check_expected_dim(typmod, dim).or_raise();
}

#[cold]
fn no_vector(no_list: NoList) -> ! {
    raise(match no_list {
        NoList::Dimensions => Fault::new(state::DATA_EXCEPTION, "array must be 1-D"),
        NoList::Null => Fault::new(state::NULL_VALUE_NOT_ALLOWED, "array must not contain nulls"),
        NoList::Type => Fault::new(state::DATA_EXCEPTION, "unsupported array type"),
    })
}
