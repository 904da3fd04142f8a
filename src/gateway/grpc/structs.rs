//! `google.protobuf.Struct`: JSON as Protocol Buffers have it, where every number is a double. It is what metadata and filters are in.

use crate::failure::{Failure, Result};
use prost::{Message, Oneof};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// An object.
#[derive(Clone, PartialEq, Message)]
pub struct Struct {
    /// Its members.
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
}

/// Any value.
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    /// Which.
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
    pub kind: Option<Kind>,
}

/// The kinds of values.
#[derive(Clone, PartialEq, Oneof)]
pub enum Kind {
    /// `null`
    #[prost(int32, tag = "1")]
    Null(i32),
    /// A number.
    #[prost(double, tag = "2")]
    Number(f64),
    /// A string.
    #[prost(string, tag = "3")]
    String(String),
    /// `true` or `false`
    #[prost(bool, tag = "4")]
    Bool(bool),
    /// An object.
    #[prost(message, tag = "5")]
    Struct(Struct),
    /// A list.
    #[prost(message, tag = "6")]
    List(List),
}

/// A list.
#[derive(Clone, PartialEq, Message)]
pub struct List {
    /// Its elements.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

/// The largest whole number below which all are doubles.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

impl Struct {
    /// The object as JSON. A number that is whole is written so, as it would be in REST.
    ///
    /// # Errors
    /// 400 for a number that is none or infinite, which JSON has not.
    pub fn json(&self) -> Result<String> {
        let mut out = String::with_capacity(64);
        self.write(&mut out)?;
        Ok(out)
    }

    fn write(&self, out: &mut String) -> Result<()> {
        out.push('{');
        for (place, (name, value)) in self.fields.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            *out += &serde_json::Value::from(name.as_str()).to_string();
            out.push(':');
            value.write(out)?;
        }
        out.push('}');
        Ok(())
    }

    /// The object of a JSON text.
    ///
    /// # Errors
    /// If it is none.
    pub fn of_json(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)
            .map_err(|_| Failure::internal("the database has answered metadata that are no JSON"))?;
        match value.kind {
            Some(Kind::Struct(object)) => Ok(object),
            _ => Err(Failure::internal("the database has answered metadata that are no object")),
        }
    }
}

impl Value {
    fn write(&self, out: &mut String) -> Result<()> {
        match &self.kind {
            None | Some(Kind::Null(_)) => *out += "null",
            Some(Kind::Bool(value)) => *out += if *value { "true" } else { "false" },
            Some(Kind::Number(number)) if number.fract() == 0.0 && number.abs() < MAX_EXACT => {
                *out += &(*number as i64).to_string();
            }
            Some(Kind::Number(number)) if number.is_finite() => {
                *out += &serde_json::Value::from(*number).to_string()
            }
            Some(Kind::Number(_)) => return Err(Failure::invalid("a number must be finite")),
            Some(Kind::String(text)) => *out += &serde_json::Value::from(text.as_str()).to_string(),
            Some(Kind::Struct(object)) => object.write(out)?,
            Some(Kind::List(list)) => {
                out.push('[');
                for (place, value) in list.values.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    value.write(out)?;
                }
                out.push(']');
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(OfJson).map(|kind| Self { kind: Some(kind) })
    }
}

struct OfJson;

impl<'de> Visitor<'de> for OfJson {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> std::result::Result<Kind, E> {
        Ok(Kind::Null(0))
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Kind, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Kind, E> {
        Ok(Kind::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Kind, E> {
        Ok(Kind::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Kind, E> {
        Ok(Kind::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Kind, E> {
        Ok(Kind::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Kind, A::Error> {
        let mut values = vec![];
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Kind::List(List { values }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> std::result::Result<Kind, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = object.next_entry()? {
            fields.insert(name, value);
        }
        Ok(Kind::Struct(Struct { fields }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let text = r#"{"a":1,"b":-2.5,"c":["x","y"],"d":{"$in":[true,null]},"e":"\"ä","f":1e300,"g":[]}"#;
        let object = Struct::of_json(text).unwrap();
        let bytes = object.encode_to_vec();
        assert_eq!(Struct::decode(&bytes[..]).unwrap().json().unwrap(), text.replace("1e300", "1e+300"));
        assert_eq!(Struct::default().json().unwrap(), "{}");
        assert!(Struct::of_json("[]").is_err());
    }

    #[test]
    fn numbers_that_json_has_not() {
        for number in [f64::NAN, f64::INFINITY] {
            let value = Value { kind: Some(Kind::Number(number)) };
            let object = Struct { fields: BTreeMap::from([("a".to_owned(), value)]) };
            assert_eq!(object.json().unwrap_err().status(), 400);
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_does_no_harm() {
        let mut value = Value { kind: Some(Kind::Bool(true)) };
        for _ in 0..200 {
            value = Value { kind: Some(Kind::List(List { values: vec![value] })) };
        }
        let bytes = Struct { fields: BTreeMap::from([("a".to_owned(), value)]) }.encode_to_vec();
        assert!(Struct::decode(&bytes[..]).is_err());
    }
}
