//! A writer of the server's form, and what the reader makes of it.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const HAS_END: u32 = 0x8000_0000;
const EXTENT: u32 = 0x0FFF_FFFF;

/// The bytes that the server keeps of a value behind the varlena header.
pub fn written(value: &Value) -> Vec<u8> {
    let mut bytes = vec![];
    match value {
        Value::Object(_) | Value::Array(_) => container(value, &mut bytes),
        scalar => {
            bytes.extend((1u32 | 0x5000_0000).to_ne_bytes());
            children(&[scalar], &mut bytes);
        }
    }
    bytes
}

fn container(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Object(pairs) => {
            let mut pairs: Vec<_> = pairs.iter().map(|(k, v)| (Value::String(k.clone()), v)).collect();
            pairs.sort_by_key(|(key, _)| (key.as_str().unwrap().len(), key.as_str().unwrap().to_owned()));
            bytes.extend((pairs.len() as u32 | 0x2000_0000).to_ne_bytes());
            let all: Vec<_> = pairs.iter().map(|(key, _)| key).chain(pairs.iter().map(|(_, v)| *v)).collect();
            children(&all, bytes);
        }
        Value::Array(items) => {
            bytes.extend((items.len() as u32 | 0x4000_0000).to_ne_bytes());
            children(&items.iter().collect::<Vec<_>>(), bytes);
        }
        _ => unreachable!(),
    }
}

fn children(all: &[&Value], bytes: &mut Vec<u8>) {
    let entries = bytes.len();
    bytes.resize(entries + 4 * all.len(), 0);
    let base = bytes.len();
    for (i, value) in all.iter().enumerate() {
        let start = bytes.len();
        let pad = |bytes: &mut Vec<u8>| bytes.resize(bytes.len().next_multiple_of(4), 0);
        let kind: u32 = match value {
            Value::String(text) => {
                bytes.extend(text.as_bytes());
                0
            }
            Value::Number(number) => {
                pad(bytes);
                bytes.extend(numeric(&number.to_string()));
                1
            }
            Value::Bool(value) => 2 + u32::from(*value),
            Value::Null => 4,
            nested => {
                pad(bytes);
                container(nested, bytes);
                5
            }
        };
        let extent =
            if i % 32 == 0 { HAS_END | (bytes.len() - base) as u32 } else { (bytes.len() - start) as u32 };
        assert!(extent & !HAS_END <= EXTENT);
        bytes[entries + 4 * i..][..4].copy_from_slice(&(extent | kind << 28).to_ne_bytes());
    }
}

/// A numeric with its varlena header, of JSON's text of a number.
pub fn numeric(text: &str) -> Vec<u8> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap();
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut decimals: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|b| b - b'0').collect();
    // The point stands behind so many of the decimals.
    let mut point = whole.len() as i32 + exponent;
    let pad = point.rem_euclid(4);
    if pad != 0 {
        decimals.splice(0..0, vec![0; 4 - pad as usize]);
        point += 4 - pad;
    }
    decimals.resize(decimals.len().next_multiple_of(4), 0);
    let mut digits: Vec<u16> =
        decimals.chunks(4).map(|four| four.iter().fold(0, |n, d| n * 10 + u16::from(*d))).collect();
    let mut weight = point / 4 - 1;
    while digits.first() == Some(&0) {
        digits.remove(0);
        weight -= 1;
    }
    while digits.last() == Some(&0) {
        digits.pop();
    }
    if digits.is_empty() {
        weight = 0;
    }
    let mut bytes = vec![0; 4];
    if (-64..64).contains(&weight) {
        let sign = if negative && !digits.is_empty() { 0x2000 } else { 0 };
        bytes.extend((0x8000u16 | sign | (weight as u16 & 0x7F)).to_ne_bytes());
    } else {
        bytes.extend((if negative { 0x4000u16 } else { 0 }).to_ne_bytes());
        bytes.extend((weight as i16).to_ne_bytes());
    }
    digits.iter().for_each(|digit| bytes.extend(digit.to_ne_bytes()));
    let length = (bytes.len() as u32) << 2;
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes
}

fn read(text: &str) -> f64 {
    Numeric::new(&numeric(text)[4..]).to_f64()
}

/// The value that was written.
fn value_of(item: Item) -> Value {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    match item {
        Item::Null => Value::Null,
        Item::Bool(value) => value.into(),
        Item::Number(number) => number.to_f64().into(),
        Item::Text(bytes) => text(bytes).into(),
        Item::Container(container) if container.is_object() => container
            .fields()
            .map(|(key, item)| (text(key), value_of(item)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Item::Container(container) => container.elements().map(value_of).collect::<Vec<_>>().into(),
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |x| x.is_finite().then(|| Value::from(x))),
        (-1000i32..1000).prop_map(|x| Value::from(f64::from(x) / 4.0)),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 80, 40, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..40).prop_map(Value::from),
            prop::collection::btree_map("[a-c]{0,4}|\\PC{0,3}", inner, 0..40)
                .prop_map(|map| Value::from(map.into_iter().collect::<serde_json::Map<_, _>>())),
        ]
    })
}

#[test]
fn numbers() {
    for text in [
        "0",
        "1",
        "-1",
        "0.5",
        "29.99",
        "1e22",
        "1e23",
        "123456789012345678",
        "9007199254740993",
        "-9007199254740992",
        "0.1",
        "0.3",
        "1e-7",
        "1e-320",
        "5e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1e-400",
        "1.7976931348623157e308",
        "1e400",
        "-1e400",
        "10000",
        "9999.9999",
        "1e1000",
        "1e-1000",
    ] {
        assert_eq!(read(text).to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
    }
    // Half way between two, but for a digit far behind.
    let long = format!("9007199254740993.{}1", "0".repeat(2000));
    assert_eq!(read(&long), 9_007_199_254_740_994.0);
    assert_eq!(read(&"7".repeat(3000)), f64::INFINITY);
    for special in [0xC000u16, 0xD000, 0xF000] {
        assert!(Numeric::new(&special.to_ne_bytes()).to_f64().is_nan());
    }
    for short in [&[][..], &[1], &[0, 0], &[0xFF; 3]] {
        let _ = Numeric::new(short).to_f64();
    }
}

#[test]
fn scalars_and_arrays_have_no_fields() {
    for value in [json!(1), json!("a"), json!(null), json!(["a", "b"])] {
        let bytes = written(&value);
        let read = Container::new(&bytes).unwrap();
        assert!(read.get(b"a").is_none() && read.fields().next().is_none(), "{value}");
        assert_eq!(read.is_array(), value.is_array());
        let items: Vec<_> = read.elements().map(value_of).collect();
        assert_eq!(items.len(), read.count());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn reads_what_is_written(value in values()) {
        let bytes = written(&value);
        let read = Container::new(&bytes).unwrap();
        match &value {
            Value::Object(pairs) => {
                prop_assert_eq!(value_of(Item::Container(read)), value.clone());
                for (key, item) in pairs {
                    prop_assert_eq!(&read.get(key.as_bytes()).map(value_of).unwrap(), item);
                    let other = format!("{key}?");
                    prop_assert_eq!(read.get(other.as_bytes()).is_some(), pairs.contains_key(&other));
                }
            }
            Value::Array(_) => prop_assert_eq!(value_of(Item::Container(read)), value.clone()),
            scalar => prop_assert_eq!(&value_of(read.elements().next().unwrap()), scalar),
        }
    }

    #[test]
    fn numbers_are_the_nearest(integer in any::<u64>(), places in 0usize..40, exponent in -340i32..310, x in any::<f64>()) {
        let mut texts = vec![integer.to_string(), format!("-{integer}e{exponent}"), format!("{integer}.{integer}e-{places}")];
        if x.is_finite() {
            texts.push(format!("{x:e}"));
        }
        for text in texts {
            prop_assert_eq!(read(&text).to_bits() << 1, text.parse::<f64>().unwrap().to_bits() << 1, "{}", text);
        }
    }

    #[test]
    fn any_bytes_are_read(mut bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0u32..8, count in 0u32..20) {
        if let Some(header) = bytes.first_chunk_mut() {
            *header = (kind << 28 | count).to_ne_bytes();
        }
        fn walk(container: Container, depth: usize) {
            for item in container.elements().chain(container.fields().map(|(_, item)| item)) {
                match item {
                    Item::Container(inner) if depth > 0 => walk(inner, depth - 1),
                    Item::Number(number) => { let _ = number.to_f64(); }
                    _ => {}
                }
            }
            let _ = container.get(b"key");
        }
        if let Some(container) = Container::new(&bytes) {
            walk(container, 3);
        }
    }
}

/// The length that is counted is no longer than the text, and not much shorter where nothing is escaped.
#[test]
fn length_of_texts() {
    for value in [
        json!({"a": {"b": [1, 2, {"c": "text"}], "d": null}, "e": [true, false, []]}),
        json!("x"),
        json!([]),
        json!([0, -7, 12345.678, 98_765_432_109_u64]),
    ] {
        let bytes = written(&value);
        let container = Container::new(&bytes).unwrap();
        let len = (0..).find(|max| !exceeds(container, *max).unwrap()).unwrap();
        let text = value.to_string().len();
        assert!(len <= text + 2 && text <= 2 * len, "{value}: {len} of {text}");
    }
    // The server writes all digits.
    let bytes = written(&json!([1e300]));
    let container = Container::new(&bytes).unwrap();
    assert!(exceeds(container, 290).unwrap() && !exceeds(container, 310).unwrap());
}
