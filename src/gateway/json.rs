//! JSON as requests and answers have it: numbers read once into 32-bit floats, answers written as they go out.

use crate::failure::{Code, Failure, Result};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// Reads a request's body.
///
/// # Errors
/// With `code`, if it is no JSON, or has not the shape of this operation.
pub fn read<'a, T: Deserialize<'a>>(body: &'a [u8], code: Code) -> Result<T> {
    serde_json::from_slice::<Object<T>>(body).map(|object| object.0).map_err(|error| {
        // A body that is no JSON at all is wrong whatever the operation.
        let code = if error.is_data() { code } else { Code::InvalidArgument };
        Failure::new(code, format!("the body is not what this operation takes: {error}"))
    })
}

/// What is read from an object alone. Other structures are read from lists of their members as well, which no caller means.
pub struct Object<T>(pub T);

struct OfMembers<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OfMembers<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> std::result::Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(OfMembers(PhantomData))
    }
}

/// The numbers of a JSON array, as its text.
///
/// # Errors
/// 400, naming `what`, for anything else, and for numbers beyond 32-bit floats.
pub fn floats(raw: &str, what: &str) -> Result<Vec<f32>> {
    let wrong = || Failure::invalid(format!("{what} must be a list of numbers"));
    let inner = raw.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(wrong)?;
    if inner.trim_ascii().is_empty() {
        return Ok(vec![]);
    }
    let mut numbers = Vec::with_capacity(inner.len() / 8);
    for text in inner.split(',') {
        let text = text.trim_ascii();
        // The text is valid JSON, so what begins as a number is one.
        if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return Err(wrong());
        }
        let number: f32 = text.parse().map_err(|_| wrong())?;
        if !number.is_finite() {
            return Err(Failure::invalid(format!("a number of {what} is out of range for a 32-bit float")));
        }
        numbers.push(number);
    }
    Ok(numbers)
}

/// Writes a string.
pub fn string(out: &mut Vec<u8>, text: &str) {
    // Nothing fails that is written to memory.
    let _ = serde_json::to_writer(out, text);
}

/// Writes a number, with as many digits as tell it from other 32-bit floats. None of the database's is infinite.
pub fn float(out: &mut Vec<u8>, number: f32) {
    let _ = serde_json::to_writer(out, &number);
}

/// Writes a list of numbers.
pub fn float_list(out: &mut Vec<u8>, numbers: impl Iterator<Item = f32>) {
    out.push(b'[');
    for (place, number) in numbers.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        float(out, number);
    }
    out.push(b']');
}

/// Writes a list of whole numbers.
pub fn int_list(out: &mut Vec<u8>, numbers: impl Iterator<Item = u32>) {
    out.push(b'[');
    for (place, number) in numbers.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(number.to_string().as_bytes());
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(floats("[1, -0.5,\n2e3 ,0.1]", "vector").unwrap(), [1.0, -0.5, 2000.0, 0.1]);
        assert_eq!(floats("[ ]", "vector").unwrap(), [] as [f32; 0]);
        for wrong in
            ["1", "{}", "null", "[null]", "[\"1\"]", "[[1]]", "[true]", "[1e39]", "[-1e400]", "[\"1,2\"]"]
        {
            let failure = floats(wrong, "vector").unwrap_err();
            assert_eq!(failure.status(), 400);
            assert!(failure.message.contains("vector"), "{wrong}");
        }
    }

    #[test]
    fn written() {
        let mut out = vec![];
        float_list(&mut out, [0.1, -2.0, 1e-30].into_iter());
        string(&mut out, "a\"\n");
        int_list(&mut out, [1, 2].into_iter());
        assert_eq!(str::from_utf8(&out).unwrap(), "[0.1,-2.0,1e-30]\"a\\\"\\n\"[1,2]");
    }

    #[test]
    fn kinds_of_wrong_bodies() {
        #[derive(Debug, serde::Deserialize)]
        struct One {
            #[allow(dead_code)]
            a: i32,
        }
        for (body, status) in [
            ("{}", 422),
            ("{\"a\": \"x\"}", 422),
            ("{", 400),
            ("", 400),
            ("[]", 422),
            ("[1]", 422),
            ("{\"a\": 1} x", 400),
        ] {
            let failure = read::<One>(body.as_bytes(), Code::Unprocessable).unwrap_err();
            assert_eq!(failure.status(), status, "{body}");
        }
    }
}
