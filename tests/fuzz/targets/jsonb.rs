//! The server's binary jsonb: any bytes are read to their end, and asked filters of.
#![no_main]

use conifer_pure::jsonb::{Container, Item};
use conifer_pure::pinecone::filter::parse;
use conifer_pure::pinecone::filter::terms::terms;
use libfuzzer_sys::fuzz_target;
use std::convert::Infallible;

const FILTERS: [&str; 3] = [
    r#"{"a": {"$gt": 0, "$ne": 5}}"#,
    r#"{"$or": [{"b": {"$in": ["x", 1, true]}}, {"": {"$exists": true}}]}"#,
    r#"{"a": {"$not": {"$eq": "x"}}}"#,
];

fn walk(item: Item, depth: usize) {
    match item {
        Item::Container(inner) if depth > 0 => {
            inner
                .elements()
                .chain(inner.fields().map(|(_, item)| item))
                .for_each(|item| walk(item, depth - 1));
        }
        Item::Number(number) => {
            let _ = number.to_f64();
        }
        _ => {}
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some(container) = Container::new(bytes) else { return };
    walk(Item::Container(container), 4);
    for filter in FILTERS {
        let _ = parse(filter).unwrap().matches(&container);
    }
    let Ok(()) = terms::<Infallible>(&container, |_| Ok(()));
});
