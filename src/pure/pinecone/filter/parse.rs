//! From JSON to a tree, or to what is wrong with it and where.

use super::limits::{MAX_BYTES, MAX_DEPTH, MAX_VALUES};
use super::operand::Operand;
use super::path::Path;
use super::tree::{Clause, Filter, Range, Test};
use super::values::Values;
use crate::fault::{Fault, Result, quoted, state::INVALID_PARAMETER_VALUE};
use crate::memory::allocation::{headroom, push, with_room};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

/// Reads a filter.
///
/// # Errors
/// 22023 with the path to what is wrong.
pub fn parse(json: &str) -> Result<Filter> {
    if json.len() > MAX_BYTES {
        return Err(Fault::new(
            INVALID_PARAMETER_VALUE,
            format!("filter size is {} bytes, which exceeds the limit of {MAX_BYTES} bytes", json.len()),
        ));
    }
    // The parser keeps a byte for each bracket that is open, and copies strings that have escapes.
    headroom(3 * json.len())?;
    let root: &RawValue = serde_json::from_str(json).map_err(|error| not_json(&error))?;
    if Kind::of(root) != Kind::Object {
        return Err(Fault::new(
            INVALID_PARAMETER_VALUE,
            format!("filter must be a JSON object, not {}", Kind::of(root)),
        )
        .hint(r#"Write {"field": value} or {"field": {"$operator": operand}}."#));
    }
    Ok(Filter { clauses: clauses(root, &Path::Top, 0)? })
}

/// The clauses of an object.
fn clauses(json: &RawValue, path: &Path, depth: usize) -> Result<Vec<Clause>> {
    let mut clauses = Vec::new();
    entries(json, |key, value| {
        let path = Path::Key(path, key);
        let clause = match key {
            "$and" => {
                let mut all = Vec::new();
                list(value, &path, depth, |clauses| push(&mut all, Clause::All(clauses)))?;
                Clause::All(all)
            }
            "$or" => {
                let mut any = Vec::new();
                list(value, &path, depth, |clauses| push(&mut any, clauses))?;
                Clause::Any(any)
            }
            _ if is_operator(key) => {
                return Err(refusal(&path, format_args!("{key} must be within a field"))
                    .hint(format!(r#"Write {{"field": {{"{key}": ...}}}}."#)));
            }
            _ if key.starts_with('$') => return Err(unknown(key, &path)),
            _ => Clause::Field { name: copied(key)?, tests: field(value, &path, depth)? },
        };
        push(&mut clauses, clause)
    })?;
    Ok(clauses)
}

/// The filters in the list of `$and` or `$or`.
fn list(
    json: &RawValue,
    path: &Path,
    depth: usize,
    mut take: impl FnMut(Vec<Clause>) -> Result<()>,
) -> Result<()> {
    let depth = deeper(path, depth)?;
    if Kind::of(json) != Kind::List {
        return Err(refusal(path, format_args!("expected a list of filters, not {}", Kind::of(json))));
    }
    let mut none = true;
    items(json, |i, item| {
        let path = Path::Item(path, i);
        if Kind::of(item) != Kind::Object {
            return Err(refusal(&path, format_args!("expected a filter, not {}", Kind::of(item))));
        }
        let clauses = clauses(item, &path, depth)?;
        if clauses.is_empty() {
            return Err(refusal(&path, format_args!("the filter is empty")));
        }
        none = false;
        take(clauses)
    })?;
    if none { Err(refusal(path, format_args!("the list is empty"))) } else { Ok(()) }
}

/// The tests of a field: an object of operators, or a value that it is to equal.
fn field(json: &RawValue, path: &Path, depth: usize) -> Result<Vec<Test>> {
    match Kind::of(json) {
        Kind::Object => tests(json, path, depth),
        Kind::List => Err(refusal(path, format_args!("a field cannot be compared with a list"))
            .hint("Use $in for any of several values, $and with a clause for each value for all of them.")),
        _ => {
            let mut tests = with_room(1)?;
            tests.push(Test::Equals(scalar(json, path)?));
            Ok(tests)
        }
    }
}

/// The tests of an object of operators.
fn tests(json: &RawValue, path: &Path, depth: usize) -> Result<Vec<Test>> {
    let mut tests: Vec<Test> = Vec::new();
    entries(json, |operator, operand| {
        let path = Path::Key(path, operator);
        let range = |min, max| Test::Within(Range { min, max });
        let test = match operator {
            "$eq" => Test::Equals(scalar(operand, &path)?),
            "$ne" => Test::Differs(scalar(operand, &path)?),
            "$in" => Test::In(values(operand, &path)?),
            "$nin" => Test::NotIn(values(operand, &path)?),
            // Numbers are float64, so what is above one begins with the next.
            "$gt" => range(bound(operand, &path)?.next_up(), f64::INFINITY),
            "$gte" => range(bound(operand, &path)?, f64::INFINITY),
            "$lt" => range(f64::NEG_INFINITY, bound(operand, &path)?.next_down()),
            "$lte" => range(f64::NEG_INFINITY, bound(operand, &path)?),
            "$exists" => match Kind::of(operand) {
                Kind::Bool => Test::Exists(operand.get() == "true"),
                other => return Err(refusal(&path, format_args!("expected true or false, not {other}"))),
            },
            "$not" => match Kind::of(operand) {
                Kind::Object => Test::Not(self::tests(operand, &path, deeper(&path, depth)?)?),
                other => {
                    return Err(refusal(&path, format_args!("expected an object of operators, not {other}"))
                        .hint(r#"Write {"$not": {"$eq": value}}."#));
                }
            },
            "$and" | "$or" => {
                return Err(refusal(&path, format_args!("{operator} cannot be within a field"))
                    .hint(format!(r#"Write {{"{operator}": [{{"field": ...}}, ...]}}."#)));
            }
            _ if operator.starts_with('$') => return Err(unknown(operator, &path)),
            _ => {
                return Err(refusal(&path, format_args!("expected an operator"))
                    .hint("Metadata is flat: a field has no fields."));
            }
        };
        match (&test, tests.iter_mut().find(|test| matches!(test, Test::Within(_)))) {
            (Test::Within(new), Some(Test::Within(range))) => *range = range.and(*new),
            _ => push(&mut tests, test)?,
        }
        Ok(())
    })?;
    if tests.is_empty() { Err(refusal(path, format_args!("expected an operator"))) } else { Ok(tests) }
}

/// The list of `$in` or `$nin`.
fn values(json: &RawValue, path: &Path) -> Result<Values> {
    if Kind::of(json) != Kind::List {
        return Err(refusal(path, format_args!("expected a list of values, not {}", Kind::of(json))));
    }
    let mut values = Values::default();
    items(json, |i, item| {
        if i >= MAX_VALUES {
            return Err(refusal(path, format_args!("more than {MAX_VALUES} values")));
        }
        let path = Path::Item(path, i);
        match scalar(item, &path)? {
            Operand::Text(text) => values.text(&text),
            Operand::Number(number) => values.number(number),
            Operand::Bool(value) => {
                values.bool(value);
                Ok(())
            }
        }
    })?;
    values.sort();
    Ok(values)
}

/// The operand of `$eq` and `$ne`, a value of `$in` and `$nin`.
fn scalar(json: &RawValue, path: &Path) -> Result<Operand> {
    match Kind::of(json) {
        Kind::String => Ok(Operand::Text(copied(&string(json, path)?)?)),
        Kind::Number => Ok(Operand::Number(number(json, path)?)),
        Kind::Bool => Ok(Operand::Bool(json.get() == "true")),
        Kind::Null => Err(refusal(path, format_args!("expected a string, a number or a boolean, not null"))
            .hint(r#"For records without a field write {"field": {"$exists": false}}."#)),
        other => Err(refusal(path, format_args!("expected a string, a number or a boolean, not {other}"))),
    }
}

/// The operand of a comparison of order.
fn bound(json: &RawValue, path: &Path) -> Result<f64> {
    match Kind::of(json) {
        Kind::Number => number(json, path),
        other => Err(refusal(path, format_args!("expected a number, not {other}"))),
    }
}

fn number(json: &RawValue, path: &Path) -> Result<f64> {
    match json.get().parse::<f64>() {
        // Adding zero takes the sign of a zero away.
        Ok(number) if number.is_finite() => Ok(number + 0.0),
        _ => Err(refusal(path, format_args!("the number is out of range for a 64-bit float"))),
    }
}

fn string<'a>(json: &'a RawValue, path: &Path) -> Result<Cow<'a, str>> {
    serde_json::from_str::<Text>(json.get())
        .map(|text| text.0)
        .map_err(|error| refusal(path, format_args!("{}", reason(&error))))
}

fn deeper(path: &Path, depth: usize) -> Result<usize> {
    if depth == MAX_DEPTH {
        return Err(refusal(path, format_args!("more than {MAX_DEPTH} operators within each other")));
    }
    Ok(depth + 1)
}

fn is_operator(key: &str) -> bool {
    matches!(key, "$eq" | "$ne" | "$in" | "$nin" | "$gt" | "$gte" | "$lt" | "$lte" | "$exists" | "$not")
}

fn unknown(operator: &str, path: &Path) -> Fault {
    refusal(path, format_args!("unknown operator {}", quoted(operator))).hint(
        "Operators are $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists and $not within a field, $and and $or around filters.",
    )
}

#[cold]
fn refusal(path: &Path, what: fmt::Arguments) -> Fault {
    Fault::new(INVALID_PARAMETER_VALUE, format!("invalid filter at \"{path}\": {what}"))
}

#[cold]
fn not_json(error: &serde_json::Error) -> Fault {
    Fault::new(INVALID_PARAMETER_VALUE, format!("filter is not valid JSON: {}", reason(error)))
}

/// Without where in the text it was, which the caller has never seen.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(&*text, |(before, _)| before).to_owned()
}

fn copied(text: &str) -> Result<Vec<u8>> {
    let mut copy = with_room(text.len())?;
    copy.extend_from_slice(text.as_bytes());
    Ok(copy)
}

/// What a JSON value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    List,
    String,
    Number,
    Bool,
    Null,
}

impl Kind {
    /// The first byte tells.
    fn of(json: &RawValue) -> Self {
        match json.get().as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::List,
            Some(b'"') => Self::String,
            Some(b't' | b'f') => Self::Bool,
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "an object",
            Self::List => "a list",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Bool => "a boolean",
            Self::Null => "null",
        })
    }
}

/// A JSON string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Hands the entries of an object on, one by one, unread.
fn entries(json: &RawValue, mut each: impl FnMut(&str, &RawValue) -> Result<()>) -> Result<()> {
    struct Entries<'f, F>(&'f mut F, &'f Cell<Option<Fault>>);
    impl<'de, F: FnMut(&str, &RawValue) -> Result<()>> Visitor<'de> for Entries<'_, F> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
            while let Some((key, value)) = map.next_entry::<Text, &RawValue>()? {
                self.0(&key.0, value).map_err(|fault| ended(self.1, fault))?;
            }
            Ok(())
        }
    }
    impl<'de, F: FnMut(&str, &RawValue) -> Result<()>> DeserializeSeed<'de> for Entries<'_, F> {
        type Value = ();
        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
            deserializer.deserialize_map(self)
        }
    }
    let fault = Cell::new(None);
    driven(json, Entries(&mut each, &fault), &fault)
}

/// Hands the elements of a list on, one by one, unread.
fn items(json: &RawValue, mut each: impl FnMut(usize, &RawValue) -> Result<()>) -> Result<()> {
    struct Items<'f, F>(&'f mut F, &'f Cell<Option<Fault>>);
    impl<'de, F: FnMut(usize, &RawValue) -> Result<()>> Visitor<'de> for Items<'_, F> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a list")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<(), A::Error> {
            let mut i = 0;
            while let Some(item) = seq.next_element::<&RawValue>()? {
                self.0(i, item).map_err(|fault| ended(self.1, fault))?;
                i += 1;
            }
            Ok(())
        }
    }
    impl<'de, F: FnMut(usize, &RawValue) -> Result<()>> DeserializeSeed<'de> for Items<'_, F> {
        type Value = ();
        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
            deserializer.deserialize_seq(self)
        }
    }
    let fault = Cell::new(None);
    driven(json, Items(&mut each, &fault), &fault)
}

/// Ends the parser's walk, which knows errors of its own only.
fn ended<E: serde::de::Error>(place: &Cell<Option<Fault>>, fault: Fault) -> E {
    place.set(Some(fault));
    E::custom("")
}

fn driven<'de>(
    json: &'de RawValue,
    seed: impl DeserializeSeed<'de, Value = ()>,
    fault: &Cell<Option<Fault>>,
) -> Result<()> {
    let mut deserializer = serde_json::Deserializer::from_str(json.get());
    seed.deserialize(&mut deserializer).map_err(|error| fault.take().unwrap_or_else(|| not_json(&error)))
}
