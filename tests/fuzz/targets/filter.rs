//! Metadata filters: what is read of their JSON, and that an index leaves out no record that a filter is for.
#![no_main]

use conifer_pure::pinecone::filter::terms::terms;
use conifer_pure::pinecone::filter::{Metadata, Query, Scalar, Value, parse, tri};
use libfuzzer_sys::fuzz_target;
use std::convert::Infallible;

/// Fields with their values.
struct Fields(&'static [(&'static str, &'static [Scalar<'static>])]);

impl Metadata for Fields {
    type Value<'a> = List;

    fn get(&self, field: &[u8]) -> Option<Self::Value<'_>> {
        self.0.iter().find(|(name, _)| name.as_bytes() == field).map(|(_, values)| List(values))
    }

    fn fields(&self) -> impl Iterator<Item = (&[u8], Self::Value<'_>)> {
        self.0.iter().map(|(name, values)| (name.as_bytes(), List(values)))
    }
}

/// A list, or its one element.
struct List(&'static [Scalar<'static>]);

impl Value for List {
    fn scalar(&self) -> Option<Scalar<'_>> {
        if let [one] = self.0 { Some(*one) } else { None }
    }

    fn any(&self, test: impl FnMut(Scalar<'_>) -> bool) -> bool {
        self.0.iter().copied().any(test)
    }
}

const RECORDS: [Fields; 4] = [
    Fields(&[]),
    Fields(&[("a", &[Scalar::Number(2.0)]), ("b", &[Scalar::Text(b"x"), Scalar::Text(b"y")])]),
    Fields(&[("a", &[]), ("b", &[Scalar::Bool(true)]), ("", &[Scalar::Other])]),
    Fields(&[("b", &[Scalar::Number(-1.5)]), ("a", &[Scalar::Text(b"")])]),
];

fuzz_target!(|json: &str| {
    let Ok(filter) = parse(json) else { return };
    let query = Query::new(&filter).unwrap();
    for record in RECORDS {
        let mut keys = vec![];
        let Ok(()) = terms::<Infallible>(&record, |key| {
            keys.push(key.as_bytes().to_vec());
            Ok(())
        });
        let has: Vec<u8> = query
            .keys()
            .iter()
            .map(|key| {
                let found = |term: &Vec<u8>| &**term >= key.from.as_bytes() && key.compare(term).is_eq();
                u8::from(keys.iter().any(found))
            })
            .collect();
        match query.consistent(&has) {
            tri::FALSE => assert!(!filter.matches(&record)),
            tri::TRUE => assert!(filter.matches(&record)),
            _ => {}
        }
    }
});
