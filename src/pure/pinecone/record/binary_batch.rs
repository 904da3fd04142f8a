//! The `vectors` argument of an upsert as the server's binary `jsonb`: records without anything unusual, which need no text.
//!
//! Unusual and wrong records are for [`batch::parse`](super::batch::parse), which reads the same argument as text and names the fault.

use super::batch::{MAX_RECORDS, Shape};
use super::id;
use crate::jsonb::{Container, Item};

/// One record to be written.
#[derive(Debug)]
pub struct Record<'a> {
    /// Checked id.
    pub id: &'a str,
    /// As many elements as the index has dimensions.
    pub values: Vec<f32>,
    /// An object, unchecked; `None` if absent or null.
    pub metadata: Option<Container<'a>>,
}

/// The records of an array of 1 to [`MAX_RECORDS`], in its order; `None` if it is anything else. A record that is unusual is `None`, too.
#[must_use]
pub fn records(vectors: Container<'_>, shape: Shape) -> Option<impl Iterator<Item = Option<Record<'_>>>> {
    (vectors.is_array() && (1..=MAX_RECORDS).contains(&vectors.count()))
        .then(|| vectors.elements().map(move |item| record(item, shape)))
}

fn record(item: Item<'_>, shape: Shape) -> Option<Record<'_>> {
    let Item::Container(fields) = item else { return None };
    let (mut id, mut values, mut metadata) = (None, None, None);
    for (name, item) in fields.fields() {
        match (name, item) {
            (b"id", Item::Text(bytes)) => id = std::str::from_utf8(bytes).ok(),
            (b"values", Item::Container(list)) if list.is_array() => values = elements(list, shape.dimension),
            (b"metadata", Item::Null) => {}
            (b"metadata", Item::Container(object)) if object.is_object() => metadata = Some(object),
            _ => return None,
        }
    }
    let id = id?;
    id::check(id).ok()?;
    Some(Record { id, values: values?, metadata })
}

fn elements(list: Container<'_>, dimension: usize) -> Option<Vec<f32>> {
    if list.count() != dimension || dimension == 0 {
        return None;
    }
    let mut values = Vec::new();
    values.try_reserve_exact(dimension).ok()?;
    for item in list.elements() {
        let Item::Number(number) = item else { return None };
        values.push(number.to_f32()?);
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::super::batch;
    use super::*;
    use crate::jsonb::tests::written;
    use crate::pinecone::index::metric::Metric;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const SHAPE: Shape = Shape { dimension: 2, metric: Metric::DotProduct };

    /// Id, values and metadata.
    type Read<T> = (String, Vec<f32>, Option<T>);

    /// The records as they are by way of text; `None` where one is refused.
    fn by_text(value: &Value) -> Option<Vec<Read<Value>>> {
        let text = value.to_string();
        batch::parse(&text, SHAPE)
            .ok()?
            .map(|record| {
                let record = record.ok()?;
                let metadata = record.metadata.map(|text| serde_json::from_str(text).unwrap());
                Some((record.id.into_owned(), record.values, metadata))
            })
            .collect()
    }

    /// The same by the binary form; what is left to text is `None`.
    fn by_binary(value: &Value) -> Option<Vec<Read<Vec<u8>>>> {
        let bytes = written(value);
        records(Container::new(&bytes)?, SHAPE)?
            .map(|record| {
                let record = record?;
                Some((
                    record.id.to_owned(),
                    record.values,
                    record.metadata.map(|object| object.pieces().concat()),
                ))
            })
            .collect()
    }

    /// Records that are read at all are those that the text gives, metadata byte for byte as the server would write the object alone.
    fn agree(value: &Value) -> bool {
        let Some(binary) = by_binary(value) else { return false };
        let text = by_text(value).unwrap();
        assert_eq!(binary.len(), text.len());
        for (binary, text) in binary.into_iter().zip(text) {
            assert_eq!((binary.0, binary.1), (text.0, text.1));
            assert_eq!(binary.2, text.2.as_ref().map(written));
        }
        true
    }

    #[test]
    fn usual_records_need_no_text() {
        assert!(agree(
            &json!([{"id": "a", "values": [1, -2.5], "metadata": {"k": ["v", 1], "l": 0.5}}, {"id": "b", "values": [0, 1e-9]}])
        ));
        assert!(agree(&json!([{"id": "q\"", "values": [0.1, 1e30], "metadata": null}])));
    }

    #[test]
    fn the_rest_is_left_to_text() {
        for item in [
            json!({"values": [1, 2]}),
            json!({"id": "a"}),
            json!({"id": "", "values": [1, 2]}),
            json!({"id": 5, "values": [1, 2]}),
            json!({"id": "a", "values": [1]}),
            json!({"id": "a", "values": [1, "x"]}),
            json!({"id": "a", "values": [1, null]}),
            json!({"id": "a", "values": [1, 1e39]}),
            json!({"id": "a", "values": [1, 1e-40]}),
            json!({"id": "a", "values": {"1": 2}}),
            json!({"id": "a", "values": 1}),
            json!({"id": "a", "values": [1, 2], "metadata": []}),
            json!({"id": "a", "values": [1, 2], "metadata": 1}),
            json!({"id": "a", "values": [1, 2], "sparse_values": null}),
            json!({"id": "a", "values": [1, 2], "sparseValues": {}}),
            json!({"id": "a", "values": [1, 2], "vals": 1}),
            json!(["a", [1, 2]]),
            json!(7),
        ] {
            assert!(by_binary(&json!([item])).is_none(), "{item}");
        }
        for all in [json!([]), json!({}), json!(null), json!("a")] {
            assert!(by_binary(&all).is_none(), "{all}");
        }
        assert!(
            by_binary(&Value::Array(vec![json!({"id": "a", "values": [1, 2]}); MAX_RECORDS + 1])).is_none()
        );
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_text(x in any::<f64>().prop_filter("JSON", |x| x.is_finite()), y in any::<f32>().prop_filter("JSON", |y| y.is_finite()), n in any::<i64>()) {
            agree(&json!([{"id": "a", "values": [x, y]}, {"id": "b", "values": [n, f64::from(y)]}]));
            let usual = json!([{"id": "a", "values": [n % (1 << 24), y.signum()]}]);
            prop_assert!(agree(&usual));
        }
    }
}
