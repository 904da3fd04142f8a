//! JSON objects read one level at a time, and written: what is not looked into stays as it was given.

use crate::fault::{Fault, Result, state::INVALID_PARAMETER_VALUE};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The members of an object, unread.
pub type Object<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Maximum bytes of a `spec`, a `schema` or tags, as JSON text.
pub const MAX_BYTES: usize = 65_536;

/// Refuses JSON that is too large to be what it should be, before it is read.
///
/// # Errors
/// 22023
pub fn check_size(name: &str, json: &str) -> Result<()> {
    if json.len() > MAX_BYTES {
        return Err(Fault::new(
            INVALID_PARAMETER_VALUE,
            format!("{name} of {} bytes exceeds the limit of {MAX_BYTES}", json.len()),
        ));
    }
    Ok(())
}

/// The members of an object; none for any other JSON.
pub fn object(json: &str) -> Option<Object<'_>> {
    // serde would take `null` for an object without members in some places
    json.trim_start().starts_with('{').then(|| serde_json::from_str(json).ok()).flatten()
}

/// A member that is a string.
pub fn text<'a>(object: &Object<'a>, name: &str) -> Option<Cow<'a, str>> {
    #[derive(serde::Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    object.get(name).and_then(|raw| serde_json::from_str::<Text>(raw.get()).ok()).map(|text| text.0)
}

/// A member that is there and not null.
pub fn present<'a>(object: &Object<'a>, name: &str) -> Option<&'a str> {
    object.get(name).map(|raw| raw.get()).filter(|json| *json != "null")
}

/// An object with these members, whose values are JSON.
pub fn write(members: &[(&str, String)]) -> String {
    let members: Vec<String> =
        members.iter().map(|(name, json)| format!("{}: {json}", serde_json::Value::from(*name))).collect();
    format!("{{{}}}", members.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_and_written() {
        let deep = format!("{}1e400{}", "[".repeat(500), "]".repeat(500));
        let json = write(&[("a\"b", deep.clone()), ("t", r#""x\ny""#.into()), ("n", "null".into())]);
        let read = object(&json).unwrap();
        assert_eq!(read["a\"b"].get(), deep);
        assert_eq!(text(&read, "t").unwrap(), "x\ny");
        assert_eq!((text(&read, "n"), present(&read, "n"), present(&read, "none")), (None, None, None));
        for other in ["null", "[]", "1", "", "{"] {
            assert!(object(other).is_none(), "{other}");
        }
        assert!(check_size("spec", &"x".repeat(MAX_BYTES + 1)).unwrap_err().message.contains("65537"));
    }
}
