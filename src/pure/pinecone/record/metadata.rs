//! Metadata of a record: a flat JSON object of strings, numbers, booleans and lists of strings.

use crate::fault::{Fault, Result, quoted, state::INVALID_PARAMETER_VALUE};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Maximum number of bytes of a record's metadata, written as JSON without white space.
pub const MAX_BYTES: usize = 40_960;

/// Checks metadata, given as JSON text.
///
/// # Errors
/// 22023, naming the wrong field, or the size.
pub fn check(json: &str) -> Result<()> {
    if json.len() > MAX_BYTES {
        let bytes = compact_len(json);
        if bytes > MAX_BYTES {
            return Err(Fault::new(
                INVALID_PARAMETER_VALUE,
                format!(
                    "metadata size is {bytes} bytes, which exceeds the limit of {MAX_BYTES} bytes per vector"
                ),
            ));
        }
    }
    if !json.trim_start().starts_with('{') {
        return Err(Fault::new(INVALID_PARAMETER_VALUE, "metadata must be a JSON object"));
    }
    serde_json::from_str::<Flat>(json).map(|Flat| ()).map_err(|e| {
        // serde_json appends where in the text it stopped, which means nothing to the caller
        let text = e.to_string();
        let message = text.rsplit_once(" at line ").map_or(&*text, |(before, _)| before);
        Fault::new(INVALID_PARAMETER_VALUE, message)
    })
}

/// The first of some fields that metadata, given as JSON text, has, in quotes.
pub fn field_among(json: &str, fields: &[String]) -> Option<String> {
    let all: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(json).ok()?;
    fields.iter().find(|field| all.contains_key(field.as_str())).map(|field| quoted(field))
}

/// Bytes of a JSON text without the white space between its tokens.
fn compact_len(json: &str) -> usize {
    let (mut bytes, mut quoted, mut escaped) = (0, false, false);
    for c in json.bytes() {
        if quoted || !c.is_ascii_whitespace() {
            bytes += 1;
        }
        match c {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    bytes
}

/// Stands for an object that was read and is flat.
struct Flat;

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(FlatVisitor)
    }
}

struct FlatVisitor;

impl<'de> Visitor<'de> for FlatVisitor {
    type Value = Flat;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Flat, A::Error> {
        while let Some((key, value)) = map.next_entry::<Text, &RawValue>()? {
            let key = key.0;
            if key.starts_with('$') {
                return Err(A::Error::custom(format_args!(
                    "metadata key must not begin with \"$\": {}",
                    quoted(&key)
                )));
            }
            let raw = value.get();
            let good = match raw.as_bytes().first() {
                Some(b'{' | b'n') => false,
                Some(b'[') => serde_json::from_str::<Strings>(raw).is_ok(),
                _ => true,
            };
            if !good {
                let shown: String = raw.chars().take(60).collect();
                let dots = if shown.len() < raw.len() { "..." } else { "" };
                return Err(A::Error::custom(format_args!(
                    "metadata value must be a string, number, boolean or list of strings, got '{shown}{dots}' for field '{}'",
                    quoted(&key).trim_matches('"')
                )));
            }
        }
        Ok(Flat)
    }
}

/// A JSON string, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Stands for an array that was read and holds only strings.
struct Strings;

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct StringsVisitor;
        impl<'de> Visitor<'de> for StringsVisitor {
            type Value = Strings;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list of strings")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Strings, A::Error> {
                while seq.next_element::<Text>()?.is_some() {}
                Ok(Strings)
            }
        }
        deserializer.deserialize_any(StringsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn refused(value: Value) -> String {
        let fault = check(&value.to_string()).unwrap_err();
        assert_eq!(fault.state, INVALID_PARAMETER_VALUE);
        fault.message
    }

    #[test]
    fn shapes() {
        let good =
            json!({"s": "x", "n": 1.5, "i": 7, "b": true, "l": ["a", "b\n"], "e": [], "é": "ü", "": ""});
        assert_eq!(check(&good.to_string()), Ok(()));
        assert_eq!(check("{}"), Ok(()));
        for (bad, words) in [
            (json!({"pages": [1.0]}), "got '[1.0]' for field 'pages'"),
            (json!({"a": null}), "got 'null' for field 'a'"),
            (json!({"a": {"b": 1}}), r#"got '{"b":1}' for field 'a'"#),
            (json!({"a": [["x"]]}), "for field 'a'"),
            (json!({"a": ["x", null]}), "for field 'a'"),
            (json!({"a\"b": [true]}), "for field 'a\"b'"),
            (json!({"$a": 1}), "\"$a\""),
            (json!([]), "metadata must be a JSON object"),
            (json!("x"), "metadata must be a JSON object"),
            (Value::Null, "metadata must be a JSON object"),
        ] {
            let message = refused(bad);
            assert!(message.contains(words), "{message}");
            assert!(!message.contains(" at line "), "{message}");
        }
        let message = refused(json!({"a": vec![1; 100]}));
        assert!(message.contains("..."), "{message}");
    }

    #[test]
    fn fields() {
        let fields = ["x".to_owned(), "a\nb".to_owned()];
        assert_eq!(field_among(r#"{"a\nb": 1, "y": 2}"#, &fields).as_deref(), Some("\"a\nb\""));
        assert_eq!(field_among(r#"{"y": "x"}"#, &fields), None);
    }

    #[test]
    fn size_is_that_of_compact_json() {
        // {"k":"…"} is 8 bytes around the value
        let fits = "x".repeat(MAX_BYTES - 8);
        assert_eq!(check(&format!(r#"{{"k":"{fits}"}}"#)), Ok(()));
        assert_eq!(check(&format!(r#"{{ "k" : "{fits}" }}"#)), Ok(()));
        assert!(refused(json!({"k": fits + "x"})).contains("40961 bytes"));
        assert!(
            check(&format!(r#"{{"k":"{} "}}"#, "\\\" ".repeat(14_000)))
                .unwrap_err()
                .message
                .contains("42009")
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = check(&text);
        }

        #[test]
        fn compact_len_agrees_with_serde(key in "\\PC{0,8}", value in "\\PC{0,20}", list in proptest::collection::vec("[ \"\\\\a\\n]{0,4}", 0..4)) {
            let value = json!({key: value, "l": list});
            prop_assert_eq!(compact_len(&serde_json::to_string_pretty(&value).unwrap()), value.to_string().len());
        }
    }
}
